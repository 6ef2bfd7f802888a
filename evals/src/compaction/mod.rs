//! `compaction`: what is left of planted things when a conversation is folded
//! again and again. Numbers, prohibitions, consents and identifiers are said
//! among real talk, the conversation goes on, everything is folded, and the
//! window of the next turn is looked at: does it still hold what was said?
//!
//! Looked for is what stands for the planted turn: a pin of it, the turn itself,
//! or a summary over it; never the question. `look` reads a window, `tally` counts.

mod cases;
mod look;
mod talk;
mod tally;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use throughline_proto::v1::{self as wire, AppendTurnsRequest, SummarizeRequest, part::Content};

use crate::{
    checkpoint::Checkpoint,
    cli::{OutArgs, ServerArgs},
    client::{Api, retry},
    dataset::{DatasetName, Message, Speaker},
    folds::{FoldArgs, Kind},
    metrics::{Samples, bootstrap::Bootstrap},
    pace::those_left,
    report::Report,
    runner::{
        ingest::{create, delete, wait_indexed},
        pass::Opened,
        progress::Progress,
    },
};

use cases::Case;
use tally::Look;

/// Items of one conversation.
const ITEMS: usize = 8;
/// Turns from one item to the next.
const GAP: usize = 3;
/// How long folding a conversation may take: with a language model, behind other work.
const FOLDING: Duration = Duration::from_secs(3_600);
/// Turns of one append.
const BATCH: usize = 50;

/// Arguments of `compaction`.
#[derive(Debug, Args)]
pub(crate) struct CompactionArgs {
    /// Folder that holds the data sets' folders: `beam` is the talk around the
    /// planted items.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA")]
    pub(crate) data: PathBuf,
    /// Turns after which everything is folded and looked at.
    #[arg(long, value_delimiter = ',', default_values_t = [25, 50, 100, 200])]
    pub(crate) at: Vec<usize>,
    /// Tokens of a window.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) budget: u32,
    /// Other items than the bundled ones: JSON lines, see `evals/cases/README.md`.
    #[arg(long)]
    pub(crate) cases: Option<PathBuf>,
    /// Plant only the first N items, for a quick look.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Begin anew: do not take finished conversations from the checkpoint of a run that
    /// broke off (beside `--out`, with the ending `.checkpoint.jsonl`).
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The talk is of one fold, that which has most of it.
    #[command(flatten)]
    pub(crate) folds: FoldArgs,
    /// Which server.
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Where the result goes.
    #[command(flatten)]
    pub(crate) out: OutArgs,
}

/// Runs the command.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &CompactionArgs) -> anyhow::Result<()> {
    let mut cases = cases::read(args.cases.as_deref())?;
    cases.truncate(args.limit.unwrap_or(usize::MAX));
    let mut at = args.at.clone();
    at.sort_unstable();
    at.dedup();
    let Some(&last) = at.last() else { bail!("--at: at least one number of turns") };
    if at.first().is_some_and(|first| *first <= ITEMS * GAP) {
        bail!("--at: {} turns are needed to plant the items", ITEMS * GAP + 1);
    }
    let folds = args.folds.open(Kind::Pins)?;
    args.folds.warn_of_seen(Kind::Pins, DatasetName::Beam.folder());
    let (talk, unseen) = talk::of_one_fold(talk::read(&args.data, last)?, folds);
    let opened = Opened::for_fold(&args.server, unseen.as_ref()).await?;
    let groups: Vec<(usize, Vec<&Case>)> = spread(&cases).into_iter().enumerate().collect();
    let mut config = json!({
        "at": at,
        "budget": args.budget,
        "items_per_conversation": ITEMS,
        "server_flags": args.server.server_flags,
        "servers": [opened.describe(unseen.as_ref(), "items", cases.len())],
    });
    let mut checkpoint = Checkpoint::open(args.out.out.as_deref(), args.fresh)?;
    checkpoint.decided_by(&json!([env!("CARGO_PKG_VERSION"), "compaction", config]));
    let progress = Progress::new(groups.len() * last, groups.len() * at.len(), "foldings");
    let planting = Planting {
        api: &opened.api,
        at: &at,
        budget: args.budget,
        deletes: args.server.deletes(),
        progress: &progress,
    };
    let turns = |(number, group): &(usize, Vec<&Case>)| -> anyhow::Result<Vec<Message>> {
        let talk = talk.get(number % talk.len().max(1)).context("no talk to plant into")?;
        Ok(planted(group, &talk.said, last))
    };
    let key = |item: &(usize, Vec<&Case>)| {
        let said = turns(item).unwrap_or_default();
        checkpoint.key(&["conversation", &format!("{:?} {said:?}", item.1)])
    };
    let play = async |item: &(usize, Vec<&Case>)| {
        planting.play(&format!("compaction-{}", item.0), &item.1, &turns(item)?).await
    };
    let played: Vec<Vec<Vec<Look>>> =
        those_left(&groups, &checkpoint, key, args.server.in_flight, play).await?;
    drop(progress);
    let mut samples = Samples::default();
    let mut lost = Vec::new();
    for ((number, group), of_group) in groups.iter().zip(&played) {
        let name = format!("compaction-{number}");
        for (case, looks) in group.iter().zip(of_group) {
            tally::add(&mut samples, &name, &case.kind, &at, looks);
            if let Some(last) = looks.last().filter(|look| !look.held) {
                lost.push(json!({
                    "id": case.id, "pinned": last.pinned,
                    "once_pinned": tally::once_pinned(looks),
                }));
            }
        }
    }
    config["taken_from_a_checkpoint"] = json!(checkpoint.taken());
    let mut report = Report::new("compaction", config);
    report.model_sha256 = opened.model_sha256();
    report.n = cases.len();
    let bootstrap = Bootstrap::new(args.seed);
    report.metrics = samples.figures(bootstrap, |_| true);
    report.breakdown = samples.breakdown(bootstrap, None);
    let from: Vec<&str> = talk.iter().map(|talk| talk.id.as_str()).collect();
    report.details = json!({ "lost": lost, "talk_from": from });
    opened.close().await?;
    report.deliver(args.out.out.as_deref())?;
    checkpoint.done()
}

