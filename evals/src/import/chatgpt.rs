//! A ChatGPT export: each conversation is a tree of messages, of which an
//! edited or regenerated message opened a branch. The branch that the person
//! last looked at ends in `current_node`; its messages are brought in, from the
//! root down. What the interface hides is left out.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, ensure};
use prost_types::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use throughline_proto::v1::Turn;

use super::{Imported, messages::plain_turn};

#[derive(Deserialize)]
struct Export {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    conversation_id: Option<String>,
    mapping: HashMap<String, Node>,
    #[serde(default)]
    current_node: Option<String>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    children: Vec<String>,
}

#[derive(Deserialize)]
struct Message {
    id: String,
    author: Author,
    #[serde(default)]
    create_time: Option<f64>,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Author {
    role: String,
}

/// Reads a conversation.
///
/// # Errors
/// It is not of the schema, or its tree has no root.
pub(super) fn read(value: &Value, key: &str) -> anyhow::Result<Imported> {
    let export: Export = serde_json::from_value(value.clone())?;
    let mut turns = Vec::new();
    for node in branch(&export)? {
        let Some(message) = &node.message else { continue };
        turns.extend(turn(message)?);
    }
    let key = export.conversation_id.or(export.id).unwrap_or_else(|| key.to_owned());
    Ok(Imported { key, title: export.title.unwrap_or_default(), turns })
}

/// The nodes of the current branch, from the root.
fn branch(export: &Export) -> anyhow::Result<Vec<&Node>> {
    let mut at = match &export.current_node {
        Some(id) => id.clone(),
        None => newest_leaf(export).context("a conversation without messages")?,
    };
    let (mut nodes, mut seen) = (Vec::new(), BTreeSet::new());
    loop {
        ensure!(seen.insert(at.clone()), "the tree of messages has a circle at {at}");
        let node = export.mapping.get(&at).with_context(|| format!("no message {at}"))?;
        nodes.push(node);
        match &node.parent {
            Some(parent) => at.clone_from(parent),
            None => break,
        }
    }
    nodes.reverse();
    Ok(nodes)
}

/// The end of the newest branch, where the export names none.
fn newest_leaf(export: &Export) -> Option<String> {
    let time = |node: &Node| node.message.as_ref().and_then(|m| m.create_time).unwrap_or(0.0);
    let leaves = export.mapping.iter().filter(|(_, node)| node.children.is_empty());
    let newest = leaves.max_by(|a, b| time(a.1).total_cmp(&time(b.1)).then_with(|| a.0.cmp(b.0)));
    newest.map(|(id, _)| id.clone())
}

/// The turn of a message; nothing for what the interface hides or what has no
/// words.
fn turn(message: &Message) -> anyhow::Result<Option<Turn>> {
    let hidden = message.metadata.get("is_visually_hidden_from_conversation");
    if hidden.and_then(Value::as_bool) == Some(true) {
        return Ok(None);
    }
    let text = text(&message.content);
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut turn = plain_turn(&message.author.role, &text, message.id.clone())?;
    turn.say_time = message.create_time.map(|time| Timestamp {
        seconds: time.floor() as i64,
        nanos: ((time - time.floor()) * 1e9) as i32,
    });
    Ok(Some(turn))
}

/// The words of a content: its parts, or its text (code, results).
fn text(content: &Value) -> String {
    let parts = content.get("parts").and_then(Value::as_array);
    let parts = parts.into_iter().flatten().filter_map(|part| match part {
        Value::String(text) => Some(text.clone()),
        other => other.get("text").and_then(Value::as_str).map(str::to_owned),
    });
    let parts: Vec<String> = parts.filter(|part| !part.trim().is_empty()).collect();
    if parts.is_empty() {
        return content.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    }
    parts.join("\n")
}
