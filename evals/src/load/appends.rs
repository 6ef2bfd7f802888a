//! Durable appends: clients that each append one turn after the other to a
//! conversation of their own, with the enrichment running behind them.
//!
//! The bare loop runs on the same disk once the server has ended, with batches
//! of the size that the server committed: as many bytes, and as many of the
//! acknowledged turns, for each sync. The server's counts hold enrichment's
//! commits too, so that a turn is charged with what is derived from it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::json;
use throughline_proto::v1::{self as wire, AppendTurnsRequest, part::Content};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    cli::LoadArgs,
    client::{Api, describe, explain},
    metrics::{
        Figures,
        bootstrap::{Estimate, percentile},
    },
    report::Report,
    runner::{ingest::create, pass::Opened},
};

use super::{
    bare,
    searchable::{self, Sampler},
    text::Texts,
};

/// Clients that share a connection.
const CLIENTS_PER_CONNECTION: usize = 16;
/// Longest time of the bare loop.
const BARE_LIMIT: Duration = Duration::from_secs(5);
/// Pause of a client that was refused.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// What a client saw.
#[derive(Default)]
struct Seen {
    latencies_ms: Vec<f64>,
    refused: usize,
}

/// What the server synced while the clients appended.
#[derive(Clone, Copy)]
struct Synced {
    syncs: u64,
    /// Mean bytes of keys and values for each sync.
    bytes: usize,
    /// Mean of the acknowledged turns for each sync.
    turns: f64,
}

impl Synced {
    fn between(before: wire::CommitCounts, after: wire::CommitCounts, turns: usize) -> Self {
        let syncs = after.groups.saturating_sub(before.groups);
        let bytes = after.bytes.saturating_sub(before.bytes) / syncs.max(1);
        Self {
            syncs,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            turns: turns as f64 / syncs.max(1) as f64,
        }
    }
}

/// Runs the measurement and delivers its result.
///
/// # Errors
/// The server does not start or answer, an append fails, or the disk cannot
/// be written.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    let mut opened = Opened::new(&args.server, &[]).await?;
    let time = Duration::from_secs(args.seconds);
    let (clients, bytes) = (usize::from(args.clients), args.turn_bytes as usize);
    let apis = connect(&opened, args).await?;
    let mut names = Vec::with_capacity(clients);
    for client in 0..clients {
        names.push(create(&opened.api, "", &format!("load-{client}")).await?);
    }
    let before = opened.api.server_info().await?.commits.unwrap_or_default();
    let begin = Instant::now();
    let sampler = Arc::new(Sampler::new(opened.api.clone(), begin + time));
    let mut tasks = JoinSet::new();
    for (client, name) in names.into_iter().enumerate() {
        let api = apis.get(client / CLIENTS_PER_CONNECTION).unwrap_or(&opened.api).clone();
        let texts = Texts::new(args.seed, client as u64);
        tasks.spawn(append(api, name, texts, bytes, begin + time, Arc::clone(&sampler)));
    }
    let backlog_max = watch_backlog(&opened.api, begin + time).await?;
    let mut seen = Seen::default();
    while let Some(client) = tasks.join_next().await {
        let client = client.context("a client")??;
        seen.latencies_ms.extend(client.latencies_ms);
        seen.refused += client.refused;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let after = opened.api.server_info().await?;
    let samples = sampler.finish().await?;
    let commits = after.commits.unwrap_or_default();
    let synced = Synced::between(before, commits, seen.latencies_ms.len());
    opened.stop().await?;
    let bare = match opened.directory().or(args.server.store_dir.as_deref()) {
        Some(directory) if synced.syncs > 0 => {
            let (directory, limit) = (directory.to_owned(), time.min(BARE_LIMIT));
            let loop_ = move || bare::measure(&directory, synced.bytes, limit);
            Some(tokio::task::spawn_blocking(loop_).await.context("the bare loop")??)
        }
        _ => None,
    };
    let mut report = Report::new(
        "load",
        json!({
            "clients": clients,
            "turn_bytes": bytes,
            "seconds": args.seconds,
            "seed": args.seed,
            "bare_batch_bytes": synced.bytes,
            "servers": [describe(&opened.info)],
        }),
    );
    report.model_sha256 = opened.model_sha256();
    report.n = seen.latencies_ms.len();
    let backlog = (after.outbox_backlog, backlog_max);
    report.metrics = figures(seen, seconds, backlog, synced, bare);
    report.metrics.extend(searchable::figures(&samples));
    opened.close().await?;
    report.deliver(args.out.out.as_deref())
}

