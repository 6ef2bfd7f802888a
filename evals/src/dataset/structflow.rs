//! StructFlowBench: the recall links. Each link is a question of its own: the
//! target turn's prompt is asked of the exchanges before it, and the referred
//! exchange should rank first. An exchange (prompt and answer) is a session,
//! ranked by its best message. Links with fewer than two earlier exchanges
//! have no choice and are left out.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde::Deserialize;

use super::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Question, Scoring,
    Session, Speaker, read,
};

#[derive(Deserialize)]
struct Chat {
    index: u64,
    structure: Vec<Link>,
    whole_conv: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Link {
    source: Vec<String>,
    target: Vec<String>,
    relation: String,
}

#[derive(Deserialize)]
struct Exchange {
    name: String,
    #[serde(rename = "user prompt")]
    prompt: String,
    #[serde(rename = "assistant answer")]
    answer: String,
}

/// Reads `STEM.jsonl[.gz]` (default `conversations`).
///
/// # Errors
/// The file is absent or not of the schema, or a link names no turn.
pub(super) fn read(folder: &Path, split: &str) -> Result<Dataset, DataError> {
    let path = read::find_file(folder, split)?;
    let mut dataset = Dataset {
        name: DatasetName::Structflow,
        split: split.to_owned(),
        conversations: Vec::new(),
        questions: Vec::new(),
        scoring: Scoring { link: true, ..Scoring::default() },
    };
    for chat in read::items::<Chat>(&path)? {
        for link in chat.structure.iter().filter(|link| link.relation == "recall") {
            for target in &link.target {
                add(&mut dataset, &chat, link, target, &path)?;
            }
        }
    }
    Ok(dataset)
}

fn add(
    dataset: &mut Dataset,
    chat: &Chat,
    link: &Link,
    target: &str,
    path: &Path,
) -> Result<(), DataError> {
    let place = |name: &str| {
        chat.whole_conv.iter().position(|exchange| exchange.name == name).ok_or_else(|| {
            let what = format!("conversation {} has no turn {name}", chat.index);
            DataError::Content { path: path.to_owned(), what }
        })
    };
    let target_at = place(target)?;
    let earlier = chat.whole_conv.get(..target_at).unwrap_or_default();
    let Some(asking) = chat.whole_conv.get(target_at).filter(|_| earlier.len() >= 2) else {
        return Ok(());
    };
    let referred = link.source.iter().map(|name| place(name)).collect::<Result<_, _>>()?;
    let id = format!("{}-{target}", chat.index);
    dataset.questions.push(Question {
        id: id.clone(),
        conversation: dataset.conversations.len(),
        fold_id: chat.index.to_string(),
        text: asking.prompt.clone(),
        group: "recall".to_owned(),
        evidence: BTreeSet::new(),
        evidence_sessions: referred,
        pair: None,
    });
    let sessions =
        earlier.iter().enumerate().map(|(at, exchange)| session(&id, at, exchange)).collect();
    dataset.conversations.push(Conversation { id, sessions });
    Ok(())
}

fn session(id: &str, listed: usize, exchange: &Exchange) -> DatedSession {
    let messages = vec![
        Message::chat(Speaker::User, exchange.prompt.clone()),
        Message::chat(Speaker::Assistant, exchange.answer.clone()),
    ];
    let session = Arc::new(Session { id: format!("{id}-{}", exchange.name), messages });
    DatedSession { session, begun: None, listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_with_a_choice_count() {
        let chat = r#"{"index": 7, "structure": [
            {"source": ["c1"], "target": ["c2"], "relation": "recall"},
            {"source": ["c2"], "target": ["c3"], "relation": "refinement"},
            {"source": ["c1"], "target": ["c3"], "relation": "recall"}],
            "whole_conv": [
            {"name": "c1", "user prompt": "p1", "assistant answer": "a1"},
            {"name": "c2", "user prompt": "p2", "assistant answer": "a2"},
            {"name": "c3", "user prompt": "p3", "assistant answer": "a3"}]}"#;
        let dir = tempfile::tempdir().unwrap();
        let one_line = chat.replace('\n', " ");
        std::fs::write(dir.path().join("conversations.jsonl"), one_line).unwrap();
        let dataset = read(dir.path(), "conversations").unwrap();
        let [question] = dataset.questions.as_slice() else { panic!("{:?}", dataset.questions) };
        assert_eq!((question.id.as_str(), question.text.as_str()), ("7-c3", "p3"));
        assert_eq!(question.evidence_sessions, BTreeSet::from([0]));
        assert_eq!(dataset.conversations[0].len(), 4);
    }
}
