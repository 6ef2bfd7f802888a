//! Messages as the chat completions and the Anthropic APIs spell them: text, or
//! a list of content blocks; tool calls and their results; a `system` beside the
//! messages. Each block says what it is, so one reader takes both.

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use throughline_proto::v1::{
    Opaque, Part, Role, ToolCall, ToolResult, Turn, opaque::Source, part::Content,
};

use super::Imported;

/// Reads a conversation: a list of messages, or an object that holds one.
///
/// # Errors
/// There are no messages, or one has no role or content that is known.
pub(super) fn read(value: &Value, key: &str) -> anyhow::Result<Imported> {
    let messages = value.get("messages").unwrap_or(value);
    let messages = messages.as_array().context("no list of messages")?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let key = text("id").or(text("conversation_id")).unwrap_or(key);
    let mut turns = Vec::new();
    if let Some(system) = value.get("system") {
        turns.push((Role::System, parts(system)?));
    }
    for (number, message) in messages.iter().enumerate() {
        turns.extend(turns_of(message).with_context(|| format!("message {}", number + 1))?);
    }
    let turns = turns.into_iter().filter(|(_, parts)| !parts.is_empty()).enumerate();
    let turns = turns.map(|(at, (role, parts))| Turn {
        role: role as i32,
        parts,
        client_turn_id: format!("import-{at}"),
        ..Turn::default()
    });
    let title = text("title").unwrap_or_default().to_owned();
    Ok(Imported { key: key.to_owned(), title, turns: turns.collect() })
}

type Said = (Role, Vec<Part>);

/// The turns of a message: one, or with tool results among its blocks two.
fn turns_of(message: &Value) -> anyhow::Result<Vec<Said>> {
    let role = message.get("role").and_then(Value::as_str).context("no role")?;
    let role = match role {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => {
            let id = ["tool_call_id", "name"].iter().find_map(|name| message.get(name)?.as_str());
            let content = plain(message.get("content").unwrap_or(&Value::Null));
            return Ok(vec![(Role::Tool, vec![result(id.unwrap_or_default(), content)])]);
        }
        other => bail!("role {other:?} is not known"),
    };
    let mut said = match message.get("content") {
        Some(content) => parts(content)?,
        None => Vec::new(),
    };
    for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let of = |name: &str| call.pointer(name).and_then(Value::as_str).unwrap_or_default();
        said.push(call_of(of("/id"), of("/function/name"), of("/function/arguments")));
    }
    // Anthropic's users carry the tools' results.
    let is_result = |part: &Part| matches!(part.content, Some(Content::ToolResult(_)));
    let (results, said): (Vec<Part>, Vec<Part>) = said.into_iter().partition(is_result);
    Ok(vec![(Role::Tool, results), (role, said)])
}

/// The parts of a content: a text, or a list of blocks.
fn parts(content: &Value) -> anyhow::Result<Vec<Part>> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(text_part(text).into_iter().collect()),
        Value::Array(blocks) => {
            let parts = blocks.iter().map(block).collect::<anyhow::Result<Vec<_>>>()?;
            Ok(parts.into_iter().flatten().collect())
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            bail!("content is neither a text nor a list of blocks")
        }
    }
}

fn block(block: &Value) -> anyhow::Result<Option<Part>> {
    let of = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(text) = block.as_str() {
        return Ok(text_part(text));
    }
    Ok(match of("type") {
        "text" | "input_text" | "output_text" => text_part(of("text")),
        "refusal" => text_part(of("refusal")),
        "tool_use" | "server_tool_use" => {
            let input = block.get("input").cloned().unwrap_or_default();
            Some(call_of(of("id"), of("name"), &input.to_string()))
        }
        "tool_result" => {
            let content = plain(block.get("content").unwrap_or(&Value::Null));
            Some(result(of("tool_use_id"), content))
        }
        // How a model came to its answer is no part of the conversation.
        "thinking" | "redacted_thinking" | "reasoning" => None,
        "image_url" => Some(opaque(block.pointer("/image_url/url"))),
        "image" | "document" | "file" | "input_audio" => Some(opaque(block.pointer("/source/url"))),
        "" => bail!("a content block has no type"),
        // What came up since this was written: its text, or that it was there.
        _ => Some(text_part(of("text")).unwrap_or_else(|| opaque(None))),
    })
}

fn text_part(text: &str) -> Option<Part> {
    let content = Some(Content::Text(text.to_owned()));
    (!text.trim().is_empty()).then_some(Part { content })
}

fn call_of(call_id: &str, name: &str, arguments_json: &str) -> Part {
    let call = ToolCall {
        call_id: named(call_id),
        name: named(name),
        arguments_json: arguments_json.to_owned(),
    };
    Part { content: Some(Content::ToolCall(call)) }
}

fn result(call_id: &str, content: String) -> Part {
    let call_id = named(call_id);
    Part { content: Some(Content::ToolResult(ToolResult { call_id, content })) }
}

/// A picture or file by its address; what was sent along in the message itself
/// is not brought in, only that it was there.
fn opaque(url: Option<&Value>) -> Part {
    let url = url.and_then(Value::as_str).filter(|url| !url.starts_with("data:"));
    let opaque = Opaque {
        media_type: "application/octet-stream".to_owned(),
        token_cost: 0,
        source: Some(Source::Uri(url.unwrap_or("import:not-brought-in").to_owned())),
    };
    Part { content: Some(Content::Opaque(opaque)) }
}

/// A content as text: its texts, or itself as JSON.
fn plain(content: &Value) -> String {
    match content {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts =
                blocks.iter().map(|block| match block.get("text").and_then(Value::as_str) {
                    Some(text) => text.to_owned(),
                    None => block.to_string(),
                });
            texts.collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

/// The server wants a name where some files have none.
fn named(name: &str) -> String {
    if name.trim().is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// A turn of plain text.
///
/// # Errors
/// There are no messages of the role.
pub(super) fn plain_turn(role: &str, text: &str, client_turn_id: String) -> anyhow::Result<Turn> {
    let role = match role {
        "system" => Role::System,
        "human" | "user" | "chatgpt_user" => Role::User,
        "gpt" | "chatgpt" | "bing" | "bard" | "assistant" => Role::Assistant,
        "tool" | "observation" | "function_response" => Role::Tool,
        other => bail!("a message from {other:?} is not known"),
    };
    ensure!(!text.trim().is_empty(), "a message without text");
    let part = match role {
        Role::Tool => result("", text.to_owned()),
        _ => Part { content: Some(Content::Text(text.to_owned())) },
    };
    Ok(Turn { role: role as i32, parts: vec![part], client_turn_id, ..Turn::default() })
}
