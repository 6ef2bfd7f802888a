//! The embedding model of the configuration, and how it runs.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{ConfigError, DEFAULT_EMBEDDING_MODEL, bad, positive};

/// What computes embeddings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingEngine {
    /// fastembed on ONNX Runtime: the fastest on CPU.
    #[default]
    Fastembed,
    /// candle on safetensors: GPUs, and machines without ONNX Runtime.
    Candle,
}

/// How exact embeddings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// Weights quantised per channel; fastembed only.
    Int8,
}

/// The embedding model and how it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingSettings {
    /// Name in `models.toml`.
    pub model: String,
    /// What computes it.
    pub engine: EmbeddingEngine,
    /// How exact; what suits engine and model if absent.
    pub precision: Option<Precision>,
    /// Threads; chosen by the engine if absent.
    pub threads: Option<usize>,
}

/// Checks them.
pub(super) fn embedding(
    model: Option<String>,
    engine: Option<EmbeddingEngine>,
    precision: Option<Precision>,
    threads: Option<usize>,
) -> Result<EmbeddingSettings, ConfigError> {
    let engine = engine.unwrap_or_default();
    if (engine, precision) == (EmbeddingEngine::Candle, Some(Precision::Int8)) {
        let why = "int8 is for the engine fastembed; candle computes in fp32";
        return bad("embedding-precision", why);
    }
    Ok(EmbeddingSettings {
        model: model.unwrap_or_else(|| DEFAULT_EMBEDDING_MODEL.to_owned()),
        engine,
        precision,
        threads: positive("embedding-threads", threads)?,
    })
}
