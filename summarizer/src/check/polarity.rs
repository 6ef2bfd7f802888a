//! Whether a sentence denies what its source says, or says what it denies; and
//! whether it has the opposite of a word of the source.

use std::collections::HashSet;

use super::{
    reading::Reading,
    relations::{Relation, relation},
};
use crate::text::tokens;

/// Sentences of the source that a clause is held against.
const HELD_AGAINST: usize = 3;

/// How a sentence's denials stand to its source.
#[derive(Clone, Debug, Default)]
pub(super) struct Polarity {
    /// Greatest weight of a denial in the sentence without one in the source, 0 to 1.
    pub(super) brought: f32,
    /// Greatest weight of a denial in the source without one in the sentence, 0 to 1.
    pub(super) dropped: f32,
    /// Words whose opposites stand in the sentences held against, and that the
    /// evidence has not.
    pub(super) opposites: Vec<String>,
    /// Clauses that deny.
    pub(super) denying: usize,
    /// The denying word and the source's turn, where one was brought in.
    pub(super) brought_word: Option<(String, usize)>,
    /// The turn whose denial was dropped.
    pub(super) dropped_turn: Option<usize>,
}

/// Holds each clause against the sentences that are nearest by their words.
pub(super) fn polarity(reading: &Reading<'_>) -> Polarity {
    let mut out = Polarity::default();
    for clause in &reading.clauses {
        hold(reading, clause, &mut out);
    }
    out
}

fn hold(reading: &Reading<'_>, clause: &str, out: &mut Polarity) {
    let document = reading.document;
    let words = tokens(clause);
    let content: HashSet<u32> =
        words.iter().filter(|word| word.content && !word.negates).map(|word| word.stem).collect();
    let mut best: Vec<(f32, usize)> = document
        .units
        .iter()
        .enumerate()
        .filter_map(|(at, unit)| {
            let shared = content.iter().filter(|stem| unit.stems.contains(stem));
            let weight: f32 = shared.map(|stem| document.heard(*stem)).sum();
            (weight > 0.0).then(|| (weight / (3.0 + unit.stems.len() as f32).sqrt(), at))
        })
        .collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    best.truncate(HELD_AGAINST);
    let held: Vec<_> =
        best.iter().filter_map(|(w, at)| document.units.get(*at).map(|unit| (*w, unit))).collect();
    let total: f32 = held.iter().map(|(weight, _)| weight).sum();
    if total <= 0.0 || content.is_empty() {
        return;
    }
    let denied: f32 = held.iter().filter(|(_, unit)| unit.negated).map(|(w, _)| w).sum();
    let denied = denied / total;
    let said = content.iter().filter(|s| held.iter().any(|(_, unit)| unit.stems.contains(s)));
    let said = said.count() as f32 / content.len() as f32;
    if let Some(word) = words.iter().find(|word| word.negates) {
        out.denying += 1;
        let brought = (1.0 - denied) * said * if denied > 0.0 { 0.5 } else { 1.0 };
        if brought > out.brought {
            out.brought = brought;
            out.brought_word = held.first().map(|(_, unit)| (word.lower.clone(), unit.turn));
        }
    } else if denied * said > out.dropped {
        out.dropped = denied * said;
        out.dropped_turn = held.iter().find(|(_, unit)| unit.negated).map(|(_, unit)| unit.turn);
    }
    for word in words.iter().filter(|word| word.content) {
        let against = || {
            let mut all = held.iter().flat_map(|(_, unit)| &unit.stems);
            all.any(|other| relation(word.stem, *other) == Relation::Opposite)
        };
        if !reading.evidence_stems.contains(&word.stem) && against() {
            out.opposites.push(word.lower.clone());
        }
    }
}
