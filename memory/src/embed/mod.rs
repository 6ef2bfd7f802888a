//! Text to vectors. An [`Embedder`] is one model on one engine; the
//! [`EmbedService`] in front of it keeps a lane for queries apart from bulk
//! ingestion, forms batches across requests and embeds identical content once.
//!
//! Flow: [`Splitter`] cuts a text into passages that the model can read whole,
//! the service looks each up in its cache, the lanes feed what is missing to an
//! engine. Vectors are L2-normalised, so that their dot product is the cosine.
//! No file is fetched here: [`ModelFiles`] says where they lie.

mod cache;
pub mod candle;
pub mod fastembed;
mod files;
mod lanes;
mod passages;
mod service;
#[cfg(test)]
mod testing;
mod unhurried;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use files::{ModelFile, ModelFiles, Pooling, Precision};
pub use passages::{MAX_PASSAGE_BYTES, MAX_PASSAGES, Splitter};
pub use service::{EmbedConfig, EmbedService, MAX_QUERY_PASSAGES};

/// An L2-normalised vector of [`EmbeddingModel::dimensions`] values.
pub type Vector = Arc<[f32]>;

/// Which model on which engine; what derived vectors are versioned by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingModel {
    /// Name in `models.toml`.
    pub name: String,
    /// SHA-256 of the weights file in use, hex.
    pub sha256: String,
    /// Length of its vectors.
    pub dimensions: usize,
    /// Word pieces that it reads; what is longer must be split.
    pub max_tokens: usize,
    /// `onnxruntime` or `candle`.
    pub engine: String,
    /// `fp32` or `int8`.
    pub precision: String,
    /// `cpu`, `cuda:0`, `metal:0`.
    pub device: String,
}

/// What embedding can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    /// Files are missing or damaged. Operator.
    #[error("embedding model {name}: {detail}; run `throughline models pull {name}`")]
    Model {
        /// Name in `models.toml`.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// The engine failed on an input. Operator.
    #[error("embedding engine: {0}")]
    Engine(String),
    /// The lane is full. Caller: retry with a delay.
    #[error("{waiting} texts wait to be embedded, the limit is {limit}")]
    Overloaded {
        /// Texts waiting now.
        waiting: usize,
        /// The limit.
        limit: usize,
    },
    /// The service is shutting down.
    #[error("the embedder is closed")]
    Closed,
}

/// One model on one engine. Blocking; called from the service's own threads.
pub trait Embedder: Send + Sync + 'static {
    /// Which model.
    fn model(&self) -> &EmbeddingModel;

    /// Embeds a batch; one vector for each text, in order. A text longer than
    /// the model reads is cut.
    ///
    /// # Errors
    /// [`EmbedError::Engine`].
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError>;
}
