//! Turns with the summaries that people wrote of them.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;
use throughline_summarizer::source::SourceTurn;

use super::args::{SummariesArgs, SummarySet};
use crate::dataset::{DataError, read};

/// Turns of a source at most that are summarised; longer spans are cut.
const MAX_TURNS: usize = 400;

/// Something to summarise.
#[derive(Debug)]
pub(super) struct Item {
    /// Its name in the data set.
    pub(super) id: String,
    /// What it is drawn with in the bootstrap.
    pub(super) cluster: String,
    /// Row of the breakdown.
    pub(super) group: String,
    /// The turns.
    pub(super) turns: Vec<SourceTurn>,
    /// Summaries by people; one or more.
    pub(super) references: Vec<String>,
}

/// A turn by speaker and text.
pub(super) fn turn(speaker: &str, role: &str, text: &str, sequence: u64) -> SourceTurn {
    SourceTurn {
        speaker: speaker.trim().to_owned(),
        role: role.to_owned(),
        text: text.trim().to_owned(),
        sequence,
        date: None,
    }
}

/// Lines `Speaker: text`; a line without a speaker goes on with the last turn.
pub(super) fn dialogue(text: &str) -> Vec<SourceTurn> {
    const LONGEST_NAME: usize = 40;
    let mut turns: Vec<SourceTurn> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let named = line.split_once(':').filter(|(name, _)| name.trim().len() <= LONGEST_NAME);
        match (named, turns.last_mut()) {
            (Some((name, text)), _) => {
                turns.push(turn(name, "", text, turns.len() as u64 + 1));
            }
            (None, Some(last)) => {
                last.text.push(' ');
                last.text.push_str(line.trim());
            }
            (None, None) => turns.push(turn("", "", line, 1)),
        }
    }
    turns
}

/// Reads the items of a data set.
///
/// # Errors
/// The data set is absent or not of its schema.
pub(super) fn read(args: &SummariesArgs) -> anyhow::Result<Vec<Item>> {
    let (folder, split) = (args.folder(), args.split());
    let mut items = match args.dataset {
        SummarySet::Dialogsum => dialogsum(&folder, split)?,
        SummarySet::Qmsum => qmsum(&folder, split)?,
        SummarySet::Beam => beam(&folder, split)?,
        SummarySet::Locomo => locomo(&folder, split)?,
        SummarySet::Summedits | SummarySet::Diasumfact => Vec::new(),
    };
    items.retain(|item| !item.turns.is_empty() && !item.references.is_empty());
    items.truncate(args.limit.unwrap_or(usize::MAX));
    Ok(items)
}

