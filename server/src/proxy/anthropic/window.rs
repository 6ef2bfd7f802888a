//! What goes to the model, as the messages of a request. What the application
//! pinned stands behind its own `system`; the rest is the user's and the
//! assistant's.

use bytes::Bytes;
use serde_json::{Value, json};
use throughline_memory::{
    context::Message,
    turn::{OpaqueSource, Part, Role},
};

use crate::proxy::{
    body::{Body, joined, list, to_json},
    error::ProxyError,
    print::is_hash,
    window::Placed,
};

/// Stands first where the window begins with the assistant, which the API refuses.
const BEGINNING: &str = "[The conversation began earlier.]";

/// Puts the window in the place of the messages.
///
/// # Errors
/// [`ProxyError::Malformed`] for a `system` that is neither text nor a list.
pub(in crate::proxy) fn write(body: &mut Body, messages: Vec<Placed>) -> Result<(), ProxyError> {
    let (mut system, mut all) = (Vec::new(), Vec::new());
    let mut begins_with_user = None;
    for placed in messages {
        let (is_user, raw) = match placed {
            Placed::AsItCame(raw) => (None, raw),
            Placed::Remembered(message) if message.role == Role::System => {
                system.push(to_json(&json!({ "type": "text", "text": message.content })));
                continue;
            }
            Placed::Remembered(message) => {
                let Some((role, content)) = rendered(&message) else { continue };
                let value = json!({ "role": role, "content": content });
                (Some(role == "user"), to_json(&value))
            }
        };
        begins_with_user.get_or_insert_with(|| is_user.unwrap_or_else(|| is_of_user(&raw)));
        all.push(raw);
    }
    if begins_with_user == Some(false) {
        all.insert(0, to_json(&json!({ "role": "user", "content": BEGINNING })));
    }
    body.set("messages", joined(&all));
    if system.is_empty() {
        return Ok(());
    }
    let mut blocks = match body.get("system") {
        None => Vec::new(),
        Some(given) => own_system(given)?,
    };
    blocks.extend(system);
    body.set("system", joined(&blocks));
    Ok(())
}

fn is_of_user(raw: &Bytes) -> bool {
    let role = Body::read(raw).ok().and_then(|message| message.text("role"));
    role.as_deref() == Some("user")
}

/// The application's own system as blocks; lists stay as they are.
fn own_system(given: &Bytes) -> Result<Vec<Bytes>, ProxyError> {
    if given.first() == Some(&b'[') {
        return list(given, "system");
    }
    match serde_json::from_slice(given) {
        Ok(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Ok(Value::String(text)) => Ok(vec![to_json(&json!({ "type": "text", "text": text }))]),
        Ok(Value::Null) => Ok(Vec::new()),
        _ => Err(ProxyError::malformed("system", "must be text or a list of blocks")),
    }
}

/// Role and blocks; nothing for a message without content, which the API refuses.
fn rendered(message: &Message) -> Option<(&'static str, Vec<Value>)> {
    let role = match message.role {
        Role::User | Role::System => "user",
        Role::Tool if has_results(message) => "user",
        Role::Assistant | Role::Tool => "assistant",
    };
    let blocks: Vec<Value> = message.parts.iter().filter_map(|part| block(part, role)).collect();
    let text = (!message.content.trim().is_empty())
        .then(|| json!({ "type": "text", "text": message.content }));
    // Results stand before texts, attachments and calls behind them.
    let content: Vec<Value> = if has_results(message) {
        blocks.into_iter().chain(text).collect()
    } else {
        text.into_iter().chain(blocks).collect()
    };
    (!content.is_empty()).then_some((role, content))
}

fn has_results(message: &Message) -> bool {
    message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. }))
}

fn block(part: &Part, role: &str) -> Option<Value> {
    match part {
        Part::Text(_) => None,
        Part::ToolCall { call_id, name, arguments_json } => {
            let input = input(arguments_json);
            Some(json!({ "type": "tool_use", "id": call_id, "name": name, "input": input }))
        }
        Part::ToolResult { call_id, content } => {
            Some(json!({ "type": "tool_result", "tool_use_id": call_id, "content": content }))
        }
        Part::Opaque { media_type, source, .. } => {
            (role == "user").then(|| attachment(media_type, source))
        }
    }
}

/// Arguments as the API takes them. What is no object came through OpenAI's API, from a
/// custom tool, or broke off.
fn input(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(input)) => Value::Object(input),
        _ if arguments.trim().is_empty() => json!({}),
        _ => json!({ "input": arguments }),
    }
}

/// An attachment as it can be sent again; what is not kept here is named.
fn attachment(media_type: &str, source: &OpaqueSource) -> Value {
    let kind = if media_type.starts_with("image/") { "image" } else { "document" };
    match source {
        OpaqueSource::Uri(uri) if is_hash(uri) => {
            json!({ "type": "text", "text": format!("[{media_type}]") })
        }
        OpaqueSource::Uri(uri) if uri.starts_with("http") => {
            json!({ "type": kind, "source": { "type": "url", "url": uri } })
        }
        OpaqueSource::Uri(uri) => {
            json!({ "type": kind, "source": { "type": "file", "file_id": uri } })
        }
        OpaqueSource::Data(data) => {
            use base64::Engine as _;
            let data = base64::engine::general_purpose::STANDARD.encode(data);
            let source = json!({ "type": "base64", "media_type": media_type, "data": data });
            json!({ "type": kind, "source": source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &str, messages: Vec<Placed>) -> Result<Value, ProxyError> {
        let mut body = Body::read(&Bytes::copy_from_slice(body.as_bytes()))?;
        write(&mut body, messages)?;
        Ok(serde_json::from_slice(&body.write()).unwrap())
    }

    fn remembered(role: Role, content: &str) -> Placed {
        let (parts, speaker) = Default::default();
        Placed::Remembered(Message { role, content: content.to_owned(), parts, speaker })
    }

    #[test]
    fn pins_of_the_application_stand_behind_its_system() {
        let window = || vec![remembered(Role::System, "pin"), remembered(Role::User, "hi")];
        let pin = json!({ "type": "text", "text": "pin" });
        let own = json!({ "type": "text", "text": "own" });
        for (given, expected) in [
            (r#"{"messages":[]}"#, json!([pin])),
            (r#"{"system":"own","messages":[]}"#, json!([own, pin])),
            (r#"{"system":[{"type":"text","text":"own"}],"messages":[]}"#, json!([own, pin])),
        ] {
            let body = written(given, window()).unwrap();
            assert_eq!(body["system"], expected, "{given}");
            assert_eq!(body["messages"].as_array().map(Vec::len), Some(1));
        }
        assert!(written(r#"{"system":7,"messages":[]}"#, window()).is_err());
        let untouched =
            written(r#"{"system":7,"messages":[]}"#, vec![remembered(Role::User, "hi")]);
        assert_eq!(untouched.unwrap()["system"], 7);
    }

    #[test]
    fn arguments_are_an_object() {
        assert_eq!(input(r#"{"a":1}"#), json!({ "a": 1 }));
        assert_eq!((input(""), input("{}")), (json!({}), json!({})));
        assert_eq!(input("print(7)"), json!({ "input": "print(7)" }));
    }

    #[test]
    fn the_user_speaks_first() {
        let raw = Placed::AsItCame(Bytes::from(r#"{"role":"assistant","content":"a"}"#));
        for first in [remembered(Role::Assistant, "a"), raw] {
            let body = written(r#"{"messages":[]}"#, vec![first, remembered(Role::User, "hi")]);
            assert_eq!(body.unwrap()["messages"][0]["content"], BEGINNING);
        }
    }
}
