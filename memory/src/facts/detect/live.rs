//! Which of the detector's pins are live: a conversation of thousands of turns
//! may hold many, and a window has room for a few.
//!
//! Invariants: prohibitions, consents and identifiers are never displaced; what
//! has told more often, and what is surer, comes first; the same facts give the
//! same choice. The caller's pins have nothing to do with it.

use super::super::{Fact, FactKind, Origin, relation::common};
use crate::{staleness::text::Lexed, turn::Sequence};

/// What a repetition of a pin counts, in probability.
const REPEATED: f32 = 0.02;
/// Repetitions that count.
const MAX_REPEATED: usize = 3;
/// Shared words, of all words of two texts, from which on they say the same.
const ALIKE: f32 = 0.85;

/// How many pins of the detector a conversation has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Live {
    /// At most so many stand in windows; those that are never displaced count,
    /// and may be more.
    pub at_most: usize,
}

/// Whether each fact is live, in their order; `holds` says which are not
/// retired. What is the caller's is live.
pub fn live(facts: &[&Fact], holds: &[bool], as_of: Sequence, live: Live) -> Vec<bool> {
    let mut chosen: Vec<bool> = facts.iter().map(|fact| fact.origin == Origin::Caller).collect();
    let mut open: Vec<(f32, usize)> = Vec::new();
    let mut taken = 0;
    for (at, (fact, holds)) in facts.iter().zip(holds).enumerate() {
        let Origin::Detector { probability, .. } = fact.origin else { continue };
        let Some(place) = chosen.get_mut(at) else { continue };
        if !holds || is_kept(fact) {
            *place = true;
            taken += usize::from(*holds);
        } else {
            open.push((use_of(fact, probability, as_of), at));
        }
    }
    // Of two that are as sure the later one.
    open.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    for (_, at) in open.into_iter().take(live.at_most.saturating_sub(taken)) {
        if let Some(place) = chosen.get_mut(at) {
            *place = true;
        }
    }
    chosen
}

/// Whether a pin of the detector is never displaced.
pub fn is_kept(fact: &Fact) -> bool {
    fact.required || matches!(fact.kind, FactKind::Consent | FactKind::Identifier)
}

/// How useful a pin of the detector is, the more the better.
pub fn use_of(fact: &Fact, probability: f32, as_of: Sequence) -> f32 {
    let again = |link: &&super::super::TurnLink| {
        link.bears.is_none() && Some(link.turn) != fact.source && link.turn <= as_of
    };
    let repeated = fact.turns.iter().filter(again).count().min(MAX_REPEATED);
    probability + REPEATED * repeated as f32
}

/// Whether a text only says what a fact says already: nearly the same words,
/// the same numbers and the same negations.
pub fn repeats(fact: &Fact, text: &str, kind: FactKind) -> bool {
    if fact.kind != kind {
        return false;
    }
    if fact.text == text {
        return true;
    }
    let (one, other) = (Words::of(&fact.text), Words::of(text));
    let shared = common(&one.content, &other.content) as f32;
    let all = (one.content.len() + other.content.len()) as f32 - shared;
    one.telling == other.telling && all > 0.0 && shared / all >= ALIKE
}

/// Words that a text is compared by.
struct Words {
    /// Hashes of the stems that carry content, sorted.
    content: Vec<u32>,
    /// Numbers and negations, in order: one of them changes everything.
    telling: Vec<u32>,
}

impl Words {
    fn of(text: &str) -> Self {
        let lexed = Lexed::of(text);
        let mut content = Vec::new();
        let mut telling = Vec::new();
        for (at, word) in lexed.words.iter().enumerate() {
            let lower = lexed.lower(at);
            let negates = matches!(lower, "not" | "no" | "never" | "without" | "nothing" | "none")
                || lower.ends_with("n't");
            if word.digit || negates {
                telling.push(word.hash);
            } else if word.content {
                content.push(word.stem);
            }
        }
        content.sort_unstable();
        content.dedup();
        Self { content, telling }
    }
}
