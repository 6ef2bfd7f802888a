//! The checkpoint of a run: what every finished item came to, beside the result, so
//! that a run that broke off goes on with the others. An item is known by what it is
//! made of and by everything that decides what it comes to; other runs' items in the
//! file are never taken for it. The file goes when the result is written.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Context as _;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::journal::Journal;

/// Ending of the file, in place of that of the result.
const ENDING: &str = "checkpoint.jsonl";

/// Finished items of a run.
pub(crate) struct Checkpoint {
    kept: Option<(Journal, PathBuf)>,
    run: String,
    taken: AtomicUsize,
}

impl Checkpoint {
    /// The checkpoint beside a result, without what is there if `fresh`; one that
    /// keeps nothing without a result.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn open(out: Option<&Path>, fresh: bool) -> anyhow::Result<Self> {
        let kept = match out.map(|out| out.with_extension(ENDING)) {
            Some(path) => {
                if fresh {
                    remove(&path)?;
                }
                Some((Journal::open(&path)?, path))
            }
            None => None,
        };
        Ok(Self { kept, run: String::new(), taken: AtomicUsize::new(0) })
    }

    /// From here on items are those of a run: all that decides what an item comes to,
    /// beside the item. With folds each server has items of its own.
    pub(crate) fn decided_by(&mut self, run: &Value) {
        self.run = run.to_string();
    }

    /// The key of an item by what it is made of.
    pub(crate) fn key(&self, parts: &[&str]) -> String {
        let mut hash = blake3::Hasher::new();
        for part in [self.run.as_str()].iter().chain(parts) {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().to_hex().to_string()
    }

    /// What an item came to, if it is finished.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.kept.as_ref()?.0.get(key)?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(value)
    }

    /// Keeps what an item came to.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn put<T: Serialize>(&self, key: &str, value: &T) -> anyhow::Result<()> {
        match &self.kept {
            Some((journal, _)) => journal.put(key, value),
            None => Ok(()),
        }
    }

    /// How many items were taken from it.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Removes it: the result is written.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn done(self) -> anyhow::Result<()> {
        match self.kept {
            Some((_, path)) => remove(&path),
            None => Ok(()),
        }
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_item_is_taken_by_its_own_run_alone() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.json");
        let open = |fresh, run: Value| {
            let mut checkpoint = Checkpoint::open(Some(out.as_path()), fresh).unwrap();
            checkpoint.decided_by(&run);
            checkpoint
        };
        let first = open(false, json!({"budget": 1}));
        first.put(&first.key(&["x", "y"]), &7).unwrap();
        drop(first);
        let again = open(false, json!({"budget": 1}));
        assert_eq!(again.get::<u32>(&again.key(&["x", "y"])), Some(7));
        assert_eq!(again.get::<u32>(&again.key(&["xy"])), None);
        assert_eq!(again.taken(), 1);
        let mut other = open(false, json!({"budget": 2}));
        assert_eq!(other.get::<u32>(&other.key(&["x", "y"])), None);
        other.decided_by(&json!({"budget": 1}));
        assert_eq!(other.get::<u32>(&other.key(&["x", "y"])), Some(7));
        let fresh = open(true, json!({"budget": 1}));
        assert_eq!(fresh.get::<u32>(&fresh.key(&["x", "y"])), None);
        fresh.done().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn without_a_result_nothing_is_kept() {
        let none = Checkpoint::open(None, false).unwrap();
        none.put("x", &1).unwrap();
        assert_eq!((none.get::<u32>("x"), none.taken()), (None, 0));
        none.done().unwrap();
    }
}
