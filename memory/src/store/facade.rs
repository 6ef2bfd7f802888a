//! [`Store`]: whole records in, whole records out, over any engine.
//!
//! The engine module of the domain holds one `Arc<Store>`. Reads are blocking
//! and do not wait for commits; commits share syncs with whatever else waits.

use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};

use tokio::sync::oneshot;

use super::batch::Batch;
use super::committer::{CommitCounts, Committer, Terms};
use super::open::{self, StoreOptions};
use super::reader::{self, Scan};
use super::{
    ConversationStore, Direction, Durability, StoreError, StoreHealth, VisitKey, VisitRecord, keys,
};

/// The store of records. Dropping it closes it.
pub struct Store {
    committer: Committer,
    engine: Arc<dyn ConversationStore>,
}

impl Store {
    /// Opens the data directory, or makes it.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the mend: not writable, open in another
    /// process, another engine's files, an unknown format version.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        Self::with_engine(open::engine(options)?, options.max_waiting_commits)
    }

    /// Puts the store in front of an engine that is open: tests and fault layers.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the committing thread cannot be started.
    pub fn with_engine(
        engine: Arc<dyn ConversationStore>,
        max_waiting_commits: usize,
    ) -> Result<Self, StoreError> {
        let committer = Committer::start(Arc::clone(&engine), max_waiting_commits)?;
        Ok(Self { committer, engine })
    }

    /// `sled`, `redb`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.engine.kind()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it does not match its checksum,
    /// [`StoreError::Engine`] when the engine fails.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        reader::read(&*self.engine, self.committer.commits(), key)
    }

    /// Visits the records with `start <= key < end` in the order of their keys,
    /// until `visit` breaks or fails. An empty `end` is no bound. No key may be the
    /// beginning of another ([`super::keys`] makes none that is); the order of
    /// two such records is that of their first chunks.
    ///
    /// Each record is one version; commits that finish during the scan may be
    /// seen.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] at the first record that does not hold together,
    /// after those before it were visited; [`StoreError::Engine`]; the first error
    /// of `visit`, after which nothing is visited.
    pub fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: VisitRecord<'_>,
    ) -> Result<(), StoreError> {
        let commits = self.committer.commits();
        Scan::new(&*self.engine, commits, (start, end), direction).run(visit)
    }

    /// Visits the keys of the records with `start <= key < end`, ascending,
    /// until `visit` breaks or fails. An empty `end` is no bound. Values are not
    /// checked.
    ///
    /// # Errors
    /// [`StoreError::Engine`] or [`StoreError::Corrupt`]; the first error of `visit`,
    /// after which nothing is visited.
    pub fn scan_keys(
        &self,
        start: &[u8],
        end: &[u8],
        visit: VisitKey<'_>,
    ) -> Result<(), StoreError> {
        reader::scan_keys(&*self.engine, (start, end), visit)
    }

    /// Adds to a batch what removes the records whose keys begin with `prefix`.
    ///
    /// # Errors
    /// As [`Store::scan_keys`].
    pub fn delete_below(&self, batch: &mut Batch, prefix: &[u8]) -> Result<(), StoreError> {
        let (start, end) = keys::prefix_range(prefix);
        self.scan_keys(&start, &end, &mut |key| {
            batch.delete(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Writes a batch; it is on the disk when this returns. A batch whose future
    /// is dropped is still written whole or, when it was not yet accepted, not
    /// at all.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`], [`StoreError::TooLarge`] and
    /// [`StoreError::Closed`] at once, nothing written; [`StoreError::Full`],
    /// not acknowledged and safe to retry; [`StoreError::Poisoned`], unknown
    /// whether it is on the disk, and the last answer until a restart.
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.commit_on(batch, Terms { durability: Durability::OnReturn, since: None }).await
    }

    /// Writes a batch that can be made again: it can be read when this returns, and is
    /// on the disk with the next [`Store::commit`] behind it. Until then a crash may
    /// take it back. Nobody must be told of it as done, and what says in the store that
    /// it is done must be committed behind it.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_soon(&self, batch: Batch) -> Result<(), StoreError> {
        self.commit_on(batch, Terms { durability: Durability::WithNext, since: None }).await
    }

    /// How often what was not on the disk has been taken back while the store was open:
    /// for [`Store::commit_behind`].
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.committer.losses()
    }

    /// [`Store::commit`] of what stands on batches of [`Store::commit_soon`]: nothing is
    /// written if one may have been taken back since [`Store::losses`] was `since`.
    ///
    /// # Errors
    /// Those of [`Store::commit`], and [`StoreError::TakenBack`].
    pub async fn commit_behind(&self, batch: Batch, since: u64) -> Result<(), StoreError> {
        self.commit_on(batch, Terms { durability: Durability::OnReturn, since: Some(since) }).await
    }

    async fn commit_on(&self, batch: Batch, terms: Terms) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        // A caller that is gone does not need its answer.
        let answer = move |outcome| drop(sender.send(outcome));
        self.committer.submit(batch, terms, Box::new(answer))?;
        receiver.await.unwrap_or(Err(StoreError::Closed))
    }

    /// [`Store::commit`] for callers outside the async runtime.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let terms = Terms { durability: Durability::OnReturn, since: None };
        let answer = move |outcome| drop(sender.send(outcome));
        self.committer.submit(batch, terms, Box::new(answer))?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Whether it takes writes.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.committer.health()
    }

    /// Commits that may wait before [`StoreError::Overloaded`].
    #[must_use]
    pub fn max_waiting_commits(&self) -> usize {
        self.committer.max_waiting()
    }

    /// What was committed since it was opened.
    #[must_use]
    pub fn commit_counts(&self) -> CommitCounts {
        self.committer.counts()
    }

    /// Writes what was accepted, then refuses commits with
    /// [`StoreError::Closed`]; reads go on. Returns when the last accepted batch
    /// was answered.
    pub fn close(&self) {
        self.committer.close();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("kind", &self.kind()).field("health", &self.health()).finish()
    }
}
