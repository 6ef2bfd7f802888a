//! `--dataset signals`: do the detectors of "the user repeats" and "the user
//! corrects" say what a reader says? On turns of the data sets that were labelled
//! by hand (`evals/cases/README.md`).
//!
//! Flow: `labels` names the turns, `talks` finds their conversations, each is played
//! once up to its last labelled turn, `ask` reads the recorded signals, `score`
//! counts.

mod ask;
mod labels;
mod score;
mod talks;
#[cfg(test)]
mod through_grpc;

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::args::DegradationArgs;
use crate::{
    client::{Api, describe},
    metrics::bootstrap::Bootstrap,
    pace::one_then_others,
    report::{Report, print},
    runner::{
        ingest::{Layout, ingest},
        pass::Opened,
        progress::Progress,
    },
};

use score::Judged;
use talks::Talk;

/// Runs it and delivers the result.
///
/// # Errors
/// The labels or the data cannot be read, no data set is there, or the server does
/// not start or answer.
pub(super) async fn run(args: &DegradationArgs) -> anyhow::Result<()> {
    let labelled = labels::read(args.cases.as_deref())?;
    let mut material = talks::gather(&args.data, labelled)?;
    for (file, turns) in &material.absent {
        print(&format!("left out: {file} is not there, {turns} labelled turns"));
    }
    material.talks.truncate(args.limit.unwrap_or(usize::MAX));
    let talks = &material.talks;
    ensure!(!talks.is_empty(), "no data set with labelled turns is in {}", args.data.display());
    let opened = Opened::new(&args.server, &[]).await?;
    let turns = talks.iter().map(|talk| talk.conversation.len()).sum();
    let progress = Progress::new(turns, talks.len(), "conversations");
    let (api, progress) = (&opened.api, &progress);
    let work = async |talk: &Talk| {
        let judged = play(args, api, progress, talk)
            .await
            .with_context(|| format!("conversation {}", talk.conversation.id))?;
        progress.question();
        anyhow::Ok(judged)
    };
    let played = one_then_others(talks, args.server.in_flight, work).await?;
    let judged: Vec<Judged> = played.into_iter().flatten().collect();
    let bootstrap = Bootstrap::new(args.seed);
    let mut report = Report::new(
        "degradation",
        json!({
            "limit": args.limit,
            "seed": args.seed,
            "servers": [describe(&opened.info)],
        }),
    );
    report.dataset = Some("signals".to_owned());
    report.model_sha256 = opened.model_sha256();
    report.n = judged.len();
    report.metrics = score::figures(judged.iter(), bootstrap);
    report.breakdown = score::breakdown(&judged, bootstrap);
    report.details = json!({
        "misses": score::misses(&judged),
        "notes": { "conversations": talks.len(), "turns_played": turns, "absent": material.absent },
    });
    opened.close().await?;
    report.deliver(args.out.out.as_deref())
}

/// Plays a conversation and reads the signals of its labelled turns.
async fn play(
    args: &DegradationArgs,
    api: &Api,
    progress: &Progress,
    talk: &Talk,
) -> anyhow::Result<Vec<Judged>> {
    let ingested = ingest(api, &talk.conversation, Layout::Whole, progress).await?;
    let end = talk.conversation.len().checked_sub(1).context("a conversation without turns")?;
    let last = ingested.sequence(end).context("the labelled turn was not sent")?;
    let told = ask::signals(api, &ingested, last).await?;
    if args.server.deletes() {
        ingested.delete(api).await?;
    }
    let judged = talk.labelled.iter().map(|labelled| Judged {
        labelled: labelled.clone(),
        told: told.get(&labelled.turn).cloned().unwrap_or_default(),
    });
    Ok(judged.collect())
}
