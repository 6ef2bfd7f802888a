//! Waiting for a revision, and for turns to be searchable and measured.

use std::time::Duration;

use super::{Engine, EngineError, scopes::Scope};
use crate::{
    index::Branch,
    turn::{ConversationId, Sequence, TenantId},
};

/// How long who reads what was measured waits for what is being measured: that takes
/// milliseconds, and longer only beside an import.
pub(super) const MEASURE_WAIT: Duration = Duration::from_secs(5);

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

    /// Returns when every turn up to `sequence` was measured, at least by an earlier
    /// version. The caller bounds the wait.
    ///
    /// # Errors
    /// `NotFound` when the conversation is deleted meanwhile; `Store`.
    pub(super) async fn wait_followed(
        &self,
        scope: &Scope,
        sequence: Sequence,
    ) -> Result<(), EngineError> {
        if !self.degradation {
            return Ok(());
        }
        let cell = self.heads.cell(&scope.branch.tenant, &scope.branch.conversation)?;
        self.outbox
            .wait_until(|| match cell.head() {
                Ok(head) => self.followed_sequence(&cell, &head) >= sequence,
                Err(_) => true,
            })
            .await;
        cell.head().map(|_| ())
    }

    /// Returns when no turn of a branch is being measured: every turn that is
    /// searchable now was measured then, at least by an earlier version. Or when the
    /// time is over.
    pub(super) async fn wait_measured(&self, branch: &Branch, at_most: Duration) {
        // Entries are ended by what measures, also where it is switched off.
        if !self.degradation {
            return;
        }
        let measures = |owner: &ConversationId| self.outbox.is_measuring(&branch.tenant, owner);
        let is_done = || !branch.segments.iter().any(|of| measures(&of.conversation));
        // That it took too long is no failure: what is measured says how far it is.
        let _ = tokio::time::timeout(at_most, self.outbox.wait_until(is_done)).await;
    }
}
