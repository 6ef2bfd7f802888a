//! The flags of `summaries` and `check-rows`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::OutArgs;

/// Sentences of the turns.
const EXTRACTIVE: &str = "extractive";
/// The first three turns.
pub(super) const LEAD: &str = "lead3";
/// The language model judges entailment.
const JUDGED_BY_MODEL: &str = "llm";

/// What summaries, or their check, are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum SummarySet {
    /// Short dialogues with three summaries each; seeded changes of these.
    Dialogsum,
    /// The check: summaries, some edited so that they no longer agree.
    Summedits,
    /// The check: sentences of models, judged by people.
    Diasumfact,
    /// Questions about meetings with the turns that answer them.
    Qmsum,
    /// Summaries of long chats with the messages behind them; seeded changes.
    Beam,
    /// Events of long chats between friends, by session.
    Locomo,
}

impl SummarySet {
    /// Folder under `--data`, and name in the result.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dialogsum => "dialogsum",
            Self::Summedits => "summedits",
            Self::Diasumfact => "diasumfact",
            Self::Qmsum => "qmsum",
            Self::Beam => "beam",
            Self::Locomo => "locomo",
        }
    }

    /// Whether summaries are written on it, and not judged ones checked.
    pub(crate) fn is_written(self) -> bool {
        !matches!(self, Self::Summedits | Self::Diasumfact)
    }

    /// The split that is read if none is named.
    pub(crate) fn default_split(self) -> &'static str {
        match self {
            Self::Dialogsum => "test",
            Self::Summedits => "all",
            Self::Diasumfact => "annotations",
            Self::Qmsum => "val",
            Self::Beam => "100K",
            Self::Locomo => "locomo",
        }
    }
}

/// Where the embedding model lies.
#[derive(Clone, Debug, Args)]
pub(crate) struct ModelArgs {
    /// Where `throughline models pull` put the default embedding model.
    #[arg(long, env = "THROUGHLINE_MODELS_DIR")]
    pub(crate) models_dir: PathBuf,
    /// Threads of the embedding model.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
}

/// Arguments of `summaries`.
#[derive(Debug, Args)]
pub(crate) struct SummariesArgs {
    /// The data set.
    #[arg(long, value_enum)]
    pub(crate) dataset: SummarySet,
    /// Folder that holds the data sets' folders.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA")]
    pub(crate) data: PathBuf,
    /// Stem of a file (`dev`, `test`, `val`, `sales_call`, `qmsumm`) or a size
    /// (`100K`, `500K`).
    #[arg(long)]
    pub(crate) split: Option<String>,
    /// Take only the first N items, for a quick look.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Seed of the bootstrap and of seeded changes.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What writes the summaries: `extractive` takes them from the turns, `lead3` is the
    /// first three turns, any other name is that of a language model: a folder of
    /// `--models-dir`, or the model's name at `--model-url`. Its summaries are composed
    /// as the server composes them. What it answers is kept beside `--out`
    /// (`*.written.jsonl`), so that a run that broke off goes on.
    #[arg(long, default_value = EXTRACTIVE)]
    pub(crate) model: String,
    /// Address of an endpoint that has the model, up to before `/chat/completions`.
    #[arg(long)]
    pub(crate) model_url: Option<String>,
    /// File with the endpoint's key.
    #[arg(long, requires = "model_url")]
    pub(crate) model_key_file: Option<PathBuf>,
    /// Judge entailment beside the check: `llm` by the logits of `--model`, which then is
    /// a language model also where nothing is written, or the directory of an entailment
    /// model (docs/summaries.md).
    #[arg(long, value_name = "llm|DIR")]
    pub(crate) entailment: Option<String>,
    /// Characters of a summary at most; a quarter of what was said, 120 to 1,200, if
    /// absent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(40..=20_000))]
    pub(crate) budget: Option<u32>,
    /// Check with these weights instead of the bundled ones.
    #[arg(long, conflicts_with = "folds")]
    pub(crate) weights: Option<PathBuf>,
    /// Check with the weights that were learnt without one of K folds (BLAKE3
    /// of the document, first eight bytes big-endian, modulo K).
    #[arg(long, requires = "fold_weights", value_parser = clap::value_parser!(u64).range(2..=100))]
    pub(crate) folds: Option<u64>,
    /// Folder with `fold-0.json` to `fold-(K-1).json`.
    #[arg(long, requires = "folds")]
    pub(crate) fold_weights: Option<PathBuf>,
    /// Seed changes into the references of the first N items (`dialogsum`,
    /// `beam`), and see which the check catches.
    #[arg(long, default_value_t = 100)]
    pub(crate) changes: usize,
    /// Write one JSON line for each item to this file, to read the errors.
    #[arg(long)]
    pub(crate) cases: Option<PathBuf>,
    /// Write summaries beside their turns to this file, a JSON line each, to be read by
    /// hand: `label` of a sentence is to become `ok`, `number`, `name`, `negation`,
    /// `speaker` or `other`. `throughline-eval labels` counts them.
    #[arg(long)]
    pub(crate) dump: Option<PathBuf>,
    /// Summaries in that file, evenly spread over the run.
    #[arg(long, default_value_t = 100)]
    pub(crate) dump_count: usize,
    #[command(flatten)]
    pub(crate) model_args: ModelArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

impl SummariesArgs {
    /// Whether a language model writes.
    pub(crate) fn is_of_model(&self) -> bool {
        self.model != EXTRACTIVE && self.model != LEAD
    }

    /// Whether that language model judges entailment.
    pub(crate) fn is_judged_by_model(&self) -> bool {
        self.entailment.as_deref() == Some(JUDGED_BY_MODEL)
    }

    /// The split that is asked for.
    pub(crate) fn split(&self) -> &str {
        self.split.as_deref().unwrap_or(self.dataset.default_split())
    }

    /// The data set's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data.join(self.dataset.folder())
    }
}

/// Arguments of `labels`.
#[derive(Debug, Args)]
pub(crate) struct LabelsArgs {
    /// A file of `summaries --dump` in which every sentence has a label.
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

/// Arguments of `check-rows`.
#[derive(Debug, Args)]
pub(crate) struct CheckRowsArgs {
    /// JSON lines: `{"turns": [[speaker, text], …]}` begins a source,
    /// `{"sentence": "…"}` is checked against the last one.
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Where the rows go: the columns first, then a JSON line for each sentence.
    #[arg(long)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) model_args: ModelArgs,
}
