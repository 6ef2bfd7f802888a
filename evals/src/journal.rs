//! The checkpoint: a line for each reply, under its key. A line that a broken
//! run left half written is dropped.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    reply: String,
}

/// Replies that are kept.
pub(super) struct Replies(Mutex<State>);

struct State {
    known: HashMap<String, String>,
    file: File,
}

impl Replies {
    /// Reads what is there and goes on behind it.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let at = || format!("replies in {}", path.display());
        // A broken run may have left half a character.
        let bytes = if path.exists() { fs::read(path).with_context(at)? } else { Vec::new() };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<Kept> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path).with_context(at)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").with_context(at)?;
        }
        let known = lines.into_iter().map(|kept| (kept.key, kept.reply)).collect();
        Ok(Self(Mutex::new(State { known, file })))
    }

    /// A reply that is known.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).known.get(key).cloned()
    }

    /// Keeps a reply before anything is made of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn put(&self, key: &str, reply: &str) -> anyhow::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Kept { key: key.to_owned(), reply: reply.to_owned() };
        let line = serde_json::to_string(&kept)? + "\n";
        state.file.write_all(line.as_bytes()).context("keep a reply")?;
        state.known.insert(kept.key, kept.reply);
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
        Replies::open(&path).unwrap().put("a", "one\ntwo").unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"key\": \"b\", \"rep")).unwrap();
        let again = Replies::open(&path).unwrap();
        assert_eq!((again.get("a").as_deref(), again.get("b")), (Some("one\ntwo"), None));
        again.put("b", "three").unwrap();
        drop(again);
        assert_eq!(Replies::open(&path).unwrap().get("b").as_deref(), Some("three"));
    }
}
