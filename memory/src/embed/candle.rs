//! BERT on candle, straight from the safetensors file: for GPUs (features
//! `cuda` and `metal`) and for machines without ONNX Runtime.
//!
//! Candle computes on the rayon pool of the calling thread, so an embedder owns
//! a pool of configured size: on a busy machine the global one, with a thread
//! for each core, collapses.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{Encoding, PaddingParams, Tokenizer, TruncationParams};

use super::{EmbedError, Embedder, EmbeddingModel, ModelFiles, Pooling, Vector};

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComputeDevice {
    /// The processor.
    Cpu,
    /// An NVIDIA card, by number; needs the feature `cuda`.
    Cuda(usize),
    /// An Apple GPU, by number; needs the feature `metal`.
    Metal(usize),
}

impl ComputeDevice {
    /// The first GPU that this build and machine have, else the processor.
    pub fn best() -> Self {
        if Device::new_cuda(0).is_ok() {
            Self::Cuda(0)
        } else if Device::new_metal(0).is_ok() {
            Self::Metal(0)
        } else {
            Self::Cpu
        }
    }

    /// The device itself, for engines built on candle.
    ///
    /// # Errors
    /// candle's, if this build or machine has no such device.
    pub fn open(self) -> candle_core::Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => Device::new_cuda(number),
            Self::Metal(number) => Device::new_metal(number),
        }
    }
}

impl std::fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal(number) => write!(f, "metal:{number}"),
        }
    }
}

/// One BERT model on one device.
pub struct CandleEmbedder {
    model: EmbeddingModel,
    bert: BertModel,
    tokenizer: Tokenizer,
    pooling: Pooling,
    device: Device,
    pool: rayon::ThreadPool,
}

/// Opens a model on a device with `threads` threads (1 or more).
///
/// # Errors
/// [`EmbedError::Model`] for a missing or damaged file, [`EmbedError::Engine`]
/// for a device that is not there.
pub fn open(
    files: &ModelFiles,
    device: ComputeDevice,
    threads: usize,
) -> Result<CandleEmbedder, EmbedError> {
    let weights =
        files.safetensors.as_ref().ok_or_else(|| files.error("it has no safetensors file"))?;
    let config: Config = serde_json::from_slice(&files.read(&files.config)?)
        .map_err(|error| files.error(format_args!("config.json: {error}")))?;
    let opened = device.open().map_err(engine)?;
    let damaged = |error| files.error(format_args!("{}: {error}", weights.path.display()));
    let variables =
        VarBuilder::from_buffered_safetensors(files.read(weights)?, DType::F32, &opened)
            .map_err(damaged)?;
    let bert = BertModel::load(variables, &config).map_err(damaged)?;
    let mut tokenizer = files.open_tokenizer()?;
    let (pad_id, pad_token) = files.padding(&tokenizer)?;
    tokenizer.with_padding(Some(PaddingParams { pad_id, pad_token, ..Default::default() }));
    tokenizer
        .with_truncation(Some(TruncationParams {
            max_length: files.max_tokens,
            ..Default::default()
        }))
        .map_err(|error| files.error(format_args!("tokenizer.json: {error}")))?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|number| format!("candle-{number}"))
        .build()
        .map_err(|error| EmbedError::Engine(error.to_string()))?;
    Ok(CandleEmbedder {
        model: EmbeddingModel {
            name: files.name.clone(),
            sha256: weights.sha256.clone(),
            dimensions: files.dimensions,
            max_tokens: files.max_tokens,
            engine: "candle".to_owned(),
            precision: "fp32".to_owned(),
            device: device.to_string(),
        },
        bert,
        tokenizer,
        pooling: files.pooling,
        device: opened,
        pool,
    })
}

fn engine(error: candle_core::Error) -> EmbedError {
    EmbedError::Engine(error.to_string())
}

impl CandleEmbedder {
    fn run(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let encodings = self
            .tokenizer
            .encode_batch(texts.to_vec(), true)
            .map_err(|error| EmbedError::Engine(error.to_string()))?;
        self.forward(&encodings).map_err(engine)
    }

    fn forward(&self, encodings: &[Encoding]) -> candle_core::Result<Vec<Vector>> {
        let rows = encodings.len();
        let columns = encodings.first().map_or(0, Encoding::len);
        let tensor = |part: fn(&Encoding) -> &[u32]| {
            let values: Vec<u32> =
                encodings.iter().flat_map(|encoding| part(encoding).iter().copied()).collect();
            Tensor::from_vec(values, (rows, columns), &self.device)
        };
        let ids = tensor(Encoding::get_ids)?;
        let kinds = tensor(Encoding::get_type_ids)?;
        let mask = tensor(Encoding::get_attention_mask)?;
        let hidden = self.bert.forward(&ids, &kinds, Some(&mask))?;
        let pooled = match self.pooling {
            Pooling::Cls => hidden.narrow(1, 0, 1)?.squeeze(1)?,
            Pooling::Mean => {
                let present = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
                let sum = hidden.broadcast_mul(&present)?.sum(1)?;
                sum.broadcast_div(&present.sum(1)?)?
            }
        };
        let length = pooled.sqr()?.sum_keepdim(1)?.sqrt()?;
        let vectors = pooled.broadcast_div(&length)?.to_vec2::<f32>()?;
        Ok(vectors.into_iter().map(Arc::from).collect())
    }
}

impl Embedder for CandleEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        self.pool.install(|| self.run(texts))
    }
}
