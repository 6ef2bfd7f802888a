//! Latency of windows over conversations of growing length: what the client
//! waits, and what the server says that it spent beside the embedding of the
//! query (response metadata `x-throughline-assembly-us`).

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::json;
use throughline_proto::v1::{
    self as wire, AppendTurnsRequest, BuildContextRequest, ContextOptions, part::Content,
};

use crate::{
    cli::LoadArgs,
    client::{Api, describe, explain, retry},
    metrics::{
        Figures,
        bootstrap::{Estimate, percentile},
    },
    report::Report,
    runner::{
        ingest::{create, wait_indexed},
        pass::Opened,
        progress::Progress,
    },
};

use super::text::Texts;

/// Text bytes of a turn: about 60 tokens.
pub(super) const TURN_BYTES: usize = 300;
/// Turns of one append.
const BATCH_TURNS: u32 = 250;
/// Windows built before the clock counts.
pub(super) const WARM_UP: u32 = 10;
/// Deadline of a window.
const DEADLINE: Duration = Duration::from_secs(30);
/// Where the server says what assembly took.
const ASSEMBLY_KEY: &str = "x-throughline-assembly-us";

/// Times of windows.
#[derive(Default)]
pub(super) struct Times {
    pub(super) client_ms: Vec<f64>,
    pub(super) assembly_us: Vec<f64>,
}

/// Runs the measurement and delivers its result.
///
/// # Errors
/// The server does not start or answer.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    let lengths = lengths(args)?;
    let opened = Opened::new(&args.server, &[]).await?;
    let total = lengths.iter().sum::<u32>() as usize;
    let windows = args.windows as usize * lengths.len();
    let mut report = Report::new(
        "load",
        json!({
            "build_context": true,
            "turns": lengths,
            "windows": args.windows,
            "budget": args.budget,
            "turn_bytes": TURN_BYTES,
            "seed": args.seed,
            "servers": [describe(&opened.info)],
        }),
    );
    report.split = Some("windows".to_owned());
    report.model_sha256 = opened.model_sha256();
    let progress = Progress::new(total, windows, "windows");
    let mut medians = Vec::new();
    for &turns in &lengths {
        let name = fill(&opened.api, turns, args.seed, &progress).await?;
        let times = measure(&opened.api, &name, args, turns, &progress).await?;
        let figures = figures(times);
        medians.push(figures.get("assembly_p50_us").or(figures.get("client_p50_ms")).copied());
        report.n += args.windows as usize;
        // Lengths rise: the last is the longest.
        report.metrics.clone_from(&figures);
        report.breakdown.insert(format!("{turns} turns"), figures);
    }
    drop(progress);
    if let (Some(Some(shortest)), Some(Some(longest))) = (medians.first(), medians.last()) {
        let growth = longest.value / shortest.value.max(f64::MIN_POSITIVE);
        report.metrics.insert("growth_p50".to_owned(), Estimate::exact(growth, longest.n));
    }
    opened.close().await?;
    report.deliver(args.out.out.as_deref())
}

/// The lengths to measure, the shortest first.
pub(super) fn lengths(args: &LoadArgs) -> anyhow::Result<Vec<u32>> {
    let mut lengths = args.turns.clone();
    lengths.sort_unstable();
    lengths.dedup();
    if lengths.first() == Some(&0) {
        bail!("--turns: a conversation to build windows from has at least one turn");
    }
    Ok(lengths)
}

/// A conversation of so many turns, all searchable. One that a kept store has from a
/// run with the same seed is found again.
pub(super) async fn fill(
    api: &Api,
    turns: u32,
    seed: u64,
    progress: &Progress,
) -> anyhow::Result<String> {
    let name = create(api, &format!("load-windows-{turns}-{seed}"), "load-windows").await?;
    let mut texts = Texts::new(seed, u64::from(turns));
    let mut sent = 0;
    while sent < turns {
        let size = BATCH_TURNS.min(turns - sent);
        let batch: Vec<wire::Turn> = (0..size)
            .map(|at| {
                let of_user = (sent + at).is_multiple_of(2);
                let role = if of_user { wire::Role::User } else { wire::Role::Assistant };
                let text = Content::Text(texts.of_bytes(TURN_BYTES));
                wire::Turn {
                    role: role as i32,
                    parts: vec![wire::Part { content: Some(text) }],
                    client_turn_id: (sent + at).to_string(),
                    ..wire::Turn::default()
                }
            })
            .collect();
        let call = async || {
            let request = AppendTurnsRequest {
                conversation: name.clone(),
                turns: batch.clone(),
                ..AppendTurnsRequest::default()
            };
            api.conversations.clone().append_turns(request).await
        };
        retry("AppendTurns", call).await?;
        sent += size;
    }
    wait_indexed(api, &name, 0..u64::from(turns), progress).await?;
    Ok(name)
}

/// Builds windows one after the other, each for a new question, so that no
/// cached window answers.
async fn measure(
    api: &Api,
    name: &str,
    args: &LoadArgs,
    turns: u32,
    progress: &Progress,
) -> anyhow::Result<Times> {
    let mut texts = Texts::new(!args.seed, u64::from(turns));
    let mut times = Times::default();
    for _ in 0..WARM_UP {
        build(api, name, texts.question(), args.budget, &mut Times::default()).await?;
    }
    for _ in 0..args.windows {
        build(api, name, texts.question(), args.budget, &mut times).await?;
        progress.question();
    }
    Ok(times)
}

/// Builds a window for a question.
pub(super) async fn build(
    api: &Api,
    name: &str,
    question: String,
    budget: u32,
    times: &mut Times,
) -> anyhow::Result<()> {
    let options = ContextOptions {
        token_budget: i32::try_from(budget).unwrap_or(i32::MAX),
        ..ContextOptions::default()
    };
    let mut request = tonic::Request::new(BuildContextRequest {
        conversation: name.to_owned(),
        query: question,
        options: Some(options),
        min_revision: 0,
        as_of_turn: 0,
    });
    request.set_timeout(DEADLINE);
    let begin = Instant::now();
    let reply = api.context.clone().build_context(request).await;
    let took = begin.elapsed().as_secs_f64() * 1000.0;
    let reply = reply.map_err(|status| explain("BuildContext", &status))?;
    times.client_ms.push(took);
    let said = reply.metadata().get(ASSEMBLY_KEY).and_then(|value| value.to_str().ok());
    times.assembly_us.extend(said.and_then(|value| value.parse::<f64>().ok()));
    Ok(())
}

pub(super) fn figures(times: Times) -> Figures {
    let mut figures = Figures::new();
    for (prefix, unit, mut values) in
        [("client", "ms", times.client_ms), ("assembly", "us", times.assembly_us)]
    {
        for (percent, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            if !values.is_empty() {
                let value = percentile(&mut values, share);
                let name = format!("{prefix}_{percent}_{unit}");
                figures.insert(name, Estimate::exact(value, values.len()));
            }
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_is_reported() {
        let client_ms: Vec<f64> = (0..=100).map(f64::from).collect();
        let without = figures(Times { client_ms: client_ms.clone(), assembly_us: Vec::new() });
        assert_eq!(without["client_p99_ms"], Estimate::exact(99.0, 101));
        assert!(!without.keys().any(|name| name.starts_with("assembly")));
        let with = figures(Times { client_ms, assembly_us: vec![3.0, 1.0, 2.0] });
        assert_eq!(with["assembly_p50_us"], Estimate::exact(2.0, 3));
    }
}
