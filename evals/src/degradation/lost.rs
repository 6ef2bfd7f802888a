//! Lost in Conversation: a task comes in shards, one a turn, with filler of
//! real talk between them. Which shards stand whole in the window of the last
//! one?
//!
//! Items whose shards alone cost more than the budget cannot be whole; they are
//! scored apart.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Found, Run,
    args::DegradationArgs,
    live::Live,
    rival::{Own, Rival},
    shards::{Item, least, read_items, turns},
    shown::{Shown, Wanted},
    strategy::{Sources, Turn},
    talk,
    tally::{Axis, Look, Tally},
    trace::Traced,
};
use crate::{
    dataset::{Message, Speaker},
    folds::Fold,
    metrics::{Figures, ranking::truth},
    pace::those_left,
    plot::Grid,
    runner::{
        filler::{self, Filler},
        progress::Progress,
    },
};

/// The items with what became of them.
pub(super) struct Played {
    items: Vec<Item>,
    /// Items without words in their shards.
    wordless: usize,
    filler: Filler,
    /// Hash of the filler.
    talk: String,
    /// Against the service, one for each item.
    own: Vec<Play>,
    /// The same against each rival.
    rivals: Vec<Vec<Play>>,
}

/// What became of one item.
#[derive(Serialize, Deserialize)]
struct Play {
    seen: Vec<Seen>,
    /// How its conversation went, where that is recorded.
    grids: Vec<Grid>,
}

/// What was seen of one item's windows.
#[derive(Serialize, Deserialize)]
struct Seen {
    strategy: String,
    looks: Vec<Look>,
    whole: usize,
    tokens: usize,
    millis: Option<f64>,
    /// What adding a turn took, where that is timed.
    add_ms: Option<f64>,
    /// Where a rival assembled the window itself.
    #[serde(default)]
    own: Option<Own>,
}

impl Played {
    /// Reads what is to be played.
    ///
    /// # Errors
    /// The data cannot be read, or has too little talk.
    pub(super) fn read(args: &DegradationArgs, folds: &[Fold]) -> anyhow::Result<Self> {
        let (items, wordless) = read_items(args)?;
        let most = items.iter().map(|item| item.shards.len()).max().unwrap_or(0);
        let filler = filler::read(&args.data, most * args.gap as usize, folds)?;
        let talk = filler::hash(&filler.messages);
        Ok(Self { items, wordless, filler, talk, own: Vec::new(), rivals: Vec::new() })
    }

    /// The fold whose weights have not seen the filler.
    pub(super) fn fold(&self) -> Option<&Fold> {
        self.filler.fold.as_ref()
    }

