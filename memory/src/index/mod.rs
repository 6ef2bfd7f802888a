//! Finding turns. A [`TurnIndex`] scores the turns of branches against a query,
//! by cosine and by BM25, and leaves what that means to [`crate::retrieval`].
//!
//! The index is never believed: it is derived, the caller checks hits against
//! the store, and it can be rebuilt from there at any time.

pub mod analyse;
mod bm25;
pub mod exact;
pub mod qdrant;
pub(crate) mod select;

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
}

/// How one turn matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The turn.
    pub sequence: Sequence,
    /// Cosine of its best passage, -1 to 1; absent if it is not embedded or the
    /// index did not return it.
    pub dense: Option<f32>,
    /// The same around the centre of the branch: with the mean of its passages
    /// taken off both, which tells turns of one topic apart.
    pub dense_centred: Option<f32>,
    /// Of the turn's first passage, around the centre.
    pub dense_first: Option<f32>,
    /// BM25 score, >= 0; 0 without a common term.
    pub bm25: f32,
    /// BM25 over the turn with its neighbourhood, >= 0: what was said just
    /// before and after counts the less the farther away it is.
    pub bm25_window: f32,
    /// IDF of the pairs of words that stand side by side in query and turn, >= 0.
    pub bigram: f32,
    /// Byte range of the best passage.
    pub passage: Option<(u32, u32)>,
}

impl Match {
    /// A turn that matches in nothing.
    pub fn none(sequence: Sequence) -> Self {
        Self {
            sequence,
            dense: None,
            dense_centred: None,
            dense_first: None,
            bm25: 0.0,
            bm25_window: 0.0,
            bigram: 0.0,
            passage: None,
        }
    }

    /// Lets the plain signals stand for those that need the whole branch: for an
    /// index that sees the best turns alone.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.dense_centred = self.dense;
        self.dense_first = self.dense;
        self.bm25_window = self.bm25;
        self
    }
}

/// The matches of one branch, in ascending sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct BranchMatches {
    /// The conversation of the branch that was searched.
    pub conversation: ConversationId,
    /// Every turn (`exact`), or the best of each kind of score (`qdrant`).
    pub matches: Vec<Match>,
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
