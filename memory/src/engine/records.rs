//! What is stored under each key, and how it is encoded: one version byte, then
//! postcard. A record of a version that this build does not know is corrupt to
//! it, never guessed at.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    context::TurnCost,
    index::{Branch, Segment},
    items::{ItemKey, Namespace},
    retrieval::TurnTraits,
    store::StoreError,
    turn::{ConversationId, Sequence, TenantId},
};

/// Version of all records below; part of the data directory's format.
const VERSION: u8 = 1;

/// Encodes a record.
///
/// # Errors
/// [`StoreError::Engine`], which no value of ours causes.
pub(crate) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(record, vec![VERSION])
        .map_err(|error| StoreError::Engine(format!("record cannot be encoded: {error}")))
}

/// Decodes the record found under `key`.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    let corrupt = |detail: String| StoreError::Corrupt { key: hex(key), detail };
    match bytes.split_first() {
        Some((&VERSION, body)) => {
            postcard::from_bytes(body).map_err(|error| corrupt(error.to_string()))
        }
        Some((version, _)) => Err(corrupt(format!("record version {version} is not known"))),
        None => Err(corrupt("empty record".to_owned())),
    }
}

/// Decodes the record found under `key`, and the two things that stand behind it, each
/// added at its time; by default what they are by default, as in records from before
/// there was any.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(crate) fn decode_with<T, U, V>(key: &[u8], bytes: &[u8]) -> Result<(T, U, V), StoreError>
where
    T: DeserializeOwned,
    U: DeserializeOwned + Default,
    V: DeserializeOwned + Default,
{
    let corrupt = |detail: String| StoreError::Corrupt { key: hex(key), detail };
    let body = bytes.strip_prefix(&[VERSION]);
    let body = body.ok_or_else(|| corrupt("record version is not known".to_owned()))?;
    let read = || {
        let (record, rest) = postcard::take_from_bytes(body)?;
        let (first, rest) = next(rest)?;
        let (second, _) = next(rest)?;
        Ok((record, first, second))
    };
    read().map_err(|error: postcard::Error| corrupt(error.to_string()))
}

/// What stands next; by default what it is by default.
fn next<T: DeserializeOwned + Default>(rest: &[u8]) -> Result<(T, &[u8]), postcard::Error> {
    if rest.is_empty() { Ok((T::default(), rest)) } else { postcard::take_from_bytes(rest) }
}

/// Decodes a record that begins with the version of what derived it; nothing where
/// that is another one than `current`, whose fields may be others too.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(crate) fn decode_of<T: DeserializeOwned>(
    key: &[u8],
    bytes: &[u8],
    current: u32,
) -> Result<Option<T>, StoreError> {
    let body = bytes.strip_prefix(&[VERSION]).unwrap_or_default();
    match postcard::take_from_bytes::<u32>(body) {
        Ok((version, _)) if version != current => Ok(None),
        // What is wrong with a record without a version is said there.
        _ => decode(key, bytes).map(Some),
    }
}

pub(super) fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Head of a conversation: all that is known of it but its turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub user_id: String,
    pub title: String,
    pub labels: BTreeMap<String, String>,
    pub request_id: String,
    pub revision: u64,
    pub last_sequence: Sequence,
    pub forked_from: Option<(ConversationId, Sequence)>,
    /// Segments of ancestors, oldest first; empty unless it is a fork.
    pub shared: Vec<StoredSegment>,
    /// Deleted, and kept only because forks share its turns.
    pub deleted: bool,
    /// Facts pinned now.
    pub facts: u64,
}

impl Head {
    /// First sequence that the conversation stores itself.
    pub(crate) fn own_from(&self) -> Sequence {
        self.shared.last().map_or(1, |segment| segment.until + 1)
    }
}

impl Head {
    /// Where the turns of the conversation are stored.
    pub(crate) fn branch(&self, tenant: &TenantId, id: &ConversationId) -> Branch {
        let mut segments: Vec<Segment> = self.shared.iter().map(Segment::from).collect();
        segments.push(Segment {
            conversation: id.clone(),
            from: self.own_from(),
            until: Sequence::MAX,
        });
        Branch { tenant: tenant.clone(), conversation: id.clone(), segments }
    }
}

/// See [`Segment`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSegment {
    pub conversation: ConversationId,
    pub from: Sequence,
    pub until: Sequence,
}

impl From<&StoredSegment> for Segment {
    fn from(stored: &StoredSegment) -> Self {
        Self { conversation: stored.conversation.clone(), from: stored.from, until: stored.until }
    }
}

/// What a client turn id stands for. The hash of a forgotten turn is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Idempotency {
    pub client_turn_id: String,
    pub sequence: Sequence,
    /// BLAKE3 of the turn as it was given; absent once it is forgotten.
    pub content: Option<[u8; 32]>,
}

