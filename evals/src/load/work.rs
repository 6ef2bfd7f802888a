//! What a turn costs as its conversation goes on: real talk is appended turn by turn to
//! a server that folds, and at the edges of windows of 50 turns, when the server has come
//! to rest, its usage ledger and its computing time are read. The figure is the work of a
//! turn at 1,000 turns over that at 50.
//!
//! Invariant: a reading is taken when all turns so far are searchable and nothing was used
//! or computed for a while, so that what a turn causes counts in its own window.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use indicatif::ProgressBar;
use serde_json::json;
use throughline_proto::v1::{AppendTurnsRequest, GetConversationRequest, GetUsageRequest};

use crate::{
    cli::LoadArgs,
    client::{describe, retry},
    dataset::{Dataset, DatasetName, Placed},
    metrics::{
        Samples,
        bootstrap::{Bootstrap, ratio},
    },
    report::Report,
    runner::{
        ingest::{create, delete, identify, turn},
        pass::Opened,
        progress::bar,
    },
};

/// Part of BEAM with conversations that are long enough.
const SPLIT: &str = "500K";
/// Turns of a conversation.
const TURNS: usize = 1_000;
/// The windows that are compared.
const EARLY: (usize, usize) = (25, 75);
const LATE: (usize, usize) = (950, TURNS);
/// Pause between two looks at a server that works.
const POLL: Duration = Duration::from_millis(500);
/// Of one core, what a server at rest may compute.
const AT_REST: f64 = 0.1;
/// How long one step of the work may take: a model on a processor takes minutes.
const STALL_LIMIT: Duration = Duration::from_secs(1_800);

/// Amounts by their names.
type Work = BTreeMap<&'static str, f64>;

/// Runs the measurement and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    let data = args.data.as_deref().context("--folding needs --data, with BEAM below it")?;
    let beam = Dataset::read(DatasetName::Beam, data, Some(SPLIT))?;
    let talks: Vec<(&str, Vec<Placed<'_>>)> = beam
        .conversations
        .iter()
        .map(|talk| {
            let said = talk.turns().filter(|placed| !placed.message.is_blank());
            (talk.id.as_str(), said.take(TURNS).collect::<Vec<_>>())
        })
        .filter(|(_, said)| said.len() == TURNS)
        .take(args.talks.unwrap_or(usize::MAX))
        .collect();
    ensure!(!talks.is_empty(), "no conversation of beam/{SPLIT} has {TURNS} turns");
    let opened = Opened::new(&args.server, &[]).await?;
    let bar = bar(talks.len() * TURNS, "turns");
    let mut readings = Vec::new();
    for (id, said) in &talks {
        let name = create(&opened.api, &identify("work", said), "").await?;
        let quiet = Duration::from_millis(args.settle_ms);
        readings.push((*id, play(&opened, &name, said, quiet, &bar).await?));
        if args.server.deletes() {
            delete(&opened.api, &name).await?;
        }
    }
    bar.finish_and_clear();
    let mut report = Report::new(
        "load",
        json!({
            "folding": true, "turns": TURNS, "windows": [EARLY, LATE], "seed": args.seed,
            "settle_ms": args.settle_ms, "servers": [describe(&opened.info)],
            "server_flags": args.server.server_flags,
        }),
    );
    report.dataset = Some(DatasetName::Beam.folder().to_owned());
    report.split = Some("folding".to_owned());
    report.model_sha256 = opened.model_sha256();
    report.n = talks.len();
    fill(&mut report, &readings, Bootstrap::new(args.seed));
    opened.close().await?;
    report.deliver(args.out.out.as_deref())
}

/// Turns at which the work so far is read.
fn edges() -> Vec<usize> {
    (EARLY.0..LATE.0).step_by(EARLY.1 - EARLY.0).chain([LATE.0, LATE.1]).collect()
}

