//! Edges between turns that the caller took back, out of a conversation and into
//! its copy.
//!
//! Invariant: a rejection names two turns of its conversation, the earlier first;
//! it holds whether the edge was drawn yet or not.

use super::{Engine, EngineError};
use crate::{
    store::{Batch, keys},
    turn::{ConversationId, Sequence, TenantId},
};

impl Engine {
    /// The rejected edges of a conversation, (earlier, later), in order of the
    /// later; a fork has those of the turns that it shares.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub fn list_rejections(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Vec<(Sequence, Sequence)>, EngineError> {
        let scope = self.scope(tenant, id)?;
        let ledger = self.ledger(&scope)?;
        let timeline = ledger.covering(&self.store, self.scored(&scope)?)?;
        let all = timeline.rejections().into_iter();
        Ok(all.map(|(later, earlier)| (earlier, later)).collect())
    }

    /// Takes in rejected edges of an export, (earlier, later), behind the turns.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for what is no turn, and for a later turn that does not
    /// come after the earlier; `Store`.
    pub async fn import_rejections(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        rejected: &[(Sequence, Sequence)],
    ) -> Result<(), EngineError> {
        if rejected.is_empty() {
            return Ok(());
        }
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        let mut batch = Batch::new();
        for (earlier, later) in rejected {
            if !(1..*later).contains(earlier) || *later > head.last_sequence {
                let last = head.last_sequence;
                let why = format!("{earlier} and {later} are no two turns of 1 to {last} in order");
                return Err(EngineError::invalid("rejected_edge.later", why));
            }
            batch.put(keys::rejection(tenant, id, *later, *earlier), vec![1]);
        }
        let next = self.touched(&head);
        self.commit_head(writer, next, batch, None).await?;
        // The turns may have been scored by now.
        self.ledgers.invalidate_owner(tenant, id);
        Ok(())
    }
}
