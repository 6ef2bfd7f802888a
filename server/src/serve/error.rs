//! Why a server does not start. Each message names the mend.

use std::{io, net::SocketAddr, path::PathBuf};

use throughline_memory::{
    embed::EmbedError, engine::EngineError, index::IndexError, rerank::RerankError,
    store::StoreError,
};

use throughline_summarizer::llm::LlmError;

use crate::{auth::KeyError, models::ModelsError, page_token::PageKeyError, proxy::UpstreamError};

/// A server that does not start: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The API keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {cause}; {mend}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
        /// What to do.
        mend: String,
    },
    /// The data directory cannot be used.
    #[error(
        "cannot use the data directory {path}: {cause}; make it writable for this user, or name \
         another with --data-dir"
    )]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Another file of the configuration cannot be used.
    #[error("cannot use {path} ({setting}): {detail}")]
    File {
        /// Which setting named it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedding model is missing, damaged, or cannot be fetched.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// The embedding model does not run.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The reranker is not whole, or does not run.
    #[error(transparent)]
    Rerank(#[from] RerankError),
    /// The language model cannot be used.
    #[error("language model: {0}")]
    Llm(#[from] LlmError),
    /// The chat proxy's upstream cannot be used.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The index refuses.
    #[error("{0}; check --qdrant-url and --qdrant-api-key-file")]
    Index(#[from] IndexError),
    /// The key of the page tokens cannot be used.
    #[error(transparent)]
    PageKey(#[from] PageKeyError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Signals cannot be listened for.
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    /// Reflection cannot be built.
    #[error("the descriptor set is damaged: {0}; build the server again")]
    Reflection(String),
    /// A step of the start ended without a result.
    #[error("the start broke off: {0}; the log says more")]
    Early(String),
    /// stdout is closed.
    #[error("cannot write to stdout: {cause}; start the server with stdout open")]
    Stdout {
        /// Why.
        cause: io::Error,
    },
}
