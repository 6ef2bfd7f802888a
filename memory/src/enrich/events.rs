//! Drawing the staleness events of new turns.
//!
//! What a branch's earlier turns look like is kept in memory for the branches in
//! use, and read back from turns and vectors when it is not. A fork begins with
//! its parent's turns.
//!
//! Invariant: turns of a branch are drawn in order; one that is drawn again
//! sees the turns before it and none behind it.

use std::{ops::ControlFlow, sync::Arc};

use parking_lot::Mutex;

use crate::{
    embed::Vector,
    engine::{
        records::encode,
        source::decode_vector,
        turns::{scan_turns, segment_of},
    },
    index::Branch,
    staleness::{
        Detect, EdgeKind, Event, Follow, Recall, SHOWN_CONFIDENCE, Statement, TurnEvents, TurnText,
    },
    store::{Batch, Direction, Store, StoreError, keys, keys::Kind},
    turn::{ConversationId, Role, Sequence, TenantId, Turn},
};

/// Memory for the earlier turns of branches in use, bytes.
const RECALL_BYTES: u64 = 256 << 20;
/// Text of a turn that is compared, bytes; the rest is not read.
const COMPARED_BYTES: usize = 8 << 10;

/// A branch's earlier turns in memory.
struct Remembered {
    branch: Branch,
    memory: Mutex<Memory>,
}

struct Memory {
    recall: Recall,
    follow: Box<dyn Follow>,
}

/// A turn with the vector of its first passage.
pub(crate) struct Drawn<'a> {
    pub(crate) turn: &'a Turn,
    pub(crate) vector: Option<&'a [f32]>,
}

/// Draws events.
pub(crate) struct Drawer {
    store: Arc<Store>,
    detector: Arc<dyn Detect>,
    recent: moka::sync::Cache<(TenantId, ConversationId), Arc<Remembered>>,
}

impl Drawer {
    pub(crate) fn new(store: Arc<Store>, detector: Arc<dyn Detect>) -> Self {
        let weight = |_: &(TenantId, ConversationId), remembered: &Arc<Remembered>| {
            u32::try_from(remembered.memory.lock().recall.bytes()).unwrap_or(u32::MAX)
        };
        let recent =
            moka::sync::Cache::builder().weigher(weight).max_capacity(RECALL_BYTES).build();
        Self { store, detector, recent }
    }

    /// Adds the records of turns that follow each other on a branch, in order.
    /// Blocking: reads the earlier turns if they are not in memory.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn draw(
        &self,
        branch: &Branch,
        owner: &ConversationId,
        turns: &[Drawn<'_>],
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let Some(first) = turns.first().map(|drawn| drawn.turn.sequence) else { return Ok(()) };
        let key = (branch.tenant.clone(), owner.clone());
        let known = self.recent.get(&key);
        let known = known.filter(|known| known.memory.lock().recall.last() < first);
        let remembered = known.unwrap_or_else(|| {
            let memory = Memory { recall: Recall::default(), follow: self.detector.follow() };
            Arc::new(Remembered { branch: branch.clone(), memory: Mutex::new(memory) })
        });
        {
            let mut memory = remembered.memory.lock();
            self.catch_up(branch, &mut memory, first)?;
            for drawn in turns {
                let events = match statement(&memory.recall, drawn.turn, drawn.vector) {
                    Some(new) => self.events(branch, &mut memory, new)?,
                    None => Vec::new(),
                };
                let Turn { sequence, said_at, .. } = *drawn.turn;
                let version = self.detector.version();
                let record = TurnEvents { version, sequence, said_at, events };
                let at = keys::at_sequence(&branch.tenant, owner, Kind::Events, sequence);
                batch.put(at, encode(&record)?);
            }
        }
        // Put in again, so that the cache weighs what it has grown by.
        self.recent.insert(key, remembered);
        Ok(())
    }

    /// Drops what is in memory of branches that show turns of `owner`.
    pub(crate) fn invalidate_owner(&self, tenant: &TenantId, owner: &ConversationId) {
        for (key, remembered) in &self.recent {
            let shows = remembered.branch.tenant == *tenant
                && remembered.branch.segments.iter().any(|s| s.conversation == *owner);
            if shows {
                self.recent.invalidate(&*key);
            }
        }
    }

    /// Reads what is missing before `first`.
    fn catch_up(
        &self,
        branch: &Branch,
        memory: &mut Memory,
        first: Sequence,
    ) -> Result<(), StoreError> {
        let from = memory.recall.last() + 1;
        // Turns of others and forgotten ones stand between, so twice as many.
        let followed = first.saturating_sub(2 * self.detector.memory_turns() as u64);
        if from < first {
            self.read(branch, from, first - 1, &mut |turn, vector| {
                if let Some(statement) = statement(&memory.recall, turn, vector) {
                    if turn.sequence >= followed {
                        memory.follow.pass(&statement);
                    }
                    memory.recall.push(Arc::new(statement));
                }
            })?;
        }
        Ok(())
    }