    /// How many items are played.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Plays every item and looks at the windows of its last shard.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn play(&mut self, run: &Run<'_>) -> anyhow::Result<()> {
        let args = run.args;
        let (items, filler) = (&self.items, &self.filler.messages);
        let gap = args.gap as usize;
        let length = |item: &Item| (item.shards.len() - 1) * (2 + 2 * gap) + 1;
        let progress = Progress::new(items.iter().map(length).sum(), items.len(), "items");
        let salt: u64 = rand::random();
        let numbered: Vec<(usize, &Item)> = items.iter().enumerate().collect();
        let traced = args.traced();
        let key = |item: &(usize, &Item)| {
            let (made_of, traced) = (format!("{:?}", item.1), (item.0 < traced).to_string());
            run.checkpoint.key(&["item", &made_of, &traced, &self.talk])
        };
        let work = async |item: &(usize, &Item)| {
            let (number, item) = *item;
            let id = blake3::hash(format!("{salt}/{}", item.id).as_bytes()).to_hex();
            let id: String = id.chars().take(32).collect();
            let live = Live::new(run.api, &id, &progress).await?;
            let play = play_one(run, live, item, filler, number < traced).await?;
            progress.question();
            anyhow::Ok(play)
        };
        self.own = those_left(&numbered, run.checkpoint, key, args.server.in_flight, work).await?;
        Ok(())
    }

    /// Plays every item to a rival, one after the other, and looks at its windows.
    ///
    /// # Errors
    /// The rival failed.
    pub(super) async fn against(&mut self, run: &Run<'_>, rival: &mut Rival) -> anyhow::Result<()> {
        let progress = Progress::new(0, self.items.len(), "items of a rival");
        let about = rival.about.to_string();
        let mut plays = Vec::new();
        for item in &self.items {
            let made_of = format!("{item:?}");
            let key = run.checkpoint.key(&["rival", &about, &made_of, &self.talk]);
            let play = match run.checkpoint.get(&key) {
                Some(play) => play,
                None => {
                    let play = play_to(run.args, rival, item, &self.filler.messages).await?;
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

    /// Makes figures of what was seen; a reader works on the tasks.
    ///
    /// # Errors
    /// The reader failed.
    pub(super) async fn found(self, run: &Run<'_>) -> anyhow::Result<Found> {
        let budget = run.args.budget();
        let mut tally = Tally::new(Axis::TurnsAgo, budget);
        let mut too_long = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            let fits = least(item) <= budget as usize;
            if !fits {
                too_long.push(item.id.clone());
            }
            let plays = [&self.own].into_iter().chain(&self.rivals);
            for seen in plays.filter_map(|plays| plays.get(at)).flat_map(|play| &play.seen) {
                record(&mut tally, item, seen, budget, fits);
            }
        }
        let notes = json!({
            "items": self.items.len(),
            "longer_than_the_budget": too_long,
            "left_out_without_words": self.wordless,
            "filler_from": self.filler.from,
        });
        let others = match run.readers {
            Some(readers) => talk::measure(run, &readers.reader, &self.items, &mut tally).await?,
            None => Figures::new(),
        };
        let grids = self.own.into_iter().flat_map(|play| play.grids).collect();
        let (n, split) = (self.items.len(), run.args.split.clone());
        Ok(Found { tally, n, split, others, grids, notes })
    }
}

async fn play_one(
    run: &Run<'_>,
    mut live: Live<'_>,
    item: &Item,
    filler: &[Message],
    traced: bool,
) -> anyhow::Result<Play> {
    let args = run.args;
    let (mut said, places) = turns(item, filler, args.gap as usize);
    let counted: Vec<Turn> = said.iter().map(Turn::new).collect();
    let last = item.shards.last().context("an item without shards")?;
    said.push(Message::chat(Speaker::User, last.clone()));
    live.say(&said).await?;
    let strategies = args.strategies();
    let nearest = match strategies.iter().any(|strategy| strategy.ranks()) {
        true => live.nearest(last).await?,
        false => Vec::new(),
    };
    // The last shard itself is nearest, and stands in every window.
    let nearest: Vec<usize> = nearest.into_iter().filter(|&at| at < counted.len()).collect();
    let mut sources = Sources {
        turns: &counted,
        nearest: &nearest,
        evidence: &places,
        question: last,
        budget: args.budget() as usize,
        written: String::new(),
    };
    run.write_summary(&mut sources).await?;
    let mut seen = Vec::new();
    for strategy in strategies {
        let (shown, millis) = match sources.window(strategy) {
            Some(shown) => (shown, None),
            None => {
                let built = live.window("", args.budget()).await?;
                (Shown::of_window(&built.window, last), Some(built.millis))
            }
        };
        seen.push(look(strategy.name(), item, &shown, &places, counted.len(), millis));
    }
    let mut grids = Vec::new();
    if traced {
        let conversation = Traced::new(&item.id, live.name(), said.iter());
        grids = conversation.look(run.api, args.budget()).await?;
    }
    if args.server.deletes() {
        live.delete().await?;
    }
    Ok(Play { seen, grids })
}

/// Plays an item to a rival and looks at its window for the last shard.
async fn play_to(
    args: &DegradationArgs,
    rival: &mut Rival,
    item: &Item,
    filler: &[Message],
) -> anyhow::Result<Play> {
    let (said, places) = turns(item, filler, args.gap as usize);
    let last = item.shards.last().context("an item without shards")?;
    let millis = rival.add(&item.id, &said).await?;
    let answered = rival.window(&item.id, last, args.budget() as usize).await?;
    rival.forget(&item.id).await?;
    let took = Some(answered.millis);
    let mut seen = look(&rival.name, item, &answered.shown, &places, said.len(), took);
    seen.own = answered.own;
    seen.add_ms = Some(millis / said.len().max(1) as f64);
    Ok(Play { seen: vec![seen], grids: Vec::new() })
}

fn look(
    strategy: &str,
    item: &Item,
    shown: &Shown,
    places: &BTreeSet<usize>,
    turns: usize,
    millis: Option<f64>,
) -> Seen {
    let looks = item.shards.iter().zip(places).map(|(shard, &position)| {
        let ago = turns - position;
        Look {
            strategy: strategy.to_owned(),
            item: item.id.clone(),
            kind: item.task.clone(),
            x: Axis::bin(ago),
            ago,
            place: shown.place_of(&Wanted::Words(shard.clone())),
        }
    });
    let looks: Vec<Look> = looks.collect();
    let asked = item.shards.last().is_some_and(|last| shown.asked_holds(last));
    let whole = looks.iter().filter(|look| look.place.is_some()).count() + usize::from(asked);
    let strategy = strategy.to_owned();
    Seen { strategy, looks, whole, tokens: shown.tokens, millis, add_ms: None, own: None }
}

fn record(tally: &mut Tally, item: &Item, seen: &Seen, budget: u32, fits: bool) {
    let mut add = |name: &str, value: f64| {
        tally.add(&seen.strategy, name, &item.id, &item.task, value);
    };
    let share = seen.whole as f64 / item.shards.len() as f64;
    if fits {
        add(&format!("shard_coverage@{budget}"), share);
        add(&format!("shard_coverage@{budget}_{}", item.task), share);
        add(&format!("all_shards@{budget}"), truth(seen.whole == item.shards.len()));
    } else {
        add(&format!("shard_coverage@{budget}_too_long"), share);
    }
    add("window_tokens", seen.tokens as f64);
    if let Some(own) = seen.own {
        own.record(tally, &seen.strategy, (&item.id, &item.task), budget);
    }
    for (name, millis) in [("window_ms", seen.millis), ("add_ms_per_turn", seen.add_ms)] {
        if let Some(millis) = millis {
            tally.add_time(&seen.strategy, name, &item.id, millis);
        }
    }
    if fits {
        seen.looks.iter().for_each(|one| tally.look(one.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::degradation::shards::tests::item;

    #[test]
    fn shards_are_counted_with_the_last_one() {
        let item = item(&["one pen", "two cups", "what now"]);
        let line = |text: &str| super::super::shown::Line {
            role: "user",
            text: text.to_owned(),
            tokens: 5,
        };
        let shown =
            Shown { lines: vec![line("two cups")], asked: Some(line("what now")), tokens: 13 };
        let seen = look("last_n", &item, &shown, &[0, 4].into(), 8, None);
        assert_eq!((seen.whole, seen.looks.len()), (2, 2));
        assert_eq!((seen.looks[0].ago, seen.looks[0].place), (8, None));
        assert_eq!((seen.looks[1].ago, seen.looks[1].place), (4, Some(0.0)));
        let mut tally = Tally::new(Axis::TurnsAgo, 1_000);
        record(&mut tally, &item, &seen, 1_000, true);
        let mut report = crate::report::Report::new("degradation", serde_json::Value::Null);
        tally.fill(&mut report, "last_n", crate::metrics::bootstrap::Bootstrap::new(1));
        let share = report.metrics["shard_coverage@1000"].value;
        assert!(
            (share - 2.0 / 3.0).abs() < 1e-12 && report.metrics["all_shards@1000"].value == 0.0
        );
    }
}
