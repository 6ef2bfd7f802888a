//! One transformer block: attention over all tokens so far, then the gated
//! feed-forward part. Rows are tokens; there is one sequence at a time.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::{rms_norm, silu, softmax_last_dim};

use super::{
    cache::Cache,
    config::Config,
    linear::{Linear, project},
    rotation::Turns,
};
use crate::llm::{LlmError, gguf::Gguf};

/// Scales rows to unit root mean square.
pub(super) struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    /// Reads it.
    pub(super) fn read(
        gguf: &mut Gguf,
        name: &str,
        epsilon: f32,
        device: &Device,
    ) -> std::result::Result<Self, LlmError> {
        let weight = gguf.tensor(&format!("{name}.weight"), device)?.dequantize(device)?;
        Ok(Self { weight, epsilon })
    }

    /// Of rows.
    pub(super) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        rms_norm(rows, &self.weight, self.epsilon)
    }
}

/// One block.
pub(super) struct Layer {
    attention_norm: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    feed_norm: Norm,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
    kv_heads: usize,
    head_width: usize,
}

impl Layer {
    /// Reads block `number`.
    pub(super) fn read(
        gguf: &mut Gguf,
        number: usize,
        config: &Config,
        device: &Device,
    ) -> std::result::Result<Self, LlmError> {
        let name = |part: &str| format!("blk.{number}.{part}");
        let mut linear = |part: &str| Linear::read(gguf, &name(part), device);
        let (query, key, value) = (linear("attn_q")?, linear("attn_k")?, linear("attn_v")?);
        let output = linear("attn_output")?;
        let (gate, up, down) = (linear("ffn_gate")?, linear("ffn_up")?, linear("ffn_down")?);
        let mut norm = |part: &str| Norm::read(gguf, &name(part), config.norm_epsilon, device);
        Ok(Self {
            attention_norm: norm("attn_norm")?,
            feed_norm: norm("ffn_norm")?,
            query,
            key,
            value,
            output,
            gate,
            up,
            down,
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_width: config.head_width,
        })
    }

    /// Rows `(n, width)` → the same. `mask` is `(n, tokens so far + n)`: 0 where a
    /// row may look, else -infinity; none for a single row, which may look at all.
    pub(super) fn forward(
        &self,
        number: usize,
        rows: &Tensor,
        cache: &Cache,
        turns: &Turns,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let normed = self.attention_norm.forward(rows)?;
        let attended = self.attend(number, &normed, cache, turns, mask)?;
        let rows = (rows + attended)?;
        let normed = self.feed_norm.forward(&rows)?;
        let [gate, up] = project([&self.gate, &self.up], &normed)?;
        let fed = self.down.forward(&(silu(&gate)? * up)?)?;
        rows + fed
    }

    fn attend(
        &self,
        number: usize,
        rows: &Tensor,
        cache: &Cache,
        turns: &Turns,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let tokens = rows.dim(0)?;
        let start = cache.len();
        let [query, key, value] = project([&self.query, &self.key, &self.value], rows)?;
        let split = |rows: &Tensor, heads: usize| {
            rows.reshape((tokens, heads, self.head_width))?.transpose(0, 1)
        };
        // The scale goes to the queries: they are fewer than the scores.
        let scale = 1.0 / (self.head_width as f64).sqrt();
        let query = turns.apply(&split(&(query * scale)?, self.heads)?, start)?;
        let key = turns.apply(&split(&key, self.kv_heads)?, start)?;
        let (keys, values) = cache.put(number, &key, &split(&value, self.kv_heads)?)?;
        // Query heads that share keys are one matrix over them.
        let group = self.heads / self.kv_heads;
        let query = query.reshape((self.kv_heads, group * tokens, self.head_width))?;
        let mut scores = query.matmul(&keys.t()?)?;
        if let Some(mask) = mask {
            let all = scores.dim(D::Minus1)?;
            scores = scores.reshape((self.heads, tokens, all))?.broadcast_add(mask)?.reshape((
                self.kv_heads,
                group * tokens,
                all,
            ))?;
        }
        let attended = softmax_last_dim(&scores)?.matmul(&values)?;
        let joined = attended
            .reshape((self.heads, tokens, self.head_width))?
            .transpose(0, 1)?
            .reshape((tokens, self.heads * self.head_width))?;
        self.output.forward(&joined)
    }
}
