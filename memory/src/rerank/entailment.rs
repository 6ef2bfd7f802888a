//! A cross-encoder that tells entailment apart (NLI), on ONNX Runtime: does a text say
//! what a sentence says?
//!
//! As a [`Rerank`] its "question" is the sentence (the hypothesis) and its score of a
//! text (the premise) the probability of entailment, so that lane, deadline and distrust
//! of [`super::RerankService`] hold for it too. As a [`PairJudge`] it is asked directly,
//! by the thread that draws events. fastembed reads the first label alone, so the session
//! is run here.

use std::path::Path;

use fastembed::AutoDevicePolicy;
use ort::{
    inputs,
    session::{Session, builder::GraphOptimizationLevel},
    value::Tensor,
};
use parking_lot::Mutex;
use tokenizers::{Tokenizer, TruncationParams};

use super::{CrossEncoderFiles, Rerank, RerankError};
use crate::{
    onnx,
    staleness::unsure::{PairJudge, Relation},
};

/// Word pieces of both texts together at most, whatever the model could read.
const MAX_TOKENS: usize = 512;
/// Fewest that a pair can be read in.
const MIN_TOKENS: usize = 16;
/// What models call their labels, lower-cased.
const ENTAILMENT: [&str; 3] = ["entailment", "entails", "entail"];
const CONTRADICTION: [&str; 3] = ["contradiction", "contradicts", "contradict"];

/// One model in one session of ONNX Runtime.
pub struct EntailmentModel {
    name: String,
    version: String,
    tokenizer: Tokenizer,
    labels: Labels,
    /// The model is told which text a word piece is of.
    has_types: bool,
    /// Running needs `&mut`; the service calls from one thread.
    session: Mutex<Session>,
}

/// Places of the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Labels {
    entailment: usize,
    /// Absent where a model only knows entailment and the rest.
    contradiction: Option<usize>,
    count: usize,
}

/// Opens a model with `threads` threads (1 or more) within one run, and asks it once:
/// one that gives no probability is refused here. `library` is `libonnxruntime`;
/// without it `ORT_DYLIB_PATH` decides, then the system.
///
/// # Errors
/// [`RerankError::Model`] for a damaged file and for a model without a label
/// "entailment", [`RerankError::Runtime`].
pub fn open(
    files: &CrossEncoderFiles,
    library: Option<&Path>,
    threads: usize,
) -> Result<EntailmentModel, RerankError> {
    let config: serde_json::Value = serde_json::from_slice(&files.read("config.json")?)
        .map_err(|error| files.error(format_args!("config.json: {error}")))?;
    let labels = labels(&config).map_err(|detail| files.error(detail))?;
    let tokenizer = tokenizer(files, &config)?;
    let version = files.weights_sha256()?;
    let environment = onnx::environment(library)?;
    let session = session(files, &environment, threads.max(1))
        .map_err(|detail| files.error(format_args!("{}: {detail}", files.weights.display())))?;
    let has_types = session.inputs().iter().any(|input| input.name() == "token_type_ids");
    let session = Mutex::new(session);
    let name = files.name();
    let opened = EntailmentModel { name, version, tokenizer, labels, has_types, session };
    match opened.scores("a sentence", &["a text"]) {
        Ok(_) => Ok(opened),
        Err(error) => Err(files.error(format_args!("it judges no text: {error}"))),
    }
}

/// The labels, by their names.
fn labels(config: &serde_json::Value) -> Result<Labels, String> {
    let labels = config.get("id2label").and_then(|labels| labels.as_object());
    let labels = labels.ok_or("config.json: there is no id2label")?;
    let count = labels.len();
    let named: Vec<(usize, &str)> =
        labels.iter().filter_map(|(id, name)| Some((id.parse().ok()?, name.as_str()?))).collect();
    let only = |names: &[&str]| {
        let is_one = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
        let mut found = named.iter().filter(|(_, name)| is_one(name)).map(|(place, _)| *place);
        let first = found.next().filter(|place| *place < count)?;
        found.next().is_none().then_some(first)
    };
    match only(&ENTAILMENT) {
        Some(entailment) if count > 1 => {
            Ok(Labels { entailment, contradiction: only(&CONTRADICTION), count })
        }
        _ => {
            let names: Vec<&str> = named.iter().map(|(_, name)| *name).collect();
            Err(format!(
                "config.json: one of at least two labels must be called \"entailment\", and they \
                 are {}; name them as the model's card does",
                names.join(", ")
            ))
        }
    }
}

/// Its tokenizer, which cuts what the model could not read; the longer text loses.
fn tokenizer(
    files: &CrossEncoderFiles,
    config: &serde_json::Value,
) -> Result<Tokenizer, RerankError> {
    let wrong =
        |error: &dyn std::fmt::Display| files.error(format_args!("tokenizer.json: {error}"));
    let read = config.get("max_position_embeddings").and_then(serde_json::Value::as_u64);
    let read = read.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_TOKENS);
    let max_length = read.min(MAX_TOKENS);
    if max_length < MIN_TOKENS {
        return Err(files.error(format_args!(
            "config.json: it reads {max_length} word pieces, and a pair needs {MIN_TOKENS}"
        )));
    }
    let mut tokenizer =
        Tokenizer::from_bytes(files.read("tokenizer.json")?).map_err(|error| wrong(&error))?;
    let cut = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(cut)).map_err(|error| wrong(&error))?;
    // Pairs are read one at a time.
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn session(
    files: &CrossEncoderFiles,
    environment: &ort::environment::Environment,
    threads: usize,
) -> Result<Session, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    Session::builder(environment)
        .map_err(|error| said(&error))?
        .with_optimization_level(GraphOptimizationLevel::Level3)
        .map_err(|error| said(&error))?
        .with_intra_threads(threads)
        .map_err(|error| said(&error))?
        // Idle threads that spin take the time of whoever else has work.
        .with_config_entry("session.intra_op.allow_spinning", "0")
        .map_err(|error| said(&error))?
        .with_auto_device(AutoDevicePolicy::PreferCPU)
        .map_err(|error| said(&error))?
        // From the file and not from memory: large weights lie in parts beside it.
        .commit_from_file(&files.weights)
        .map_err(|error| said(&error))
}

