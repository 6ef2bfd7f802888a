//! sled 0.34 behind [`ConversationStore`]: one tree, atomic batches.
//!
//! What sled itself calls durable is not (Linux): `flush()` is
//! `sync_file_range`, which leaves the file's length and the disk's cache to
//! chance. So a commit is `apply_batch`, `flush()` (which hands every buffer to
//! the kernel), then `sync_data()` on our own handle of the same file: syncing
//! works per file, not per handle. Pages over 128 KiB go to files in `blobs/`
//! that sled never syncs; no value is long enough to make such a page, and
//! should one appear it is synced before the answer, with its directory.
//!
//! After a failed write sled keeps the error for good and soon fails to read too.
//! When the cause was a full disk, and no sync failed, it is opened again at
//! once: what was acknowledged is on the disk, and an incomplete batch is dropped
//! by its recovery. Any other failure poisons the store.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::durable::{FileSync, sync_tree};
use super::open::{DirectoryLock, prepare, unusable};
use super::space::{self, Ballast};
use super::{
    ConversationStore, Direction, Durability, StoreError, StoreHealth, StoreKind, StoreOptions,
    VisitPair, Write,
};

/// sled's background tasks may hold its file a moment longer than the database.
const RELEASE_WAIT: Duration = Duration::from_secs(5);

/// A sled database in a data directory.
pub struct SledEngine {
    /// `None` while, and if, it cannot be opened again. Held for writing by that
    /// alone.
    db: RwLock<Option<sled::Db>>,
    files: Mutex<Files>,
    state: Mutex<State>,
    sync: Arc<dyn FileSync>,
    /// The data directory.
    dir: PathBuf,
    ballast: Ballast,
    cache_bytes: u64,
    _lock: DirectoryLock,
}

/// What a commit syncs beside sled; only the committer uses it.
struct Files {
    log: File,
    log_path: PathBuf,
    blobs: PathBuf,
    /// Names in `blobs` that are on the disk. sled never writes one twice.
    synced: HashSet<OsString>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Serving,
    /// The last write found no space.
    Full,
    Poisoned(String),
}

impl SledEngine {
    /// Opens or makes the database in `options.dir`; every file that is there
    /// afterwards is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Open`], with the mend.
    pub fn open(options: &StoreOptions, sync: Arc<dyn FileSync>) -> Result<Self, StoreError> {
        let lock = prepare(&options.dir, StoreKind::Sled, &*sync)?;
        let dir = options.dir.join(StoreKind::Sled.files());
        let (db, files) = open_database(&dir, options.cache_bytes, &*sync)?;
        Ok(Self {
            db: RwLock::new(Some(db)),
            files: Mutex::new(files),
            state: Mutex::new(State::Serving),
            sync,
            ballast: Ballast::put(&options.dir),
            dir: options.dir.clone(),
            cache_bytes: options.cache_bytes,
            _lock: lock,
        })
    }

    fn database(&self) -> Result<sled::Db, StoreError> {
        let db = self.db.read();
        db.clone().ok_or_else(|| StoreError::Engine("sled could not be opened again".to_owned()))
    }

    fn poison(&self, cause: String) -> StoreError {
        *self.state.lock() = State::Poisoned(cause.clone());
        StoreError::Poisoned { cause }
    }

    /// Opens sled again on a full disk.
    fn reopen(&self, files: &mut Files) -> Result<(), StoreError> {
        let mut db = self.db.write();
        *db = None;
        self.ballast.release();
        let dir = self.dir.join(StoreKind::Sled.files());
        let (opened, its_files) = open_database(&dir, self.cache_bytes, &*self.sync)?;
        *db = Some(opened);
        *files = its_files;
        Ok(())
    }

    /// Decides what a failed write means.
    fn write_failed(&self, error: &sled::Error, files: &mut Files) -> StoreError {
        let mut cause = format!("writing {}: {error}", files.log_path.display());
        let full = matches!(error, sled::Error::Io(io) if io.kind() == ErrorKind::StorageFull);
        // A full disk that shows only in writing back is a failed sync, and our
        // own handle reports that too.
        if full && self.sync.file(&files.log, &files.log_path).is_ok() {
            match self.reopen(files) {
                Ok(()) => {
                    *self.state.lock() = State::Full;
                    return StoreError::Full { path: self.dir.display().to_string() };
                }
                Err(error) => cause = format!("{cause}; then {error}"),
            }
        }
        self.poison(cause)
    }

