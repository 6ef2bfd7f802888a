//! ShareGPT: a list of who said what.

use anyhow::Context as _;
use serde_json::Value;

use super::{Imported, messages::plain_turn};

/// Reads a conversation.
///
/// # Errors
/// There is no list, or a message has no sender that is known.
pub(super) fn read(value: &Value, key: &str) -> anyhow::Result<Imported> {
    let list = value.get("conversations").and_then(Value::as_array).context("no conversations")?;
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let said = list.iter().filter(|message| !text(message, "value").trim().is_empty());
    let turns = said.enumerate().map(|(at, message)| {
        plain_turn(&text(message, "from"), &text(message, "value"), format!("import-{at}"))
            .with_context(|| format!("message {}", at + 1))
    });
    let turns = turns.collect::<anyhow::Result<_>>()?;
    let id = text(value, "id");
    let key = if id.is_empty() { key.to_owned() } else { id };
    Ok(Imported { key, title: text(value, "title"), turns })
}
