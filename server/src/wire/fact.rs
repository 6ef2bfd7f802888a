//! Facts and their changes.

use throughline_memory::{
    engine::{FactPatch, FieldViolation, Limits, NewFact},
    facts::{Fact, FactKind},
    turn::{ConversationId, FactId},
};

use super::{Violations, mask::Mask, name, time::timestamp_to_proto};
use crate::pb;

const MASK_FIELDS: [&str; 3] = ["kind", "text", "required"];

/// Renders a fact of `conversation`.
pub fn fact_to_proto(conversation: &ConversationId, fact: Fact) -> pb::Fact {
    pb::Fact {
        name: name::fact_name(conversation, &fact.id),
        create_time: Some(timestamp_to_proto(fact.created_at)),
        update_time: Some(timestamp_to_proto(fact.updated_at)),
        kind: kind_to_proto(fact.kind).into(),
        text: fact.text,
        required: fact.required,
        source_sequence: fact.source.unwrap_or_default(),
        source_span: fact.source_span.map(|(start, end)| pb::TextSpan { start, end }),
        request_id: fact.request_id,
        ..pb::Fact::default()
    }
}

/// Checks a fact to pin.
pub fn new_fact(
    fact: Option<pb::Fact>,
    request_id: String,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<NewFact> {
    let max = limits.request_id_bytes;
    violations.check_bytes("request_id", &request_id, "request_id_bytes", max);
    let Some(fact) = fact else {
        violations.add("fact", "is required");
        return None;
    };
    let kind = violations.take(kind_from_proto(fact.kind));
    check_text(&fact.text, limits, violations);
    if let Some(span) = &fact.source_span {
        if fact.source_sequence == 0 {
            violations.add("fact.source_span", "needs source_sequence");
        }
        if span.start >= span.end {
            violations.add("fact.source_span", "must have start < end");
        }
    }
    Some(NewFact {
        kind: kind?,
        text: fact.text,
        required: fact.required,
        source: Some(fact.source_sequence).filter(|sequence| *sequence > 0),
        source_span: fact.source_span.map(|span| (span.start, span.end)),
        request_id,
    })
}

/// Checks a fact of an export; it is pinned anew under the request id that it
/// was pinned by.
pub fn imported_fact(
    mut fact: pb::Fact,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<NewFact> {
    let request_id = std::mem::take(&mut fact.request_id);
    new_fact(Some(fact), request_id, limits, violations)
}

/// Checks a change: which fact, and what of it.
pub fn fact_patch(
    request: pb::UpdateFactRequest,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<(ConversationId, FactId, FactPatch)> {
    let Some(fact) = request.fact else {
        violations.add("fact", "is required");
        return None;
    };
    let names = violations.take(name::parse_fact("fact.name", &fact.name));
    let mask = Mask::read(request.update_mask, &MASK_FIELDS, violations);
    let mut patch = FactPatch::default();
    if mask.has("kind") {
        patch.kind = violations.take(kind_from_proto(fact.kind));
    }
    if mask.has("text") {
        check_text(&fact.text, limits, violations);
        patch.text = Some(fact.text);
    }
    patch.required = mask.has("required").then_some(fact.required);
    let (conversation, id) = names?;
    Some((conversation, id, patch))
}

fn check_text(text: &str, limits: &Limits, violations: &mut Violations) {
    if text.trim().is_empty() {
        violations.add("fact.text", "is required");
    }
    violations.check_bytes("fact.text", text, "fact_bytes", limits.fact_bytes);
}

fn kind_from_proto(kind: i32) -> Result<FactKind, FieldViolation> {
    match pb::FactKind::try_from(kind) {
        Ok(pb::FactKind::Instruction) => Ok(FactKind::Instruction),
        Ok(pb::FactKind::Preference) => Ok(FactKind::Preference),
        Ok(pb::FactKind::Fact) => Ok(FactKind::Fact),
        Ok(pb::FactKind::Decision) => Ok(FactKind::Decision),
        Ok(pb::FactKind::Commitment) => Ok(FactKind::Commitment),
        Ok(pb::FactKind::Unspecified) => Err(FieldViolation::new("fact.kind", "is required")),
        Err(_) => Err(FieldViolation::new("fact.kind", format!("{kind} is not a FactKind"))),
    }
}

fn kind_to_proto(kind: FactKind) -> pb::FactKind {
    match kind {
        FactKind::Instruction => pb::FactKind::Instruction,
        FactKind::Preference => pb::FactKind::Preference,
        FactKind::Fact => pb::FactKind::Fact,
        FactKind::Decision => pb::FactKind::Decision,
        FactKind::Commitment => pb::FactKind::Commitment,
    }
}

#[cfg(test)]
mod tests {
    use throughline_memory::engine::EngineError;

    use super::*;

    fn check(fact: pb::Fact, request_id: &str, expected: &[&str]) {
        let mut violations = Violations::new();
        let limits = Limits::default();
        let read = new_fact(Some(fact), request_id.to_owned(), &limits, &mut violations);
        let fields: Vec<String> = match violations.finish(read) {
            Ok(_) => Vec::new(),
            Err(EngineError::Invalid(found)) => found.into_iter().map(|v| v.field).collect(),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(fields, expected);
    }

    fn fact(kind: i32, text: &str) -> pb::Fact {
        pb::Fact { kind, text: text.to_owned(), ..pb::Fact::default() }
    }

    #[test]
    fn each_bad_field_is_named() {
        check(fact(1, "be brief"), "", &[]);
        check(fact(0, " "), &"x".repeat(129), &["request_id", "fact.kind", "fact.text"]);
        check(fact(77, &"x".repeat(3_073)), "", &["fact.kind", "fact.text"]);
        let span = Some(pb::TextSpan { start: 2, end: 2 });
        check(
            pb::Fact { source_span: span, ..fact(1, "x") },
            "",
            &["fact.source_span", "fact.source_span"],
        );
    }

    #[test]
    fn every_kind_comes_back() {
        for kind in 1..=5 {
            let read = kind_from_proto(kind).unwrap();
            assert_eq!(i32::from(kind_to_proto(read)), kind);
        }
    }
}
