//! Rejected edges between turns, as exports carry them.

use throughline_memory::turn::{ConversationId, Sequence};

use super::{
    Violations,
    name::{parse_turn, turn_name},
};
use crate::pb;

/// Renders a rejected edge of `conversation`.
pub fn rejected_edge_to_proto(
    conversation: &ConversationId,
    (earlier, later): (Sequence, Sequence),
) -> pb::RejectedEdge {
    pb::RejectedEdge {
        earlier: turn_name(conversation, earlier),
        later: turn_name(conversation, later),
    }
}

/// Reads a rejected edge of an export, (earlier, later); the conversation that its
/// names belong to is that of the export and is ignored.
pub fn imported_rejected_edge(
    edge: &pb::RejectedEdge,
    violations: &mut Violations,
) -> Option<(Sequence, Sequence)> {
    let earlier = violations.take(parse_turn("rejected_edge.earlier", &edge.earlier));
    let later = violations.take(parse_turn("rejected_edge.later", &edge.later));
    let ((_, earlier), (_, later)) = earlier.zip(later)?;
    if earlier >= later {
        violations.add("rejected_edge.later", "must come after `earlier`");
        return None;
    }
    Some((earlier, later))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_goes_out_and_in_and_a_wrong_one_is_named() {
        let id = ConversationId::new("c").unwrap();
        let read = |edge: &pb::RejectedEdge| {
            let mut violations = Violations::new();
            let edge = imported_rejected_edge(edge, &mut violations);
            violations.finish(edge).ok()
        };
        assert_eq!(read(&rejected_edge_to_proto(&id, (3, 7))), Some((3, 7)));
        assert_eq!(read(&rejected_edge_to_proto(&id, (7, 7))), None);
        assert_eq!(read(&rejected_edge_to_proto(&id, (7, 3))), None);
        assert_eq!(read(&pb::RejectedEdge::default()), None);
    }
}
