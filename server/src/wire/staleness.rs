//! Staleness of turns: what is asked, and scores, edges and what a watch sends on
//! the way out.

use throughline_memory::{
    engine::{FieldViolation, Limits, ShownEdge, StalenessRequest, WatchEvent, WatchStep},
    facts::Cause,
    staleness::{Component, EdgeKind, Staleness, StalenessKind},
    turn::{ConversationId, Sequence},
};

use super::{
    Violations,
    name::{fact_name, turn_name},
    page::{DEFAULT_PAGE_SIZE, page_size},
    time::timestamp_to_proto,
};
use crate::pb::{self, watch_conversation_response::Event};

/// Checks a request; `after` is the last turn of the page before.
pub fn staleness_request(
    request: &pb::GetStalenessRequest,
    after: Option<Sequence>,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<StalenessRequest> {
    let limit = page_size(request.page_size, DEFAULT_PAGE_SIZE, limits, violations);
    let (asked, max) = (request.sequences.len() as u64, limits.page_size);
    if asked > max {
        violations.add("sequences", format!("are {asked}, must be at most {max} (page_size)"));
    }
    Some(StalenessRequest {
        sequences: request.sequences.clone(),
        as_of: request.as_of_turn,
        after: after.unwrap_or(0),
        limit: limit?,
        min_revision: request.min_revision,
    })
}

/// Renders how stale a turn is.
pub fn staleness_to_proto(
    conversation: &ConversationId,
    sequence: Sequence,
    staleness: &Staleness,
) -> pb::TurnStaleness {
    let component = |component: &Component| pb::StalenessComponent {
        kind: kind_to_proto(component.kind).into(),
        score: component.score,
        reason: component.reason.clone(),
        cause: component.cause.map(|at| turn_name(conversation, at)).unwrap_or_default(),
    };
    pb::TurnStaleness {
        turn: turn_name(conversation, sequence),
        score: staleness.score,
        components: staleness.components.iter().map(component).collect(),
    }
}

/// Renders a topic: its first and last turn, and how certain its beginning is.
pub fn topic_to_proto((first, last, confidence): (Sequence, Sequence, f32)) -> pb::TopicSegment {
    pb::TopicSegment { first_sequence: first, last_sequence: last, confidence }
}

/// Renders the kind of an edge.
pub fn edge_kind_to_proto(kind: EdgeKind) -> pb::EdgeKind {
    match kind {
        EdgeKind::Supersedes => pb::EdgeKind::Supersedes,
        EdgeKind::Contradicts => pb::EdgeKind::Contradicts,
    }
}

/// Reads the kind of an edge; nothing where none is given.
///
/// # Errors
/// The violation, of a kind that is not known.
pub fn edge_kind(field: &str, kind: i32) -> Result<Option<EdgeKind>, FieldViolation> {
    match pb::EdgeKind::try_from(kind) {
        Ok(pb::EdgeKind::Unspecified) => Ok(None),
        Ok(pb::EdgeKind::Supersedes) => Ok(Some(EdgeKind::Supersedes)),
        Ok(pb::EdgeKind::Contradicts) => Ok(Some(EdgeKind::Contradicts)),
        Err(_) => Err(FieldViolation::new(field, format!("{kind} is not known here"))),
    }
}

/// Renders an edge between turns or facts.
pub fn edge_to_proto(conversation: &ConversationId, edge: &ShownEdge) -> pb::Edge {
    let name = |end: &Cause| match end {
        Cause::Turn(sequence) => turn_name(conversation, *sequence),
        Cause::Fact(fact) => fact_name(conversation, fact),
    };
    pb::Edge {
        kind: edge_kind_to_proto(edge.kind).into(),
        earlier: name(&edge.earlier),
        later: name(&edge.later),
        confidence: edge.confidence,
        earlier_value: edge.earlier_value.clone(),
        later_value: edge.later_value.clone(),
        valid_time: Some(timestamp_to_proto(edge.valid_at)),
        known_time: Some(timestamp_to_proto(edge.known_at)),
        reason: edge.reason.clone(),
    }
}

/// Renders what one turn brought, a message for each event.
pub fn watch_to_proto(
    conversation: &ConversationId,
    step: &WatchStep,
) -> Vec<pb::WatchConversationResponse> {
    let last = step.events.len().saturating_sub(1);
    let message = |(at, event): (usize, &WatchEvent)| pb::WatchConversationResponse {
        revision: step.revision,
        complete: at == last && step.completes,
        event: Some(match event {
            WatchEvent::Indexed(at) => {
                Event::Indexed(pb::TurnIndexed { turn: turn_name(conversation, *at) })
            }
            WatchEvent::Superseded(edge) => Event::Superseded(edge_to_proto(conversation, edge)),
            WatchEvent::Contradicted(edge) => {
                Event::Contradicted(edge_to_proto(conversation, edge))
            }
            WatchEvent::Expired { sequence, at, reason } => Event::Expired(pb::TurnExpired {
                turn: turn_name(conversation, *sequence),
                expire_time: Some(timestamp_to_proto(*at)),
                reason: reason.clone(),
            }),
            WatchEvent::Staleness(at, staleness) => {
                Event::Staleness(staleness_to_proto(conversation, *at, staleness))
            }
        }),
    };
    step.events.iter().enumerate().map(message).collect()
}

fn kind_to_proto(kind: StalenessKind) -> pb::StalenessKind {
    match kind {
        StalenessKind::Superseded => pb::StalenessKind::Superseded,
        StalenessKind::Contradicted => pb::StalenessKind::Contradicted,
        StalenessKind::Expired => pb::StalenessKind::Expired,
        StalenessKind::Abandoned => pb::StalenessKind::Abandoned,
        StalenessKind::Decayed => pb::StalenessKind::Decayed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_of_a_revision_completes_it() {
        let id = ConversationId::new("c").unwrap();
        let events = vec![WatchEvent::Indexed(3), WatchEvent::Staleness(1, Staleness::default())];
        for completes in [true, false] {
            let step = WatchStep { revision: 9, completes, events: events.clone() };
            let sent = watch_to_proto(&id, &step);
            let seen: Vec<_> = sent.iter().map(|m| (m.revision, m.complete)).collect();
            assert_eq!(seen, [(9, false), (9, completes)]);
        }
    }

    #[test]
    fn a_component_names_the_turn_that_caused_it() {
        let id = ConversationId::new("c").unwrap();
        let component = Component {
            kind: StalenessKind::Expired,
            score: 0.5,
            reason: "its time".to_owned(),
            cause: Some(4),
        };
        let shown = staleness_to_proto(&id, 2, &Staleness::of(vec![component]));
        assert_eq!(shown.turn, "conversations/c/turns/2");
        assert_eq!(shown.components[0].cause, "conversations/c/turns/4");
        assert_eq!(shown.components[0].kind(), pb::StalenessKind::Expired);
    }
}
