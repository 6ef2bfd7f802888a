//! Models that read windows: a local one on candle, or any endpoint that speaks
//! the chat completions protocol. What a model replied is kept in a file under
//! the hash of model, prompt and run, and never asked for twice: a run that
//! broke off goes on where it was.

pub(crate) mod refused;
pub(crate) mod sandbox;
pub(crate) mod score;
pub(crate) mod writer;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use throughline_memory::turn::{Role, TenantId};
use throughline_summarizer::llm::{
    ApiKey, ChatModel, ChatRequest, DeviceChoice, Endpoint, LlmError, LocalModel, Message,
    ModelInfo, Options, QueueLimits, Sampling,
};

use crate::{
    degradation::shown::{Line, Shown},
    journal::Journal,
};

/// Tokens of prompt and answer together that a local model is given.
const CONTEXT_TOKENS: usize = 8_192;
/// Temperature of several runs; the paper's.
const TEMPERATURE: f64 = 1.0;
/// Pause before a full queue is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Which model reads, and which judges.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReaderArgs {
    /// `none`, `local` (a model in the models directory), or the address of an
    /// endpoint up to before `/chat/completions`.
    #[arg(long, default_value = "none")]
    pub(crate) reader: String,
    /// Name of the reader: a folder of the models directory, or the model's name
    /// at the endpoint.
    #[arg(long, default_value = "qwen2.5-1.5b-instruct")]
    pub(crate) reader_model: String,
    /// File with the endpoint's key.
    #[arg(long)]
    pub(crate) reader_key_file: Option<PathBuf>,
    /// Most tokens of a reply.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub(crate) reader_tokens: u32,
    /// Replies to each prompt: one is greedy, several are drawn at temperature 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs: u32,
    /// Where replies are kept; beside `--out` with the ending `.replies.jsonl`
    /// if absent.
    #[arg(long)]
    pub(crate) replies: Option<PathBuf>,
    /// Address of an endpoint whose model judges replies where no rule can.
    #[arg(long, requires = "judge_model")]
    pub(crate) judge: Option<String>,
    /// Name of the judging model.
    #[arg(long, requires = "judge")]
    pub(crate) judge_model: Option<String>,
    /// File with the key of the judge's endpoint.
    #[arg(long, requires = "judge")]
    pub(crate) judge_key_file: Option<PathBuf>,
}

/// A model with the record of its replies.
pub(crate) struct Reader {
    model: Arc<dyn ChatModel>,
    replies: Arc<Journal>,
    tokens: usize,
    /// Replies to each prompt.
    pub(crate) runs: u32,
    tenant: TenantId,
}

/// The reader and the judge of a run.
pub(crate) struct Readers {
    /// Who reads.
    pub(crate) reader: Reader,
    /// Who judges, if somebody does.
    pub(crate) judge: Option<Reader>,
}

impl ReaderArgs {
    /// Whether a model reads.
    pub(crate) fn is_asked(&self) -> bool {
        self.reader != "none"
    }

    /// Opens the models; nothing with `--reader none`.
    ///
    /// # Errors
    /// A model cannot be opened, or there is no place for its replies.
    pub(crate) fn open(
        &self,
        out: Option<&Path>,
        models_dir: Option<&Path>,
    ) -> anyhow::Result<Option<Readers>> {
        if !self.is_asked() {
            return Ok(None);
        }
        let beside = || Some(out?.with_extension("replies.jsonl"));
        let path = self.replies.clone().or_else(beside);
        let path = path.context("replies need a place: pass --replies or --out")?;
        let replies = Arc::new(Journal::open(&path)?);
        let model: Arc<dyn ChatModel> = if self.reader == "local" {
            Arc::new(local(&self.reader_model, models_dir)?.open(QueueLimits::default())?)
        } else {
            remote(&self.reader, &self.reader_model, self.reader_key_file.as_deref())?
        };
        let judge = match self.judge.as_deref().zip(self.judge_model.as_deref()) {
            Some((url, name)) => {
                let model = remote(url, name, self.judge_key_file.as_deref())?;
                Some(Reader::new(model, Arc::clone(&replies), 256, 1)?)
            }
            None => None,
        };
        let reader = Reader::new(model, replies, self.reader_tokens as usize, self.runs)?;
        Ok(Some(Readers { reader, judge }))
    }
}

