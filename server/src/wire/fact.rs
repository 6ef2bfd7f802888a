//! Facts and their changes.

use throughline_memory::{
    engine::{FactPatch, FieldViolation, KeptFact, Limits, NewFact, PinnedFact},
    facts::{Cause, RejectedLine, Statement},
    turn::{ConversationId, FactId},
};

use super::{
    Violations,
    fact_fields::{
        authority_from_proto, authority_to_proto, detected_from_proto, kind_from_proto,
        kind_to_proto, origin_to_proto, owner_from_proto, owner_to_proto, retirement_to_proto,
    },
    mask::Mask,
    name,
    time::{timestamp_from_proto, timestamp_to_proto},
};
use crate::pb;

const MASK_FIELDS: [&str; 12] = [
    "kind",
    "text",
    "required",
    "subject",
    "attribute",
    "value",
    "scope",
    "authority",
    "expire_time",
    "depends_on",
    "additive",
    "owner",
];

/// Renders a fact of `conversation`.
pub fn fact_to_proto(conversation: &ConversationId, pinned: PinnedFact) -> pb::Fact {
    let PinnedFact { fact, standing, yielded, line, rejected_lines } = pinned;
    let (origin, probability) = origin_to_proto(fact.origin);
    let fact_name = |id: &FactId| name::fact_name(conversation, id);
    let cause_name = |cause: &Cause| cause_to_proto(conversation, cause);
    let retired = standing.retired.as_ref();
    let lower = standing.contradicted_by.iter().map(|edge| cause_name(&edge.later));
    pb::Fact {
        name: fact_name(&fact.id),
        create_time: Some(timestamp_to_proto(fact.created_at)),
        update_time: Some(timestamp_to_proto(fact.updated_at)),
        kind: kind_to_proto(fact.kind).into(),
        required: fact.is_always_in(),
        text: fact.text,
        source_sequence: fact.source.unwrap_or_default(),
        source_span: fact.source_span.map(|(start, end)| pb::TextSpan { start, end }),
        request_id: fact.request_id,
        subject: fact.says.subject,
        attribute: fact.says.attribute,
        value: fact.says.value,
        scope: fact.says.scope,
        authority: authority_to_proto(fact.says.authority).into(),
        expire_time: fact.says.expires_at.map(timestamp_to_proto),
        depends_on: fact.says.depends_on.iter().map(fact_name).collect(),
        retirement: retirement_to_proto(retired.map(|end| end.why)).into(),
        retired_by: retired.and_then(|end| end.by.as_ref()).map(cause_name).unwrap_or_default(),
        additive: fact.says.additive,
        valid_time: Some(timestamp_to_proto(fact.valid_from)),
        retire_time: retired.and_then(|end| end.at).map(timestamp_to_proto),
        known_sequence: fact.known_turn,
        contradicts: standing.contradicts.iter().map(fact_name).chain(lower).collect(),
        rejected: fact.rejected.iter().map(cause_name).collect(),
        origin: origin.into(),
        probability,
        owner: owner_to_proto(fact.owner).into(),
        displaced: standing.displaced,
        yielded,
        one_line: line.as_ref().map(|line| line.text.clone()).unwrap_or_default(),
        one_line_faithfulness: line.as_ref().map_or(0.0, |line| line.faithfulness),
        one_line_model: line.map(|line| line.model).unwrap_or_default(),
        one_line_rejected: rejected_lines.into_iter().map(rejected_line_to_proto).collect(),
    }
}

fn rejected_line_to_proto(rejected: RejectedLine) -> pb::RejectedLine {
    pb::RejectedLine { text: rejected.text, reason: rejected.reason }
}

/// The name of a fact or turn.
pub fn cause_to_proto(conversation: &ConversationId, cause: &Cause) -> String {
    match cause {
        Cause::Fact(id) => name::fact_name(conversation, id),
        Cause::Turn(sequence) => name::turn_name(conversation, *sequence),
    }
}

