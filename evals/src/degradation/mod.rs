//! `degradation`: what is left of something as the conversation goes on? Each
//! strategy assembles a window of the same budget at each distance, and the
//! window is searched for the evidence.
//!
//! Flow: `cases`, `filler` and the data sets say what is played; `live` plays it
//! to the server; `strategy` makes the plain strategies' windows; `shown` is any
//! window; `tally` makes the figures. `signals` stands apart: it looks at what the
//! service records of turns, not at windows.

pub(crate) mod args;
mod cases;
mod filler;
mod gold;
mod judge;
mod live;
mod lost;
mod pace;
mod reading;
mod rival;
mod sets;
pub(crate) mod shown;
mod signals;
mod strategy;
mod sum_basic;
mod sweep;
mod talk;
mod tally;
mod tasks;
#[cfg(test)]
mod through_grpc;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{
    client::describe,
    metrics::{Figures, bootstrap::Bootstrap},
    report::Report,
    runner::{pass::Opened, window::TOKENIZER},
};

use args::{DegradationArgs, DegradationSet};
use rival::Rival;
use strategy::Strategy;
use tally::Tally;

/// What a run came to.
struct Found {
    tally: Tally,
    /// Items or questions.
    n: usize,
    /// The split that was read.
    split: Option<String>,
    /// Figures of no strategy alone.
    others: Figures,
    /// What the result says beside its figures.
    notes: Value,
}

/// Runs the command and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &DegradationArgs) -> anyhow::Result<()> {
    if args.dataset == DegradationSet::Signals {
        let of_windows = !args.rival.is_empty() || args.reader.reader != "none";
        ensure!(!of_windows, "signals are of turns, not of windows: no --rival, no --reader");
        return signals::run(args).await;
    }
    let sweeps = args.dataset == DegradationSet::Sweep;
    ensure!(sweeps || args.rival.is_empty(), "--rival plays the sweep alone");
    ensure!(!sweeps || args.reader.reader == "none", "the sweep looks at windows: no --reader");
    let readers = args.reader.open(args.out.out.as_deref(), args.server.models_dir.as_deref())?;
    let opened = Opened::new(&args.server, &[]).await?;
    let mut rivals = Vec::new();
    let mut found = match args.dataset {
        DegradationSet::Sweep => {
            let material = sweep::Material::read(args)?;
            let mut found = sweep::measure(args, &opened.api, &material).await?;
            for command in &args.rival {
                let mut rival = Rival::start(command).await?;
                sweep::against(args, &mut rival, &material, &mut found.tally).await?;
                memory(&mut found.tally, &rival.name, rival.peak_bytes());
                rivals.push(rival.about);
            }
            found
        }
        DegradationSet::LostInConversation => {
            lost::measure(args, &opened.api, readers.as_ref()).await?
        }
        set => sets::measure(args, set, &opened.api, readers.as_ref()).await?,
    };
    memory(&mut found.tally, Strategy::Throughline.name(), opened.peak_bytes());
    let mut report = Report::new(
        "degradation",
        json!({
            "budget": args.budget(),
            "tokenizer": TOKENIZER,
            "distance": args.distance,
            "gap": args.gap,
            "limit": args.limit,
            "seed": args.seed,
            "strategies": args.strategies(),
            "reader": readers.as_ref().map(|readers| readers.reader.describe()),
            "judge": readers.as_ref().and_then(|readers| Some(readers.judge.as_ref()?.describe())),
            "rivals": rivals,
            "servers": [describe(&opened.info)],
        }),
    );
    report.dataset = serde_json::to_value(args.dataset)?.as_str().map(str::to_owned);
    report.split = found.split;
    report.model_sha256 = opened.model_sha256();
    report.n = found.n;
    found.tally.fill(&mut report, Strategy::Throughline.name(), Bootstrap::new(args.seed));
    report.metrics.extend(found.others);
    if let Value::Object(details) = &mut report.details {
        details.insert("notes".to_owned(), found.notes);
    }
    opened.close().await?;
    report.deliver(args.out.out.as_deref())
}

/// Enters the most memory that a process has held, where the system says it.
fn memory(tally: &mut Tally, whose: &str, bytes: Option<u64>) {
    if let Some(bytes) = bytes {
        tally.add(whose, "peak_memory_bytes", "", "", bytes as f64);
    }
}