/// Appends all turns one by one; the work so far at each edge.
async fn play(
    opened: &Opened,
    name: &str,
    said: &[Placed<'_>],
    quiet: Duration,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Work>> {
    let (mut readings, mut sent) = (Vec::new(), 0);
    for until in edges() {
        for placed in said.get(sent..until).unwrap_or_default() {
            let call = async || {
                let request = AppendTurnsRequest {
                    conversation: name.to_owned(),
                    turns: vec![turn(placed, &placed.position.to_string())],
                    ..AppendTurnsRequest::default()
                };
                opened.api.conversations.clone().append_turns(request).await
            };
            retry("AppendTurns", call).await?;
            bar.inc(1);
        }
        sent = until;
        readings.push(at_rest(opened, name, until as u64, quiet).await?);
    }
    Ok(readings)
}

/// The work so far, once the server has come to rest.
async fn at_rest(opened: &Opened, name: &str, until: u64, quiet: Duration) -> anyhow::Result<Work> {
    let (mut used, mut computed) = (used(opened, name).await?, opened.cpu_ms());
    let (mut changed, mut rests, mut looked) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        tokio::time::sleep(POLL.min(quiet)).await;
        let (now, computed_now) = (self::used(opened, name).await?, opened.cpu_ms());
        let computing = computed_now.zip(computed).map_or(0.0, |(now, before)| now - before);
        let is_computing = computing > AT_REST * looked.elapsed().as_secs_f64() * 1_000.0;
        looked = Instant::now();
        if now != used {
            changed = looked;
        }
        if now != used || is_computing || !is_indexed(opened, name, until).await? {
            rests = looked;
        }
        (used, computed) = (now, computed_now);
        if rests.elapsed() >= quiet {
            used.extend(computed.map(|ms| ("cpu_ms", ms)));
            return Ok(used);
        }
        ensure!(
            changed.elapsed() < STALL_LIMIT,
            "{name}: no rest at {until} turns, and nothing more used in {STALL_LIMIT:?}"
        );
    }
}

/// What the ledger says of a conversation.
async fn used(opened: &Opened, name: &str) -> anyhow::Result<Work> {
    let call = async || {
        let request =
            GetUsageRequest { conversation: name.to_owned(), ..GetUsageRequest::default() };
        opened.api.usage.clone().get_usage(request).await
    };
    let total = retry("GetUsage", call).await?.into_inner().total.unwrap_or_default();
    let llm = total.llm_prompt_tokens + total.llm_generated_tokens;
    Ok(Work::from([
        ("embedded_tokens", total.embedded_tokens as f64),
        ("llm_tokens", llm as f64),
        ("llm_seconds", total.llm_seconds),
    ]))
}

async fn is_indexed(opened: &Opened, name: &str, until: u64) -> anyhow::Result<bool> {
    let call = async || {
        let request = GetConversationRequest { name: name.to_owned(), min_revision: 0 };
        opened.api.conversations.clone().get_conversation(request).await
    };
    let head = retry("GetConversation", call).await?.into_inner().conversation;
    Ok(head.is_some_and(|head| head.indexed_sequence >= until))
}

/// Work of a turn in one conversation, of the late and of the early turns.
type Pair = (Vec<f64>, Vec<f64>);

/// The work of a turn by window, and how it grows.
fn fill(report: &mut Report, readings: &[(&str, Vec<Work>)], bootstrap: Bootstrap) {
    let edges = edges();
    let mut samples = Samples::default();
    let mut compared: BTreeMap<&str, Vec<Pair>> = BTreeMap::new();
    for (id, works) in readings {
        let mut windows: BTreeMap<&str, Pair> = BTreeMap::new();
        for (between, work) in edges.windows(2).zip(works.windows(2)) {
            let (&[from, until], [before, after]) = (between, work) else { continue };
            for (&kind, amount) in after {
                let more = amount - before.get(kind).copied().unwrap_or(0.0);
                let of_turn = more / (until - from) as f64;
                samples.add(&format!("{kind}_per_turn"), id, &format!("{until} turns"), of_turn);
                let (late, early) = windows.entry(kind).or_default();
                match (from, until) {
                    LATE => late.push(of_turn),
                    EARLY => early.push(of_turn),
                    _ => {}
                }
            }
        }
        windows.into_iter().for_each(|(kind, pair)| compared.entry(kind).or_default().push(pair));
    }
    for (kind, pairs) in compared {
        // Nothing is said of what nobody did: without a model there are no tokens of one.
        if let Some(growth) = ratio(&pairs, bootstrap) {
            report.metrics.insert(format!("growth_{kind}"), growth);
        }
    }
    report.breakdown = samples.breakdown(bootstrap, None);
}

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
