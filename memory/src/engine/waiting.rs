//! Waiting for a revision, and for turns to be searchable.

use super::{Engine, EngineError};
use crate::turn::{ConversationId, Sequence, TenantId};

impl Engine {
    /// Returns when the conversation has this revision. The caller bounds the
    /// wait.
    ///
    /// # Errors
    /// `NotFound`, also when it is deleted meanwhile; `Store`.
    pub async fn wait_revision(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        revision: u64,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let mut revisions = cell.watch();
        let reached = revisions.wait_for(|current| *current >= revision).await;
        reached.map_err(|_| EngineError::Closed)?;
        cell.head().map(|_| ())
    }

    /// Returns when every turn up to `sequence` is searchable. The caller bounds
    /// the wait.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn wait_indexed(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        sequence: Sequence,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        self.outbox
            .wait_until(|| match cell.head() {
                Ok(head) => self.indexed_sequence(&cell, &head) >= sequence,
                Err(_) => true,
            })
            .await;
        cell.head().map(|_| ())
    }

    /// Waits for a revision and for its turns to be searchable; 0 does not wait.
    pub(super) async fn wait_searchable(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        min_revision: u64,
    ) -> Result<(), EngineError> {
        if min_revision == 0 {
            return Ok(());
        }
        self.wait_revision(tenant, id, min_revision).await?;
        let last: Sequence = self.heads.cell(tenant, id)?.head()?.last_sequence;
        self.wait_indexed(tenant, id, last).await
    }
}
