//! Which of the detector's pins are live: a conversation of thousands of turns
//! may hold many, and a window has room for a few.
//!
//! Invariants: prohibitions, consents and identifiers that are sure are displaced
//! only by surer ones of theirs, far beyond what people say; what was told more often,
//! and what is surer, comes first; the same facts give the same choice. The
//! caller's pins have nothing to do with it.

use super::{
    super::{Fact, FactKind, Origin, relation::common},
    SURE,
};
use crate::{staleness::text::Lexed, turn::Sequence};

/// What a repetition of a pin counts, in probability.
const REPEATED: f32 = 0.02;
/// Repetitions that count.
const MAX_REPEATED: usize = 3;
/// Shared words, of all words of two texts, from which on they say the same.
const ALIKE: f32 = 0.85;
/// Words that say from what to what: the order of what stands around them means something.
const DIRECTIONS: [&str; 9] =
    ["to", "from", "over", "than", "before", "after", "into", "under", "instead"];
/// Shared words, of the words of one text, from which on the other tells it too.
const TOLD: f32 = 0.6;
/// Pins that are not displaced for each that may be live. A detector errs in a
/// few of a hundred turns: without a bound, required pins of thousands of turns
/// would fill every window.
const KEPT_FOR_LIVE: usize = 3;

/// How many pins of the detector a conversation has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Live {
    /// At most so many stand in windows; those that are kept count, and may be
    /// three times as many. As many again of rules, consents and identifiers that
    /// others displace, and as many that no summary tells.
    pub at_most: usize,
}

impl Live {
    /// Live prohibitions, consents and identifiers at most.
    fn kept(self) -> usize {
        self.at_most.saturating_mul(KEPT_FOR_LIVE)
    }
}

/// Whether each fact is live, in their order; `holds` says which are not
/// retired. What is the caller's is live.
pub fn live(facts: &[&Fact], holds: &[bool], as_of: Sequence, live: Live) -> Vec<bool> {
    let mut chosen: Vec<bool> = facts.iter().map(|fact| fact.origin == Origin::Caller).collect();
    let (mut kept, mut open) = (Vec::new(), Vec::new());
    for (at, (fact, holds)) in facts.iter().zip(holds).enumerate() {
        let Origin::Detector { probability, .. } = fact.origin else { continue };
        if !holds {
            choose(&mut chosen, at);
            continue;
        }
        let of_sort = if is_kept(fact) { &mut kept } else { &mut open };
        of_sort.push((use_of(fact, probability, as_of), at));
    }
    most_useful_first(&mut kept);
    let displaced = kept.split_off(kept.len().min(live.kept()));
    // Where those that are kept overflow, less sure ones must not outlive surer ones.
    let beside = if displaced.is_empty() { live.at_most } else { 0 };
    kept.iter().for_each(|(_, at)| choose(&mut chosen, *at));
    open.extend(displaced);
    most_useful_first(&mut open);
    let places = live.at_most.saturating_sub(kept.len()).min(open.len());
    let mut displaced = open.split_off(places);
    open.iter().for_each(|(_, at)| choose(&mut chosen, *at));
    // Beyond the others: what likings and remarks must not push out of a long conversation,
    // and what no summary tells.
    let fact = |at: usize| facts.get(at).copied();
    let mut bound: Vec<usize> = displaced.iter().map(|(_, at)| *at).collect();
    bound.retain(|at| fact(*at).is_some_and(binds));
    bound.sort_by_key(|at| !fact(*at).is_some_and(|fact| fact.for_every_answer));
    bound.into_iter().take(beside).for_each(|at| choose(&mut chosen, at));
    displaced.retain(|(_, at)| facts.get(*at).is_some_and(|fact| is_restored(fact, as_of)));
    displaced.iter().take(live.at_most).for_each(|(_, at)| choose(&mut chosen, *at));
    chosen
}

/// Whether it says what to do, what may be done or what names a thing.
fn binds(fact: &Fact) -> bool {
    matches!(fact.kind, FactKind::Instruction | FactKind::Consent | FactKind::Identifier)
}

fn is_restored(fact: &Fact, as_of: Sequence) -> bool {
    fact.restored_at.is_some_and(|at| at <= as_of)
}

fn choose(chosen: &mut [bool], at: usize) {
    if let Some(place) = chosen.get_mut(at) {
        *place = true;
    }
}

/// Of two that are as sure the later one first.
fn most_useful_first(pins: &mut [(f32, usize)]) {
    pins.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
}

/// Whether no other sort of pin displaces a pin of the detector.
pub fn is_kept(fact: &Fact) -> bool {
    let sure =
        |origin| matches!(origin, Origin::Detector { probability, .. } if probability >= SURE);
    let kind = matches!(fact.kind, FactKind::Consent | FactKind::Identifier);
    fact.required || (kind && sure(fact.origin))
}

/// How useful a pin of the detector is, the more the better.
pub fn use_of(fact: &Fact, probability: f32, as_of: Sequence) -> f32 {
    let again = |link: &&super::super::TurnLink| {
        link.bears.is_none() && Some(link.turn) != fact.source && link.turn <= as_of
    };
    let repeated = fact.turns.iter().filter(again).count().min(MAX_REPEATED);
    probability + REPEATED * repeated as f32
}

/// Whether a text holds what some words tell: their numbers and negations, and
/// most of their content.
pub fn tells(text: &str, words: &str) -> bool {
    let (told, wanted) = (Words::of(text), Words::of(words));
    let shared = common(&told.content, &wanted.content) as f32;
    shared >= TOLD * wanted.content.len() as f32
        && wanted.telling.iter().all(|word| told.telling.contains(word))
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
    Words::of(&fact.text).repeat(&Words::of(text))
}

