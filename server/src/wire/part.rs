//! The typed parts of a turn, byte-equal both ways.

use throughline_memory::{
    engine::Limits,
    turn::{OpaqueSource, Part},
};

use super::Violations;
use crate::pb;

/// Reads one part.
pub(super) fn part_from_proto(
    part: pb::Part,
    path: &str,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Part> {
    use pb::part::Content;
    match part.content {
        Some(Content::Text(text)) => Some(Part::Text(text)),
        Some(Content::ToolCall(call)) => {
            let field = format!("{path}.tool_call");
            check_name(&format!("{field}.call_id"), &call.call_id, limits, violations);
            check_name(&format!("{field}.name"), &call.name, limits, violations);
            Some(Part::ToolCall {
                call_id: call.call_id,
                name: call.name,
                arguments_json: call.arguments_json,
            })
        }
        Some(Content::ToolResult(result)) => {
            let field = format!("{path}.tool_result.call_id");
            check_name(&field, &result.call_id, limits, violations);
            Some(Part::ToolResult { call_id: result.call_id, content: result.content })
        }
        Some(Content::Opaque(opaque)) => {
            opaque_from_proto(opaque, &format!("{path}.opaque"), limits, violations)
        }
        None => {
            violations.add(path, "must hold text, tool_call, tool_result or opaque");
            None
        }
    }
}

fn opaque_from_proto(
    opaque: pb::Opaque,
    field: &str,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Part> {
    check_name(&format!("{field}.media_type"), &opaque.media_type, limits, violations);
    if u64::from(opaque.token_cost) > limits.token_budget {
        let max = limits.token_budget;
        violations.add(
            format!("{field}.token_cost"),
            format!("is {}, the limit token_budget is {max}", opaque.token_cost),
        );
    }
    let source = match opaque.source {
        Some(pb::opaque::Source::Data(data)) => OpaqueSource::Data(data.to_vec()),
        Some(pb::opaque::Source::Uri(uri)) => OpaqueSource::Uri(uri),
        None => {
            violations.add(field, "must hold data or uri");
            return None;
        }
    };
    Some(Part::Opaque { media_type: opaque.media_type, source, token_cost: opaque.token_cost })
}

fn check_name(field: &str, name: &str, limits: &Limits, violations: &mut Violations) {
    violations.check_given(field, name);
    violations.check_bytes(field, name, "name_bytes", limits.name_bytes);
}

/// Renders one part.
pub(super) fn part_to_proto(part: &Part) -> pb::Part {
    use pb::part::Content;
    let content = match part {
        Part::Text(text) => Content::Text(text.clone()),
        Part::ToolCall { call_id, name, arguments_json } => Content::ToolCall(pb::ToolCall {
            call_id: call_id.clone(),
            name: name.clone(),
            arguments_json: arguments_json.clone(),
        }),
        Part::ToolResult { call_id, content } => Content::ToolResult(pb::ToolResult {
            call_id: call_id.clone(),
            content: content.clone(),
        }),
        Part::Opaque { media_type, source, token_cost } => Content::Opaque(pb::Opaque {
            media_type: media_type.clone(),
            source: Some(match source {
                OpaqueSource::Data(data) => pb::opaque::Source::Data(data.clone().into()),
                OpaqueSource::Uri(uri) => pb::opaque::Source::Uri(uri.clone()),
            }),
            token_cost: *token_cost,
        }),
    };
    pb::Part { content: Some(content) }
}

/// Bytes that a part counts towards the limit of its turn.
pub(super) fn part_bytes(part: &Part) -> u64 {
    let bytes = match part {
        Part::Text(text) => text.len(),
        Part::ToolCall { call_id, name, arguments_json } => {
            call_id.len() + name.len() + arguments_json.len()
        }
        Part::ToolResult { call_id, content } => call_id.len() + content.len(),
        Part::Opaque { media_type, source, .. } => {
            media_type.len()
                + match source {
                    OpaqueSource::Data(data) => data.len(),
                    OpaqueSource::Uri(uri) => uri.len(),
                }
        }
    };
    bytes as u64
}
