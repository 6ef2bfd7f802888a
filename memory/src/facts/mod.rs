//! Facts that must outlive their turns, pinned into the context windows. For
//! now they are pinned by the caller.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::turn::{FactId, Sequence};

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FactKind {
    /// How the assistant shall behave.
    Instruction,
    /// What the user likes or dislikes.
    Preference,
    /// Something that is so.
    Fact,
    /// What was decided.
    Decision,
    /// What somebody has promised.
    Commitment,
}

impl FactKind {
    /// Lower-case name, as it is rendered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instruction => "instruction",
            Self::Preference => "preference",
            Self::Fact => "fact",
            Self::Decision => "decision",
            Self::Commitment => "commitment",
        }
    }
}

/// A pinned fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Names it within its conversation.
    pub id: FactId,
    /// What it is about.
    pub kind: FactKind,
    /// The words.
    pub text: String,
    /// Always in the window.
    pub required: bool,
    /// The turn that it comes from; without one it is the application's word.
    pub source: Option<Sequence>,
    /// Byte range of the source turn's searchable text.
    pub source_span: Option<(u32, u32)>,
    /// Idempotency key of the pin, or empty.
    pub request_id: String,
    /// When it was pinned.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
