//! What the runner knows of a data set: conversations of dated sessions of
//! messages, and questions with their labelled evidence. The readers beside
//! this file turn each set's own files into it; everything behind works on
//! these values alone.
//!
//! Invariants: a turn is named by its position in its conversation (from 0,
//! over all sessions); evidence names existing positions; text is as the data
//! set has it, but for markers that its README says to strip.

mod beam;
mod devmembench;
mod locomo;
mod longmemeval;
mod multichallenge;
mod qmsum;
pub(crate) mod read;
mod structflow;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};

pub(crate) use read::DataError;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The person, or anybody in talk between people.
    User,
    /// The model.
    Assistant,
}

impl Speaker {
    /// Lower-case name, as chat completion APIs spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// Who says it.
    pub(crate) role: Speaker,
    /// Name in talk between people, else empty.
    pub(crate) name: String,
    /// What is said.
    pub(crate) text: String,
    /// Description of a picture that is shown with it, or empty.
    pub(crate) caption: String,
    /// When, if the message itself is dated.
    pub(crate) said_at: Option<Timestamp>,
}

impl Message {
    /// A message of a user-assistant chat, undated.
    pub(crate) fn chat(role: Speaker, text: String) -> Self {
        Self { role, name: String::new(), text, caption: String::new(), said_at: None }
    }

    /// Nothing to append: such messages keep their position and are never sent.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty() && self.caption.trim().is_empty()
    }

    /// The text that the README's BM25 indexes: `speaker: text caption` in
    /// talk between people, else the text.
    pub(crate) fn document(&self) -> String {
        if self.name.is_empty() {
            return self.text.clone();
        }
        format!("{}: {} {}", self.name, self.text, self.caption)
    }
}

/// Messages that belong together; shared between histories.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    /// The data set's own id.
    pub(crate) id: String,
    /// In order.
    pub(crate) messages: Vec<Message>,
}

/// A session at its place in a history.
#[derive(Clone, Debug)]
pub(crate) struct DatedSession {
    /// What is said.
    pub(crate) session: Arc<Session>,
    /// When it begins, if the data set says so.
    pub(crate) begun: Option<Timestamp>,
    /// Its place in the data set's own list, by which its README breaks ties.
    pub(crate) listed: usize,
}

/// A message with its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<'a> {
    /// Position in the conversation, from 0.
    pub(crate) position: usize,
    /// Index of its session.
    pub(crate) session: usize,
    /// The message.
    pub(crate) message: &'a Message,
    /// Its own date, or that of the session plus a second for each message
    /// before, so that the order of time is the order of talk.
    pub(crate) said_at: Option<Timestamp>,
}

/// A history that questions are asked of.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    /// The data set's own id; folds go by it.
    pub(crate) id: String,
    /// In order.
    pub(crate) sessions: Vec<DatedSession>,
}

impl Conversation {
    /// Every message in order.
    pub(crate) fn turns(&self) -> impl Iterator<Item = Placed<'_>> {
        let sessions = self.sessions.iter().enumerate();
        let messages = sessions.flat_map(|(session, dated)| {
            dated.session.messages.iter().enumerate().map(move |(index, message)| {
                let seconds = i64::try_from(index).unwrap_or(i64::MAX);
                let by_session = dated
                    .begun
                    .and_then(|t| t.checked_add(SignedDuration::from_secs(seconds)).ok());
                (session, message, message.said_at.or(by_session))
            })
        });
        messages.enumerate().map(|(position, (session, message, said_at))| Placed {
            position,
            session,
            message,
            said_at,
        })
    }

    /// Messages in it.
    pub(crate) fn len(&self) -> usize {
        self.sessions.iter().map(|dated| dated.session.messages.len()).sum()
    }

    /// For each position the index of its session.
    pub(crate) fn session_of(&self) -> Vec<usize> {
        self.turns().map(|turn| turn.session).collect()
    }
}

/// Two statements of which the question needs the right order, or both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pair {
    /// Positions: the newer replaced the older.
    Update { older: Vec<usize>, newer: Vec<usize> },
    /// Positions: both were said and do not agree.
    Contradiction { first: Vec<usize>, second: Vec<usize> },
    /// Session indexes: the later session holds the value of today.
    LaterSession { earlier: Vec<usize>, later: usize },
}

/// A question with its labels.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Unique in the data set.
    pub(crate) id: String,
    /// Index of the conversation that it is asked of.
    pub(crate) conversation: usize,
    /// Id that decides its fold.
    pub(crate) fold_id: String,
    /// As it stands.
    pub(crate) text: String,
    /// Category, type or ability.
    pub(crate) group: String,
    /// Positions of the turns that carry the answer; empty if not labelled.
    pub(crate) evidence: BTreeSet<usize>,
    /// Indexes of the sessions that carry the answer; empty if not labelled.
    pub(crate) evidence_sessions: BTreeSet<usize>,
    /// A pair that must be found in order, or whole.
    pub(crate) pair: Option<Pair>,
}

/// Which figures a data set is scored by beside the turn rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scoring {
    /// Sessions are labelled: `session_*` figures.
    pub(crate) sessions: bool,
    /// No turns are: windows are scored by every turn of the labelled sessions.
    pub(crate) sessions_alone: bool,
    /// Evidence is a span: `precision@k`.
    pub(crate) precision: bool,
    /// Sessions are exchanges of which one is linked: `link_first`.
    pub(crate) link: bool,
    /// The BM25 of its README counts every word of a question as often as it is said.
    pub(crate) every_word: bool,
    /// A group that is also left out in a row of its own, `all but GROUP`.
    pub(crate) left_out: Option<&'static str>,
}

