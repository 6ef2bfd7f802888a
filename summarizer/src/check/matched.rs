//! How well clauses of the source cover words of a summary: the same stem, a
//! relation in WordNet, or a near sense, each word weighed by its rarity.

use super::{
    document::Document,
    relations::{Relation, is_known, relation},
};
use crate::text::Token;
use throughline_memory::staleness::text::Sense;

/// Weight of a word with little content of its own.
const LIGHT: f32 = 0.35;
/// Added to the weights that a cover is a share of: a single common word is no cover.
const SMOOTHING: f32 = 1.0;

/// A word as it is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) stem: u32,
    pub(super) sense: Sense,
}

impl Meaning {
    /// Of a token.
    pub(super) fn of(token: &Token) -> Self {
        Self { stem: token.stem, sense: token.sense }
    }
}

/// A word of a claim with its weight.
pub(super) struct ClaimWord {
    pub(super) meaning: Meaning,
    weight: f32,
}

impl ClaimWord {
    /// A token, weighed by how rare it is in the source.
    pub(super) fn of(document: &Document, token: &Token) -> Self {
        let weight = document.rarity(token.stem) * if token.content { 1.0 } else { LIGHT };
        Self { meaning: Meaning::of(token), weight }
    }
}

/// How near each word comes to each clause of the source.
pub(super) struct Matched {
    /// By clause, then by word; empty for a clause that has nothing of them.
    pub(super) nearness: Vec<Vec<f32>>,
    weights: Vec<f32>,
    total: f32,
}

impl Matched {
    /// Compares words with all clauses.
    pub(super) fn of(document: &Document, words: &[ClaimWord]) -> Self {
        let table: Vec<Vec<f32>> = words
            .iter()
            .map(|word| {
                document.vocabulary.iter().map(|said| nearness(&word.meaning, said)).collect()
            })
            .collect();
        let mut most = vec![0.0_f32; words.len()];
        let mut rows = Vec::with_capacity(document.said.len());
        for clause in &document.said {
            let mut row = vec![0.0_f32; words.len()];
            for (to, known) in row.iter_mut().zip(&table) {
                let all = clause.words.iter().filter_map(|at| known.get(*at));
                *to = all.copied().fold(0.0, f32::max);
            }
            raise(&mut most, &row);
            let nothing = row.iter().all(|near| *near <= 0.0);
            rows.push(if nothing { Vec::new() } else { row });
        }
        let weights: Vec<f32> = words.iter().map(|word| word.weight).collect();
        let total = weights.iter().zip(&most).map(|(weight, most)| weight * most).sum::<f32>();
        Self { nearness: rows, weights, total: total + SMOOTHING }
    }

    /// Share of what the source covers at all that this covers.
    pub(super) fn cover(&self, covered: &[f32]) -> f32 {
        let sum: f32 = self.weights.iter().zip(covered).map(|(weight, of)| weight * of).sum();
        sum / self.total
    }

    /// Weight of what the source covers, smoothed.
    pub(super) fn total(&self) -> f32 {
        self.total
    }
}

/// Raises numbers to those of others where these are greater.
pub(super) fn raise(to: &mut Vec<f32>, from: &[f32]) {
    if to.len() < from.len() {
        to.resize(from.len(), 0.0);
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.max(*from);
    }
}

/// How near two words are, 0 to 1: the same stem, related in WordNet, of near sense.
fn nearness(word: &Meaning, said: &Meaning) -> f32 {
    /// Cosine of senses from which words are near.
    const FROM: f32 = 0.6;
    const MOST: f32 = 0.7;
    if word.stem == said.stem {
        return 1.0;
    }
    let related: f32 = match relation(word.stem, said.stem) {
        _ if !is_known(word.stem) => 0.0,
        Relation::Same => 0.8,
        Relation::Near => 0.7,
        Relation::Broader => 0.4,
        Relation::Narrower => 0.35,
        // The verb of "is it cheap?" answered by "no, expensive".
        Relation::Opposite => 0.3,
        Relation::Sibling | Relation::None => 0.0,
    };
    related.max((word.sense.near(&said.sense) - FROM) / (1.0 - FROM) * MOST).max(0.0)
}
