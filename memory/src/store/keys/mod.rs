//! The one tree's keys. Records of a tenant share a prefix, records of a
//! conversation share a prefix within it, sequences are big-endian, so that one
//! conversation is one range scan.
//!
//! ```text
//! 00 'O' id:u64                          outbox entry
//! 00 'S' name                            server-wide state (format, models)
//! len tenant 'C' len conv                conversation head
//! len tenant 'U' len user len conv       user -> conversation
//! len tenant 'K' len parent len child    fork child of a conversation
//! len tenant 'O' len fork                fork -> root of its branches
//! len tenant 'R' hash:16                 request id of a creation -> conversation
//! len tenant 'B' day:u32                 what the tenant used on a day
//! len tenant 'H' len conv                how a conversation stands
//! len tenant 'W'                         what was told of its cohorts
//! len tenant 'N' labels 0                namespace that holds items
//! len tenant 'I' labels 0 key 0          item
//! len tenant 'V' labels 0 key 0          vectors of an item
//! len tenant 'D' len conv kind ...       everything of one conversation:
//!     'A' seq:u64                        what probes found when a turn was the newest
//!     'B'                                what the conversation used
//!     'C' ff 0                           mark of what cohorts are made of
//!     'C' ff metric:u8                   digest for cohorts, from 1 on
//!     'D'                                mark that summaries were taken out
//!     'E' seq:u64                        staleness events that a turn brought
//!     'F' len fact                       fact
//!     'G' hash:16                        request id of a pin -> fact
//!     'H' seq:u64 micros:u64             degradation signals of a window as of a turn
//!     'I' hash:16                        idempotency record of a client turn id
//!     'L' hash:16                        what a language model answered
//!     'M' seq:u64                        derived values of a turn (counts, flags)
//!     'N' seq:u64                        revision that turns from here on came with
//!     'O' seq:u64 hash:16                what the application says of a turn
//!     'P' seq:u64                        spans whose detected pins were unpinned
//!     'Q' seq:u64                        degradation signals of a turn
//!     'R' seq:u64                        edges of detected pins that were rejected
//!     'S' seq:u64 start:u32 end:u32      line that says a pin by itself
//!     'T' seq:u64                        turn
//!     'U' seq:u64                        windows that a turn stood in
//!     'V' seq:u64 passage:u16            vector of a passage
//!     'W' seq:u64 micros:u64             degradation signals of a window
//!     'X' later:u64 earlier:u64          edge that was rejected
//!     'Y' until:u64 level:u8             summary
//! ```
//! A key is never a prefix of another of the same kind: strings carry their
//! length (u8 for ids, u16 for users), numbers have a fixed width. Labels and keys
//! of items hold no zero byte and end with one, so that namespaces stand in the
//! order of their labels and those below one are one range.

mod items;

pub use items::{
    item, item_name, item_name_at, item_vectors, item_vectors_below, items_below, items_of,
    namespace, namespaces_below,
};

use crate::turn::{ConversationId, FactId, Sequence, TenantId};

/// A record's key.
pub type Key = Vec<u8>;

/// Kinds of records within a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// What probes found.
    Probes = b'A',
    /// What the conversation used.
    Usage = b'B',
    /// What the conversation brings to cohorts.
    Cohort = b'C',
    /// Mark that summaries were taken out and may not have been made again.
    Struck = b'D',
    /// Staleness events that a turn brought.
    Events = b'E',
    /// A fact.
    Fact = b'F',
    /// Request id of a pin.
    PinRequest = b'G',
    /// Degradation signals of a window as of a turn.
    WindowAsOf = b'H',
    /// Idempotency record of a client turn id.
    Idempotency = b'I',
    /// What a language model answered.
    Generation = b'L',
    /// Derived values of a turn.
    Derived = b'M',
    /// Revision that came with the turns from a sequence on.
    Revision = b'N',
    /// What the application says of a turn.
    Outcome = b'O',
    /// Spans of a turn whose detected pins the caller has unpinned.
    Unpinned = b'P',
    /// Degradation signals of a turn.
    Signals = b'Q',
    /// Edges of a turn's detected pins that the caller has rejected.
    PinRejections = b'R',
    /// What a language model made of a turn's pin.
    PinLine = b'S',
    /// A turn.
    Turn = b'T',
    /// Windows that a turn stood in.
    Used = b'U',
    /// Vector of a passage.
    Vector = b'V',
    /// Degradation signals of a window.
    Window = b'W',
    /// An edge that was rejected.
    Rejection = b'X',
    /// A summary.
    Summary = b'Y',
}

