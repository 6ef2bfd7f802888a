//! Erasure: single turns and whole conversations, with everything derived.
//!
//! Invariants: what is erased is gone from the store before the answer; what is
//! derived from it is struck by an outbox entry that is written in the same
//! batch, so that a crash or an index that is down delays it and never loses
//! it; a turn that a live fork shares outlives the deletion of its
//! conversation, but not its own forgetting.

use std::ops::ControlFlow;

use super::{
    Deleted, Engine, EngineError, Forgotten,
    conversations::id_at_end,
    heads::{Cell, Writer},
    records::{Head, Idempotency, OutboxEntry, Task, decode, encode},
    turns::segment_of,
};
use crate::{
    enrich::{Queued, delete_derived, passage_texts},
    facts::Fact,
    store::{Batch, Direction, StoreError, keys, keys::Kind},
    turn::{ConversationId, FactId, Sequence, TenantId, Turn},
};

/// Keys deleted by one batch.
const KEYS_PER_BATCH: usize = 4_096;

impl Engine {
    /// Erases turns, in every fork that shares them, with the pins that came
    /// from them. Their sequences stay taken.
    ///
    /// # Errors
    /// `Invalid` for a sequence that never was, `NotFound`, `Store`.
    pub async fn forget_turns(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<Forgotten, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let head = cell.head()?;
        if let Some(bad) = sequences.iter().find(|s| **s == 0 || **s > head.last_sequence) {
            return Err(EngineError::invalid(
                "sequences",
                format!("{bad} is not a turn; the conversation ends at {}", head.last_sequence),
            ));
        }
        let branch = cell.branch(&head);
        let mut owners: Vec<(ConversationId, Vec<Sequence>)> = Vec::new();
        for sequence in sequences {
            let Some(segment) = segment_of(&branch, *sequence) else { continue };
            match owners.iter_mut().find(|(owner, _)| *owner == segment.conversation) {
                Some((_, of_owner)) => of_owner.push(*sequence),
                None => owners.push((segment.conversation.clone(), vec![*sequence])),
            }
        }
        let mut forgotten = Forgotten { turns_removed: 0, facts_removed: 0, revision: 0 };
        for (owner, of_owner) in owners {
            let (turns, facts) = self.forget_owned(tenant, &owner, of_owner.clone()).await?;
            forgotten.turns_removed += turns;
            forgotten.facts_removed += facts;
            // Pins and revisions of every fork that shares them, the one that
            // was asked through among them.
            for (fork, _) in self.forks(tenant, &owner)? {
                forgotten.facts_removed += self.forget_facts(tenant, &fork, &of_owner).await?;
            }
        }
        forgotten.revision = cell.head()?.revision;
        Ok(forgotten)
    }

    /// Erases turns that `owner` stores.
    async fn forget_owned(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        sequences: Vec<Sequence>,
    ) -> Result<(u64, u64), EngineError> {
        let cell = self.heads.cell(tenant, owner)?;
        let writer = cell.write().await;
        let head = cell.stored().ok_or_else(|| EngineError::conversation_not_found(owner))?;
        let mut next = self.touched(&head);
        let mut batch = Batch::new();
        let mut texts = Vec::new();
        let mut erased = Vec::new();
        for sequence in sequences {
            let key = keys::at_sequence(tenant, owner, Kind::Turn, sequence);
            let Some(bytes) = self.store.get(&key)? else { continue };
            let turn: Turn = decode(&key, &bytes)?;
            if turn.forgotten || erased.contains(&sequence) {
                continue;
            }
            texts.extend(passage_texts(&self.embed, &turn).into_iter().map(|(_, text)| text));
            erased.push(sequence);
            batch.put(key, encode(&erase(&turn))?);
            let name = turn.client_turn_id.as_bytes();
            let known = Idempotency {
                client_turn_id: turn.client_turn_id.clone(),
                sequence,
                content: None,
            };
            batch.put(keys::by_digest(tenant, owner, Kind::Idempotency, name), encode(&known)?);
            delete_derived(&self.store, &mut batch, tenant, owner, sequence)?;
        }
        if erased.is_empty() {
            return Ok((0, 0));
        }
        let facts = self.facts_from(&cell, &erased)?;
        for (fact, request_id) in &facts {
            delete_fact(&mut batch, &cell, fact, request_id);
        }
        next.facts = next.facts.saturating_sub(facts.len() as u64);
        let removed = erased.len() as u64;
        let entry = OutboxEntry {
            tenant: tenant.clone(),
            owner: owner.clone(),
            task: Task::Forget { sequences: erased },
        };
        let queued = self.enqueue(&mut batch, entry)?;
        self.commit_head(writer, next, batch, Some(queued.clone())).await?;
        self.catalogs.invalidate_owner(tenant, owner);
        self.windows.invalidate(tenant);
        self.strike(&queued).await;
        let passages: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.embed.forget(tenant, &passages);
        Ok((removed, facts.len() as u64))
    }

