//! The sweep: a case is planted, filler of real talk grows behind it, and at
//! each distance the question is asked. The conversation grows on the server
//! as a chat does; nothing is played twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Found, Run,
    args::DegradationArgs,
    cases::Case,
    live::Live,
    material::Material,
    reading::{self, Scores},
    rival::{Own, Rival},
    shown::Shown,
    strategy::{Sources, Strategy, Turn},
    tally::{Axis, Look, Tally},
    trace::Traced,
};
use crate::{
    folds::Fold,
    metrics::{Figures, ranking::truth},
    pace::those_left,
    plot::Grid,
    runner::progress::Progress,
};

/// The cases with what became of them.
pub(super) struct Played {
    material: Material,
    /// Against the service, one for each case.
    own: Vec<Play>,
    /// The same against each rival.
    rivals: Vec<Vec<Play>>,
}

/// What became of one case.
#[derive(Serialize, Deserialize)]
struct Play {
    seen: Vec<Seen>,
    /// How its conversation went, where that is recorded.
    grids: Vec<Grid>,
    /// What adding a turn took, where that is timed.
    add_ms: Option<f64>,
}

/// What was seen of one window.
#[derive(Serialize, Deserialize)]
struct Seen {
    look: Look,
    tokens: usize,
    stale_alone: Option<bool>,
    /// Whether the service had pinned the turn when it built the window.
    #[serde(default)]
    pinned: Option<bool>,
    /// Where a rival assembled the window itself.
    #[serde(default)]
    own: Option<Own>,
    millis: Option<f64>,
    scores: Scores,
}

/// A run against the service.
struct Sweep<'a> {
    run: &'a Run<'a>,
    progress: &'a Progress,
    strategies: Vec<Strategy>,
    material: &'a Material,
    /// The filler, counted.
    counted: Vec<Turn>,
    /// Salt of the conversations' ids: a run never meets another one's.
    salt: u64,
}

/// A case at the moment of asking.
struct Asked<'a> {
    case: &'a Case,
    distance: u32,
    /// Turns from what was said to the question.
    ago: usize,
}

impl Played {
    /// Reads what is to be played.
    ///
    /// # Errors
    /// The data cannot be read, or has too little talk.
    pub(super) fn read(args: &DegradationArgs, folds: &[Fold]) -> anyhow::Result<Self> {
        let material = Material::read(args, folds)?;
        Ok(Self { material, own: Vec::new(), rivals: Vec::new() })
    }

    /// The fold whose weights have not seen the talk.
    pub(super) fn fold(&self) -> Option<&Fold> {
        self.material.fold.as_ref()
    }

    /// How many cases are planted.
    pub(super) fn len(&self) -> usize {
        self.material.cases.len()
    }