fn push_short(key: &mut Key, text: &str) {
    // Ids are at most 64 bytes by construction.
    key.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    key.extend_from_slice(text.as_bytes());
}

fn tenant(tenant: &TenantId, kind: u8) -> Key {
    let mut key = Vec::with_capacity(96);
    push_short(&mut key, tenant.as_str());
    key.push(kind);
    key
}

/// First 16 bytes of the BLAKE3 hash: stands for a text of any length in a key.
pub fn digest(text: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(text).as_bytes()[..16]);
    short
}

/// The half-open range of all keys that begin with `prefix`.
pub fn prefix_range(prefix: &[u8]) -> (Key, Key) {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    (prefix.to_vec(), end)
}

/// An outbox entry.
pub fn outbox(id: u64) -> Key {
    let mut key = vec![0, b'O'];
    key.extend_from_slice(&id.to_be_bytes());
    key
}

/// Prefix of the outbox.
pub fn outbox_prefix() -> Key {
    vec![0, b'O']
}

/// Server-wide state.
pub fn state(name: &str) -> Key {
    let mut key = vec![0, b'S'];
    key.extend_from_slice(name.as_bytes());
    key
}

/// Everything of a tenant.
pub fn tenant_prefix(of: &TenantId) -> Key {
    let mut key = tenant(of, 0);
    key.pop();
    key
}

/// Head of a conversation.
pub fn head(of: &TenantId, conversation: &ConversationId) -> Key {
    let mut key = heads_prefix(of);
    push_short(&mut key, conversation.as_str());
    key
}

/// Heads of a tenant's conversations.
pub fn heads_prefix(of: &TenantId) -> Key {
    tenant(of, b'C')
}

/// Marks that a conversation is a user's.
pub fn user(of: &TenantId, user_id: &str, conversation: &ConversationId) -> Key {
    let mut key = user_prefix(of, user_id);
    push_short(&mut key, conversation.as_str());
    key
}

/// The conversations of a user.
pub fn user_prefix(of: &TenantId, user_id: &str) -> Key {
    let mut key = tenant(of, b'U');
    // User ids are at most 256 bytes by validation.
    key.extend_from_slice(&u16::try_from(user_id.len()).unwrap_or(u16::MAX).to_be_bytes());
    key.extend_from_slice(user_id.as_bytes());
    key
}

/// Marks a fork of a conversation.
pub fn child(of: &TenantId, parent: &ConversationId, child: &ConversationId) -> Key {
    let mut key = children_prefix(of, parent);
    push_short(&mut key, child.as_str());
    key
}

/// The forks of a conversation.
pub fn children_prefix(of: &TenantId, parent: &ConversationId) -> Key {
    let mut key = tenant(of, b'K');
    push_short(&mut key, parent.as_str());
    key
}

/// What the talk that a fork is a branch of began as.
pub fn root(of: &TenantId, fork: &ConversationId) -> Key {
    let mut key = tenant(of, b'O');
    push_short(&mut key, fork.as_str());
    key
}

/// Request id of a creation.
pub fn creation(of: &TenantId, request_id: &str) -> Key {
    let mut key = tenant(of, b'R');
    key.extend_from_slice(&digest(request_id.as_bytes()));
    key
}

/// What a tenant used on a day.
pub fn usage_day(of: &TenantId, day: u32) -> Key {
    let mut key = tenant(of, b'B');
    key.extend_from_slice(&day.to_be_bytes());
    key
}

/// What was told of a tenant's cohorts: since when they are worse.
pub fn drift(of: &TenantId) -> Key {
    tenant(of, b'W')
}

/// How a conversation stands. Apart from the conversation, so that those of a tenant are
/// one short scan.
pub fn standing(of: &TenantId, conversation: &ConversationId) -> Key {
    let mut key = standings_prefix(of);
    push_short(&mut key, conversation.as_str());
    key
}

/// How the conversations of a tenant stand.
pub fn standings_prefix(of: &TenantId) -> Key {
    tenant(of, b'H')
}

/// Everything of one conversation but its head and how it stands.
pub fn conversation_prefix(of: &TenantId, conversation: &ConversationId) -> Key {
    let mut key = tenant(of, b'D');
    push_short(&mut key, conversation.as_str());
    key
}

