//! LongMemEval: questions about a long user-assistant history, with evidence
//! sessions and evidence turns.
//!
//! Splits: `48` (a history of 48 sessions for each question), `pooled` (one
//! store with all evidence sessions and fillers), or the stem of a file in
//! upstream's schema whose histories are taken as they stand (`oracle`,
//! `full_haystacks`; `full` for short). Abstention questions are left out, as
//! upstream does. Evidence labels belong to a question: the same session may
//! be labelled differently for another one.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Pair, Question, Scoring,
    Session, Speaker, read,
};

const DATE: &str = "%Y/%m/%d (%a) %H:%M";

#[derive(Deserialize)]
struct Instance {
    question_id: String,
    question_type: String,
    question: String,
    haystack_session_ids: Vec<String>,
    haystack_dates: Vec<String>,
    haystack_sessions: Vec<Vec<RawTurn>>,
    answer_session_ids: Vec<String>,
    #[serde(default)]
    extra_questions: Vec<ExtraQuestion>,
}

#[derive(Deserialize)]
struct RawTurn {
    role: String,
    content: String,
    #[serde(default)]
    has_answer: bool,
}

#[derive(Deserialize)]
struct ExtraQuestion {
    question: String,
    answer_session_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Haystack {
    question_id: String,
    sessions: Vec<(String, String)>,
}

/// Sessions by id, each read once.
type Library = HashMap<String, DatedSession>;

/// Reads a split; see the head of this file.
///
/// # Errors
/// A file is absent or not of the schema, or a history names no session.
pub(super) fn read(folder: &Path, split: &str) -> Result<Dataset, DataError> {
    let (conversations, questions) = match split {
        "48" => haystacks_48(folder)?,
        "pooled" => pooled(folder)?,
        "full" => standalone(folder, "full_haystacks")?,
        stem => standalone(folder, stem)?,
    };
    let scoring = Scoring { sessions: true, ..Scoring::default() };
    let name = DatasetName::Longmemeval;
    Ok(Dataset { name, split: split.to_owned(), conversations, questions, scoring })
}

type Parts = (Vec<Conversation>, Vec<Question>);

fn haystacks_48(folder: &Path) -> Result<Parts, DataError> {
    let path = read::find_file(folder, "haystacks_48")?;
    let oracle = instances(folder, "oracle")?;
    let mut library = Library::new();
    for instance in &oracle {
        add_sessions(&mut library, instance, |_| true);
    }
    for instance in &instances(folder, "full_haystacks")? {
        add_sessions(&mut library, instance, is_filler);
    }
    let by_id: HashMap<String, Haystack> = read::items::<Haystack>(&path)?
        .into_iter()
        .map(|haystack| (haystack.question_id.clone(), haystack))
        .collect();
    let mut parts = Parts::default();
    for instance in oracle.iter().filter(|instance| asks(instance)) {
        let fault = |what| DataError::Content { path: path.clone(), what };
        let haystack = by_id
            .get(&instance.question_id)
            .ok_or_else(|| fault(format!("no history for question {}", instance.question_id)))?;
        let mut sessions = Vec::with_capacity(haystack.sessions.len());
        for (id, date) in &haystack.sessions {
            let known = library.get(id).ok_or_else(|| {
                fault(format!("history of {} names session {id}", instance.question_id))
            })?;
            let begun = read::date(date, &[DATE]);
            let listed = sessions.len();
            sessions.push(DatedSession { session: Arc::clone(&known.session), begun, listed });
        }
        push(&mut parts, instance, sessions);
    }
    Ok(parts)
}

fn pooled(folder: &Path) -> Result<Parts, DataError> {
    let oracle = instances(folder, "oracle")?;
    let mut library = Library::new();
    for instance in &oracle {
        add_sessions(&mut library, instance, |_| true);
    }
    for instance in &instances(folder, "full_haystacks")? {
        add_sessions(&mut library, instance, is_filler);
    }
    let mut sessions: Vec<DatedSession> = library.into_values().collect();
    sessions.sort_by(|a, b| (a.begun, &a.session.id).cmp(&(b.begun, &b.session.id)));
    let pool = Conversation { id: "pooled".to_owned(), sessions };
    let places = Places::of(&pool);
    let asked = oracle.iter().filter(|instance| asks(instance));
    let questions = asked.map(|instance| question(instance, 0, &places)).collect();
    Ok((vec![pool], questions))
}

fn standalone(folder: &Path, stem: &str) -> Result<Parts, DataError> {
    let mut parts = Parts::default();
    for instance in instances(folder, stem)?.iter().filter(|instance| asks(instance)) {
        let mut library = Library::new();
        add_sessions(&mut library, instance, |_| true);
        let mut sessions: Vec<DatedSession> =
            instance.haystack_session_ids.iter().filter_map(|id| library.remove(id)).collect();
        sessions.sort_by_key(|dated| dated.begun);
        push(&mut parts, instance, sessions);
    }
    Ok(parts)
}

fn instances(folder: &Path, stem: &str) -> Result<Vec<Instance>, DataError> {
    read::items(&read::find_file(folder, stem)?)
}

/// Abstention questions have no evidence to find.
fn asks(instance: &Instance) -> bool {
    !instance.question_id.ends_with("_abs")
}

/// Sessions that carry no evidence of any question.
fn is_filler(id: &str) -> bool {
    !id.contains("answer")
}

/// Adds the instance's sessions that are new and wanted.
fn add_sessions(library: &mut Library, instance: &Instance, want: impl Fn(&str) -> bool) {
    let dated = instance.haystack_session_ids.iter().zip(&instance.haystack_dates);
    for ((id, date), turns) in dated.zip(&instance.haystack_sessions) {
        if want(id) && !library.contains_key(id) {
            let messages = turns.iter().map(message).collect();
            let session = Arc::new(Session { id: id.clone(), messages });
            let begun = read::date(date, &[DATE]);
            let listed = library.len();
            library.insert(id.clone(), DatedSession { session, begun, listed });
        }
    }
}

fn message(turn: &RawTurn) -> Message {
    let role = if turn.role == "assistant" { Speaker::Assistant } else { Speaker::User };
    Message::chat(role, turn.content.clone())
}

/// Adds a history with its question and its extra questions.
fn push(parts: &mut Parts, instance: &Instance, sessions: Vec<DatedSession>) {
    let index = parts.0.len();
    let conversation = Conversation { id: instance.question_id.clone(), sessions };
    let places = Places::of(&conversation);
    parts.1.push(question(instance, index, &places));
    for (number, extra) in instance.extra_questions.iter().enumerate() {
        parts.1.push(Question {
            id: format!("{}-x{number}", instance.question_id),
            conversation: index,
            fold_id: instance.question_id.clone(),
            text: extra.question.clone(),
            group: "extra".to_owned(),
            evidence: BTreeSet::new(),
            evidence_sessions: places.sessions(&extra.answer_session_ids),
            pair: None,
        });
    }
    parts.0.push(conversation);
}

/// Where each session of a history stands: its index and first position.
struct Places(HashMap<String, (usize, usize)>);

impl Places {
    fn of(conversation: &Conversation) -> Self {
        let mut places = HashMap::new();
        let mut first = 0;
        for (index, dated) in conversation.sessions.iter().enumerate() {
            places.insert(dated.session.id.clone(), (index, first));
            first += dated.session.messages.len();
        }
        Self(places)
    }

