//! What a question asks for: its content words, each as telling as it is rare among
//! the hits, and the kinds of value that would answer it.

use std::{collections::HashMap, sync::LazyLock};

use super::{super::text::Kind, reading::Reading};
use crate::staleness::text::{Lexed, words::hash};

/// Least weight of a word, for those that every hit has.
const LEAST: f32 = 0.05;

/// Kinds of value, with the phrases that ask for them. General English, no wording of
/// any data set.
const ASKED: [(&[Kind], &str); 4] = [
    (
        &[Kind::Money],
        "how much|budget|cost|costs|price|prices|salary|income|rent|fee|fees|amount|spend|spent|\
         earn|earned|pay|paid|worth|expenses",
    ),
    (&[Kind::Time], "when|what time|time"),
    (&[Kind::Date], "when|what day|which day|date|deadline|due|scheduled"),
    (
        &[Kind::Quantity, Kind::Number, Kind::Money],
        "how many|how much|how often|how long|how far|how old|percentage|percent|rate|number of|\
         count|target|goal|score|record|limit|total|average|amount|time",
    ),
];

/// A phrase after its first word, and the kinds that it asks for.
type Phrase = (Vec<u32>, &'static [Kind]);

/// By the hash of the first word.
static PHRASES: LazyLock<HashMap<u32, Vec<Phrase>>> = LazyLock::new(|| {
    let mut table: HashMap<u32, Vec<Phrase>> = HashMap::new();
    for (kinds, phrases) in ASKED {
        for phrase in phrases.split('|') {
            let mut words = phrase.split(' ').map(hash);
            let Some(first) = words.next() else { continue };
            table.entry(first).or_default().push((words.collect(), kinds));
        }
    }
    table
});

/// See the module.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its content words by stem, each once, with weights that sum to one.
    stems: Vec<(u32, f32)>,
    rarity: HashMap<u32, f32>,
    kinds: Vec<Kind>,
}

impl Question {
    /// Weighs a question against the hits that it found.
    pub fn of<'r>(text: &str, hits: impl Iterator<Item = &'r Reading>) -> Self {
        let lexed = Lexed::of(text);
        let (mut occurs, mut hits_read) = (HashMap::<u32, u16>::new(), 0.0_f32);
        for reading in hits {
            hits_read += 1.0;
            reading.stems.iter().for_each(|stem| *occurs.entry(*stem).or_default() += 1);
        }
        let rarity = |count: u16| ((hits_read + 1.0) / (f32::from(count) + 0.5)).ln().max(LEAST);
        let mut stems: Vec<(u32, f32)> = Vec::new();
        let before = std::iter::once(0).chain(lexed.words.iter().map(|word| word.hash));
        let words = lexed.words.iter().zip(before);
        // In "how many eggs" the second word asks and says nothing.
        let words = words.filter(|(word, before)| word.content && *before != hash("how"));
        for (word, _) in words {
            if stems.iter().all(|(stem, _)| *stem != word.stem) {
                stems.push((word.stem, rarity(occurs.get(&word.stem).copied().unwrap_or(0))));
            }
        }
        let total: f32 = stems.iter().map(|(_, weight)| weight).sum();
        stems.iter_mut().for_each(|(_, weight)| *weight /= total);
        let rarity = occurs.iter().map(|(stem, count)| (*stem, rarity(*count))).collect();
        Self { stems, rarity, kinds: kinds(&lexed) }
    }

    /// Share of the question, by weight, that words cover which are among `stems`
    /// (sorted).
    pub(super) fn covered(&self, stems: &[u32]) -> f32 {
        self.covered_by_both(stems, stems)
    }

    /// Share of the question that both cover.
    pub(super) fn covered_by_both(&self, one: &[u32], other: &[u32]) -> f32 {
        let has = |stems: &[u32], stem: u32| stems.binary_search(&stem).is_ok();
        let shared = self.stems.iter().filter(|(stem, _)| has(one, *stem) && has(other, *stem));
        shared.map(|(_, weight)| weight).sum()
    }

    /// How rare the words are together that both have and the question has not, each
    /// at most `most`.
    pub(super) fn shared_beside(&self, one: &[u32], other: &[u32], most: f32) -> f32 {
        let asked = |stem: u32| self.stems.iter().any(|(of, _)| *of == stem);
        let shared = one.iter().filter(|stem| other.binary_search(stem).is_ok() && !asked(**stem));
        shared.map(|stem| self.rarity.get(stem).copied().unwrap_or(0.0).min(most)).sum()
    }

    /// Whether it asks for a kind of value.
    pub(super) fn asks_for_value(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// Whether a value of this kind may answer it.
    pub(super) fn may_be(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

fn kinds(lexed: &Lexed) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for (at, word) in lexed.words.iter().enumerate() {
        for (rest, asked) in PHRASES.get(&word.hash).into_iter().flatten() {
            let next = |(k, hash): (usize, &u32)| {
                lexed.words.get(at + 1 + k).is_some_and(|next| next.hash == *hash)
            };
            if rest.iter().enumerate().all(next) {
                kinds.extend(asked.iter().copied());
            }
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_that_is_asked_for_is_known() {
        for (question, expected) in [
            ("What is my monthly budget?", vec![Kind::Money]),
            ("How many eggs are left?", vec![Kind::Money, Kind::Quantity, Kind::Number]),
            ("When is the call?", vec![Kind::Date, Kind::Time]),
            ("Who is my dentist?", vec![]),
        ] {
            assert_eq!(kinds(&Lexed::of(question)), expected, "{question}");
        }
    }

    #[test]
    fn rare_words_weigh_more() {
        let hits = ["the sprint deadline", "the sprint plan", "a sprint"].map(Reading::of);
        let question = Question::of("When is the sprint deadline?", hits.iter());
        let covered = |text: &str| question.covered(&Reading::of(text).stems);
        assert!(covered("deadline") > covered("sprint") && covered("sprint") > 0.0);
        assert!((covered("deadline of the sprint") - 1.0).abs() < 1e-6);
        let nothing = Question::of("?", hits.iter());
        assert_eq!(nothing.covered(&hits[0].stems), 0.0);
    }
}