/// What the request id of a creation stands for. Records from before there was a
/// hash have none, and end with the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Creation {
    pub id: ConversationId,
    /// BLAKE3 of what was asked for.
    pub given: Option<[u8; 32]>,
}

impl Creation {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        match &self.given {
            Some(given) => encode(&(&self.id, given)),
            None => encode(&self.id),
        }
    }

    pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Self, StoreError> {
        let corrupt = |detail: String| StoreError::Corrupt { key: hex(key), detail };
        let body = bytes.strip_prefix(&[VERSION]);
        let body = body.ok_or_else(|| corrupt("record version is not known".to_owned()))?;
        let read = || {
            let (id, rest) = postcard::take_from_bytes(body)?;
            let given = if rest.is_empty() { None } else { Some(postcard::from_bytes(rest)?) };
            Ok(Self { id, given })
        };
        read().map_err(|error: postcard::Error| corrupt(error.to_string()))
    }
}

/// Values derived from a turn, with the versions that they were derived by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Derived {
    /// [`crate::embed::EmbedService::version`] of the vectors.
    pub embedding: String,
    /// Byte ranges of the passages that have a vector, in order.
    pub passages: Vec<(u32, u32)>,
    /// Version of the rendering that `costs` count.
    pub rendering: u32,
    /// Costs by tokenizer.
    pub costs: Vec<(String, TurnCost)>,
    /// Version of the cues in `traits`.
    pub cues: u32,
    /// What ranking knows of the turn.
    pub traits: TurnTraits,
}

/// The windows that a turn stood in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    /// Newest sequences of the conversation when they were built, in order;
    /// at most [`MAX_USES`](super::uses::MAX_USES).
    pub at: Vec<Sequence>,
}

/// Work that is still to be derived. Written in the same batch as its cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutboxEntry {
    pub tenant: TenantId,
    /// The conversation that stores the turns; of items an id that stands for
    /// their namespace.
    pub owner: ConversationId,
    pub task: Task,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Embed and index these turns.
    Derive { from: Sequence, until: Sequence },
    /// Take these turns out of everything derived.
    Forget { sequences: Vec<Sequence> },
    /// Take everything from here on out; the conversation is gone.
    Drop { from: Sequence },
    /// Draw the staleness events of these turns again.
    Draw { from: Sequence, until: Sequence },
    /// Draw the edges of the conversation's facts again.
    Facts,
    /// Draw the pins of these turns again, those that the branch shares too.
    Pins { from: Sequence, until: Sequence },
    /// Embed and index these turns again: a rebuild.
    Rebuild { from: Sequence, until: Sequence },
    /// Give the index these turns again, with the vectors in the store.
    Index { from: Sequence, until: Sequence },
    /// Embed an item, or all of its namespace.
    Items { namespace: Namespace, key: Option<ItemKey> },
    /// Measure these turns again.
    Measure { from: Sequence, until: Sequence },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creations_from_before_there_was_a_hash_are_read() {
        let id = ConversationId::new("c").unwrap();
        let before = encode(&id).unwrap();
        assert_eq!(
            Creation::decode(b"k", &before).unwrap(),
            Creation { id: id.clone(), given: None }
        );
        let now = Creation { id, given: Some([7; 32]) };
        let bytes = now.encode().unwrap();
        assert_eq!(Creation::decode(b"k", &bytes).unwrap(), now);
        for bad in [&[][..], &[9, 1, 2][..], &bytes[..bytes.len() - 1]] {
            assert!(matches!(Creation::decode(b"k", bad), Err(StoreError::Corrupt { .. })));
        }
    }

    #[test]
    fn what_another_version_derived_is_left_out_and_not_guessed_at() {
        let (before, now) = (encode(&(6_u32, "other fields")).unwrap(), encode(&(7_u32, 300_u64)));
        let now = now.unwrap();
        let read = |bytes: &[u8]| decode_of::<(u32, u64)>(b"k", bytes, 7);
        assert_eq!(read(&before).unwrap(), None);
        assert_eq!(read(&now).unwrap(), Some((7, 300)));
        for bad in [&[][..], &[9, 7, 1][..], &now[..now.len() - 1], &now[..1]] {
            assert!(matches!(read(bad), Err(StoreError::Corrupt { .. })), "{bad:?}");
        }
    }

    #[test]
    fn unknown_versions_and_torn_records_are_corrupt() {
        let record = Idempotency { client_turn_id: "a".into(), sequence: 7, content: None };
        let bytes = encode(&record).unwrap();
        assert_eq!(decode::<Idempotency>(b"k", &bytes).unwrap(), record);
        for bad in [&[][..], &[9, 1, 2][..], &bytes[..bytes.len() - 1]] {
            assert!(matches!(decode::<Idempotency>(b"k", bad), Err(StoreError::Corrupt { .. })));
        }
    }
}