impl EntailmentModel {
    /// Whether it also tells contradictions from what is neither.
    pub fn knows_contradiction(&self) -> bool {
        self.labels.contradiction.is_some()
    }

    /// The logits of all labels for a pair.
    fn logits(&self, premise: &str, hypothesis: &str) -> Result<Vec<f32>, RerankError> {
        let failed = |error: &dyn std::fmt::Display| RerankError::Engine(error.to_string());
        let read =
            self.tokenizer.encode((premise, hypothesis), true).map_err(|error| failed(&error))?;
        let tensor = |pieces: &[u32]| {
            let pieces: Vec<i64> = pieces.iter().map(|piece| i64::from(*piece)).collect();
            Tensor::from_array(([1, pieces.len()], pieces)).map_err(|error| failed(&error))
        };
        let mut inputs = inputs![
            "input_ids" => tensor(read.get_ids())?,
            "attention_mask" => tensor(read.get_attention_mask())?,
        ];
        if self.has_types {
            inputs.push(("token_type_ids".into(), tensor(read.get_type_ids())?.into()));
        }
        let mut session = self.session.lock();
        let outputs = session.run(inputs).map_err(|error| failed(&error))?;
        let logits = outputs.get("logits").ok_or_else(|| failed(&"it has no output \"logits\""))?;
        let (_, logits) = logits.try_extract_tensor::<f32>().map_err(|error| failed(&error))?;
        if logits.len() != self.labels.count {
            let (given, wanted) = (logits.len(), self.labels.count);
            return Err(failed(&format!("it gave {given} logits for {wanted} labels")));
        }
        if logits.iter().all(|logit| logit.is_finite()) {
            Ok(logits.to_vec())
        } else {
            Err(failed(&"a logit is no number"))
        }
    }
}

/// The share of one of several logits; no number where they are none.
fn softmax(logits: &[f32], place: usize) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    logits.get(place).map_or(f32::NAN, |logit| (logit - most).exp() / sum)
}

impl Rerank for EntailmentModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    /// For each text the probability, 0 to 1, that it entails the sentence `query`.
    fn scores(&self, query: &str, texts: &[&str]) -> Result<Vec<f32>, RerankError> {
        let probability = |text: &&str| {
            let logits = self.logits(text, query)?;
            Ok(softmax(&logits, self.labels.entailment))
        };
        texts.iter().map(probability).collect()
    }
}

impl PairJudge for EntailmentModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn relation(&self, earlier: &str, later: &str) -> Option<Relation> {
        let contradiction = self.labels.contradiction?;
        match self.logits(earlier, later) {
            Ok(logits) => Some(Relation {
                same: softmax(&logits, self.labels.entailment),
                opposed: softmax(&logits, contradiction),
            }),
            Err(error) => {
                tracing::warn!(%error, model = self.name, "an unsure pair was not judged");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_labels_are_found_by_their_names() {
        for (given, expected) in [
            (
                json!({"0": "CONTRADICTION", "1": "NEUTRAL", "2": "ENTAILMENT"}),
                Some((2, Some(0), 3)),
            ),
            (
                json!({"2": "neutral", "1": "contradiction", "0": "entailment"}),
                Some((0, Some(1), 3)),
            ),
            (json!({"0": "entailment", "1": "not_entailment"}), Some((0, None, 2))),
            (json!({"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}), None),
            (json!({"0": "entailment", "1": "entails"}), None),
            (json!({"0": "entailment"}), None),
            (json!({"7": "entailment", "1": "neutral"}), None),
            (json!([]), None),
        ] {
            let found = labels(&json!({ "id2label": given }));
            let found = found.map(|l| (l.entailment, l.contradiction, l.count)).ok();
            assert_eq!(found, expected, "{given}");
        }
        let error = labels(&json!({"id2label": {"0": "yes", "1": "no"}})).unwrap_err();
        assert!(error.contains("yes, no") && error.contains("card"), "{error}");
        assert!(labels(&json!({})).unwrap_err().contains("id2label"));
    }

    #[test]
    fn shares_sum_to_one_and_huge_logits_overflow_nothing() {
        let logits = [1_000.0, 999.0, -5.0];
        let shares: Vec<f32> = (0..3).map(|place| softmax(&logits, place)).collect();
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{shares:?}");
        assert!(shares[0] > 0.7 && shares[0] < 0.74, "{shares:?}");
        assert!(softmax(&[f32::NAN, 0.0], 1).is_nan());
        assert!(softmax(&logits, 3).is_nan());
    }
}
