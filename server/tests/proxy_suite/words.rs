//! Messages as the table writes them: `u:` the user, `a:` the assistant, `s:` the
//! application, `call:ID:NAME:ARGUMENTS`, `custom:ID:NAME:INPUT`, `t:ID:RESULT`; `a:one|a:two`
//! are two blocks of one answer. And back from stored turns and from what goes up.

use serde_json::{Value, json};
use throughline::{pb, proxy::Dialect};

/// A request's `messages`, and its `system` where the API has one.
pub(crate) fn messages(dialect: Dialect, words: &[String]) -> (Value, Option<Value>) {
    match dialect {
        Dialect::OpenAi => (words.iter().map(|words| openai(words)).collect(), None),
        Dialect::Anthropic => {
            let is_system = |words: &&String| words.starts_with("s:");
            let system = words.iter().find(is_system).map(|words| json!(&words[2..]));
            let said = words.iter().filter(|words| !is_system(words));
            (said.map(|words| anthropic(words)).collect(), system)
        }
    }
}

pub(crate) fn openai(words: &str) -> Value {
    let (kind, rest) = words.split_once(':').unwrap();
    match kind {
        "s" => json!({ "role": "system", "content": rest }),
        "u" => json!({ "role": "user", "content": rest }),
        "a" => json!({ "role": "assistant", "content": rest }),
        "call" => {
            let [id, name, arguments] = three(rest);
            let function = json!({ "name": name, "arguments": arguments });
            let call = json!({ "id": id, "type": "function", "function": function });
            json!({ "role": "assistant", "content": null, "tool_calls": [call] })
        }
        "custom" => {
            let [id, name, input] = three(rest);
            let custom = json!({ "name": name, "input": input });
            let call = json!({ "id": id, "type": "custom", "custom": custom });
            json!({ "role": "assistant", "content": null, "tool_calls": [call] })
        }
        _ => {
            let (id, content) = rest.split_once(':').unwrap();
            json!({ "role": "tool", "tool_call_id": id, "content": content })
        }
    }
}

fn anthropic(words: &str) -> Value {
    let (kind, rest) = words.split_once(':').unwrap();
    match kind {
        "u" => json!({ "role": "user", "content": rest }),
        "a" => json!({ "role": "assistant", "content": blocks(rest) }),
        "call" => {
            let [id, name, arguments] = three(rest);
            let input: Value = serde_json::from_str(arguments).unwrap();
            let block = json!({ "type": "tool_use", "id": id, "name": name, "input": input });
            json!({ "role": "assistant", "content": [block] })
        }
        _ => {
            let (id, content) = rest.split_once(':').unwrap();
            let block = json!({ "type": "tool_result", "tool_use_id": id, "content": content });
            json!({ "role": "user", "content": [block] })
        }
    }
}

/// The text blocks of an answer.
pub(crate) fn blocks(answer: &str) -> Vec<Value> {
    answer.split("|a:").map(|text| json!({ "type": "text", "text": text })).collect()
}

/// Messages of either API in words.
pub(crate) fn of_messages(messages: &Value) -> Vec<String> {
    messages.as_array().unwrap().iter().map(of_message).collect()
}

fn of_message(message: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let kind = match message["role"].as_str().unwrap() {
        "tool" => {
            return format!("t:{}:{}", text(&message["tool_call_id"]), text(&message["content"]));
        }
        role => role[..1].to_owned(),
    };
    let mut words = Vec::new();
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let kind = text(&call["type"]);
        let (word, called, arguments) = match kind.as_str() {
            "custom" => ("custom", &call["custom"], "input"),
            _ => ("call", &call["function"], "arguments"),
        };
        let (id, name) = (text(&call["id"]), text(&called["name"]));
        words.push(format!("{word}:{id}:{name}:{}", text(&called[arguments])));
    }
    match &message["content"] {
        Value::String(content) => words.insert(0, format!("{kind}:{content}")),
        Value::Array(blocks) => {
            words.extend(blocks.iter().map(|block| match block["type"].as_str().unwrap() {
                "tool_use" => {
                    let (id, name) = (text(&block["id"]), text(&block["name"]));
                    format!("call:{id}:{name}:{}", block["input"])
                }
                "tool_result" => {
                    format!("t:{}:{}", text(&block["tool_use_id"]), text(&block["content"]))
                }
                _ => format!("{kind}:{}", text(&block["text"])),
            }))
        }
        _ => {}
    }
    words.join("|")
}

/// The three parts of a call.
pub(crate) fn three(call: &str) -> [&str; 3] {
    let mut parts = call.splitn(3, ':');
    [(); 3].map(|()| parts.next().unwrap())
}

/// A stored turn. `a~:` is an answer that broke off, `-` a turn that was forgotten.
pub(crate) fn of_turn(turn: &pb::Turn) -> String {
    use pb::part::Content;
    if turn.forgotten {
        return "-".to_owned();
    }
    let fields = turn.metadata.clone().unwrap_or_default().fields;
    let broke_off = fields.contains_key("cut_off") && !fields.contains_key("finish_reason");
    let kind = match turn.role() {
        pb::Role::User => "u",
        pb::Role::Assistant if broke_off => "a~",
        pb::Role::Assistant => "a",
        pb::Role::System => "s",
        _ => "t",
    };
    let part = |part: &pb::Part| match part.content.as_ref().unwrap() {
        Content::Text(text) => format!("{kind}:{text}"),
        Content::ToolCall(call) => {
            format!("call:{}:{}:{}", call.call_id, call.name, call.arguments_json)
        }
        Content::ToolResult(result) => format!("t:{}:{}", result.call_id, result.content),
        Content::Opaque(opaque) => format!("opaque:{}", opaque.media_type),
    };
    turn.parts.iter().map(part).collect::<Vec<_>>().join("|")
}
