//! redb 4 behind [`ConversationStore`]: one table, a durable transaction for
//! each commit, readers on snapshots.
//!
//! After any failed write redb refuses every call until it is opened again. A
//! full disk that failed a write only is reported as such and redb is opened
//! again, which takes it back to the last durable transaction; any other failure
//! poisons the store, and redb is opened again for the readers alone.

use std::fs;
use std::io::ErrorKind;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition};

use super::durable::{DiskSync, FileSync, sync_tree};
use super::open::{DirectoryLock, prepare, unusable};
use super::redb_file::{Disk, FrozenFile, SyncedFile};
use super::space::{self, Ballast};
use super::{
    ConversationStore, Direction, Durability, StoreError, StoreHealth, StoreKind, StoreOptions,
    VisitPair, Write,
};

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");

/// A redb database in a data directory.
pub struct RedbEngine {
    /// `None` when it could not be opened again. Held for writing by that alone.
    db: RwLock<Option<Database>>,
    /// Why no more is written.
    poison: Mutex<Option<String>>,
    full: Mutex<bool>,
    disk: Arc<Disk>,
    /// The data directory.
    dir: PathBuf,
    ballast: Ballast,
    cache_bytes: u64,
    _lock: DirectoryLock,
}

impl RedbEngine {
    /// Opens or makes the database in `options.dir`.
    ///
    /// # Errors
    /// [`StoreError::Open`], with the mend.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        Self::open_with(options, Arc::new(DiskSync))
    }

    /// [`RedbEngine::open`] with every sync through `sync`.
    ///
    /// # Errors
    /// As [`RedbEngine::open`].
    pub fn open_with(options: &StoreOptions, sync: Arc<dyn FileSync>) -> Result<Self, StoreError> {
        let lock = prepare(&options.dir, StoreKind::Redb, &*sync)?;
        let dir = options.dir.join(StoreKind::Redb.files());
        fs::create_dir_all(&dir).map_err(|error| unusable(&dir, "cannot be made", &error))?;
        let path = dir.join("records.redb");
        let disk = Arc::new(Disk::new(sync, path));
        let db = open_for_writing(&disk, options.cache_bytes)?;
        sync_tree(disk.sync(), &dir).map_err(|error| unusable(&dir, "cannot be synced", &error))?;
        Ok(Self {
            db: RwLock::new(Some(db)),
            poison: Mutex::new(None),
            full: Mutex::new(false),
            disk,
            ballast: Ballast::put(&options.dir),
            dir: options.dir.clone(),
            cache_bytes: options.cache_bytes,
            _lock: lock,
        })
    }

    fn with_table<T>(
        &self,
        read: impl FnOnce(&redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let begun = {
            let db = self.db.read();
            let db = db.as_ref().ok_or_else(|| {
                StoreError::Engine("redb could not be opened again after a failure".to_owned())
            })?;
            db.begin_read().map_err(redb::Error::from)
        };
        begun
            .and_then(|transaction| Ok(transaction.open_table(RECORDS)?))
            .and_then(|table| read(&table))
            .map_err(|error| StoreError::Engine(format!("redb cannot read: {error}")))
    }

    fn write(&self, batch: &[Write], durability: Durability) -> Result<(), redb::Error> {
        let db = self.db.read();
        let db = db.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let mut transaction = db.begin_write()?;
        transaction.set_durability(match durability {
            Durability::OnReturn => redb::Durability::Immediate,
            Durability::WithNext => redb::Durability::None,
        })?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for write in batch {
                match write {
                    Write::Put(key, value) => {
                        table.insert(key.as_slice(), value.as_slice())?;
                    }
                    Write::Delete(key) => {
                        table.remove(key.as_slice())?;
                    }
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// Decides what a failed write means and opens redb again.
    fn write_failed(&self, error: &redb::Error) -> StoreError {
        let mut db = self.db.write();
        *db = None;
        let mut cause = self.disk.failed().unwrap_or_else(|| error.to_string());
        let full = matches!(error, redb::Error::Io(io) if io.kind() == ErrorKind::StorageFull);
        if full && self.disk.failed().is_none() {
            self.ballast.release();
            match open_for_writing(&self.disk, self.cache_bytes) {
                Ok(opened) => {
                    *db = Some(opened);
                    *self.full.lock() = true;
                    return StoreError::Full { path: self.dir.display().to_string() };
                }
                Err(error) => cause = error.to_string(),
            }
        }
        match open_for_reading(&self.disk, self.cache_bytes) {
            Ok(opened) => *db = Some(opened),
            Err(error) => tracing::error!(%error, "redb could not be opened again for reading"),
        }
        let cause = format!("{}: {cause}", self.disk.path().display());
        *self.poison.lock() = Some(cause.clone());
        StoreError::Poisoned { cause }
    }
}

impl ConversationStore for RedbEngine {
    fn kind(&self) -> &'static str {
        StoreKind::Redb.name()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with_table(|table| Ok(table.get(key)?.map(|value| value.value().to_vec())))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: VisitPair<'_>,
    ) -> Result<(), StoreError> {
        if !end.is_empty() && start >= end {
            return Ok(());
        }
        let upper = if end.is_empty() { Bound::Unbounded } else { Bound::Excluded(end) };
        self.with_table(|table| {
            let mut pairs = table.range::<&[u8]>((Bound::Included(start), upper))?;
            loop {
                let pair = match direction {
                    Direction::Forward => pairs.next(),
                    Direction::Backward => pairs.next_back(),
                };
                let Some((key, value)) = pair.transpose()? else { break };
                if visit(key.value(), value.value()).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn commit(&self, batch: &[Write], durability: Durability) -> Result<(), StoreError> {
        if let Some(cause) = self.poison.lock().clone() {
            return Err(StoreError::Poisoned { cause });
        }
        space::check(&self.dir, batch)?;
        if *self.full.lock() {
            self.ballast.restore();
        }
        self.write(batch, durability).map_err(|error| self.write_failed(&error))?;
        if durability == Durability::OnReturn {
            *self.full.lock() = false;
        }
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        match &*self.poison.lock() {
            Some(cause) => StoreHealth::Poisoned(cause.clone()),
            None if *self.full.lock() => StoreHealth::Full,
            None => StoreHealth::Serving,
        }
    }
}

fn open_for_writing(disk: &Arc<Disk>, cache_bytes: u64) -> Result<Database, StoreError> {
    open_database(disk, cache_bytes, SyncedFile::open)
}

/// Opens the file as it is; what redb writes to repair it stays in memory.
fn open_for_reading(disk: &Arc<Disk>, cache_bytes: u64) -> Result<Database, StoreError> {
    open_database(disk, cache_bytes, |disk: &Arc<Disk>| FrozenFile::open(disk))
}

fn open_database<B: StorageBackend>(
    disk: &Arc<Disk>,
    cache_bytes: u64,
    backend: impl FnOnce(&Arc<Disk>) -> Result<B, redb::Error>,
) -> Result<Database, StoreError> {
    // redb asserts what it expects of its file.
    let opened = catch_unwind(AssertUnwindSafe(|| -> Result<Database, redb::Error> {
        let db = redb::Builder::new()
            .set_cache_size(usize::try_from(cache_bytes).unwrap_or(usize::MAX))
            .create_with_backend(backend(disk)?)?;
        // Readers need the table to be there.
        let transaction = db.begin_write()?;
        transaction.open_table(RECORDS)?;
        transaction.commit()?;
        Ok(db)
    }));
    let why = match opened {
        Ok(Ok(db)) => return Ok(db),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not find its file as it left it".to_owned(),
    };
    Err(StoreError::Open(format!(
        "redb cannot open {} ({why}): check that no other program uses it; if the file is damaged, \
         restore the data directory from a backup",
        disk.path().display()
    )))
}
