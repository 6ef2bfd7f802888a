//! What a conversation is made of: turns with typed parts, and the names by
//! which they are known. Plain values; this module does no I/O.

mod ids;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use ids::{ConversationId, FactId, IdError, TenantId};

/// Place of a turn on its branch: dense, from 1, never changes.
pub type Sequence = u64;

/// Who said a turn. Authority follows the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// The application itself.
    System,
    /// The person; in talk between people, every speaker.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// Lower-case name, as chat completion APIs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// A piece of a turn; byte-equal on return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Plain text; searched and embedded.
    Text(String),
    /// The model asked for a tool.
    ToolCall {
        /// Id that the result refers to.
        call_id: String,
        /// Name of the tool.
        name: String,
        /// Arguments as JSON text, byte for byte.
        arguments_json: String,
    },
    /// What a tool answered.
    ToolResult {
        /// The call that it answers.
        call_id: String,
        /// The answer, byte for byte.
        content: String,
    },
    /// Kept and never read.
    Opaque {
        /// IANA media type.
        media_type: String,
        /// Where the bytes are.
        source: OpaqueSource,
        /// Tokens that it costs in a window, by the caller's word.
        token_cost: u32,
    },
}

/// Where the bytes of an opaque part are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpaqueSource {
    /// Here.
    Data(Vec<u8>),
    /// Somewhere that the application knows.
    Uri(String),
}

/// A turn as it is appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTurn {
    /// Who says it.
    pub role: Role,
    /// Name of the speaker; empty if there is only one of the role.
    pub speaker: String,
    /// What is said.
    pub parts: Vec<Part>,
    /// When, by the application's clock; the time of arrival if absent.
    pub said_at: Option<Timestamp>,
    /// Idempotency key; drawn by the engine if absent.
    pub client_turn_id: Option<String>,
    /// Free data of the application, in the server's encoding; never read here.
    pub metadata: Vec<u8>,
}

/// A turn as it is stored. A forgotten turn keeps its place and loses all
/// content (`parts`, `speaker`, `metadata` are empty).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Place on the branch.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// Name of the speaker, or empty.
    pub speaker: String,
    /// What was said.
    pub parts: Vec<Part>,
    /// When it was said, by the application's clock.
    pub said_at: Timestamp,
    /// When it was taken in.
    pub created_at: Timestamp,
    /// Idempotency key.
    pub client_turn_id: String,
    /// Free data of the application.
    pub metadata: Vec<u8>,
    /// Its content was erased.
    pub forgotten: bool,
}

impl Turn {
    /// The text that is searched and embedded: text parts, tool calls as
    /// `name arguments` and tool results, one a line. Opaque parts never.
    pub fn searchable_text(&self) -> String {
        searchable_text(&self.parts)
    }
}

/// See [`Turn::searchable_text`].
pub fn searchable_text(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        let pieces: [&str; 2] = match part {
            Part::Text(content) | Part::ToolResult { content, .. } => [content, ""],
            Part::ToolCall { name, arguments_json, .. } => [name, arguments_json],
            Part::Opaque { .. } => continue,
        };
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(piece);
        }
    }
    text
}
