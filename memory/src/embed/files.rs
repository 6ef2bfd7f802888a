//! Where the files of one embedding model lie and how it wants to be used.
//! Filled in by whoever fetches models; the engines only read.

use std::path::PathBuf;

use tokenizers::Tokenizer;

use super::EmbedError;

/// A file with the hash that it was verified against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its content, hex.
    pub sha256: String,
}

/// Number format of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// 8-bit integers, one scale for each output channel.
    Int8,
}

impl Precision {
    /// As in [`super::EmbeddingModel::precision`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Int8 => "int8",
        }
    }
}

/// How the vectors of the word pieces become the vector of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The vector of the first, special one.
    Cls,
}

/// One embedding model on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// Name in `models.toml`.
    pub name: String,
    /// Length of its vectors.
    pub dimensions: usize,
    /// Word pieces that it reads, special ones included.
    pub max_tokens: usize,
    /// Format of the weights in `onnx`.
    pub precision: Precision,
    /// What the model was trained with.
    pub pooling: Pooling,
    /// For ONNX Runtime.
    pub onnx: Option<ModelFile>,
    /// For candle.
    pub safetensors: Option<ModelFile>,
    /// Hugging Face `tokenizer.json`.
    pub tokenizer: ModelFile,
    /// Hugging Face `config.json`.
    pub config: ModelFile,
    /// `libonnxruntime`; without it `ORT_DYLIB_PATH` decides, then the system.
    pub runtime_library: Option<PathBuf>,
    /// Set before a query, for models trained with it.
    pub query_prefix: String,
    /// Set before a passage, for models trained with it.
    pub passage_prefix: String,
}

impl ModelFiles {
    /// An error about these files.
    pub(super) fn error(&self, detail: impl std::fmt::Display) -> EmbedError {
        EmbedError::Model { name: self.name.clone(), detail: detail.to_string() }
    }

    /// Reads one of the files.
    pub(super) fn read(&self, file: &ModelFile) -> Result<Vec<u8>, EmbedError> {
        std::fs::read(&file.path)
            .map_err(|error| self.error(format_args!("{}: {error}", file.path.display())))
    }

    /// The tokenizer, without the padding and truncation of its file: that of
    /// `all-MiniLM-L6-v2` would cut at 128 and pad every text to 128.
    pub(super) fn open_tokenizer(&self) -> Result<Tokenizer, EmbedError> {
        let mut tokenizer = Tokenizer::from_bytes(self.read(&self.tokenizer)?)
            .map_err(|error| self.error(format_args!("tokenizer.json: {error}")))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| self.error(format_args!("tokenizer.json: {error}")))?;
        Ok(tokenizer)
    }

    /// Id and spelling of the padding piece, from `config.json`.
    pub(super) fn padding(&self, tokenizer: &Tokenizer) -> Result<(u32, String), EmbedError> {
        let config: serde_json::Value = serde_json::from_slice(&self.read(&self.config)?)
            .map_err(|error| self.error(format_args!("config.json: {error}")))?;
        let id = config.get("pad_token_id").and_then(serde_json::Value::as_u64).unwrap_or(0);
        u32::try_from(id)
            .ok()
            .and_then(|id| tokenizer.id_to_token(id).map(|token| (id, token)))
            .ok_or_else(|| self.error("config.json names a padding token that does not exist"))
    }
}
