//! What must hold for every window: costs by the tokenizer's own crate, whole
//! tool calls, each turn once, required pins in.

use std::{collections::HashSet, sync::LazyLock};

use throughline_memory::{
    context::{Item, Message, Section, Window, WindowOptions},
    turn::{Part, Turn},
};

use super::Scene;

/// Counts with the tokenizer's own crate and nothing of ours but the awkward
/// one, which is set up here a second time.
pub(crate) fn real_tokens(tokenizer: &str, text: &str) -> u64 {
    static AWKWARD: LazyLock<tokenizers::Tokenizer> = LazyLock::new(|| {
        let json = super::awkward_tokenizer_json();
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(json).unwrap();
        tokenizer.with_truncation(None).unwrap();
        tokenizer.set_encode_special_tokens(true);
        tokenizer
    });
    let tokens = match tokenizer {
        "cl100k_base" => tiktoken_rs::cl100k_base_singleton().encode_ordinary(text).len(),
        "o200k_base" => tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len(),
        _ => AWKWARD.encode(text, false).unwrap().len(),
    };
    tokens as u64
}

/// Tokens of everything in a message that a model would read.
pub(crate) fn message_tokens(tokenizer: &str, message: &Message) -> u64 {
    let count = |text: &str| real_tokens(tokenizer, text);
    let parts = message.parts.iter().map(|part| match part {
        Part::Text(text) => count(text),
        Part::ToolCall { call_id, name, arguments_json } => {
            count(call_id) + count(name) + count(arguments_json)
        }
        Part::ToolResult { call_id, content } => count(call_id) + count(content),
        Part::Opaque { token_cost, .. } => u64::from(*token_cost),
    });
    count(&message.content) + count(&message.speaker) + parts.sum::<u64>()
}

pub(crate) fn check_costs(window: &Window, options: &WindowOptions) {
    let total = u64::from(window.total_tokens);
    assert!(total <= u64::from(options.budget), "{total} tokens over {}", options.budget);
    let items: u64 = window.items.iter().map(|item| u64::from(item.tokens)).sum();
    assert_eq!(items + u64::from(window.overhead_tokens), total, "costs do not add up");
    let prefix: u64 = window.prefix.iter().map(|piece| u64::from(piece.tokens)).sum();
    let per_prompt =
        if window.messages.is_empty() { 0 } else { u64::from(options.overhead.per_prompt) };
    assert_eq!(prefix + per_prompt, total, "the prefix is not the whole window");
    let plain = window.messages.iter().all(|m| m.parts.is_empty() && m.speaker.is_empty());
    let real: u64 = window
        .messages
        .iter()
        .map(|message| message_tokens(options.counter.name(), message))
        .sum::<u64>()
        + window.messages.len() as u64 * u64::from(options.overhead.per_message)
        + per_prompt;
    if plain {
        assert_eq!(real, total, "the count is not the tokenizer's");
    }
    assert!(real <= total, "really {real} tokens, {total} stated");
}

pub(crate) fn check_tool_calls(window: &Window, scene: &Scene) {
    let mut open: HashSet<&str> = HashSet::new();
    for part in window.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::ToolCall { call_id, .. } => {
                open.insert(call_id);
            }
            Part::ToolResult { call_id, .. } => {
                assert!(open.contains(call_id.as_str()), "result of {call_id} without its call");
            }
            Part::Text(_) | Part::Opaque { .. } => {}
        }
    }
    // Verbatim or quoted: where a call or a result is, all of them are.
    let own = window.items.iter().filter(|item| item.conversation.is_none() && item.fact.is_none());
    let sections: Vec<_> = own.filter_map(|item| Some((item.sequence?, item.section))).collect();
    let section = |turn: &Turn| {
        sections
            .iter()
            .find(|(sequence, _)| *sequence == turn.sequence)
            .map(|(_, section)| *section)
    };
    for caller in &scene.turns {
        for id in caller.parts.iter().filter_map(|part| match part {
            Part::ToolCall { call_id, .. } => Some(call_id),
            _ => None,
        }) {
            let answers =
                |part: &Part| matches!(part, Part::ToolResult { call_id, .. } if call_id == id);
            for answer in scene.turns.iter().filter(|turn| turn.parts.iter().any(answers)) {
                assert_eq!(section(caller), section(answer), "{id} is torn apart");
            }
        }
    }
}

pub(crate) fn check_items(window: &Window, scene: &Scene) {
    let mut seen = HashSet::new();
    for item in window.items.iter().filter(|item| item.fact.is_none()) {
        let Some(sequence) = item.sequence else { continue };
        assert!(seen.insert((&item.conversation, sequence)), "turn {sequence} stands twice");
        let is_gone = item.section != Section::Query && scene.gone.contains(&sequence);
        assert!(!is_gone, "turn {sequence} has gone");
    }
    let last = window.messages.len();
    assert!(window.items.iter().all(|item| item.message < last));
    assert!(window.items.windows(2).all(|pair| pair[0].message <= pair[1].message));
    for pin in scene.pins.iter().filter(|pin| pin.fact.required) {
        let stands = |item: &Item| item.fact.as_ref() == Some(&pin.fact.id);
        assert!(window.items.iter().any(stands), "required pin {} is missing", pin.fact.id);
    }
}
