//! What an answer about a turn says beyond the events of turns: that a pinned fact
//! took its place, and the words by which its time has passed.
//!
//! Invariant: as of a turn, of facts only what they had replaced by then.

use super::{Engine, EngineError, StandingFacts, scopes::Scope, staleness::words};
use crate::{
    facts::{Cause, TurnMark},
    staleness::{Replacement, Staleness, StalenessKind, Timeline},
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
        let by_fact = facts.turn_marks().get(&sequence).map(|mark| replacement(mark, facts));
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
fn replacement(mark: &TurnMark, facts: &StandingFacts) -> Replacement {
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
    Replacement { confidence: mark.confidence, reason, cause }
}
