//! What recording degradation adds to a window: two servers with the same
//! conversations, one of which measures turns, windows and probes and one that does not,
//! are asked the same questions in turns. A round asks both, each for a run of windows
//! without a pause, so that what the one writes beside its requests falls into its own
//! runs; who is first changes from round to round.

use anyhow::bail;
use serde_json::json;
use throughline_proto::v1::GetDegradationRequest;

use crate::{
    cli::LoadArgs,
    client::{Api, describe, retry},
    metrics::{
        Figures,
        bootstrap::{Bootstrap, Estimate, percentile, ratio_of},
    },
    report::Report,
    runner::{pass::Opened, progress::Progress},
};

use super::{
    text::Texts,
    windows::{TURN_BYTES, Times, WARM_UP, build, figures, fill, lengths},
};

/// Rounds of each length; the intervals draw among them.
const ROUNDS: u32 = 20;
/// What the second server is started with.
const OFF: &str = "--no-degradation";

/// A server with its conversation of the length that is measured.
struct Side<'a> {
    api: &'a Api,
    name: String,
}

/// Times of a round: of the server that records, and of the other.
type Round = (Times, Times);

/// Runs the measurement and delivers its result.
///
/// # Errors
/// A server does not start or answer, or one is given.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    if args.server.server.is_some() || args.server.store_dir.is_some() {
        bail!("--recording: starts two servers, each with data of its own");
    }
    let per_round = args.windows.div_ceil(ROUNDS);
    let lengths = lengths(args)?;
    let on = Opened::new(&args.server, &[]).await?;
    let off = Opened::new(&args.server, &[OFF.to_owned()]).await?;
    let mut report = Report::new(
        "load",
        json!({
            "build_context": true,
            "recording": true,
            "turns": lengths,
            "windows": per_round * ROUNDS,
            "windows_per_round": per_round,
            "budget": args.budget,
            "turn_bytes": TURN_BYTES,
            "seed": args.seed,
            "servers": [describe(&on.info), describe(&off.info)],
            "flags": [[], [OFF]],
        }),
    );
    report.model_sha256 = on.model_sha256();
    let total = 2 * lengths.iter().sum::<u32>() as usize;
    let windows = 2 * (per_round * ROUNDS) as usize * lengths.len();
    let progress = Progress::new(total, windows, "windows");
    for &turns in &lengths {
        let mut sides = Vec::new();
        for opened in [&on, &off] {
            let name = fill(&opened.api, turns, args.seed, &progress).await?;
            sides.push(Side { api: &opened.api, name });
        }
        let [recording, silent] = &*sides else { bail!("two servers are measured") };
        wait_measured(recording, turns).await?;
        let rounds = measure((recording, silent), args, (turns, per_round), &progress).await?;
        let figures = compared(rounds, Bootstrap::new(args.seed));
        report.n += windows / lengths.len();
        // Lengths rise: the last is the longest.
        report.metrics.clone_from(&figures);
        report.breakdown.insert(format!("{turns} turns"), figures);
    }
    drop(progress);
    on.close().await?;
    off.close().await?;
    report.deliver(args.out.out.as_deref())
}

/// Waits until every turn is measured: that is no part of a window.
async fn wait_measured(side: &Side<'_>, turns: u32) -> anyhow::Result<()> {
    loop {
        let call = async || {
            let request = GetDegradationRequest {
                conversation: side.name.clone(),
                page_size: 1,
                ..GetDegradationRequest::default()
            };
            side.api.degradation.clone().get_degradation(request).await
        };
        let answer = retry("GetDegradation", call).await?.into_inner();
        if answer.measured_sequence >= u64::from(turns) {
            return Ok(());
        }
    }
}

async fn measure(
    (on, off): (&Side<'_>, &Side<'_>),
    args: &LoadArgs,
    (turns, per_round): (u32, u32),
    progress: &Progress,
) -> anyhow::Result<Vec<Round>> {
    let mut texts = Texts::new(!args.seed, u64::from(turns));
    for _ in 0..WARM_UP {
        let question = texts.question();
        for side in [on, off] {
            let (name, question) = (&side.name, question.clone());
            build(side.api, name, question, args.budget, &mut Times::default()).await?;
        }
    }
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        let questions: Vec<String> = (0..per_round).map(|_| texts.question()).collect();
        let mut round = Round::default();
        let (first, second) = ((on, &mut round.0), (off, &mut round.1));
        let order = if number.is_multiple_of(2) { [first, second] } else { [second, first] };
        for (side, times) in order {
            for question in &questions {
                build(side.api, &side.name, question.clone(), args.budget, times).await?;
                progress.question();
            }
        }
        rounds.push(round);
    }
    Ok(rounds)
}

/// How much longer a window takes with recording, as a share of what it takes without,
/// and the times of both servers.
fn compared(rounds: Vec<Round>, bootstrap: Bootstrap) -> Figures {
    let mut compared = Figures::new();
    let pairs = |values: fn(&Times) -> &[f64]| -> Vec<(Vec<f64>, Vec<f64>)> {
        rounds.iter().map(|(on, off)| (values(on).to_vec(), values(off).to_vec())).collect()
    };
    for (name, pairs) in [
        ("recording_overhead", pairs(|times| times.client_ms.as_slice())),
        ("recording_overhead_assembly", pairs(|times| times.assembly_us.as_slice())),
    ] {
        for (name, share) in [(name.to_owned(), 0.5), (format!("{name}_p90"), 0.9)] {
            let at = |values: &mut [f64]| percentile(values, share);
            let ratio = ratio_of(&pairs, bootstrap, &at);
            compared.extend(ratio.map(|ratio| (name, added(ratio))));
        }
    }
    let (mut on, mut off) = Round::default();
    for (recording, silent) in rounds {
        for (all, of_round) in [(&mut on, recording), (&mut off, silent)] {
            all.client_ms.extend(of_round.client_ms);
            all.assembly_us.extend(of_round.assembly_us);
        }
    }
    for (side, times) in [("recording", on), ("silent", off)] {
        let named = figures(times).into_iter();
        compared.extend(named.map(|(name, value)| (format!("{side}_{name}"), value)));
    }
    compared
}

/// A ratio as what is added.
fn added(ratio: Estimate) -> Estimate {
    Estimate { value: ratio.value - 1.0, lo: ratio.lo - 1.0, hi: ratio.hi - 1.0, ..ratio }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_a_share_of_the_time_without() {
        let times = |ms: f64| Times { client_ms: vec![ms; 4], assembly_us: vec![500.0 * ms; 4] };
        let rounds = (0..4).map(|_| (times(2.5), times(2.0))).collect();
        let figures = compared(rounds, Bootstrap::new(1));
        for name in ["recording_overhead", "recording_overhead_assembly_p90"] {
            let got = figures[name];
            assert_eq!((got.value, got.lo, got.hi, got.n), (0.25, 0.25, 0.25, 4), "{name}");
        }
        assert_eq!(figures["recording_client_p50_ms"], Estimate::exact(2.5, 16));
        assert_eq!(figures["silent_assembly_p90_us"], Estimate::exact(1_000.0, 16));
    }
}
