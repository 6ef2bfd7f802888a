//! `crash`: kills the real server under load, again and again, and checks that
//! nothing it acknowledged is lost.
//!
//! A round: writers append to fresh conversations; after a random time the
//! server gets SIGKILL; sometimes it is killed again while it recovers; then
//! it is started once more, and what it holds is compared with the writers'
//! own record (`record`). After that, acknowledged turns are sent again, which
//! must append nothing, and what was in flight is sent again, which must be
//! taken once. In the end all rounds are checked once more.
//!
//! SIGKILL keeps the page cache, so this shows recovery and not the loss of
//! power.

mod check;
mod record;
mod round;
mod writer;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::{
    cli::CrashArgs,
    client::{Api, describe},
    metrics::bootstrap::Estimate,
    process::{Launch, Server},
    report::{self, Report},
};

use check::Checker;
use record::Record;

/// Kills during recovery after one kill under load, at most.
const MAX_RECOVERY_KILLS: u32 = 2;
/// Longest time that a recovering server gets before it is killed.
const MAX_RECOVERY_MS: u64 = 400;
/// Violations that the result lists; the rest is counted.
const MAX_LISTED: usize = 50;

/// What happened over all rounds.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: usize,
    in_flight: usize,
    recovery_kills: u32,
    retried: usize,
    violations: Vec<String>,
}

/// Runs the rounds and delivers the result; `false` if something was lost.
///
/// # Errors
/// The server does not start or answer when nobody kills it.
pub(crate) async fn run(args: &CrashArgs) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(|| rand::rng().random());
    report::print(&format!("seed {seed}; repeat with --seed {seed}"));
    let temporary = tempfile::tempdir().context("a temporary directory")?;
    let directory = args.store_dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    let launch = launch(args, &directory)?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let mut records: Vec<Record> = Vec::new();
    let (mut server, mut api) = start(&launch).await?;
    let info = api.server_info().await?;
    let bar = indicatif::ProgressBar::new(u64::from(args.rounds));
    for round in 0..args.rounds {
        let under_load = Duration::from_millis(random.random_range(50..=args.max_load_ms));
        let plan = round::Plan { round, writers: args.writers, seed, under_load };
        let written = round::load_and_kill(server, &api, &plan, &mut tally.violations).await?;
        recover(&launch, &mut random, &mut tally).await?;
        (server, api) = start(&launch).await?;
        for mut record in written {
            tally.acknowledged += record.acknowledged();
            tally.in_flight += record.in_flight();
            let mut checker = Checker::new(&api, &mut tally.violations);
            checker.compare(&record).await?;
            tally.retried += checker.retry(&mut record).await?;
            checker.compare(&record).await?;
            records.push(record);
        }
        bar.inc(1);
    }
    for record in &records {
        Checker::new(&api, &mut tally.violations).compare(record).await?;
    }
    bar.finish_and_clear();
    server.kill().await?;
    deliver(args, seed, &tally, describe(&info))
}

fn launch(args: &CrashArgs, directory: &Path) -> anyhow::Result<Launch> {
    let store = ["--store".to_owned(), args.store.clone()];
    let flags: Vec<String> = store.into_iter().chain(args.server_flags.iter().cloned()).collect();
    let models: Option<&PathBuf> = args.models_dir.as_ref();
    Launch::new(args.throughline.as_deref(), directory, models.map(PathBuf::as_path), &flags)
}

async fn start(launch: &Launch) -> anyhow::Result<(Server, Api)> {
    let server = launch.start().await?;
    let api = Api::connect(server.address(), None).await?;
    Ok((server, api))
}

/// Kills the server while it recovers, by chance never, once or twice.
async fn recover(launch: &Launch, random: &mut StdRng, tally: &mut Tally) -> anyhow::Result<()> {
    for _ in 0..random.random_range(0..=MAX_RECOVERY_KILLS) {
        let mut child = launch.spawn()?;
        let pause = Duration::from_millis(random.random_range(0..=MAX_RECOVERY_MS));
        tokio::time::sleep(pause).await;
        child.kill().await.context("kill the recovering server")?;
        tally.recovery_kills += 1;
    }
    Ok(())
}

fn deliver(
    args: &CrashArgs,
    seed: u64,
    tally: &Tally,
    server: serde_json::Value,
) -> anyhow::Result<bool> {
    let listed: Vec<&String> = tally.violations.iter().take(MAX_LISTED).collect();
    let mut report = Report::new(
        "crash",
        json!({
            "rounds": args.rounds,
            "writers": args.writers,
            "store": args.store,
            "max_load_ms": args.max_load_ms,
            "seed": seed,
            "violations": listed,
            "servers": [server],
        }),
    );
    report.n = tally.acknowledged;
    for (name, count) in [
        ("acknowledged", tally.acknowledged),
        ("in_flight", tally.in_flight),
        ("kills_in_recovery", tally.recovery_kills as usize),
        ("retried", tally.retried),
        ("violations", tally.violations.len()),
    ] {
        let figure = Estimate::exact(count as f64, tally.acknowledged);
        report.metrics.insert(name.to_owned(), figure);
    }
    report.deliver(args.out.out.as_deref())?;
    listed.iter().for_each(|violation| report::print(&format!("violation: {violation}")));
    Ok(tally.violations.is_empty())
}
