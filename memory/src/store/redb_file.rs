//! The file below redb: its own backend with the syncs through [`FileSync`], and
//! a frozen view for the readers of a poisoned store.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::durable::FileSync;

/// Where redb's file is and how it is synced.
pub(super) struct Disk {
    sync: Arc<dyn FileSync>,
    path: PathBuf,
    failed: Mutex<Option<String>>,
}

impl Disk {
    pub(super) fn new(sync: Arc<dyn FileSync>, path: PathBuf) -> Self {
        Self { sync, path, failed: Mutex::new(None) }
    }

    pub(super) fn sync(&self) -> &dyn FileSync {
        &*self.sync
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the first failed sync said.
    pub(super) fn failed(&self) -> Option<String> {
        self.failed.lock().clone()
    }
}

/// redb's own file backend, synced through [`FileSync`].
pub(super) struct SyncedFile {
    inner: FileBackend,
    /// A second handle of the same file, for syncing.
    own: File,
    disk: Arc<Disk>,
}

impl SyncedFile {
    pub(super) fn open(disk: &Arc<Disk>) -> Result<Self, redb::Error> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&disk.path)?;
        let own = file.try_clone()?;
        Ok(Self { inner: FileBackend::new(file)?, own, disk: Arc::clone(disk) })
    }
}

impl fmt::Debug for SyncedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// The file as it is, for reading: what redb writes to make it readable again
/// stays in memory. A file whose sync failed must not be written again, since
/// without working syncs a repair could destroy what was durable.
#[derive(Debug)]
pub(super) struct FrozenFile {
    view: Mutex<View>,
}

#[derive(Debug)]
struct View {
    file: File,
    length: u64,
    /// In the order of writing.
    written: Vec<(u64, Vec<u8>)>,
}

impl FrozenFile {
    pub(super) fn open(disk: &Disk) -> Result<Self, redb::Error> {
        let file = File::open(&disk.path)?;
        let length = file.metadata()?.len();
        Ok(Self { view: Mutex::new(View { file, length, written: Vec::new() }) })
    }
}

impl StorageBackend for FrozenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.view.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut view = self.view.lock();
        if offset.saturating_add(out.len() as u64) > view.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.fill(0);
        view.file.seek(SeekFrom::Start(offset))?;
        let mut filled = 0;
        while filled < out.len() {
            match view.file.read(&mut out[filled..])? {
                // Grown in memory: zeros.
                0 => break,
                count => filled += count,
            }
        }
        for (at, data) in &view.written {
            overlay(offset, out, *at, data);
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.view.lock().length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut view = self.view.lock();
        view.length = view.length.max(offset.saturating_add(data.len() as u64));
        view.written.push((offset, data.to_vec()));
        Ok(())
    }

    // Nobody else opens the file: the data directory is locked.
    fn try_lock_range(&self, _: Edge, _: Edge) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Edge, _: Edge) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Edge, _: Edge) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Edge, _: Edge) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Edge, _: Edge) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Edge, _: Edge) -> Result<bool, BackendError> {
        Ok(false)
    }
}

/// Copies the part of `data` (which starts at `at`) that lies in `out` (which
/// starts at `offset`).
fn overlay(offset: u64, out: &mut [u8], at: u64, data: &[u8]) {
    let start = offset.max(at);
    let end = (offset + out.len() as u64).min(at + data.len() as u64);
    if start < end {
        let span = |base: u64| (start - base) as usize..(end - base) as usize;
        if let (Some(to), Some(from)) = (out.get_mut(span(offset)), data.get(span(at))) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::overlay;

    #[test]
    fn only_the_common_part_is_copied() {
        for (at, data, want) in [
            (0, &[1, 1][..], [0, 0, 0, 0]),
            (8, &[1, 1, 1], [1, 0, 0, 0]),
            (11, &[1, 2], [0, 1, 2, 0]),
            (13, &[1, 2, 3], [0, 0, 0, 1]),
            (9, &[9, 1, 2, 3, 4, 9], [1, 2, 3, 4]),
            (14, &[1], [0, 0, 0, 0]),
        ] {
            let mut out = [0; 4];
            overlay(10, &mut out, at, data);
            assert_eq!(out, want, "{data:?} at {at}");
        }
    }
}
