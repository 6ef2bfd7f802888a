//! The planted items.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::dataset::read;

/// Written before anything was tuned on it.
const BUNDLED: &str = include_str!("../../cases/compaction.jsonl");

/// One item; the fields that are not used here are for people.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Case {
    /// Unique.
    pub(super) id: String,
    /// `number`, `prohibition`, `consent`, `identifier`.
    pub(super) kind: String,
    /// The whole turn.
    pub(super) text: String,
    /// Pieces that must be there, letter by letter.
    pub(super) must_contain: Vec<String>,
}

/// The bundled items, or those of a file.
///
/// # Errors
/// A line is no item, or a piece is not in its text.
pub(super) fn read(file: Option<&Path>) -> anyhow::Result<Vec<Case>> {
    let text = match file {
        Some(path) => read::text(path)?,
        None => BUNDLED.to_owned(),
    };
    let mut cases = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let case: Case = serde_json::from_str(line).with_context(|| format!("line {number}"))?;
        if let Some(piece) = case.must_contain.iter().find(|piece| !case.text.contains(*piece)) {
            bail!("line {number}: {piece:?} is not in the text of {}", case.id);
        }
        cases.push(case);
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_bundled_items_are_whole() {
        let cases = read(None).unwrap();
        let of = |kind: &str| cases.iter().filter(|case| case.kind == kind).count();
        let ids: BTreeSet<&str> = cases.iter().map(|case| &*case.id).collect();
        assert!(cases.len() >= 120 && ids.len() == cases.len());
        for kind in ["number", "prohibition", "consent", "identifier"] {
            assert!(of(kind) >= 30, "{kind}");
        }
    }
}