/// Words that a text is compared by.
#[derive(Debug)]
pub struct Words {
    /// Hashes of the stems that carry content, sorted.
    content: Vec<u32>,
    /// The same as they are said, once each, where a word says that their order means
    /// something; else none.
    directed: Vec<u32>,
    /// Numbers and negations, in order: one of them changes everything.
    telling: Vec<u32>,
}

impl Words {
    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let lexed = Lexed::of(text);
        let mut content = Vec::new();
        let mut telling = Vec::new();
        let mut directs = false;
        for (at, word) in lexed.words.iter().enumerate() {
            let lower = lexed.lower(at);
            let negates = matches!(lower, "not" | "no" | "never" | "without" | "nothing" | "none")
                || lower.ends_with("n't");
            directs |= DIRECTIONS.contains(&lower);
            if word.digit || negates {
                telling.push(word.hash);
            } else if word.content && !content.contains(&word.stem) {
                content.push(word.stem);
            }
        }
        let directed = if directs { content.clone() } else { Vec::new() };
        content.sort_unstable();
        Self { content, directed, telling }
    }

    /// Whether two texts say the same: nearly the same words, the same numbers and the
    /// same negations, and in the same order where that means something.
    pub fn repeat(&self, other: &Self) -> bool {
        let shared = common(&self.content, &other.content) as f32;
        let all = (self.content.len() + other.content.len()) as f32 - shared;
        let alike = all > 0.0 && shared / all >= ALIKE;
        self.telling == other.telling && alike && self.goes_with(other)
    }

    /// Whether what both say comes in one order, where both say it with a direction:
    /// "tea to coffee" is not "coffee to tea".
    fn goes_with(&self, other: &Self) -> bool {
        let of = |own: &Self, with: &Self| -> Vec<u32> {
            own.directed.iter().copied().filter(|stem| with.directed.contains(stem)).collect()
        };
        of(self, other) == of(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::retirement::testing, *};

    fn detected(id: &str, kind: FactKind, probability: f32) -> Fact {
        let mut fact = testing::fact(id);
        fact.kind = kind;
        fact.origin = Origin::Detector { version: 1, probability };
        fact
    }

    fn chosen(facts: &[Fact], as_of: Sequence) -> Vec<bool> {
        let known: Vec<&Fact> = facts.iter().collect();
        live(&known, &vec![true; facts.len()], as_of, Live { at_most: 2 })
    }

    #[test]
    fn those_that_are_kept_have_a_bound_too() {
        let mut facts = vec![detected("a", FactKind::Preference, 0.9)];
        let rules =
            |n: u8| detected(&format!("r{n}"), FactKind::Consent, 0.3 + f32::from(n) / 20.0);
        facts.extend((0..8).map(rules));
        let live = chosen(&facts, 9);
        assert!(!live[0], "the kept take its place");
        assert_eq!(live[1..], [false, false, true, true, true, true, true, true]);
    }

    #[test]
    fn likings_do_not_push_rules_out() {
        let mut facts: Vec<Fact> = (0..4_u8)
            .map(|n| detected(&format!("p{n}"), FactKind::Preference, 0.9 - f32::from(n) / 10.0))
            .collect();
        let rules = [0.1, 0.2, 0.15].into_iter().zip(["a", "b", "c"]);
        facts.extend(rules.map(|(sure, id)| detected(id, FactKind::Instruction, sure)));
        assert_eq!(chosen(&facts, 9), [true, true, false, false, false, true, true]);
        // Of rules those for every answer first.
        facts[4].for_every_answer = true;
        assert_eq!(chosen(&facts, 9), [true, true, false, false, true, true, false]);
    }

    #[test]
    fn what_no_summary_tells_comes_back_beyond_the_others() {
        let mut facts: Vec<Fact> = (0..6_u8)
            .map(|n| detected(&format!("p{n}"), FactKind::Fact, 0.9 - f32::from(n) / 10.0))
            .collect();
        for fact in &mut facts[3..] {
            fact.restored_at = Some(7);
        }
        assert_eq!(chosen(&facts, 6), [true, true, false, false, false, false]);
        assert_eq!(chosen(&facts, 7), [true, true, false, true, true, false]);
    }

    #[test]
    fn what_is_said_the_other_way_round_repeats_nothing() {
        let repeat = |a: &str, b: &str| Words::of(a).repeat(&Words::of(b));
        for (said, turned) in [
            ("I prefer tea to coffee", "I prefer coffee to tea"),
            ("I drive from Bari to Lecce", "I drive from Lecce to Bari"),
            ("Always put dates before names", "Always put names before dates"),
        ] {
            assert!(!repeat(said, turned), "{said}");
            assert!(repeat(said, &format!("So: {said}!")), "{said}");
        }
        assert!(repeat("I like tea and coffee", "I like coffee and tea"));
    }

    #[test]
    fn telling_needs_the_numbers_the_negations_and_most_words() {
        let said = "User said the ferry to Bari leaves at 7 and dogs are not allowed.";
        assert!(tells(said, "The ferry to Bari leaves at 7."));
        assert!(!tells(said, "The ferry to Bari leaves at 9."));
        assert!(!tells("Dogs are allowed on the ferry.", "Dogs are not allowed on the ferry."));
        assert!(!tells(said, "I prefer the night train to Bari with a sleeper."));
    }
}
