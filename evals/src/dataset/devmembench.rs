//! DevMemBench: a developer and a coding assistant over 25 dated sessions of two
//! projects, all of one developer and so one history. Sessions are labelled, no turns:
//! the labels of a question are its sessions, and of an update the newest of them holds
//! what counts today. Questions without sessions were never answered: a right reply
//! says so.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde::Deserialize;

use super::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Pair, Question, Scoring,
    Session, Speaker, read,
};

/// Stem of the file of the sessions.
const SESSIONS: &str = "sessions";
const DATE: &str = "%Y-%m-%d";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSession {
    session_id: String,
    metadata: Metadata,
    messages: Vec<RawMessage>,
}

#[derive(Deserialize)]
struct Metadata {
    date: String,
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawQuestion {
    question_id: String,
    question_type: String,
    question: String,
    haystack_session_ids: Vec<String>,
}

/// Reads the sessions and the questions of `STEM.json[l][.gz]` (default `questions`).
///
/// # Errors
/// A file is absent or not of the schema, a date is none, or a question names no
/// session.
pub(super) fn read(folder: &Path, split: &str) -> Result<Dataset, DataError> {
    let sessions = sessions(folder)?;
    let ids: Vec<&str> = sessions.iter().map(|dated| dated.session.id.as_str()).collect();
    let path = read::find_file(folder, split)?;
    let mut questions = Vec::new();
    for raw in read::items::<RawQuestion>(&path)? {
        let place = |id: &String| {
            ids.iter().position(|known| known == id).ok_or_else(|| {
                let what = format!("question {} names session {id}", raw.question_id);
                DataError::Content { path: path.clone(), what }
            })
        };
        let labelled: BTreeSet<usize> =
            raw.haystack_session_ids.iter().map(place).collect::<Result<_, _>>()?;
        questions.push(question(raw, labelled));
    }
    let id = DatasetName::Devmembench.folder().to_owned();
    Ok(Dataset {
        name: DatasetName::Devmembench,
        split: split.to_owned(),
        conversations: vec![Conversation { id, sessions }],
        questions,
        scoring: Scoring {
            sessions: true,
            sessions_alone: true,
            every_word: true,
            ..Scoring::default()
        },
    })
}

/// The sessions by their dates.
fn sessions(folder: &Path) -> Result<Vec<DatedSession>, DataError> {
    let path = read::find_file(folder, SESSIONS)?;
    let mut sessions = Vec::new();
    for (listed, raw) in read::items::<RawSession>(&path)?.into_iter().enumerate() {
        let begun = read::date(&raw.metadata.date, &[DATE]);
        if begun.is_none() {
            let what = format!("session {}: {} is no date", raw.session_id, raw.metadata.date);
            return Err(DataError::Content { path, what });
        }
        let messages = raw.messages.into_iter().map(|message| {
            let role = if message.role == "assistant" { Speaker::Assistant } else { Speaker::User };
            Message::chat(role, message.content)
        });
        let session = Session { id: raw.session_id, messages: messages.collect() };
        sessions.push(DatedSession { session: Arc::new(session), begun, listed });
    }
    sessions.sort_by_key(|dated| dated.begun);
    Ok(sessions)
}

fn question(raw: RawQuestion, labelled: BTreeSet<usize>) -> Question {
    let mut earlier: Vec<usize> = labelled.iter().copied().collect();
    let pair = match (raw.question_type.as_str(), earlier.pop()) {
        ("knowledge-update", Some(later)) if !earlier.is_empty() => {
            Some(Pair::LaterSession { earlier, later })
        }
        _ => None,
    };
    Question {
        id: raw.question_id,
        conversation: 0,
        fold_id: DatasetName::Devmembench.folder().to_owned(),
        text: raw.question,
        group: raw.question_type,
        evidence: BTreeSet::new(),
        evidence_sessions: labelled,
        pair,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: &str = r#"[
        {"sessionId": "S2", "metadata": {"date": "2025-01-20", "project": "p"}, "messages": [
            {"role": "user", "content": "now Aerich"}, {"role": "assistant", "content": "fine"}]},
        {"sessionId": "S1", "metadata": {"date": "2025-01-15", "project": "p"}, "messages": [
            {"role": "user", "content": "Alembic"}]},
        {"sessionId": "S3", "metadata": {"date": "2025-02-01", "project": "q"}, "messages": [
            {"role": "user", "content": "and charts"}]}]"#;

    fn asked(id: &str, kind: &str, sessions: &str) -> String {
        format!(
            r#"{{"questionId": "{id}", "questionType": "{kind}", "question": "?",
                "groundTruth": "g", "haystackSessionIds": {sessions}}}"#
        )
    }

    fn read_questions(questions: &[String], talk: &str) -> Result<Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("sessions.json"), talk).unwrap();
        let questions = format!("[{}]", questions.join(","));
        std::fs::write(dir.path().join("questions.json"), questions).unwrap();
        read(dir.path(), "questions")
    }

    #[test]
    fn sessions_are_one_history_in_the_order_of_time() {
        let questions = [
            asked("Q1", "knowledge-update", r#"["S2", "S3", "S1"]"#),
            asked("Q2", "knowledge-update", r#"["S3"]"#),
            asked("Q3", "tech-stack", r#"["S1", "S2"]"#),
            asked("Q4", "abstention", "[]"),
        ];
        let mut dataset = read_questions(&questions, TALK).unwrap();
        let texts: Vec<&str> =
            dataset.conversations[0].turns().map(|turn| turn.message.text.as_str()).collect();
        assert_eq!(texts, ["Alembic", "now Aerich", "fine", "and charts"]);
        let labels: Vec<_> = dataset
            .questions
            .iter()
            .map(|one| one.evidence_sessions.iter().copied().collect::<Vec<_>>())
            .collect();
        assert_eq!(labels, [vec![0, 1, 2], vec![2], vec![0, 1], vec![]]);
        let pairs: Vec<_> = dataset.questions.iter().map(|one| one.pair.clone()).collect();
        let update = Pair::LaterSession { earlier: vec![0, 1], later: 2 };
        assert_eq!(pairs, [Some(update), None, None, None]);
        // No turn is labelled; where windows are looked at, all of a session are.
        assert!(dataset.questions.iter().all(|one| one.evidence.is_empty()));
        dataset.label_turns_of_sessions();
        let turns: Vec<usize> = dataset.questions[2].evidence.iter().copied().collect();
        assert_eq!(turns, [0, 1, 2]);
        assert!(dataset.questions[3].evidence.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let error = read_questions(&[asked("Q1", "x", r#"["S9"]"#)], TALK).unwrap_err();
        assert!(error.to_string().contains("question Q1 names session S9"), "{error}");
        let error = read_questions(&[], &TALK.replace("2025-01-15", "soon")).unwrap_err();
        assert!(error.to_string().contains("session S1: soon is no date"), "{error}");
    }
}
