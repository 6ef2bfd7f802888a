//! Measures turns when they are scored and searchable.
//!
//! Invariant: what is measured of a turn is a function of the turns up to it, of
//! the events that they brought, and of the facts that were known by then, however
//! many turns are measured at a time.

use std::ops::ControlFlow;

use super::cohort_digests::touch;
use crate::{
    degradation::{
        SIGNALS_VERSION, Signal, TurnSignals,
        detect::{self, Known, MEMORY_TURNS, SaidTurn},
    },
    engine::{
        Engine, EngineError, PinnedFact,
        catalog::part_of,
        heads::Cell,
        records::{Head, encode},
        source::decode_vector,
        turns::{scan_turns, segment_of},
    },
    facts::Fact,
    index::Branch,
    staleness::{EdgeKind, SHOWN_CONFIDENCE, Timeline},
    store::{Batch, Direction, keys, keys::Kind},
    turn::{ConversationId, Role, Sequence, TenantId},
};

/// Turns that are measured and written at a time.
const TURNS_PER_STEP: u64 = 256;
/// Tokens that a chat template adds to each message; see
/// [`TemplateOverhead`](crate::context::TemplateOverhead).
const MESSAGE_TOKENS: u64 = 4;

impl Engine {
    /// Measures turns that were scored: the records to write, and what stands in them;
    /// none where measuring is switched off. Reads texts: blocking.
    ///
    /// # Errors
    /// `Store`.
    pub(crate) fn measure_turns(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<(Batch, Vec<TurnSignals>), EngineError> {
        let (mut batch, mut measured) = (Batch::new(), Vec::new());
        if !self.degradation {
            return Ok((batch, measured));
        }
        let cell = self.heads.cell(tenant, id)?;
        let mut next = from;
        while next <= until {
            let last = until.min(next + TURNS_PER_STEP - 1);
            let Some(head) = cell.stored() else { break };
            measured.extend(self.measure(&cell, &head, next, last)?);
            next = last + 1;
        }
        for signals in &measured {
            let key = keys::at_sequence(tenant, id, Kind::Signals, signals.sequence);
            batch.put(key, encode(signals)?);
        }
        if !measured.is_empty() {
            touch(&mut batch, tenant, id)?;
        }
        Ok((batch, measured))
    }

    /// Turns of `owner` were measured for the first time.
    pub(crate) fn measured_first(&self, tenant: &TenantId, owner: &ConversationId) {
        self.healths.tell(tenant, owner);
    }

    /// What is measured of the turns of `owner` from a turn on was written anew: who
    /// has looked at them looks again.
    pub(crate) fn measured_again(&self, tenant: &TenantId, owner: &ConversationId, from: Sequence) {
        self.healths.rewritten(tenant, owner, from);
    }

    fn measure(
        &self,
        cell: &Cell,
        head: &Head,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<TurnSignals>, EngineError> {
        let branch = &cell.branch(head);
        let first = from.saturating_sub(MEMORY_TURNS as u64).max(1);
        let turns = self.said_turns(branch, first, until)?;
        let is_pinned = head.facts > 0 && !head.deleted;
        let facts = if is_pinned { self.read_facts(&cell.tenant, &cell.id)? } else { Vec::new() };
        let ledger = self.ledgers.of(&self.store, branch, until)?;
        let timeline = ledger.covering(&self.store, until)?;
        let tokens = self.history_tokens(branch, until)?;
        let cosine = |a, b| self.cosine(branch, a, b);
        let mut measured = Vec::new();
        for (at, turn) in turns.iter().enumerate().filter(|(_, turn)| turn.sequence >= from) {
            let first = turn.sequence.saturating_sub(MEMORY_TURNS as u64);
            let first = turns.partition_point(|other| other.sequence < first);
            let earlier = turns.get(first..at).unwrap_or_default();
            let known = self.known_pins((cell, head), &facts, turn)?;
            let (history_tokens, stale_share) = history(&tokens, &timeline, turn.sequence);
            measured.push(TurnSignals {
                version: SIGNALS_VERSION,
                sequence: turn.sequence,
                role: turn.role,
                history_tokens,
                stale_share,
                user_repeats: detect::repeats(turn, earlier, &cosine),
                user_corrects: detect::corrects(turn, earlier),
                assistant_reasks: detect::reasks(turn, Known { earlier, pins: &known }),
                assistant_contradicts: contradicts(turn, earlier, &known, &timeline),
                instruction_broken: detect::instructions::breaks(turn, &known),
            });
        }
        Ok(measured)
    }

    /// The turns of a range, forgotten ones left out.
    fn said_turns(
        &self,
        branch: &Branch,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<SaidTurn>, EngineError> {
        let mut said = Vec::new();
        let part = part_of(branch, from, until);
        scan_turns(&self.store, &part, from, until, Direction::Forward, &mut |turn| {
            if !turn.forgotten {
                let text = turn.searchable_text();
                said.push(SaidTurn::of(turn.sequence, turn.role, text));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(said)
    }

    /// How near the first passages of two turns are, where both are embedded.
    fn cosine(&self, branch: &Branch, one: Sequence, other: Sequence) -> Option<f32> {
        let vector = |sequence| {
            let segment = segment_of(branch, sequence)?;
            let key = keys::vector(&branch.tenant, &segment.conversation, sequence, 0);
            // What cannot be read is not near.
            self.store.get(&key).ok().flatten().map(|bytes| decode_vector(&bytes))
        };
        let (a, b) = (vector(one)?, vector(other)?);
        (a.len() == b.len()).then(|| a.iter().zip(b.iter()).map(|(a, b)| a * b).sum())
    }

    /// The facts of a conversation that were known before a turn and hold after it. An
    /// instruction for the answer may stand in the turn just before it.
    fn known_pins(
        &self,
        (cell, head): (&Cell, &Head),
        facts: &[Fact],
        turn: &SaidTurn,
    ) -> Result<Vec<Fact>, EngineError> {
        // Only answers are held against pins.
        if facts.is_empty() || turn.role != Role::Assistant {
            return Ok(Vec::new());
        }
        let holds = |pinned: &PinnedFact| {
            let told = pinned.fact.told().unwrap_or(pinned.fact.known_turn);
            pinned.standing.retired.is_none() && told < turn.sequence
        };
        match self.stand(cell, head, facts.to_vec(), turn.sequence) {
            Ok(all) => Ok(all.into_iter().filter(holds).map(|pinned| pinned.fact).collect()),
            // Deleted meanwhile.
            Err(EngineError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Tokens of every turn of a branch as a message, by sequence - 1.
    fn history_tokens(&self, branch: &Branch, until: Sequence) -> Result<Vec<u64>, EngineError> {
        let catalog = self.catalogs.of(branch);
        let state = catalog.covering(&self.store, until, self.counter.as_ref())?;
        let costs = state.costs(self.counter.name()).iter().take(until as usize);
        let tokens = |blank, verbatim| if blank { 0 } else { u64::from(verbatim) + MESSAGE_TOKENS };
        Ok(costs.map(|cost| tokens(cost.is_blank(), cost.verbatim)).collect())
    }
}

/// Tokens of the history up to a turn, and the share of them that is stale.
fn history(tokens: &[u64], timeline: &Timeline, at: Sequence) -> (u64, Option<f32>) {
    let all: u64 = tokens.iter().take(at as usize).sum();
    let of = |sequence: Sequence| tokens.get(sequence as usize - 1).copied().unwrap_or(0);
    let stale: u64 = timeline.stale_turns(at).filter(|stale| *stale > 0).map(of).sum();
    (all, (all > 0).then(|| (stale as f64 / all as f64) as f32))
}

/// By the edges of staleness for what the assistant said before, by the model
/// for pins.
fn contradicts(
    turn: &SaidTurn,
    earlier: &[SaidTurn],
    pins: &[Fact],
    timeline: &Timeline,
) -> Signal {
    let of_assistant = |sequence: Sequence| {
        let said = earlier.iter().find(|turn| turn.sequence == sequence);
        said.is_some_and(|turn| turn.role == Role::Assistant)
    };
    let edges = timeline.edges_from(turn.sequence).filter(|edge| {
        edge.kind == EdgeKind::Contradicts
            && edge.confidence >= SHOWN_CONFIDENCE
            && of_assistant(edge.earlier)
    });
    let surest = edges.max_by(|a, b| a.confidence.total_cmp(&b.confidence));
    let itself = surest.map(|edge| (edge.earlier, edge.confidence));
    detect::contradicts(turn, earlier, pins, itself)
}
