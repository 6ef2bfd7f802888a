//! What the engine can answer with instead of a result. Each variant says who
//! must act; the server maps each to one gRPC status.

use crate::{
    context::AssembleError,
    embed::EmbedError,
    index::IndexError,
    store::StoreError,
    summary::SummarizeError,
    turn::{ConversationId, Sequence},
};

/// One field of a request that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path in the request, such as `turns[3].parts[0]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

impl FieldViolation {
    /// A violation of one field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// What the engine can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// Absent, or another tenant's: the same words for both. Caller.
    #[error("{kind} {id} not found: check its name, and whose API key this is")]
    NotFound {
        /// `conversation`, `turn`, `fact`.
        kind: &'static str,
        /// The id asked for.
        id: String,
    },
    /// An id is taken by other content. Caller.
    #[error(
        "{kind} {id} exists with other content ({existing}): give other content an id of its own"
    )]
    AlreadyExists {
        /// `conversation`, `client turn id`, `request id`.
        kind: &'static str,
        /// The id given.
        id: String,
        /// Name of what is stored under it.
        existing: String,
    },
    /// Another writer was first. Caller: read and try again.
    #[error(
        "expected last sequence {expected}, it is {actual}: read what came, then append behind it"
    )]
    SequenceMismatch {
        /// What the caller expected.
        expected: Sequence,
        /// What it is.
        actual: Sequence,
    },
    /// The conversation changed meanwhile. Caller: read and try again.
    #[error("expected revision {expected}, it is {actual}: read it again, then change that")]
    RevisionMismatch {
        /// What the caller expected.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// Fields that cannot be taken. Caller.
    #[error("invalid request: {}", .0.iter().map(|v| format!("{}: {}", v.field, v.description)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldViolation>),
    /// A named limit is reached. Caller: less, or later if `retry` is set.
    #[error("limit {limit} of {max} reached ({detail}): {}", mend(.retry))]
    LimitReached {
        /// Name of the limit in `GetServerInfo`.
        limit: &'static str,
        /// Its value.
        max: u64,
        /// What reached it.
        detail: String,
        /// Whether waiting helps.
        retry: bool,
    },
    /// Required pins do not fit the budget. Caller.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedder failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A summary could not be made. Tried again.
    #[error(transparent)]
    Summarize(#[from] SummarizeError),
    /// Summaries are switched off. Operator.
    #[error("summaries are switched off: start the server with summaries enabled")]
    NoSummaries,
    /// A turn was stored, and what was asked for beside it failed. Caller: as for the
    /// cause, and the turn is not to be sent again.
    #[error(
        "{cause}; the turn is stored as {turn}: ask for its window by BuildContext (sent again \
         it is stored again, unless it has a client_turn_id)"
    )]
    Stored {
        /// Name of the turn.
        turn: String,
        /// What failed.
        cause: Box<EngineError>,
    },
    /// The engine is shutting down. Caller: retry elsewhere.
    #[error("the server is shutting down")]
    Closed,
}

/// What a caller does about a limit.
fn mend(retry: &bool) -> &'static str {
    if *retry { "try again later" } else { "stay below it; GetServerInfo tells the limits" }
}

impl EngineError {
    pub(crate) fn conversation_not_found(id: &ConversationId) -> Self {
        Self::NotFound { kind: "conversation", id: id.to_string() }
    }

    pub(crate) fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldViolation::new(field, description)])
    }
}
