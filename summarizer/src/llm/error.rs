//! What can go wrong between a prompt and its answer. Each variant says whose
//! it is to mend.

use std::{path::PathBuf, time::Duration};

use super::Finish;

/// A model cannot be opened or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// The file is missing, damaged or no GGUF: the operator's.
    #[error("model file {path}: {detail}; run `throughline models verify`, then `models pull`")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The file is sound but of a kind that is not built in: the operator's.
    #[error("model file {path}: {what}; `throughline models list` names models that work")]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it asks for.
        what: String,
    },
    /// The device that was asked for is not there: the operator's.
    #[error("device {device}: {detail}; `auto` takes what there is")]
    Device {
        /// As configured.
        device: String,
        /// Why not.
        detail: String,
    },
    /// Settings that mean nothing: the operator's.
    #[error("LLM settings: {0}")]
    Settings(String),
    /// A request that means nothing: the caller's.
    #[error("{0}")]
    Request(String),
    /// The chat template refused the messages: the caller's, or the model's file.
    #[error("the model's chat template: {0}")]
    Template(String),
    /// The prompt does not fit: the caller's.
    #[error("the prompt has {tokens} tokens, the model reads {limit} with room for an answer")]
    PromptTooLong {
        /// Tokens of the rendered prompt.
        tokens: usize,
        /// Most that a prompt may have.
        limit: usize,
    },
    /// The prompt does not fit by what the endpoint says, which seldom counts it: the
    /// caller's.
    #[error("LLM endpoint {url}: the prompt is too long: {detail}")]
    TooLongForEndpoint {
        /// Its address.
        url: String,
        /// What it said.
        detail: String,
    },
    /// Too much is waiting: try again later.
    #[error("{waiting} generations are waiting already; try again in {retry_after:?}")]
    Overloaded {
        /// Waiting jobs of this tenant or of all, whichever bound was met.
        waiting: usize,
        /// When a place is likely to be free.
        retry_after: Duration,
    },
    /// The endpoint did not answer as it should: its operator's.
    #[error("LLM endpoint {url}: {detail}")]
    Endpoint {
        /// Its address.
        url: String,
        /// What happened, after the last attempt.
        detail: String,
    },
    /// This engine cannot do it.
    #[error("{0}")]
    Cannot(String),
    /// Scoring ended early.
    #[error("scoring ended before it was done: {0:?}")]
    Halted(Finish),
    /// The ledger of results failed: as its store.
    #[error("ledger of generations: {0}")]
    Ledger(String),
    /// The engine failed: a fault here.
    #[error("LLM engine: {0}")]
    Engine(String),
    /// The model was closed, or its thread ended.
    #[error("the model is closed")]
    Closed,
}

impl LlmError {
    /// Whether the same request may be answered later: the model was busy, late, away or
    /// closing. The others would fail again.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Overloaded { .. }
            | Self::Endpoint { .. }
            | Self::Halted(_)
            | Self::Ledger(_)
            | Self::Closed => true,
            Self::File { .. }
            | Self::Unsupported { .. }
            | Self::Device { .. }
            | Self::Settings(_)
            | Self::Request(_)
            | Self::Template(_)
            | Self::PromptTooLong { .. }
            | Self::TooLongForEndpoint { .. }
            | Self::Cannot(_)
            | Self::Engine(_) => false,
        }
    }

    /// Whether the prompt is longer than what the model reads: a shorter one may do.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::PromptTooLong { .. } | Self::TooLongForEndpoint { .. })
    }
}

impl From<candle_core::Error> for LlmError {
    fn from(error: candle_core::Error) -> Self {
        Self::Engine(error.to_string())
    }
}
