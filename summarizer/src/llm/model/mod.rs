//! Models of the `llama` and `qwen2` families over candle's quantised kernels.
//!
//! candle's own versions hold their cache inside and cannot forget a part of
//! it; here the cache may be cut back to any length, so that a prompt that
//! begins like the one before it is read only from where they part.

mod cache;
mod config;
mod layer;
mod linear;
mod rotation;

use std::sync::Arc;

use candle_core::{Device, Tensor, quantized::QTensor};

use self::{
    cache::Cache,
    config::Config,
    layer::{Layer, Norm},
    linear::Linear,
    rotation::Turns,
};
use super::{LlmError, gguf::Gguf};

/// Which rows' next-token scores are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// None: the tokens are only to be remembered.
    None,
    /// Of the last token.
    Last,
    /// Of every token.
    All,
}

/// A loaded model and what it remembers.
pub(crate) struct Model {
    embedding: Arc<QTensor>,
    layers: Vec<Layer>,
    norm: Norm,
    output: Linear,
    turns: Turns,
    cache: Cache,
    context: usize,
    device: Device,
}

impl Model {
    /// Loads the weights. It reads at most `context` tokens, and no more than it was
    /// trained to.
    pub(crate) fn load(gguf: &mut Gguf, context: usize, device: &Device) -> Result<Self, LlmError> {
        let config = Config::new(gguf)?;
        let context = context.min(config.context);
        let embedding = gguf.tensor("token_embd.weight", device)?;
        let output = if gguf.has_tensor("output.weight") {
            gguf.tensor("output.weight", device)?
        } else {
            Arc::clone(&embedding)
        };
        let factors = if gguf.has_tensor("rope_freqs.weight") {
            let factors = gguf.tensor("rope_freqs.weight", &Device::Cpu)?;
            Some(factors.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?)
        } else {
            None
        };
        let layers = (0..config.layers)
            .map(|number| Layer::read(gguf, number, &config, device))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            embedding,
            layers,
            norm: Norm::read(gguf, "output_norm", config.norm_epsilon, device)?,
            output: Linear::new(output)?,
            turns: Turns::new(&config, context, factors.as_deref(), device)?,
            cache: Cache::new(&config, device)?,
            context,
            device: device.clone(),
        })
    }

    /// Most tokens that it remembers.
    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// Tokens that it remembers now.
    pub(crate) fn len(&self) -> usize {
        self.cache.len()
    }

    /// Forgets all but the first `length` tokens.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.cache.truncate(length);
    }

    /// Reads tokens behind those that it remembers, one or more; gives the scores
    /// of the next token `(rows, vocabulary)`. The caller keeps within the context.
    pub(crate) fn forward(
        &mut self,
        tokens: &[u32],
        rows: Rows,
    ) -> Result<Option<Tensor>, LlmError> {
        let start = self.cache.len();
        let count = tokens.len();
        self.cache.reserve(start + count)?;
        let mask = if count > 1 { Some(self.mask(start, count)?) } else { None };
        let mut hidden = self.embedding.embedding(&Tensor::new(tokens, &self.device)?)?;
        for (number, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(number, &hidden, &self.cache, &self.turns, mask.as_ref())?;
        }
        self.cache.advance(count);
        let wanted = match rows {
            Rows::None => return Ok(None),
            Rows::Last => hidden.narrow(0, count - 1, 1)?,
            Rows::All => hidden,
        };
        Ok(Some(self.output.forward(&self.norm.forward(&wanted)?)?))
    }

    /// Who may look at whom: each token at those before it and at itself.
    fn mask(&self, start: usize, count: usize) -> Result<Tensor, LlmError> {
        let total = start + count;
        let values: Vec<f32> = (0..count)
            .flat_map(|row| {
                (0..total).map(
                    move |column| {
                        if column <= start + row { 0.0 } else { f32::NEG_INFINITY }
                    },
                )
            })
            .collect();
        Ok(Tensor::from_vec(values, (count, total), &self.device)?)
    }
}
