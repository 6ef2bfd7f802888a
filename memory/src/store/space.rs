//! Refuses a commit before the disk is full, because neither engine survives
//! running out of space in the middle of a write: sled keeps the error for good,
//! redb wants to be opened again.
//!
//! The check is a reserve, not a promise: another program may take the space
//! between the check and the write. The engine then fails, and the store is
//! poisoned like after any failed write.

use std::path::Path;

use super::{StoreError, Write};

/// Free bytes that must remain on the data directory's file system.
pub const MIN_FREE_BYTES: u64 = 16 << 20;
/// Bytes of disk that a byte of a batch may take until its old versions are
/// collected: pages are rewritten whole.
const AMPLIFICATION: u64 = 4;

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
