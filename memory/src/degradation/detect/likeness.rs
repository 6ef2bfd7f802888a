//! How like two requests are, and in what they differ.
//!
//! Two requests with one name or noun exchanged have nearly all words in common and
//! ask for different things; two in quite other words may ask for the same. So it is
//! compared what both say, what only one says, and whether what differs stands in the
//! same place.

use std::collections::HashSet;

use super::model::Features;
use crate::staleness::{
    statement::Said,
    text::{Cue, Kind, Value, Word},
};

/// Words at each end of a text that are put beside each other.
const ALIGNED_WORDS: usize = 120;
/// Shared content, of all of both, from which two are made to one pattern.
const PATTERN: f32 = 0.5;

/// Content words by stem.
type Stems = HashSet<u32>;

/// What is compared of a request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    said: &'a Said,
    stems: Stems,
    /// Of the clauses that ask.
    asked: Stems,
}

impl<'a> Request<'a> {
    pub(super) fn of(said: &'a Said) -> Self {
        let all = said.stems.iter().map(|(stem, _)| *stem).collect();
        let asking = |word: &&Word| {
            let clause = said.clauses.get(usize::from(word.clause));
            word.content
                && clause.is_some_and(|clause| {
                    clause.cues.has(Cue::Asks) || clause.cues.has(Cue::Requests)
                })
        };
        let asked = said.words.iter().filter(asking).map(|word| word.stem).collect();
        Self { said, stems: all, asked }
    }

    /// What was said.
    pub(super) fn said(&self) -> &Said {
        self.said
    }

    /// Its content words.
    pub(super) fn stems(&self) -> &Stems {
        &self.stems
    }

    /// Those of the clauses that ask.
    pub(super) fn asked(&self) -> &Stems {
        &self.asked
    }

    /// Shared content words, of all of both.
    pub(super) fn overlap(&self, other: &Self) -> f32 {
        jaccard(&self.stems, &other.stems)
    }

    /// What speaks for and against both asking for the same. `cosine` of their vectors
    /// where it is known.
    pub(super) fn compare(&self, other: &Self, cosine: Option<f32>, features: &mut Features) {
        let overlap = self.overlap(other);
        let is_pattern = overlap >= PATTERN;
        features.value("overlap", overlap);
        features.value("overlap squared", overlap * overlap);
        features.value("covered", share(&self.stems, &other.stems));
        features.value("covers", share(&other.stems, &self.stems));
        let asked = share(&self.asked, &other.stems);
        features.value("asked before", asked);
        features.mark("all asked before", self.asked.len() >= 2 && asked >= 0.99);
        let asks = jaccard(&self.asked, &other.asked);
        features.value("same asked", asks);
        let aligned = Aligned::of(self, other);
        features.value("in order", aligned.share);
        features.mark("in order all", aligned.share > 0.95 && self.stems.len() >= 4);
        let exchanged = (aligned.exchanged as f32).min(4.0) / 4.0;
        features.value("exchanged", exchanged);
        features.mark("exchanged in pattern", aligned.exchanged > 0 && is_pattern);
        features.value("exchanged in order", exchanged * aligned.share);
        features.mark("none exchanged", aligned.exchanged == 0 && overlap > 0.0);
        let extra = self.asked.iter().filter(|stem| !other.stems.contains(stem)).count();
        features.value("asks more", (extra as f32).min(6.0) / 6.0);
        features.mark("asks more in pattern", extra > 0 && is_pattern);
        let (other_value, other_name) = differ(self.said, other.said);
        features.mark("other value", other_value);
        features.mark("other name", other_name);
        features.mark("other value in pattern", (other_value || other_name) && is_pattern);
        if let Some(cosine) = cosine {
            features.mark("has vectors", true);
            features.value("cosine", cosine.max(0.0));
            features.value("near", (cosine - 0.6).max(0.0) / 0.4);
            features.value("near in other words", (cosine - 0.6).max(0.0) * (1.0 - overlap) / 0.4);
        }
    }
}

fn jaccard(one: &Stems, other: &Stems) -> f32 {
    let shared = one.intersection(other).count();
    let all = one.len() + other.len() - shared;
    if all == 0 { 0.0 } else { shared as f32 / all as f32 }
}

/// The part of one that stands in the other.
pub(super) fn share(one: &Stems, other: &Stems) -> f32 {
    if one.is_empty() { 0.0 } else { one.intersection(other).count() as f32 / one.len() as f32 }
}