    /// Erases pins of a fork that came from forgotten turns, and raises its
    /// revision: what it shows has changed.
    async fn forget_facts(
        &self,
        tenant: &TenantId,
        fork: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<u64, EngineError> {
        let cell = self.heads.cell(tenant, fork)?;
        let writer = cell.write().await;
        let Ok(head) = cell.head() else { return Ok(0) };
        let facts = self.facts_from(&cell, sequences)?;
        let mut next = self.touched(&head);
        next.facts = next.facts.saturating_sub(facts.len() as u64);
        let mut batch = Batch::new();
        for (fact, request_id) in &facts {
            delete_fact(&mut batch, &cell, fact, request_id);
        }
        self.commit_head(writer, next, batch, None).await?;
        Ok(facts.len() as u64)
    }

    fn facts_from(
        &self,
        cell: &Cell,
        sequences: &[Sequence],
    ) -> Result<Vec<(FactId, String)>, EngineError> {
        let facts: Vec<Fact> = self.read_facts(&cell.tenant, &cell.id)?;
        Ok(facts
            .into_iter()
            .filter(|fact| fact.source.is_some_and(|source| sequences.contains(&source)))
            .map(|fact| (fact.id, fact.request_id))
            .collect())
    }

    /// Removes a conversation. Turns that live forks share stay for them.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn delete_conversation(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Deleted, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
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
        for segment in &head.shared {
            batch.delete(keys::child(tenant, &segment.conversation, id));
        }
        // From here on it is gone for every caller; the mark lets a restart
        // finish what a crash interrupts.
        batch.put(deleting_key(tenant, id), encode(&(tenant, id))?);
        self.commit_head(writer, next, batch, None).await?;
        self.windows.invalidate(tenant);
        let deleted = self.finish_deletion(tenant, id).await?;
        let ancestors = head.shared.iter().map(|segment| &segment.conversation);
        for ancestor in ancestors.filter(|ancestor| *ancestor != id) {
            let cell = self.heads.cell(tenant, ancestor)?;
            if cell.stored().is_some_and(|head| head.deleted) {
                self.finish_deletion(tenant, ancestor).await?;
            }
        }
        Ok(deleted)
    }

    /// Erases what a deleted conversation stores beyond what forks share; when
    /// nothing is shared any more, also its head.
    async fn finish_deletion(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Deleted, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let writer = cell.write().await;
        let Some(head) = cell.stored().filter(|head| head.deleted) else {
            return Ok(Deleted { turns_removed: 0, turns_shared: 0 });
        };
        let forks = self.forks(tenant, id)?;
        let shared_until = forks.iter().map(|(_, until)| *until).max().unwrap_or(0);
        let own_from = head.own_from();
        let from = own_from.max(shared_until + 1);
        let turns_removed = self.erase_from(&cell, from).await?;
        let mut batch = Batch::new();
        batch.delete(deleting_key(tenant, id));
        let gone = shared_until < own_from;
        if gone {
            batch.delete(keys::head(tenant, id));
        }
        let entry =
            OutboxEntry { tenant: tenant.clone(), owner: id.clone(), task: Task::Drop { from } };
        let queued = self.enqueue(&mut batch, entry)?;
        self.commit_removal(writer, (!gone).then(|| Head::clone(&head)), batch, queued.clone())
            .await?;
        self.catalogs.invalidate_owner(tenant, id);
        self.strike(&queued).await;
        let turns_shared = (shared_until + 1).saturating_sub(own_from);
        Ok(Deleted { turns_removed, turns_shared })
    }

    /// Finishes deletions that a crash interrupted.
    pub(super) async fn resume_deletions(&self) -> Result<(), EngineError> {
        let (start, end) = keys::prefix_range(&keys::state("deleting/"));
        let mut marks: Vec<(TenantId, ConversationId)> = Vec::new();
        let mut failed = None;
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            match decode(key, &value) {
                Ok(mark) => marks.push(mark),
                Err(error) => failed = Some(error),
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        for (tenant, id) in marks {
            self.finish_deletion(&tenant, &id).await?;
        }
        Ok(())
    }

    /// The forks that share turns of a conversation, each with the last one.
    fn forks(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Vec<(ConversationId, Sequence)>, StoreError> {
        let prefix = keys::children_prefix(tenant, id);
        let (start, end) = keys::prefix_range(&prefix);
        let mut forks = Vec::new();
        let mut failed = None;
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            match id_at_end(key, prefix.len()).and_then(|fork| Ok((fork, decode(key, &value)?))) {
                Ok(fork) => forks.push(fork),
                Err(error) => failed = Some(error),
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(forks), Err)
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
                Some(b'T' | b'M' | b'V') => {
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
            ControlFlow::Continue(())
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

    async fn commit_removal(
        &self,
        writer: Writer,
        head: Option<Head>,
        batch: Batch,
        queued: Queued,
    ) -> Result<(), EngineError> {
        let (store, outbox) = (self.store.clone(), self.outbox.clone());
        let task = tokio::spawn(async move {
            store.commit(batch).await?;
            outbox.push(queued);
            writer.publish(head);
            Ok(())
        });
        task.await.unwrap_or(Err(EngineError::Closed))
    }

    /// Waits, for a bounded time, until a removal has reached everything
    /// derived. An index that is down gets it later, from the outbox.
    async fn strike(&self, queued: &Queued) {
        let waited = tokio::time::timeout(super::REMOVAL_WAIT, self.outbox.wait_for(queued)).await;
        if waited.is_err() {
            tracing::warn!("a removal waits in the outbox for the index");
        }
    }
}

/// What is left of a forgotten turn: its place.
fn erase(turn: &Turn) -> Turn {
    Turn {
        sequence: turn.sequence,
        role: turn.role,
        speaker: String::new(),
        parts: Vec::new(),
        said_at: turn.said_at,
        created_at: turn.created_at,
        client_turn_id: turn.client_turn_id.clone(),
        metadata: Vec::new(),
        forgotten: true,
    }
}

fn delete_fact(batch: &mut Batch, cell: &Cell, fact: &FactId, request_id: &str) {
    batch.delete(keys::fact(&cell.tenant, &cell.id, fact));
    if !request_id.is_empty() {
        let name = request_id.as_bytes();
        batch.delete(keys::by_digest(&cell.tenant, &cell.id, Kind::PinRequest, name));
    }
}

fn deleting_key(tenant: &TenantId, id: &ConversationId) -> keys::Key {
    keys::state(&format!("deleting/{tenant}/{id}"))
}
