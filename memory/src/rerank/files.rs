//! What a directory must hold to be a reranker: the files of a sequence
//! classification model on the hub, as they are published. Nothing is fetched.

use std::path::{Path, PathBuf};

use super::RerankError;

/// Where the weights may lie; the first that is there counts.
const WEIGHTS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];
/// The others, in the order in which [`RerankerFiles`] has them.
const OTHERS: [&str; 4] =
    ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];

/// A directory with a whole model in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerankerFiles {
    /// The directory.
    pub dir: PathBuf,
    /// The weights. They may be in parts that lie beside this file.
    pub(super) weights: PathBuf,
}

impl RerankerFiles {
    /// Looks whether every file is there.
    ///
    /// # Errors
    /// [`RerankError::Missing`] with those that are not.
    pub fn find(dir: &Path) -> Result<Self, RerankError> {
        let there = |name: &str| dir.join(name).is_file();
        let weights = WEIGHTS.into_iter().find(|name| there(name));
        let mut missing: Vec<&str> = OTHERS.into_iter().filter(|name| !there(name)).collect();
        match weights {
            Some(name) if missing.is_empty() => {
                Ok(Self { dir: dir.to_owned(), weights: dir.join(name) })
            }
            Some(_) => Err(Self::missing(dir, &missing)),
            None => {
                missing.insert(0, "model.onnx (or onnx/model.onnx)");
                Err(Self::missing(dir, &missing))
            }
        }
    }

    fn missing(dir: &Path, names: &[&str]) -> RerankError {
        let missing = if dir.is_dir() { names.join(", ") } else { "such directory".to_owned() };
        RerankError::Missing { dir: dir.to_owned(), missing }
    }

    /// What the model is called: its directory.
    pub(super) fn name(&self) -> String {
        let whole = self.dir.canonicalize().unwrap_or_else(|_| self.dir.clone());
        whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned()
    }

    /// An error about these files.
    pub(super) fn error(&self, detail: impl std::fmt::Display) -> RerankError {
        RerankError::Model { dir: self.dir.clone(), detail: detail.to_string() }
    }

    /// Reads one of the files beside the weights.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, RerankError> {
        std::fs::read(self.dir.join(name))
            .map_err(|error| self.error(format_args!("{name}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let refused = |dir: &Path| RerankerFiles::find(dir).expect_err("not whole").to_string();
        assert!(refused(&dir.path().join("none")).contains("there is no such directory"));
        let error = refused(dir.path());
        for named in ["model.onnx", "tokenizer.json", "tokenizer_config.json", "docs/ranking.md"] {
            assert!(error.contains(named), "{error}");
        }
        for name in OTHERS {
            fs::write(dir.path().join(name), b"{}").expect("written");
        }
        let error = refused(dir.path());
        assert!(error.contains("onnx/model.onnx") && !error.contains("config.json"), "{error}");
        fs::create_dir(dir.path().join("onnx")).expect("made");
        fs::write(dir.path().join(WEIGHTS[1]), b"").expect("written");
        let found = RerankerFiles::find(dir.path()).expect("whole");
        assert_eq!(found.weights, dir.path().join(WEIGHTS[1]));
        assert_eq!(Some(&*found.name()), dir.path().file_name().and_then(|name| name.to_str()));
    }
}