#[derive(Deserialize)]
struct Dialogue {
    fname: String,
    dialogue: String,
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

fn dialogsum(folder: &Path, split: &str) -> Result<Vec<Item>, DataError> {
    let rows: Vec<Dialogue> = read::items(&read::find_file(folder, split)?)?;
    let item = |row: Dialogue| Item {
        cluster: row.fname.clone(),
        id: row.fname,
        group: "all".to_owned(),
        turns: dialogue(&row.dialogue),
        references: row
            .others
            .into_iter()
            .filter(|(key, _)| key.starts_with("summary"))
            .map(|(_, summary)| summary)
            .collect(),
    };
    Ok(rows.into_iter().map(item).collect())
}

#[derive(Deserialize)]
struct Meeting {
    id: String,
    meeting_transcripts: Vec<Spoken>,
    specific_query_list: Vec<Query>,
}

#[derive(Deserialize)]
struct Spoken {
    speaker: String,
    content: String,
}

#[derive(Deserialize)]
struct Query {
    answer: String,
    relevant_text_span: Vec<(String, String)>,
}

fn qmsum(folder: &Path, split: &str) -> Result<Vec<Item>, DataError> {
    let meetings: Vec<Meeting> = read::items(&read::find_file(folder, split)?)?;
    let mut items = Vec::new();
    for meeting in meetings {
        for (number, query) in meeting.specific_query_list.iter().enumerate() {
            let mut places: Vec<usize> = query
                .relevant_text_span
                .iter()
                .filter_map(|(first, last)| Some(first.parse().ok()?..=last.parse().ok()?))
                .flatten()
                .collect();
            places.sort_unstable();
            places.dedup();
            let spoken = |at: &usize| {
                let spoken = meeting.meeting_transcripts.get(*at)?;
                Some(turn(&spoken.speaker, "", &spoken.content, *at as u64 + 1))
            };
            items.push(Item {
                id: format!("{}-q{number}", meeting.id),
                cluster: meeting.id.clone(),
                group: "specific".to_owned(),
                turns: places.iter().filter_map(spoken).take(MAX_TURNS).collect(),
                references: vec![query.answer.clone()],
            });
        }
    }
    Ok(items)
}

#[derive(Deserialize)]
struct Batch {
    turns: Vec<Vec<ChatMessage>>,
}

#[derive(Deserialize)]
struct ChatMessage {
    id: u64,
    role: String,
    content: String,
}

fn beam(folder: &Path, size: &str) -> anyhow::Result<Vec<Item>> {
    let folder = folder.join(size);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .with_context(|| format!("read {}", folder.display()))?
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".questions.json").map(str::to_owned))
        .collect();
    names.sort();
    let mut items = Vec::new();
    for name in names {
        let batches: Vec<Batch> = read::items(&read::find_file(&folder, &format!("{name}.chat"))?)?;
        let messages: BTreeMap<u64, ChatMessage> = batches
            .into_iter()
            .flat_map(|batch| batch.turns.into_iter().flatten())
            .map(|message| (message.id, message))
            .collect();
        let path = read::find_file(&folder, &format!("{name}.questions"))?;
        let questions: Vec<BTreeMap<String, Vec<Value>>> = read::items(&path)?;
        let all = questions.iter().filter_map(|by_ability| by_ability.get("summarization"));
        for (number, question) in all.flatten().enumerate() {
            let mut ids = Vec::new();
            numbers(question.get("source_chat_ids").unwrap_or(&Value::Null), &mut ids);
            ids.sort_unstable();
            ids.dedup();
            let said = |id: &u64| {
                let message = messages.get(id)?;
                let text = message.content.split("->->").next().unwrap_or("");
                Some(turn("", &message.role, text, *id))
            };
            items.push(Item {
                id: format!("{size}/{name}-s{number}"),
                cluster: format!("{size}/{name}"),
                group: "summarization".to_owned(),
                turns: ids.iter().filter_map(said).collect(),
                references: question
                    .get("ideal_summary")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
                    .into_iter()
                    .collect(),
            });
        }
    }
    Ok(items)
}

/// All whole numbers in a value, whatever its shape.
fn numbers(value: &Value, found: &mut Vec<u64>) {
    match value {
        Value::Number(number) => found.extend(number.as_u64()),
        Value::Array(values) => values.iter().for_each(|value| numbers(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| numbers(value, found)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[derive(Deserialize)]
struct Sample {
    sample_id: String,
    conversation: BTreeMap<String, Value>,
    event_summary: BTreeMap<String, BTreeMap<String, Value>>,
}

fn locomo(folder: &Path, split: &str) -> Result<Vec<Item>, DataError> {
    let samples: Vec<Sample> = read::items(&read::find_file(folder, split)?)?;
    let mut items = Vec::new();
    for sample in samples {
        for (key, events) in &sample.event_summary {
            let session = key.trim_start_matches("events_");
            let text = |value: &Value, field: &str| {
                value.get(field).and_then(Value::as_str).unwrap_or("").to_owned()
            };
            let spoken = sample.conversation.get(session).and_then(Value::as_array);
            let date = events.get("date").and_then(Value::as_str);
            let date = date.and_then(|date| Date::strptime("%d %B, %Y", date).ok());
            let turns = (1..).zip(spoken.into_iter().flatten()).map(|(at, value)| SourceTurn {
                date,
                ..turn(&text(value, "speaker"), "", &text(value, "text"), at)
            });
            let told: Vec<&str> = events
                .values()
                .filter_map(Value::as_array)
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            items.push(Item {
                id: format!("{}-{session}", sample.sample_id),
                cluster: sample.sample_id.clone(),
                group: "session".to_owned(),
                turns: turns.collect(),
                references: (!told.is_empty()).then(|| told.join(" ")).into_iter().collect(),
            });
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialogues_are_cut_into_turns() {
        let turns = dialogue("#Person1#: Hi: you?\nstill me\n\nBen: Fine.");
        let plain: Vec<_> = turns.iter().map(|t| (t.speaker.as_str(), t.text.as_str())).collect();
        assert_eq!(plain, [("#Person1#", "Hi: you? still me"), ("Ben", "Fine.")]);
        assert_eq!(turns.last().unwrap().sequence, 2);
    }

    #[test]
    fn ids_are_found_in_any_shape() {
        let mut found = Vec::new();
        numbers(&serde_json::json!({"a": [3, {"b": 1}], "c": "x"}), &mut found);
        found.sort_unstable();
        assert_eq!(found, [1, 3]);
    }
}
