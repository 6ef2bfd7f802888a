//! The faithfulness check: is a sentence of a summary supported by the turns
//! that it stands for?
//!
//! Flow: the source is read once ([`Checked::read`]); each sentence is read
//! against it; hard checks look for numbers, sums, days, names and identifiers;
//! every doubtful word gets log odds from small trees; sums of these, nearness
//! by embedding, cover, polarity and speakers make one row, and a linear head
//! the probability that the sentence is faithful. Last it is held against its
//! contraries (speakers exchanged, clauses denied), which reject where they are
//! surely better supported.
//!
//! Invariants: deterministic; no language model; what is missing of a hard kind
//! is never made good by a high probability. A judge of entailment may be asked beside
//! it (`judged`, [`crate::entailment`]).

mod acts;
mod claims;
mod clauses;
mod contrary;
mod denial;
mod document;
mod exchange;
mod hard;
mod judged;
mod manner;
mod matched;
mod polarity;
mod reading;
mod relations;
mod roles;
mod sentence_row;
mod support;
#[cfg(test)]
mod tests;
mod utterances;
mod verdict;
mod weights;
mod word_rows;

use std::sync::Arc;

use throughline_memory::embed::{EmbedError, Embedder};

pub use hard::ReasonKind;
pub use verdict::{Reason, Verdict};
pub use weights::{BUNDLED, CheckWeights, CheckWeightsError};

use self::{document::Document, reading::Reading};
use crate::source::{MAX_TURNS, SourceTurn};

/// Bytes of a sentence that is checked at most; a longer one is not a sentence.
pub const MAX_SENTENCE_BYTES: usize = 4_000;

/// What checking can fail with.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Nothing to check against. Caller.
    #[error("a summary is checked against its source turns, and none was given")]
    NoSource,
    /// Too much to check against. Caller: check in parts.
    #[error("a source of {given} turns; at most {MAX_TURNS} are checked at once, so fold in parts")]
    TooManyTurns {
        /// Turns given.
        given: usize,
    },
    /// Caller.
    #[error("a sentence of {given} bytes; at most {MAX_SENTENCE_BYTES} are checked")]
    TooLong {
        /// Bytes given.
        given: usize,
    },
    /// Of the embedder.
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

/// Checks sentences of summaries.
#[derive(Clone)]
pub struct Checker {
    weights: Arc<CheckWeights>,
    embedder: Arc<dyn Embedder>,
}

/// A source that was read.
pub struct Checked {
    document: Document,
    /// What stands before each turn's text: who speaks.
    leads: Vec<String>,
}

/// The rows of a sentence, for training.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Each doubtful word's place among the tokens, itself, and its row.
    pub words: Vec<(usize, String, Vec<f32>)>,
    /// The sentence's row, with the sums that the weights in use give.
    pub sentence: Vec<f32>,
    /// Kinds that the hard checks found missing.
    pub missing: Vec<&'static str>,
    /// The row of each exchange of speakers.
    pub exchanges: Vec<Vec<f32>>,
    /// Whether each clause denies, and the row of what the source has on it.
    pub denials: Vec<(bool, Vec<f32>)>,
}

impl Checker {
    /// With weights and the embedder that they were learnt with.
    pub fn new(weights: CheckWeights, embedder: Arc<dyn Embedder>) -> Self {
        Self { weights: Arc::new(weights), embedder }
    }

    /// With the weights that ship.
    ///
    /// # Errors
    /// [`CheckWeightsError`] for a broken build.
    pub fn bundled(embedder: Arc<dyn Embedder>) -> Result<Self, CheckWeightsError> {
        Ok(Self::new(CheckWeights::read(BUNDLED)?, embedder))
    }

    /// Version of the weights; a verdict is derived by it.
    pub fn version(&self) -> &str {
        &self.weights.version
    }

    /// Least probability of a sentence that is taken.
    pub fn threshold(&self) -> f32 {
        self.weights.threshold
    }

    /// Reads a source, once for all sentences.
    ///
    /// # Errors
    /// [`CheckError::NoSource`], [`CheckError::TooManyTurns`], [`CheckError::Embed`].
    pub fn read(&self, turns: &[SourceTurn]) -> Result<Checked, CheckError> {
        if turns.len() > MAX_TURNS {
            return Err(CheckError::TooManyTurns { given: turns.len() });
        }
        let document = Document::read(turns, self.embedder.as_ref())?;
        if document.pieces.is_empty() {
            return Err(CheckError::NoSource);
        }
        Ok(Checked { document, leads: judged::leads(turns) })
    }

    /// Is the sentence supported by the source?
    ///
    /// # Errors
    /// [`CheckError::TooLong`], [`CheckError::Embed`].
    pub fn check(&self, sentence: &str, source: &Checked) -> Result<Verdict, CheckError> {
        let embedder = self.embedder.as_ref();
        let reading = self.reading(sentence, source)?;
        let words = word_rows::word_rows(&reading, &self.weights.report, embedder)?;
        let odds: Vec<f32> = words.iter().map(|word| self.weights.word(&word.row)).collect();
        let hard = hard::look(&reading);
        let polarity = polarity::polarity(&reading);
        let roles = roles::roles(&reading, embedder)?;
        let row = sentence_row::sentence_row(
            &reading,
            &odds,
            &hard,
            &polarity,
            &roles,
            &self.weights.report,
        );
        let places = words.iter().map(|word| word.at).zip(odds);
        let found = verdict::Findings {
            hard,
            polarity,
            roles,
            words: places.collect(),
            contrary: contrary::weigh(&reading, &self.weights),
        };
        Ok(verdict::verdict(&reading, self.weights.sentence(&row), &found, &self.weights))
    }

    /// The rows that the weights are learnt from.
    ///
    /// # Errors
    /// As [`Checker::check`].
    pub fn rows(&self, sentence: &str, source: &Checked) -> Result<Rows, CheckError> {
        let embedder = self.embedder.as_ref();
        let reading = self.reading(sentence, source)?;
        let report = &self.weights.report;
        let words = word_rows::word_rows(&reading, report, embedder)?;
        let odds: Vec<f32> = words.iter().map(|word| self.weights.word(&word.row)).collect();
        let hard = hard::look(&reading);
        let polarity = polarity::polarity(&reading);
        let roles = roles::roles(&reading, embedder)?;
        let row = sentence_row::sentence_row(&reading, &odds, &hard, &polarity, &roles, report);
        let lower = |at: usize| reading.tokens.get(at).map_or("", |word| &word.lower).to_owned();
        Ok(Rows {
            words: words.iter().map(|w| (w.at, lower(w.at), w.row.to_vec())).collect(),
            sentence: row.to_vec(),
            missing: hard.missing.iter().map(|missing| missing.kind.name()).collect(),
            exchanges: exchange::exchanges(&reading).iter().map(|x| x.row.to_vec()).collect(),
            denials: denial::clauses(&reading).iter().map(|d| (d.denied, d.row.to_vec())).collect(),
        })
    }

    fn reading<'a>(
        &self,
        sentence: &'a str,
        source: &'a Checked,
    ) -> Result<Reading<'a>, CheckError> {
        if sentence.len() > MAX_SENTENCE_BYTES {
            return Err(CheckError::TooLong { given: sentence.len() });
        }
        Ok(Reading::of(sentence, &source.document, self.embedder.as_ref())?)
    }
}

/// The columns of both rows, in order: words, sentences.
pub fn columns() -> (&'static [&'static str], &'static [&'static str]) {
    (&word_rows::COLUMNS, &sentence_row::COLUMNS)
}
