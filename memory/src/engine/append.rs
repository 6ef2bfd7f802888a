//! Append: turns in, exactly once, answered when they are durable.
//!
//! Invariants: the turns of a call are taken whole or not at all; turn,
//! idempotency record, head and outbox entry are one batch.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Appended, AppendedTurn, Engine, EngineError,
    heads::Writer,
    records::{Head, Idempotency, OutboxEntry, Task, decode, encode},
    validate,
};
use crate::{
    index::Branch,
    store::{Batch, keys, keys::Kind},
    turn::{ConversationId, NewTurn, Sequence, TenantId, Turn},
    usage::Usage,
};

impl Engine {
    /// Appends turns and answers when they are durable. A turn whose client
    /// turn id is known on the branch, with the same content, is answered with
    /// the stored one.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `AlreadyExists` (same id, other content),
    /// `SequenceMismatch` when `expected_last_sequence` is not the newest (not
    /// looked at when all turns are repeats), `LimitReached`, `Store`.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn append_turns(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        turns: Vec<NewTurn>,
        expected_last_sequence: Option<Sequence>,
    ) -> Result<Appended, EngineError> {
        validate::turns(&turns, &self.limits)?;
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        // Again: it may have been deleted while this writer waited.
        let head = cell.head()?;
        let now = (self.clock)();
        let mut planned = Plan::new(&head, now);
        let branch = cell.branch(&head);
        for (position, turn) in turns.into_iter().enumerate() {
            self.plan_turn(&branch, &mut planned, position, turn)?;
        }
        if planned.new.is_empty() {
            return Ok(planned.into_answer(&head));
        }
        if let Some(expected) = expected_last_sequence
            && expected != head.last_sequence
        {
            return Err(EngineError::SequenceMismatch { expected, actual: head.last_sequence });
        }
        self.check_room(&head, planned.new.len() as u64)?;
        self.commit_turns(writer, &head, planned).await
    }

    /// Decides whether one turn is new, a repeat, or neither.
    fn plan_turn(
        &self,
        branch: &Branch,
        plan: &mut Plan,
        position: usize,
        turn: NewTurn,
    ) -> Result<(), EngineError> {
        let content = content_hash(&turn)?;
        let Some(client_turn_id) = turn.client_turn_id.clone() else {
            plan.add(uuid::Uuid::now_v7().to_string(), content, turn);
            return Ok(());
        };
        let known = match plan.in_call.get(&client_turn_id) {
            Some(known) => Some(known.clone()),
            None => self.idempotency(branch, &client_turn_id)?,
        };
        match known {
            None => plan.add(client_turn_id, content, turn),
            Some(known) if known.content == Some(content) => plan.repeat(&known),
            Some(known) => {
                let name =
                    format!("conversations/{}/turns/{}", branch.conversation, known.sequence);
                let existing = match known.content {
                    Some(_) => name,
                    None => format!("{name}, forgotten"),
                };
                return Err(EngineError::AlreadyExists {
                    kind: "client turn id",
                    id: format!("{client_turn_id} (turns[{position}])"),
                    existing,
                });
            }
        }
        Ok(())
    }

    /// Looks a client turn id up along the branch: a fork knows the turns that
    /// it shares.
    pub(super) fn idempotency(
        &self,
        branch: &Branch,
        client_turn_id: &str,
    ) -> Result<Option<Idempotency>, EngineError> {
        for segment in branch.segments.iter().rev() {
            let key = keys::by_digest(
                &branch.tenant,
                &segment.conversation,
                Kind::Idempotency,
                client_turn_id.as_bytes(),
            );
            let Some(bytes) = self.store.get(&key)? else { continue };
            let known: Idempotency = decode(&key, &bytes)?;
            if (segment.from..=segment.until).contains(&known.sequence) {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// Whether so many turns more are within the limits.
    pub(super) fn check_room(&self, head: &Head, new: u64) -> Result<(), EngineError> {
        let limits = &self.limits;
        if head.last_sequence + new > limits.turns_per_conversation {
            return Err(EngineError::LimitReached {
                limit: "turns_per_conversation",
                max: limits.turns_per_conversation,
                detail: format!("the conversation has {} turns", head.last_sequence),
                retry: false,
            });
        }
        let backlog = self.outbox.appended();
        if backlog + new > limits.outbox_turns {
            return Err(EngineError::LimitReached {
                limit: "outbox_turns",
                max: limits.outbox_turns,
                detail: format!("{backlog} turns wait to be embedded"),
                retry: true,
            });
        }
        Ok(())
    }

    async fn commit_turns(
        &self,
        writer: Writer,
        head: &Head,
        plan: Plan,
    ) -> Result<Appended, EngineError> {
        let (tenant, id) = (writer.cell.tenant.clone(), writer.cell.id.clone());
        let mut next = head.clone();
        next.revision += 1;
        next.updated_at = plan.now;
        next.last_sequence = plan.next - 1;
        let mut batch = Batch::new();
        for (turn, content) in &plan.new {
            batch.put(keys::at_sequence(&tenant, &id, Kind::Turn, turn.sequence), encode(turn)?);
            let known = Idempotency {
                client_turn_id: turn.client_turn_id.clone(),
                sequence: turn.sequence,
                content: Some(*content),
            };
            let key = turn.client_turn_id.as_bytes();
            batch.put(keys::by_digest(&tenant, &id, Kind::Idempotency, key), encode(&known)?);
        }
        let first = head.last_sequence + 1;
        batch.put(keys::at_sequence(&tenant, &id, Kind::Revision, first), encode(&next.revision)?);
        let task = Task::Derive { from: head.last_sequence + 1, until: next.last_sequence };
        let queued = self.enqueue(&mut batch, OutboxEntry { tenant, owner: id, task })?;
        let amounts =
            Usage { turns: plan.new.len() as u64, bytes: batch.bytes() as u64, ..Usage::default() };
        let cell = Arc::clone(&writer.cell);
        let answer = plan.into_answer(&next);
        let urgent = self.embed.urgent();
        self.commit_head(writer, next, batch, Some(queued)).await?;
        drop(urgent);
        self.meter.add(&cell.tenant, Some(&cell.id), &amounts);
        Ok(answer)
    }
}

/// What an append is going to write.
struct Plan {
    now: Timestamp,
    next: Sequence,
    answers: Vec<AppendedTurn>,
    new: Vec<(Turn, [u8; 32])>,
    in_call: HashMap<String, Idempotency>,
}

impl Plan {
    fn new(head: &Head, now: Timestamp) -> Self {
        Self {
            now,
            next: head.last_sequence + 1,
            answers: Vec::new(),
            new: Vec::new(),
            in_call: HashMap::new(),
        }
    }

    fn add(&mut self, client_turn_id: String, content: [u8; 32], turn: NewTurn) {
        let sequence = self.next;
        self.next += 1;
        let known = Idempotency {
            client_turn_id: client_turn_id.clone(),
            sequence,
            content: Some(content),
        };
        self.in_call.insert(client_turn_id.clone(), known);
        self.answers.push(AppendedTurn {
            sequence,
            client_turn_id: client_turn_id.clone(),
            repeated: false,
        });
        let turn = Turn {
            sequence,
            role: turn.role,
            speaker: turn.speaker,
            parts: turn.parts,
            said_at: turn.said_at.unwrap_or(self.now),
            created_at: self.now,
            client_turn_id,
            metadata: turn.metadata,
            forgotten: false,
        };
        self.new.push((turn, content));
    }

    fn repeat(&mut self, known: &Idempotency) {
        self.answers.push(AppendedTurn {
            sequence: known.sequence,
            client_turn_id: known.client_turn_id.clone(),
            repeated: true,
        });
    }

    fn into_answer(self, head: &Head) -> Appended {
        Appended { turns: self.answers, revision: head.revision, last_sequence: head.last_sequence }
    }
}

/// Hash of a turn as it was given: what makes two appends the same.
pub(crate) fn content_hash(turn: &NewTurn) -> Result<[u8; 32], EngineError> {
    let given = (&turn.role, &turn.speaker, &turn.parts, &turn.said_at, &turn.metadata);
    Ok(*blake3::hash(&encode(&given)?).as_bytes())
}
