//! From options to an open engine: makes the directory, locks it against a
//! second process, checks its format, clears what a crash left.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::durable::{DiskSync, FileSync, sync_entry};
use super::engine_redb::RedbEngine;
use super::engine_sled::SledEngine;
use super::{ConversationStore, StoreError, format};

/// Commits that may wait, unless configured.
const DEFAULT_WAITING_COMMITS: usize = 4096;
/// Page cache of the engine, unless configured.
const DEFAULT_CACHE_BYTES: u64 = 256 << 20;

/// Which engine keeps the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// sled 0.34: a log-structured tree; the default.
    #[default]
    Sled,
    /// redb 4: a copy-on-write B-tree in one file.
    Redb,
}

impl StoreKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Sled, Self::Redb];

    /// As given on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        }
    }

    /// The engine's file or folder in the data directory.
    pub(super) fn files(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StoreKind {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            StoreError::Open(format!("no store is called {text:?}: choose sled or redb"))
        })
    }
}

/// Where and how to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The engine; a directory keeps the one that made it.
    pub kind: StoreKind,
    /// The data directory, made if absent. One process at a time.
    pub dir: PathBuf,
    /// Commits that may wait before [`StoreError::Overloaded`]; at least 1,
    /// default 4,096.
    pub max_waiting_commits: usize,
    /// Memory for the engine's page cache, bytes, default 256 MiB. sled counts
    /// serialized bytes; its memory is up to three times as much.
    pub cache_bytes: u64,
}

impl StoreOptions {
    /// The defaults for a directory.
    pub fn new(kind: StoreKind, dir: impl Into<PathBuf>) -> Self {
        Self {
            kind,
            dir: dir.into(),
            max_waiting_commits: DEFAULT_WAITING_COMMITS,
            cache_bytes: DEFAULT_CACHE_BYTES,
        }
    }
}

/// Opens the engine that the options name.
pub(super) fn engine(options: &StoreOptions) -> Result<Arc<dyn ConversationStore>, StoreError> {
    Ok(match options.kind {
        StoreKind::Sled => Arc::new(SledEngine::open(options, Arc::new(DiskSync))?),
        StoreKind::Redb => Arc::new(RedbEngine::open(options)?),
    })
}

/// The right to use a data directory; given back when dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

/// Makes the data directory, takes its lock and checks its format.
pub(super) fn prepare(
    dir: &Path,
    kind: StoreKind,
    sync: &dyn FileSync,
) -> Result<DirectoryLock, StoreError> {
    fs::create_dir_all(dir).map_err(|error| unusable(dir, "cannot be made", &error))?;
    let path = dir.join("LOCK");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| unusable(dir, "is not writable", &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Open(format!(
                "{} is in use by another throughline process: stop it, or choose another \
                 --data-dir",
                dir.display()
            )));
        }
        Err(TryLockError::Error(error)) => {
            return Err(unusable(dir, "cannot be locked", &error));
        }
    }
    format::check_or_write(dir, kind, sync)?;
    sync_entry(sync, dir).map_err(|error| unusable(dir, "cannot be synced", &error))?;
    Ok(DirectoryLock { _file: file })
}

/// The error for a directory that the system does not let us use.
pub(super) fn unusable(dir: &Path, what: &str, error: &std::io::Error) -> StoreError {
    StoreError::Open(format!(
        "the data directory {} {what} ({error}): check its permissions and its disk, or choose \
         another --data-dir",
        dir.display()
    ))
}
