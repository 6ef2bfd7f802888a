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
    if value["error"].is_object() {
        answer.fail();
    }
    let choices = value["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
    for choice in choices.iter().filter(|choice| choice["index"].as_u64().unwrap_or(0) == 0) {
        let said = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        read_content(&said["content"], answer);
        answer.add_refusal(said["refusal"].as_str().unwrap_or_default());
        let calls = said["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (place, call) in calls.iter().enumerate() {
            let index = call["index"].as_u64().unwrap_or(place as u64);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let function = &call["function"];
            let (id, name) = (text(&call["id"]), text(&function["name"]));
            answer.add_call(index, &id, &name, &text(&function["arguments"]));
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

/// Text, or a list of parts of which some are text.
fn read_content(content: &Value, answer: &mut Answer) {
    match content {
        Value::String(text) => answer.add_text(text),
        Value::Array(parts) => {
            for text in parts.iter().filter_map(|part| part["text"].as_str()) {
                answer.add_text(text);
            }
        }
        _ => {}
    }
}
