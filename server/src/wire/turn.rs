//! Turns: checked on the way in, rendered on the way out.

use jiff::Timestamp;
use throughline_memory::{
    engine::{EngineError, FieldViolation, Limits},
    turn::{ConversationId, NewTurn, Part, Role, Sequence, Turn},
};

use super::{
    Violations, metadata,
    name::turn_name,
    part::{part_bytes, part_from_proto, part_to_proto},
    time::{timestamp_from_proto, timestamp_to_proto},
};
use crate::pb;

/// Checks a turn to append; `path` is where it stands in the request, such as
/// `turns[3]`. Output-only fields are ignored.
pub fn new_turn(
    turn: pb::Turn,
    path: &str,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<NewTurn> {
    let content = content(&turn, path, limits, violations);
    let parts = parts(turn.parts, path, limits, violations);
    let metadata = metadata::encode(turn.metadata.as_ref(), path, limits, violations);
    let (role, said_at) = content?;
    Some(NewTurn {
        role,
        speaker: turn.speaker,
        parts: parts?,
        said_at,
        client_turn_id: Some(turn.client_turn_id).filter(|id| !id.is_empty()),
        metadata,
    })
}

/// Checks a turn of an export: it keeps its times, its id and its place, which
/// must be `expected`. `now` stands in for a time that is not given.
pub fn imported_turn(
    turn: pb::Turn,
    expected: Sequence,
    now: Timestamp,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Turn> {
    let path = "turn";
    if turn.sequence != expected {
        let is = turn.sequence;
        violations.add(
            "turn.sequence",
            format!("is {is}; sequences are dense from 1, next is {expected}"),
        );
    }
    let content = content(&turn, path, limits, violations);
    let created_at = match &turn.create_time {
        Some(time) => violations.take(timestamp_from_proto("turn.create_time", time)),
        None => Some(now),
    };
    let parts = if turn.forgotten {
        if !turn.parts.is_empty() {
            violations.add("turn.parts", "must be empty in a forgotten turn");
        }
        Some(Vec::new())
    } else {
        parts(turn.parts, path, limits, violations)
    };
    let metadata = metadata::encode(turn.metadata.as_ref(), path, limits, violations);
    let (role, said_at) = content?;
    let created_at = created_at?;
    Some(Turn {
        sequence: turn.sequence,
        role,
        speaker: turn.speaker,
        parts: parts?,
        said_at: said_at.unwrap_or(created_at),
        created_at,
        client_turn_id: match turn.client_turn_id {
            id if id.is_empty() => uuid::Uuid::now_v7().to_string(),
            id => id,
        },
        metadata,
        forgotten: turn.forgotten,
    })
}

/// What a turn says beside its parts.
fn content(
    turn: &pb::Turn,
    path: &str,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<(Role, Option<Timestamp>)> {
    let role = violations.take(role_from_proto(&format!("{path}.role"), turn.role));
    let field = format!("{path}.speaker");
    violations.check_bytes(&field, &turn.speaker, "name_bytes", limits.name_bytes);
    let field = format!("{path}.client_turn_id");
    let max = limits.request_id_bytes;
    violations.check_bytes(&field, &turn.client_turn_id, "request_id_bytes", max);
    let said_at = match &turn.say_time {
        Some(time) => {
            Some(violations.take(timestamp_from_proto(&format!("{path}.say_time"), time))?)
        }
        None => None,
    };
    Some((role?, said_at))
}

fn parts(
    parts: Vec<pb::Part>,
    path: &str,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Vec<Part>> {
    let field = format!("{path}.parts");
    if parts.is_empty() {
        violations.add(field, "at least one part is required");
        return None;
    }
    if parts.len() as u64 > limits.parts_per_turn {
        let (is, max) = (parts.len(), limits.parts_per_turn);
        violations.add(field, format!("has {is} parts, the limit parts_per_turn is {max}"));
        return None;
    }
    let read: Vec<Part> = parts
        .into_iter()
        .enumerate()
        .filter_map(|(at, part)| {
            part_from_proto(part, &format!("{field}[{at}]"), limits, violations)
        })
        .collect();
    let bytes: u64 = read.iter().map(part_bytes).sum();
    if bytes > limits.turn_bytes {
        let max = limits.turn_bytes;
        violations.add(field, format!("has {bytes} bytes, the limit turn_bytes is {max}"));
    }
    Some(read)
}

/// Renders a turn as read through `conversation`.
///
/// # Errors
/// A corrupt record, if the stored metadata cannot be read.
pub fn turn_to_proto(
    conversation: &ConversationId,
    turn: &Turn,
    omit_parts: bool,
) -> Result<pb::Turn, EngineError> {
    let name = turn_name(conversation, turn.sequence);
    let metadata = metadata::decode(&turn.metadata, &name)?;
    Ok(pb::Turn {
        name,
        create_time: Some(timestamp_to_proto(turn.created_at)),
        sequence: turn.sequence,
        role: role_to_proto(turn.role).into(),
        speaker: turn.speaker.clone(),
        parts: if omit_parts { Vec::new() } else { turn.parts.iter().map(part_to_proto).collect() },
        say_time: Some(timestamp_to_proto(turn.said_at)),
        client_turn_id: turn.client_turn_id.clone(),
        metadata,
        forgotten: turn.forgotten,
    })
}

/// Reads a role.
pub(super) fn role_from_proto(field: &str, role: i32) -> Result<Role, FieldViolation> {
    match pb::Role::try_from(role) {
        Ok(pb::Role::System) => Ok(Role::System),
        Ok(pb::Role::User) => Ok(Role::User),
        Ok(pb::Role::Assistant) => Ok(Role::Assistant),
        Ok(pb::Role::Tool) => Ok(Role::Tool),
        Ok(pb::Role::Unspecified) => Err(FieldViolation::new(field, "is required")),
        Err(_) => Err(FieldViolation::new(field, format!("{role} is not a Role"))),
    }
}

/// Renders a role.
pub(super) fn role_to_proto(role: Role) -> pb::Role {
    match role {
        Role::System => pb::Role::System,
        Role::User => pb::Role::User,
        Role::Assistant => pb::Role::Assistant,
        Role::Tool => pb::Role::Tool,
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
