//! Which weights the signals are made of: those that ship, or an operator's
//! files in their place (`--staleness-weights`, also how cross-validation gives
//! a server the weights of a fold).
//!
//! Invariant: the texts that are hashed are the texts that are parsed, so that a
//! hash in a report, and a scorer's version, name the numbers in force.

use std::{borrow::Cow, fs, path::Path};

use sha2::{Digest as _, Sha256};

use super::{asked::OrderModel, signals::SignalsError};

/// File of a directory with the weights of replacements.
const REPLACEMENTS_FILE: &str = "staleness.json";
/// File of a directory with the weights of contradictions.
const CONTRADICTIONS_FILE: &str = "contradiction.json";
/// File of a directory with the weights of order at query time.
const ORDER_FILE: &str = "order.json";
/// Largest file; those that ship have a few hundred KiB.
pub const MAX_WEIGHTS_BYTES: u64 = 16 << 20;

/// Weights that cannot be read. Operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StalenessWeightsError {
    /// The system does not give the file or the directory.
    #[error("cannot read {path}: {detail}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        detail: String,
    },
    /// A directory with none of the files.
    #[error(
        "the directory {path} has none of {REPLACEMENTS_FILE}, {CONTRADICTIONS_FILE}, {ORDER_FILE}"
    )]
    Empty {
        /// The directory.
        path: String,
    },
    /// More than [`MAX_WEIGHTS_BYTES`].
    #[error("{path} has {bytes} bytes; at most {MAX_WEIGHTS_BYTES} are read")]
    Large {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
    },
}

/// One file of weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsFile {
    /// `replacements`, `contradictions`, `topics` or `order`.
    pub part: &'static str,
    /// Where it comes from; `(built in)` for those that ship.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    pub(super) text: Cow<'static, str>,
}

impl WeightsFile {
    fn new(part: &'static str, path: String, text: Cow<'static, str>) -> Self {
        Self { part, path, sha256: hex::encode(Sha256::digest(text.as_bytes())), text }
    }

    fn built_in(part: &'static str, text: &'static str) -> Self {
        Self::new(part, "(built in)".to_owned(), Cow::Borrowed(text))
    }
}

/// The weights of all signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalWeights {
    /// Of replacements.
    pub replacements: WeightsFile,
    /// Of contradictions.
    pub contradictions: WeightsFile,
    /// Of topic shifts; always those that ship.
    pub topics: WeightsFile,
    /// Of order at query time; no event depends on them.
    pub order: WeightsFile,
}

impl SignalWeights {
    /// Those that ship.
    pub fn built_in() -> Self {
        let replacements = include_str!("../../weights/staleness.json");
        let contradictions = include_str!("../../weights/contradiction.json");
        let topics = include_str!("../../weights/staleness-segments.json");
        let order = include_str!("../../weights/order.json");
        Self {
            replacements: WeightsFile::built_in("replacements", replacements),
            contradictions: WeightsFile::built_in("contradictions", contradictions),
            topics: WeightsFile::built_in("topics", topics),
            order: WeightsFile::built_in("order", order),
        }
    }

    /// Those that ship, but from a file the weights of replacements, or from a
    /// directory what it has of `staleness.json`, `contradiction.json` and `order.json`.
    /// Whether they fit is told by who parses them.
    ///
    /// # Errors
    /// [`StalenessWeightsError`].
    pub fn read(path: &Path) -> Result<Self, StalenessWeightsError> {
        let mut weights = Self::built_in();
        let name = || path.display().to_string();
        let kind = fs::metadata(path).map_err(|error| StalenessWeightsError::Read {
            path: name(),
            detail: error.to_string(),
        })?;
        if !kind.is_dir() {
            weights.replacements.take(path)?;
            return Ok(weights);
        }
        let files = [
            (REPLACEMENTS_FILE, &mut weights.replacements),
            (CONTRADICTIONS_FILE, &mut weights.contradictions),
            (ORDER_FILE, &mut weights.order),
        ];
        let mut found = false;
        for (file, of_part) in files {
            let file = path.join(file);
            if file.exists() {
                of_part.take(&file)?;
                found = true;
            }
        }
        if found { Ok(weights) } else { Err(StalenessWeightsError::Empty { path: name() }) }
    }

    /// The model of order at query time.
    ///
    /// # Errors
    /// [`SignalsError::Order`] when its weights do not fit this version.
    pub fn order_model(&self) -> Result<OrderModel, SignalsError> {
        let path = || self.order.path.clone();
        OrderModel::parse(&self.order.text)
            .map_err(|cause| SignalsError::Order { path: path(), cause })
    }

    /// Those that events depend on.
    pub(super) fn of_events(&self) -> [&WeightsFile; 3] {
        [&self.replacements, &self.contradictions, &self.topics]
    }

    /// All of them.
    pub fn files(&self) -> [&WeightsFile; 4] {
        [&self.replacements, &self.contradictions, &self.topics, &self.order]
    }
}

impl WeightsFile {
    /// Puts a file's text in the place of what is there.
    fn take(&mut self, path: &Path) -> Result<(), StalenessWeightsError> {
        let name = path.display().to_string();
        let unread = |error: std::io::Error| StalenessWeightsError::Read {
            path: name.clone(),
            detail: error.to_string(),
        };
        let bytes = fs::metadata(path).map_err(unread)?.len();
        if bytes > MAX_WEIGHTS_BYTES {
            return Err(StalenessWeightsError::Large { path: name, bytes });
        }
        let text = fs::read_to_string(path).map_err(unread)?;
        *self = Self::new(self.part, name, Cow::Owned(text));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_replacements_and_a_directory_of_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let (file, both) = (dir.path().join("fold-3.json"), dir.path().join("both"));
        fs::write(&file, "one").unwrap();
        fs::create_dir(&both).unwrap();
        let shipped = SignalWeights::built_in();

        let of_file = SignalWeights::read(&file).unwrap();
        assert_eq!(of_file.replacements.text, "one");
        assert_eq!(of_file.replacements.sha256, hex::encode(Sha256::digest("one")));
        assert_eq!(of_file.contradictions, shipped.contradictions);

        let error = SignalWeights::read(&both).unwrap_err().to_string();
        assert!(
            [REPLACEMENTS_FILE, CONTRADICTIONS_FILE, ORDER_FILE]
                .iter()
                .all(|file| error.contains(file)),
            "{error}"
        );
        fs::write(both.join(CONTRADICTIONS_FILE), "two").unwrap();
        let of_both = SignalWeights::read(&both).unwrap();
        assert_eq!(of_both.replacements, shipped.replacements);
        assert_eq!(of_both.contradictions.text, "two");
        fs::write(both.join(REPLACEMENTS_FILE), "three").unwrap();
        fs::write(both.join(ORDER_FILE), "four").unwrap();
        let of_all = SignalWeights::read(&both).unwrap();
        assert_eq!((&*of_all.replacements.text, &*of_all.order.text), ("three", "four"));
        assert_eq!(
            of_all.of_events().map(|file| file.part),
            ["replacements", "contradictions", "topics"]
        );
        assert!(of_all.order_model().is_err() && shipped.order_model().is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (absent, binary) = (dir.path().join("absent.json"), dir.path().join("binary.json"));
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        let large = dir.path().join("large.json");
        fs::File::create(&large).unwrap().set_len(MAX_WEIGHTS_BYTES + 1).unwrap();
        for path in [absent, binary, large] {
            let name = path.display().to_string();
            let error = SignalWeights::read(&path).unwrap_err().to_string();
            assert!(error.contains(&name), "{error}");
        }
    }
}
