//! How much of what one text says another says too, in the same words or in kindred
//! ones. Kindred words are told by their senses; what has no sense must be the same.

use std::collections::HashSet;

use crate::staleness::{statement::Said, text::Sense};

/// Nearness of senses from which on a word may stand for another. Below it lie words of
/// one sort (Berlin, Lisbon), which are no substitutes.
const KINDRED: f32 = 0.6;
/// Words of a text that are compared, half of them from each end.
const MAX_WORDS: usize = 160;

/// Content words, each once.
#[derive(Debug, Default)]
pub(super) struct Meant(Vec<(u32, Sense)>);

impl Meant {
    /// Of a text the words that `counts` holds.
    pub(super) fn of(said: &Said, counts: &HashSet<u32>) -> Self {
        let mut seen = HashSet::new();
        let mut words: Vec<(u32, Sense)> = said
            .words
            .iter()
            .filter(|word| word.content && counts.contains(&word.stem) && seen.insert(word.stem))
            .map(|word| (word.stem, word.sense))
            .collect();
        if words.len() > MAX_WORDS {
            words.drain(MAX_WORDS / 2..words.len() - MAX_WORDS / 2);
        }
        Self(words)
    }

    /// The part of it that the other says too, 0 to 1; a kindred word counts less than
    /// the same.
    pub(super) fn said_by(&self, other: &Self) -> f32 {
        if self.0.is_empty() {
            return 0.0;
        }
        let best = |(stem, sense): &(u32, Sense)| {
            let near = |(other, meant): &(u32, Sense)| {
                if stem == other { 1.0 } else { kindred(sense.near(meant)) }
            };
            other.0.iter().map(near).fold(0.0, f32::max)
        };
        self.0.iter().map(best).sum::<f32>() / self.0.len() as f32
    }
}

fn kindred(near: f32) -> f32 {
    ((near - KINDRED) / (1.0 - KINDRED)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_by(one: &str, other: &str) -> f32 {
        let meant = |text: &str| {
            let said = Said::of(text, None);
            let all = said.stems.iter().map(|(stem, _)| *stem).collect();
            Meant::of(&said, &all)
        };
        meant(one).said_by(&meant(other))
    }

    #[test]
    fn kindred_words_count_and_strange_ones_do_not() {
        let same = said_by("a cheap restaurant", "a cheap restaurant");
        let strange = said_by("a cheap restaurant", "violin lessons");
        assert!((same - 1.0).abs() < 1e-6 && strange < 0.2, "{same} {strange}");
        assert!(said_by("my daughter", "a sister") > strange);
        assert_eq!(said_by("", "a cheap restaurant"), 0.0);
    }
}