/// How conversations are played.
struct Planting<'a> {
    api: &'a Api,
    at: &'a [usize],
    budget: u32,
    deletes: bool,
    progress: &'a Progress,
}

impl Planting<'_> {
    /// Says the turns, folds everything at each number of them, and looks at the window:
    /// for each item what each look showed.
    async fn play(
        &self,
        id: &str,
        group: &[&Case],
        turns: &[Message],
    ) -> anyhow::Result<Vec<Vec<Look>>> {
        let name = create(self.api, id, "").await?;
        let mut sent = 0;
        let mut looks: Vec<Vec<Look>> = vec![Vec::new(); group.len()];
        for &until in self.at {
            append(self.api, &name, turns.get(sent..until).unwrap_or_default(), sent).await?;
            wait_indexed(self.api, &name, sent as u64..until as u64, self.progress).await?;
            sent = until;
            fold(self.api, &name).await?;
            let seen = look::look(self.api, &name, self.budget).await?;
            for ((place, case), looks) in group.iter().enumerate().zip(&mut looks) {
                let sequence = sequence_of(place);
                let held = seen.holds(sequence, &case.must_contain);
                looks.push(Look { held, pinned: seen.pinned(sequence) });
            }
            self.progress.question();
        }
        if self.deletes {
            delete(self.api, &name).await?;
        }
        Ok(looks)
    }
}

/// Items by conversation, the kinds mixed: as they stand in the file they come
/// kind by kind.
fn spread(cases: &[Case]) -> Vec<Vec<&Case>> {
    let conversations = cases.len().div_ceil(ITEMS);
    let mut groups = vec![Vec::new(); conversations];
    for (at, case) in cases.iter().enumerate() {
        if let Some(group) = groups.get_mut(at % conversations.max(1)) {
            group.push(case);
        }
    }
    groups
}

/// The sequence at which the item of a place is said.
fn sequence_of(place: usize) -> u64 {
    (place * GAP + 1) as u64
}

/// The talk with the items in it: an item is a user's turn, before the talk goes
/// on.
fn planted(group: &[&Case], talk: &[Message], turns: usize) -> Vec<Message> {
    let mut talk = talk.iter();
    let mut said: Vec<Message> = Vec::with_capacity(turns);
    for at in 0..turns {
        let item = group.get(at / GAP).filter(|_| at.is_multiple_of(GAP));
        match item {
            Some(case) => said.push(Message::chat(Speaker::User, case.text.clone())),
            None => said.extend(talk.next().cloned()),
        }
    }
    said
}

async fn append(api: &Api, name: &str, turns: &[Message], from: usize) -> anyhow::Result<()> {
    let numbered: Vec<(usize, &Message)> = (from..).zip(turns).collect();
    for batch in numbered.chunks(BATCH) {
        let call = async || {
            let turns = batch.iter().map(|(at, message)| wire::Turn {
                role: match message.role {
                    Speaker::User => wire::Role::User as i32,
                    Speaker::Assistant => wire::Role::Assistant as i32,
                },
                parts: vec![wire::Part { content: Some(Content::Text(message.text.clone())) }],
                client_turn_id: at.to_string(),
                ..wire::Turn::default()
            });
            let request = AppendTurnsRequest {
                conversation: name.to_owned(),
                turns: turns.collect(),
                ..AppendTurnsRequest::default()
            };
            api.conversations.clone().append_turns(request).await
        };
        retry("AppendTurns", call).await?;
    }
    Ok(())
}

async fn fold(api: &Api, name: &str) -> anyhow::Result<()> {
    let call = async || {
        let request = SummarizeRequest { conversation: name.to_owned() };
        let mut request = tonic::Request::new(request);
        request.set_timeout(FOLDING);
        api.memory.clone().summarize(request).await
    };
    retry("Summarize", call).await.map(|_| ())
}
