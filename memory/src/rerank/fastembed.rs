//! A cross-encoder on ONNX Runtime through fastembed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use fastembed::{
    AutoDevicePolicy, OnnxSource, RerankInitOptionsUserDefined, TextRerank, TokenizerFiles,
    UserDefinedRerankingModel,
};
use parking_lot::Mutex;

use super::{CrossEncoderFiles, Rerank, RerankError};
use crate::onnx;

/// Word pieces of question and text together at most, whatever the model could
/// read: time grows faster than length.
const MAX_TOKENS: usize = 512;

/// One model in one session of ONNX Runtime.
pub struct FastReranker {
    name: String,
    version: String,
    /// Running needs `&mut`; the service calls from one thread.
    session: Mutex<TextRerank>,
}

/// Opens a model with `threads` threads (1 or more) within one run, and asks it
/// once: one that gives no score is refused here and not at the first question.
/// `library` is `libonnxruntime`; without it `ORT_DYLIB_PATH` decides, then the
/// system.
///
/// # Errors
/// [`RerankError::Model`] for a damaged file and for a model that is no reranker,
/// [`RerankError::Runtime`].
pub fn open(
    files: &CrossEncoderFiles,
    library: Option<&Path>,
    threads: usize,
) -> Result<FastReranker, RerankError> {
    let environment = onnx::environment(library)?;
    let tokenizer = TokenizerFiles {
        tokenizer_file: files.read("tokenizer.json")?,
        config_file: files.read("config.json")?,
        special_tokens_map_file: files.read("special_tokens_map.json")?,
        tokenizer_config_file: files.read("tokenizer_config.json")?,
    };
    has_one_label(files, &tokenizer.config_file)?;
    let version = files.weights_sha256()?;
    let options = RerankInitOptionsUserDefined::new()
        .with_environment(environment)
        .with_max_length(MAX_TOKENS)
        .with_intra_threads(threads.max(1))
        // Idle threads that spin take the time of whoever else has work.
        .with_session_config("session.intra_op.allow_spinning", "0")
        .with_auto_device(AutoDevicePolicy::PreferCPU);
    // From the file and not from memory: large weights lie in parts beside it.
    let weights = OnnxSource::File(files.weights.clone());
    let model = UserDefinedRerankingModel::new(weights, tokenizer);
    let session = TextRerank::try_new_from_user_defined(model, options)
        .map_err(|error| files.error(error))?;
    let opened = FastReranker { name: files.name(), version, session: Mutex::new(session) };
    // fastembed panics where the output has another shape than a reranker's.
    let asked = catch_unwind(AssertUnwindSafe(|| opened.scores("a question", &["a text"])));
    match asked {
        Ok(Ok(scores)) if scores.iter().all(|score| score.is_finite()) => Ok(opened),
        Ok(Ok(_)) => Err(files.error("its score of a text is no number")),
        Ok(Err(error)) => Err(files.error(format_args!("it scores no text: {error}"))),
        Err(_) => Err(files.error("it scores no text: its output is not one score for each")),
    }
}

/// A model that tells several labels apart scores none of them as a reranker does.
fn has_one_label(files: &CrossEncoderFiles, config: &[u8]) -> Result<(), RerankError> {
    let config: serde_json::Value = serde_json::from_slice(config)
        .map_err(|error| files.error(format_args!("config.json: {error}")))?;
    let labels = config.get("id2label").and_then(|labels| labels.as_object());
    match labels.map_or(1, serde_json::Map::len) {
        0 | 1 => Ok(()),
        several => Err(files.error(format_args!(
            "config.json: the model tells {several} labels apart, a reranker has one"
        ))),
    }
}

impl Rerank for FastReranker {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn scores(&self, query: &str, texts: &[&str]) -> Result<Vec<f32>, RerankError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let found = self
            .session
            .lock()
            .rerank(query, texts, false, Some(texts.len()))
            .map_err(|error| RerankError::Engine(error.to_string()))?;
        let mut scores = vec![f32::NAN; texts.len()];
        // They come best first.
        for result in found {
            if let Some(score) = scores.get_mut(result.index) {
                *score = result.score;
            }
        }
        Ok(scores)
    }
}
