//! Answers: a completion, or a chunk of one.

use serde_json::Value;

use crate::proxy::answer::Answer;

/// Id of a call in the format before tools, which has none.
pub(super) const FUNCTION_CALL: &str = "function_call";

/// Takes a completion or a chunk in.
pub(in crate::proxy) fn read_answer(value: &Value, answer: &mut Answer) {
    if let Some(model) = value["model"].as_str() {
        answer.set_model(model);
    }
    // Some upstreams have a shape of their own for it.
    if value["error"].is_object() || value["error"].is_string() || value["object"] == "error" {
        answer.fail();
    }
    let choices = value["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
    for choice in choices.iter().filter(|choice| choice["index"].as_u64().unwrap_or(0) == 0) {
        let is_piece = choice["delta"].is_object();
        let said = if is_piece { &choice["delta"] } else { &choice["message"] };
        read_content(&said["content"], is_piece, answer);
        answer.add_refusal(said["refusal"].as_str().unwrap_or_default());
        let calls = said["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (place, call) in calls.iter().enumerate() {
            let index = call["index"].as_u64().unwrap_or(place as u64);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (called, arguments) = match &call["custom"] {
                custom if custom.is_object() => (custom, &custom["input"]),
                _ => (&call["function"], &call["function"]["arguments"]),
            };
            let (id, name) = (text(&call["id"]), text(&called["name"]));
            answer.add_call(index, &id, &name, &text(arguments));
        }
        let function = &said["function_call"];
        if function.is_object() {
            let text = |name: &str| function[name].as_str().unwrap_or_default();
            answer.add_call(0, FUNCTION_CALL, text("name"), text("arguments"));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            answer.finish(reason);
        }
    }
}

/// Text, or a list of parts of which some are text. The pieces of a stream do not say
/// which part they belong to.
fn read_content(content: &Value, is_piece: bool, answer: &mut Answer) {
    match content {
        Value::String(text) => answer.add_text(0, text),
        Value::Array(parts) => {
            let texts = parts.iter().map(|part| part["text"].as_str().unwrap_or_default());
            for (block, text) in (0..).zip(texts) {
                answer.add_text(if is_piece { 0 } else { block }, text);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use throughline_memory::turn::Part;

    use super::*;
    use crate::proxy::dialect::Dialect;

    fn call(id: &str, arguments: &str) -> Part {
        let (call_id, arguments_json) = (id.to_owned(), arguments.to_owned());
        Part::ToolCall { call_id, name: "f".to_owned(), arguments_json }
    }

    #[test]
    fn calls_that_share_an_index_or_have_none_stay_apart() {
        let first = |id: &str| json!({ "id": id, "function": { "name": "f", "arguments": "" } });
        let more = |arguments: &str| json!({ "function": { "arguments": arguments } });
        let again = |id: &str| json!({ "id": id, "function": { "arguments": "}" } });
        // The last but one goes on with the first call, the last has an id of its own and
        // no name: it goes on with the newest.
        let pieces =
            [first("a"), more("{\"n\":"), more("1"), first("b"), more("{"), again("a"), again("x")];
        for index in [None, Some(0), Some(3)] {
            let mut answer = Answer::new(Dialect::OpenAi, 99);
            for piece in &pieces {
                let mut piece = piece.clone();
                if let Some(index) = index {
                    piece["index"] = json!(index);
                }
                let delta = json!({ "tool_calls": [piece] });
                read_answer(&json!({ "choices": [{ "delta": delta }] }), &mut answer);
            }
            let expected = [call("a", "{\"n\":1}"), call("b", "{}")];
            assert_eq!(answer.parts(""), expected, "{index:?}");
        }
    }

    #[test]
    fn calls_that_are_counted_stand_in_their_order() {
        let mut answer = Answer::new(Dialect::OpenAi, 99);
        for (index, id, name, arguments) in
            [(1, "b", "f", "{"), (0, "a", "f", "{}"), (1, "", "", "}")]
        {
            let function = json!({ "name": name, "arguments": arguments });
            let piece = json!({ "index": index, "id": id, "function": function });
            let delta = json!({ "tool_calls": [piece] });
            read_answer(&json!({ "choices": [{ "delta": delta }] }), &mut answer);
        }
        assert_eq!(answer.parts(""), [call("a", "{}"), call("b", "{}")]);
    }
}
