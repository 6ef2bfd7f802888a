//! The pins of a window: the facts that hold as of a turn, or, for a question
//! about change or history, those of the caller that do not too, marked.

use std::sync::Arc;

use super::{
    Engine, EngineError, PinnedFact, scopes::Scope, standing::StandingFacts, successors::Successors,
};
use crate::{
    context::{self, Pin, PinMark},
    facts::{Fact, Origin, Retirement, detect},
    retrieval::TurnTraits,
    turn::{Role, Sequence},
};

/// More than any pin's use: what has it comes before all that has not.
const FIRST: f32 = 2.0;

/// The pins that stand in every window as far as there is room, most useful first, and
/// those that a question has to bring.
#[derive(Clone)]
pub(super) struct StandingPins {
    /// Those that are live.
    pub(super) live: Arc<[Pin]>,
    /// Pins of the conversation that others displace, in no order that counts.
    pub(super) displaced: Arc<[Pin]>,
}

/// What becomes of facts that hold no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RetiredPins {
    /// They are left out.
    LeftOut,
    /// They stand marked.
    Marked,
}

impl Engine {
    /// The pins of a conversation and those of its user with their authority,
    /// most useful first, as they stood after a turn, or now. `others` is the version of
    /// the latter, read before ([`Engine::user_pins_version`]): a change meanwhile makes
    /// what is found here outdated.
    pub(super) fn pins(
        &self,
        own: &Scope,
        as_of: Option<Sequence>,
        retired: RetiredPins,
        others: u64,
    ) -> Result<StandingPins, EngineError> {
        let cell = self.heads.cell(&own.branch.tenant, &own.branch.conversation)?;
        if let Some(as_of) = as_of {
            let facts = self.standing_facts(&cell, &own.head, as_of)?;
            return self.make_pins(own, Some(as_of), &facts, retired);
        }
        // Now, nothing is left out that was pinned since the newest turn.
        let facts = self.standing_facts(&cell, &own.head, Sequence::MAX)?;
        facts.pins(retired, others, || self.make_pins(own, None, &facts, retired))
    }

    fn make_pins(
        &self,
        own: &Scope,
        as_of: Option<Sequence>,
        facts: &StandingFacts,
        retired: RetiredPins,
    ) -> Result<StandingPins, EngineError> {
        let (mut pins, displaced) = self.own_pins(own, facts, retired)?;
        let of_others = self.user_pins(own, as_of, facts, &pins)?;
        pins.extend(of_others);
        // The caller's, the newest first; the detector's, the surest first, but before all
        // others what is meant for every answer: no search would bring it.
        pins.sort_by(|a, b| {
            let surest = |pin: &Pin| match pin.fact.origin {
                Origin::Caller => None,
                Origin::Detector { probability, .. } => {
                    let used = detect::use_of(&pin.fact, probability, Sequence::MAX);
                    Some(if pin.fact.for_every_answer { used + FIRST } else { used })
                }
            };
            match (surest(a), surest(b)) {
                (None, None) => std::cmp::Ordering::Equal,
                (None, Some(_)) => std::cmp::Ordering::Less,
                (Some(_), None) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => b.total_cmp(&a),
            }
        });
        Ok(StandingPins { live: pins.into(), displaced: displaced.into() })
    }

