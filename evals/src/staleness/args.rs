//! The flags of `staleness` and `explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::ablation::Part;
use crate::{
    cli::{OutArgs, ServerArgs},
    folds::FoldArgs,
};

/// What staleness is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum StalenessSet {
    /// Task dialogues: which user turn a later one replaced.
    SgdUpdates,
    /// Timelines of turns and facts: what must and must not be in the window.
    Statebench,
    /// Knowledge updates: the later evidence above the earlier.
    Longmemeval,
    /// Knowledge updates, and contradictions in the window.
    Beam,
    /// Pairs of statements of one speaker: self-contradiction or not.
    Prosecco,
    /// Does the last answer contradict the history?
    CiTod,
    /// One long conversation with implicit changes.
    Cri,
    /// Profiles with facts that contradict earlier ones.
    MemoryProfiles,
    /// Chats with marked topic shifts.
    Tiage,
    /// Meetings with topic spans.
    Qmsum,
    /// The bundled table of additive and replacing pairs; needs no `--data`.
    Additive,
}

impl StalenessSet {
    /// Folder under `--data`, and name in the result.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::SgdUpdates => "sgd_updates",
            Self::Statebench => "statebench",
            Self::Longmemeval => "longmemeval",
            Self::Beam => "beam",
            Self::Prosecco => "prosecco",
            Self::CiTod => "ci_tod",
            Self::Cri => "cri",
            Self::MemoryProfiles => "memory_profiles",
            Self::Tiage => "tiage",
            Self::Qmsum => "qmsum",
            Self::Additive => "additive",
        }
    }

    /// The split that is read if none is named.
    pub(crate) fn default_split(self) -> &'static str {
        match self {
            Self::SgdUpdates => "dialogues",
            Self::Statebench | Self::CiTod | Self::Tiage => "dev",
            Self::Longmemeval => "48",
            Self::Beam => "100K",
            Self::Prosecco => "pairs",
            Self::Cri => "conversation",
            Self::MemoryProfiles => "profiles",
            Self::Qmsum => "val",
            Self::Additive => "bundled",
        }
    }
}

/// Arguments of `staleness`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StalenessArgs {
    /// What it is measured on.
    #[arg(long, value_enum)]
    pub(crate) dataset: StalenessSet,
    /// Folder that holds the data sets' folders.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA", required_if_eq_any([
        ("dataset", "sgd_updates"), ("dataset", "statebench"), ("dataset", "longmemeval"),
        ("dataset", "beam"), ("dataset", "prosecco"), ("dataset", "ci_tod"), ("dataset", "cri"),
        ("dataset", "memory_profiles"), ("dataset", "tiage"), ("dataset", "qmsum"),
    ]))]
    pub(crate) data: Option<PathBuf>,
    /// Part: `48` (longmemeval), `100K`, `500K` (beam), or the stem of a file.
    #[arg(long)]
    pub(crate) split: Option<String>,
    /// Only the first N conversations, for a quick look.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Score common practice in this program instead: no server.
    #[arg(long)]
    pub(crate) reference: bool,
    /// From which confidence on an edge counts as drawn, 0.5 to 1 (the server
    /// shows none below 0.5).
    #[arg(long, default_value_t = 0.5)]
    pub(crate) threshold: f64,
    /// Token budget of windows (cl100k_base).
    #[arg(long, default_value_t = 4096)]
    pub(crate) budget: u32,
    /// Leave this component out of every score; can be given again (`sgd_updates`).
    #[arg(long, value_enum, value_name = "COMPONENT")]
    pub(crate) without: Vec<Part>,
    /// Also what is left of the figures without each component: a row of the
    /// breakdown for each (`sgd_updates`).
    #[arg(long)]
    pub(crate) ablate: bool,
    /// Write what was found for each case as JSON lines to this file.
    #[arg(long)]
    pub(crate) cases: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) folds: FoldArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

impl StalenessArgs {
    /// The split that is read.
    pub(crate) fn split(&self) -> &str {
        self.split.as_deref().unwrap_or(self.dataset.default_split())
    }

    /// Folder of the data set.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_default().join(self.dataset.folder())
    }
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// `conversations/{id}`, or the id.
    pub(crate) conversation: String,
    /// Address of the running server.
    #[arg(long, default_value = "127.0.0.1:7420")]
    pub(crate) server: String,
    /// API key for it.
    #[arg(long, env = "THROUGHLINE_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// The state as it stood after this turn.
    #[arg(long)]
    pub(crate) as_of: Option<u64>,
}
