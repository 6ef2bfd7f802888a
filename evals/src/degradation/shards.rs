//! The items of Lost in Conversation: tasks whose text comes in shards, and the
//! talk that they are played in. Items without words in their shards (summaries of
//! documents) are left out.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::args::DegradationArgs;
use crate::{
    dataset::{Message, Speaker, read},
    runner::window::{PER_MESSAGE, PER_PROMPT, count},
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

/// The items of the files asked for, and how many had no words in their shards.
pub(super) fn read_items(args: &DegradationArgs) -> anyhow::Result<(Vec<Item>, usize)> {
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
pub(super) fn least(item: &Item) -> usize {
    item.shards.iter().map(|shard| count(shard) + PER_MESSAGE).sum::<usize>() + PER_PROMPT
}

/// The turns before the last shard, and where the shards stand in them.
pub(super) fn turns(
    item: &Item,
    filler: &[Message],
    gap: usize,
) -> (Vec<Message>, BTreeSet<usize>) {
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A task of these shards.
    pub(in crate::degradation) fn item(shards: &[&str]) -> Item {
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
}
