//! What language models answered, kept so that nothing is generated twice, also
//! after a restart. Bytes under a conversation and the hash of what was asked:
//! what they mean is known to who writes them.
//!
//! Invariant: they quote turns, so they go with the conversation, and with every
//! turn of it that is erased.

use std::sync::Arc;

use crate::{
    store::{Batch, Store, StoreError, keys, keys::Kind},
    turn::{ConversationId, TenantId},
};

/// See the module.
#[derive(Clone)]
pub struct Generations {
    store: Arc<Store>,
}

impl Generations {
    /// In a store.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
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

    /// Keeps an answer: it is durable when this returns.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn put(
        &self,
        tenant: &TenantId,
        conversation: &ConversationId,
        hash: &[u8; 32],
        answer: Vec<u8>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(keys::by_digest(tenant, conversation, Kind::Generation, hash), answer);
        self.store.commit(batch).await
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
