//! The sweep: a case is planted, filler of real talk grows behind it, and at
//! each distance the question is asked. The conversation grows on the server
//! as a chat does; nothing is played twice.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::json;

use super::{
    Found,
    args::DegradationArgs,
    cases::{self, Case},
    filler,
    live::Live,
    pace::one_then_others,
    rival::Rival,
    shown::{Line, Shown},
    strategy::{Sources, Strategy, Turn},
    tally::{Axis, Look, Tally},
};
use crate::{
    client::Api,
    dataset::Message,
    metrics::{Figures, ranking::truth},
    runner::progress::Progress,
};

/// Exchanges between a value and its update.
const UPDATE_GAP: usize = 8;

/// What is planted, what is said behind it, and how far.
pub(super) struct Material {
    cases: Vec<Case>,
    /// Cases that the filler says anyway.
    ambiguous: Vec<String>,
    distances: Vec<u32>,
    /// Said behind the case.
    filler: Vec<Message>,
    /// Said between a value and its update.
    between: Vec<Message>,
}

/// A run against the service.
struct Sweep<'a> {
    args: &'a DegradationArgs,
    api: &'a Api,
    progress: &'a Progress,
    strategies: Vec<Strategy>,
    material: &'a Material,
    /// The filler, counted.
    counted: Vec<Turn>,
    /// Salt of the conversations' ids: a run never meets another one's.
    run: u64,
}

/// What was seen of one window.
struct Seen {
    look: Look,
    indirect: Option<bool>,
    tokens: usize,
    stale_alone: Option<bool>,
    millis: Option<f64>,
}

impl Material {
    /// Reads the cases and the filler.
    ///
    /// # Errors
    /// The data cannot be read, or has too little talk.
    pub(super) fn read(args: &DegradationArgs) -> anyhow::Result<Self> {
        let mut distances = args.distance.clone();
        distances.sort_unstable();
        distances.dedup();
        let most = distances.last().copied().context("--distance: at least one")? as usize;
        let mut filler = filler::read(&args.data, most + UPDATE_GAP)?;
        let cases = cases::read(args.cases.as_deref(), &args.data, args.limit)?;
        let (cases, ambiguous) = judgeable(cases, &filler);
        let between = filler.split_off(2 * most);
        Ok(Self { cases, ambiguous, distances, filler, between })
    }
}

/// Plays every case and asks its question at every distance.
///
/// # Errors
/// A call failed.
pub(super) async fn measure(
    args: &DegradationArgs,
    api: &Api,
    material: &Material,
) -> anyhow::Result<Found> {
    let cases = &material.cases;
    let turns = cases.len() * (2 + material.filler.len());
    let progress = Progress::new(turns, cases.len() * material.distances.len(), "questions");
    let sweep = Sweep {
        args,
        api,
        progress: &progress,
        strategies: args.strategies(),
        material,
        counted: material.filler.iter().map(Turn::new).collect(),
        run: rand::random(),
    };
    let play = async |case: &Case| sweep.play(case).await;
    let seen = one_then_others(cases, args.server.in_flight, play).await?;
    let mut tally = Tally::new(Axis::Exchanges, args.budget());
    for seen in seen.into_iter().flatten() {
        record(&mut tally, seen);
    }
    let of = |indirect: bool| cases.iter().filter(|case| case.indirect == indirect).count();
    let notes = json!({
        "cases": cases.len(), "indirect": of(true), "direct": of(false),
        "left_out_since_the_filler_says_it": material.ambiguous,
    });
    Ok(Found { tally, n: cases.len(), split: None, others: Figures::new(), notes })
}

/// Plays every case to a rival, one after the other, and looks at its windows.
///
/// # Errors
/// The rival failed.
pub(super) async fn against(
    args: &DegradationArgs,
    rival: &mut Rival,
    material: &Material,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let progress = Progress::new(0, material.cases.len(), "cases of a rival");
    for case in &material.cases {
        let planted = case.planted(&material.between);
        let said = planted.len().saturating_sub(2);
        let mut millis = rival.add(&case.id, &planted).await?;
        let (mut held, mut filled) = (planted.len(), 0);
        for &distance in &material.distances {
            let until = 2 * distance as usize;
            let fresh = material.filler.get(filled..until).unwrap_or_default();
            if !fresh.is_empty() {
                millis += rival.add(&case.id, fresh).await?;
            }
            (held, filled) = (planted.len() + until, until);
            let budget = args.budget() as usize;
            let (shown, took) = rival.window(&case.id, &case.question, budget).await?;
            let name = rival.name.clone();
            record(tally, seen(name, case, distance, held - said, &shown, Some(took)));
        }
        tally.add_time(&rival.name, "add_ms_per_turn", &case.id, millis / held as f64);
        rival.forget(&case.id).await?;
        progress.question();
    }
    Ok(())
}

