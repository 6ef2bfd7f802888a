//! What may come in. All violations of a request are reported together, with
//! their field paths; nothing is cut or mended silently.

use super::{EngineError, FieldViolation, Limits, NewConversation, NewFact, turns::given};
use crate::facts::{Fact, Statement};
use crate::turn::{NewTurn, OpaqueSource, Part, Turn};

/// Collects violations.
#[derive(Default)]
struct Check(Vec<FieldViolation>);

impl Check {
    fn require(&mut self, holds: bool, field: &str, description: impl FnOnce() -> String) {
        if !holds {
            self.0.push(FieldViolation::new(field, description()));
        }
    }

    fn at_most(&mut self, field: &str, length: usize, limit: &'static str, max: u64) {
        self.require(length as u64 <= max, field, || {
            format!("is {length}, the limit {limit} is {max}")
        });
    }

    fn finish(self) -> Result<(), EngineError> {
        if self.0.is_empty() { Ok(()) } else { Err(EngineError::Invalid(self.0)) }
    }
}

/// Violations listed at most: a request with 1,000 bad turns is told of enough.
const MAX_VIOLATIONS: usize = 64;

/// Turns of an append.
pub(super) fn turns(turns: &[NewTurn], limits: &Limits) -> Result<(), EngineError> {
    let mut check = Check::default();
    check.require(!turns.is_empty(), "turns", || "at least one turn is required".to_owned());
    check.at_most("turns", turns.len(), "turns_per_append", limits.turns_per_append);
    for (position, turn) in turns.iter().enumerate() {
        if check.0.len() >= MAX_VIOLATIONS {
            break;
        }
        one_turn(&mut check, &format!("turns[{position}]"), turn, limits);
    }
    check.finish()
}

/// Turns of an export. Forgotten ones have nothing but their id.
pub(super) fn imported(turns: &[Turn], limits: &Limits) -> Result<(), EngineError> {
    let mut check = Check::default();
    check.at_most("turns", turns.len(), "turns_per_append", limits.turns_per_append);
    for (position, turn) in turns.iter().enumerate() {
        if check.0.len() >= MAX_VIOLATIONS {
            break;
        }
        let path = format!("turns[{position}]");
        if turn.forgotten {
            client_turn_id(&mut check, &path, &turn.client_turn_id, limits);
        } else {
            one_turn(&mut check, &path, &given(turn), limits);
        }
    }
    check.finish()
}

fn client_turn_id(check: &mut Check, path: &str, id: &str, limits: &Limits) {
    let field = format!("{path}.client_turn_id");
    check.require(!id.is_empty(), &field, || "is empty".to_owned());
    check.at_most(&field, id.len(), "request_id_bytes", limits.request_id_bytes);
}

fn one_turn(check: &mut Check, path: &str, turn: &NewTurn, limits: &Limits) {
    let field = |name: &str| format!("{path}.{name}");
    check.at_most(&field("speaker"), turn.speaker.len(), "name_bytes", limits.name_bytes);
    check.at_most(&field("metadata"), turn.metadata.len(), "metadata_bytes", limits.metadata_bytes);
    if let Some(id) = &turn.client_turn_id {
        client_turn_id(check, path, id, limits);
    }
    check.require(!turn.parts.is_empty(), &field("parts"), || {
        "at least one part is required".to_owned()
    });
    check.at_most(&field("parts"), turn.parts.len(), "parts_per_turn", limits.parts_per_turn);
    let bytes: usize = turn.parts.iter().map(part_bytes).sum();
    check.at_most(&field("parts"), bytes, "turn_bytes", limits.turn_bytes);
    for (position, part) in turn.parts.iter().enumerate() {
        one_part(check, &format!("{path}.parts[{position}]"), part, limits);
    }
}

fn one_part(check: &mut Check, path: &str, part: &Part, limits: &Limits) {
    let mut name = |field: &str, text: &str, required: bool| {
        let field = format!("{path}.{field}");
        check.require(!required || !text.is_empty(), &field, || "is required".to_owned());
        check.at_most(&field, text.len(), "name_bytes", limits.name_bytes);
    };
    match part {
        Part::Text(_) => {}
        Part::ToolCall { call_id, name: tool, .. } => {
            name("tool_call.call_id", call_id, true);
            name("tool_call.name", tool, true);
        }
        Part::ToolResult { call_id, .. } => name("tool_result.call_id", call_id, true),
        Part::Opaque { media_type, .. } => name("opaque.media_type", media_type, true),
    }
}

