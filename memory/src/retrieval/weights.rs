//! The weights of hybrid ranking: a JSON file that says what it was learnt on.
//! One is built in; an operator can name another.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::features::{FEATURES, Row};

/// The weights that are shipped. Learnt on shared-alike data, see their file.
const BUILT_IN: &str = include_str!("../../weights/ranking.json");

/// A weights file cannot be used. Operator.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WeightsError {
    /// It cannot be read.
    #[error("ranking weights {path}: {detail}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        detail: String,
    },
    /// It is not what this version reads.
    #[error("ranking weights {path}: {detail}; this version reads the features {}", FEATURES.join(", "))]
    Form {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    trained_on: String,
    licence: String,
    weights: BTreeMap<String, f32>,
}

/// A linear model over [`FEATURES`].
#[derive(Clone, Debug)]
pub struct RankingWeights {
    /// Version of the features and the training.
    pub version: String,
    /// What the weights were learnt on.
    pub trained_on: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    row: Row,
}

impl RankingWeights {
    /// The weights that are shipped.
    ///
    /// # Errors
    /// [`WeightsError::Form`], which a test rules out.
    pub fn built_in() -> Result<Self, WeightsError> {
        Self::parse("(built in)", BUILT_IN.as_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`WeightsError`] when it cannot be read, names an unknown feature, lacks
    /// one, or a weight is not a number.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| WeightsError::Read {
            path: name.clone(),
            detail: error.to_string(),
        })?;
        Self::parse(&name, &bytes)
    }

    fn parse(path: &str, bytes: &[u8]) -> Result<Self, WeightsError> {
        let form = |detail: String| WeightsError::Form { path: path.to_owned(), detail };
        let mut file: File =
            serde_json::from_slice(bytes).map_err(|error| form(error.to_string()))?;
        let mut row = [0.0; FEATURES.len()];
        for (name, weight) in FEATURES.iter().zip(&mut row) {
            *weight = file
                .weights
                .remove(*name)
                .filter(|weight| weight.is_finite())
                .ok_or_else(|| form(format!("no weight for {name}")))?;
        }
        if let Some(unknown) = file.weights.keys().next() {
            return Err(form(format!("unknown feature {unknown}")));
        }
        Ok(Self {
            version: file.version,
            trained_on: file.trained_on,
            sha256: hex::encode(Sha256::digest(bytes)),
            row,
        })
    }

    /// Those of the match, the first four of [`FEATURES`].
    pub(super) fn of_match(&self) -> [f32; 4] {
        let [dense, first, window, bigram, ..] = self.row;
        [dense, first, window, bigram]
    }

    /// The model's value for a row.
    pub(super) fn apply(&self, row: &Row) -> f32 {
        self.row.iter().zip(row).map(|(weight, value)| weight * value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_are_whole() {
        let weights = RankingWeights::built_in().unwrap();
        assert!(!weights.trained_on.is_empty());
        assert!(weights.row.iter().any(|weight| *weight != 0.0));
    }

    #[test]
    fn a_file_that_does_not_fit_is_refused() {
        let whole: serde_json::Value = serde_json::from_str(BUILT_IN).unwrap();
        let mut lacking = whole.clone();
        lacking["weights"].as_object_mut().unwrap().remove("dense");
        let mut unknown = whole.clone();
        unknown["weights"]["moon_phase"] = 1.0.into();
        for (file, word) in [(lacking, "dense"), (unknown, "moon_phase")] {
            let error = RankingWeights::parse("w.json", file.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(RankingWeights::parse("w.json", b"{").is_err());
    }
}