async fn connect(opened: &Opened, args: &LoadArgs) -> anyhow::Result<Vec<Api>> {
    let mut apis = Vec::new();
    for _ in 0..usize::from(args.clients).div_ceil(CLIENTS_PER_CONNECTION) {
        apis.push(Api::connect(&opened.address, args.server.api_key.as_deref()).await?);
    }
    Ok(apis)
}

async fn append(
    api: Api,
    name: String,
    mut texts: Texts,
    bytes: usize,
    until: Instant,
    sampler: Arc<Sampler>,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    while Instant::now() < until {
        let text = texts.of_bytes(bytes);
        let turn = wire::Turn {
            role: wire::Role::User as i32,
            parts: vec![wire::Part { content: Some(Content::Text(text)) }],
            ..wire::Turn::default()
        };
        let request = AppendTurnsRequest {
            conversation: name.clone(),
            turns: vec![turn],
            ..AppendTurnsRequest::default()
        };
        let begin = Instant::now();
        match api.conversations.clone().append_turns(request).await {
            Ok(reply) => {
                seen.latencies_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
                sampler.acknowledged(&name, reply.into_inner().last_sequence);
            }
            Err(status) if status.code() == Code::ResourceExhausted => {
                seen.refused += 1;
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
            Err(status) => return Err(explain("AppendTurns", &status)),
        }
    }
    if seen.latencies_ms.is_empty() && seen.refused == 0 {
        bail!("{name}: no append was answered in time");
    }
    Ok(seen)
}

/// Looks at the outbox every half second; returns its largest backlog.
async fn watch_backlog(api: &Api, until: Instant) -> anyhow::Result<u64> {
    let mut largest = 0;
    while Instant::now() < until {
        largest = largest.max(api.server_info().await?.outbox_backlog);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(largest)
}

fn figures(
    mut seen: Seen,
    seconds: f64,
    (backlog, backlog_max): (u64, u64),
    synced: Synced,
    bare: Option<bare::Bare>,
) -> Figures {
    let appended = seen.latencies_ms.len();
    let per_second = appended as f64 / seconds;
    let searchable = (appended as f64 - backlog as f64).max(0.0) / seconds;
    let mut named = vec![
        ("appends_per_second", per_second),
        ("refused", seen.refused as f64),
        ("searchable_per_second", searchable),
        ("backlog_end", backlog as f64),
        ("backlog_max", backlog_max.max(backlog) as f64),
    ];
    for (name, share) in [
        ("append_p50_ms", 0.5),
        ("append_p90_ms", 0.9),
        ("append_p99_ms", 0.99),
        ("append_max_ms", 1.0),
    ] {
        named.push((name, percentile(&mut seen.latencies_ms, share)));
    }
    if searchable > 0.0 {
        // How long the newest turn would wait at the rate of this run.
        named.push(("extrapolated_lag_s", backlog as f64 / searchable));
    }
    if let Some(bare) = bare {
        let bare_per_second = bare.syncs_per_second * synced.turns;
        named.push(("turns_per_sync", synced.turns));
        named.push(("bytes_per_sync", synced.bytes as f64));
        named.push(("bare_appends_per_second", bare_per_second));
        named.push(("bare_sync_ms", 1000.0 / bare.syncs_per_second));
        named.push(("ratio_to_bare", per_second / bare_per_second));
    }
    let exact = |(name, value): (&str, f64)| (name.to_owned(), Estimate::exact(value, appended));
    named.into_iter().map(exact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_lag() {
        let seen = || Seen { latencies_ms: (1..=100).map(f64::from).collect(), refused: 2 };
        let counts = |groups, bytes| wire::CommitCounts { groups, batches: groups, bytes };
        // 100 turns in 25 syncs; the bare loop does 10 such syncs a second.
        let synced = Synced::between(counts(5, 1_000), counts(30, 26_000), 100);
        assert_eq!((synced.syncs, synced.bytes), (25, 1_000));
        let bare = bare::Bare { syncs_per_second: 10.0 };
        for (backlog, expected) in [
            (
                (0, 5),
                vec![
                    ("appends_per_second", 10.0),
                    ("extrapolated_lag_s", 0.0),
                    ("backlog_max", 5.0),
                ],
            ),
            ((50, 40), vec![("searchable_per_second", 5.0), ("extrapolated_lag_s", 10.0)]),
            ((0, 0), vec![("ratio_to_bare", 0.25), ("append_p50_ms", 50.5), ("refused", 2.0)]),
        ] {
            let figures = figures(seen(), 10.0, backlog, synced, Some(bare));
            for (name, value) in expected {
                assert_eq!(figures[name].value, value, "{name}");
            }
        }
        let behind = figures(seen(), 10.0, (100, 100), synced, None);
        assert!(
            !behind.contains_key("extrapolated_lag_s") && !behind.contains_key("ratio_to_bare")
        );
    }
}