/// Bytes of what a part holds.
pub(super) fn part_bytes(part: &Part) -> usize {
    match part {
        Part::Text(text) => text.len(),
        Part::ToolCall { arguments_json, .. } => arguments_json.len(),
        Part::ToolResult { content, .. } => content.len(),
        Part::Opaque { source: OpaqueSource::Data(data), .. } => data.len(),
        Part::Opaque { source: OpaqueSource::Uri(uri), .. } => uri.len(),
    }
}

/// A new conversation.
pub(super) fn conversation(new: &NewConversation, limits: &Limits) -> Result<(), EngineError> {
    let mut check = Check::default();
    check.at_most("request_id", new.request_id.len(), "request_id_bytes", limits.request_id_bytes);
    header(&mut check, &new.user_id, &new.title, limits);
    labels(&mut check, &new.labels, limits);
    check.finish()
}

/// Changes of a conversation.
pub(super) fn patch(patch: &super::ConversationPatch, limits: &Limits) -> Result<(), EngineError> {
    let mut check = Check::default();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    header(&mut check, &text(&patch.user_id), &text(&patch.title), limits);
    if let Some(new) = &patch.labels {
        labels(&mut check, new, limits);
    }
    check.finish()
}

fn header(check: &mut Check, user_id: &str, title: &str, limits: &Limits) {
    check.at_most("conversation.user_id", user_id.len(), "user_id_bytes", limits.user_id_bytes);
    check.at_most("conversation.title", title.len(), "title_bytes", limits.title_bytes);
}

fn labels(check: &mut Check, labels: &std::collections::BTreeMap<String, String>, limits: &Limits) {
    check.at_most("conversation.labels", labels.len(), "labels", limits.labels);
    for (key, value) in labels.iter().take(MAX_VIOLATIONS) {
        let shown: String = key.chars().take(40).collect();
        let field = format!("conversation.labels[{shown:?}]");
        check.require(!key.is_empty(), &field, || "the key is empty".to_owned());
        check.at_most(&field, key.len(), "label_key_bytes", limits.label_key_bytes);
        check.at_most(&field, value.len(), "label_value_bytes", limits.label_value_bytes);
    }
}

/// A fact's words, fields and request id.
pub(super) fn fact(new: &NewFact, limits: &Limits) -> Result<(), EngineError> {
    let mut check = Check::default();
    fact_words(&mut check, &new.text, limits);
    fact_fields(&mut check, &new.says, limits);
    check.at_most("request_id", new.request_id.len(), "request_id_bytes", limits.request_id_bytes);
    if let Some((start, end)) = new.source_span {
        check.require(start < end, "fact.source_span", || "start must be below end".to_owned());
        check.require(new.source.is_some(), "fact.source_span", || {
            "needs a source_sequence".to_owned()
        });
    }
    check.finish()
}

/// A fact after a change.
pub(super) fn changed_fact(fact: &Fact, limits: &Limits) -> Result<(), EngineError> {
    let mut check = Check::default();
    fact_words(&mut check, &fact.text, limits);
    fact_fields(&mut check, &fact.says, limits);
    check.finish()
}

fn fact_words(check: &mut Check, text: &str, limits: &Limits) {
    check.require(!text.trim().is_empty(), "fact.text", || "is required".to_owned());
    check.at_most("fact.text", text.len(), "fact_bytes", limits.fact_bytes);
}

fn fact_fields(check: &mut Check, says: &Statement, limits: &Limits) {
    for (field, text) in [
        ("fact.subject", &says.subject),
        ("fact.attribute", &says.attribute),
        ("fact.scope", &says.scope),
    ] {
        check.at_most(field, text.len(), "fact_field_bytes", limits.fact_field_bytes);
    }
    check.at_most("fact.value", says.value.len(), "fact_value_bytes", limits.fact_value_bytes);
    let on = says.depends_on.len();
    check.at_most("fact.depends_on", on, "fact_dependencies", limits.fact_dependencies);
}
