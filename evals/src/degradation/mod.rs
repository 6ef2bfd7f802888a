//! `degradation`: what is left of something as the conversation goes on? Each
//! strategy assembles a window of the same budget at each distance, and the
//! window is searched for the evidence.
//!
//! Flow: `cases`, `shards` and the data sets say what is played; `live` plays it
//! to the server, `rival` to another memory; `strategy` makes the plain strategies'
//! windows; `shown` is any window; `reading` is what a reader makes of it; `tally`
//! makes the figures. `signals` and `change_point`
//! stand apart: they look at what the service records of turns and says of cohorts, not
//! at windows.

pub(crate) mod args;
mod cases;
mod change_point;
mod gold;
mod judge;
mod live;
mod lost;
mod material;
mod model_summary;
mod reading;
mod rival;
mod sets;
mod shards;
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
mod trace;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::{
    checkpoint::Checkpoint,
    client::Api,
    folds::{Fold, Kind},
    metrics::{Figures, bootstrap::Bootstrap},
    plot::Grid,
    reader::{Reader, Readers},
    report::Report,
    runner::{pass::Opened, window::TOKENIZER},
};

use args::{DegradationArgs, DegradationSet};
use rival::Rival;
use strategy::{Sources, Strategy, summary_room};
use tally::Tally;

/// What a run has at hand.
struct Run<'a> {
    args: &'a DegradationArgs,
    api: &'a Api,
    readers: Option<&'a Readers>,
    /// Who writes summaries, if a model does.
    writer: Option<&'a Reader>,
    checkpoint: &'a Checkpoint,
}

impl Run<'_> {
    /// Has a model write what the window of [`Strategy::LastNModelSummary`] begins with,
    /// if that is asked for.
    async fn write_summary(&self, sources: &mut Sources<'_>) -> anyhow::Result<()> {
        let asked = self.args.strategies().contains(&Strategy::LastNModelSummary);
        if let Some(writer) = self.writer.filter(|_| asked) {
            let room = summary_room(sources.budget);
            sources.written = model_summary::write(writer, sources.earlier(), room).await?;
        }
        Ok(())
    }
}

/// What a run came to.
struct Found {
    tally: Tally,
    /// Items or questions.
    n: usize,
    /// The split that was read.
    split: Option<String>,
    /// Figures of no strategy alone.
    others: Figures,
    /// How single conversations went.
    grids: Vec<Grid>,
    /// What the result says beside its figures.
    notes: Value,
}

/// What is played, against the service and then against each rival.
enum Played {
    Sweep(sweep::Played),
    Lost(lost::Played),
    Sets(sets::Played),
}

impl Played {
    /// Reads what is to be played.
    fn read(args: &DegradationArgs, folds: &[Fold]) -> anyhow::Result<Self> {
        Ok(match args.dataset {
            DegradationSet::Sweep => Self::Sweep(sweep::Played::read(args, folds)?),
            DegradationSet::LostInConversation => Self::Lost(lost::Played::read(args, folds)?),
            DegradationSet::Locomo
            | DegradationSet::Longmemeval
            | DegradationSet::Beam
            | DegradationSet::Multichallenge
            | DegradationSet::Devmembench => Self::Sets(sets::Played::read(args)?),
            DegradationSet::Signals | DegradationSet::ChangePoint => {
                bail!("{:?} is not of windows", args.dataset)
            }
        })
    }

    /// The folds whose weights have not seen what is played, each with how many items
    /// or questions it is asked about: one server for each. The talk of the sweep and
    /// of shards is all of one fold.
    fn parts(&self, folds: Vec<Fold>) -> Vec<(Option<Fold>, usize)> {
        match self {
            Self::Sweep(played) => vec![(played.fold().cloned(), played.len())],
            Self::Lost(played) => vec![(played.fold().cloned(), played.len())],
            Self::Sets(played) if folds.is_empty() => vec![(None, played.unseen(None))],
            Self::Sets(played) => {
                let part = |fold: Fold| (played.unseen(Some(&fold)), Some(fold));
                let parts = folds.into_iter().map(part).filter(|(unseen, _)| *unseen > 0);
                parts.map(|(unseen, fold)| (fold, unseen)).collect()
            }
        }
    }

    /// Plays to the server of the run what the fold's weights have not seen.
    async fn play(&mut self, run: &Run<'_>, fold: Option<&Fold>) -> anyhow::Result<()> {
        match self {
            Self::Sweep(played) => played.play(run).await,
            Self::Lost(played) => played.play(run).await,
            Self::Sets(played) => played.play(run, fold).await,
        }
    }

    async fn against(&mut self, run: &Run<'_>, rival: &mut Rival) -> anyhow::Result<()> {
        match self {
            Self::Sweep(played) => played.against(run, rival).await,
            Self::Lost(played) => played.against(run, rival).await,
            Self::Sets(played) => played.against(run, rival).await,
        }
    }

    async fn found(self, run: &Run<'_>) -> anyhow::Result<Found> {
        match self {
            Self::Sweep(played) => Ok(played.found(run)),
            Self::Lost(played) => played.found(run).await,
            Self::Sets(played) => Ok(played.found(run)),
        }
    }
}