    /// The pins of a conversation, newest first: those that are live, and those that others
    /// displace.
    fn own_pins(
        &self,
        own: &Scope,
        facts: &StandingFacts,
        retired: RetiredPins,
    ) -> Result<(Vec<Pin>, Vec<Pin>), EngineError> {
        let turns = own.catalog.covering(&self.store, own.head.last_sequence, &*self.counter)?;
        // Only those that are marked say what took their place.
        let timeline = match retired {
            RetiredPins::Marked => {
                Some(self.ledger(own)?.covering(&self.store, self.scored(own)?)?)
            }
            RetiredPins::LeftOut => None,
        };
        let successors = timeline.as_deref().map(|timeline| Successors {
            engine: self,
            branch: &own.branch,
            facts,
            timeline,
            as_of: own.head.last_sequence,
        });
        let (mut live, mut displaced) = (Vec::with_capacity(facts.len()), Vec::new());
        for pinned in facts.iter().rev() {
            let is_retired = pinned.standing.retired.is_some();
            let is_left_out = is_retired && retired == RetiredPins::LeftOut;
            // What the detector found and does not hold is no news to anybody.
            let is_old = is_retired && pinned.fact.origin.is_detector();
            // Without a detector what it found is not shown.
            let is_off = pinned.standing.displaced && self.pins.detector.is_none();
            if is_left_out || is_old || is_off {
                continue;
            }
            let mark = mark(pinned, facts, successors.as_ref())?;
            let pin = pin_of(turns.traits(), &pinned.fact, is_retired, mark);
            let pin = pin.map(|pin| with_line(pin, pinned));
            if pinned.standing.displaced { &mut displaced } else { &mut live }.extend(pin);
        }
        Ok((live, displaced))
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
    let whole_turn = source.is_some_and(|turn| says_all(fact, turn));
    let mut fact = fact.clone();
    // What holds no more must not push out what does.
    fact.required = fact.is_always_in() && !is_retired;
    Some(Pin {
        authority: source.map_or(Role::System, |turn| turn.role),
        conversation: None,
        whole_turn,
        said_at: source.map(|turn| turn.said_at),
        mark,
        line: None,
        fact,
    })
}

/// A pin with its line, where that adds something. Words that a mark takes back are not
/// said again.
pub(super) fn with_line(mut pin: Pin, pinned: &PinnedFact) -> Pin {
    let line = pinned.line.as_ref().filter(|_| pin.mark.is_none());
    let line = line.filter(|line| context::adds(&line.text, &pin.fact.text));
    pin.line = line.map(|line| line.text.clone());
    pin
}

/// Whether a pin says all that its turn says, as far as the count of words tells.
fn says_all(fact: &Fact, turn: &TurnTraits) -> bool {
    // A caller's text need not be the turn's.
    let is_beginning =
        fact.origin.is_detector() && fact.source_span.is_some_and(|(start, _)| start == 0);
    // Where words stand without blanks between them their count says nothing.
    let is_spaced = !fact
        .text
        .chars()
        .any(|c| matches!(c, '\u{e00}'..='\u{10ff}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..));
    is_beginning && is_spaced && turn.words() <= fact.text.split_whitespace().count()
}

/// What is to be said of a fact beside its words.
fn mark(
    pinned: &PinnedFact,
    all: &[PinnedFact],
    successors: Option<&Successors<'_>>,
) -> Result<Option<PinMark>, EngineError> {
    let Some(end) = &pinned.standing.retired else { return Ok(mark_of_held(pinned, all)) };
    Ok(Some(match end.why {
        Retirement::Superseded => {
            let now = successors.map(|all| all.of_fact(pinned)).transpose()?.flatten();
            let (on, by) = now.map_or((end.at, String::new()), |now| (now.at, now.value));
            PinMark::Replaced { on, by }
        }
        Retirement::Expired => PinMark::Expired { on: end.at },
        Retirement::Dependency => PinMark::Unfounded { on: end.at },
    }))
}

fn mark_of_held(pinned: &PinnedFact, all: &[PinnedFact]) -> Option<PinMark> {
    if pinned.standing.withdraws {
        return Some(PinMark::Withdrawn { on: pinned.fact.valid_from });
    }
    let higher = pinned.standing.contradicts.first()?;
    let higher = all.iter().find(|other| other.fact.id == *higher)?;
    Some(PinMark::Overruled { by: words(&higher.fact).to_owned() })
}

fn words(fact: &Fact) -> &str {
    if fact.says.value.trim().is_empty() { &fact.text } else { &fact.says.value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::retirement::testing,
        turn::{Part, Turn},
    };

    fn turn(text: &str) -> TurnTraits {
        TurnTraits::of(&Turn {
            sequence: 1,
            role: Role::User,
            speaker: String::new(),
            parts: vec![Part::Text(text.to_owned())],
            said_at: jiff::Timestamp::UNIX_EPOCH,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            client_turn_id: "a".into(),
            metadata: Vec::new(),
            forgotten: false,
        })
    }

    #[test]
    fn only_a_pin_of_every_word_says_all_of_its_turn() {
        for (text, start, pinned, expected) in [
            ("I prefer the window seat.", 0, "I prefer the window seat.", true),
            ("I prefer the window seat. Two of them.", 0, "I prefer the window seat.", false),
            ("Fine. I prefer tea, not milk", 6, "I prefer tea, not milk", false),
            // Words that stand without blanks cannot be counted by them.
            ("请总是用中文回答。预算是五万。", 0, "请总是用中文回答。", false),
        ] {
            let mut fact = testing::fact("a");
            fact.origin = Origin::Detector { version: 1, probability: 0.9 };
            fact.text = pinned.to_owned();
            fact.source_span = Some((start, start + pinned.len() as u32));
            assert_eq!(says_all(&fact, &turn(text)), expected, "{text}");
            fact.origin = Origin::Caller;
            assert!(!says_all(&fact, &turn(text)), "a caller's words are the caller's");
        }
    }

    #[test]
    fn only_what_is_meant_takes_any_room() {
        let of_detector = |probability| Origin::Detector { version: 1, probability };
        for (origin, required, expected) in [
            (Origin::Caller, true, true),
            (Origin::Caller, false, false),
            (of_detector(0.8), true, true),
            (of_detector(0.79), true, false),
            (of_detector(0.99), false, false),
        ] {
            let mut fact = testing::fact("a");
            (fact.origin, fact.required) = (origin, required);
            let pin =
                |is_retired| pin_of(&[], &fact, is_retired, None).map(|pin| pin.fact.required);
            assert_eq!(pin(false), Some(expected), "{origin:?}");
            assert_eq!(pin(true), Some(false), "what holds no more pushes nothing out");
        }
    }
}
