//! The flags of `degradation`; their doc comments are the manual.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::strategy::Strategy;
use crate::{
    cli::{OutArgs, ServerArgs},
    folds::FoldArgs,
    reader::{ReaderArgs, writer::SummaryArgs},
};

/// What is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum DegradationSet {
    /// Something said once, filler of real talk, then a question that needs it.
    Sweep,
    /// Tasks in shards, with filler between the shards.
    LostInConversation,
    /// Two people over many sessions.
    Locomo,
    /// Long user-assistant histories.
    Longmemeval,
    /// Long user-assistant conversations, ten abilities.
    Beam,
    /// Conversations that end where models fail; without evidence labels, so
    /// every earlier turn of the user counts as evidence.
    Multichallenge,
    /// A coding assistant over 25 sessions; sessions are labelled, so every turn of
    /// them counts as evidence. With a reader also questions without an answer.
    Devmembench,
    /// Turns labelled by hand: does the user repeat, or correct?
    Signals,
    /// Simulated cohorts, half of which become worse: is that found, and when? Needs no
    /// `--data`.
    ChangePoint,
}

impl DegradationSet {
    /// Folder of the talk that is played, its filler included: weights may have
    /// been learnt from it. None where no talk of one set is played: of labelled turns of
    /// many sets, and of what is simulated.
    pub(crate) fn talk(self) -> Option<&'static str> {
        match self {
            Self::Sweep | Self::LostInConversation | Self::Beam => Some("beam"),
            Self::Longmemeval => Some("longmemeval"),
            Self::Locomo => Some("locomo"),
            Self::Multichallenge => Some("multichallenge"),
            Self::Devmembench => Some("devmembench"),
            Self::Signals | Self::ChangePoint => None,
        }
    }
}

/// Arguments of `degradation`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DegradationArgs {
    /// What it is measured on.
    #[arg(long, value_enum)]
    pub(crate) dataset: DegradationSet,
    /// Folder that holds the data sets' folders.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA", default_value = ".", hide_default_value = true,
        required_if_eq_any([
            ("dataset", "sweep"), ("dataset", "lost_in_conversation"), ("dataset", "locomo"),
            ("dataset", "longmemeval"), ("dataset", "beam"), ("dataset", "multichallenge"),
            ("dataset", "devmembench"), ("dataset", "signals"),
        ]))]
    pub(crate) data: PathBuf,
    /// Part or setting of the data set, as for `retrieval`; for
    /// `lost_in_conversation` the stem of a file.
    #[arg(long)]
    pub(crate) split: Option<String>,
    /// Only the first N questions or items; of the sweep N cases of each kind, of
    /// the signals N conversations, of change_point N cohorts of each kind (100).
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Other cases for the sweep, or other labels for the signals: JSON lines, see
    /// `evals/cases/README.md`.
    #[arg(long)]
    pub(crate) cases: Option<PathBuf>,
    /// Exchanges of filler before the question of the sweep.
    #[arg(long, num_args = 1.., value_delimiter = ',', default_values_t = [0u32, 8, 28, 96, 400])]
    pub(crate) distance: Vec<u32>,
    /// Exchanges of filler between shards.
    #[arg(long, default_value_t = 20)]
    pub(crate) gap: u32,
    /// Token budget of the windows (cl100k_base); 1,000 for
    /// `lost_in_conversation` and 2,000 for the others if absent.
    #[arg(long)]
    pub(crate) budget: Option<u32>,
    /// Who assembles windows; all strategies if absent, `last_n_model_summary` only with
    /// `--summary-by`.
    #[arg(long, value_enum, num_args = 1.., value_delimiter = ',')]
    pub(crate) strategy: Vec<Strategy>,
    /// Command of an adapter to another memory (`docs/evaluation.md`); may be
    /// given several times.
    #[arg(long)]
    pub(crate) rival: Vec<String>,
    /// Conversations that the report shows turn by turn: what the service's windows
    /// were made of, and how stale each turn was.
    #[arg(long, default_value_t = 2)]
    pub(crate) traced: usize,
    /// Begin anew: do not take finished items from the checkpoint of a run that
    /// broke off (beside `--out`, with the ending `.checkpoint.jsonl`).
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Seed of the bootstrap, and of what is simulated.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) folds: FoldArgs,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

impl DegradationArgs {
    /// The budget, or the data set's own.
    pub(crate) fn budget(&self) -> u32 {
        let own = if self.dataset == DegradationSet::LostInConversation { 1_000 } else { 2_000 };
        self.budget.unwrap_or(own)
    }

    /// How many conversations are recorded turn by turn; none where the service is
    /// not asked.
    pub(crate) fn traced(&self) -> usize {
        if self.strategies().contains(&Strategy::Throughline) { self.traced } else { 0 }
    }

    /// The strategies asked for, or all that there is a model for.
    pub(crate) fn strategies(&self) -> Vec<Strategy> {
        if self.strategy.is_empty() {
            let mut all = Strategy::value_variants().to_vec();
            let writes = self.summary.summary_by.is_some();
            all.retain(|strategy| writes || *strategy != Strategy::LastNModelSummary);
            return all;
        }
        let mut strategies = self.strategy.clone();
        strategies.sort_unstable();
        strategies.dedup();
        strategies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser as _;

    #[test]
    fn what_is_measured_without_windows_plays_the_talk_of_no_set() {
        for set in DegradationSet::value_variants() {
            let has_none = matches!(set, DegradationSet::Signals | DegradationSet::ChangePoint);
            assert_eq!(set.talk().is_none(), has_none, "{set:?}");
        }
    }

    #[test]
    fn only_what_is_simulated_needs_no_data() {
        // The environment may say where the data is.
        if std::env::var_os("THROUGHLINE_EVAL_DATA").is_some() {
            return;
        }
        for set in DegradationSet::value_variants() {
            let name = set.to_possible_value().unwrap();
            let line = ["x", "degradation", "--dataset", name.get_name()];
            let simulated = *set == DegradationSet::ChangePoint;
            assert_eq!(Cli::try_parse_from(line).is_ok(), simulated, "{set:?}");
        }
    }
}
