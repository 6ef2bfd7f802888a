//! The assistant contradicts a pin or itself. Contradictions between turns are
//! drawn by [`staleness`](crate::staleness) already; here an answer is held
//! against the pins by the same model.

use std::sync::{Arc, LazyLock};

use super::{SaidTurn, language::is_readable};
use crate::{
    degradation::{Evidence, Finding, Reason, Signal},
    facts::{Fact, FactKind},
    staleness::{
        Statement, TurnText,
        contradiction::{ContradictionModel, Prepared},
    },
    turn::{Role, Sequence},
};

/// Pins that an answer is held against.
const MAX_PINS: usize = 16;
/// Content words that pin and answer share before they are about one thing.
const SHARED_STEMS: usize = 2;

/// The model that ships; nothing is measured against pins without.
static MODEL: LazyLock<Option<ContradictionModel>> =
    LazyLock::new(|| ContradictionModel::bundled().ok());

/// Whether an assistant's turn contradicts a pin that holds, or what it said
/// before: `itself` is the earlier turn of its own that it contradicts, with the
/// probability, as staleness drew it. Not measurable where there is nothing to
/// contradict, or not in a language that the models were made for.
pub fn contradicts(
    turn: &SaidTurn,
    earlier: &[SaidTurn],
    pins: &[Fact],
    itself: Option<(Sequence, f32)>,
) -> Signal {
    if turn.role != Role::Assistant {
        return Signal::NotMeasurable;
    }
    if let Some((earlier, confidence)) = itself {
        return Signal::Present(Finding {
            confidence,
            reason: Reason::AgainstItself,
            evidence: Evidence::Earlier(earlier),
        });
    }
    if !is_readable(turn.text()) {
        return Signal::NotMeasurable;
    }
    let pins: Vec<&Fact> = pins.iter().filter(|pin| states(pin)).collect();
    let by_pins = MODEL.as_ref().filter(|_| !pins.is_empty());
    let mut answers = earlier.iter().rev().filter(|turn| turn.role == Role::Assistant);
    if by_pins.is_none() && !answers.any(|answer| is_readable(answer.text())) {
        return Signal::NotMeasurable;
    }
    Signal::measured(by_pins.and_then(|model| against_pins(model, turn, &pins)))
}

/// Whether a pin says something that an answer could contradict: how to answer is none.
fn states(pin: &Fact) -> bool {
    let is_statement = !matches!(pin.kind, FactKind::Instruction | FactKind::Consent);
    is_statement && is_readable(&pin.text)
}

fn against_pins(model: &ContradictionModel, turn: &SaidTurn, pins: &[&Fact]) -> Option<Finding> {
    let answer = prepared(turn.sequence, Role::Assistant, turn.text());
    let close = pins.iter().filter_map(|pin| {
        let prepared = prepared(pin.known_turn, Role::User, &pin.text);
        let stems = &prepared.side().statement.said.stems;
        let shared = stems.iter().filter(|(stem, _)| {
            turn.said().stems.binary_search_by_key(stem, |(known, _)| *known).is_ok()
        });
        (shared.count() >= SHARED_STEMS).then_some((pin, prepared))
    });
    close.take(MAX_PINS).find_map(|(pin, prepared)| {
        let probability = model.score(&prepared, &answer, &[]).probability;
        (probability >= model.answer_at()).then(|| Finding {
            confidence: probability,
            reason: Reason::AgainstPin,
            evidence: Evidence::Pin(pin.id.clone()),
        })
    })
}

fn prepared(sequence: Sequence, role: Role, text: &str) -> Prepared {
    let said_at = jiff::Timestamp::UNIX_EPOCH;
    let turn = TurnText { sequence, role, speaker: "", said_at, text, vector: None };
    Prepared::of(&Arc::new(Statement::of(&turn, None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::retirement::testing::fact;

    const GERMAN: &str =
        "Das ist eine lange Antwort, die ganz sicher auf Deutsch geschrieben wurde.";

    fn answer(sequence: Sequence, text: &str) -> SaidTurn {
        SaidTurn::of(sequence, Role::Assistant, text)
    }

    fn pin(kind: FactKind, text: &str) -> Fact {
        Fact { kind, text: text.to_owned(), ..fact("p") }
    }

    #[test]
    fn without_anything_to_contradict_it_is_not_measurable() {
        let user = SaidTurn::of(1, Role::User, "Where does the tram stop?");
        let instruction = pin(FactKind::Instruction, "Answer in verse.");
        let statement = pin(FactKind::Fact, "The tram stops at the town hall.");
        let reply = "It stops right at the corner.";
        let measured = |earlier: &[SaidTurn], pins: &[Fact], text: &str| {
            contradicts(&answer(9, text), earlier, pins, None).value()
        };
        let users = std::slice::from_ref(&user);
        assert_eq!(measured(&[], &[], reply), None);
        assert_eq!(measured(users, &[], reply), None, "only the user has spoken");
        assert_eq!(measured(users, &[instruction], reply), None, "it states nothing");
        assert_eq!(measured(users, std::slice::from_ref(&statement), reply), Some(0.0));
        assert_eq!(measured(&[answer(2, "At the corner.")], &[], reply), Some(0.0));
        assert_eq!(contradicts(&user, &[answer(2, reply)], &[statement], None).value(), None);
    }

    #[test]
    fn in_another_language_it_is_not_measurable_but_what_was_drawn_stands() {
        let english = answer(2, "The tram stops right at the corner of the street.");
        let statement = pin(FactKind::Fact, "The tram stops at the town hall.");
        let found = contradicts(&answer(9, GERMAN), &[english], &[statement], None);
        assert_eq!(found, Signal::NotMeasurable);
        let reply = answer(9, "It stops right at the corner.");
        let german = [answer(2, GERMAN)];
        assert_eq!(contradicts(&reply, &german, &[], None), Signal::NotMeasurable);
        let pins = [pin(FactKind::Fact, GERMAN)];
        assert_eq!(contradicts(&reply, &german, &pins, None), Signal::NotMeasurable);
        let drawn = contradicts(&reply, &german, &[], Some((2, 0.75)));
        let finding = drawn.finding().unwrap();
        assert_eq!((finding.confidence, &finding.evidence), (0.75, &Evidence::Earlier(2)));
    }
}
