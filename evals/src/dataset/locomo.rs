//! LoCoMo: two people over many sessions, questions with evidence turns.
//!
//! Evidence ids are malformed in a few places upstream (`D8:6; D9:17`,
//! `D:11:26`, `D30:05`, `D`): they are split, normalised, and dropped if they
//! name no turn. A question is never dropped for it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::Arc,
};

use serde::Deserialize;
use serde_json::Value;

use super::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Question, Scoring,
    Session, Speaker, read,
};

#[derive(Deserialize)]
struct Sample {
    sample_id: String,
    conversation: BTreeMap<String, Value>,
    qa: Vec<Qa>,
}

#[derive(Deserialize)]
struct RawTurn {
    speaker: String,
    dia_id: String,
    text: String,
    #[serde(default)]
    blip_caption: String,
}

#[derive(Deserialize)]
struct Qa {
    question: String,
    #[serde(default)]
    evidence: Vec<String>,
    category: u8,
}

/// A turn's number in its session, as evidence names it.
type DialogueId = (u32, u32);

/// Reads `STEM.json` (default `locomo`).
///
/// # Errors
/// The file is absent or not of the schema.
pub(super) fn read(folder: &Path, split: &str) -> Result<Dataset, DataError> {
    let path = read::find_file(folder, split)?;
    let mut dataset = Dataset {
        name: DatasetName::Locomo,
        split: split.to_owned(),
        conversations: Vec::new(),
        questions: Vec::new(),
        scoring: Scoring { left_out: Some("adversarial"), ..Scoring::default() },
    };
    for sample in read::items::<Sample>(&path)? {
        let index = dataset.conversations.len();
        let (conversation, positions) = conversation(&sample, &path)?;
        for (number, qa) in sample.qa.iter().enumerate() {
            let named = qa.evidence.iter().flat_map(|text| dialogue_ids(text));
            dataset.questions.push(Question {
                id: format!("{}-qa{number}", sample.sample_id),
                conversation: index,
                fold_id: sample.sample_id.clone(),
                text: qa.question.clone(),
                group: category(qa.category).to_owned(),
                evidence: named.filter_map(|id| positions.get(&id).copied()).collect(),
                evidence_sessions: BTreeSet::new(),
                pair: None,
            });
        }
        dataset.conversations.push(conversation);
    }
    Ok(dataset)
}

/// The conversation, and where each dialogue id stands in it.
fn conversation(
    sample: &Sample,
    path: &Path,
) -> Result<(Conversation, HashMap<DialogueId, usize>), DataError> {
    let mut sessions: BTreeMap<u32, DatedSession> = BTreeMap::new();
    let mut order: BTreeMap<u32, Vec<Option<DialogueId>>> = BTreeMap::new();
    for (key, value) in &sample.conversation {
        let number = key.strip_prefix("session_").and_then(|n| n.parse::<u32>().ok());
        let (Some(number), Value::Array(_)) = (number, value) else { continue };
        let turns: Vec<RawTurn> = serde_json::from_value(value.clone()).map_err(|source| {
            DataError::Schema { path: path.to_owned(), item: number as usize, source }
        })?;
        let ids = turns.iter().map(|t| dialogue_ids(&t.dia_id).next()).collect();
        let date = sample.conversation.get(&format!("{key}_date_time")).and_then(Value::as_str);
        let begun = date.and_then(|text| read::date(text, &["%I:%M %p on %d %B, %Y"]));
        let session = Session {
            id: format!("{}-{key}", sample.sample_id),
            messages: turns.into_iter().map(message).collect(),
        };
        sessions.insert(
            number,
            DatedSession { session: Arc::new(session), begun, listed: number as usize },
        );
        order.insert(number, ids);
    }
    let flat = order.into_values().flatten().enumerate();
    let positions = flat.filter_map(|(at, id)| Some((id?, at))).collect();
    let sessions = sessions.into_values().collect();
    Ok((Conversation { id: sample.sample_id.clone(), sessions }, positions))
}

fn message(turn: RawTurn) -> Message {
    Message {
        role: Speaker::User,
        name: turn.speaker,
        text: turn.text,
        caption: turn.blip_caption,
        said_at: None,
    }
}

/// The dialogue ids in a piece of an evidence list.
fn dialogue_ids(text: &str) -> impl Iterator<Item = DialogueId> {
    text.split(|c: char| c == ';' || c.is_whitespace()).filter_map(|piece| {
        let numbers = piece.strip_prefix('D')?;
        let (session, turn) = numbers.strip_prefix(':').unwrap_or(numbers).split_once(':')?;
        Some((session.parse().ok()?, turn.parse().ok()?))
    })
}

fn category(number: u8) -> &'static str {
    match number {
        1 => "multi-hop",
        2 => "temporal",
        3 => "open-domain",
        4 => "single-hop",
        5 => "adversarial",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_evidence_is_normalised() {
        for (text, expected) in [
            ("D1:3", vec![(1, 3)]),
            ("D8:6; D9:17", vec![(8, 6), (9, 17)]),
            ("D9:1 D4:4 D4:6", vec![(9, 1), (4, 4), (4, 6)]),
            ("D:11:26", vec![(11, 26)]),
            ("D30:05", vec![(30, 5)]),
            ("D", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(dialogue_ids(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn sessions_stand_in_the_order_of_their_numbers() {
        let json = r#"[{"sample_id": "s", "conversation": {
            "speaker_a": "Ann", "speaker_b": "Bo",
            "session_10": [{"speaker": "Bo", "dia_id": "D10:1", "text": "ten"}],
            "session_10_date_time": "9:00 am on 2 May, 2023",
            "session_2": [{"speaker": "Ann", "dia_id": "D2:1", "text": "two",
                           "blip_caption": "a dog"}],
            "session_2_date_time": "1:56 pm on 1 May, 2023"},
            "qa": [{"question": "q?", "evidence": ["D10:1; D7:7"], "category": 5, "answer": 3}]}]"#;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("locomo.json"), json).unwrap();
        let dataset = read(dir.path(), "locomo").unwrap();
        let documents: Vec<_> =
            dataset.conversations[0].turns().map(|t| t.message.document()).collect();
        assert_eq!(documents, ["Ann: two a dog", "Bo: ten "]);
        let dates: Vec<_> = dataset.conversations[0]
            .turns()
            .filter_map(|turn| Some(turn.said_at?.to_string()))
            .collect();
        assert_eq!(dates, ["2023-05-01T13:56:00Z", "2023-05-02T09:00:00Z"]);
        assert_eq!(dataset.questions[0].evidence, BTreeSet::from([1]));
        assert_eq!(dataset.questions[0].group, "adversarial");
    }
}
