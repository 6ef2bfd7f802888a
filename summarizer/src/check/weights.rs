//! The weights of the check, learnt by `evals/training/train_check.py`: read
//! from JSON, checked once, then evaluated without a way to fail.

use std::collections::HashMap;

use serde::Deserialize;
use throughline_memory::staleness::segments::forest::{Forest, Head, sigmoid};

use super::{denial, sentence_row, support, word_rows};

/// The weights as they ship; see `summarizer/weights/README.md`.
pub const BUNDLED: &str = include_str!("../../weights/check.json");

/// Weights that do not fit. Operator.
#[derive(Debug, thiserror::Error)]
pub enum CheckWeightsError {
    /// Not JSON of the expected shape.
    #[error("weights of the faithfulness check: {0}")]
    Json(#[from] serde_json::Error),
    /// Made for other columns; learn them anew with `evals/training/train_check.py`.
    #[error("weights of the faithfulness check do not fit this version: {0}; use those of {1}")]
    Columns(&'static str, &'static str),
}

/// Words that faithful summaries use though their sources do not ("discussed",
/// "however"), by stem, with the logarithm of how often that was seen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct ReportWords(HashMap<u32, f32>);

impl ReportWords {
    /// Logarithm of how often a faithful summary brought the word in; 0 if rarely.
    pub(super) fn prior(&self, stem: u32) -> f32 {
        self.0.get(&stem).copied().unwrap_or(0.0)
    }
}

/// What weighs a sentence against its contraries: learnt by
/// `evals/training/train_contrary.py`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contrary {
    /// Trees over the row of an exchange.
    exchange: Forest,
    /// Trees over the evidence of a clause: log odds that the source denies it.
    denial: Forest,
    /// From which odds on a contrary is believed.
    pub(super) margins: Margins,
}

/// Log odds for a contrary beyond which it is believed; above 0.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Margins {
    /// Of speakers exchanged.
    pub(super) speakers: f32,
    /// Of a clause denied, or no longer denied.
    pub(super) polarity: f32,
}

impl Contrary {
    /// Log odds that speakers are right as written. The row of the exchanged
    /// sentence is the negative one, so the score of it is taken off.
    pub(super) fn speakers(&self, row: &[f32]) -> f32 {
        let exchanged: Vec<f32> = row.iter().map(|number| -number).collect();
        (self.exchange.score(row) - self.exchange.score(&exchanged)) / 2.0
    }

    /// Log odds that a clause is right in denying, or in not denying.
    pub(super) fn polarity(&self, denied: bool, row: &[f32]) -> f32 {
        let odds = self.denial.score(row);
        if denied { odds } else { -odds }
    }
}

/// All that was learnt.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckWeights {
    /// Version, kept with a verdict.
    pub(super) version: String,
    word_columns: Vec<String>,
    sentence_columns: Vec<String>,
    pub(super) report: ReportWords,
    words: Forest,
    /// Mean and deviation of each sentence column.
    centre: Vec<f32>,
    scale: Vec<f32>,
    head: Head,
    /// Speakers and negations as written against their contraries.
    pub(super) contrary: Contrary,
    /// Slope and offset from the head's score to calibrated log odds.
    calibration: [f32; 2],
    /// Least probability of a sentence that is taken.
    pub(super) threshold: f32,
    /// Log odds from which a word is named as unsupported.
    pub(super) word_threshold: f32,
}

impl CheckWeights {
    /// Reads weights.
    ///
    /// # Errors
    /// [`CheckWeightsError`] for what is no JSON or does not fit the columns.
    pub fn read(json: &str) -> Result<Self, CheckWeightsError> {
        let weights: Self = serde_json::from_str(json)?;
        let width = sentence_row::COLUMNS.len();
        let same = |have: &[String], want: &[&str]| have.iter().eq(want.iter());
        for (fits, what) in [
            (same(&weights.word_columns, &word_rows::COLUMNS), "columns of words"),
            (same(&weights.sentence_columns, &sentence_row::COLUMNS), "columns of sentences"),
            (weights.words.fits(word_rows::COLUMNS.len()), "trees"),
            (weights.head.fits(width), "head"),
            (weights.contrary.exchange.fits(support::WIDTH), "trees of exchanged speakers"),
            (weights.contrary.denial.fits(denial::WIDTH), "trees of denials"),
            (weights.contrary.margins.speakers > 0.0, "margin of speakers above 0"),
            (weights.contrary.margins.polarity > 0.0, "margin of polarity above 0"),
            (weights.centre.len() == width && weights.scale.len() == width, "scales"),
            (weights.scale.iter().all(|scale| *scale > 0.0), "scales above 0"),
            ((0.0..=1.0).contains(&weights.threshold), "threshold in [0, 1]"),
        ] {
            if !fits {
                return Err(CheckWeightsError::Columns(what, env!("CARGO_PKG_VERSION")));
            }
        }
        Ok(weights)
    }

    /// Log odds that a word is not supported.
    pub(super) fn word(&self, row: &[f32]) -> f32 {
        self.words.score(row)
    }

    /// Probability that a sentence is faithful.
    pub(super) fn sentence(&self, row: &[f32]) -> f32 {
        let scaled: Vec<f32> = row
            .iter()
            .zip(self.centre.iter().zip(&self.scale))
            .map(|(x, (centre, scale))| (x - centre) / scale)
            .collect();
        let [slope, offset] = self.calibration;
        sigmoid(slope * self.head.score(&scaled) + offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_weights_fit_and_others_are_refused() {
        let weights = CheckWeights::read(BUNDLED).unwrap();
        assert!(!weights.version.is_empty());
        let crooked = BUNDLED.replacen("\"in_evidence\"", "\"in_evidence_of\"", 1);
        assert!(matches!(CheckWeights::read(&crooked), Err(CheckWeightsError::Columns(..))));
        assert!(matches!(CheckWeights::read("{}"), Err(CheckWeightsError::Json(_))));
    }
}
