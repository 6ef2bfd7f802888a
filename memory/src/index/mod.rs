//! Finding turns. A [`TurnIndex`] scores the turns of branches against a query,
//! by cosine and by BM25, and leaves what that means to [`crate::retrieval`].
//!
//! The index is never believed: it is derived, the caller checks hits against
//! the store, and it can be rebuilt from there at any time.

pub mod analyse;
pub(crate) mod bm25;
pub mod exact;
mod matches;
pub mod qdrant;
pub(crate) mod select;

pub use self::{
    exact::Prepared,
    matches::{BranchMatches, Match, Matches, Signals},
};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    embed::Vector,
    store::StoreError,
    turn::{ConversationId, Role, Sequence, TenantId},
};

/// A piece of a turn's searchable text with its vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// First byte in [`crate::turn::Turn::searchable_text`].
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Its embedding.
    pub vector: Vector,
}

/// A turn as the index sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedTurn {
    /// Place on the branch.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// Name of the speaker, or empty.
    pub speaker: String,
    /// When it was said.
    pub said_at: Timestamp,
    /// Searchable text.
    pub text: String,
    /// Vectors of its passages; empty while it is not embedded: then it is
    /// found by its words alone.
    pub passages: Vec<Passage>,
}

/// A run of sequences that one conversation holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// The conversation that stores the turns.
    pub conversation: ConversationId,
    /// First sequence.
    pub from: Sequence,
    /// Last sequence, `Sequence::MAX` for the open end.
    pub until: Sequence,
}

/// What a conversation consists of: its own turns and, for a fork, the shared
/// prefix. Segments are in order, without gaps, and end with its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Branch {
    /// Whose.
    pub tenant: TenantId,
    /// The conversation that is read.
    pub conversation: ConversationId,
    /// Where its turns are stored.
    pub segments: Vec<Segment>,
}

/// Gives an index the turns of a branch from the store, with their vectors, in
/// order, forgotten ones left out.
pub trait TurnSource: Send + Sync + 'static {
    /// Reads them all. Blocking.
    ///
    /// # Errors
    /// What the store reports.
    fn load(&self, branch: &Branch) -> Result<Vec<IndexedTurn>, StoreError>;
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct IndexQuery {
    /// The words.
    pub text: String,
    /// Their embedding; absent when the embedder did not answer.
    pub vector: Option<Vector>,
    /// An index that does not score every turn gives at least this many.
    pub limit: usize,
    /// What [`TurnIndex::prepare`] gave for the same branches and text.
    pub prepared: Option<Prepared>,
}

/// What an index can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IndexError {
    /// The store failed underneath.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index server does not answer. Caller: goes on without it.
    #[error("vector index unavailable: {0}")]
    Unavailable(String),
    /// The index server refused. Operator.
    #[error("vector index: {0}")]
    Refused(String),
}

/// A searchable view of the turns.
#[async_trait]
pub trait TurnIndex: Send + Sync + 'static {
    /// `exact`, `qdrant`.
    fn kind(&self) -> &'static str;

    /// Where it keeps turns of its own beside the store. An index with another
    /// place knows nothing of what this one was told; one without a place reads
    /// the store and lacks nothing.
    fn place(&self) -> Option<String> {
        None
    }

    /// Returns when its place had to be made anew, with nothing in it: everything
    /// is to be told it again. Once for each time.
    async fn emptied(&self) {
        std::future::pending().await
    }

    /// Takes in turns that `owner` stores, or replaces them. Returns when a
    /// search finds them and, for an index with a disk of its own, when they
    /// are on it.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn upsert(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        user_id: &str,
        turns: Vec<IndexedTurn>,
    ) -> Result<(), IndexError>;

    /// Does what a search needs no vector for, while the query is being embedded.
    /// Nothing for an index that asks for all at once.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn prepare(
        &self,
        _branches: &[Branch],
        _text: &str,
    ) -> Result<Option<Prepared>, IndexError> {
        Ok(None)
    }

    /// Scores the turns of all branches as one corpus (one set of term
    /// statistics over all of them).
    ///
    /// # Errors
    /// [`IndexError`].
    async fn search(
        &self,
        branches: &[Branch],
        query: &IndexQuery,
    ) -> Result<Vec<BranchMatches>, IndexError>;

    /// Takes out single turns that `owner` stores, wherever they are shared.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn remove_turns(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<(), IndexError>;

    /// Takes out all turns that `owner` stores from `from` on.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn remove_conversation(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
    ) -> Result<(), IndexError>;
}
