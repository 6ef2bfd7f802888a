//! Branches: a conversation forked from another, and what all branches of a talk go
//! back to.

use std::{collections::HashSet, sync::Arc};

use super::{
    Conversation, Engine, EngineError, NewConversation,
    heads::Cell,
    records::{Head, StoredSegment, decode},
    validate,
};
use crate::{
    store::keys,
    turn::{ConversationId, Sequence, TenantId},
};

impl Engine {
    /// Starts a branch that shares the turns up to `at` without a copy, and has
    /// copies of what the caller had pinned by then.
    ///
    /// # Errors
    /// `Invalid` when `at` is behind the newest turn, `NotFound`,
    /// `LimitReached` for too long a chain of forks, and those of a creation.
    pub async fn fork_conversation(
        &self,
        tenant: &TenantId,
        parent: &ConversationId,
        at: Sequence,
        mut new: NewConversation,
    ) -> Result<Conversation, EngineError> {
        let cell = self.heads.cell(tenant, parent)?;
        cell.head()?;
        let mut locks = self.creation_lock(tenant, &new).await;
        // The parent's writers wait: it must not be deleted before the fork's
        // mark on it is durable.
        let writer = cell.write().await;
        let head = cell.head()?;
        if at > head.last_sequence {
            return Err(EngineError::invalid(
                "at_sequence",
                format!("is {at}, the conversation ends at {}", head.last_sequence),
            ));
        }
        new.user_id.clone_from(&head.user_id);
        new.title.clone_from(&head.title);
        new.labels.clone_from(&head.labels);
        validate::conversation(&new, &self.limits)?;
        let shared = shared_segments(&cell, &head, at);
        if shared.len() as u64 > self.limits.fork_depth {
            return Err(EngineError::LimitReached {
                limit: "fork_depth",
                max: self.limits.fork_depth,
                detail: format!("{parent} is the end of a chain of {} forks", head.shared.len()),
                retry: false,
            });
        }
        let fork = Fork { parent: Arc::clone(&cell), at, shared };
        locks.extend(writer.into_locks());
        self.create(tenant, new, Some(fork), locks).await
    }

    /// The conversation that a branch goes back to through all of its forks; itself
    /// if it is none. Branches of the same root are versions of one talk: what one
    /// of them says beyond what it shares was edited away in the others.
    pub(super) fn root_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<ConversationId, EngineError> {
        let mut root = id.clone();
        // The id of a deleted parent may have become that of a fork of its child.
        let mut seen = HashSet::new();
        while seen.insert(root.clone())
            && let Some(head) = self.heads.cell(tenant, &root)?.stored()
            && let Some((parent, _)) = &head.forked_from
        {
            // Noted when it was made, since its parent may go; older forks have none.
            let key = keys::root(tenant, &root);
            if let Some(bytes) = self.store.get(&key)? {
                return Ok(decode(&key, &bytes)?);
            }
            root = parent.clone();
        }
        Ok(root)
    }
}

/// Where a fork comes from.
pub(super) struct Fork {
    pub(super) parent: Arc<Cell>,
    pub(super) at: Sequence,
    pub(super) shared: Vec<StoredSegment>,
}

/// The segments of a branch up to a sequence, empty ones left out.
fn shared_segments(cell: &Cell, head: &Head, at: Sequence) -> Vec<StoredSegment> {
    cell.branch(head)
        .segments
        .into_iter()
        .filter(|segment| segment.from <= at)
        .map(|segment| StoredSegment {
            conversation: segment.conversation,
            from: segment.from,
            until: segment.until.min(at),
        })
        .collect()
}
