//! Client of Throughline, the conversation memory service for chat backends: one
//! connection, API key, deadlines, retries, idempotency keys, typed errors.
//!
//! Every unary method of the protocol is a method of [`Client`] that takes the
//! request as the protocol has it. [`Client::prepare_turn`] and
//! [`Client::commit_turn`] are the two calls that a chat backend makes for a turn.
//! Streams are called through [`Client::conversations`] and [`Client::degradation`].

mod chat;
mod client;
mod error;
mod media;
mod methods;
mod retry;
mod turn;

pub use chat::{
    Audio, ChatMessage, ContentPart, File, FunctionCall, MessageContent, RoleError, ToolCall, Url,
};
pub use client::{ApiKey, Client, ConnectError, Keyed, Settings};
pub use error::{Error, ErrorKind, FieldViolation};
pub use retry::RetryPolicy;
/// Messages of the protocol.
pub use throughline_proto::v1;
pub use turn::{Commit, Prepare, PreparedTurn};
