//! Which data files this process read, with their hashes: a result says what it was
//! measured on. One process is one run.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

static READ: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// Notes a file with all of its bytes, as they lie on the disk.
pub(crate) fn note(path: &Path, bytes: &[u8]) {
    let hash = hex::encode(Sha256::digest(bytes));
    READ.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), hash);
}

/// SHA-256 of every file that was read so far, by its path.
pub(crate) fn sha256() -> BTreeMap<String, String> {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.iter().map(|(path, hash)| (path.to_string_lossy().into_owned(), hash.clone())).collect()
}
