//! What a directory must hold to be a cross-encoder: the files of a sequence
//! classification model on the hub, as they are published. Nothing is fetched.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::RerankError;

/// Where the weights may lie; the first that is there counts.
const WEIGHTS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];
/// Bytes read at a time for the hash.
const CHUNK_BYTES: usize = 1 << 20;

/// What a cross-encoder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossEncoder {
    /// How well a text answers a question: one label.
    Reranker,
    /// Whether a text says what a sentence says: several labels, one of them entailment.
    Entailment,
}

impl CrossEncoder {
    /// The files that it needs beside the weights.
    fn others(self) -> &'static [&'static str] {
        match self {
            Self::Reranker => &[
                "tokenizer.json",
                "config.json",
                "special_tokens_map.json",
                "tokenizer_config.json",
            ],
            Self::Entailment => &["tokenizer.json", "config.json"],
        }
    }

    /// Where the manual has it.
    pub(super) fn manual(self) -> &'static str {
        match self {
            Self::Reranker => "docs/ranking.md, \"A reranker\"",
            Self::Entailment => "docs/summaries.md, \"A judge of entailment\"",
        }
    }
}

impl fmt::Display for CrossEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reranker => "reranker",
            Self::Entailment => "entailment model",
        })
    }
}

/// A directory with a whole model in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossEncoderFiles {
    /// What it is for.
    pub what: CrossEncoder,
    /// The directory.
    pub dir: PathBuf,
    /// The weights. They may be in parts that lie beside this file.
    pub(super) weights: PathBuf,
}

impl CrossEncoderFiles {
    /// Looks whether every file is there.
    ///
    /// # Errors
    /// [`RerankError::Missing`] with those that are not.
    pub fn find(what: CrossEncoder, dir: &Path) -> Result<Self, RerankError> {
        let there = |name: &str| dir.join(name).is_file();
        let weights = WEIGHTS.into_iter().find(|name| there(name));
        let others = what.others().iter().copied();
        let mut missing: Vec<&str> = others.filter(|name| !there(name)).collect();
        if let (Some(name), true) = (weights, missing.is_empty()) {
            return Ok(Self { what, dir: dir.to_owned(), weights: dir.join(name) });
        }
        if weights.is_none() {
            missing.insert(0, "model.onnx (or onnx/model.onnx)");
        }
        let missing = if dir.is_dir() { missing.join(", ") } else { "such directory".to_owned() };
        Err(RerankError::Missing { what, dir: dir.to_owned(), missing })
    }

    /// SHA-256 of the weights file, hex.
    ///
    /// # Errors
    /// [`RerankError::Model`] if it cannot be read.
    pub(super) fn weights_sha256(&self) -> Result<String, RerankError> {
        sha256(&self.weights)
            .map_err(|error| self.error(format_args!("{}: {error}", self.weights.display())))
    }

    /// What the model is called: its directory.
    pub(super) fn name(&self) -> String {
        let whole = self.dir.canonicalize().unwrap_or_else(|_| self.dir.clone());
        whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned()
    }

    /// An error about these files.
    pub(super) fn error(&self, detail: impl std::fmt::Display) -> RerankError {
        RerankError::Model { what: self.what, dir: self.dir.clone(), detail: detail.to_string() }
    }

    /// Reads one of the files beside the weights.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, RerankError> {
        std::fs::read(self.dir.join(name))
            .map_err(|error| self.error(format_args!("{name}: {error}")))
    }
}

fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        for what in [CrossEncoder::Reranker, CrossEncoder::Entailment] {
            let dir = tempfile::tempdir().expect("a directory");
            let refused =
                |dir: &Path| CrossEncoderFiles::find(what, dir).expect_err("not whole").to_string();
            assert!(refused(&dir.path().join("none")).contains("there is no such directory"));
            let error = refused(dir.path());
            for named in ["model.onnx", what.others()[0], what.manual(), &what.to_string()] {
                assert!(error.contains(named), "{error}");
            }
            for name in what.others() {
                fs::write(dir.path().join(name), b"{}").expect("written");
            }
            let error = refused(dir.path());
            assert!(error.contains("onnx/model.onnx") && !error.contains("config.json"), "{error}");
            fs::create_dir(dir.path().join("onnx")).expect("made");
            fs::write(dir.path().join(WEIGHTS[1]), b"").expect("written");
            let found = CrossEncoderFiles::find(what, dir.path()).expect("whole");
            assert_eq!(found.weights, dir.path().join(WEIGHTS[1]));
            assert_eq!(Some(&*found.name()), dir.path().file_name().and_then(|n| n.to_str()));
        }
    }

    #[test]
    fn an_entailment_model_needs_fewer_files_than_a_reranker() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["model.onnx", "tokenizer.json", "config.json"] {
            fs::write(dir.path().join(name), b"{}").expect("written");
        }
        assert!(CrossEncoderFiles::find(CrossEncoder::Entailment, dir.path()).is_ok());
        let error = CrossEncoderFiles::find(CrossEncoder::Reranker, dir.path()).expect_err("less");
        assert!(error.to_string().contains("special_tokens_map.json"), "{error}");
    }
}
