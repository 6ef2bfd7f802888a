//! The command line. What the flags mean is said here once; the doc comments
//! are the manual that `--help` prints.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::{
    all::AllArgs,
    compaction::CompactionArgs,
    datafiles::DataCommand,
    dataset::DatasetName,
    degradation::args::DegradationArgs,
    folds::FoldArgs,
    import::ImportArgs,
    page::{ReportArgs, compare::CompareArgs},
    pins::PinArgs,
    staleness::args::{ExplainArgs, StalenessArgs},
    summaries::args::{CheckRowsArgs, LabelsArgs, SummariesArgs},
};

/// Measures a running Throughline through gRPC.
#[derive(Debug, Parser)]
#[command(name = "throughline-eval", version, propagate_version = true)]
pub(crate) struct Cli {
    /// What to measure.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The measurements.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Does a search find the labelled evidence?
    Retrieval(RetrievalArgs),
    /// Does the assembled window hold the labelled evidence, within its budget?
    Context(ContextArgs),
    /// How much of each window is the same as the last one's beginning?
    Prefix(PrefixArgs),
    /// Writes candidates with score components and labels, to learn a ranking.
    Features(FeaturesArgs),
    /// Does the service know which turns hold no more?
    Staleness(StalenessArgs),
    /// Prints a conversation with the staleness of each turn, and its edges.
    Explain(ExplainArgs),
    /// Are summaries near to people's, and does the check agree with people?
    Summaries(SummariesArgs),
    /// How many sentences of summaries are unsupported, by the labels of who read them?
    Labels(LabelsArgs),
    /// What is left of planted things when a conversation is folded?
    Compaction(CompactionArgs),
    /// Writes the rows of the faithfulness check, to learn its weights.
    CheckRows(CheckRowsArgs),
    /// Is what must outlive its turn pinned, and in the windows?
    Pins(PinArgs),
    /// What is left of something as the conversation goes on?
    Degradation(Box<DegradationArgs>),
    /// Durable appends per second, the latency of windows, what the chat proxy adds, or
    /// what a turn costs as its conversation goes on.
    Load(LoadArgs),
    /// Every measurement with its defaults into one folder, and the report.
    All(AllArgs),
    /// The data sets on this machine.
    Data {
        /// What to do with them.
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Brings conversations of other systems into a server.
    Import(ImportArgs),
    /// One page of many results.
    Report(ReportArgs),
    /// What is worse in a later result? Ends with 1 if something is.
    Compare(CompareArgs),
    /// Kills the server under load and checks what it acknowledged.
    Crash(CrashArgs),
}

/// Which data to ask about.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataArgs {
    /// The data set.
    #[arg(long, value_enum)]
    pub(crate) dataset: DatasetName,
    /// Folder that holds the data sets' folders.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA")]
    pub(crate) data: PathBuf,
    /// Part or setting: `48`, `pooled`, `full` (longmemeval), `100K`, `500K`
    /// (beam), or the stem of a file or folder.
    #[arg(long)]
    pub(crate) split: Option<String>,
    /// Ask only the first N questions, for a quick look.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Which server to ask.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// Address of a running server (`127.0.0.1:7420`); without it one is
    /// started on a free port and ended afterwards.
    #[arg(long)]
    pub(crate) server: Option<String>,
    /// API key for it.
    #[arg(long, env = "THROUGHLINE_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// The `throughline` program to start; the one beside this program if
    /// absent.
    #[arg(long, conflicts_with = "server")]
    pub(crate) throughline: Option<PathBuf>,
    /// Where the started server finds its models.
    #[arg(long, env = "THROUGHLINE_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// Keep the started server's data here; a later run finds the ingested
    /// conversations again. A temporary directory if absent.
    #[arg(long, conflicts_with = "server")]
    pub(crate) store_dir: Option<PathBuf>,
    /// Do not delete the conversations of a running server after their
    /// questions. A started server keeps them until it ends.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Conversations that are worked on at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) in_flight: u16,
    /// Further flags for the started server, after `--`.
    #[arg(last = true)]
    pub(crate) server_flags: Vec<String>,
}

impl ServerArgs {
    /// Whether conversations are deleted after their questions: on a running server that is
    /// not to keep them. One that was started for the run goes with its data; there, deleting
    /// a conversation would also drop the vectors of the talk that the next one shares with it.
    pub(crate) fn deletes(&self) -> bool {
        !self.keep && self.server.is_some()
    }
}

/// Where the result goes.
#[derive(Clone, Debug, Args)]
pub(crate) struct OutArgs {
    /// Write the result as JSON to this file.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

/// How turns are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// The server's default.
    Hybrid,
    /// The server's embedding alone.
    Dense,
    /// The server's BM25 alone.
    Bm25,
    /// The server's reciprocal rank fusion.
    Rrf,
    /// The READMEs' BM25, in this program: no server.
    Bm25Reference,
    /// The newest first, in this program: no server.
    Recency,
}