    /// Compares a turn with those before it, and takes it in.
    fn events(
        &self,
        branch: &Branch,
        memory: &mut Memory,
        new: Statement,
    ) -> Result<Vec<Event>, StoreError> {
        let candidates = memory.recall.candidates(&new);
        let mut earlier = Vec::with_capacity(candidates.len());
        for sequence in candidates {
            earlier.extend(self.statement_of(branch, &mut memory.recall, sequence)?);
        }
        let new = Arc::new(new);
        let mut events = memory.follow.events(&new, &earlier);
        let answered = self.answered(branch, &mut memory.recall, &events, &earlier)?;
        if !answered.is_empty() {
            events.extend(memory.follow.echoes(&new, &events, &answered));
        }
        memory.recall.push(new);
        Ok(events)
    }

    /// The turns that were clearly replaced, each with the one right behind it, where
    /// that was not compared: what answered a turn from far back.
    fn answered(
        &self,
        branch: &Branch,
        recall: &mut Recall,
        events: &[Event],
        earlier: &[Arc<Statement>],
    ) -> Result<Vec<Arc<Statement>>, StoreError> {
        let mut turns: Vec<Arc<Statement>> = Vec::new();
        let edges = events.iter().filter_map(Event::edge).filter(|edge| {
            edge.kind == EdgeKind::Supersedes && edge.confidence >= SHOWN_CONFIDENCE
        });
        for edge in edges {
            let next = recall.after(edge.earlier);
            let next = next.filter(|next| earlier.iter().all(|turn| turn.sequence != *next));
            let replaced = earlier.iter().find(|turn| turn.sequence == edge.earlier);
            if let (Some(next), Some(replaced)) = (next, replaced)
                && let Some(answer) = self.statement_of(branch, recall, next)?
            {
                turns.extend([Arc::clone(replaced), answer]);
            }
        }
        turns.sort_by_key(|turn| turn.sequence);
        turns.dedup_by_key(|turn| turn.sequence);
        Ok(turns)
    }

    /// An earlier statement, read again if it is not kept.
    fn statement_of(
        &self,
        branch: &Branch,
        recall: &mut Recall,
        sequence: Sequence,
    ) -> Result<Option<Arc<Statement>>, StoreError> {
        if let Some(kept) = recall.statement(sequence) {
            return Ok(Some(kept));
        }
        let before = recall.before(sequence).unwrap_or(sequence);
        let mut last: Option<Statement> = None;
        for wanted in [before, sequence] {
            self.read(branch, wanted, wanted, &mut |turn, vector| {
                last = Some(Statement::of(
                    &text_of(turn, &turn.searchable_text(), vector),
                    last.as_ref(),
                ));
            })?;
        }
        let read = last.filter(|statement| statement.sequence == sequence).map(Arc::new);
        if let Some(statement) = &read {
            recall.keep(Arc::clone(statement));
        }
        Ok(read)
    }

    /// Visits turns of a branch in order, each with its first vector.
    fn read(
        &self,
        branch: &Branch,
        from: Sequence,
        until: Sequence,
        visit: &mut dyn FnMut(&Turn, Option<&[f32]>),
    ) -> Result<(), StoreError> {
        scan_turns(&self.store, branch, from, until, Direction::Forward, &mut |turn| {
            let vector = self.first_vector(branch, turn.sequence)?;
            if !turn.forgotten {
                visit(&turn, vector.as_deref());
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn first_vector(
        &self,
        branch: &Branch,
        sequence: Sequence,
    ) -> Result<Option<Vector>, StoreError> {
        let Some(segment) = segment_of(branch, sequence) else { return Ok(None) };
        let key = keys::vector(&branch.tenant, &segment.conversation, sequence, 0);
        Ok(self.store.get(&key)?.map(|bytes| decode_vector(&bytes)))
    }

    /// Turns that `owner` stores, to be drawn again: read with their vectors.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn draw_again(
        &self,
        branch: &Branch,
        owner: &ConversationId,
        from: Sequence,
        until: Sequence,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let mut read: Vec<(Turn, Option<Vector>)> = Vec::new();
        self.read(branch, from, until, &mut |turn, vector| {
            read.push((turn.clone(), vector.map(Vector::from)));
        })?;
        let turns: Vec<Drawn<'_>> =
            read.iter().map(|(turn, vector)| Drawn { turn, vector: vector.as_deref() }).collect();
        self.draw(branch, owner, &turns, batch)
    }
}

/// What is compared of a turn; nothing for a turn of the application or a tool.
fn statement(recall: &Recall, turn: &Turn, vector: Option<&[f32]>) -> Option<Statement> {
    if !matches!(turn.role, Role::User | Role::Assistant) || turn.forgotten {
        return None;
    }
    let before = recall.before(turn.sequence).and_then(|sequence| recall.statement(sequence));
    Some(Statement::of(&text_of(turn, &turn.searchable_text(), vector), before.as_deref()))
}

fn text_of<'a>(turn: &'a Turn, text: &'a str, vector: Option<&'a [f32]>) -> TurnText<'a> {
    let end = text.floor_char_boundary(COMPARED_BYTES);
    TurnText {
        sequence: turn.sequence,
        role: turn.role,
        speaker: &turn.speaker,
        said_at: turn.said_at,
        text: text.get(..end).unwrap_or(text),
        vector,
    }
}
