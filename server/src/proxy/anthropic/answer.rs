//! Answers: a message, or the events of a stream.

use serde_json::Value;

use crate::proxy::answer::Answer;

/// Takes a message in.
pub(in crate::proxy) fn read_answer(value: &Value, answer: &mut Answer) {
    if let Some(model) = value["model"].as_str() {
        answer.set_model(model);
    }
    let blocks = value["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, block) in (0_u64..).zip(blocks) {
        begin(index, block, answer);
    }
    if let Some(reason) = value["stop_reason"].as_str() {
        answer.finish(reason);
    }
}

/// Takes an event of a stream in.
pub(in crate::proxy) fn read_event(value: &Value, answer: &mut Answer) {
    let index = value["index"].as_u64().unwrap_or(0);
    match value["type"].as_str().unwrap_or_default() {
        "message_start" => {
            if let Some(model) = value["message"]["model"].as_str() {
                answer.set_model(model);
            }
        }
        "content_block_start" => begin(index, &value["content_block"], answer),
        "content_block_delta" => {
            let delta = &value["delta"];
            let text = |name: &str| delta[name].as_str().unwrap_or_default();
            match delta["type"].as_str().unwrap_or_default() {
                "text_delta" => answer.add_text(index, text("text")),
                "input_json_delta" => answer.add_call(index, "", "", text("partial_json")),
                _ => {}
            }
        }
        "error" => answer.fail(),
        "message_delta" => {
            if let Some(reason) = value["delta"]["stop_reason"].as_str() {
                answer.finish(reason);
            }
        }
        _ => {}
    }
}

/// A block as it begins. What the model thinks is no part of what it says.
fn begin(index: u64, block: &Value, answer: &mut Answer) {
    let text = |name: &str| block[name].as_str().unwrap_or_default();
    match text("type") {
        "text" => answer.add_text(index, text("text")),
        "tool_use" => {
            answer.add_call(index, text("id"), text("name"), "");
            answer.give_arguments(index, &input(block));
        }
        _ => {}
    }
}

/// The arguments of a call. In a stream they follow in pieces, if there are any.
fn input(block: &Value) -> String {
    match &block["input"] {
        Value::Null => "{}".to_owned(),
        given => given.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use throughline_memory::turn::Part;

    use super::*;
    use crate::proxy::dialect::Dialect;

    fn expected() -> [Part; 2] {
        let arguments_json = "{\"a\":1}".to_owned();
        [
            Part::Text("hello".to_owned()),
            Part::ToolCall { call_id: "t".to_owned(), name: "f".to_owned(), arguments_json },
        ]
    }

    #[test]
    fn a_call_without_arguments_has_an_empty_object() {
        let block =
            |input: Value| json!({"type": "tool_use", "id": "t", "name": "f", "input": input});
        for (given, expected) in
            [(json!({}), "{}"), (Value::Null, "{}"), (json!({"a": 1}), "{\"a\":1}")]
        {
            let mut whole = Answer::new(Dialect::Anthropic, 99);
            read_answer(&json!({ "content": [block(given.clone())] }), &mut whole);
            let mut streamed = Answer::new(Dialect::Anthropic, 99);
            let start =
                json!({"type": "content_block_start", "index": 0, "content_block": block(given)});
            let delta = json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": ""}});
            for event in [start, delta] {
                read_event(&event, &mut streamed);
            }
            for answer in [whole, streamed] {
                let parts = answer.parts("");
                let [Part::ToolCall { arguments_json, .. }] = &parts[..] else { panic!() };
                assert_eq!(arguments_json, expected);
            }
        }
    }

    #[test]
    fn a_message_and_its_stream_say_the_same() {
        let mut whole = Answer::new(Dialect::Anthropic, 99);
        read_answer(
            &json!({"model": "m", "stop_reason": "tool_use", "content": [
                {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hello"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]}),
            &mut whole,
        );
        let mut streamed = Answer::new(Dialect::Anthropic, 99);
        for event in [
            json!({"type": "message_start", "message": {"model": "m", "content": []}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hel"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}}),
            json!({"type": "content_block_start", "index": 1,
                "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
            json!({"type": "content_block_delta", "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
        ] {
            read_event(&event, &mut streamed);
        }
        for answer in [whole, streamed] {
            assert_eq!(answer.parts(""), expected());
            assert!(!answer.is_cut_off());
            assert_eq!(answer.model(), Some("m"));
        }
    }
}
