//! BEAM: long user-assistant conversations on one topic, questions for ten
//! abilities with evidence message ids.
//!
//! The marker ` ->-> 1,2` at the end of main user messages is stripped.
//! Abstention has no evidence and is left out, as are questions whose ids are
//! null or name no message.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Pair, Question, Scoring,
    Session, Speaker, read,
};

const CHAT: &str = ".chat.json.gz";

#[derive(Deserialize)]
struct Batch {
    turns: Vec<Vec<RawMessage>>,
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: String,
    id: u64,
    #[serde(default)]
    time_anchor: Option<String>,
}

#[derive(Deserialize)]
struct RawQuestion {
    question: String,
    #[serde(default)]
    source_chat_ids: Value,
}

/// Reads every conversation of a size (`100K`, `500K`).
///
/// # Errors
/// The folder or a file in it is absent or not of the schema.
pub(super) fn read(folder: &Path, split: &str) -> Result<Dataset, DataError> {
    let read::Found::Folder(folder) = read::find(folder, split)? else {
        return Err(DataError::Absent { folder: folder.to_owned(), stem: split.to_owned() });
    };
    let mut dataset = Dataset {
        name: DatasetName::Beam,
        split: split.to_owned(),
        conversations: Vec::new(),
        questions: Vec::new(),
        scoring: Scoring::default(),
    };
    for (chat, questions) in files(&folder)? {
        let stem = chat.file_name().map(|n| n.to_string_lossy().replace(CHAT, ""));
        let id = format!("{split}/{}", stem.unwrap_or_default());
        let (conversation, places) = conversation(&id, &read::items::<Batch>(&chat)?);
        let abilities: Vec<BTreeMap<String, Vec<RawQuestion>>> = read::items(&questions)?;
        for (ability, asked) in abilities.into_iter().flatten() {
            for (number, raw) in asked.iter().enumerate() {
                let at = (dataset.conversations.len(), format!("{id}-{ability}-{number}"));
                dataset.questions.extend(question(raw, &ability, at, &id, &places));
            }
        }
        dataset.conversations.push(conversation);
    }
    Ok(dataset)
}

/// Chats with their questions, in the order of their names.
fn files(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, DataError> {
    let fail = |source| DataError::Io { path: folder.to_owned(), source };
    let mut chats = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(stem) = name.strip_suffix(CHAT) {
            let questions = folder.join(format!("{stem}.questions.json"));
            chats.push((path, questions));
        }
    }
    if chats.is_empty() {
        return Err(DataError::Absent { folder: folder.to_owned(), stem: format!("*{CHAT}") });
    }
    chats.sort();
    Ok(chats)
}

/// The conversation, a session for each batch, and where each id stands.
fn conversation(id: &str, batches: &[Batch]) -> (Conversation, HashMap<u64, usize>) {
    let mut places = HashMap::new();
    let mut sessions = Vec::new();
    let mut today: Option<Timestamp> = None;
    for (number, batch) in batches.iter().enumerate() {
        let mut messages = Vec::new();
        for raw in batch.turns.iter().flatten() {
            let anchor = raw.time_anchor.as_deref();
            today = anchor.and_then(|text| read::date(text, &["%B-%d-%Y"])).or(today);
            places.insert(raw.id, places.len());
            messages.push(message(raw, today));
        }
        let session = Arc::new(Session { id: format!("{id}-{number}"), messages });
        sessions.push(DatedSession { session, begun: None, listed: number });
    }
    (Conversation { id: id.to_owned(), sessions }, places)
}

/// The message, dated by the last anchor before it.
fn message(raw: &RawMessage, today: Option<Timestamp>) -> Message {
    let role = if raw.role == "assistant" { Speaker::Assistant } else { Speaker::User };
    let text = raw.content.split("->->").next().unwrap_or_default();
    let text = if text.len() < raw.content.len() { text.trim_end() } else { text };
    Message { said_at: today, ..Message::chat(role, text.to_owned()) }
}

fn question(
    raw: &RawQuestion,
    ability: &str,
    (conversation, id): (usize, String),
    fold_id: &str,
    places: &HashMap<u64, usize>,
) -> Option<Question> {
    let positions = |value: &Value| -> Vec<usize> {
        numbers(value).into_iter().filter_map(|n| places.get(&n).copied()).collect()
    };
    let evidence: BTreeSet<usize> = positions(&raw.source_chat_ids).into_iter().collect();
    if evidence.is_empty() {
        return None;
    }
    let side = |name: &str| raw.source_chat_ids.get(name).map(&positions).filter(|s| !s.is_empty());
    let update = side("original_info").zip(side("updated_info"));
    let sides = side("first_statement").zip(side("second_statement"));
    let pair = match (update, sides) {
        // A message that holds both values says nothing about order.
        (Some((older, newer)), _) => (older != newer).then_some(Pair::Update { older, newer }),
        (_, Some((first, second))) => Some(Pair::Contradiction { first, second }),
        _ => None,
    };
    Some(Question {
        id,
        conversation,
        fold_id: fold_id.to_owned(),
        text: raw.question.clone(),
        group: ability.to_owned(),
        evidence,
        evidence_sessions: BTreeSet::new(),
        pair,
    })
}

/// Every number in a value, however deep: ids stand in lists, in lists of
/// lists and in objects.
fn numbers(value: &Value) -> Vec<u64> {
    match value {
        Value::Number(number) => number.as_u64().into_iter().collect(),
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(values) => values.values().flat_map(numbers).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const CHATS: &str = r#"[{"batch_number": 1, "turns": [[
        {"role": "user", "id": 0, "content": "Port 80. ->-> 1,2", "time_anchor": "March-15-2024"},
        {"role": "assistant", "id": 1, "content": "Noted "}], [
        {"role": "user", "id": 2, "content": "Port 81 now.\n\n->-> 1,3"}]]}]"#;
    const QUESTIONS: &str = r#"{
        "abstention": [{"question": "Who?"}],
        "knowledge_update": [{"question": "Port?",
            "source_chat_ids": {"original_info": [0], "updated_info": [2]}}],
        "contradiction_resolution": [{"question": "Really?",
            "source_chat_ids": {"first_statement": 2, "second_statement": [[0]]}}],
        "summarization": [{"question": "Sum up", "source_chat_ids": [99]}]}"#;

    #[test]
    fn evidence_of_every_shape_is_placed() {
        let dir = tempfile::tempdir().unwrap();
        let size = dir.path().join("100K");
        fs::create_dir(&size).unwrap();
        let file = fs::File::create(size.join("01.chat.json.gz")).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(CHATS.as_bytes()).unwrap();
        gzip.finish().unwrap();
        fs::write(size.join("01.questions.json"), QUESTIONS).unwrap();

        let dataset = read(dir.path(), "100K").unwrap();
        let turns: Vec<_> = dataset.conversations[0].turns().collect();
        let texts: Vec<_> = turns.iter().map(|t| t.message.text.as_str()).collect();
        assert_eq!(texts, ["Port 80.", "Noted ", "Port 81 now."]);
        assert!(turns.iter().all(|t| t.said_at == turns[0].said_at && t.said_at.is_some()));
        let pairs: Vec<_> =
            dataset.questions.iter().map(|q| (q.group.as_str(), q.pair.clone())).collect();
        let (first, second) = (vec![2], vec![0]);
        assert_eq!(
            pairs,
            [
                ("contradiction_resolution", Some(Pair::Contradiction { first, second })),
                ("knowledge_update", Some(Pair::Update { older: vec![0], newer: vec![2] })),
            ]
        );
    }
}
