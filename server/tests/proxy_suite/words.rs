//! Messages as the table writes them: `u:` the user, `a:` the assistant, `s:` the
//! application, `call:ID:NAME:ARGUMENTS`, `t:ID:RESULT`; and back from stored turns.

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
        "a" => json!({ "role": "assistant", "content": [{ "type": "text", "text": rest }] }),
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
