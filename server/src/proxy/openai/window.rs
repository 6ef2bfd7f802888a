//! What goes to the model, as the messages of a request.

use bytes::Bytes;
use serde_json::{Value, json};
use throughline_memory::{
    context::Message,
    turn::{OpaqueSource, Part, Role},
};

use crate::proxy::{
    body::{Body, joined, to_json},
    said::{data_url, is_hash},
    window::Placed,
};

/// Longest name of a speaker that the API takes.
const MAX_NAME_CHARS: usize = 64;

/// Puts the instructions and the window in the place of the messages.
pub(in crate::proxy) fn write(body: &mut Body, instructions: &[Bytes], messages: Vec<Placed>) {
    let mut all = instructions.to_vec();
    for placed in messages {
        match placed {
            Placed::AsItCame(raw) => all.push(raw),
            Placed::Remembered(message) => all.extend(rendered(&message).iter().map(to_json)),
        }
    }
    body.set("messages", joined(&all));
}

fn rendered(message: &Message) -> Vec<Value> {
    let results: Vec<Value> = message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolResult { call_id, content } => {
                Some(json!({ "role": "tool", "tool_call_id": call_id, "content": content }))
            }
            _ => None,
        })
        .collect();
    if message.role == Role::Tool && !results.is_empty() {
        return results;
    }
    // A tool's words without the id of a call cannot stand under `tool`.
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant | Role::Tool => "assistant",
    };
    let mut chat = json!({ "role": role, "content": message.content });
    if !message.speaker.is_empty() {
        chat["name"] = name(&message.speaker).into();
    }
    let calls: Vec<Value> = message.parts.iter().filter_map(call).collect();
    if !calls.is_empty() {
        if message.content.is_empty() {
            chat["content"] = Value::Null;
        }
        chat["tool_calls"] = calls.into();
    }
    let media: Vec<Value> = message.parts.iter().filter_map(media).collect();
    if !media.is_empty() && message.role == Role::User {
        let text = (!message.content.is_empty())
            .then(|| json!({ "type": "text", "text": message.content }));
        chat["content"] = text.into_iter().chain(media).collect();
    }
    vec![chat]
}

fn name(speaker: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    speaker.chars().map(|c| if allowed(c) { c } else { '_' }).take(MAX_NAME_CHARS).collect()
}

fn call(part: &Part) -> Option<Value> {
    let Part::ToolCall { call_id, name, arguments_json } = part else { return None };
    Some(json!({
        "id": call_id,
        "type": "function",
        "function": { "name": name, "arguments": arguments_json },
    }))
}

/// An attachment as it can be sent again; what is not kept here is named.
fn media(part: &Part) -> Option<Value> {
    let Part::Opaque { media_type, source, .. } = part else { return None };
    let (kind, form) = media_type.split_once('/').unwrap_or((media_type, ""));
    Some(match source {
        OpaqueSource::Uri(uri) if is_hash(uri) => {
            json!({ "type": "text", "text": format!("[{media_type}]") })
        }
        OpaqueSource::Uri(uri) if kind == "image" => {
            json!({ "type": "image_url", "image_url": { "url": uri } })
        }
        OpaqueSource::Uri(uri) => json!({ "type": "file", "file": { "file_id": uri } }),
        OpaqueSource::Data(data) => {
            let url = data_url(media_type, data);
            match kind {
                "image" => json!({ "type": "image_url", "image_url": { "url": url } }),
                "audio" => {
                    let data = url.split_once(',').map_or("", |(_, data)| data);
                    json!({ "type": "input_audio", "input_audio": { "data": data, "format": form } })
                }
                _ => json!({ "type": "file", "file": { "file_data": url } }),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str, parts: Vec<Part>) -> Message {
        Message { role, content: content.to_owned(), parts, speaker: String::new() }
    }

    #[test]
    fn tools_and_attachments_keep_their_form() {
        let call =
            Part::ToolCall { call_id: "c".into(), name: "f".into(), arguments_json: "{}".into() };
        let shown = rendered(&message(Role::Assistant, "", vec![call]));
        assert_eq!(shown[0]["content"], Value::Null);
        assert_eq!(shown[0]["tool_calls"][0]["function"]["name"], "f");
        let result = |id: &str| Part::ToolResult { call_id: id.into(), content: "x".into() };
        let shown = rendered(&message(Role::Tool, "", vec![result("a"), result("b")]));
        assert_eq!((shown.len(), &shown[1]["tool_call_id"]), (2, &json!("b")));
        let opaque =
            |source| Part::Opaque { media_type: "image/png".into(), source, token_cost: 1 };
        let parts = vec![
            opaque(OpaqueSource::Data(vec![1])),
            opaque(OpaqueSource::Uri("urn:blake3:00".into())),
        ];
        let shown = rendered(&message(Role::User, "look", parts));
        assert_eq!(shown[0]["content"][1]["image_url"]["url"], "data:image/png;base64,AQ==");
        assert_eq!(shown[0]["content"][2]["text"], "[image/png]");
    }
}
