//! Heads of conversations in memory, and the order of writers.
//!
//! Invariants: at most one live [`Cell`] for a conversation, so that its mutex
//! orders all writers; a head is replaced only after the batch that holds it is
//! durable; reads never wait for a writer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{OwnedMutexGuard, watch};

use super::{
    EngineError,
    records::{Head, decode},
};
use crate::{
    index::Branch,
    store::{Store, StoreError, keys},
    turn::{ConversationId, TenantId},
};

/// Heads kept in memory.
const CACHED_HEADS: u64 = 100_000;

type HeadKey = (TenantId, ConversationId);

/// Numbers writes. One counter for all, so that a cell that comes to life again
/// has no number of its former life.
static WRITES: AtomicU64 = AtomicU64::new(0);

fn next_write() -> u64 {
    WRITES.fetch_add(1, Ordering::SeqCst)
}

/// One conversation's head and its writers' queue.
pub(crate) struct Cell {
    pub(crate) tenant: TenantId,
    pub(crate) id: ConversationId,
    writers: Arc<tokio::sync::Mutex<()>>,
    /// Held while a record beside the turns is on its way to the disk.
    asides: Arc<tokio::sync::Mutex<()>>,
    head: RwLock<Option<Arc<Head>>>,
    revision: watch::Sender<u64>,
    /// Changes with each record beside the turns that is durable.
    records: watch::Sender<()>,
    last_write: AtomicU64,
}

impl Cell {
    /// The head as it is durable now, deleted ones too.
    pub(crate) fn stored(&self) -> Option<Arc<Head>> {
        self.head.read().clone()
    }

    /// The head of a conversation that exists.
    pub(crate) fn head(&self) -> Result<Arc<Head>, EngineError> {
        self.stored()
            .filter(|head| !head.deleted)
            .ok_or_else(|| EngineError::conversation_not_found(&self.id))
    }

    /// Waits for the writer's turn.
    pub(crate) async fn write(self: &Arc<Self>) -> Writer {
        let guard = Arc::clone(&self.writers).lock_owned().await;
        Writer { cell: Arc::clone(self), held: vec![guard] }
    }

    /// Another number after every write that is durable.
    pub(crate) fn last_write(&self) -> u64 {
        self.last_write.load(Ordering::SeqCst)
    }

    /// Follows the revision.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Follows the records beside the turns.
    pub(crate) fn watch_records(&self) -> watch::Receiver<()> {
        self.records.subscribe()
    }

    /// A record beside the turns has become durable.
    pub(crate) fn recorded(&self) {
        self.records.send_replace(());
    }

    /// Where the turns of the conversation are stored.
    pub(crate) fn branch(&self, head: &Head) -> Branch {
        head.branch(&self.tenant, &self.id)
    }
}

/// The right to write a conversation; moves into the task that commits.
pub(crate) struct Writer {
    pub(crate) cell: Arc<Cell>,
    held: Vec<OwnedMutexGuard<()>>,
}

impl Writer {
    /// Keeps another lock until this writer is done.
    pub(crate) fn hold(&mut self, others: impl IntoIterator<Item = OwnedMutexGuard<()>>) {
        self.held.extend(others);
    }

    /// Gives the right back to write what others read before they write, and keeps
    /// that to write a record beside the turns: windows, probes, usage. No append waits
    /// for the disk behind it. To be held until the record is durable.
    pub(crate) async fn aside(self) -> Aside {
        let held = Arc::clone(&self.cell.asides).lock_owned().await;
        Aside { _held: held, _cell: self.cell }
    }

    /// Returns when the records beside the turns that are on their way are durable.
    /// Who erases must see them; none begins while this writer is there.
    pub(crate) async fn after_asides(&self) {
        drop(self.cell.asides.lock().await);
    }

    /// Gives the locks to another writer.
    pub(crate) fn into_locks(self) -> Vec<OwnedMutexGuard<()>> {
        self.held
    }

    /// What was written has become durable.
    pub(crate) fn written(&self) {
        self.cell.last_write.store(next_write(), Ordering::SeqCst);
    }

    /// Publishes a head that has become durable, or its absence.
    pub(crate) fn publish(&self, head: Option<Head>) {
        // Whoever waits for a revision of what is deleted must learn of it.
        let revision = match &head {
            Some(head) if !head.deleted => head.revision,
            _ => u64::MAX,
        };
        *self.cell.head.write() = head.map(Arc::new);
        self.cell.revision.send_replace(revision);
    }
}

/// The right to write records beside the turns of a conversation.
pub(crate) struct Aside {
    _held: OwnedMutexGuard<()>,
    /// Kept alive: a new cell would not know that the record is on its way.
    _cell: Arc<Cell>,
}

/// All heads.
pub(crate) struct Heads {
    store: Arc<Store>,
    live: Mutex<HashMap<HeadKey, Weak<Cell>>>,
    recent: moka::sync::Cache<HeadKey, Arc<Cell>>,
}

impl Heads {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            live: Mutex::new(HashMap::new()),
            recent: moka::sync::Cache::new(CACHED_HEADS),
        }
    }

    /// The cell of a conversation, whether it exists or not.
    pub(crate) fn cell(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Arc<Cell>, StoreError> {
        let key = (tenant.clone(), id.clone());
        if let Some(cell) = self.recent.get(&key) {
            return Ok(cell);
        }
        let cell = self.live_cell(&key)?;
        // Absent conversations are not kept: asking for random ids must not
        // push real ones out.
        if cell.stored().is_some() {
            self.recent.insert(key, Arc::clone(&cell));
        }
        Ok(cell)
    }

    /// The head is read under the map's lock, so that no second cell of the same
    /// conversation can come to life meanwhile.
    fn live_cell(&self, key: &HeadKey) -> Result<Arc<Cell>, StoreError> {
        let mut live = self.live.lock();
        if let Some(cell) = live.get(key).and_then(Weak::upgrade) {
            return Ok(cell);
        }
        let (tenant, id) = key;
        let stored_key = keys::head(tenant, id);
        let head: Option<Head> = match self.store.get(&stored_key)? {
            Some(bytes) => Some(decode(&stored_key, &bytes)?),
            None => None,
        };
        let cell = Arc::new(Cell {
            tenant: tenant.clone(),
            id: id.clone(),
            writers: Arc::default(),
            asides: Arc::default(),
            last_write: AtomicU64::new(next_write()),
            records: watch::Sender::new(()),
            revision: watch::Sender::new(head.as_ref().map_or(0, |head| head.revision)),
            head: RwLock::new(head.map(Arc::new)),
        });
        if live.len() == live.capacity() {
            live.retain(|_, cell| cell.strong_count() > 0);
        }
        live.insert(key.clone(), Arc::downgrade(&cell));
        Ok(cell)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::store::{StoreKind, StoreOptions};

    #[tokio::test]
    async fn who_erases_waits_for_a_record_of_a_cell_that_nobody_else_holds() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions::new(StoreKind::Sled, dir.path())).unwrap();
        let heads = Heads::new(Arc::new(store));
        let (tenant, id) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
        // Without a head it is not kept, like one that others have pushed out.
        let cell = || heads.cell(&tenant, &id).unwrap();
        let aside = cell().write().await.aside().await;
        let eraser = cell().write().await;
        assert!(eraser.after_asides().now_or_never().is_none());
        drop(aside);
        assert!(eraser.after_asides().now_or_never().is_some());
    }
}