/// Whether the first has a number or date, or a name, that the second lacks.
fn differ(one: &Said, other: &Said) -> (bool, bool) {
    let lower = other.text.to_lowercase();
    let lacks = |value: &&Value| match value.kind {
        Kind::Name => !lower.contains(&value.span.of(&one.text).to_lowercase()),
        _ => !other.values.iter().any(|known| known.agrees(value) == Some(true)),
    };
    let lacking = |is_name: bool| {
        one.values.iter().filter(|value| (value.kind == Kind::Name) == is_name).any(|v| lacks(&v))
    };
    (lacking(false), lacking(true))
}

/// Two texts beside each other.
struct Aligned {
    /// Words in the same order, of the longer.
    share: f32,
    /// Places where each has content that the other has nowhere.
    exchanged: usize,
}

impl Aligned {
    fn of(one: &Request<'_>, other: &Request<'_>) -> Self {
        let (a, b) = (ends(&one.said.words), ends(&other.said.words));
        let same = common(&a, &b);
        let longer = a.len().max(b.len()).max(1);
        let new = |words: &[&Word], known: &Stems| {
            words.iter().any(|word| word.content && !known.contains(&word.stem))
        };
        let mut exchanged = 0;
        let mut from = (0, 0);
        for &(i, j) in same.iter().chain([&(a.len(), b.len())]) {
            let gap_a = a.get(from.0..i).unwrap_or_default();
            let gap_b = b.get(from.1..j).unwrap_or_default();
            exchanged += usize::from(new(gap_a, &other.stems) && new(gap_b, &one.stems));
            from = (i + 1, j + 1);
        }
        Self { share: same.len() as f32 / longer as f32, exchanged }
    }
}

fn ends(words: &[Word]) -> Vec<&Word> {
    let tail = words.len().saturating_sub(ALIGNED_WORDS).max(ALIGNED_WORDS.min(words.len()));
    words.iter().take(ALIGNED_WORDS).chain(words.iter().skip(tail)).collect()
}

/// The longest sequence of words that both have in this order, as pairs of places.
fn common(a: &[&Word], b: &[&Word]) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    let mut longest = vec![0_u16; (a.len() + 1) * width];
    let at = |longest: &[u16], i: usize, j: usize| longest.get(i * width + j).copied().unwrap_or(0);
    for (i, one) in a.iter().enumerate().rev() {
        for (j, other) in b.iter().enumerate().rev() {
            let best = if one.stem == other.stem {
                at(&longest, i + 1, j + 1) + 1
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        if one.stem == other.stem {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if at(&longest, i + 1, j) >= at(&longest, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(one: &str, other: &str) -> Features {
        let (one, other) = (Said::of(one, None), Said::of(other, None));
        let mut features = Features::default();
        Request::of(&one).compare(&Request::of(&other), None, &mut features);
        features
    }

    const FIRST: &str = "Can you recommend a quiet hotel near the station in Porto?";

    #[test]
    fn what_is_exchanged_is_told_from_what_is_added() {
        let other = seen("Can you recommend a quiet hotel near the harbour in Porto?", FIRST);
        assert!(other.has("exchanged in pattern") && !other.has("other name"));
        let city = seen("Can you recommend a quiet hotel near the station in Lisbon?", FIRST);
        assert!(city.has("exchanged in pattern") && city.has("other name"));
        let added =
            seen("So, can you recommend a quiet cheap hotel near the station in Porto?", FIRST);
        assert!(added.has("none exchanged") && added.has("asks more in pattern"));
        let same = seen(FIRST, FIRST);
        assert!(same.has("in order all") && same.has("all asked before"));
        assert!(!same.has("exchanged") && !same.has("asks more") && !same.has("has vectors"));
    }

    #[test]
    fn another_number_is_another_value() {
        let first = "Please book a table for 4 people at the Rose.";
        assert!(seen("Please book a table for 6 people at the Rose.", first).has("other value"));
        assert!(!seen("Please book the table for 4 people at the Rose.", first).has("other value"));
    }

    #[test]
    fn texts_without_words_are_not_alike() {
        let nothing = seen("", "");
        assert!(!nothing.has("overlap") && !nothing.has("in order") && !nothing.has("exchanged"));
    }

    #[test]
    fn of_long_texts_both_ends_are_put_beside_each_other() {
        let words: Vec<String> = (0..300).map(|n| format!("word{n}")).collect();
        let said = Said::of(&words.join(" "), None);
        let ends = ends(&said.words);
        assert_eq!(ends.len(), 2 * ALIGNED_WORDS);
        assert_eq!(ends.last().map(|word| word.span), said.words.last().map(|word| word.span));
        assert_eq!(super::ends(&said.words[..130]).len(), 130);
    }
}
