//! Imports that can be repeated. An import is many commits, so its request id is
//! noted with the last of them: one that was interrupted is not taken for done.
//!
//! Invariants: imports with one request id go one after the other; the note is
//! that of a creation, so that one id names one conversation.

use tokio::sync::OwnedMutexGuard;

use super::{
    Conversation, Engine, EngineError,
    records::{Creation, Head},
};
use crate::{
    store::{Batch, keys},
    turn::{ConversationId, TenantId},
};

/// Keeps other imports with the same request id waiting.
pub struct ImportLock {
    _held: Option<OwnedMutexGuard<()>>,
}

/// What an earlier import with a request id made.
pub struct Imported {
    /// The conversation as it is now.
    pub conversation: Conversation,
    /// Hash of what that import was given; absent if another call made it.
    pub given: Option<[u8; 32]>,
}

impl Engine {
    /// Waits for the imports with this request id that are under way; for none
    /// if it is empty.
    pub async fn lock_import(&self, tenant: &TenantId, request_id: &str) -> ImportLock {
        let held = match request_id {
            "" => None,
            id => Some(self.creations.lock(&keys::creation(tenant, id)).await),
        };
        ImportLock { _held: held }
    }

    /// What an import with this request id made before; nothing if it is empty.
    ///
    /// # Errors
    /// `Store`.
    pub fn imported(
        &self,
        tenant: &TenantId,
        request_id: &str,
    ) -> Result<Option<Imported>, EngineError> {
        let key = keys::creation(tenant, request_id);
        let known = if request_id.is_empty() { None } else { self.store.get(&key)? };
        let Some(bytes) = known else { return Ok(None) };
        let Creation { id, given } = Creation::decode(&key, &bytes)?;
        let cell = self.heads.cell(tenant, &id)?;
        // One that is deleted takes its note with it.
        let Ok(head) = cell.head() else { return Ok(None) };
        Ok(Some(Imported { conversation: self.describe(&cell, &head), given }))
    }

    /// Notes the request id of an import that is whole. Does nothing if it is empty.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn finish_import(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        request_id: &str,
        given: [u8; 32],
    ) -> Result<(), EngineError> {
        if request_id.is_empty() {
            return Ok(());
        }
        let cell = self.heads.cell(tenant, id)?;
        let writer = cell.write().await;
        let head = cell.head()?;
        // Nothing that a caller sees changes, so the revision stays.
        let next = Head { request_id: request_id.to_owned(), ..Head::clone(&head) };
        let mut batch = Batch::new();
        let known = Creation { id: id.clone(), given: Some(given) };
        batch.put(keys::creation(tenant, request_id), known.encode()?);
        self.commit_head(writer, next, batch, None).await
    }
}
