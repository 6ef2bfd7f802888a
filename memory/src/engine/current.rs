//! The current statement first: where search finds a turn that was certainly replaced
//! near the top, what stands now is lifted to just above it. The replaced turn stays
//! right behind, and nothing else moves.
//!
//! A less certain replacement moves nothing by itself: when it was drawn nobody knew
//! what would be asked. It is a cue for the order by the question
//! ([`super::newer_first`]).

use super::{Engine, EngineError, marks::CERTAIN_CONFIDENCE, search::Gathered};
use crate::retrieval::Ranking;

/// Ranks that are looked at for replaced turns.
const LOOKED_AT: usize = 50;
/// Ranks behind the replaced turn from which a current one is lifted: one that
/// matches far worse would push out what the question is about.
const LIFTED_FROM: usize = 40;

impl Engine {
    /// Lifts current statements over what they replaced.
    pub(super) fn current_first(
        &self,
        gathered: &Gathered,
        ranking: &mut Ranking,
    ) -> Result<(), EngineError> {
        let mut at = 0;
        while at < LOOKED_AT {
            let Some(ranked) = ranking.order().get(at).copied() else { break };
            let Some(scope) = gathered.scopes.get(ranked.conversation) else { break };
            let ledger = self.ledger(scope)?;
            let timeline = ledger.covering(&self.store, self.scored(scope)?)?;
            let (sequence, as_of) = (ranked.sequence, scope.head.last_sequence);
            let certain = timeline
                .replaced_by(sequence, as_of)
                .is_some_and(|(_, edge)| edge.confidence >= CERTAIN_CONFIDENCE);
            let current = certain.then(|| timeline.current(sequence, as_of)).flatten();
            drop(timeline);
            let found = current.and_then(|current| {
                ranking.order().iter().skip(at).take(LIFTED_FROM).position(|other| {
                    other.conversation == ranked.conversation && other.sequence == current
                })
            });
            if let Some(behind) = found {
                ranking.lift(at + behind, at);
                // The replaced turn stands behind it now.
                at += 1;
            }
            at += 1;
        }
        Ok(())
    }
}