impl Method {
    /// Whether a server has to be asked.
    pub(crate) fn needs_server(self) -> bool {
        !matches!(self, Self::Bm25Reference | Self::Recency)
    }
}

/// Arguments of `retrieval`.
#[derive(Debug, Args)]
pub(crate) struct RetrievalArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// How turns are ranked.
    #[arg(long, value_enum, default_value = "hybrid")]
    pub(crate) method: Method,
    /// One conversation for each session, all of one user.
    #[arg(long)]
    pub(crate) per_session: bool,
    /// Hits asked for each question; what lies deeper counts as not found.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(50..=1000))]
    pub(crate) depth: u16,
    #[command(flatten)]
    pub(crate) folds: FoldArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Arguments of `context`.
#[derive(Debug, Args)]
pub(crate) struct ContextArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// `hybrid` asks for the server's windows; any other method fills a window
    /// by its ranking in this program, to compare with.
    #[arg(long, value_enum, default_value = "hybrid")]
    pub(crate) method: Method,
    /// One conversation for each session, all of one user.
    #[arg(long)]
    pub(crate) per_session: bool,
    /// Token budgets (cl100k_base).
    #[arg(long, num_args = 1.., value_delimiter = ',', default_values_t = [2000u32])]
    pub(crate) budget: Vec<u32>,
    #[command(flatten)]
    pub(crate) folds: FoldArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Arguments of `prefix`.
#[derive(Debug, Args)]
pub(crate) struct PrefixArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Token budget of each window (cl100k_base).
    #[arg(long, default_value_t = 4096)]
    pub(crate) budget: u32,
    #[command(flatten)]
    pub(crate) folds: FoldArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Arguments of `features`.
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Write one JSON line for each question to this file.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Number of folds that the lines are marked with.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=100))]
    pub(crate) folds: u64,
    /// Candidates for each question.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(10..=10_000))]
    pub(crate) depth: u16,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Arguments of `load`.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Clients that append at the same time, each to its own conversation.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) clients: u16,
    /// Text bytes of each turn.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    pub(crate) turn_bytes: u32,
    /// How long to append.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Measure BuildContext at the lengths of `--turns` instead.
    #[arg(long)]
    pub(crate) build_context: bool,
    /// With --build-context: measure what recording degradation adds to it. A second
    /// server runs with --no-degradation; both are asked the same questions in turns,
    /// in 20 rounds of a twentieth of `--windows`. Records are written four times a
    /// second, so that rounds should last that long: 10,000 windows or more.
    #[arg(long, requires = "build_context")]
    pub(crate) recording: bool,
    /// Measure what the chat proxy adds to a streamed answer instead, in a
    /// conversation of the most of `--turns`, with `--windows` questions.
    #[arg(long, conflicts_with = "build_context")]
    pub(crate) chats: bool,
    /// Measure what a turn costs as its conversation goes on instead: conversations of
    /// BEAM, 1,000 turns each, are appended turn by turn to a server that folds. With a
    /// language model: `-- --llm NAME`.
    #[arg(long, conflicts_with_all = ["build_context", "chats"])]
    pub(crate) folding: bool,
    /// With --folding: folder that holds the data sets' folders.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// With --folding: only the first N conversations.
    #[arg(long)]
    pub(crate) talks: Option<usize>,
    /// With --folding: how long nothing may be used or computed, in milliseconds, before
    /// the work so far is read. Longer for a model at an endpoint, which computes
    /// elsewhere: as long as its answers take.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub(crate) settle_ms: u64,
    /// Turns of the conversations that windows are built from.
    #[arg(long, num_args = 1.., value_delimiter = ',', default_values_t = [100u32, 5000, 10_000])]
    pub(crate) turns: Vec<u32>,
    /// Windows built at each length.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) windows: u32,
    /// Token budget of the windows.
    #[arg(long, default_value_t = 4096)]
    pub(crate) budget: u32,
    /// Seed of the texts.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Arguments of `crash`.
#[derive(Debug, Args)]
pub(crate) struct CrashArgs {
    /// Kills under load.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rounds: u32,
    /// Writers, each with its own conversation.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) writers: u16,
    /// The store's backend.
    #[arg(long, value_parser = ["sled", "redb"], default_value = "sled")]
    pub(crate) store: String,
    /// Longest time under load before a kill, in milliseconds.
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub(crate) max_load_ms: u64,
    /// Seed of times and texts; drawn and printed if absent.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// The `throughline` program; the one beside this program if absent.
    #[arg(long)]
    pub(crate) throughline: Option<PathBuf>,
    /// Where the server finds its models.
    #[arg(long, env = "THROUGHLINE_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// Keep the data here, to look at after a violation.
    #[arg(long)]
    pub(crate) store_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    /// Further flags for the server, after `--`.
    #[arg(last = true)]
    pub(crate) server_flags: Vec<String>,
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
