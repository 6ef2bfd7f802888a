//! What an answer about a turn says beyond the events of turns: that a pinned fact
//! took its place, and the words by which its time has passed.
//!
//! Invariant: as of a turn, of facts only what they had replaced by then.

use super::{Engine, EngineError, PinnedFact, StandingFacts, scopes::Scope, staleness::words};
use crate::{
    facts::{Cause, TurnMark},
    staleness::{EdgeKind, Replacement, Staleness, StalenessKind, Timeline},
    turn::Sequence,
};

impl Engine {
    /// How stale a turn of a conversation is, by its turns and its facts as they
    /// stood after `as_of`.
    pub(super) fn staleness_with_facts(
        &self,
        scope: &Scope,
        timeline: &Timeline,
        facts: &StandingFacts,
        (sequence, as_of): (Sequence, Sequence),
    ) -> Result<Staleness, EngineError> {
        let mark = facts.turn_marks().get(&sequence);
        let by_fact = mark.map(|mark| replacement(mark, facts, timeline));
        // What an edge of the same turn says as surely is counted with the edges.
        let is_drawn = |by_fact: &Replacement| {
            let mut edges = timeline.edges_to(sequence, as_of);
            edges.any(|(later, edge)| {
                by_fact.cause == Some(later)
                    && edge.kind == EdgeKind::Supersedes
                    && edge.confidence >= by_fact.confidence
            })
        };
        let by_fact = by_fact.filter(|by_fact| !is_drawn(by_fact));
        let joint = |confidences: &[f32]| self.detector.superseded(confidences);
        let mut staleness = timeline.staleness_beside(sequence, as_of, &joint, by_fact.as_ref());
        self.quote_expiry(scope, timeline, sequence, &mut staleness)?;
        Ok(staleness)
    }

    /// Adds the words of a turn that say until when it holds.
    pub(super) fn quote_expiry(
        &self,
        scope: &Scope,
        timeline: &Timeline,
        sequence: Sequence,
        staleness: &mut Staleness,
    ) -> Result<(), EngineError> {
        let expired =
            staleness.components.iter_mut().find(|one| one.kind == StalenessKind::Expired);
        let (Some(expired), Some((_, _, span))) = (expired, timeline.expiry(sequence)) else {
            return Ok(());
        };
        let turn = self.shown_turn(&scope.branch, sequence)?;
        let said = turn.map(|turn| words(&turn, Some(span))).filter(|said| !said.is_empty());
        if let Some(said) = said {
            expired.reason += &format!(" (“{said}”)");
        }
        Ok(())
    }
}

/// What a fact has replaced, as evidence; it names the turn that the fact comes
/// from, if it comes from one.
fn replacement(mark: &TurnMark, facts: &StandingFacts, timeline: &Timeline) -> Replacement {
    let (who, cause) = match &mark.by {
        Cause::Turn(turn) => (format!("turn {turn}"), Some(*turn)),
        Cause::Fact(id) => {
            let fact = facts.iter().find(|pinned| pinned.fact.id == *id);
            ("a pinned fact".to_owned(), fact.and_then(|pinned| pinned.fact.source))
        }
    };
    let reason = match mark.later_value.as_str() {
        "" => format!("{who} replaced it"),
        value => format!("{who} replaced it: {value:?}"),
    };
    let confidence = mark.confidence * of_what_it_repeats(mark, facts, timeline);
    Replacement { confidence, reason, cause }
}

/// How sure it is that the fact which a marked turn repeats was replaced; 1 for a
/// turn that repeats none, and that a fact replaced itself.
fn of_what_it_repeats(mark: &TurnMark, facts: &StandingFacts, timeline: &Timeline) -> f32 {
    let of_fact = |pinned: &PinnedFact| -> Option<f32> {
        let says = pinned.fact.turns.iter().filter(|link| link.bears.is_none());
        let turns: Vec<Sequence> = says.map(|link| link.turn).collect();
        let ended = pinned.standing.retired.as_ref().and_then(|end| end.by.as_ref());
        if ended != Some(&mark.by) || !turns.contains(&mark.turn) {
            return None;
        }
        let edges = pinned.fact.edges.iter().filter(|edge| edge.later == mark.by);
        // A turn that replaced another which says the same.
        let by_turn = match &mark.by {
            Cause::Turn(by) => Some(timeline.edges_from(*by)),
            Cause::Fact(_) => None,
        };
        let by_turn = by_turn
            .into_iter()
            .flatten()
            .filter(|edge| edge.kind == EdgeKind::Supersedes && turns.contains(&edge.earlier));
        let by_turn = by_turn.map(|edge| edge.confidence);
        edges.map(|edge| edge.confidence).chain(by_turn).reduce(f32::max)
    };
    facts.iter().filter_map(of_fact).reduce(f32::max).unwrap_or(1.0)
}
