//! Contradiction: can two statements of a conversation both hold?
//!
//! ```text
//! old, new, between ─► reading (pieces, denials, opposites) ─► align (the two
//! pieces that disagree most) ─► features (one row) ─► model ─► probability
//! ```
//!
//! Called for pairs that were not drawn as clear updates: a later "actually,
//! make it 8" replaces, it does not contradict. Both sides are kept; nothing
//! here decides which holds. Pure functions, no clock, no I/O; the same input
//! gives the same answer. A sentence has no vector of its own at run time, so
//! what is said about sentences comes from their words.

mod align;
pub mod features;
mod lexicon;
mod model;
mod reading;
mod reason;

pub use features::{Feature, MAX_BETWEEN, Row, Side, row};
pub use model::WeightsError;
pub use reading::{MAX_PIECES, Reading};

use std::sync::Arc;

use super::{statement::Statement, text::Span};

/// Bundled weights; see `memory/weights/STALENESS-contradiction.md`.
const BUNDLED: &str = include_str!("../../../weights/contradiction.json");

/// What is known of two statements.
#[derive(Clone, Debug, PartialEq)]
pub struct Contradiction {
    /// That both cannot hold, in [0, 1].
    pub probability: f32,
    /// The sentence of the old turn; the whole turn where none stands out.
    pub old_span: Span,
    /// The sentence of the new turn; the whole turn where none stands out.
    pub new_span: Span,
    /// Why, in words, with the sentences quoted.
    pub reason: String,
}

/// A turn with its reading, made once and compared with many.
#[derive(Clone, Debug)]
pub struct Prepared {
    statement: Arc<Statement>,
    reading: Reading,
}

impl Prepared {
    /// Reads a statement.
    pub fn of(statement: &Arc<Statement>) -> Self {
        Self { statement: Arc::clone(statement), reading: Reading::of(&statement.said) }
    }

    /// What the features look at.
    pub fn side(&self) -> Side<'_> {
        Side { statement: &self.statement, reading: &self.reading }
    }
}

/// Says how probable it is that two statements contradict each other.
#[derive(Debug)]
pub struct ContradictionModel {
    weights: model::Weights,
}

impl ContradictionModel {
    /// The model that comes with the code.
    ///
    /// # Errors
    /// [`WeightsError`] when the bundled file does not fit the code.
    pub fn bundled() -> Result<Self, WeightsError> {
        Self::parse(BUNDLED)
    }

    /// A model from the JSON of its weights.
    ///
    /// # Errors
    /// [`WeightsError`] when it is not such a file or names unknown features.
    pub fn parse(json: &str) -> Result<Self, WeightsError> {
        Ok(Self { weights: model::Weights::parse(json)? })
    }

    /// Version of the weights; part of the scorer's version.
    pub fn version(&self) -> &str {
        &self.weights.version
    }

    /// Probability from which a pair is flagged in a conversation.
    pub fn flag_at(&self) -> f32 {
        self.weights.flag_at
    }

    /// Probability from which an answer is taken to contradict what was said
    /// before; for [`Self::against_history`].
    pub fn answer_at(&self) -> f32 {
        self.weights.answer_at
    }

    /// The earlier turn that a turn contradicts most: its index in `history`
    /// (in order, ending just before the turn) and the comparison. `None` for
    /// an empty history.
    pub fn against_history(
        &self,
        history: &[&Prepared],
        answer: &Prepared,
    ) -> Option<(usize, Contradiction)> {
        let scored = history.iter().enumerate().map(|(index, old)| {
            let between = history.get(index + 1..).unwrap_or(&[]);
            (index, self.score(old, answer, between))
        });
        scored.reduce(
            |best, next| {
                if next.1.probability > best.1.probability { next } else { best }
            },
        )
    }

    /// Compares an old and a new turn; `between` are the turns in between, in
    /// order ([`MAX_BETWEEN`] of them are looked at). The same turn twice is
    /// compared sentence against sentence.
    pub fn score(&self, old: &Prepared, new: &Prepared, between: &[&Prepared]) -> Contradiction {
        let skipped = between.len().saturating_sub(MAX_BETWEEN);
        let sides: Vec<Side<'_>> = between.iter().skip(skipped).map(|p| p.side()).collect();
        let row = row(old.side(), new.side(), &sides);
        let (old_span, new_span) = reason::spans(old.side(), new.side(), &row);
        Contradiction {
            probability: self.weights.probability(&row),
            old_span,
            new_span,
            reason: reason::words(old.side(), new.side(), &row, (old_span, new_span)),
        }
    }

    /// Probability alone, for many pairs.
    pub fn probability(&self, row: &Row) -> f32 {
        self.weights.probability(row)
    }
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
