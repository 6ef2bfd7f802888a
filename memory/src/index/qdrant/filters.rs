//! What part of the collection a call is about. Every filter names the tenant.

use qdrant_client::qdrant::{Condition, Filter, Range};

use crate::{
    index::{Branch, Segment},
    turn::{ConversationId, Sequence, TenantId},
};

/// Payload field: whose.
pub(super) const TENANT: &str = "tenant_id";
/// Payload field: the conversation that stores the turn.
pub(super) const CONVERSATION: &str = "conversation_id";
/// Payload field: the conversation's user.
pub(super) const USER: &str = "user_id";
/// Payload field: the turn's place.
pub(super) const SEQUENCE: &str = "sequence";
/// Payload field: `conversation/sequence`, to group by.
pub(super) const TURN: &str = "turn";

/// Everything that the branches read. Whole conversations are one condition,
/// however many they are.
pub(super) fn branches(tenant: &TenantId, branches: &[&Branch]) -> Filter {
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for segment in branches.iter().flat_map(|branch| &branch.segments) {
        if segment.from <= 1 && segment.until == Sequence::MAX {
            whole.push(segment.conversation.to_string());
        } else {
            parts.push(part(segment).into());
        }
    }
    if !whole.is_empty() {
        parts.push(Condition::matches(CONVERSATION, whole));
    }
    let read = Filter::should(parts);
    Filter::must([tenant_is(tenant), read.into()])
}

/// Single turns that a conversation stores.
pub(super) fn turns(tenant: &TenantId, owner: &ConversationId, sequences: &[Sequence]) -> Filter {
    let sequences: Vec<i64> = sequences.iter().map(|sequence| integer(*sequence)).collect();
    Filter::must([tenant_is(tenant), stored_by(owner), Condition::matches(SEQUENCE, sequences)])
}

/// The turns that a conversation stores from `from` on.
pub(super) fn conversation(tenant: &TenantId, owner: &ConversationId, from: Sequence) -> Filter {
    let mut filter = Filter::must([tenant_is(tenant), stored_by(owner)]);
    filter.must.extend(range(from, Sequence::MAX));
    filter
}

/// A sequence as the server's integers are.
pub(super) fn integer(sequence: Sequence) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn part(segment: &Segment) -> Filter {
    let mut filter = Filter::must([stored_by(&segment.conversation)]);
    filter.must.extend(range(segment.from, segment.until));
    filter
}

fn tenant_is(tenant: &TenantId) -> Condition {
    Condition::matches(TENANT, tenant.to_string())
}

fn stored_by(owner: &ConversationId) -> Condition {
    Condition::matches(CONVERSATION, owner.to_string())
}

fn range(from: Sequence, until: Sequence) -> Option<Condition> {
    let lte = (until != Sequence::MAX).then_some(until as f64);
    let gte = (from > 1).then_some(from as f64);
    let bounded = lte.is_some() || gte.is_some();
    bounded.then(|| Condition::range(SEQUENCE, Range { gte, lte, ..Range::default() }))
}