/// All records of one kind of a conversation.
pub fn kind_prefix(of: &TenantId, conversation: &ConversationId, kind: Kind) -> Key {
    let mut key = conversation_prefix(of, conversation);
    key.push(kind as u8);
    key
}

/// A record that belongs to a sequence: `Turn`, `Derived`, or the prefix of the
/// vectors of a turn.
pub fn at_sequence(
    of: &TenantId,
    conversation: &ConversationId,
    kind: Kind,
    sequence: Sequence,
) -> Key {
    let mut key = kind_prefix(of, conversation, kind);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// The half-open range of the records of one kind that belong to a sequence or to
/// one behind it.
pub fn from_sequence(
    of: &TenantId,
    conversation: &ConversationId,
    kind: Kind,
    sequence: Sequence,
) -> (Key, Key) {
    let (_, end) = prefix_range(&kind_prefix(of, conversation, kind));
    (at_sequence(of, conversation, kind, sequence), end)
}

/// Vector of one passage of a turn.
pub fn vector(
    of: &TenantId,
    conversation: &ConversationId,
    sequence: Sequence,
    passage: u16,
) -> Key {
    let mut key = at_sequence(of, conversation, Kind::Vector, sequence);
    key.extend_from_slice(&passage.to_be_bytes());
    key
}

/// A summary by the last turn that it stands for, and its level.
pub fn summary(of: &TenantId, conversation: &ConversationId, until: Sequence, level: u8) -> Key {
    let mut key = at_sequence(of, conversation, Kind::Summary, until);
    key.push(level);
    key
}

/// The mark that summaries of a conversation were taken out.
pub fn struck(of: &TenantId, conversation: &ConversationId) -> Key {
    kind_prefix(of, conversation, Kind::Struck)
}

/// What became of the line of a pin, by the turn and the bytes of it that are pinned.
pub fn pin_line(
    of: &TenantId,
    conversation: &ConversationId,
    sequence: Sequence,
    (start, end): (u32, u32),
) -> Key {
    let mut key = at_sequence(of, conversation, Kind::PinLine, sequence);
    key.extend_from_slice(&start.to_be_bytes());
    key.extend_from_slice(&end.to_be_bytes());
    key
}

/// An outcome of a turn, by the caller's id.
pub fn outcome(of: &TenantId, conversation: &ConversationId, sequence: Sequence, id: &str) -> Key {
    let mut key = at_sequence(of, conversation, Kind::Outcome, sequence);
    key.extend_from_slice(&digest(id.as_bytes()));
    key
}

/// A window (`Window` or `WindowAsOf`) by its newest turn and the time when it was built,
/// in microseconds.
pub fn window(
    of: &TenantId,
    conversation: &ConversationId,
    kind: Kind,
    sequence: Sequence,
    micros: u64,
) -> Key {
    let mut key = at_sequence(of, conversation, kind, sequence);
    key.extend_from_slice(&micros.to_be_bytes());
    key
}

/// The mark that changes with what cohorts are made of. Behind every sequence, so that
/// it goes with the turns of a conversation that is dropped.
pub fn cohort_mark(of: &TenantId, conversation: &ConversationId) -> Key {
    cohort_digest(of, conversation, 0)
}

/// What a conversation brings to cohorts by a metric, from 1 on.
pub fn cohort_digest(of: &TenantId, conversation: &ConversationId, metric: u8) -> Key {
    let mut key = kind_prefix(of, conversation, Kind::Cohort);
    key.extend_from_slice(&[u8::MAX, metric]);
    key
}

/// A rejected edge between two turns.
pub fn rejection(
    of: &TenantId,
    conversation: &ConversationId,
    later: Sequence,
    earlier: Sequence,
) -> Key {
    let mut key = at_sequence(of, conversation, Kind::Rejection, later);
    key.extend_from_slice(&earlier.to_be_bytes());
    key
}

/// A record that is found by a hash: `Idempotency`, `PinRequest`.
pub fn by_digest(of: &TenantId, conversation: &ConversationId, kind: Kind, text: &[u8]) -> Key {
    let mut key = kind_prefix(of, conversation, kind);
    key.extend_from_slice(&digest(text));
    key
}

/// A fact.
pub fn fact(of: &TenantId, conversation: &ConversationId, fact: &FactId) -> Key {
    let mut key = kind_prefix(of, conversation, Kind::Fact);
    push_short(&mut key, fact.as_str());
    key
}
