//! The pins of a window: the facts that hold as of a turn, or, for a question
//! about change or history, those of the caller that do not too, marked.

use super::{Engine, EngineError, PinnedFact, scopes::Scope};
use crate::{
    context::{Pin, PinMark},
    facts::{Fact, Origin, Retirement, detect},
    retrieval::TurnTraits,
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
    /// The pins of a conversation and those of its user with their authority,
    /// most useful first, as they stood after a turn, or now.
    pub(super) fn pins(
        &self,
        own: &Scope,
        as_of: Option<Sequence>,
        retired: RetiredPins,
    ) -> Result<Vec<Pin>, EngineError> {
        let mut pins = self.own_pins(own, as_of, retired)?;
        let of_others = self.user_pins(own, as_of, &pins)?;
        pins.extend(of_others);
        // The caller's, the newest first; the detector's, the surest first.
        pins.sort_by(|a, b| {
            let surest = |pin: &Pin| match pin.fact.origin {
                Origin::Caller => None,
                Origin::Detector { probability, .. } => {
                    Some(detect::use_of(&pin.fact, probability, Sequence::MAX))
                }
            };
            match (surest(a), surest(b)) {
                (None, None) => std::cmp::Ordering::Equal,
                (None, Some(_)) => std::cmp::Ordering::Less,
                (Some(_), None) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => b.total_cmp(&a),
            }
        });
        Ok(pins)
    }

    /// The pins of a conversation, newest first.
    fn own_pins(
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
        let facts = self.standing_facts(&cell, &own.head, as_of)?;
        let turns = own.catalog.covering(&self.store, own.head.last_sequence, &*self.counter)?;
        let mut pins = Vec::with_capacity(facts.len());
        for pinned in facts.iter().rev() {
            let is_retired = pinned.standing.retired.is_some();
            let is_left_out = is_retired && retired == RetiredPins::LeftOut;
            // What the detector found and does not hold is no news to anybody.
            let is_old = is_retired && pinned.fact.origin.is_detector();
            if is_left_out || is_old || pinned.standing.displaced {
                continue;
            }
            let mark = mark(pinned, &facts);
            pins.extend(pin_of(turns.traits(), &pinned.fact, is_retired, mark));
        }
        Ok(pins)
    }
}

/// A fact as a pin; nothing if its source was forgotten meanwhile: without it the pin
/// has no authority. `turns` are those of its branch, by sequence - 1.
pub(super) fn pin_of(
    turns: &[TurnTraits],
    fact: &Fact,
    is_retired: bool,
    mark: Option<PinMark>,
) -> Option<Pin> {
    let source = match fact.source {
        Some(sequence) => {
            let place = usize::try_from(sequence).ok()?.checked_sub(1)?;
            Some(turns.get(place).filter(|turn| !turn.forgotten)?)
        }
        None => None,
    };
    let words = fact.text.split_whitespace().count();
    // A caller's text need not be the turn's.
    let is_verbatim = fact.origin.is_detector();
    let whole_turn = is_verbatim && source.is_some_and(|turn| turn.words() <= words);
    let mut fact = fact.clone();
    // What holds no more must not push out what does.
    fact.required &= !is_retired;
    Some(Pin {
        authority: source.map_or(Role::System, |turn| turn.role),
        conversation: None,
        whole_turn,
        said_at: source.map(|turn| turn.said_at),
        mark,
        fact,
    })
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
