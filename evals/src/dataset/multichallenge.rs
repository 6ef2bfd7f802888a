//! MultiChallenge: conversations that end with the message where models fail.
//! No evidence is labelled, so every earlier message of the user counts as
//! evidence: the last reply may depend on any of them.

use std::{path::Path, sync::Arc};

use serde::Deserialize;

use super::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Question, Scoring,
    Session, Speaker, read,
};

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "QUESTION_ID")]
    id: String,
    #[serde(rename = "AXIS")]
    axis: String,
    #[serde(rename = "CONVERSATION")]
    conversation: Vec<RawMessage>,
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: String,
}

/// Reads `STEM.jsonl[.gz]` (default `questions`).
///
/// # Errors
/// The file is absent or not of the schema, or a conversation does not end with
/// a message of the user.
pub(super) fn read(folder: &Path, split: &str) -> Result<Dataset, DataError> {
    let path = read::find_file(folder, split)?;
    let mut dataset = Dataset {
        name: DatasetName::Multichallenge,
        split: split.to_owned(),
        conversations: Vec::new(),
        questions: Vec::new(),
        scoring: Scoring::default(),
    };
    for raw in read::items::<Raw>(&path)? {
        let Some((asked, earlier)) =
            raw.conversation.split_last().filter(|(asked, _)| asked.role == "user")
        else {
            let what = format!("{} does not end with a message of the user", raw.id);
            return Err(DataError::Content { path, what });
        };
        let evidence = earlier.iter().enumerate().filter(|(_, message)| message.role == "user");
        dataset.questions.push(Question {
            id: raw.id.clone(),
            conversation: dataset.conversations.len(),
            fold_id: raw.id.clone(),
            text: asked.content.clone(),
            group: raw.axis.to_lowercase(),
            evidence: evidence.map(|(at, _)| at).collect(),
            evidence_sessions: std::collections::BTreeSet::new(),
            pair: None,
        });
        let message = |raw: &RawMessage| {
            let role = if raw.role == "assistant" { Speaker::Assistant } else { Speaker::User };
            Message::chat(role, raw.content.clone())
        };
        let messages = earlier.iter().map(message).collect();
        let session = Arc::new(Session { id: raw.id.clone(), messages });
        let sessions = vec![DatedSession { session, begun: None, listed: 0 }];
        dataset.conversations.push(Conversation { id: raw.id, sessions });
    }
    Ok(dataset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_turns(roles: &[&str]) -> Result<Dataset, DataError> {
        let turns: Vec<String> = roles
            .iter()
            .enumerate()
            .map(|(at, role)| format!(r#"{{"role": "{role}", "content": "m{at}"}}"#))
            .collect();
        let line = format!(
            r#"{{"QUESTION_ID": "q", "AXIS": "SELF_COHERENCE", "CONVERSATION": [{}]}}"#,
            turns.join(",")
        );
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("questions.jsonl"), line).unwrap();
        read(dir.path(), "questions")
    }

    #[test]
    fn the_last_message_is_asked_of_the_others() {
        let dataset = read_turns(&["user", "assistant", "user", "assistant", "user"]).unwrap();
        let question = &dataset.questions[0];
        assert_eq!((question.text.as_str(), question.group.as_str()), ("m4", "self_coherence"));
        assert_eq!(question.evidence, [0, 2].into());
        assert_eq!(dataset.conversations[0].len(), 4);
    }

    #[test]
    fn another_end_is_refused() {
        for roles in [&["user", "assistant"][..], &[]] {
            assert!(matches!(read_turns(roles), Err(DataError::Content { .. })), "{roles:?}");
        }
    }
}
