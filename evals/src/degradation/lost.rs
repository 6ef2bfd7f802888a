//! Lost in Conversation: a task comes in shards, one a turn, with filler of
//! real talk between them. Which shards stand whole in the window of the last
//! one?
//!
//! Items whose shards alone cost more than the budget cannot be whole; they are
//! scored apart. Items without words in their shards (summaries of documents)
//! are left out.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Found,
    args::DegradationArgs,
    filler,
    live::Live,
    pace::one_then_others,
    shown::{Shown, Wanted},
    strategy::{Sources, Strategy, Turn},
    talk,
    tally::{Axis, Look, Tally},
};
use crate::{
    client::Api,
    dataset::{Message, Speaker, read},
    metrics::{Figures, ranking::truth},
    reader::Readers,
    runner::{
        progress::Progress,
        window::{PER_MESSAGE, PER_PROMPT, count},
    },
};

/// Files that are read if none is named.
const FILES: [&str; 3] = ["gsm8k_sharded", "official_sample", "translation"];

#[derive(Deserialize)]
struct Raw {
    task_id: Value,
    task: String,
    shards: Vec<RawShard>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct RawShard {
    #[serde(default)]
    shard: String,
}

/// A task in shards.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Unique over the files.
    pub(crate) id: String,
    /// `math`, `code`, `actions`, `database`, `data2text`, `translation`.
    pub(crate) task: String,
    /// In the order in which they are said; two or more.
    pub(crate) shards: Vec<String>,
    /// What it is scored by.
    pub(crate) fields: Map<String, Value>,
}

/// What was seen of one item's windows.
struct Seen {
    strategy: &'static str,
    looks: Vec<Look>,
    whole: usize,
    tokens: usize,
    millis: Option<f64>,
}

/// Plays every item and looks at the windows of its last shard.
///
/// # Errors
/// The data cannot be read, or a call failed.
pub(super) async fn measure(
    args: &DegradationArgs,
    api: &Api,
    readers: Option<&Readers>,
) -> anyhow::Result<Found> {
    let (items, wordless) = read_items(args)?;
    let most = items.iter().map(|item| item.shards.len()).max().unwrap_or(0);
    let filler = filler::read(&args.data, most * args.gap as usize)?;
    let turns = items.iter().map(|item| (item.shards.len() - 1) * (2 + 2 * args.gap as usize) + 1);
    let progress = Progress::new(turns.sum(), items.len(), "items");
    let (progress, filler) = (&progress, &filler);
    let run: u64 = rand::random();
    let work = async |item: &Item| {
        let id = blake3::hash(format!("{run}/{}", item.id).as_bytes()).to_hex();
        let id: String = id.chars().take(32).collect();
        let live = Live::new(api, &id, progress).await?;
        play(args, live, item, filler).await
    };
    let seen = one_then_others(&items, args.server.in_flight, work).await?;
    let mut tally = Tally::new(Axis::TurnsAgo, args.budget());
    let mut too_long = Vec::new();
    for (item, seen) in items.iter().zip(&seen) {
        let fits = least(item) <= args.budget() as usize;
        if !fits {
            too_long.push(item.id.clone());
        }
        for seen in seen {
            record(&mut tally, item, seen, args.budget(), fits);
        }
    }
    let notes = json!({
        "items": items.len(),
        "longer_than_the_budget": too_long,
        "left_out_without_words": wordless,
    });
    let others = match readers {
        Some(readers) => talk::measure(args, api, &readers.reader, &items, &mut tally).await?,
        None => Figures::new(),
    };
    Ok(Found { tally, n: items.len(), split: args.split.clone(), others, notes })
}

/// The items of the files asked for, and how many had no words in their shards.
fn read_items(args: &DegradationArgs) -> anyhow::Result<(Vec<Item>, usize)> {
    let folder = args.data.join("lost_in_conversation");
    let stems: Vec<&str> = match &args.split {
        Some(stem) => vec![stem],
        None => FILES.to_vec(),
    };
    let (mut items, mut wordless) = (Vec::new(), 0);
    for stem in stems {
        for raw in read::items::<Raw>(&read::find_file(&folder, stem)?)? {
            // One item of the translations has an empty shard: nobody says nothing.
            let shards = raw.shards.into_iter().map(|shard| shard.shard);
            let shards: Vec<String> = shards.filter(|shard| !shard.trim().is_empty()).collect();
            let id = raw.task_id.as_str().map_or_else(|| raw.task_id.to_string(), str::to_owned);
            let id = format!("{stem}/{id}");
            if shards.is_empty() {
                wordless += 1;
                continue;
            }
            ensure!(shards.len() >= 2, "{id} has fewer than two shards");
            items.push(Item { id, task: raw.task, shards, fields: raw.fields });
        }
    }
    items.truncate(args.limit.unwrap_or(usize::MAX));
    ensure!(!items.is_empty(), "there are no items to play");
    Ok((items, wordless))
}