/// What a window shows of a case.
fn seen(
    strategy: String,
    case: &Case,
    distance: u32,
    ago: usize,
    shown: &Shown,
    millis: Option<f64>,
) -> Seen {
    let place = shown.place_of(&case.wanted);
    let stale_alone =
        case.replaced.as_ref().map(|(_, stale)| place.is_none() && shown.place_of(stale).is_some());
    let look = Look {
        strategy,
        item: case.id.clone(),
        kind: case.kind.clone(),
        x: u64::from(distance),
        ago,
        place,
    };
    let indirect = (case.kind != "preference").then_some(case.indirect);
    Seen { look, indirect, tokens: shown.tokens, stale_alone, millis }
}

/// The cases that the filler does not hold anyway, and the ids of the others.
fn judgeable(cases: Vec<Case>, filler: &[Message]) -> (Vec<Case>, Vec<String>) {
    let line = |message: &Message| Line { role: "user", text: message.text.clone(), tokens: 1 };
    let alone = Shown { lines: filler.iter().map(line).collect(), ..Shown::default() };
    let (ambiguous, cases): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| alone.place_of(&case.wanted).is_some());
    (cases, ambiguous.into_iter().map(|case| case.id).collect())
}

fn record(tally: &mut Tally, seen: Seen) {
    let Look { strategy, item, kind, x, .. } = &seen.look;
    let mut add = |name: String, value: f64| tally.add(strategy, &name, item, kind, value);
    add("window_tokens".to_owned(), seen.tokens as f64);
    add(format!("window_tokens/{x}"), seen.tokens as f64);
    if let Some(indirect) = seen.indirect {
        let how = if indirect { "indirect" } else { "direct" };
        add(format!("{how}_{kind}_kept@{x}"), truth(seen.look.place.is_some()));
    }
    if let Some(stale) = seen.stale_alone {
        add(format!("stale_alone@{x}"), truth(stale));
    }
    if let Some(millis) = seen.millis {
        tally.add_time(strategy, &format!("window_ms/{x}"), item, millis);
    }
    tally.look(seen.look);
}

impl Sweep<'_> {
    /// Plays a case and looks at every strategy's window at each distance.
    async fn play(&self, case: &Case) -> anyhow::Result<Vec<Seen>> {
        let planted = case.planted(&self.material.between);
        let said = planted.len().saturating_sub(2);
        let mut turns: Vec<Turn> = planted.iter().map(Turn::new).collect();
        turns.extend_from_slice(&self.counted);
        let id = blake3::hash(format!("{}/{}", self.run, case.id).as_bytes()).to_hex();
        let id: String = id.chars().take(32).collect();
        let mut live = Live::new(self.api, &id, self.progress).await?;
        live.say(&planted).await?;
        let mut seen_all = Vec::new();
        let mut filled = 0;
        for &distance in &self.material.distances {
            let until = 2 * distance as usize;
            live.say(self.material.filler.get(filled..until).unwrap_or_default()).await?;
            filled = until;
            let nearest = match self.strategies.iter().any(|strategy| strategy.ranks()) {
                true => live.nearest(&case.question).await?,
                false => Vec::new(),
            };
            let held = turns.get(..planted.len() + until).unwrap_or(&turns);
            let sources = Sources {
                turns: held,
                nearest: &nearest,
                evidence: &BTreeSet::from([said]),
                question: &case.question,
                budget: self.args.budget() as usize,
            };
            for &strategy in &self.strategies {
                let (shown, millis) = match sources.window(strategy) {
                    Some(shown) => (shown, None),
                    None => {
                        let built = live.window(&case.question, self.args.budget()).await?;
                        (Shown::of_window(&built.window, &case.question), Some(built.millis))
                    }
                };
                let name = strategy.name().to_owned();
                seen_all.push(seen(name, case, distance, held.len() - said, &shown, millis));
            }
            self.progress.question();
        }
        if !self.args.server.keep {
            live.delete().await?;
        }
        Ok(seen_all)
    }
}
