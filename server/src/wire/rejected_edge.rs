//! Rejected edges between turns, as exports carry them.

use throughline_memory::{engine::Rejection, turn::ConversationId};

use super::{
    Violations,
    name::{parse_turn, turn_name},
    staleness::{edge_kind, edge_kind_to_proto},
};
use crate::pb;

/// Renders a rejected edge of `conversation`.
pub fn rejected_edge_to_proto(
    conversation: &ConversationId,
    (earlier, later, kind): Rejection,
) -> pb::RejectedEdge {
    pb::RejectedEdge {
        earlier: turn_name(conversation, earlier),
        later: turn_name(conversation, later),
        kind: kind.map_or(pb::EdgeKind::Unspecified, edge_kind_to_proto).into(),
    }
}

/// Reads a rejected edge of an export; the conversation that its names belong to is
/// that of the export and is ignored.
pub fn imported_rejected_edge(
    edge: &pb::RejectedEdge,
    violations: &mut Violations,
) -> Option<Rejection> {
    let earlier = violations.take(parse_turn("rejected_edge.earlier", &edge.earlier));
    let later = violations.take(parse_turn("rejected_edge.later", &edge.later));
    let kind = violations.take(edge_kind("rejected_edge.kind", edge.kind));
    let ((_, earlier), (_, later)) = earlier.zip(later)?;
    if earlier >= later {
        violations.add("rejected_edge.later", "must come after `earlier`");
        return None;
    }
    kind.map(|kind| (earlier, later, kind))
}

#[cfg(test)]
mod tests {
    use throughline_memory::staleness::EdgeKind;

    use super::*;

    #[test]
    fn an_edge_goes_out_and_in_and_a_wrong_one_is_named() {
        let id = ConversationId::new("c").unwrap();
        let read = |edge: &pb::RejectedEdge| {
            let mut violations = Violations::new();
            let edge = imported_rejected_edge(edge, &mut violations);
            violations.finish(edge).ok()
        };
        for kind in [None, Some(EdgeKind::Supersedes), Some(EdgeKind::Contradicts)] {
            assert_eq!(read(&rejected_edge_to_proto(&id, (3, 7, kind))), Some((3, 7, kind)));
        }
        assert_eq!(read(&rejected_edge_to_proto(&id, (7, 7, None))), None);
        assert_eq!(read(&rejected_edge_to_proto(&id, (7, 3, None))), None);
        assert_eq!(read(&pb::RejectedEdge::default()), None);
        let unknown = pb::RejectedEdge { kind: 9, ..rejected_edge_to_proto(&id, (3, 7, None)) };
        assert_eq!(read(&unknown), None);
    }
}