/// A data set, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    /// Folder name.
    pub(crate) name: DatasetName,
    /// Which part or setting.
    pub(crate) split: String,
    /// Histories.
    pub(crate) conversations: Vec<Conversation>,
    /// Questions, each asked of one of them.
    pub(crate) questions: Vec<Question>,
    /// How it is scored.
    pub(crate) scoring: Scoring,
}

/// The data sets that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DatasetName {
    /// Two people over many sessions; evidence turns.
    Locomo,
    /// User-assistant histories; evidence sessions and turns.
    Longmemeval,
    /// Long user-assistant conversations; evidence for ten abilities.
    Beam,
    /// Short structured chats; recall links.
    Structflow,
    /// Meetings; evidence spans.
    Qmsum,
    /// Conversations that end where models fail; every turn of the user.
    Multichallenge,
    /// A coding assistant over many sessions; evidence sessions.
    Devmembench,
}

impl DatasetName {
    /// Folder under `--data`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Locomo => "locomo",
            Self::Longmemeval => "longmemeval",
            Self::Beam => "beam",
            Self::Structflow => "structflow",
            Self::Qmsum => "qmsum",
            Self::Multichallenge => "multichallenge",
            Self::Devmembench => "devmembench",
        }
    }

    /// The split that is read if none is named.
    pub(crate) fn default_split(self) -> &'static str {
        match self {
            Self::Locomo => "locomo",
            Self::Longmemeval => "48",
            Self::Beam => "100K",
            Self::Structflow => "conversations",
            Self::Qmsum => "val",
            Self::Multichallenge | Self::Devmembench => "questions",
        }
    }
}

impl Dataset {
    /// Reads one split from the folder that holds the data sets' folders.
    ///
    /// # Errors
    /// A file is absent, cannot be unpacked, or is not of the set's schema.
    pub(crate) fn read(
        name: DatasetName,
        data: &Path,
        split: Option<&str>,
    ) -> Result<Self, DataError> {
        let folder = data.join(name.folder());
        let split = split.unwrap_or(name.default_split());
        match name {
            DatasetName::Locomo => locomo::read(&folder, split),
            DatasetName::Longmemeval => longmemeval::read(&folder, split),
            DatasetName::Beam => beam::read(&folder, split),
            DatasetName::Structflow => structflow::read(&folder, split),
            DatasetName::Qmsum => qmsum::read(&folder, split),
            DatasetName::Multichallenge => multichallenge::read(&folder, split),
            DatasetName::Devmembench => devmembench::read(&folder, split),
        }
    }

    /// Takes every turn of a question's labelled sessions for its evidence, where a
    /// window is looked at and only sessions are labelled; does nothing elsewhere.
    pub(crate) fn label_turns_of_sessions(&mut self) {
        if !self.scoring.sessions_alone {
            return;
        }
        for question in &mut self.questions {
            let Some(conversation) = self.conversations.get(question.conversation) else {
                continue;
            };
            let turns = conversation.turns();
            let labelled = turns.filter(|turn| question.evidence_sessions.contains(&turn.session));
            question.evidence = labelled.map(|turn| turn.position).collect();
        }
    }

    /// Keeps the questions that `keep` wants, and the conversations that they
    /// are asked of.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Question) -> bool) {
        self.questions.retain(|question| keep(question));
        let used: BTreeSet<usize> = self.questions.iter().map(|q| q.conversation).collect();
        let places: Vec<usize> = used.into_iter().collect();
        for question in &mut self.questions {
            question.conversation = places.binary_search(&question.conversation).unwrap_or(0);
        }
        self.conversations =
            places.iter().filter_map(|&at| self.conversations.get(at).cloned()).collect();
    }

    /// Indexes of the questions of each conversation.
    pub(crate) fn questions_by_conversation(&self) -> Vec<Vec<usize>> {
        let mut by = vec![Vec::new(); self.conversations.len()];
        for (index, question) in self.questions.iter().enumerate() {
            if let Some(list) = by.get_mut(question.conversation) {
                list.push(index);
            }
        }
        by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwanted_conversations_go_with_their_questions() {
        let conversation = |id: &str| Conversation { id: id.into(), sessions: Vec::new() };
        let question = |id: &str, conversation| Question {
            id: id.into(),
            conversation,
            fold_id: String::new(),
            text: String::new(),
            group: String::new(),
            evidence: BTreeSet::new(),
            evidence_sessions: BTreeSet::new(),
            pair: None,
        };
        let mut dataset = Dataset {
            name: DatasetName::Beam,
            split: "100K".into(),
            conversations: vec![conversation("a"), conversation("b"), conversation("c")],
            questions: vec![question("1", 0), question("2", 2), question("3", 1)],
            scoring: Scoring::default(),
        };
        dataset.retain(|q| q.id != "1");
        let ids: Vec<_> = dataset
            .questions
            .iter()
            .map(|q| (q.id.as_str(), dataset.conversations[q.conversation].id.as_str()))
            .collect();
        assert_eq!(ids, [("2", "c"), ("3", "b")]);
        assert_eq!(dataset.questions_by_conversation(), [vec![1], vec![0]]);
    }
}
