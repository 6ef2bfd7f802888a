//! Reading turns along a branch, and taking in those of an export.

use std::{collections::HashSet, ops::ControlFlow, sync::Arc};

use super::{
    Engine, EngineError, FieldViolation, ListTurns, TurnPage,
    append::content_hash,
    forget::erase,
    records::{Idempotency, OutboxEntry, Task, decode, encode},
    turn_cache::Kept,
    validate,
};
use crate::{
    index::{Branch, Segment},
    store::{Batch, Direction, Store, StoreError, Visited, keys, keys::Kind},
    turn::{ConversationId, NewTurn, OpaqueSource, Part, Sequence, TenantId, Turn},
    usage::Usage,
};

impl Engine {
    /// Lists turns in order, forgotten ones (empty) among them.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn list_turns(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        which: ListTurns,
    ) -> Result<TurnPage, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let head = cell.head()?;
        let branch = cell.branch(&head);
        let last = head.last_sequence;
        let (from, until, direction) = match (which.descending, which.from) {
            (false, from) => (from.max(1), last, Direction::Forward),
            (true, 0) => (1, last, Direction::Backward),
            (true, from) => (1, from.min(last), Direction::Backward),
        };
        let mut turns: Vec<Arc<Turn>> = Vec::new();
        let mut bytes = 0;
        let mut next = None;
        scan_turns(&self.store, &branch, from, until, direction, &mut |turn| {
            let size = turn_bytes(&turn);
            if !turns.is_empty() && (turns.len() == which.limit || bytes + size > which.max_bytes) {
                next = Some(turn.sequence);
                return Ok(ControlFlow::Break(()));
            }
            bytes += size;
            turns.push(Arc::new(turn));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(TurnPage { turns, next, revision: head.revision })
    }

    /// Takes turns of an export into a conversation: sequences go on densely
    /// from its newest, times and ids are kept, forgotten places stay taken.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `LimitReached`, `Store`.
    pub async fn import_turns(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        turns: Vec<Turn>,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        validate::imported(&turns, &self.limits)?;
        let branch = cell.branch(&head);
        let mut client_turn_ids = HashSet::new();
        let mut next = self.touched(&head);
        let mut batch = Batch::new();
        for turn in &turns {
            let name = &turn.client_turn_id;
            if !client_turn_ids.insert(name) || self.idempotency(&branch, name)?.is_some() {
                return Err(EngineError::invalid(
                    "turn.client_turn_id",
                    format!("of sequence {} stands on an earlier turn", turn.sequence),
                ));
            }
            if turn.sequence != next.last_sequence + 1 {
                return Err(EngineError::Invalid(vec![FieldViolation::new(
                    "turn.name",
                    format!("sequence {} follows {}", turn.sequence, next.last_sequence),
                )]));
            }
            next.last_sequence = turn.sequence;
            let content = if turn.forgotten { None } else { Some(content_hash(&given(turn))?) };
            let known = Idempotency {
                client_turn_id: turn.client_turn_id.clone(),
                sequence: turn.sequence,
                content,
            };
            let stored = if turn.forgotten { &erase(turn) } else { turn };
            let name = name.as_bytes();
            batch.put(keys::by_digest(tenant, id, Kind::Idempotency, name), encode(&known)?);
            batch.put(keys::at_sequence(tenant, id, Kind::Turn, turn.sequence), encode(stored)?);
        }
        if next.last_sequence == head.last_sequence {
            return Ok(());
        }
        self.check_room(&head, next.last_sequence - head.last_sequence)?;
        let first = head.last_sequence + 1;
        batch.put(keys::at_sequence(tenant, id, Kind::Revision, first), encode(&next.revision)?);
        let task = Task::Derive { from: head.last_sequence + 1, until: next.last_sequence };
        let entry = OutboxEntry { tenant: tenant.clone(), owner: id.clone(), task };
        let queued = self.enqueue(&mut batch, entry)?;
        let amounts =
            Usage { turns: turns.len() as u64, bytes: batch.bytes() as u64, ..Usage::default() };
        self.commit_head(writer, next, batch, Some(queued)).await?;
        self.meter.add(tenant, Some(id), &amounts);
        Ok(())
    }

    /// Reads one turn of a branch; forgotten ones come back empty.
    pub(super) fn read_turn(
        &self,
        branch: &Branch,
        sequence: Sequence,
    ) -> Result<Option<Turn>, StoreError> {
        let Some(segment) = segment_of(branch, sequence) else { return Ok(None) };
        let key = keys::at_sequence(&branch.tenant, &segment.conversation, Kind::Turn, sequence);
        match self.store.get(&key)? {
            Some(bytes) => Ok(Some(decode(&key, &bytes)?)),
            None => Ok(None),
        }
    }

    /// The same for a turn that windows show: those of the last ones are in memory.
    pub(super) fn shown_turn(
        &self,
        branch: &Branch,
        sequence: Sequence,
    ) -> Result<Option<Arc<Turn>>, StoreError> {
        let kept = self.kept_turn(branch, sequence)?;
        Ok(kept.map(|kept| Arc::clone(&kept.turn)))
    }

    /// The same, with what was read of it.
    pub(super) fn kept_turn(
        &self,
        branch: &Branch,
        sequence: Sequence,
    ) -> Result<Option<Arc<Kept>>, StoreError> {
        let Some(segment) = segment_of(branch, sequence) else { return Ok(None) };
        let read = || self.read_turn(branch, sequence);
        self.turn_cache.get((&branch.tenant, &segment.conversation, sequence), read)
    }
}

