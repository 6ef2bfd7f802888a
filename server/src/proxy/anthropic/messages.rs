//! The messages of a request. A user's message with tool results is the tools', its
//! texts included: it cannot stand without the calls before it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use throughline_memory::turn::Role;

use crate::proxy::{
    body::Body,
    contents::{Contents, unreadable},
    dialect::Dialect,
    error::ProxyError,
    readings::Reader,
    request::{MAX_MESSAGES, Request},
    said::{Piece, Said},
};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    Image {
        #[serde(borrow)]
        source: Source<'a>,
    },
    Document {
        #[serde(borrow)]
        source: Source<'a>,
    },
    ToolUse {
        #[serde(borrow)]
        id: Cow<'a, str>,
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(default)]
        input: serde_json::Value,
    },
    ToolResult {
        #[serde(borrow)]
        tool_use_id: Cow<'a, str>,
        #[serde(default)]
        content: serde_json::Value,
    },
    /// Goes on untouched, and is stored only where nothing else is.
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, default)]
    media_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    file_id: Option<Cow<'a, str>>,
}

/// Reads the messages of a body.
///
/// # Errors
/// [`ProxyError::Malformed`] with the message.
pub(in crate::proxy) fn read(body: &Body, reader: Reader<'_>) -> Result<Request, ProxyError> {
    let (list, messages) = body.list("messages")?;
    if messages.len() > MAX_MESSAGES {
        let why = format!("holds {} messages, at most {MAX_MESSAGES} are taken", messages.len());
        return Err(ProxyError::malformed("messages", why));
    }
    let said = reader.read(Dialect::Anthropic, list, &messages, message)?;
    Request::new(Vec::new(), said)
}

fn message(raw: &Bytes, at: usize) -> Result<Said, ProxyError> {
    let bad =
        |field: &str, why: String| ProxyError::malformed(format!("messages[{at}]{field}"), why);
    let message: Message<'_> =
        serde_json::from_slice(raw).map_err(|error| bad("", format!("cannot be read: {error}")))?;
    let contents = contents(message.content.get()).map_err(|why| bad(".content", why))?;
    let has_results = contents.known().any(|piece| matches!(piece, Piece::Result { .. }));
    let role = match message.role.as_ref() {
        "user" if has_results => Role::Tool,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(bad(".role", format!("is {shown:?}, must be user or assistant")));
        }
    };
    Ok(Said::new(raw.clone(), role, String::new(), &contents.pieces(role)))
}

fn contents(content: &str) -> Result<Contents<'_>, String> {
    if content.starts_with('[') {
        let media = |kind: &str| ["image", "document"].contains(&kind);
        return Contents::read(content, piece, media);
    }
    let Text(text) = serde_json::from_str(content).map_err(unreadable)?;
    Ok(Contents::of(Some(Piece::Text(text))))
}

/// Text that is borrowed where JSON allows it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn piece(block: Block<'_>) -> Option<Piece<'_>> {
    Some(match block {
        Block::Text { text } => Piece::Text(text),
        Block::Image { source } => media(source, "image/*"),
        Block::Document { source } => media(source, "application/*"),
        Block::ToolUse { id, name, input } => {
            let arguments = if input.is_null() { "{}".into() } else { input.to_string().into() };
            Piece::Call { id, name, arguments }
        }
        Block::ToolResult { tool_use_id, content } => {
            Piece::Result { id: tool_use_id, content: result(content).into() }
        }
        Block::Unknown => return None,
    })
}

fn media<'a>(source: Source<'a>, usual: &'static str) -> Piece<'a> {
    let media_type = source.media_type.unwrap_or(usual.into());
    let url = match source.data {
        Some(data) => format!("data:{media_type};base64,{data}").into(),
        None => source.url.or(source.file_id).unwrap_or_default(),
    };
    Piece::Media { media_type, url }
}

/// The texts of a result; attachments in it are named.
fn result(content: serde_json::Value) -> String {
    match content {
        serde_json::Value::String(text) => text,
        serde_json::Value::Array(blocks) => {
            let texts = blocks.iter().map(|block| match block["text"].as_str() {
                Some(text) => text.to_owned(),
                None => format!("[{}]", block["type"].as_str().unwrap_or("unknown")),
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use throughline_memory::turn::{Part, TenantId};

    use super::*;
    use crate::proxy::readings::Readings;

    fn of(json: &str) -> Result<Request, ProxyError> {
        let (readings, tenant) = (Readings::default(), TenantId::new("acme").unwrap());
        let reader = Reader { readings: &readings, tenant: &tenant };
        read(&Body::read(&Bytes::copy_from_slice(json.as_bytes()))?, reader)
    }

    #[test]
    fn messages_become_what_they_say() {
        let request = of(r#"{"messages":[
            {"role":"user","content":[{"type":"text","text":"look","cache_control":{"type":"ephemeral"}},
              {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AQ=="}}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},
              {"type":"tool_use","id":"c","name":"f","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"c",
              "content":[{"type":"text","text":"ok"},{"type":"image","source":{}}]},
              {"type":"text","text":"and now?"}]}]}"#)
        .unwrap();
        let roles: Vec<Role> = request.said.iter().map(|said| said.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool]);
        assert_eq!(request.user, 0);
        assert!(
            matches!(request.said[2].parts(), [Part::ToolResult { content, .. }, Part::Text(_)]
            if content == "ok\n[image]")
        );
    }

    #[test]
    fn blocks_of_other_types_pass() {
        let request = of(r#"{"messages":[{"role":"user","content":[
            {"type":"search_result","source":"s","title":"t","content":[]}]}]}"#)
        .unwrap();
        request.check_order(0, &Default::default()).unwrap();
        assert!(matches!(request.said[0].parts(), [Part::Opaque { media_type, .. }]
            if media_type == "search_result"));
        // What the model thought is no answer.
        let thought = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm"}]}"#;
        let request = of(&format!(
            r#"{{"messages":[{{"role":"user","content":"hi"}},{thought},{{"role":"user","content":"so"}}]}}"#
        ))
        .unwrap();
        assert!(request.said[1].is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (json, words) in [
            (r#"{"messages":[{"role":"user"}]}"#, "messages[0] cannot be read"),
            (r#"{"messages":[{"role":"system","content":"x"}]}"#, "messages[0].role is \"system\""),
            (r#"{"messages":[{"role":"user","content":7}]}"#, "messages[0].content"),
            (r#"{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#, "tool_use_id"),
        ] {
            let error = of(json).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
