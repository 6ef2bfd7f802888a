//! `pins`: does the service pin what must outlive its turn, and does it stand in
//! the windows? `beam` scores the pins against the labelled instructions and
//! preferences, `prefeval` looks for a preference behind filler, `sgd_updates`
//! for values of which later ones took the place.

mod beam;
mod prefeval;
#[cfg(test)]
mod through_grpc;
mod updates;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use throughline_proto::v1::{BuildContextRequest, ContextOptions, ContextWindow};

use crate::{
    cli::{OutArgs, ServerArgs},
    client::{Api, retry},
    folds::FoldArgs,
    metrics::{Samples, bootstrap::Bootstrap},
    report::Report,
    runner::{pass::Opened, window::TOKENIZER},
};

/// What pins are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum PinSet {
    /// Long conversations with labelled instructions and preferences.
    Beam,
    /// A preference, filler of BEAM, then a question that tempts to break it.
    Prefeval,
    /// Task dialogues in which users change what they said.
    SgdUpdates,
}

/// Arguments of `pins`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PinArgs {
    /// What it is measured on.
    #[arg(long, value_enum)]
    pub(crate) dataset: PinSet,
    /// Folder that holds the data sets' folders.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA")]
    pub(crate) data: PathBuf,
    /// Part of BEAM: `100K` or `500K`.
    #[arg(long, default_value = "100K")]
    pub(crate) split: String,
    /// Only the first N conversations (beam), items of each form (prefeval) or
    /// dialogues (sgd_updates).
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Exchanges of filler between the preference and the question (prefeval).
    #[arg(long, num_args = 1.., value_delimiter = ',', default_values_t = [96u32])]
    pub(crate) distance: Vec<u32>,
    /// Token budget of the windows (cl100k_base).
    #[arg(long, default_value_t = 2000)]
    pub(crate) budget: u32,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) folds: FoldArgs,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What a run came to.
#[derive(Default)]
struct Found {
    samples: Samples,
    servers: Vec<Value>,
    model_sha256: Option<String>,
    n: usize,
    details: BTreeMap<String, Value>,
}

/// Runs the command and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &PinArgs) -> anyhow::Result<()> {
    // Nothing was learnt from the other sets.
    let folded = args.folds.folds.is_some();
    ensure!(
        !folded || args.dataset != PinSet::SgdUpdates,
        "--folds is for --dataset beam and for the filler of prefeval"
    );
    let found = match args.dataset {
        PinSet::Beam => beam::measure(args).await?,
        PinSet::Prefeval => prefeval::measure(args).await?,
        PinSet::SgdUpdates => updates::measure(args).await?,
    };
    let config = serde_json::json!({
        "budget": args.budget, "distance": args.distance, "folds": args.folds.folds,
        "limit": args.limit, "seed": args.seed, "servers": found.servers,
    });
    let mut report = Report::new("pins", config);
    report.dataset = serde_json::to_value(args.dataset)?.as_str().map(str::to_owned);
    report.split = (args.dataset == PinSet::Beam).then(|| args.split.clone());
    report.model_sha256 = found.model_sha256;
    report.n = found.n;
    let bootstrap = Bootstrap::new(args.seed);
    report.metrics = found.samples.figures(bootstrap, |_| true);
    report.breakdown = found.samples.breakdown(bootstrap, None);
    report.details = serde_json::to_value(found.details)?;
    report.deliver(args.out.out.as_deref())
}

impl Found {
    fn asked(&mut self, opened: &Opened, described: Value) {
        self.servers.push(described);
        self.model_sha256 = opened.model_sha256();
    }
}

/// Has the server build a window for a question.
async fn window(api: &Api, name: &str, query: &str, budget: u32) -> anyhow::Result<ContextWindow> {
    let call = async || {
        let options = ContextOptions {
            token_budget: i32::try_from(budget).unwrap_or(i32::MAX),
            tokenizer: TOKENIZER.to_owned(),
            ..ContextOptions::default()
        };
        let request = BuildContextRequest {
            conversation: name.to_owned(),
            query: query.to_owned(),
            options: Some(options),
            ..BuildContextRequest::default()
        };
        api.context.clone().build_context(request).await
    };
    let reply = retry("BuildContext", call).await?.into_inner();
    reply.window.context("BuildContext answered without a window")
}

/// Whether a text stands word for word in a message of a window. The question
/// itself does not count.
fn stands(window: &ContextWindow, query: &str, text: &str) -> bool {
    let messages = window.messages.iter().filter(|message| message.content != query);
    messages.into_iter().any(|message| crate::runner::window::holds_words(&message.content, text))
}
