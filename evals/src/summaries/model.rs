//! The language model that writes summaries, and judges them with `--entailment llm`:
//! opened as the server opens it and asked by the library's own composing, greedily. Every
//! answer is kept in a file beside the result with the time that it took, and never asked
//! for twice: a run that broke off goes on where it was.
//!
//! Invariant: a model that is there for tests alone stands behind no figure.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use throughline_memory::turn::{ConversationId, TenantId};
use throughline_summarizer::{
    compose::{ModelWriter, PROMPT_VERSION, Writer, WriterError},
    llm::{ChatModel, ChatRequest, Generation, LlmError, ModelInfo, Pieces, QueueLimits},
};
use tonic::async_trait;

use super::args::SummariesArgs;
use crate::{
    journal::Journal,
    reader::{local, refused, remote},
};

/// Ending of the file of answers, in place of that of the result.
const ENDING: &str = "written.jsonl";
/// What was asked of a model, and what it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Spent {
    pub(super) requests: u64,
    pub(super) prompt_tokens: u64,
    pub(super) cached_prompt_tokens: u64,
    pub(super) generated_tokens: u64,
    /// Reading the prompts included.
    pub(super) seconds: f64,
}

/// A model whose answers are kept.
pub(super) struct WritingModel {
    kept: Arc<Kept>,
    tenant: TenantId,
    conversation: ConversationId,
}

struct Kept {
    model: Arc<dyn ChatModel>,
    answers: Journal,
    spent: Mutex<Spent>,
}

impl WritingModel {
    /// Opens the model of the arguments; nothing where none is named.
    ///
    /// # Errors
    /// It is for tests only, cannot be opened, or its answers have no place.
    pub(super) fn open(args: &SummariesArgs) -> anyhow::Result<Option<Self>> {
        let judges = args.is_judged_by_model();
        if !args.is_of_model() {
            ensure!(!judges, "--entailment llm needs a --model, which judges");
            ensure!(args.model_url.is_none(), "--model-url needs the name of a --model there");
            return Ok(None);
        }
        ensure!(
            args.dataset.is_written() || judges,
            "--model: nothing is written on this data set; with --entailment llm it judges"
        );
        refused::check(&args.model)?;
        let out = args.out.out.as_deref().context("answers of a model need a place: pass --out")?;
        let model: Arc<dyn ChatModel> = match &args.model_url {
            Some(url) => remote(url, &args.model, args.model_key_file.as_deref())?,
            None => {
                let dir = Some(args.model_args.models_dir.as_path());
                Arc::new(local(&args.model, dir)?.open(QueueLimits::default())?)
            }
        };
        Self::new(model, &out.with_extension(ENDING)).map(Some)
    }

    fn new(model: Arc<dyn ChatModel>, answers: &Path) -> anyhow::Result<Self> {
        let kept = Kept { model, answers: Journal::open(answers)?, spent: Mutex::default() };
        Ok(Self {
            kept: Arc::new(kept),
            tenant: TenantId::new("evals")?,
            conversation: ConversationId::new("summaries")?,
        })
    }

    /// The model, with what it answered before.
    pub(super) fn chat(&self) -> Arc<dyn ChatModel> {
        self.kept.clone()
    }

    /// Which model it is.
    pub(super) fn describe(&self) -> Value {
        let ModelInfo { name, sha256, engine, device, context_tokens, threads } =
            self.kept.model.info();
        json!({
            "name": name, "sha256": sha256, "engine": engine, "device": device,
            "context_tokens": context_tokens, "threads": threads,
            "prompt_version": PROMPT_VERSION,
        })
    }

    /// What its answers took, those of an earlier run included where they were used.
    pub(super) fn spent(&self) -> Spent {
        *self.kept.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A writer of one summary, as the server has it.
    pub(super) fn writer(&self) -> Asked {
        let model: Arc<dyn ChatModel> = self.kept.clone();
        let writer = ModelWriter::new(model, self.tenant.clone(), self.conversation.clone());
        Asked { writer, times: AtomicUsize::new(0) }
    }
}

/// A writer that counts how often it is asked: once for the summary, and once more for
/// each of its sentences that the check rejects.
pub(super) struct Asked {
    writer: ModelWriter,
    times: AtomicUsize,
}

impl Asked {
    /// Sentences of the first answer that were rejected.
    pub(super) fn rejected(&self) -> usize {
        self.times.load(Ordering::Relaxed).saturating_sub(1)
    }
}

#[async_trait]
impl Writer for Asked {
    fn model(&self) -> &str {
        self.writer.model()
    }

    async fn write(&self, prompt: &str) -> Result<String, WriterError> {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.writer.write(prompt).await
    }
}

impl Kept {
    /// The key of a request: all that decides what is answered; `scored` are the texts
    /// that are scored as beginnings of the answer.
    fn key(&self, request: &ChatRequest, scored: &[String]) -> String {
        let mut hash = blake3::Hasher::new();
        let mut field = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(self.model.info().sha256.as_bytes());
        field(request.prompt_version.as_bytes());
        field(format!("{} {:?}", request.options.max_tokens, request.options.sampling).as_bytes());
        for message in &request.messages {
            field(message.role.as_str().as_bytes());
            field(message.content.as_bytes());
        }
        scored.iter().for_each(|text| field(text.as_bytes()));
        hash.finalize().to_hex().to_string()
    }

    fn count(&self, answer: &Generation, seconds: f64) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.requests += 1;
        spent.prompt_tokens += answer.prompt_tokens as u64;
        spent.cached_prompt_tokens += answer.cached_prompt_tokens as u64;
        spent.generated_tokens += answer.generated_tokens as u64;
        spent.seconds += seconds;
    }
}

#[async_trait]
impl ChatModel for Kept {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn generate(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<Generation, LlmError> {
        let key = self.key(request, &[]);
        if let Some((answer, seconds)) = self.answers.get::<(Generation, f64)>(&key) {
            self.count(&answer, seconds);
            return Ok(answer);
        }
        let started = Instant::now();
        let answer = self.model.generate(request, pieces).await?;
        let seconds = started.elapsed().as_secs_f64();
        if answer.finish.is_whole() {
            let put = self.answers.put(&key, &(&answer, seconds));
            put.map_err(|error| LlmError::Ledger(format!("{error:#}")))?;
        }
        self.count(&answer, seconds);
        Ok(answer)
    }

    async fn score(
        &self,
        request: &ChatRequest,
        continuations: &[String],
    ) -> Result<Vec<f64>, LlmError> {
        let key = self.key(request, continuations);
        if let Some(scores) = self.answers.get::<Vec<f64>>(&key) {
            return Ok(scores);
        }
        let scores = self.model.score(request, continuations).await?;
        let put = self.answers.put(&key, &scores);
        put.map_err(|error| LlmError::Ledger(format!("{error:#}")))?;
        Ok(scores)
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
