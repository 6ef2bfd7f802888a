//! Deletion of whole conversations, with everything derived from them.
//!
//! Invariants: a deleted conversation is gone for every caller from the first
//! batch on; marks in that batch let a restart finish what a crash interrupts,
//! and it goes on when the caller hangs up; turns that live forks share stay
//! for them, under a head that is marked deleted, until the last fork goes.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    Deleted, Engine, EngineError,
    commit::Publish,
    heads::Cell,
    records::{Head, Idempotency, OutboxEntry, Task, decode, encode},
    turns::scan_turns,
};
use crate::{
    store::{Batch, Direction, keys},
    turn::{ConversationId, Sequence, TenantId},
};

/// Keys deleted by one batch.
const KEYS_PER_BATCH: usize = 4_096;

impl Engine {
    /// Removes a conversation. Turns that live forks share stay for them.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn delete_conversation(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Deleted, EngineError> {
        let (engine, tenant, id) = (Arc::clone(self), tenant.clone(), id.clone());
        let task = tokio::spawn(async move { engine.delete(&tenant, &id).await });
        task.await.unwrap_or(Err(EngineError::Closed))
    }

    async fn delete(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Deleted, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let mut writer = cell.write().await;
        let head = cell.head()?;
        writer.hold([self.generations.erasing(tenant, id).await]);
        let mut next = self.touched(&head);
        next.deleted = true;
        next.title.clear();
        next.user_id.clear();
        next.labels.clear();
        next.request_id.clear();
        let mut batch = Batch::new();
        if !head.user_id.is_empty() {
            batch.delete(keys::user(tenant, &head.user_id, id));
        }
        if !head.request_id.is_empty() {
            batch.delete(keys::creation(tenant, &head.request_id));
        }
        batch.delete(keys::root(tenant, id));
        let ancestors = || head.shared.iter().map(|segment| &segment.conversation);
        for ancestor in ancestors() {
            batch.delete(keys::child(tenant, ancestor, id));
        }
        // An ancestor that is deleted may have been kept for this one alone.
        for doomed in ancestors().chain([id]) {
            batch.put(deleting_key(tenant, doomed), encode(&(tenant, doomed))?);
        }
        self.commit_head(writer, next, batch, None).await?;
        self.windows.invalidate(tenant);
        self.healths.invalidate_owner(tenant, id);
        self.standing.invalidate(tenant);
        let deleted = self.finish_deletion(tenant, id).await?;
        for ancestor in ancestors() {
            self.finish_deletion(tenant, ancestor).await?;
        }
        Ok(deleted)
    }

    /// Erases what a deleted conversation stores beyond what forks share; when
    /// nothing is shared any more, also its head. One that is not deleted only
    /// loses the mark.
    async fn finish_deletion(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Deleted, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let writer = cell.write().await;
        writer.after_asides().await;
        let mut batch = Batch::new();
        batch.delete(deleting_key(tenant, id));
        let Some(head) = cell.stored().filter(|head| head.deleted) else {
            self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
            return Ok(Deleted { turns_removed: 0, turns_shared: 0 });
        };
        let forks = self.forks(tenant, id)?;
        let shared_until = forks.iter().map(|(_, until)| *until).max().unwrap_or(0);
        let own_from = head.own_from();
        let from = own_from.max(shared_until + 1);
        self.forget_vectors(&cell, &head, from).await?;
        let gone = shared_until < own_from;
        // Nobody reads what one that goes has derived of the turns that it shared.
        let turns_removed = self.erase_from(&cell, if gone { 0 } else { from }).await?;
        let stood = self.kept_standing(tenant, id)?;
        batch.delete(keys::standing(tenant, id));
        let publish = if gone {
            batch.delete(keys::head(tenant, id));
            Publish::Gone
        } else {
            let kept = Head { last_sequence: shared_until, ..Head::clone(&head) };
            batch.put(keys::head(tenant, id), encode(&kept)?);
            Publish::Head(Box::new(kept))
        };
        let entry =
            OutboxEntry { tenant: tenant.clone(), owner: id.clone(), task: Task::Drop { from } };
        let queued = self.enqueue(&mut batch, entry)?;
        self.commit(writer, batch, vec![queued.clone()], publish).await?;
        if let Some(stood) = stood {
            self.standings.gone(tenant, stood);
        }
        self.catalogs.invalidate_owner(tenant, id);
        self.turn_cache.invalidate_owner(tenant, id);
        self.ledgers.invalidate_owner(tenant, id);
        self.folded.invalidate(tenant, id);
        self.drafts.invalidate(tenant, id);
        self.uses.forget(tenant, id);
        self.strike(&queued).await;
        let turns_shared = (shared_until + 1).saturating_sub(own_from);
        Ok(Deleted { turns_removed, turns_shared })
    }

    /// Finishes deletions that a crash interrupted.
    pub(super) async fn resume_deletions(self: &Arc<Self>) -> Result<(), EngineError> {
        let (start, end) = keys::prefix_range(&keys::state("deleting/"));
        let mut marks: Vec<(TenantId, ConversationId)> = Vec::new();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            marks.push(decode(key, &value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        for (tenant, id) in marks {
            self.finish_deletion(&tenant, &id).await?;
        }
        Ok(())
    }

    /// Drops what the embedder's cache knows of the turns from `from` on.
    async fn forget_vectors(
        self: &Arc<Self>,
        cell: &Cell,
        head: &Head,
        from: Sequence,
    ) -> Result<(), EngineError> {
        let (engine, until) = (Arc::clone(self), head.last_sequence);
        let branch = cell.branch(head);
        // Splitting long turns takes a while.
        let work = tokio::task::spawn_blocking(move || {
            let forget = |texts: &[String]| {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                engine.embed.forget(&branch.tenant, &texts);
            };
            let mut erased = Vec::new();
            let (store, forward) = (&engine.store, Direction::Forward);
            scan_turns(store, &branch, from, until, forward, &mut |turn| {
                forget(&engine.embedded_texts(&turn));
                erased.push(turn.sequence);
                Ok(ControlFlow::Continue(()))
            })?;
            for sequence in erased {
                forget(&engine.asked_at(&branch, sequence)?);
            }
            Ok::<(), EngineError>(())
        });
        work.await.map_err(|_| EngineError::Closed)?
    }

    /// Erases, in bounded batches, every record of a conversation but those of
    /// the turns below `from`. Returns how many turns went.
    async fn erase_from(&self, cell: &Cell, from: Sequence) -> Result<u64, EngineError> {
        let (start, end) = keys::prefix_range(&keys::conversation_prefix(&cell.tenant, &cell.id));
        let kind_at = start.len();
        let mut doomed = Vec::new();
        let mut client_turn_ids = Vec::new();
        let mut turns = 0;
        self.store.scan_keys(&start, &end, &mut |key| {
            let sequence = key.get(kind_at + 1..kind_at + 9).and_then(|be| be.try_into().ok());
            let kept = match key.get(kind_at) {
                Some(b'E' | b'M' | b'N' | b'Q' | b'T' | b'V' | b'X' | b'Y') => {
                    sequence.is_some_and(|be| Sequence::from_be_bytes(be) < from)
                }
                Some(b'I') => {
                    client_turn_ids.push(key.to_vec());
                    true
                }
                _ => false,
            };
            if !kept {
                turns += u64::from(key.get(kind_at) == Some(&b'T'));
                doomed.push(key.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Client turn ids of the turns that stay go on naming them.
        for key in client_turn_ids {
            let known = self.store.get(&key)?.map(|bytes| decode::<Idempotency>(&key, &bytes));
            if known.transpose()?.is_none_or(|known| known.sequence >= from) {
                doomed.push(key);
            }
        }
        for keys in doomed.chunks(KEYS_PER_BATCH) {
            let mut batch = Batch::new();
            keys.iter().for_each(|key| batch.delete(key.clone()));
            self.store.commit(batch).await?;
        }
        Ok(turns)
    }
}

fn deleting_key(tenant: &TenantId, id: &ConversationId) -> keys::Key {
    keys::state(&format!("deleting/{tenant}/{id}"))
}
