//! What goes to the model, as the messages of a request.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::{Value, json};
use throughline_memory::{
    context::Message,
    turn::{OpaqueSource, Part, Role},
};

use crate::proxy::{
    body::{Body, joined, to_json},
    print::is_hash,
    said::data_url,
    window::Placed,
};

/// Longest name of a speaker that the API takes.
const MAX_NAME_CHARS: usize = 64;

/// Puts the instructions and the window in the place of the messages.
pub(in crate::proxy) fn write(body: &mut Body, instructions: &[Bytes], messages: Vec<Placed>) {
    let tools = Tools::of(body);
    let mut all = instructions.to_vec();
    for placed in messages {
        match placed {
            Placed::AsItCame(raw) => all.push(raw),
            Placed::Remembered(message) => {
                all.extend(rendered(&message, &tools).iter().map(to_json));
            }
        }
    }
    body.set("messages", joined(&all));
}

/// The tools that a request declares. A stored call does not say its kind.
#[derive(Default)]
struct Tools {
    functions: HashSet<String>,
    customs: HashSet<String>,
}

impl Tools {
    fn of(body: &Body) -> Self {
        let given = body.get("tools").and_then(|tools| serde_json::from_slice(tools).ok());
        let given: Vec<Value> = given.unwrap_or_default();
        let names = |kind: &str| {
            let named = given.iter().filter_map(|tool| tool[kind]["name"].as_str());
            named.map(str::to_owned).collect()
        };
        Self { functions: names("function"), customs: names("custom") }
    }

    /// Whether a call is one of a custom tool: as declared; of what is not declared,
    /// by the arguments, which are a JSON object for every function.
    fn is_custom(&self, name: &str, arguments: &str) -> bool {
        if self.functions.contains(name) || self.customs.contains(name) {
            return !self.functions.contains(name);
        }
        let is_object = serde_json::from_str(arguments).is_ok_and(|value: Value| value.is_object());
        !is_object && !arguments.is_empty()
    }
}

fn rendered(message: &Message, tools: &Tools) -> Vec<Value> {
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
    let calls: Vec<Value> = message.parts.iter().filter_map(|part| call(part, tools)).collect();
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

fn call(part: &Part, tools: &Tools) -> Option<Value> {
    let Part::ToolCall { call_id, name, arguments_json } = part else { return None };
    if tools.is_custom(name, arguments_json) {
        let custom = json!({ "name": name, "input": arguments_json });
        return Some(json!({ "id": call_id, "type": "custom", "custom": custom }));
    }
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
    fn calls_are_of_the_kind_that_the_request_declares() {
        let declared = r#"{"tools":[{"type":"function","function":{"name":"f"}},
            {"type":"custom","custom":{"name":"c"}},7]}"#;
        let body = Body::read(&Bytes::copy_from_slice(declared.as_bytes())).unwrap();
        let tools = Tools::of(&body);
        for (name, arguments, is_custom) in [
            ("f", "no JSON", false),
            ("c", "{\"a\":1}", true),
            ("other", "{\"a\":1}", false),
            ("other", "", false),
            ("other", "print(7)", true),
            ("other", "7", true),
        ] {
            let (call_id, name) = ("i".to_owned(), name.to_owned());
            let part = Part::ToolCall { call_id, name, arguments_json: arguments.to_owned() };
            let shown = call(&part, &tools).unwrap();
            assert_eq!(shown["type"] == "custom", is_custom, "{shown}");
            let text =
                if is_custom { &shown["custom"]["input"] } else { &shown["function"]["arguments"] };
            assert_eq!(text, arguments);
        }
        let none = Body::read(&Bytes::from("{}")).unwrap();
        assert!(Tools::of(&none).customs.is_empty());
    }

    #[test]
    fn tools_and_attachments_keep_their_form() {
        let call =
            Part::ToolCall { call_id: "c".into(), name: "f".into(), arguments_json: "{}".into() };
        let tools = Tools::default();
        let rendered = |message: &Message| rendered(message, &tools);
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