/// The segment that holds a sequence.
pub(crate) fn segment_of(branch: &Branch, sequence: Sequence) -> Option<&Segment> {
    branch.segments.iter().find(|segment| (segment.from..=segment.until).contains(&sequence))
}

/// Visits the turns `from..=until` of a branch in order, until `visit` breaks or fails.
pub(crate) fn scan_turns(
    store: &Store,
    branch: &Branch,
    from: Sequence,
    until: Sequence,
    direction: Direction,
    visit: &mut dyn FnMut(Turn) -> Visited,
) -> Result<(), StoreError> {
    let mut segments: Vec<&Segment> = branch.segments.iter().collect();
    if direction == Direction::Backward {
        segments.reverse();
    }
    for segment in segments {
        let (low, high) = (segment.from.max(from), segment.until.min(until));
        if low > high {
            continue;
        }
        let at = |sequence| {
            keys::at_sequence(&branch.tenant, &segment.conversation, Kind::Turn, sequence)
        };
        let (_, end) = keys::prefix_range(&at(high));
        let mut flow = ControlFlow::Continue(());
        store.scan(&at(low), &end, direction, &mut |key, value| {
            flow = visit(decode(key, &value)?)?;
            Ok(flow)
        })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// A stored turn as it was given.
pub(super) fn given(turn: &Turn) -> NewTurn {
    NewTurn {
        role: turn.role,
        speaker: turn.speaker.clone(),
        parts: turn.parts.clone(),
        said_at: Some(turn.said_at),
        client_turn_id: Some(turn.client_turn_id.clone()),
        metadata: turn.metadata.clone(),
    }
}

/// About what a turn takes on the wire.
fn turn_bytes(turn: &Turn) -> usize {
    let parts = turn.parts.iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::ToolCall { call_id, name, arguments_json } => {
            call_id.len() + name.len() + arguments_json.len()
        }
        Part::ToolResult { call_id, content } => call_id.len() + content.len(),
        Part::Opaque { media_type, source, .. } => {
            media_type.len()
                + match source {
                    OpaqueSource::Data(data) => data.len(),
                    OpaqueSource::Uri(uri) => uri.len(),
                }
        }
    });
    parts.sum::<usize>() + turn.metadata.len() + 256
}
