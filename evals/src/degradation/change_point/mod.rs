//! `--dataset change_point`: does the service find that a cohort became worse, and is it
//! quiet where nothing happened? Outcomes are simulated (`simulated`), recorded with the
//! real service and asked for (`play`), and the alarms counted (`score`).

mod play;
mod score;
mod simulated;
#[cfg(test)]
mod through_grpc;

use serde_json::json;

use super::args::DegradationArgs;
use crate::{
    client::describe,
    metrics::bootstrap::Bootstrap,
    report::Report,
    runner::{pass::Opened, progress::Progress},
};

use play::Play;
use simulated::{CONVERSATIONS, Cohort};

/// Cohorts of each kind.
const RUNS: usize = 100;

/// Runs it and delivers the result.
///
/// # Errors
/// The server does not start or answer.
pub(super) async fn run(args: &DegradationArgs) -> anyhow::Result<()> {
    let cohorts = Cohort::all(args.limit.unwrap_or(RUNS));
    let opened = Opened::new(&args.server, &[]).await?;
    let progress = Progress::new(CONVERSATIONS, cohorts.len(), "cohorts");
    let play = Play {
        api: &opened.api,
        progress: &progress,
        seed: args.seed,
        // A server that was started for this run goes with its data.
        delete: args.server.deletes(),
        salt: rand::random(),
    };
    let watched = play.all(&cohorts).await?;
    let mut report = Report::new(
        "degradation",
        json!({
            "limit": args.limit,
            "seed": args.seed,
            "simulated": simulated::describe(),
            "servers": [describe(&opened.info)],
        }),
    );
    report.dataset = Some("change_point".to_owned());
    report.model_sha256 = opened.model_sha256();
    report.n = watched.len();
    report.metrics = score::figures(&watched, Bootstrap::new(args.seed));
    report.details = json!({ "notes": { "alarms": score::alarms(&watched) } });
    opened.close().await?;
    report.deliver(args.out.out.as_deref())
}
