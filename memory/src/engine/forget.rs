//! Erasure of single turns, with everything derived from them.
//!
//! Invariants: what is erased is gone from the store before the answer; what is
//! derived from it is struck by an outbox entry of the same batch, and the pins
//! of forks by a mark of the same batch, so that a crash or an index that is
//! down delays it and never loses it; all of it goes on when the caller hangs
//! up.

use std::{collections::HashSet, ops::ControlFlow, sync::Arc};

use super::{
    Engine, EngineError, Forgotten,
    conversations::id_at_end,
    fact_records::delete_facts,
    records::{Idempotency, OutboxEntry, Task, decode, encode},
    turns::segment_of,
};
use crate::{
    enrich::{
        Queued, delete_derived, passage_texts, strike_degradation, strike_events, strike_pin_lines,
        strike_summaries,
    },
    facts::{Fact, detect::PinDetector},
    store::{Batch, Direction, Store, StoreError, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId, Turn},
};

/// Erased turns whose pins in forks are still to be erased.
type Mark = (TenantId, ConversationId, Vec<Sequence>);

/// What erasing an owner's turns has come to.
struct Erased {
    sequences: Vec<Sequence>,
    facts: u64,
    /// Key of the mark for the pins of forks.
    mark: keys::Key,
}

impl Engine {
    /// Erases turns, in every fork that shares them, with the pins that came
    /// from them. Their sequences stay taken.
    ///
    /// # Errors
    /// `Invalid` for a sequence that never was, `NotFound`, `Store`.
    pub async fn forget_turns(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<Forgotten, EngineError> {
        let (engine, tenant, id) = (Arc::clone(self), tenant.clone(), id.clone());
        let mut sequences = sequences.to_vec();
        sequences.sort_unstable();
        sequences.dedup();
        let task = tokio::spawn(async move { engine.forget(&tenant, &id, &sequences).await });
        task.await.unwrap_or(Err(EngineError::Closed))
    }

    async fn forget(
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
            // Pins and revisions of every fork that shares them, the one that
            // was asked through among them.
            let (sequences, key) = match self.forget_owned(tenant, &owner, &of_owner).await? {
                Some(erased) => {
                    forgotten.turns_removed += erased.sequences.len() as u64;
                    forgotten.facts_removed += erased.facts;
                    (erased.sequences, Some(erased.mark))
                }
                // The first attempt may have ended early.
                None => (of_owner, None),
            };
            let mark = (tenant.clone(), owner, sequences);
            forgotten.facts_removed += self.finish_forgetting(&mark, key).await?;
        }
        forgotten.revision = cell.head()?.revision;
        Ok(forgotten)
    }

