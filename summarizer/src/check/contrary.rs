//! The sentence against its contraries: with its speakers exchanged, with a clause
//! denied or no longer denied. Where a contrary is better supported, the sentence
//! is not to be believed, however near its words are to the source.

use throughline_memory::staleness::segments::forest::sigmoid;

use super::{denial, exchange, reading::Reading, weights::CheckWeights};

/// What is least likely to be right, of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// Log odds that it is right.
    pub(super) odds: f32,
    /// Its first token.
    pub(super) at: usize,
    /// Its tokens.
    pub(super) len: usize,
    /// The turn that speaks for the contrary.
    pub(super) turn: Option<usize>,
}

/// The sentence as written against all its contraries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contraries {
    /// The speaker who is least likely the right one.
    pub(super) speaker: Option<Doubt>,
    /// The clause whose polarity is least likely right.
    pub(super) negation: Option<Doubt>,
    /// Probability that speakers and polarity are right; 1 where nothing is told of a
    /// speaker and no clause has words of its own.
    pub(super) probability: f32,
}

/// Weighs a sentence.
pub(super) fn weigh(reading: &Reading<'_>, weights: &CheckWeights) -> Contraries {
    let least = |a: Doubt, b: Doubt| if b.odds < a.odds { b } else { a };
    let speaker = exchange::exchanges(reading)
        .into_iter()
        .map(|exchange| Doubt {
            odds: weights.contrary.speakers(&exchange.row),
            at: exchange.mention.at,
            len: exchange.mention.len,
            turn: exchange.turn,
        })
        .reduce(least);
    let negation = denial::clauses(reading)
        .into_iter()
        .map(|clause| Doubt {
            odds: weights.contrary.polarity(clause.denied, &clause.row),
            at: clause.at,
            len: 1,
            turn: clause.contrary(),
        })
        .reduce(least);
    let right = |doubt: Option<Doubt>| doubt.map_or(1.0, |doubt| sigmoid(doubt.odds));
    Contraries { speaker, negation, probability: right(speaker) * right(negation) }
}
