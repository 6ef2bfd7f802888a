//! What a run has found so far: a line of JSON for each thing, under its key, so
//! that a run that broke off goes on. Replies of readers and finished items of
//! `degradation` are kept so. A line that a broken run left half written is dropped.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    // Files of replies from before say "reply".
    #[serde(alias = "reply")]
    value: Value,
}

/// Values that are kept.
pub(crate) struct Journal(Mutex<State>);

struct State {
    known: HashMap<String, Value>,
    file: File,
}

impl Journal {
    /// Reads what is there and goes on behind it.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let at = || format!("what is kept in {}", path.display());
        // A broken run may have left half a character.
        let bytes = if path.exists() { fs::read(path).with_context(at)? } else { Vec::new() };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<Kept> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path).with_context(at)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").with_context(at)?;
        }
        let known = lines.into_iter().map(|kept| (kept.key, kept.value)).collect();
        Ok(Self(Mutex::new(State { known, file })))
    }

    /// A value that is known; one of another form is not.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        T::deserialize(state.known.get(key)?).ok()
    }

    /// Keeps a value before anything is made of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> anyhow::Result<()> {
        let kept = Kept { key: key.to_owned(), value: serde_json::to_value(value)? };
        let line = serde_json::to_string(&kept)? + "\n";
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.file.write_all(line.as_bytes()).context("keep what was found")?;
        state.known.insert(kept.key, kept.value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_written_line_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        Journal::open(&path).unwrap().put("a", "one\ntwo").unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"key\": \"b\", \"val")).unwrap();
        let again = Journal::open(&path).unwrap();
        let text = |journal: &Journal, key: &str| journal.get::<String>(key);
        assert_eq!((text(&again, "a").as_deref(), text(&again, "b")), (Some("one\ntwo"), None));
        again.put("b", &[1, 2]).unwrap();
        drop(again);
        let again = Journal::open(&path).unwrap();
        assert_eq!((again.get::<Vec<u32>>("b"), text(&again, "b")), (Some(vec![1, 2]), None));
    }

    #[test]
    fn replies_from_before_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        fs::write(&path, "{\"key\": \"a\", \"reply\": \"yes\"}\n").unwrap();
        assert_eq!(Journal::open(&path).unwrap().get::<String>("a").as_deref(), Some("yes"));
    }
}
