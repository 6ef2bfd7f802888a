//! The conversations that labelled turns stand in, from the files of their data
//! sets, each up to its last labelled turn.
//!
//! A set that is absent is named and left out. A turn that is not the one that was
//! labelled is an error: the data set is another version.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::labels::{Labelled, Source};
use crate::dataset::{
    Conversation, DataError, Dataset, DatasetName, DatedSession, Message, Session, Speaker, read,
};

/// A conversation with its labelled turns.
#[derive(Debug)]
pub(super) struct Talk {
    /// What is said, up to the last labelled turn.
    pub(super) conversation: Conversation,
    /// Its labelled turns, at least one.
    pub(super) labelled: Vec<Labelled>,
}

/// What can be played.
#[derive(Debug, Default)]
pub(super) struct Material {
    /// By data set and name.
    pub(super) talks: Vec<Talk>,
    /// Files that are not there, with the labels that are left out for it.
    pub(super) absent: BTreeMap<String, usize>,
}

/// Messages of a file's conversations, by the names that labels give them.
type Talks = HashMap<String, Vec<Message>>;

#[derive(Deserialize)]
struct Chat {
    index: u64,
    whole_conv: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    #[serde(rename = "user prompt")]
    prompt: String,
    #[serde(rename = "assistant answer")]
    answer: String,
}

#[derive(Deserialize)]
struct TaskDialogue {
    dialogue_id: String,
    turns: Vec<Said>,
}

#[derive(Deserialize)]
struct CarDialogue {
    dialogue: Vec<Said>,
}

/// A message as each of the plain sets spells it.
#[derive(Deserialize)]
struct Said {
    #[serde(alias = "turn", alias = "role")]
    speaker: String,
    #[serde(alias = "utterance", alias = "content")]
    text: String,
}

impl Said {
    fn message(self) -> Message {
        let assistant = matches!(self.speaker.as_str(), "assistant" | "system");
        let role = if assistant { Speaker::Assistant } else { Speaker::User };
        Message::chat(role, self.text)
    }
}

