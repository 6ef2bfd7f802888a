//! The only source of truth. A [`ConversationStore`] is a small ordered
//! key-value engine whose `commit` means fsync; [`Store`] stands in front of it:
//! it splits records into chunks of at most 4 KiB, checks them on reading, and
//! shares one sync between all commits that wait (group commit).
//!
//! Invariants: nothing is answered before it is durable, but what a caller can make
//! again and does not tell as done ([`Store::commit_soon`]); a failed sync poisons
//! the store (reads go on, writes never again until a restart); keys come from
//! [`keys`] alone.

mod batch;
mod committer;
mod durable;
mod engine_redb;
mod engine_sled;
mod facade;
mod format;
pub mod keys;
mod layout;
mod open;
mod reader;
mod record;
mod redb_file;
mod space;

use std::ops::ControlFlow;

pub use batch::{Batch, MAX_BATCH_BYTES};
pub use committer::{CommitCounts, MAX_WAITING_BYTES};
pub use durable::{DiskSync, FileSync};
pub use engine_redb::RedbEngine;
pub use engine_sled::SledEngine;
pub use facade::Store;
pub use format::FORMAT_VERSION;
pub use open::{StoreKind, StoreOptions};
pub use record::MAX_CHUNK_BYTES;
pub use space::MIN_FREE_BYTES;

/// Longest record, bytes.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// Which way a scan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// Receives the pairs of a scan of an engine until it breaks.
pub type VisitPair<'v> = &'v mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Whether a scan goes on behind what was visited. An error ends it too, and is
/// what the scan then fails with.
pub type Visited = Result<ControlFlow<()>, StoreError>;

/// Receives the whole records of a scan until it breaks or fails.
pub type VisitRecord<'v> = &'v mut dyn FnMut(&[u8], Vec<u8>) -> Visited;

/// Receives the keys of the records of a scan until it breaks or fails.
pub type VisitKey<'v> = &'v mut dyn FnMut(&[u8]) -> Visited;

/// What a store can fail with. Each variant says who must act.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; reads go on. Operator: free space; caller: retry later.
    #[error("no space left in {path}: free disk space, then retry; reads go on")]
    Full {
        /// The data directory.
        path: String,
    },
    /// A sync failed before: no more writes until a restart. Operator.
    #[error(
        "the store was poisoned by a failed sync ({cause}): restart the server after checking the disk"
    )]
    Poisoned {
        /// What the failed sync said.
        cause: String,
    },
    /// Too many commits wait. Caller: retry with a delay.
    #[error(
        "{waiting} commits wait to be written (the limits are {limit}, and {} MiB together): retry later",
        MAX_WAITING_BYTES >> 20
    )]
    Overloaded {
        /// Commits waiting now.
        waiting: usize,
        /// The limit.
        limit: usize,
    },
    /// A record or a batch is over its limit; nothing was written. Caller: send less.
    #[error("{bytes} bytes are too many to be written at once, the limit is {limit}")]
    TooLarge {
        /// Bytes of the record or of the batch.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// What a commit stands on was taken back when the disk was full. Nobody outside is
    /// told: whoever made it makes it again.
    #[error("what this stands on was taken back by a full disk: it is made again")]
    TakenBack,
    /// The server is shutting down. Caller: retry elsewhere.
    #[error("the store is closed")]
    Closed,
    /// A record does not match its checksum or cannot be read. Operator.
    #[error("corrupt record at key {key}: {detail}")]
    Corrupt {
        /// The key, hex.
        key: String,
        /// What is wrong.
        detail: String,
    },
    /// The data directory cannot be used. Operator.
    #[error("{0}")]
    Open(String),
    /// Anything else that the engine reports. Operator.
    #[error("storage engine: {0}")]
    Engine(String),
}

/// Whether the store takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// All well.
    Serving,
    /// The disk is full: reads only.
    Full,
    /// A sync failed: reads only, until a restart.
    Poisoned(String),
}

/// When a commit is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it returns.
    OnReturn,
    /// When the next one with [`Durability::OnReturn`] returns; until then a crash may
    /// take it back, with all that came behind it.
    WithNext,
}

/// One write of a raw batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a value of at most 4 KiB.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key; no error if it is absent.
    Delete(Vec<u8>),
}

/// An ordered key-value engine with durable atomic batches. Blocking; called
/// from the committer's thread (`commit`) and from any thread (the rest). A read
/// never waits for a sync; it may see a batch before `commit` has returned.
pub trait ConversationStore: Send + Sync + 'static {
    /// `sled`, `redb`.
    fn kind(&self) -> &'static str;

    /// Reads one value.
    ///
    /// # Errors
    /// [`StoreError::Engine`] or [`StoreError::Corrupt`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the pairs with `start <= key < end` in order, until `visit` breaks.
    /// An empty `end` is no bound. `visit` may call `get` and `scan`, and must
    /// not hold up a `commit` of another thread. Commits that finish during the
    /// scan may be seen or not, key by key.
    ///
    /// # Errors
    /// [`StoreError::Engine`] or [`StoreError::Corrupt`].
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: VisitPair<'_>,
    ) -> Result<(), StoreError>;

    /// Applies all writes atomically, in order, and returns when they can be read
    /// and are as durable as is asked.
    ///
    /// # Errors
    /// [`StoreError::Full`] when nothing was applied for want of space,
    /// [`StoreError::Poisoned`] after a failed sync, now or before.
    fn commit(&self, batch: &[Write], durability: Durability) -> Result<(), StoreError>;

    /// Whether it takes writes.
    fn health(&self) -> StoreHealth;
}
