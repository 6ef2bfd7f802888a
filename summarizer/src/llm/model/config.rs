//! The shape of a model, from its file's metadata.

use crate::llm::{LlmError, gguf::Gguf};

/// Families that are built in. They differ in how rotations pair the values of
/// a head, and in whether projections have a bias (which the file's tensors say).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// Neighbours, 2i and 2i+1: `llama`.
    Neighbours,
    /// Halves, i and i + d/2: `qwen2`.
    Halves,
}

/// The shape.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_width: usize,
    /// Most tokens that the model was trained to read.
    pub(crate) context: usize,
    pub(super) norm_epsilon: f32,
    pub(super) rotation: Rotation,
    pub(super) rotation_base: f32,
}

impl Config {
    /// Reads and checks it.
    pub(super) fn new(gguf: &Gguf) -> Result<Self, LlmError> {
        let architecture = gguf.text("general.architecture")?.to_owned();
        let rotation = match architecture.as_str() {
            "llama" => Rotation::Neighbours,
            "qwen2" => Rotation::Halves,
            other => {
                return Err(gguf.unsupported(format!(
                    "its architecture is {other:?}; llama and qwen2 are built in"
                )));
            }
        };
        let key = |name: &str| format!("{architecture}.{name}");
        let number = |name: &str| gguf.number(&key(name));
        if gguf.has(&key("expert_count")) && number("expert_count")? > 0 {
            return Err(gguf.unsupported("it is a mixture of experts; dense models are built in"));
        }
        if gguf.has(&key("rope.scaling.type")) {
            let scaling = gguf.text(&key("rope.scaling.type"))?;
            if scaling != "none" {
                return Err(gguf.unsupported(format!("its positions are scaled by {scaling:?}")));
            }
        }
        let heads = number("attention.head_count")?;
        let kv_heads = number("attention.head_count_kv").unwrap_or(heads);
        let width = number("embedding_length")?;
        if heads == 0 || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(gguf.damaged(format_args!("{heads} heads over {kv_heads}")));
        }
        let head_width = number("attention.key_length").unwrap_or(width / heads);
        if head_width == 0 || !head_width.is_multiple_of(2) {
            return Err(gguf.damaged(format_args!("heads of width {head_width}")));
        }
        let rotated = number("rope.dimension_count").unwrap_or(head_width);
        if rotated != head_width {
            return Err(gguf.unsupported("it rotates only a part of each head"));
        }
        let base = key("rope.freq_base");
        Ok(Self {
            layers: number("block_count")?,
            heads,
            kv_heads,
            head_width,
            context: number("context_length")?,
            norm_epsilon: gguf.fraction(&key("attention.layer_norm_rms_epsilon"))?,
            rotation,
            rotation_base: if gguf.has(&base) { gguf.fraction(&base)? } else { 10_000.0 },
        })
    }
}
