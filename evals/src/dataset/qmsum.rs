//! QMSum: meetings of hundreds of turns, questions with the spans of turns
//! that answer them. The evidence is the whole span, so `any@k` and
//! `precision@k` are the figures that its README gives.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde::Deserialize;

use super::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Question, Scoring,
    Session, Speaker, read,
};

#[derive(Deserialize)]
struct Meeting {
    id: String,
    meeting_transcripts: Vec<RawTurn>,
    specific_query_list: Vec<Query>,
}

#[derive(Deserialize)]
struct RawTurn {
    speaker: String,
    content: String,
}

#[derive(Deserialize)]
struct Query {
    query: String,
    relevant_text_span: Vec<(String, String)>,
}

/// Reads `STEM.jsonl[.gz]` (`train`, `val`, `test_part`).
///
/// # Errors
/// The file is absent or not of the schema, or a span is no range of turns.
pub(super) fn read(folder: &Path, split: &str) -> Result<Dataset, DataError> {
    let path = read::find_file(folder, split)?;
    let mut dataset = Dataset {
        name: DatasetName::Qmsum,
        split: split.to_owned(),
        conversations: Vec::new(),
        questions: Vec::new(),
        scoring: Scoring { precision: true, every_word: true, ..Scoring::default() },
    };
    for meeting in read::items::<Meeting>(&path)? {
        let index = dataset.conversations.len();
        for (number, query) in meeting.specific_query_list.iter().enumerate() {
            dataset.questions.push(Question {
                id: format!("{}-q{number}", meeting.id),
                conversation: index,
                fold_id: meeting.id.clone(),
                text: query.query.clone(),
                group: "specific".to_owned(),
                evidence: evidence(&meeting, query, &path)?,
                evidence_sessions: BTreeSet::new(),
                pair: None,
            });
        }
        dataset.conversations.push(conversation(meeting));
    }
    Ok(dataset)
}

fn evidence(meeting: &Meeting, query: &Query, path: &Path) -> Result<BTreeSet<usize>, DataError> {
    let mut evidence = BTreeSet::new();
    for (first, last) in &query.relevant_text_span {
        let turns = meeting.meeting_transcripts.len();
        let span = first.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        let Some((first, last)) = span.filter(|&(a, b)| a <= b && b < turns) else {
            let what = format!("{}: span {first}-{last} of {turns} turns", meeting.id);
            return Err(DataError::Content { path: path.to_owned(), what });
        };
        evidence.extend(first..=last);
    }
    Ok(evidence)
}

fn conversation(meeting: Meeting) -> Conversation {
    let messages = meeting
        .meeting_transcripts
        .into_iter()
        .map(|turn| Message { name: turn.speaker, ..Message::chat(Speaker::User, turn.content) });
    let session = Session { id: meeting.id.clone(), messages: messages.collect() };
    let sessions = vec![DatedSession { session: Arc::new(session), begun: None, listed: 0 }];
    Conversation { id: meeting.id, sessions }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_span(span: &str) -> Result<Dataset, DataError> {
        let meeting = format!(
            r#"{{"id": "m", "meeting_transcripts": [
                {{"speaker": "A", "content": "one"}}, {{"speaker": "B", "content": "two"}},
                {{"speaker": "A", "content": "three"}}],
                "specific_query_list": [{{"query": "q?", "relevant_text_span": {span}}}]}}"#
        );
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("val.jsonl"), meeting.replace('\n', " ")).unwrap();
        read(dir.path(), "val")
    }

    #[test]
    fn spans_include_both_ends() {
        let dataset = read_span(r#"[["0", "0"], ["1", "2"]]"#).unwrap();
        assert_eq!(dataset.questions[0].evidence, BTreeSet::from([0, 1, 2]));
        let first = dataset.conversations[0].turns().next().unwrap().message.document();
        assert_eq!(first, "A: one ");
    }

    #[test]
    fn a_span_beyond_the_meeting_is_refused() {
        let error = read_span(r#"[["1", "3"]]"#).unwrap_err().to_string();
        assert!(error.contains("span 1-3 of 3 turns"), "{error}");
    }
}
