//! Finds out what a file holds, and reads it. A file is one JSON value, a list
//! of them, or one a line.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::{Format, Imported, chatgpt, messages, sharegpt};
use crate::dataset::read;

/// Reads the conversations of a file.
///
/// # Errors
/// It cannot be read, or a conversation in it is not of the format.
pub(super) fn read(path: &Path, format: Format) -> anyhow::Result<Vec<Imported>> {
    let values: Vec<Value> = read::items(path)?;
    ensure!(!values.is_empty(), "{} is empty", path.display());
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_default();
    // A bare list of messages is one conversation.
    let bare = values.iter().all(|value| value.get("role").is_some());
    let values = if bare { vec![Value::Array(values)] } else { values };
    let all = values.iter().enumerate().map(|(number, value)| {
        let format = if format == Format::Auto { guess(value)? } else { format };
        let key = format!("{stem}/{number}");
        match format {
            Format::Openai | Format::Anthropic => messages::read(value, &key),
            Format::Sharegpt => sharegpt::read(value, &key),
            Format::Chatgpt => chatgpt::read(value, &key),
            Format::Auto => bail!("a format was not guessed"),
        }
        .with_context(|| format!("conversation {}", number + 1))
    });
    all.collect::<anyhow::Result<_>>().with_context(|| path.display().to_string())
}

/// The format of a conversation by the field that only it has.
fn guess(value: &Value) -> anyhow::Result<Format> {
    let has = |field: &str| value.get(field).is_some();
    Ok(match () {
        () if has("mapping") => Format::Chatgpt,
        () if has("conversations") => Format::Sharegpt,
        // The two differ in their content blocks alone, which say what they are.
        () if has("messages") || value.is_array() => Format::Openai,
        () => bail!("no mapping, conversations or messages: pass --format"),
    })
}
