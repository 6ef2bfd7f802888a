//! `pins`: does the service pin what must outlive its turn, and does it stand in
//! the windows? `beam` scores the pins against the labelled instructions and
//! preferences, `prefeval` looks for a preference behind filler, `sgd_updates`
//! for values of which later ones took the place.

mod beam;
mod prefeval;
mod updates;

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use throughline_proto::v1::{BuildContextRequest, ContextOptions, ContextWindow};

use crate::{
    cli::{OutArgs, ServerArgs},
    client::{Api, describe, retry},
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
    /// Score each conversation with weights that were learnt without its fold
    /// (BLAKE3 of its id, first eight bytes big-endian, modulo K).
    #[arg(long, requires = "fold_weights", conflicts_with = "server",
          value_parser = clap::value_parser!(u64).range(2..=100))]
    pub(crate) folds: Option<u64>,
    /// Folder with a folder `fold-N` for each fold: the server's `--pin-weights`.
    #[arg(long, requires = "folds")]
    pub(crate) fold_weights: Option<PathBuf>,
    /// Folder with `fold-N.json` for the server's `--ranking-weights`.
    #[arg(long, requires = "folds")]
    pub(crate) ranking_fold_weights: Option<PathBuf>,
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
    let found = match args.dataset {
        PinSet::Beam => beam::measure(args).await?,
        PinSet::Prefeval => prefeval::measure(args).await?,
        PinSet::SgdUpdates => updates::measure(args).await?,
    };
    let config = serde_json::json!({
        "budget": args.budget, "distance": args.distance, "folds": args.folds,
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

/// Opens the server of a fold and checks that it took the weights; the one of
/// the arguments without a fold.
async fn open(args: &PinArgs, fold: Option<u64>) -> anyhow::Result<Opened> {
    let (Some(fold), Some(folder)) = (fold, &args.fold_weights) else {
        return Opened::new(&args.server, &[]).await;
    };
    let below = folder.join(format!("fold-{fold}"));
    let file = below.join("pins.json");
    let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
    let mut flags = vec!["--pin-weights".to_owned(), below.to_string_lossy().into_owned()];
    if let Some(ranking) = &args.ranking_fold_weights {
        let file = ranking.join(format!("fold-{fold}.json"));
        flags.extend(["--ranking-weights".to_owned(), file.to_string_lossy().into_owned()]);
    }
    let opened = Opened::new(&args.server, &flags).await?;
    let used = opened.info.pins.clone().unwrap_or_default().weights_sha256;
    let wanted = hex::encode(Sha256::digest(&bytes));
    if used != wanted {
        bail!("fold {fold}: the server pins with weights {used:?}, not with {wanted}");
    }
    Ok(opened)
}

impl Found {
    fn asked(&mut self, opened: &Opened) {
        self.servers.push(describe(&opened.info));
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
