//! redb 4 behind [`ConversationStore`]: one table, a durable transaction for
//! each commit, readers on snapshots.
//!
//! After any failed write redb refuses every call until it is opened again. A
//! full disk that failed a write only is reported as such and redb is opened
//! again, which takes it back to the last durable transaction; any other failure
//! poisons the store, and redb is opened again for the readers alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::ops::{Bound, ControlFlow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use redb::backends::FileBackend;
use redb::{BackendError, Database, Durability, ReadableDatabase, StorageBackend, TableDefinition};

use super::durable::{DiskSync, FileSync, sync_tree};
use super::open::{DirectoryLock, prepare, unusable};
use super::{
    ConversationStore, Direction, StoreError, StoreHealth, StoreKind, StoreOptions, Write, space,
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
    dir: PathBuf,
    cache_bytes: u64,
    _lock: DirectoryLock,
}

/// Where redb's syncs go.
struct Disk {
    sync: Arc<dyn FileSync>,
    path: PathBuf,
    /// What the first failed sync said.
    failed: Mutex<Option<String>>,
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
        let disk = Arc::new(Disk { sync, path, failed: Mutex::new(None) });
        let db = open_database(&disk, options.cache_bytes)?;
        sync_tree(&*disk.sync, &dir).map_err(|error| unusable(&dir, "cannot be synced", &error))?;
        Ok(Self {
            db: RwLock::new(Some(db)),
            poison: Mutex::new(None),
            full: Mutex::new(false),
            disk,
            dir,
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

    fn write(&self, batch: &[Write]) -> Result<(), redb::Error> {
        let db = self.db.read();
        let db = db.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let mut transaction = db.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
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
        let sync_failed = self.disk.failed.lock().clone();
        let opened = open_database(&self.disk, self.cache_bytes);
        let opened_again = opened.is_ok();
        match opened {
            Ok(opened) => *db = Some(opened),
            Err(error) => tracing::error!(%error, "redb could not be opened again"),
        }
        drop(db);
        let full = matches!(error, redb::Error::Io(io) if io.kind() == ErrorKind::StorageFull);
        if full && sync_failed.is_none() && opened_again {
            *self.full.lock() = true;
            return StoreError::Full { path: self.dir.display().to_string() };
        }
        let cause = sync_failed.unwrap_or_else(|| error.to_string());
        let cause = format!("{}: {cause}", self.disk.path.display());
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
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
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

    fn commit(&self, batch: &[Write]) -> Result<(), StoreError> {
        if let Some(cause) = self.poison.lock().clone() {
            return Err(StoreError::Poisoned { cause });
        }
        space::check(&self.dir, batch)?;
        self.write(batch).map_err(|error| self.write_failed(&error))?;
        *self.full.lock() = false;
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

fn open_database(disk: &Arc<Disk>, cache_bytes: u64) -> Result<Database, StoreError> {
    let opened = catch_unwind(AssertUnwindSafe(|| -> Result<Database, redb::Error> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&disk.path)?;
        let own = file.try_clone()?;
        let backend = SyncedFile { inner: FileBackend::new(file)?, own, disk: Arc::clone(disk) };
        let db = redb::Builder::new()
            .set_cache_size(usize::try_from(cache_bytes).unwrap_or(usize::MAX))
            .create_with_backend(backend)?;
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
        disk.path.display()
    )))
}

/// redb's own file backend, with the syncs through [`FileSync`].
struct SyncedFile {
    inner: FileBackend,
    /// A second handle of the same file, for syncing.
    own: File,
    disk: Arc<Disk>,
}

impl std::fmt::Debug for SyncedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncedFile").field("path", &self.disk.path).finish_non_exhaustive()
    }
}

type Edge = Bound<u64>;

impl StorageBackend for SyncedFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync.file(&self.own, &self.disk.path).inspect_err(|error| {
            self.disk.failed.lock().get_or_insert_with(|| error.to_string());
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
