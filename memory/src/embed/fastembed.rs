//! The default engine: ONNX Runtime through fastembed.

use std::sync::Arc;

use fastembed::{
    AutoDevicePolicy, InitOptionsUserDefined, QuantizationMode, TextEmbedding, TokenizerFiles,
    UserDefinedEmbeddingModel,
};
use parking_lot::Mutex;

use super::{EmbedError, Embedder, EmbeddingModel, ModelFiles, Pooling, Precision, Vector};
use crate::onnx;

/// Texts that are embedded together at most.
const MAX_BATCH: usize = 32;

/// One model in one session of ONNX Runtime.
pub struct FastEmbedder {
    model: EmbeddingModel,
    /// Running needs `&mut`; the lanes call from one thread each.
    session: Mutex<TextEmbedding>,
    /// Texts in one run.
    batch: Option<usize>,
}

/// Opens a model with `threads` threads (1 or more) within one run.
///
/// # Errors
/// [`EmbedError::Model`] for a missing or damaged file or library.
pub fn open(files: &ModelFiles, threads: usize) -> Result<FastEmbedder, EmbedError> {
    let onnx = files.onnx.as_ref().ok_or_else(|| files.error("it has no ONNX file"))?;
    let environment =
        onnx::environment(files.runtime_library.as_deref()).map_err(|error| files.error(error))?;
    let (_, pad_token) = files.padding(&files.open_tokenizer()?)?;
    let tokenizer_config =
        serde_json::json!({"model_max_length": files.max_tokens, "pad_token": pad_token});
    let tokenizer = TokenizerFiles {
        tokenizer_file: files.read(&files.tokenizer)?,
        config_file: files.read(&files.config)?,
        special_tokens_map_file: b"{}".to_vec(),
        tokenizer_config_file: tokenizer_config.to_string().into_bytes(),
    };
    // Without a pooling given fastembed takes CLS, which is wrong for most.
    let pooling = match files.pooling {
        Pooling::Mean => fastembed::Pooling::Mean,
        Pooling::Cls => fastembed::Pooling::Cls,
    };
    let definition =
        UserDefinedEmbeddingModel::new(files.read(onnx)?, tokenizer).with_pooling(pooling);
    let definition = match files.precision {
        Precision::Fp32 => definition,
        Precision::Int8 => definition.with_quantization(QuantizationMode::Dynamic),
    };
    let options = InitOptionsUserDefined::new()
        .with_environment(environment)
        .with_max_length(files.max_tokens)
        .with_intra_threads(threads.max(1))
        // Idle threads that spin take the time of whoever else has work.
        .with_session_config("session.intra_op.allow_spinning", "0")
        .with_auto_device(AutoDevicePolicy::PreferCPU);
    let session = TextEmbedding::try_new_from_user_defined(definition, options)
        .map_err(|error| files.error(format_args!("{}: {error}", onnx.path.display())))?;
    Ok(FastEmbedder {
        model: EmbeddingModel {
            name: files.name.clone(),
            sha256: onnx.sha256.clone(),
            dimensions: files.dimensions,
            max_tokens: files.max_tokens,
            engine: "onnxruntime".to_owned(),
            precision: files.precision.as_str().to_owned(),
            device: "cpu".to_owned(),
        },
        session: Mutex::new(session),
        batch: match files.precision {
            Precision::Fp32 => None,
            Precision::Int8 => Some(1),
        },
    })
}

impl Embedder for FastEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        // Of like length together: a batch is padded to its longest text.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|at| texts.get(*at).map_or(0, |text| text.len()));
        let mut vectors: Vec<Option<Vector>> = vec![None; texts.len()];
        // Dynamic quantization takes its scale from the whole batch, padding
        // included: a text's vector would depend on its neighbours (cosine 0.95
        // between alone and in company). One at a time is also no slower.
        for places in order.chunks(self.batch.unwrap_or(MAX_BATCH)) {
            let batch: Vec<&str> = places.iter().filter_map(|at| texts.get(*at).copied()).collect();
            // Taken for each batch: whoever embeds many texts lets others between.
            let mut session = self.session.lock();
            let made = session
                .embed(&batch, Some(batch.len()))
                .map_err(|error| EmbedError::Engine(error.to_string()))?;
            for (at, vector) in places.iter().zip(made) {
                if let Some(place) = vectors.get_mut(*at) {
                    *place = Some(Arc::from(vector));
                }
            }
        }
        let missing = || EmbedError::Engine("fewer vectors than texts".to_owned());
        vectors.into_iter().collect::<Option<Vec<_>>>().ok_or_else(missing)
    }
}
