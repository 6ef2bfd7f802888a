//! The model that writes summaries for the strategy "last turns behind a summary":
//! the reader's, another local one, or one at an endpoint. What it wrote is kept beside
//! the result as replies are, and never asked for twice.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use throughline_summarizer::llm::{ChatModel, QueueLimits};

use super::{Reader, Readers, local, remote};
use crate::journal::Journal;

/// Ending of the file of what was written, in place of that of the result.
const ENDING: &str = "summaries.jsonl";

/// Which model writes summaries.
#[derive(Clone, Debug, Args)]
pub(crate) struct SummaryArgs {
    /// Who writes the summaries of the strategy `last_n_model_summary`: `reader` (the
    /// model of `--reader`), `local` (a model in the models directory), or the address
    /// of an endpoint up to before `/chat/completions`. If absent, nobody does and the
    /// strategy is left out.
    #[arg(long)]
    pub(crate) summary_by: Option<String>,
    /// Name of that model, unless it is the reader's: a folder of the models directory,
    /// or its name at the endpoint.
    #[arg(long, default_value = "qwen2.5-1.5b-instruct")]
    pub(crate) summary_model: String,
    /// File with the key of its endpoint.
    #[arg(long, requires = "summary_by")]
    pub(crate) summary_key_file: Option<PathBuf>,
}

impl SummaryArgs {
    /// Opens the model, whose replies have at most so many tokens; nothing without
    /// `--summary-by`.
    ///
    /// # Errors
    /// The model cannot be opened, there is no reader, or there is no place for what
    /// it writes.
    pub(crate) fn open(
        &self,
        readers: Option<&Readers>,
        out: Option<&Path>,
        models_dir: Option<&Path>,
        tokens: usize,
    ) -> anyhow::Result<Option<Reader>> {
        let Some(by) = self.summary_by.as_deref() else { return Ok(None) };
        if by == "reader" {
            let readers = readers.context("--summary-by reader needs a --reader")?;
            let Reader { model, replies, .. } = &readers.reader;
            return Reader::new(Arc::clone(model), Arc::clone(replies), tokens, 1).map(Some);
        }
        let out = out.context("summaries of a model need a place: pass --out")?;
        let replies = Arc::new(Journal::open(&out.with_extension(ENDING))?);
        let model: Arc<dyn ChatModel> = if by == "local" {
            Arc::new(local(&self.summary_model, models_dir)?.open(QueueLimits::default())?)
        } else {
            remote(by, &self.summary_model, self.summary_key_file.as_deref())?
        };
        Reader::new(model, replies, tokens, 1).map(Some)
    }
}
