//! How something later bears on a fact, and how a fact bears on earlier turns:
//! what is stored of a comparison.
//!
//! Invariants: bi-temporal: `valid_from` is when the later one was said,
//! `known_at` and `known_turn` when the service came to know it; values are
//! cut to [`MAX_VALUE_BYTES`].

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    staleness::EdgeKind,
    turn::{FactId, Sequence},
};

/// Bytes of a value in an edge.
pub(super) const MAX_VALUE_BYTES: usize = 256;
/// Edges kept of one fact, the newest of no use beyond them: the first decides.
pub(super) const MAX_EDGES: usize = 64;
/// Reason of an edge that an export named without its words.
pub const AS_EXPORTED: &str = "as exported";
/// Turns that one fact is linked with.
pub const MAX_LINKS: usize = 32;
/// Words of a turn that a link keeps.
pub(super) const MAX_COVERED: usize = 64;

/// What bears on a fact, or is borne on by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cause {
    /// A fact of the conversation.
    Fact(FactId),
    /// A turn of the conversation.
    Turn(Sequence),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact(id) => id.fmt(f),
            Self::Turn(sequence) => sequence.fmt(f),
        }
    }
}

/// A later fact or turn that bears on a fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactEdge {
    /// How it bears on the earlier one.
    pub kind: EdgeKind,
    /// The later one.
    pub later: Cause,
    /// Probability that the edge is right, 0 to 1.
    pub confidence: f32,
    /// The words of the earlier one that are meant, or empty.
    pub earlier_value: String,
    /// The words of the later one that are meant, or empty.
    pub later_value: String,
    /// For people: "Hotel: Hilton -> Marriott".
    pub reason: String,
    /// The later one says of the earlier that it is void, in its words, and has
    /// no value of its own.
    pub withdraws: bool,
    /// When the later one was said.
    pub valid_from: Timestamp,
    /// When the service came to know it.
    pub known_at: Timestamp,
    /// The newest turn by then.
    pub known_turn: Sequence,
}

impl FactEdge {
    /// Takes the later one's words out, when they are to be forgotten. That the
    /// earlier one does not hold stays known.
    pub fn forget_later(&mut self) {
        self.later_value.clear();
        self.reason.clear();
    }
}

/// A fact's bearing on a turn that was there before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnLink {
    /// The turn.
    pub turn: Sequence,
    /// How the fact bears on it; nothing if the turn says the same.
    pub bears: Option<EdgeKind>,
    /// Bytes of the turn's searchable text that are meant.
    pub span: (u32, u32),
    /// Probability that it is right, 0 to 1.
    pub confidence: f32,
    /// Hashes of the turn's content words that the fact has as well, and how
    /// many the turn has: what the window loses without the turn.
    pub covers: (Vec<u32>, u32),
}

/// The beginning of a value, whole characters: [`MAX_VALUE_BYTES`] at most.
pub fn short(value: &str) -> String {
    let value = value.trim();
    let end = value.floor_char_boundary(MAX_VALUE_BYTES);
    value.get(..end).unwrap_or("").to_owned()
}