/// What all shards cost as messages.
fn least(item: &Item) -> usize {
    item.shards.iter().map(|shard| count(shard) + PER_MESSAGE).sum::<usize>() + PER_PROMPT
}

/// The turns before the last shard, and where the shards stand in them.
fn turns(item: &Item, filler: &[Message], gap: usize) -> (Vec<Message>, BTreeSet<usize>) {
    let (mut turns, mut places) = (Vec::new(), BTreeSet::new());
    let earlier = item.shards.split_last().map_or(&[][..], |(_, earlier)| earlier);
    for (number, shard) in earlier.iter().enumerate() {
        places.insert(turns.len());
        turns.push(Message::chat(Speaker::User, shard.clone()));
        turns.push(Message::chat(Speaker::Assistant, "I see.".to_owned()));
        let from = 2 * number * gap;
        turns.extend_from_slice(filler.get(from..from + 2 * gap).unwrap_or_default());
    }
    (turns, places)
}

async fn play(
    args: &DegradationArgs,
    mut live: Live<'_>,
    item: &Item,
    filler: &[Message],
) -> anyhow::Result<Vec<Seen>> {
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
    let sources = Sources {
        turns: &counted,
        nearest: &nearest,
        evidence: &places,
        question: last,
        budget: args.budget() as usize,
    };
    let mut seen = Vec::new();
    for strategy in strategies {
        let (shown, millis) = match sources.window(strategy) {
            Some(shown) => (shown, None),
            None => {
                let built = live.window("", args.budget()).await?;
                (Shown::of_window(&built.window, last), Some(built.millis))
            }
        };
        seen.push(look(strategy, item, &shown, &places, counted.len(), millis));
    }
    if !args.server.keep {
        live.delete().await?;
    }
    Ok(seen)
}

fn look(
    strategy: Strategy,
    item: &Item,
    shown: &Shown,
    places: &BTreeSet<usize>,
    turns: usize,
    millis: Option<f64>,
) -> Seen {
    let looks = item.shards.iter().zip(places).map(|(shard, &position)| {
        let ago = turns - position;
        Look {
            strategy: strategy.name().to_owned(),
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
    Seen { strategy: strategy.name(), looks, whole, tokens: shown.tokens, millis }
}

fn record(tally: &mut Tally, item: &Item, seen: &Seen, budget: u32, fits: bool) {
    let mut add = |name: &str, value: f64| {
        tally.add(seen.strategy, name, &item.id, &item.task, value);
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
    if let Some(millis) = seen.millis {
        tally.add_time(seen.strategy, "window_ms", &item.id, millis);
    }
    if fits {
        seen.looks.iter().for_each(|one| tally.look(one.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(shards: &[&str]) -> Item {
        Item {
            id: "x".into(),
            task: "math".into(),
            shards: shards.iter().map(|shard| (*shard).to_owned()).collect(),
            fields: Map::new(),
        }
    }

    #[test]
    fn filler_stands_between_the_shards() {
        let filler: Vec<Message> = (0..8)
            .map(|at| {
                let role = if at % 2 == 0 { Speaker::User } else { Speaker::Assistant };
                Message::chat(role, format!("f{at}"))
            })
            .collect();
        let (turns, places) = turns(&item(&["one", "two", "three"]), &filler, 1);
        let texts: Vec<&str> = turns.iter().map(|turn| turn.text.as_str()).collect();
        assert_eq!(texts, ["one", "I see.", "f0", "f1", "two", "I see.", "f2", "f3"]);
        assert_eq!(places, [0, 4].into());
    }

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
        let seen = look(Strategy::LastN, &item, &shown, &[0, 4].into(), 8, None);
        assert_eq!((seen.whole, seen.looks.len()), (2, 2));
        assert_eq!((seen.looks[0].ago, seen.looks[0].place), (8, None));
        assert_eq!((seen.looks[1].ago, seen.looks[1].place), (4, Some(0.0)));
        let mut tally = Tally::new(Axis::TurnsAgo, 1_000);
        record(&mut tally, &item, &seen, 1_000, true);
        let mut report = crate::report::Report::new("degradation", Value::Null);
        tally.fill(&mut report, "last_n", crate::metrics::bootstrap::Bootstrap::new(1));
        let share = report.metrics["shard_coverage@1000"].value;
        assert!(
            (share - 2.0 / 3.0).abs() < 1e-12 && report.metrics["all_shards@1000"].value == 0.0
        );
    }
}
