//! Plays a conversation in through gRPC and waits until it is searchable.
//!
//! Conversations are named by the hash of what they hold, and turns carry
//! client turn ids: a run that is repeated on the same store finds what is
//! there, and no label of the data set reaches the server.

use std::{collections::HashMap, ops::Range, time::Duration};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use throughline_proto::v1::{
    self as wire, Conversation as WireConversation, CreateConversationRequest,
    DeleteConversationRequest, GetConversationRequest, part::Content,
};
use tokio::time::Instant;

use crate::{
    client::{Api, retry},
    dataset::{Conversation, Placed, Speaker},
};

use super::{progress::Progress, stream::stream_turns};

/// Longest wait without a further turn indexed.
pub(crate) const STALL_LIMIT: Duration = Duration::from_secs(600);
/// Longest pause between two looks at the index.
pub(crate) const MAX_POLL: Duration = Duration::from_millis(400);

/// How a history is laid out on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// All of it in one conversation.
    Whole,
    /// Each session its own conversation, all of one user.
    PerSession,
}

/// A history on the server.
#[derive(Debug)]
pub(crate) struct Ingested {
    /// Names of its conversations, `conversations/{id}`.
    pub(crate) names: Vec<String>,
    /// Whose they are.
    pub(crate) user_id: String,
    layout: Layout,
    /// For each conversation the position of the turn at sequence 1, 2, ...
    positions: HashMap<String, Vec<usize>>,
}

impl Ingested {
    /// The position of a turn by its name; nothing for a stranger.
    pub(crate) fn position(&self, turn: &str) -> Option<usize> {
        let (conversation, sequence) = turn.rsplit_once("/turns/")?;
        let index = sequence.parse::<usize>().ok()?.checked_sub(1)?;
        self.positions.get(conversation)?.get(index).copied()
    }

    /// The sequence of a position, where all is in one conversation; nothing
    /// for a turn that was not sent.
    pub(crate) fn sequence(&self, position: usize) -> Option<u64> {
        let index = self.positions.get(self.whole()?)?.binary_search(&position).ok()?;
        Some(index as u64 + 1)
    }

    /// The one conversation, where all of it is in one.
    pub(crate) fn whole(&self) -> Option<&str> {
        match self.layout {
            Layout::Whole => self.names.first().map(String::as_str),
            Layout::PerSession => None,
        }
    }

    /// Removes the conversations.
    ///
    /// # Errors
    /// A call failed.
    pub(crate) async fn delete(&self, api: &Api) -> anyhow::Result<()> {
        for name in &self.names {
            delete(api, name).await?;
        }
        Ok(())
    }
}

/// Removes a conversation.
///
/// # Errors
/// The call failed.
pub(crate) async fn delete(api: &Api, name: &str) -> anyhow::Result<()> {
    let call = async || {
        let request = DeleteConversationRequest { name: name.to_owned() };
        api.conversations.clone().delete_conversation(request).await
    };
    retry("DeleteConversation", call).await.map(|_| ())
}

/// Ingests a history and waits until all of it is searchable.
///
/// # Errors
/// A call failed, or nothing was indexed for ten minutes.
pub(crate) async fn ingest(
    api: &Api,
    conversation: &Conversation,
    layout: Layout,
    progress: &Progress,
) -> anyhow::Result<Ingested> {
    let all: Vec<Placed<'_>> = conversation.turns().filter(|t| !t.message.is_blank()).collect();
    let user_id = identify(&conversation.id, &all);
    let pieces: Vec<Vec<Placed<'_>>> = match layout {
        Layout::Whole => vec![all],
        Layout::PerSession => {
            all.chunk_by(|a, b| a.session == b.session).map(<[_]>::to_vec).collect()
        }
    };
    let mut ingested = Ingested { names: Vec::new(), user_id, layout, positions: HashMap::new() };
    for (number, turns) in pieces.iter().enumerate() {
        let id = identify(&format!("{}/{number}", ingested.user_id), turns);
        let name = append(api, &id, &ingested.user_id, turns).await?;
        ingested.positions.insert(name.clone(), turns.iter().map(|t| t.position).collect());
        ingested.names.push(name);
    }
    for (name, turns) in ingested.names.iter().zip(&pieces) {
        wait_indexed(api, name, 0..turns.len() as u64, progress).await?;
    }
    Ok(ingested)
}

