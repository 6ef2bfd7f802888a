//! The pins of a window: the facts that hold as of a turn, or, for a question
//! about change or history, all of them, marked.

use super::{Engine, EngineError, PinnedFact, search::Scope};
use crate::{
    context::{Pin, PinMark},
    facts::{Fact, Retirement},
    turn::{Role, Sequence},
};

/// What becomes of facts that hold no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetiredPins {
    /// They are left out.
    LeftOut,
    /// They stand marked.
    Marked,
}

impl Engine {
    /// The pins of a conversation with their authority, newest first, as they
    /// stood after a turn, or now.
    pub(super) fn pins(
        &self,
        own: &Scope,
        as_of: Option<Sequence>,
        retired: RetiredPins,
    ) -> Result<Vec<Pin>, EngineError> {
        if own.head.facts == 0 {
            return Ok(Vec::new());
        }
        let (tenant, id) = (&own.branch.tenant, &own.branch.conversation);
        let cell = self.heads.cell(tenant, id)?;
        // Now, nothing is left out that was pinned since the newest turn.
        let as_of = as_of.unwrap_or(Sequence::MAX);
        let mut facts = self.standing_facts(&cell, &own.head, as_of)?;
        facts.reverse();
        let mut pins = Vec::with_capacity(facts.len());
        for pinned in &facts {
            let is_retired = pinned.standing.retired.is_some();
            if is_retired && retired == RetiredPins::LeftOut {
                continue;
            }
            let source = match pinned.fact.source {
                Some(sequence) => {
                    let turn = self.read_turn(&own.branch, sequence)?;
                    // Forgotten meanwhile; without it the pin has no authority.
                    let Some(turn) = turn.filter(|turn| !turn.forgotten) else { continue };
                    Some(turn)
                }
                None => None,
            };
            let mut fact = pinned.fact.clone();
            // What holds no more must not push out what does.
            fact.required &= !is_retired;
            pins.push(Pin {
                authority: source.as_ref().map_or(Role::System, |turn| turn.role),
                said_at: source.map(|turn| turn.said_at),
                mark: mark(pinned, &facts),
                fact,
            });
        }
        Ok(pins)
    }
}

/// What is to be said of a fact beside its words.
fn mark(pinned: &PinnedFact, all: &[PinnedFact]) -> Option<PinMark> {
    let Some(end) = &pinned.standing.retired else {
        if pinned.standing.withdraws {
            return Some(PinMark::Withdrawn { on: pinned.fact.valid_from });
        }
        let higher = pinned.standing.contradicts.first()?;
        let higher = all.iter().find(|other| other.fact.id == *higher)?;
        return Some(PinMark::Overruled { by: words(&higher.fact).to_owned() });
    };
    Some(match end.why {
        Retirement::Superseded => PinMark::Replaced { on: end.at, by: end.value.clone() },
        Retirement::Expired => PinMark::Expired { on: end.at },
        Retirement::Dependency => PinMark::Unfounded { on: end.at },
    })
}

fn words(fact: &Fact) -> &str {
    if fact.says.value.trim().is_empty() { &fact.text } else { &fact.says.value }
}
