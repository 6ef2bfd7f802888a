//! Which weights the detector has: those that ship, or an operator's file in
//! their place (`--pin-weights`, also how cross-validation gives a server the
//! weights of a fold).
//!
//! Invariant: the text that is hashed is the text that is parsed.

use std::{borrow::Cow, fs, path::Path};

use sha2::{Digest as _, Sha256};

/// File of a directory with weights.
const FILE: &str = "pins.json";
/// Largest file; the one that ships has about one and a half MiB.
pub const MAX_PIN_WEIGHTS_BYTES: u64 = 16 << 20;

/// Weights that cannot be read. Operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinWeightsError {
    /// The system does not give the file.
    #[error("cannot read {path}: {detail}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        detail: String,
    },
    /// More than [`MAX_PIN_WEIGHTS_BYTES`].
    #[error("{path} has {bytes} bytes; at most {MAX_PIN_WEIGHTS_BYTES} are read")]
    Large {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
    },
}

/// A file of weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinWeights {
    /// Where it comes from; `(built in)` for that which ships.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    pub(super) text: Cow<'static, str>,
}

impl PinWeights {
    fn new(path: String, text: Cow<'static, str>) -> Self {
        Self { path, sha256: hex::encode(Sha256::digest(text.as_bytes())), text }
    }

    /// Those that ship.
    pub fn built_in() -> Self {
        let text = include_str!("../../../weights/pins.json");
        Self::new("(built in)".to_owned(), Cow::Borrowed(text))
    }

    /// Those of a file, or of `pins.json` in a directory. Whether they fit is
    /// told by who parses them.
    ///
    /// # Errors
    /// [`PinWeightsError`].
    pub fn read(path: &Path) -> Result<Self, PinWeightsError> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let path = file.display().to_string();
        let unread = |error: std::io::Error| PinWeightsError::Read {
            path: path.clone(),
            detail: error.to_string(),
        };
        let bytes = fs::metadata(&file).map_err(unread)?.len();
        if bytes > MAX_PIN_WEIGHTS_BYTES {
            return Err(PinWeightsError::Large { path, bytes });
        }
        let text = fs::read_to_string(&file).map_err(unread)?;
        Ok(Self::new(path, Cow::Owned(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_or_a_directory_is_read_and_what_cannot_be_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        let error = PinWeights::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains(FILE), "{error}");
        fs::write(&file, "one").unwrap();
        for path in [dir.path(), &file] {
            let read = PinWeights::read(path).unwrap();
            assert_eq!((read.text.as_ref(), read.path.as_str()), ("one", file.to_str().unwrap()));
            assert_eq!(read.sha256, hex::encode(Sha256::digest("one")));
        }
        let large = dir.path().join("large.json");
        fs::File::create(&large).unwrap().set_len(MAX_PIN_WEIGHTS_BYTES + 1).unwrap();
        assert!(matches!(PinWeights::read(&large), Err(PinWeightsError::Large { .. })));
    }
}
