//! The branches that a call looks at: one conversation, those of its user, and what
//! is known of their turns.
//!
//! Invariant: turns off a branch are not on it by way of its user either.

use std::sync::Arc;

use super::{Engine, EngineError, catalog::Catalog, records::Head, staleness::as_of};
use crate::{
    context::TokenCounter,
    index::Branch,
    turn::{ConversationId, Sequence, TenantId},
};

/// Turns of a catalog that are read on the caller's own thread: well under 1 ms.
const READ_INLINE: u64 = 64;

/// A branch that is searched.
pub(super) struct Scope {
    pub(super) branch: Branch,
    pub(super) head: Arc<Head>,
    pub(super) catalog: Arc<Catalog>,
}

impl Scope {
    /// As it was after a turn; as it is now for 0.
    ///
    /// # Errors
    /// `Invalid` beyond the last turn.
    pub(super) fn stood_after(mut self, turn: Sequence) -> Result<Self, EngineError> {
        let last_sequence = as_of(turn, self.head.last_sequence)?;
        if last_sequence != self.head.last_sequence {
            self.head = Arc::new(Head { last_sequence, ..Head::clone(&self.head) });
        }
        Ok(self)
    }
}

impl Engine {
    /// The branch of one conversation as it is now.
    pub(super) fn scope(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Scope, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let head = cell.head()?;
        let branch = cell.branch(&head);
        let catalog = self.catalogs.of(&branch);
        // Erased since, and perhaps made anew: the catalog is not to be kept.
        if !cell.head().is_ok_and(|now| now.revision >= head.revision) {
            self.catalogs.invalidate(tenant, id);
            return Err(EngineError::conversation_not_found(id));
        }
        Ok(Scope { branch, head, catalog })
    }

    /// The branches of a user, newest first.
    pub(super) fn user_scopes(
        &self,
        tenant: &TenantId,
        user_id: &str,
    ) -> Result<Vec<Scope>, EngineError> {
        if user_id.is_empty() {
            return Err(EngineError::invalid("user_id", "is required"));
        }
        let limit = self.limits.conversations_per_user_search as usize;
        let ids = self.conversation_ids(tenant, Some(user_id), None, limit)?;
        // One that was deleted since the scan is left out.
        Ok(ids.iter().filter_map(|id| self.scope(tenant, id).ok()).collect())
    }

    /// Those that are no branch of a conversation, nor itself: turns off a branch
    /// never reach its windows.
    pub(super) fn not_of_its_branches(
        &self,
        scopes: Vec<Scope>,
        id: &ConversationId,
    ) -> Result<Vec<Scope>, EngineError> {
        let mut others = Vec::with_capacity(scopes.len());
        for scope in scopes {
            let Branch { tenant, conversation, .. } = &scope.branch;
            if self.root_of(tenant, conversation)? != self.root_of(tenant, id)? {
                others.push(scope);
            }
        }
        Ok(others)
    }

    /// Other conversations as they were when a turn of the first scope was said,
    /// those of them that had begun; all as they are for 0.
    pub(super) fn said_by_then(
        &self,
        others: impl Iterator<Item = Scope>,
        own: &[Scope],
        as_of: Sequence,
    ) -> Result<Vec<Scope>, EngineError> {
        let own = own.first().filter(|_| as_of > 0);
        let said = match own {
            Some(own) => self.read_turn(&own.branch, as_of)?.map(|turn| turn.said_at),
            None => None,
        };
        let Some(said) = said else { return Ok(others.collect()) };
        let mut then = Vec::new();
        for other in others {
            let last = other.head.last_sequence;
            let state = other.catalog.covering(&self.store, last, self.counter.as_ref())?;
            // Times may be out of order: up to the first turn that came later.
            let later = state.traits().iter().position(|traits| traits.said_at > said);
            drop(state);
            match later {
                None => then.push(other),
                Some(0) => {}
                Some(known) => then.push(other.stood_after(known as Sequence)?),
            }
        }
        Ok(then)
    }

    /// Makes the catalogs of scopes long enough, with costs by `counter`: much that is
    /// missing is read where blocking is allowed.
    pub(super) async fn cover(
        &self,
        scopes: &[Scope],
        counter: &Arc<dyn TokenCounter>,
    ) -> Result<(), EngineError> {
        for scope in scopes {
            let last = scope.head.last_sequence;
            if scope.catalog.missing(last, counter.as_ref()) <= READ_INLINE {
                continue;
            }
            let (store, catalog) = (Arc::clone(&self.store), Arc::clone(&scope.catalog));
            let counter = Arc::clone(counter);
            let read = move || catalog.covering(&store, last, counter.as_ref()).map(drop);
            tokio::task::spawn_blocking(read).await.map_err(|_| EngineError::Closed)??;
        }
        Ok(())
    }
}