/// Finds the conversations of labelled turns.
///
/// # Errors
/// A file cannot be read, or does not hold a turn that was labelled.
pub(super) fn gather(data: &Path, labelled: Vec<Labelled>) -> anyhow::Result<Material> {
    let mut files: BTreeMap<(Source, String), BTreeMap<String, Vec<Labelled>>> = BTreeMap::new();
    for one in labelled {
        let file = files.entry((one.dataset, one.split.clone())).or_default();
        file.entry(one.conversation.clone()).or_default().push(one);
    }
    let mut material = Material::default();
    for ((source, split), conversations) in files {
        let file = format!("{} {split}", source.folder());
        let mut held = match talks(data, source, &split) {
            Ok(held) => held,
            Err(DataError::Absent { .. }) => {
                let left_out = conversations.values().map(Vec::len).sum();
                material.absent.insert(file, left_out);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for (name, labelled) in conversations {
            let id = format!("{file} {name}");
            let messages = held.remove(&name).with_context(|| format!("there is no {id}"))?;
            material.talks.push(talk(id, messages, labelled)?);
        }
    }
    Ok(material)
}

/// Cuts a conversation behind its last labelled turn, and checks the places.
fn talk(id: String, mut messages: Vec<Message>, labelled: Vec<Labelled>) -> anyhow::Result<Talk> {
    for one in &labelled {
        let there = messages.get(one.turn);
        let same = there.is_some_and(|said| said.role == Speaker::User && one.is_of(&said.text));
        ensure!(same, "{}: another turn stands there; is the data set another version?", one.id);
    }
    let end = labelled.iter().map(|one| one.turn + 1).max().unwrap_or(0);
    messages.truncate(end);
    let session = Arc::new(Session { id: id.clone(), messages });
    let sessions = vec![DatedSession { session, begun: None, listed: 0 }];
    Ok(Talk { conversation: Conversation { id, sessions }, labelled })
}

/// Every conversation of a file.
fn talks(data: &Path, source: Source, split: &str) -> Result<Talks, DataError> {
    let file = || read::find_file(&data.join(source.folder()), split);
    Ok(match source {
        Source::Longmemeval => {
            let set = Dataset::read(DatasetName::Longmemeval, data, Some(split))?;
            let sessions = set.conversations.into_iter().flat_map(|all| all.sessions);
            sessions.map(|one| (one.session.id.clone(), one.session.messages.clone())).collect()
        }
        Source::Beam => {
            let set = Dataset::read(DatasetName::Beam, data, Some(split))?;
            set.conversations.iter().map(|one| (one.id.clone(), messages_of(one))).collect()
        }
        Source::Multichallenge => whole_challenges(data, split)?,
        Source::Structflow => {
            let chats = read::items::<Chat>(&file()?)?;
            chats.into_iter().map(|chat| (chat.index.to_string(), chat.messages())).collect()
        }
        Source::SgdUpdates | Source::SgdTrain => {
            let dialogues = read::items::<TaskDialogue>(&file()?)?;
            dialogues.into_iter().map(|one| (one.dialogue_id, spoken(one.turns))).collect()
        }
        Source::CiTod => {
            // Ids repeat upstream: the place in the file is one.
            let dialogues = read::items::<CarDialogue>(&file()?)?.into_iter().enumerate();
            dialogues.map(|(line, one)| (line.to_string(), spoken(one.dialogue))).collect()
        }
        Source::Cri => {
            let said = read::items::<Said>(&file()?)?;
            HashMap::from([(source.folder().to_owned(), spoken(said))])
        }
    })
}

fn messages_of(conversation: &Conversation) -> Vec<Message> {
    conversation.turns().map(|placed| placed.message.clone()).collect()
}

fn spoken(said: Vec<Said>) -> Vec<Message> {
    said.into_iter().map(Said::message).collect()
}

impl Chat {
    fn messages(self) -> Vec<Message> {
        let of = |exchange: Exchange| {
            [
                Message::chat(Speaker::User, exchange.prompt),
                Message::chat(Speaker::Assistant, exchange.answer),
            ]
        };
        self.whole_conv.into_iter().flat_map(of).collect()
    }
}

/// The reader asks the last message of the others; here it ends the talk.
fn whole_challenges(data: &Path, split: &str) -> Result<Talks, DataError> {
    let set = Dataset::read(DatasetName::Multichallenge, data, Some(split))?;
    let mut talks = Talks::new();
    for question in set.questions {
        let earlier = set.conversations.get(question.conversation);
        let mut messages = earlier.map(messages_of).unwrap_or_default();
        messages.push(Message::chat(Speaker::User, question.text));
        talks.insert(question.id, messages);
    }
    Ok(talks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sha2::{Digest as _, Sha256};
    use std::fs;

    fn label(dataset: &str, split: &str, conversation: &str, turn: usize, text: &str) -> Labelled {
        let hash: String = hex::encode(Sha256::digest(text)).chars().take(8).collect();
        serde_json::from_value(json!({
            "id": format!("{dataset}:{conversation}:{turn}"), "dataset": dataset, "split": split,
            "conversation": conversation, "turn": turn, "sha256": hash, "stratum": "random",
            "labels": { "user_repeats": true, "user_corrects": false }, "note": "",
        }))
        .unwrap()
    }

    fn put(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn data() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        put(
            at,
            "structflow/conversations.jsonl",
            r#"{"index":7,"structure":[],"whole_conv":[{"name":"c1","user prompt":"a","assistant answer":"b"},{"name":"c2","user prompt":"a!","assistant answer":"c"}]}"#,
        );
        put(
            at,
            "sgd_updates/dialogues.jsonl",
            r#"{"dialogue_id":"dev_1","services":[],"turns":[{"speaker":"user","text":"x","sets":{}},{"speaker":"system","text":"y"},{"speaker":"user","text":"x?"}]}"#,
        );
        put(
            at,
            "ci_tod/dev.jsonl",
            "{\"dialogue\":[]}\n{\"domain\":\"navigate\",\"dialogue\":[{\"turn\":\"driver\",\"utterance\":\"x\"},{\"turn\":\"assistant\",\"utterance\":\"y\"},{\"turn\":\"driver\",\"utterance\":\"x\"}]}",
        );
        put(
            at,
            "cri/conversation.jsonl",
            "{\"role\":\"user\",\"content\":\"x\",\"message_id\":1}\n{\"role\":\"assistant\",\"content\":\"y\"}\n{\"role\":\"user\",\"content\":\"z\"}",
        );
        put(
            at,
            "multichallenge/questions.jsonl",
            r#"{"QUESTION_ID":"q","AXIS":"A","CONVERSATION":[{"role":"user","content":"x"},{"role":"assistant","content":"y"},{"role":"user","content":"last"}]}"#,
        );
        dir
    }

    #[test]
    fn turns_are_found_in_every_spelling() {
        let dir = data();
        for (dataset, split, conversation, turn, text) in [
            ("structflow", "conversations", "7", 2, "a!"),
            ("sgd_updates", "dialogues", "dev_1", 2, "x?"),
            ("ci_tod", "dev", "1", 2, "x"),
            ("cri", "conversation", "cri", 2, "z"),
            ("multichallenge", "questions", "q", 2, "last"),
            ("structflow", "conversations", "7", 0, "a"),
        ] {
            let labelled = vec![label(dataset, split, conversation, turn, text)];
            let material = gather(dir.path(), labelled).unwrap();
            let [talk] = material.talks.as_slice() else { panic!("{dataset}: {material:?}") };
            let said: Vec<Placed> = talk.conversation.turns().map(Placed::of).collect();
            assert_eq!(said.len(), turn + 1, "{dataset}: what comes later is not played");
            assert_eq!(said.last(), Some(&Placed(Speaker::User, text.to_owned())), "{dataset}");
        }
    }

    #[derive(Debug, PartialEq)]
    struct Placed(Speaker, String);

    impl Placed {
        fn of(placed: crate::dataset::Placed<'_>) -> Self {
            Self(placed.message.role, placed.message.text.clone())
        }
    }

    #[test]
    fn turns_of_one_conversation_are_played_once() {
        let dir = data();
        let labelled = vec![
            label("structflow", "conversations", "7", 2, "a!"),
            label("structflow", "conversations", "7", 0, "a"),
        ];
        let material = gather(dir.path(), labelled).unwrap();
        assert_eq!((material.talks.len(), material.talks[0].labelled.len()), (1, 2));
        assert_eq!(material.talks[0].conversation.len(), 3);
    }

    #[test]
    fn absent_sets_are_named_and_other_turns_are_refused() {
        let dir = data();
        let labelled = vec![
            label("beam", "100K", "100K/01", 2, "x"),
            label("sgd_train", "dialogues", "t", 2, "x"),
            label("sgd_train", "dialogues", "t", 4, "x"),
            label("cri", "conversation", "cri", 2, "z"),
        ];
        let material = gather(dir.path(), labelled).unwrap();
        assert_eq!(material.talks.len(), 1);
        let expected = [("beam 100K".to_owned(), 1), ("sgd_train dialogues".to_owned(), 2)];
        assert_eq!(material.absent, expected.into());
        for (conversation, turn, text) in
            [("cri", 2, "Z"), ("cri", 1, "y"), ("cri", 4, "z"), ("iris", 2, "z")]
        {
            let wrong = vec![label("cri", "conversation", conversation, turn, text)];
            assert!(gather(dir.path(), wrong).is_err(), "{conversation} {turn} {text}");
        }
    }
}