/// The model's file in the models directory: one without slow weights if there
/// is one. Models that are for smoke tests only are refused.
///
/// # Errors
/// There is none, it cannot be read, or no figure may stand on it.
pub(crate) fn local(name: &str, models_dir: Option<&Path>) -> anyhow::Result<LocalModel> {
    refused::check(name)?;
    let dir = models_dir.context("a local model needs --models-dir")?.join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(&dir)
        .with_context(|| {
            format!("no {name} in the models directory; run `throughline models pull {name}`")
        })?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "gguf"))
        .collect();
    files.sort_by_key(|path| (!path.to_string_lossy().ends_with(".q8.gguf"), path.clone()));
    let Some(path) = files.into_iter().next() else { bail!("no .gguf file in {}", dir.display()) };
    let mut hash = Sha256::new();
    let mut file = File::open(&path).with_context(|| format!("read {}", path.display()))?;
    io::copy(&mut file, &mut hash).with_context(|| format!("read {}", path.display()))?;
    Ok(LocalModel {
        name: name.to_owned(),
        path,
        sha256: hex::encode(hash.finalize()),
        device: DeviceChoice::Auto,
        context_tokens: CONTEXT_TOKENS,
    })
}

/// A model at an endpoint.
///
/// # Errors
/// The address or the key has the wrong form.
pub(crate) fn remote(
    url: &str,
    name: &str,
    key_file: Option<&Path>,
) -> anyhow::Result<Arc<dyn ChatModel>> {
    let api_key = key_file.map(key).transpose()?;
    let endpoint = Endpoint { api_key, ..Endpoint::new(url, name) };
    Ok(Arc::new(endpoint.open(QueueLimits::default())?))
}

fn key(path: &Path) -> anyhow::Result<ApiKey> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(ApiKey::new(&text)?)
}

/// Whether a reader failed because the prompt is longer than what it reads.
pub(crate) fn is_too_long(error: &anyhow::Error) -> bool {
    error.downcast_ref::<LlmError>().is_some_and(LlmError::is_too_long)
}

impl Reader {
    /// A reader that keeps its replies.
    ///
    /// # Errors
    /// No run is wanted.
    pub(crate) fn new(
        model: Arc<dyn ChatModel>,
        replies: Arc<Journal>,
        tokens: usize,
        runs: u32,
    ) -> anyhow::Result<Self> {
        ensure!(runs > 0, "at least one run is needed");
        let tenant = TenantId::new("evals")?;
        Ok(Self { model, replies, tokens, runs, tenant })
    }

    /// Which model it is.
    pub(crate) fn describe(&self) -> Value {
        let ModelInfo { name, sha256, engine, .. } = self.model.info();
        json!({ "name": name, "sha256": sha256, "engine": engine, "runs": self.runs,
                "max_tokens": self.tokens })
    }

    /// The reply to a prompt in one of the runs, generated or remembered.
    ///
    /// # Errors
    /// The model failed, or the reply cannot be kept.
    pub(crate) async fn reply(&self, prompt: &[Line], run: u32) -> anyhow::Result<String> {
        let sampling = match self.runs {
            1 => Sampling::Greedy,
            _ => Sampling::Seeded { seed: u64::from(run), temperature: TEMPERATURE, top_p: 1.0 },
        };
        let key = self.key(prompt, run);
        if let Some(reply) = self.replies.get::<String>(&key) {
            return Ok(reply);
        }
        let message = |line: &Line| {
            let role = match line.role {
                "system" => Role::System,
                "assistant" => Role::Assistant,
                _ => Role::User,
            };
            Message::new(role, line.text.clone())
        };
        let messages = prompt.iter().map(message).collect();
        let mut request = ChatRequest::new(self.tenant.clone(), "degradation", messages);
        request.options = Options { max_tokens: self.tokens, sampling, ..Options::default() };
        let reply = loop {
            match self.model.generate(&request, None).await {
                Ok(generation) => break generation.text,
                Err(LlmError::Overloaded { .. }) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error).context("the reader failed"),
            }
        };
        self.replies.put(&key, &reply)?;
        Ok(reply)
    }

    /// The reply to a window with its question, and an instruction behind it.
    ///
    /// # Errors
    /// As [`Self::reply`].
    pub(crate) async fn read(
        &self,
        shown: &Shown,
        instruction: &str,
        run: u32,
    ) -> anyhow::Result<String> {
        let mut prompt = shown.lines.clone();
        if let Some(asked) = &shown.asked {
            let text = format!("{}\n\n{instruction}", asked.text);
            prompt.push(Line { text: text.trim().to_owned(), ..asked.clone() });
        }
        self.reply(&prompt, run).await
    }

    fn key(&self, prompt: &[Line], run: u32) -> String {
        let mut hash = blake3::Hasher::new();
        let mut field = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(self.model.info().sha256.as_bytes());
        field(format!("{} {} {run}", self.tokens, self.runs > 1).as_bytes());
        for line in prompt {
            field(line.role.as_bytes());
            field(line.text.as_bytes());
        }
        hash.finalize().to_hex().to_string()
    }
}
