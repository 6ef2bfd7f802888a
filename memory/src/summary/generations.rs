//! What language models answered, kept so that nothing is generated twice, also
//! after a restart. Bytes under a conversation and the hash of what was asked:
//! what they mean is known to who writes them.
//!
//! Invariants: they quote turns, so they go with the conversation, and with every
//! turn of it that is erased; what is generated of turns that were erased meanwhile
//! is not kept.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    store::{Batch, Store, StoreError, keys, keys::Kind},
    turn::{ConversationId, TenantId},
};

/// Counters of erasures that all conversations share. Two of one counter that meet cost
/// an answer that is not kept, and no more.
const COUNTERS: usize = 256;

/// See the module. Copies know of the same erasures; the engine has one of them.
#[derive(Clone)]
pub struct Generations {
    store: Arc<Store>,
    counters: Arc<[Counter]>,
}

/// Counts the erasures of some conversations since the start: what was being generated
/// before is gone by then.
#[derive(Default)]
struct Counter {
    erasures: AtomicU64,
    /// Held while an erasure, or what one would take out, is on its way to the disk.
    order: Arc<Mutex<()>>,
}

impl Generations {
    /// In a store.
    pub fn new(store: Arc<Store>) -> Self {
        let counters = (0..COUNTERS).map(|_| Counter::default()).collect();
        Self { store, counters }
    }

    /// What was kept under a hash.
    ///
    /// # Errors
    /// What the store reports.
    pub fn get(
        &self,
        tenant: &TenantId,
        conversation: &ConversationId,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(&keys::by_digest(tenant, conversation, Kind::Generation, hash))
    }

    /// Keeps an answer, unless something of the conversation was erased since its
    /// [`Generations::erasures`] were counted: it is durable when this returns, and goes
    /// on when the caller hangs up.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn put(
        &self,
        tenant: &TenantId,
        conversation: &ConversationId,
        hash: &[u8; 32],
        answer: Vec<u8>,
        erasures: u64,
    ) -> Result<(), StoreError> {
        let unerased = self.unerased(tenant, conversation, erasures).await;
        let Some(unerased) = unerased else { return Ok(()) };
        let mut batch = Batch::new();
        batch.put(keys::by_digest(tenant, conversation, Kind::Generation, hash), answer);
        let store = Arc::clone(&self.store);
        let task = tokio::spawn(async move {
            let put = store.commit(batch).await;
            drop(unerased);
            put
        });
        task.await.unwrap_or(Err(StoreError::Closed))
    }

    /// How often something of a conversation was erased, after an erasure that is on its
    /// way. To be counted before the turns are read that something is generated of.
    pub async fn erasures(&self, tenant: &TenantId, conversation: &ConversationId) -> u64 {
        let counter = self.counter(tenant, conversation);
        let _order = counter.order.lock().await;
        counter.erasures.load(Ordering::SeqCst)
    }

    /// Holds erasures up while something is kept that quotes turns; nothing if there was
    /// an erasure since they were counted.
    pub(crate) async fn unerased(
        &self,
        tenant: &TenantId,
        conversation: &ConversationId,
        erasures: u64,
    ) -> Option<OwnedMutexGuard<()>> {
        let counter = self.counter(tenant, conversation);
        let order = Arc::clone(&counter.order).lock_owned().await;
        (counter.erasures.load(Ordering::SeqCst) == erasures).then_some(order)
    }

    /// Counts an erasure, to be held until it is durable: what comes before is in the
    /// store to be struck, and what was read before and comes after is refused.
    pub(crate) async fn erasing(
        &self,
        tenant: &TenantId,
        conversation: &ConversationId,
    ) -> OwnedMutexGuard<()> {
        let counter = self.counter(tenant, conversation);
        let order = Arc::clone(&counter.order).lock_owned().await;
        counter.erasures.fetch_add(1, Ordering::SeqCst);
        order
    }

    fn counter(&self, tenant: &TenantId, conversation: &ConversationId) -> &Counter {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let at = hasher.hash_one((tenant, conversation)) as usize % self.counters.len();
        &self.counters[at]
    }
}

/// Adds to a batch what takes out every answer of a conversation.
///
/// # Errors
/// What the store reports.
pub(crate) fn strike_generations(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    conversation: &ConversationId,
) -> Result<(), StoreError> {
    store.delete_below(batch, &keys::kind_prefix(tenant, conversation, Kind::Generation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{StoreKind, StoreOptions};

    #[tokio::test]
    async fn an_answer_is_kept_only_while_nothing_was_erased() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions::new(StoreKind::Sled, dir.path())).unwrap();
        let answers = Generations::new(Arc::new(store));
        let (tenant, id) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
        let put = async |hash: u8, erasures| {
            answers.put(&tenant, &id, &[hash; 32], vec![hash], erasures).await.unwrap();
            answers.get(&tenant, &id, &[hash; 32]).unwrap().is_some()
        };
        let before = answers.erasures(&tenant, &id).await;
        assert!(put(1, before).await);
        let erasing = answers.clone().erasing(&tenant, &id).await;
        // Who counts waits for what is on its way.
        let counted = answers.erasures(&tenant, &id);
        assert!(futures::FutureExt::now_or_never(counted).is_none());
        drop(erasing);
        assert!(!put(2, before).await);
        assert!(put(3, answers.erasures(&tenant, &id).await).await);
    }
}