    /// Plants every case and asks its question at every distance.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn play(&mut self, run: &Run<'_>) -> anyhow::Result<()> {
        let material = &self.material;
        let cases = &material.cases;
        let turns = cases.len() * (2 + material.filler.len());
        let progress = Progress::new(turns, cases.len() * material.distances.len(), "questions");
        let sweep = Sweep {
            run,
            progress: &progress,
            strategies: run.args.strategies(),
            material,
            counted: material.filler.iter().map(Turn::new).collect(),
            salt: rand::random(),
        };
        let traced = material.traced(run.args.traced());
        let items: Vec<(&Case, bool)> =
            cases.iter().map(|case| (case, traced.contains(case.id.as_str()))).collect();
        let key = |item: &(&Case, bool)| {
            let (case, traced) = (format!("{:?}", item.0), item.1.to_string());
            run.checkpoint.key(&["case", &case, &traced, &material.talk])
        };
        let work = async |item: &(&Case, bool)| sweep.play(item.0, item.1).await;
        self.own = those_left(&items, run.checkpoint, key, run.args.server.in_flight, work).await?;
        Ok(())
    }

    /// Plays every case to a rival, one after the other, and looks at its windows.
    ///
    /// # Errors
    /// The rival or a reader failed.
    pub(super) async fn against(&mut self, run: &Run<'_>, rival: &mut Rival) -> anyhow::Result<()> {
        let progress = Progress::new(0, self.material.cases.len(), "cases of a rival");
        let about = rival.about.to_string();
        let mut plays = Vec::new();
        for case in &self.material.cases {
            let made_of = format!("{case:?}");
            let key = run.checkpoint.key(&["rival", &about, &made_of, &self.material.talk]);
            let play = match run.checkpoint.get(&key) {
                Some(play) => play,
                None => {
                    let play = play_to(run, rival, &self.material, case).await?;
                    run.checkpoint.put(&key, &play)?;
                    play
                }
            };
            plays.push(play);
            progress.question();
        }
        self.rivals.push(plays);
        Ok(())
    }

    /// What the service's windows had lost, with the exchanges in between and whether it was
    /// pinned.
    fn lost(&self) -> Vec<Value> {
        let seen = self.own.iter().flat_map(|play| &play.seen);
        let lost = seen.filter(|seen| {
            seen.look.strategy == Strategy::Throughline.name() && seen.look.place.is_none()
        });
        let name = |seen: &Seen| json!({ "id": seen.look.item, "exchanges": seen.look.x, "pinned": seen.pinned });
        lost.map(name).collect()
    }

    /// Makes figures of what was seen.
    pub(super) fn found(self, run: &Run<'_>) -> Found {
        let cases = &self.material.cases;
        let mut tally = Tally::new(Axis::Exchanges, run.args.budget());
        for (at, case) in cases.iter().enumerate() {
            let plays = [&self.own].into_iter().chain(&self.rivals);
            let seen = || plays.clone().filter_map(move |plays| plays.get(at));
            let oracle: BTreeMap<u64, &Scores> = seen()
                .flat_map(|play| &play.seen)
                .filter(|seen| seen.look.strategy == Strategy::Oracle.name())
                .map(|seen| (seen.look.x, &seen.scores))
                .collect();
            for play in seen() {
                for seen in &play.seen {
                    record(&mut tally, case, seen, oracle.get(&seen.look.x).copied());
                    if let Some(own) = seen.own {
                        let whose = (case.id.as_str(), case.kind.as_str());
                        own.record(&mut tally, &seen.look.strategy, whose, run.args.budget());
                    }
                }
                if let (Some(millis), Some(seen)) = (play.add_ms, play.seen.first()) {
                    tally.add_time(&seen.look.strategy, "add_ms_per_turn", &case.id, millis);
                }
            }
        }
        let of = |indirect: bool| cases.iter().filter(|case| case.indirect == indirect).count();
        let notes = json!({
            "cases": cases.len(), "indirect": of(true), "direct": of(false),
            "with_a_rule_for_replies": cases.iter().filter(|case| case.rule.is_some()).count(),
            "left_out_since_the_filler_says_it": self.material.ambiguous,
            "filler_from": self.material.from,
            "lost": self.lost(),
        });
        let n = cases.len();
        let grids = self.own.into_iter().flat_map(|play| play.grids).collect();
        Found { tally, n, split: None, others: Figures::new(), grids, notes }
    }
}

impl Sweep<'_> {
    /// Plays a case and looks at every strategy's window at each distance.
    async fn play(&self, case: &Case, traced: bool) -> anyhow::Result<Play> {
        let args = self.run.args;
        let planted = case.planted(&self.material.between);
        let said = planted.len().saturating_sub(2);
        let mut turns: Vec<Turn> = planted.iter().map(Turn::new).collect();
        turns.extend_from_slice(&self.counted);
        let id = blake3::hash(format!("{}/{}", self.salt, case.id).as_bytes()).to_hex();
        let id: String = id.chars().take(32).collect();
        let mut live = Live::new(self.run.api, &id, self.progress).await?;
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
            let mut sources = Sources {
                turns: held,
                nearest: &nearest,
                evidence: &BTreeSet::from([said]),
                question: &case.question,
                budget: args.budget() as usize,
                written: String::new(),
            };
            self.run.write_summary(&mut sources).await?;
            let asked = Asked { case, distance, ago: held.len() - said };
            for &strategy in &self.strategies {
                let seen = match sources.window(strategy) {
                    Some(shown) => asked.see(self.run, strategy.name(), &shown, None).await?,
                    None => {
                        // Before the window: what was pinned by then can stand in it.
                        let pinned = live.pinned().await?.contains(&(said as u64 + 1));
                        let built = live.window(&case.question, args.budget()).await?;
                        let shown = Shown::of_window(&built.window, &case.question);
                        let millis = Some(built.millis);
                        let seen = asked.see(self.run, strategy.name(), &shown, millis).await?;
                        Seen { pinned: Some(pinned), ..seen }
                    }
                };
                seen_all.push(seen);
            }
            self.progress.question();
        }
        let mut grids = Vec::new();
        if traced {
            let filler = self.material.filler.get(..filled).unwrap_or_default();
            let all = planted.iter().chain(filler);
            let traced = Traced::new(&case.id, live.name(), all);
            grids = traced.look(self.run.api, args.budget()).await?;
        }
        if args.server.deletes() {
            live.delete().await?;
        }
        Ok(Play { seen: seen_all, grids, add_ms: None })
    }
}