/// Runs the command and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &DegradationArgs) -> anyhow::Result<()> {
    let of_windows = !args.rival.is_empty() || args.reader.is_asked();
    if args.dataset == DegradationSet::Signals {
        ensure!(!of_windows, "signals are of turns, not of windows: no --rival, no --reader");
        ensure!(args.folds.folds.is_none(), "the weights of signals have no folds");
        return signals::run(args).await;
    }
    if args.dataset == DegradationSet::ChangePoint {
        ensure!(!of_windows, "change_point is of cohorts, not of windows: no --rival, no --reader");
        ensure!(args.folds.folds.is_none(), "change_point asks no weights: no --folds");
        return change_point::run(args).await;
    }
    let out = args.out.out.as_deref();
    let readers = args.reader.open(out, args.server.models_dir.as_deref())?;
    let readers = readers.as_ref();
    let writer = writer(args, readers)?;
    let writer = writer.as_ref();
    let folds = args.folds.open(Kind::Ranking)?;
    if let Some(talk) = args.dataset.talk() {
        args.folds.warn_of_seen(Kind::Ranking, talk);
    }
    let mut played = Played::read(args, &folds)?;
    let mut checkpoint = Checkpoint::open(out, args.fresh)?;
    let (mut servers, mut asked): (Vec<Value>, Option<Opened>) = (Vec::new(), None);
    for (fold, items) in played.parts(folds) {
        if let Some(before) = asked.take() {
            before.close().await?;
        }
        let opened = Opened::for_fold(&args.server, fold.as_ref()).await?;
        let server = opened.describe(fold.as_ref(), "items", items);
        let of_server = decided(args, std::slice::from_ref(&server), readers, writer);
        checkpoint.decided_by(&identity(args, &of_server));
        servers.push(server);
        let run = Run { args, api: &opened.api, readers, writer, checkpoint: &checkpoint };
        played.play(&run, fold.as_ref()).await?;
        asked = Some(opened);
    }
    let opened = asked.context("there is nothing to play")?;
    let mut config = decided(args, &servers, readers, writer);
    checkpoint.decided_by(&identity(args, &config));
    let run = Run { args, api: &opened.api, readers, writer, checkpoint: &checkpoint };
    let (mut rivals, mut peaks) = (Vec::new(), Vec::new());
    for command in &args.rival {
        let mut rival = Rival::start(command).await?;
        played.against(&run, &mut rival).await?;
        peaks.push((rival.name.clone(), rival.peak_bytes()));
        rivals.push(rival.about);
    }
    // A process that played a part alone says nothing of the whole.
    if servers.len() == 1 {
        peaks.push((Strategy::Throughline.name().to_owned(), opened.peak_bytes()));
    }
    let mut found = played.found(&run).await?;
    if checkpoint.taken() == 0 {
        for (whose, bytes) in peaks {
            memory(&mut found.tally, &whose, bytes);
        }
    }
    for (name, value) in [
        ("folds", json!(args.folds.folds)),
        ("limit", json!(args.limit)),
        ("seed", json!(args.seed)),
        ("traced", json!(args.traced)),
        ("rivals", json!(rivals)),
    ] {
        insert(&mut config, name, value);
    }
    let mut report = Report::new("degradation", config);
    report.dataset = serde_json::to_value(args.dataset)?.as_str().map(str::to_owned);
    report.split = found.split;
    report.model_sha256 = opened.model_sha256();
    report.n = found.n;
    found.tally.fill(&mut report, Strategy::Throughline.name(), Bootstrap::new(args.seed));
    report.metrics.extend(found.others);
    insert(&mut found.notes, "taken_from_a_checkpoint", json!(checkpoint.taken()));
    insert(&mut report.details, "notes", found.notes);
    insert(&mut report.details, "grids", serde_json::to_value(found.grids)?);
    opened.close().await?;
    report.deliver(out)?;
    checkpoint.done()
}

/// Who writes the summaries of [`Strategy::LastNModelSummary`].
fn writer(args: &DegradationArgs, readers: Option<&Readers>) -> anyhow::Result<Option<Reader>> {
    let (out, models_dir) = (args.out.out.as_deref(), args.server.models_dir.as_deref());
    // Room for a model that counts tokens otherwise: what is too long is cut here.
    let tokens = 2 * summary_room(args.budget() as usize);
    let writer = args.summary.open(readers, out, models_dir, tokens.max(1))?;
    let asked = args.strategies().contains(&Strategy::LastNModelSummary);
    ensure!(writer.is_some() || !asked, "last_n_model_summary needs --summary-by");
    Ok(writer)
}

/// What decides what an item comes to, beside the item: what a checkpoint is known
/// by, and a part of the result.
fn decided(
    args: &DegradationArgs,
    servers: &[Value],
    readers: Option<&Readers>,
    writer: Option<&Reader>,
) -> Value {
    json!({
        "budget": args.budget(),
        "tokenizer": TOKENIZER,
        "distance": args.distance,
        "gap": args.gap,
        "strategies": args.strategies(),
        "reader": readers.map(|readers| readers.reader.describe()),
        "judge": readers.and_then(|readers| Some(readers.judge.as_ref()?.describe())),
        "summaries_by": writer.map(Reader::describe),
        "server_flags": args.server.server_flags,
        "servers": servers,
    })
}

/// By what the checkpoint knows a run.
fn identity(args: &DegradationArgs, decided: &Value) -> Value {
    json!([env!("CARGO_PKG_VERSION"), args.dataset, args.split, decided])
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

/// Enters the most memory that a process has held, where the system says it.
fn memory(tally: &mut Tally, whose: &str, bytes: Option<u64>) {
    if let Some(bytes) = bytes {
        tally.add(whose, "peak_memory_bytes", "", "", bytes as f64);
    }
}
