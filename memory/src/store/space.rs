//! Refuses a commit before the disk is full, because neither engine survives
//! running out of space in the middle of a write: sled keeps the error for good,
//! redb wants to be opened again.
//!
//! The check is no promise: another program may take the space between the check
//! and the write. The engine then fails, and must be opened again to go on
//! reading, which writes a little. For that there is a [`Ballast`].

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{StoreError, Write};

/// Free bytes that must remain on the data directory's file system.
pub const MIN_FREE_BYTES: u64 = 16 << 20;
/// Bytes of disk that a byte of a batch may take until its old versions are
/// collected: pages are rewritten whole.
const AMPLIFICATION: u64 = 4;

/// Bytes of the ballast: opening sled rewrites up to a segment of 512 KiB and its
/// table of pages, opening redb less.
const BALLAST_BYTES: usize = 8 << 20;

/// A file that is there to be removed when the disk is full.
pub(super) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    /// Puts the ballast into a data directory, if there is space for it.
    pub(super) fn put(dir: &Path) -> Self {
        let ballast = Self { path: dir.join("BALLAST") };
        ballast.restore();
        ballast
    }

    /// Frees the space.
    pub(super) fn release(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, "the ballast cannot be removed");
        }
    }

    /// Puts the ballast back after a release. Failing is no fault: only a disk
    /// that gets full behind the check's back needs it.
    pub(super) fn restore(&self) {
        let whole = |found: fs::Metadata| found.len() == BALLAST_BYTES as u64;
        if fs::metadata(&self.path).is_ok_and(whole) {
            return;
        }
        if let Err(error) = self.write() {
            tracing::warn!(%error, "the ballast cannot be written");
            // Half of it would take space and help nobody.
            let _ = fs::remove_file(&self.path);
        }
    }

    fn write(&self) -> io::Result<()> {
        File::create(&self.path)?.write_all(&vec![0x2e; BALLAST_BYTES])
    }
}

/// # Errors
/// [`StoreError::Full`] when the batch might not fit.
pub(super) fn check(dir: &Path, batch: &[Write]) -> Result<(), StoreError> {
    let bytes: u64 = batch
        .iter()
        .map(|write| match write {
            Write::Put(key, value) => (key.len() + value.len()) as u64,
            Write::Delete(key) => key.len() as u64,
        })
        .sum();
    match free(dir) {
        Some(free) if free < MIN_FREE_BYTES + AMPLIFICATION * bytes => {
            Err(StoreError::Full { path: dir.display().to_string() })
        }
        // A file system that does not tell its free space is not held against it.
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn free(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    // Some network file systems report no size at all.
    (stat.f_blocks > 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