    fn sessions(&self, ids: &[String]) -> BTreeSet<usize> {
        ids.iter().filter_map(|id| self.0.get(id).map(|&(index, _)| index)).collect()
    }
}

fn question(instance: &Instance, conversation: usize, places: &Places) -> Question {
    let answers: HashSet<&String> = instance.answer_session_ids.iter().collect();
    let mut evidence = BTreeSet::new();
    let mut dated: Vec<(Option<Timestamp>, usize)> = Vec::new();
    let with_dates = instance.haystack_session_ids.iter().zip(&instance.haystack_dates);
    for ((id, date), turns) in with_dates.zip(&instance.haystack_sessions) {
        let Some(&(index, first)) = places.0.get(id) else { continue };
        let labelled = turns.iter().enumerate().filter(|(_, turn)| turn.has_answer);
        evidence.extend(labelled.map(|(offset, _)| first + offset));
        if answers.contains(id) {
            dated.push((read::date(date, &[DATE]), index));
        }
    }
    dated.sort();
    let pair = match (instance.question_type.as_str(), dated.as_slice()) {
        ("knowledge-update", &[(_, earlier), (_, later)]) => {
            Some(Pair::LaterSession { earlier: vec![earlier], later })
        }
        _ => None,
    };
    Question {
        id: instance.question_id.clone(),
        conversation,
        fold_id: instance.question_id.clone(),
        text: instance.question.clone(),
        group: instance.question_type.clone(),
        evidence,
        evidence_sessions: places.sessions(&instance.answer_session_ids),
        pair,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORACLE: &str = r#"[
        {"question_id": "k1", "question_type": "knowledge-update", "question": "Where?",
         "answer": 3, "haystack_session_ids": ["answer_b", "answer_a"],
         "haystack_dates": ["2023/05/02 (Tue) 10:00", "2023/05/01 (Mon) 10:00"],
         "haystack_sessions": [
            [{"role": "user", "content": "now Rome", "has_answer": true},
             {"role": "assistant", "content": "fine"}],
            [{"role": "user", "content": "hello"},
             {"role": "user", "content": "then Paris", "has_answer": true}]],
         "answer_session_ids": ["answer_a", "answer_b"]},
        {"question_id": "z_abs", "question_type": "temporal-reasoning", "question": "When?",
         "haystack_session_ids": [], "haystack_dates": [], "haystack_sessions": [],
         "answer_session_ids": []}]"#;
    const FULL: &str = r#"[{"question_id": "f", "question_type": "multi-session",
        "question": "What?", "haystack_session_ids": ["s1", "answer_x"],
        "haystack_dates": ["2023/05/01 (Mon) 12:00", "2023/05/01 (Mon) 13:00"],
        "haystack_sessions": [[{"role": "user", "content": "filler"}],
                              [{"role": "user", "content": "not one of ours"}]],
        "answer_session_ids": ["answer_x"],
        "extra_questions": [{"question": "Extra?", "answer_session_ids": ["s1"]}]}]"#;
    const HISTORY: &str = r#"{"question_id": "k1", "sessions":
        [["answer_a", "2023/05/01 (Mon) 10:00"], ["s1", "2023/05/01 (Mon) 18:00"],
         ["answer_b", "2023/05/02 (Tue) 10:00"]]}"#;

    fn read_split(split: &str) -> Dataset {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("oracle.json"), ORACLE).unwrap();
        std::fs::write(dir.path().join("full_haystacks.json"), FULL).unwrap();
        std::fs::write(dir.path().join("haystacks_48.json"), HISTORY).unwrap();
        read(dir.path(), split).unwrap()
    }

    #[test]
    fn both_settings_place_the_evidence() {
        for split in ["48", "pooled"] {
            let dataset = read_split(split);
            let [question] = dataset.questions.as_slice() else { panic!("abstention counts") };
            let texts: Vec<_> =
                dataset.conversations[0].turns().map(|t| t.message.text.clone()).collect();
            assert_eq!(texts, ["hello", "then Paris", "filler", "now Rome", "fine"], "{split}");
            assert_eq!(question.evidence, BTreeSet::from([1, 3]));
            assert_eq!(question.evidence_sessions, BTreeSet::from([0, 2]));
            assert_eq!(question.pair, Some(Pair::LaterSession { earlier: vec![0], later: 2 }));
        }
    }

    #[test]
    fn full_histories_bring_their_extra_questions() {
        let dataset = read_split("full");
        let asked: Vec<_> =
            dataset.questions.iter().map(|q| (q.id.as_str(), &q.evidence_sessions)).collect();
        assert_eq!(asked, [("f", &BTreeSet::from([1])), ("f-x0", &BTreeSet::from([0]))]);
    }
}