/// Creates the conversation and streams its turns; returns its name.
async fn append(
    api: &Api,
    id: &str,
    user_id: &str,
    turns: &[Placed<'_>],
) -> anyhow::Result<String> {
    let name = create(api, id, user_id).await?;
    extend(api, &name, 0, turns).await?;
    Ok(name)
}

/// Streams further turns to a conversation that holds `held` of them.
///
/// # Errors
/// The call failed, or the conversation then holds another number of turns.
pub(crate) async fn extend(
    api: &Api,
    name: &str,
    held: usize,
    turns: &[Placed<'_>],
) -> anyhow::Result<()> {
    // Client turn ids follow the conversation's id and the place in it.
    let id = name.strip_prefix("conversations/").unwrap_or(name);
    let numbered = turns.iter().enumerate();
    let wire = numbered.map(|(index, placed)| turn(placed, &format!("{id}-{}", held + index)));
    let last = stream_turns(api, name, wire.collect()).await?;
    let sent = held + turns.len();
    if last != sent as u64 {
        bail!("{name} holds {last} turns after {sent} were sent");
    }
    Ok(())
}

/// Creates an empty conversation of a user; returns its name.
///
/// # Errors
/// The call failed.
pub(crate) async fn create(api: &Api, id: &str, user_id: &str) -> anyhow::Result<String> {
    create_titled(api, id, user_id, "").await
}

/// As [`create`], with a title for people.
///
/// # Errors
/// The call failed.
pub(crate) async fn create_titled(
    api: &Api,
    id: &str,
    user_id: &str,
    title: &str,
) -> anyhow::Result<String> {
    let call = async || {
        let conversation = WireConversation {
            user_id: user_id.to_owned(),
            title: title.to_owned(),
            ..WireConversation::default()
        };
        let request = CreateConversationRequest {
            conversation: Some(conversation),
            conversation_id: id.to_owned(),
            request_id: id.to_owned(),
        };
        api.conversations.clone().create_conversation(request).await
    };
    let reply = retry("CreateConversation", call).await?.into_inner();
    Ok(reply.conversation.context("CreateConversation answered without a conversation")?.name)
}

/// A message as the wire carries it. A picture's description is a part of its
/// own, in words.
pub(crate) fn turn(placed: &Placed<'_>, client_turn_id: &str) -> wire::Turn {
    let message = placed.message;
    let picture = (!message.caption.trim().is_empty())
        .then(|| format!("[shares a picture: {}]", message.caption));
    let text = (!message.text.trim().is_empty()).then(|| message.text.clone());
    let parts = text.into_iter().chain(picture);
    wire::Turn {
        role: match message.role {
            Speaker::User => wire::Role::User as i32,
            Speaker::Assistant => wire::Role::Assistant as i32,
        },
        speaker: message.name.clone(),
        parts: parts.map(|text| wire::Part { content: Some(Content::Text(text)) }).collect(),
        say_time: placed.said_at.map(timestamp),
        client_turn_id: client_turn_id.to_owned(),
        ..wire::Turn::default()
    }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// Waits until all of the first `turns.end` turns are searchable; those before `turns.start`
/// were, and count for no progress.
///
/// # Errors
/// A call failed, or nothing was indexed for ten minutes.
pub(crate) async fn wait_indexed(
    api: &Api,
    name: &str,
    turns: Range<u64>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let (mut indexed, last) = (turns.start, turns.end);
    let mut since = Instant::now();
    let mut pause = Duration::from_millis(10);
    while indexed < last {
        let call = async || {
            let request = GetConversationRequest { name: name.to_owned(), min_revision: 0 };
            api.conversations.clone().get_conversation(request).await
        };
        let reply = retry("GetConversation", call).await?.into_inner();
        let now = reply.conversation.map_or(0, |conversation| conversation.indexed_sequence);
        if now > indexed {
            progress.turns(now.min(last) - indexed.min(last));
            (indexed, since) = (now, Instant::now());
        } else if since.elapsed() > STALL_LIMIT {
            bail!("{name}: {now} of {last} turns indexed, and no more in {STALL_LIMIT:?}");
        } else {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_POLL);
        }
    }
    Ok(())
}

/// An id from what is said: 32 hexadecimal digits.
pub(crate) fn identify(salt: &str, turns: &[Placed<'_>]) -> String {
    let mut hash = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(salt.as_bytes());
    for placed in turns {
        let message = placed.message;
        for text in [message.role.as_str(), &message.name, &message.text, &message.caption] {
            field(text.as_bytes());
        }
        field(placed.said_at.map(|t| t.to_string()).unwrap_or_default().as_bytes());
    }
    hash.finalize().to_hex().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{DatedSession, Message, Session};
    use std::sync::Arc;

    fn conversation(texts: &[&str]) -> Conversation {
        let messages =
            texts.iter().map(|text| Message::chat(Speaker::User, (*text).to_owned())).collect();
        let session = Arc::new(Session { id: "s".into(), messages });
        let begun = Some("2024-01-01T00:00:00Z".parse().unwrap());
        Conversation { id: "c".into(), sessions: vec![DatedSession { session, begun, listed: 0 }] }
    }

    #[test]
    fn pictures_are_a_part_of_their_own() {
        for (text, caption, expected) in [
            ("Look", "a dog", vec!["Look", "[shares a picture: a dog]"]),
            ("Look", "", vec!["Look"]),
            (" ", "a dog", vec!["[shares a picture: a dog]"]),
        ] {
            let message = Message {
                name: "Ann".into(),
                caption: caption.into(),
                ..Message::chat(Speaker::User, text.into())
            };
            let placed = Placed { position: 0, session: 0, message: &message, said_at: None };
            let turn = turn(&placed, "id");
            let texts: Vec<_> = turn
                .parts
                .into_iter()
                .map(|part| match part.content {
                    Some(Content::Text(text)) => text,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(texts, expected);
            assert_eq!((turn.role, turn.speaker), (wire::Role::User as i32, "Ann".to_owned()));
        }
    }

    #[test]
    fn positions_skip_what_was_not_sent() {
        let ingested = Ingested {
            names: vec!["conversations/a".into()],
            user_id: "u".into(),
            layout: Layout::Whole,
            positions: HashMap::from([("conversations/a".to_owned(), vec![0, 2, 5])]),
        };
        for (name, expected) in [
            ("conversations/a/turns/2", Some(2)),
            ("conversations/a/turns/3", Some(5)),
            ("conversations/a/turns/4", None),
            ("conversations/a/turns/0", None),
            ("conversations/b/turns/1", None),
            ("nonsense", None),
        ] {
            assert_eq!(ingested.position(name), expected, "{name}");
        }
        for (position, expected) in [(0, Some(1)), (2, Some(2)), (3, None), (5, Some(3))] {
            assert_eq!(ingested.sequence(position), expected, "{position}");
        }
    }

    #[test]
    fn names_follow_the_content() {
        let id = |texts: &[&str]| {
            let conversation = conversation(texts);
            identify("c", &conversation.turns().collect::<Vec<_>>())
        };
        assert_eq!(id(&["a", "b"]), id(&["a", "b"]));
        assert_ne!(id(&["a", "b"]), id(&["ab"]));
        assert_eq!(id(&[]).len(), 32);
    }
}