/// Plays a case to a rival and looks at its window at each distance.
async fn play_to(
    run: &Run<'_>,
    rival: &mut Rival,
    material: &Material,
    case: &Case,
) -> anyhow::Result<Play> {
    let planted = case.planted(&material.between);
    let said = planted.len().saturating_sub(2);
    let mut millis = rival.add(&case.id, &planted).await?;
    let mut seen = Vec::new();
    let (mut held, mut filled) = (planted.len(), 0);
    for &distance in &material.distances {
        let until = 2 * distance as usize;
        millis +=
            rival.add(&case.id, material.filler.get(filled..until).unwrap_or_default()).await?;
        (held, filled) = (planted.len() + until, until);
        let budget = run.args.budget() as usize;
        let answered = rival.window(&case.id, &case.question, budget).await?;
        let asked = Asked { case, distance, ago: held - said };
        let millis = Some(answered.millis);
        let one = asked.see(run, &rival.name, &answered.shown, millis).await?;
        seen.push(Seen { own: answered.own, ..one });
    }
    rival.forget(&case.id).await?;
    Ok(Play { seen, grids: Vec::new(), add_ms: Some(millis / held as f64) })
}

impl Asked<'_> {
    /// What a window shows of the case, and what a reader makes of it.
    async fn see(
        &self,
        run: &Run<'_>,
        strategy: &str,
        shown: &Shown,
        millis: Option<f64>,
    ) -> anyhow::Result<Seen> {
        let case = self.case;
        let place = shown.place_of(&case.wanted);
        let stale_alone = case
            .replaced
            .as_ref()
            .map(|(_, stale)| place.is_none() && shown.place_of(stale).is_some());
        let look = Look {
            strategy: strategy.to_owned(),
            item: case.id.clone(),
            kind: case.kind.clone(),
            x: u64::from(self.distance),
            ago: self.ago,
            place,
        };
        let scores = match run.readers {
            Some(readers) => reading::read(readers, shown, &case.question, &case.gold()).await?,
            None => Scores::new(),
        };
        let (tokens, pinned, own) = (shown.tokens, None, None);
        Ok(Seen { look, tokens, stale_alone, pinned, own, millis, scores })
    }
}

fn record(tally: &mut Tally, case: &Case, seen: &Seen, oracle: Option<&Scores>) {
    let Look { strategy, item, kind, x, .. } = &seen.look;
    let mut add = |name: String, value: f64| tally.add(strategy, &name, item, kind, value);
    add("window_tokens".to_owned(), seen.tokens as f64);
    add(format!("window_tokens/{x}"), seen.tokens as f64);
    // Nobody has said of the preferences which are indirect.
    if case.kind != "preference" {
        let how = if case.indirect { "indirect" } else { "direct" };
        add(format!("{how}_{kind}_kept@{x}"), truth(seen.look.place.is_some()));
    }
    if seen.pinned == Some(true) {
        add(format!("{kind}_kept_once_pinned@{x}"), truth(seen.look.place.is_some()));
    }
    if let Some(stale) = seen.stale_alone {
        add(format!("stale_alone@{x}"), truth(stale));
    }
    for (name, value) in &seen.scores {
        add(format!("{name}/{x}"), *value);
        add(format!("{kind}_{name}@{x}"), *value);
    }
    reading::record(tally, strategy, (item, kind), &seen.scores, oracle);
    if let Some(millis) = seen.millis {
        tally.add_time(strategy, &format!("window_ms/{x}"), item, millis);
    }
    tally.look(seen.look.clone());
}
