//! Question and text read together, for one score: slower than anything that
//! ranks by what is known of each alone, so only the best of a ranking get it.
//!
//! Flow: the engine takes the best of a hybrid ranking and reads their texts; the
//! [`RerankService`] hands them to a [`Rerank`] on a thread of its own, apart from
//! all embedding. Invariant: whoever asks has an answer by the deadline, the scores
//! or why there are none. Optional: nothing here runs unless it is configured.

pub mod entailment;
pub mod fastembed;
mod files;
mod service;

use std::{path::PathBuf, time::Duration};

pub use files::{CrossEncoder, CrossEncoderFiles};
pub use service::{DEFAULT_RERANK_TOP, MAX_RERANK_TOP, RerankOptions, RerankService};

pub use crate::onnx::RuntimeError;

/// A model that reads a question and a text together. Blocking; called from the
/// service's own thread.
pub trait Rerank: Send + Sync + 'static {
    /// What it is called, for people.
    fn name(&self) -> &str;

    /// Names everything that a score depends on: SHA-256 of the weights, hex.
    fn version(&self) -> &str;

    /// How well each text answers the question, in order; the greater the better,
    /// on the model's own scale. A text longer than the model reads is cut.
    ///
    /// # Errors
    /// [`RerankError::Engine`].
    fn scores(&self, query: &str, texts: &[&str]) -> Result<Vec<f32>, RerankError>;
}

/// What reranking can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RerankError {
    /// A directory that does not hold a whole model. Operator.
    #[error(
        "{what} {dir}: there is no {missing}; copy it from where the model is published ({})",
        .what.manual()
    )]
    Missing {
        /// What was looked for.
        what: CrossEncoder,
        /// The directory.
        dir: PathBuf,
        /// What is not in it.
        missing: String,
    },
    /// Files are damaged, or are not of such a model. Operator.
    #[error("{what} {dir}: {detail}; fetch it again, or choose another ({})", .what.manual())]
    Model {
        /// What it should be.
        what: CrossEncoder,
        /// The directory.
        dir: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// ONNX Runtime's library cannot be loaded. Operator.
    #[error("cross-encoder: {0}; run `throughline models pull`, or set ORT_DYLIB_PATH")]
    Runtime(#[from] RuntimeError),
    /// The model failed on an input. Operator.
    #[error("it failed: {0}")]
    Engine(String),
    /// Too many wait for it. It is slower than questions come. Operator.
    #[error("{limit} questions wait for it already")]
    Overloaded {
        /// How many may wait.
        limit: usize,
    },
    /// It took too long. Operator.
    #[error("it gave no scores in {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It is shutting down.
    #[error("it is closed")]
    Closed,
}
