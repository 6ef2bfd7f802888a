//! What fetching and checking models can fail with. Every message names its
//! mend: mostly a command to run.

use std::path::{Path, PathBuf};

/// A model cannot be had or is damaged. All of these are the operator's.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// `models.toml` cannot be understood.
    #[error("models.toml: {0}")]
    Registry(String),
    /// A model that `models.toml` does not list.
    #[error("no model {name:?} in models.toml, which lists {known}")]
    Unknown {
        /// As asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A model that is for something else.
    #[error("{name} is a model for {is}, not for {wanted}; models for {wanted} are {known}")]
    Purpose {
        /// As asked for.
        name: String,
        /// What it is for.
        is: &'static str,
        /// What it was to be used for.
        wanted: &'static str,
        /// The models that are.
        known: String,
    },
    /// A language model that must not write what is used.
    #[error(
        "{name} invents facts: it is for smoke tests only, and writes no summaries; take --llm \
         {instead} (`throughline models list` shows others), or --llm-for-tests in a test; \
         `throughline models serve {name}` answers programs of your own with it"
    )]
    ForTestsOnly {
        /// As asked for.
        name: String,
        /// One that may.
        instead: String,
    },
    /// A model without a file of this kind.
    #[error("model {name} has no {role} file; `throughline models list` shows what it has")]
    NoSuchFile {
        /// The model.
        name: String,
        /// The kind of file.
        role: &'static str,
    },
    /// A file that was never fetched.
    #[error("{path} is missing; run `throughline models pull {wanted}`")]
    Missing {
        /// The model, with the flags that it takes to pull this file.
        wanted: String,
        /// Where it should lie.
        path: PathBuf,
    },
    /// A file that is not what it should be: truncated, damaged or replaced.
    #[error("{path} is damaged: {detail}; run `throughline models pull {name}`")]
    Damaged {
        /// The model.
        name: String,
        /// Where it lies.
        path: PathBuf,
        /// Sizes or hashes.
        detail: String,
    },
    /// No source gave a file.
    #[error(
        "{file} of {name} could not be had:{}\nmend what is said above, then run \
         `throughline models pull {name}`; or copy a filled models directory here and name it \
         with --models-dir",
        list(.attempts)
    )]
    Sources {
        /// The model.
        name: String,
        /// The file.
        file: String,
        /// Each source and why it failed.
        attempts: Vec<String>,
    },
    /// A file could not be made over.
    #[error("{file} cannot be made from what was pulled: {detail}")]
    Making {
        /// The file.
        file: String,
        /// Why.
        detail: String,
    },
    /// One source failed; another may do.
    #[error("{0}")]
    Source(String),
    /// Python or pip is not there or failed.
    #[error("{step}: {detail}\n    mend: {mend}")]
    Python {
        /// What was tried.
        step: String,
        /// What Python said.
        detail: String,
        /// What to do.
        mend: &'static str,
    },
    /// The disk is full.
    #[error("no space left for {path}; free some, or choose another place with --models-dir")]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// The file system said no.
    #[error(
        "{path}: {source}; see that this user may read and write there, or choose another place \
         with --models-dir"
    )]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Neither option nor environment says where models lie.
    #[error("where should models lie? set --models-dir or THROUGHLINE_MODELS_DIR (no HOME is set)")]
    NoDirectory,
}

fn list(attempts: &[String]) -> String {
    attempts.iter().map(|attempt| format!("\n  {attempt}")).collect()
}

impl ModelsError {
    /// An error about a file.
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned() }
            }
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    /// Whether another source could do better: not if the disk is the trouble.
    pub(super) fn is_about_source(&self) -> bool {
        matches!(self, Self::Source(_) | Self::Python { .. } | Self::Damaged { .. })
    }
}
