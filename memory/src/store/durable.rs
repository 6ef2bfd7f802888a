//! How files reach the disk: the few calls that everything durable goes through.
//!
//! A trait, so that a test can stand in between and see what a power cut would
//! leave: only what passed through here.

use std::fs::File;
use std::io;
use std::path::Path;

/// Forces files and directories to the disk.
pub trait FileSync: Send + Sync + 'static {
    /// Data of an open file, and the metadata needed to read it (`fdatasync`).
    ///
    /// # Errors
    /// What the system says; the state of the file is then unknown.
    fn file(&self, file: &File, path: &Path) -> io::Result<()>;

    /// The entries of a directory.
    ///
    /// # Errors
    /// What the system says.
    fn directory(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's own calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskSync;

impl FileSync for DiskSync {
    fn file(&self, file: &File, _: &Path) -> io::Result<()> {
        file.sync_data()
    }

    fn directory(&self, path: &Path) -> io::Result<()> {
        // Windows has no such call and needs none.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }
}

/// Syncs all files below a directory, the directories, and the directory's own
/// entry in its parent.
pub(super) fn sync_tree(sync: &dyn FileSync, dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            sync_tree(sync, &path)?;
        } else {
            sync.file(&File::open(&path)?, &path)?;
        }
    }
    sync.directory(dir)?;
    sync_entry(sync, dir)
}

/// Syncs the entry of a directory in its parent.
pub(super) fn sync_entry(sync: &dyn FileSync, dir: &Path) -> io::Result<()> {
    match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync.directory(Path::new(".")),
        Some(parent) => sync.directory(parent),
        None => Ok(()),
    }
}
