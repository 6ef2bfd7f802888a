//! `sgd_updates`: task dialogues in which users change what they said. Which of
//! the final values stand in a pin and in the window of the last user turn, and
//! which of the replaced ones still stand there without a mark.
//!
//! A value counts by its words; an assistant's turn that repeats an old value
//! counts like the user's own.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use throughline_proto::v1::ListFactsRequest;

use super::{Found, PinArgs, window};
use crate::{
    client::{Api, describe, retry},
    dataset::{Conversation, DatedSession, Message, Session, Speaker, read},
    metrics::ranking::truth,
    runner::{
        ingest::{Layout, ingest},
        pass::Opened,
        progress::Progress,
        window::holds_words,
    },
};

/// Begins the note of a turn that was replaced.
const REPLACED: &str = "[replaced by";
/// Values with fewer letters and digits stand in many texts by chance.
const TELLING: usize = 4;
/// Facts of one page.
const PAGE: i32 = 1_000;

#[derive(Deserialize)]
struct Dialogue {
    dialogue_id: String,
    #[serde(default)]
    turns: Vec<RawTurn>,
    #[serde(default)]
    final_state: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    updates: Vec<Update>,
}

#[derive(Deserialize)]
struct RawTurn {
    speaker: String,
    text: String,
}

#[derive(Deserialize)]
struct Update {
    slot: String,
    old: Vec<String>,
}

/// What is read of one dialogue: names of measures with the value of each.
type Answer = (usize, Vec<(String, bool)>);

/// Plays every dialogue and reads its pins and its last window.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(super) async fn measure(args: &PinArgs) -> anyhow::Result<Found> {
    let file = read::find_file(&args.data.join("sgd_updates"), "dialogues")?;
    let mut dialogues: Vec<Dialogue> = read::items(&file)?;
    dialogues.truncate(args.limit.unwrap_or(usize::MAX));
    let opened = Opened::new(&args.server, &[]).await?;
    let mut found = Found { n: dialogues.len(), ..Found::default() };
    found.asked(&opened, describe(&opened.info));
    let turns = dialogues.iter().map(|dialogue| dialogue.turns.len()).sum();
    let progress = Progress::new(turns, dialogues.len(), "dialogues");
    let (progress, api) = (&progress, &opened.api);
    let mut answers: Vec<Answer> = futures::stream::iter(dialogues.iter().enumerate())
        .map(async |(at, dialogue)| {
            let ingested = ingest(api, &conversation(dialogue), Layout::Whole, progress).await?;
            let name = ingested.whole().context("no conversation to ask")?;
            let pins = pinned(api, name).await?;
            let shown = window(api, name, "", args.budget).await?;
            let messages = shown.messages.iter();
            let current = messages.flat_map(|message| message.content.split("\n["));
            let current: Vec<&str> = current.filter(|unit| !unit.contains(REPLACED)).collect();
            if args.server.deletes() {
                ingested.delete(api).await?;
            }
            progress.question();
            anyhow::Ok((at, measured(dialogue, &pins, &current, args.budget)))
        })
        .buffer_unordered(usize::from(args.server.in_flight))
        .try_collect()
        .await?;
    answers.sort_by_key(|(at, _)| *at);
    for (at, values) in answers {
        let Some(dialogue) = dialogues.get(at) else { continue };
        let group = if dialogue.updates.is_empty() { "nothing changes" } else { "changes" };
        for (measure, value) in values {
            found.samples.add(&measure, &dialogue.dialogue_id, group, truth(value));
        }
    }
    opened.close().await?;
    Ok(found)
}

fn measured(
    dialogue: &Dialogue,
    pins: &[String],
    current: &[&str],
    budget: u32,
) -> Vec<(String, bool)> {
    let stands = |texts: &[&str], spellings: &[String]| {
        spellings.iter().any(|value| texts.iter().any(|text| holds_words(text, value)))
    };
    let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
    let mut values = Vec::new();
    for spellings in dialogue.final_state.values().filter(|values| is_telling(values)) {
        values.push(("final_pinned".to_owned(), stands(&pins, spellings)));
        values.push((format!("final_in_window@{budget}"), stands(current, spellings)));
    }
    let current_again = |update: &Update| {
        let last = dialogue.final_state.get(&update.slot);
        last.is_some_and(|last| last.iter().any(|value| update.old.contains(value)))
    };
    // What was set back to its old value is not replaced.
    let replaced = dialogue.updates.iter().filter(|update| !current_again(update));
    for update in replaced.filter(|update| is_telling(&update.old)) {
        values.push(("replaced_pinned".to_owned(), stands(&pins, &update.old)));
        values.push((format!("replaced_unmarked@{budget}"), stands(current, &update.old)));
    }
    values
}

fn is_telling(spellings: &[String]) -> bool {
    let letters = |value: &String| value.chars().filter(|c| c.is_alphanumeric()).count();
    spellings.iter().all(|value| value != "dontcare" && letters(value) >= TELLING)
}

/// Words of the pins that stand in windows.
async fn pinned(api: &Api, name: &str) -> anyhow::Result<Vec<String>> {
    let call = async || {
        let request = ListFactsRequest {
            conversation: name.to_owned(),
            page_size: PAGE,
            ..ListFactsRequest::default()
        };
        api.memory.clone().list_facts(request).await
    };
    let facts = retry("ListFacts", call).await?.into_inner().facts;
    Ok(facts.into_iter().map(|fact| fact.text).collect())
}

fn conversation(dialogue: &Dialogue) -> Conversation {
    let messages = dialogue.turns.iter().map(|turn| {
        let role = if turn.speaker == "user" { Speaker::User } else { Speaker::Assistant };
        Message::chat(role, turn.text.clone())
    });
    let id = dialogue.dialogue_id.clone();
    let session = Arc::new(Session { id: id.clone(), messages: messages.collect() });
    Conversation { id, sessions: vec![DatedSession { session, begun: None, listed: 0 }] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_and_replaced_values_are_looked_for() {
        let dialogue: Dialogue = serde_json::from_value(serde_json::json!({
            "dialogue_id": "d",
            "final_state": {"hotel.name": ["Marriott"], "hotel.stars": ["4"], "hotel.city": ["Bari"]},
            "updates": [
                {"slot": "hotel.name", "turn": 4, "old_turn": 0, "old": ["Hilton"], "new": ["Marriott"]},
                {"slot": "hotel.city", "turn": 4, "old_turn": 0, "old": ["Bari"], "new": ["Rome"]},
            ],
        }))
        .unwrap();
        let pins = ["I booked the Hilton".to_owned()];
        let values = measured(&dialogue, &pins, &["the Marriott in Bari"], 400);
        let of = |name: &str| -> Vec<bool> {
            let named = values.iter().filter(|(measure, _)| measure == name);
            named.map(|(_, value)| *value).collect()
        };
        assert_eq!(of("final_pinned"), [false, false]);
        assert_eq!(of("final_in_window@400"), [true, true]);
        assert_eq!(of("replaced_pinned"), [true]);
        assert_eq!(of("replaced_unmarked@400"), [false]);
    }
}