/// Checks a fact to pin in `conversation`.
pub fn new_fact(
    fact: Option<pb::Fact>,
    request_id: String,
    conversation: Option<&ConversationId>,
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
    check_fields(&fact, limits, violations);
    let authority = violations.take(authority_from_proto(fact.authority));
    let expires_at = expire_time(fact.expire_time.as_ref(), violations);
    let depends_on = dependencies(&fact.depends_on, conversation, violations);
    let owner = violations.take(owner_from_proto(fact.owner));
    Some(NewFact {
        kind: kind?,
        text: fact.text,
        required: fact.required,
        source: Some(fact.source_sequence).filter(|sequence| *sequence > 0),
        source_span: fact.source_span.map(|span| (span.start, span.end)),
        request_id,
        says: Statement {
            subject: fact.subject,
            attribute: fact.attribute,
            value: fact.value,
            scope: fact.scope,
            authority: authority?,
            expires_at: expires_at?,
            depends_on: depends_on?,
            additive: fact.additive,
        },
        owner: owner?.unwrap_or_default(),
    })
}

/// Checks a fact of an export; it is pinned anew under the request id and the
/// id that it had. Names in it are those of the exported conversation.
pub fn imported_fact(
    mut fact: pb::Fact,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<(NewFact, KeptFact)> {
    let named = Some(fact.name.as_str()).filter(|name| !name.is_empty());
    let own = named.map(|own| violations.take(name::parse_fact("fact.name", own)));
    let own = match own {
        Some(own) => Some(own?),
        None => None,
    };
    let conversation = own.as_ref().map(|(conversation, _)| conversation);
    let valid_from = fact
        .valid_time
        .as_ref()
        .map(|time| violations.take(timestamp_from_proto("fact.valid_time", time)));
    let mut rejected = Vec::with_capacity(fact.rejected.len());
    for (at, cause) in fact.rejected.iter().enumerate() {
        let read = name::parse_cause(&format!("fact.rejected[{at}]"), cause);
        rejected.extend(violations.take(read).map(|(_, cause)| cause));
    }
    let superseded = fact.retirement == i32::from(pb::FactRetirement::Superseded);
    let by_turn = match name::parse_cause("fact.retired_by", &fact.retired_by) {
        Ok((_, Cause::Turn(sequence))) if superseded => Some(sequence),
        _ => None,
    };
    let kept = KeptFact {
        id: own.as_ref().map(|(_, id)| id.clone()),
        known_turn: own.as_ref().map(|_| fact.known_sequence),
        valid_from: valid_from.flatten(),
        replaced_by: by_turn,
        rejected,
        detected: detected_from_proto(&fact),
    };
    let request_id = std::mem::take(&mut fact.request_id);
    let new = new_fact(Some(fact), request_id, conversation, limits, violations)?;
    Some((new, kept))
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
    let conversation = names.as_ref().map(|(conversation, _)| conversation);
    let mask = Mask::read(request.update_mask, &MASK_FIELDS, violations);
    let mut patch = FactPatch::default();
    if mask.has("kind") {
        patch.kind = violations.take(kind_from_proto(fact.kind));
    }
    if mask.has("text") {
        check_text(&fact.text, limits, violations);
    }
    if mask.has("authority") {
        patch.authority = violations.take(authority_from_proto(fact.authority));
    }
    if mask.has("owner") {
        patch.owner = violations.take(owner_from_proto(fact.owner)).flatten();
    }
    if mask.has("expire_time") {
        patch.expires_at = expire_time(fact.expire_time.as_ref(), violations);
    }
    if mask.has("depends_on") {
        patch.depends_on = dependencies(&fact.depends_on, conversation, violations);
    }
    check_fields(&fact, limits, violations);
    let text = |field: &str, text: String| mask.has(field).then_some(text);
    patch.text = text("text", fact.text);
    patch.subject = text("subject", fact.subject);
    patch.attribute = text("attribute", fact.attribute);
    patch.value = text("value", fact.value);
    patch.scope = text("scope", fact.scope);
    patch.required = mask.has("required").then_some(fact.required);
    patch.additive = mask.has("additive").then_some(fact.additive);
    let (conversation, id) = names?;
    Some((conversation, id, patch))
}

fn check_text(text: &str, limits: &Limits, violations: &mut Violations) {
    if text.trim().is_empty() {
        violations.add("fact.text", "is required");
    }
    violations.check_bytes("fact.text", text, "fact_bytes", limits.fact_bytes);
}

fn check_fields(fact: &pb::Fact, limits: &Limits, violations: &mut Violations) {
    let (limit, max) = ("fact_field_bytes", limits.fact_field_bytes);
    violations.check_bytes("fact.subject", &fact.subject, limit, max);
    violations.check_bytes("fact.attribute", &fact.attribute, limit, max);
    violations.check_bytes("fact.scope", &fact.scope, limit, max);
    let (limit, max) = ("fact_value_bytes", limits.fact_value_bytes);
    violations.check_bytes("fact.value", &fact.value, limit, max);
    let (on, max) = (fact.depends_on.len(), limits.fact_dependencies);
    if on as u64 > max {
        let why = format!("has {on} names, the limit fact_dependencies is {max}");
        violations.add("fact.depends_on", why);
    }
}

/// The inner value is absent for a fact that does not end.
fn expire_time(
    time: Option<&prost_types::Timestamp>,
    violations: &mut Violations,
) -> Option<Option<jiff::Timestamp>> {
    let Some(time) = time else { return Some(None) };
    violations.take(timestamp_from_proto("fact.expire_time", time)).map(Some)
}

fn dependencies(
    names: &[String],
    conversation: Option<&ConversationId>,
    violations: &mut Violations,
) -> Option<Vec<FactId>> {
    let mut all = Vec::with_capacity(names.len());
    for (at, dependency) in names.iter().enumerate() {
        let field = format!("fact.depends_on[{at}]");
        let read = name::parse_fact(&field, dependency).and_then(|(of, id)| {
            if conversation.is_none_or(|conversation| *conversation == of) {
                Ok(id)
            } else {
                Err(FieldViolation::new(field, "is a fact of another conversation"))
            }
        });
        all.extend(violations.take(read));
    }
    (all.len() == names.len()).then_some(all)
}

#[cfg(test)]
mod tests {
    use throughline_memory::engine::EngineError;

    use super::*;

    fn check(fact: pb::Fact, request_id: &str, expected: &[&str]) {
        let mut violations = Violations::new();
        let limits = Limits::default();
        let read = new_fact(Some(fact), request_id.to_owned(), None, &limits, &mut violations);
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
    fn each_bad_field_of_a_statement_is_named() {
        let long = "x".repeat(257);
        check(
            pb::Fact {
                subject: long.clone(),
                attribute: long.clone(),
                scope: long,
                value: "x".repeat(1_025),
                ..fact(1, "x")
            },
            "",
            &["fact.subject", "fact.attribute", "fact.scope", "fact.value"],
        );
        check(
            pb::Fact {
                authority: 9,
                expire_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
                depends_on: vec!["conversations/c/facts/f".to_owned(), "f".to_owned()],
                ..fact(1, "x")
            },
            "",
            &["fact.authority", "fact.expire_time", "fact.depends_on[1]"],
        );
        let many = vec!["conversations/c/facts/f".to_owned(); 17];
        check(pb::Fact { depends_on: many, ..fact(1, "x") }, "", &["fact.depends_on"]);
    }

    #[test]
    fn a_dependency_of_another_conversation_is_refused() {
        let mut violations = Violations::new();
        let own = ConversationId::new("own").unwrap();
        let names = ["conversations/own/facts/f", "conversations/c/facts/f"].map(str::to_owned);
        assert!(dependencies(&names, Some(&own), &mut violations).is_none());
        assert!(violations.finish(Some(())).is_err());
    }
}
