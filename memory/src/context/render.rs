//! Turns as messages of their own, verbatim, and what a message costs.
//!
//! Invariants: words are not touched; a message's cost is the sum of its
//! pieces, each counted apart, so that no way of joining them costs more.

use super::{tokens::TokenCounter, window::Message};
use crate::turn::{Part, Turn};

/// Tokens that a speaker's name adds to a message beside its own (OpenAI's
/// `tokens_per_name`).
const SPEAKER_TOKENS: u32 = 1;
/// Tokens of the frame around a tool call: markers, and the keys of id, name
/// and arguments. A generous reading of the published chat templates.
const TOOL_CALL_TOKENS: u32 = 12;
/// Tokens of the frame around a tool result.
const TOOL_RESULT_TOKENS: u32 = 4;

/// A turn as it was said. Texts are joined by a line feed; other parts keep
/// their order.
pub(super) fn verbatim(turn: &Turn) -> Message {
    let mut content = String::new();
    let mut parts = Vec::new();
    for part in &turn.parts {
        match part {
            Part::Text(text) => {
                if !content.is_empty() {
                    content.push('\n');
                }
                content.push_str(text);
            }
            Part::ToolCall { .. } | Part::ToolResult { .. } | Part::Opaque { .. } => {
                parts.push(part.clone());
            }
        }
    }
    Message { role: turn.role, content, parts, speaker: turn.speaker.clone() }
}

/// Tokens of a message without what the template adds. Opaque parts cost what
/// the caller said.
pub fn weigh(message: &Message, counter: &dyn TokenCounter) -> u32 {
    weigh_with(message, &|text| counter.count(text))
}

/// The same for a message that window after window counts again.
pub(super) fn weigh_again(message: &Message, counter: &dyn TokenCounter) -> u32 {
    weigh_with(message, &|text| counter.count_again(text))
}

fn weigh_with(message: &Message, count: &dyn Fn(&str) -> u32) -> u32 {
    let count = |text: &str| if text.is_empty() { 0 } else { count(text) };
    let speaker = match message.speaker.as_str() {
        "" => 0,
        name => count(name).saturating_add(SPEAKER_TOKENS),
    };
    let content = count(&message.content).saturating_add(speaker);
    message.parts.iter().fold(content, |sum, part| {
        let tokens = match part {
            Part::Text(text) => count(text),
            Part::ToolCall { call_id, name, arguments_json } => TOOL_CALL_TOKENS
                .saturating_add(count(call_id))
                .saturating_add(count(name))
                .saturating_add(count(arguments_json)),
            Part::ToolResult { call_id, content } => {
                TOOL_RESULT_TOKENS.saturating_add(count(call_id)).saturating_add(count(content))
            }
            Part::Opaque { token_cost, .. } => *token_cost,
        };
        sum.saturating_add(tokens)
    })
}