    /// Erases turns that `owner` stores; nothing if all are erased already.
    async fn forget_owned(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<Option<Erased>, EngineError> {
        let cell = self.heads.cell(tenant, owner)?;
        let mut writer = cell.write().await;
        writer.after_asides().await;
        let head = cell.stored().ok_or_else(|| EngineError::conversation_not_found(owner))?;
        let mut next = self.touched(&head);
        let mut batch = Batch::new();
        let mut texts = Vec::new();
        let mut erased = Vec::new();
        for sequence in sequences {
            let key = keys::at_sequence(tenant, owner, Kind::Turn, *sequence);
            let Some(bytes) = self.store.get(&key)? else { continue };
            let turn: Turn = decode(&key, &bytes)?;
            if turn.forgotten {
                continue;
            }
            texts.extend(self.embedded_texts(&turn));
            erased.push(*sequence);
            let place = erase(&turn);
            let name = place.client_turn_id.as_bytes();
            let known = Idempotency {
                client_turn_id: place.client_turn_id.clone(),
                sequence: *sequence,
                content: None,
            };
            batch.put(keys::by_digest(tenant, owner, Kind::Idempotency, name), encode(&known)?);
            batch.put(key, encode(&place)?);
            delete_derived(&self.store, &mut batch, tenant, owner, *sequence)?;
        }
        if erased.is_empty() {
            return Ok(None);
        }
        writer.hold([self.generations.erasing(tenant, owner).await]);
        texts.extend(self.asked_with(&cell, &head, &erased)?);
        strike_events(&self.store, &mut batch, tenant, owner, &erased)?;
        strike_summaries(&self.store, &mut batch, tenant, owner, &erased)?;
        strike_pin_lines(&self.store, &mut batch, tenant, owner, &erased)?;
        strike_degradation(&self.store, &mut batch, tenant, owner, &erased)?;
        let facts = self.read_facts(tenant, owner)?;
        let facts =
            delete_facts(&mut batch, &cell, facts, &erased, |fact| comes_from(fact, &erased))?;
        next.facts = next.facts.saturating_sub(facts);
        let entry = OutboxEntry {
            tenant: tenant.clone(),
            owner: owner.clone(),
            task: Task::Forget { sequences: erased.clone() },
        };
        let queued = self.enqueue(&mut batch, entry)?;
        let mark = forgetting_key(uuid::Uuid::now_v7());
        batch.put(mark.clone(), encode(&(tenant, owner, &erased))?);
        self.commit_head(writer, next, batch, Some(queued.clone())).await?;
        self.catalogs.invalidate_owner(tenant, owner);
        self.turn_cache.invalidate_owner(tenant, owner);
        self.ledgers.invalidate_owner(tenant, owner);
        self.folded.invalidate(tenant, owner);
        self.drafts.invalidate(tenant, owner);
        self.uses.forget(tenant, owner);
        self.strike(&queued).await;
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.embed.forget(tenant, &texts);
        Ok(Some(Erased { sequences: erased, facts, mark }))
    }

    /// Every text that the embedder may have seen of a turn by itself: its
    /// passages, its sentences, and the whole as a query.
    pub(super) fn embedded_texts(&self, turn: &Turn) -> Vec<String> {
        let whole = turn.searchable_text();
        let mut texts = self.passages_of(&turn.speaker, &whole);
        texts.extend(PinDetector::sentences(&whole).into_iter().map(str::to_owned));
        texts.extend(self.query_texts(&whole));
        texts
    }

    /// The passages that a turn is embedded by.
    pub(super) fn passages_of(&self, speaker: &str, text: &str) -> Vec<String> {
        passage_texts(&self.embed, speaker, text).into_iter().map(|(_, text)| text).collect()
    }

    /// Erases the pins that forks have of erased turns, then takes the mark out.
    /// Without a mark the turns were erased before.
    async fn finish_forgetting(
        &self,
        (tenant, owner, sequences): &Mark,
        mark: Option<keys::Key>,
    ) -> Result<u64, EngineError> {
        let mut removed = 0;
        let mut seen = HashSet::new();
        loop {
            let forks = self.forks(tenant, owner)?.into_iter();
            let new: Vec<_> = forks.filter(|(fork, _)| !seen.contains(fork)).collect();
            // A fork of a fork may have copied its facts while this went on.
            if new.is_empty() {
                break;
            }
            for (fork, until) in new {
                // Above it the fork has turns of its own.
                let shared: Vec<_> = sequences.iter().copied().filter(|s| *s <= until).collect();
                if !shared.is_empty() {
                    removed += self.forget_facts(tenant, &fork, &shared, mark.is_some()).await?;
                }
                seen.insert(fork);
            }
        }
        self.windows.invalidate(tenant);
        self.healths.invalidate_owner(tenant, owner);
        self.standing.invalidate(tenant);
        if let Some(mark) = mark {
            let mut batch = Batch::new();
            batch.delete(mark);
            self.store.commit(batch).await?;
        }
        Ok(removed)
    }

    /// Finishes what a crash interrupted.
    pub(super) async fn resume_forgetting(&self) -> Result<(), EngineError> {
        let (start, end) = keys::prefix_range(&keys::state("forgetting/"));
        let mut marks: Vec<(keys::Key, Mark)> = Vec::new();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            marks.push((key.to_vec(), decode(key, &value)?));
            Ok(ControlFlow::Continue(()))
        })?;
        for (key, mark) in marks {
            self.finish_forgetting(&mark, Some(key)).await?;
        }
        Ok(())
    }

    /// Erases pins of a fork that came from forgotten turns. Its revision grows
    /// also when only the turns that it shows have `changed`.
    async fn forget_facts(
        &self,
        tenant: &TenantId,
        fork: &ConversationId,
        sequences: &[Sequence],
        changed: bool,
    ) -> Result<u64, EngineError> {
        let cell = self.heads.cell(tenant, fork)?;
        let writer = cell.write().await;
        writer.after_asides().await;
        let Ok(head) = cell.head() else { return Ok(0) };
        let facts = self.read_facts(tenant, fork)?;
        let mut batch = Batch::new();
        let facts =
            delete_facts(&mut batch, &cell, facts, sequences, |fact| comes_from(fact, sequences))?;
        if facts == 0 && !changed {
            return Ok(0);
        }
        let mut next = self.touched(&head);
        strike_events(&self.store, &mut batch, tenant, fork, sequences)?;
        strike_pin_lines(&self.store, &mut batch, tenant, fork, sequences)?;
        strike_degradation(&self.store, &mut batch, tenant, fork, sequences)?;
        next.facts = next.facts.saturating_sub(facts);
        self.commit_head(writer, next, batch, None).await?;
        self.ledgers.invalidate_owner(tenant, fork);
        self.uses.forget(tenant, fork);
        self.may_lack_lines(tenant, fork);
        Ok(facts)
    }

    /// The forks that share turns of a conversation, each with the last one.
    pub(super) fn forks(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Vec<(ConversationId, Sequence)>, StoreError> {
        forks_of(&self.store, tenant, id)
    }

    /// Waits, for a bounded time, until a removal has reached everything
    /// derived. An index that is down gets it later, from the outbox.
    pub(super) async fn strike(&self, queued: &Queued) {
        let waited = tokio::time::timeout(super::REMOVAL_WAIT, self.outbox.wait_for(queued)).await;
        if waited.is_err() {
            tracing::warn!("a removal waits in the outbox for the index");
        }
    }
}

/// The forks that share turns of a conversation, each with the last one.
pub(crate) fn forks_of(
    store: &Store,
    tenant: &TenantId,
    id: &ConversationId,
) -> Result<Vec<(ConversationId, Sequence)>, StoreError> {
    let prefix = keys::children_prefix(tenant, id);
    let (start, end) = keys::prefix_range(&prefix);
    let mut forks = Vec::new();
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        forks.push((id_at_end(key, prefix.len())?, decode(key, &value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(forks)
}

/// What is left of a forgotten turn: its place.
pub(super) fn erase(turn: &Turn) -> Turn {
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

fn comes_from(fact: &Fact, sequences: &[Sequence]) -> bool {
    fact.source.is_some_and(|source| sequences.binary_search(&source).is_ok())
}

fn forgetting_key(id: uuid::Uuid) -> keys::Key {
    keys::state(&format!("forgetting/{id}"))
}
