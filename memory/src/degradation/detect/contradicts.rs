//! The assistant contradicts a pin or itself. Contradictions between turns are
//! drawn by [`staleness`](crate::staleness) already; here an answer is held
//! against the pins by the same model.

use std::sync::{Arc, LazyLock};

use super::SaidTurn;
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
/// probability, as staleness drew it.
pub fn contradicts(turn: &SaidTurn, pins: &[Fact], itself: Option<(Sequence, f32)>) -> Signal {
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
    Signal::measured(MODEL.as_ref().and_then(|model| against_pins(model, turn, pins)))
}

fn against_pins(model: &ContradictionModel, turn: &SaidTurn, pins: &[Fact]) -> Option<Finding> {
    let answer = prepared(turn.sequence, Role::Assistant, turn.text());
    let compared = pins.iter().filter(|pin| {
        // How to answer is no statement that an answer could contradict.
        !matches!(pin.kind, FactKind::Instruction | FactKind::Consent)
    });
    let close = compared.filter_map(|pin| {
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