    /// Syncs what lies in `blobs/` and was not synced before.
    fn sync_blobs(&self, files: &mut Files) -> std::io::Result<()> {
        let mut present = HashSet::new();
        let mut new = false;
        for entry in fs::read_dir(&files.blobs)? {
            let entry = entry?;
            if !files.synced.contains(&entry.file_name()) {
                let path = entry.path();
                match File::open(&path) {
                    Ok(file) => self.sync.file(&file, &path)?,
                    // sled removes those it no longer points to.
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                new = true;
            }
            present.insert(entry.file_name());
        }
        if new {
            tracing::warn!(files = present.len(), "sled wrote pages outside its log");
            self.sync.directory(&files.blobs)?;
        }
        files.synced = present;
        Ok(())
    }
}

impl ConversationStore for SledEngine {
    fn kind(&self) -> &'static str {
        StoreKind::Sled.name()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.database()?.get(key).map_err(read_failed)?.map(|value| value.to_vec()))
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
        let mut pairs = self.database()?.range::<&[u8], _>((Bound::Included(start), upper));
        loop {
            let pair = match direction {
                Direction::Forward => pairs.next(),
                Direction::Backward => pairs.next_back(),
            };
            let Some((key, value)) = pair.transpose().map_err(read_failed)? else { break };
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn commit(&self, batch: &[Write], durability: Durability) -> Result<(), StoreError> {
        let mut files = self.files.lock();
        let state = self.state.lock().clone();
        if let State::Poisoned(cause) = state {
            return Err(StoreError::Poisoned { cause });
        }
        space::check(&self.dir, batch)?;
        if state == State::Full {
            self.ballast.restore();
        }
        let mut writes = sled::Batch::default();
        for write in batch {
            match write {
                Write::Put(key, value) => writes.insert(key.as_slice(), value.as_slice()),
                Write::Delete(key) => writes.remove(key.as_slice()),
            }
        }
        let written = {
            // Not held longer: opening sled again needs the last handle gone.
            let db = self.database()?;
            let applied = db.apply_batch(writes);
            if durability == Durability::OnReturn {
                applied.and_then(|()| db.flush().map(|_| ()))
            } else {
                applied
            }
        };
        if let Err(error) = written {
            return Err(self.write_failed(&error, &mut files));
        }
        if durability == Durability::WithNext {
            return Ok(());
        }
        let synced = self.sync.file(&files.log, &files.log_path);
        if let Err(error) = synced.and_then(|()| self.sync_blobs(&mut files)) {
            return Err(self.poison(format!("syncing {}: {error}", self.dir.display())));
        }
        *self.state.lock() = State::Serving;
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        match &*self.state.lock() {
            State::Serving => StoreHealth::Serving,
            State::Full => StoreHealth::Full,
            State::Poisoned(cause) => StoreHealth::Poisoned(cause.clone()),
        }
    }
}

fn read_failed(error: sled::Error) -> StoreError {
    StoreError::Engine(format!("sled cannot read: {error}"))
}

fn open_database(
    dir: &Path,
    cache_bytes: u64,
    sync: &dyn FileSync,
) -> Result<(sled::Db, Files), StoreError> {
    let failed = |error: std::io::Error| unusable(dir, "cannot be opened", &error);
    fs::create_dir_all(dir).map_err(failed)?;
    remove_half_snapshots(dir).map_err(failed)?;
    let db = open_patiently(dir, cache_bytes)?;
    let log_path = dir.join("db");
    let blobs = dir.join("blobs");
    let log = OpenOptions::new().read(true).write(true).open(&log_path).map_err(failed)?;
    sync_tree(sync, dir).map_err(failed)?;
    let mut synced = HashSet::new();
    for entry in fs::read_dir(&blobs).map_err(failed)? {
        synced.insert(entry.map_err(failed)?.file_name());
    }
    Ok((db, Files { log, log_path, blobs, synced }))
}

/// Removes snapshots that a crash left half written: sled takes them for whole
/// ones and refuses to open. They are a cache; the log has everything.
fn remove_half_snapshots(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::info!(%name, "removing a half-written snapshot");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Opens sled; waits a little for a predecessor in this process to let go.
fn open_patiently(dir: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let deadline = Instant::now() + RELEASE_WAIT;
    loop {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            .use_compression(false)
            .flush_every_ms(None);
        // sled asserts what it expects of its files.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let error = match opened {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not find its files as it left them".to_owned(),
        };
        if error.contains("could not acquire lock") && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(5));
            continue;
        }
        return Err(StoreError::Open(format!(
            "sled cannot open {} ({error}): check that no other program uses it; if the files are \
             damaged, restore the data directory from a backup",
            dir.display()
        )));
    }
}
