//! The double's staleness and facts: a user turn that says "now" replaces the
//! user turn before it, one that says "but" contradicts it, and "anyway" begins
//! a topic. A fact retires the earlier one with its attribute; what the user wants
//! "Always" is pinned.

use throughline_proto::v1::{
    self as wire, EdgeKind, FactOrigin, FactRetirement, Role, StalenessKind,
};

use super::{Held, windows::text};

/// How sure it is of everything.
const SURE: f32 = 0.75;

/// Its answer for the turns up to `as_of`, one page.
pub(super) fn judge(held: &Held, as_of: u64) -> wire::GetStalenessResponse {
    let mut reply = wire::GetStalenessResponse {
        revision: held.head.revision,
        scorer: "double/1".into(),
        ..wire::GetStalenessResponse::default()
    };
    let turns = held.turns.iter().filter(|turn| as_of == 0 || turn.sequence <= as_of);
    let mut before: Option<&wire::Turn> = None;
    for turn in turns {
        let said = text(turn).to_lowercase();
        let says = |word: &str| said.split(|c: char| !c.is_alphabetic()).any(|w| w == word);
        if reply.turns.is_empty() || says("anyway") {
            reply.segments.push(wire::TopicSegment {
                first_sequence: turn.sequence,
                last_sequence: turn.sequence,
                confidence: if reply.turns.is_empty() { 1.0 } else { SURE },
            });
        }
        if let Some(segment) = reply.segments.last_mut() {
            segment.last_sequence = turn.sequence;
        }
        reply.turns.push(wire::TurnStaleness { turn: turn.name.clone(), ..Default::default() });
        let edge = match before {
            Some(before) if says("now") => Some((before, EdgeKind::Supersedes)),
            Some(before) if says("but") => Some((before, EdgeKind::Contradicts)),
            _ => None,
        };
        if let Some((earlier, kind)) = edge {
            mark(&mut reply, earlier, turn, kind);
        }
        if turn.role() == Role::User {
            before = Some(turn);
        }
    }
    reply
}

fn mark(
    reply: &mut wire::GetStalenessResponse,
    earlier: &wire::Turn,
    later: &wire::Turn,
    kind: EdgeKind,
) {
    let staleness = match kind {
        EdgeKind::Supersedes => StalenessKind::Superseded,
        _ => StalenessKind::Contradicted,
    };
    if let Some(judged) = reply.turns.iter_mut().find(|judged| judged.turn == earlier.name) {
        judged.score = SURE;
        judged.components.push(wire::StalenessComponent {
            kind: staleness as i32,
            score: SURE,
            reason: "by a word".into(),
            cause: later.name.clone(),
        });
    }
    reply.edges.push(wire::Edge {
        kind: kind as i32,
        earlier: earlier.name.clone(),
        later: later.name.clone(),
        confidence: SURE,
        reason: "by a word".into(),
        ..wire::Edge::default()
    });
}

/// Pins a turn of the user that begins with "Always".
pub(super) fn detect(held: &mut Held, turn: &wire::Turn) {
    let said = text(turn);
    if turn.role() == Role::User && said.starts_with("Always ") {
        held.facts.push(wire::Fact {
            name: format!("{}/facts/{}", held.head.name, held.facts.len() + 1),
            text: said,
            source_sequence: turn.sequence,
            origin: FactOrigin::Detector as i32,
            ..wire::Fact::default()
        });
    }
}

/// Pins a fact; the same request gives the first again.
pub(super) fn pin(held: &mut Held, request: wire::PinFactRequest) -> wire::Fact {
    let mut fact = request.fact.unwrap_or_default();
    if let Some(known) = held.facts.iter().find(|f| f.request_id == request.request_id) {
        return known.clone();
    }
    fact.name = format!("{}/facts/{}", held.head.name, held.facts.len() + 1);
    fact.request_id = request.request_id;
    for earlier in &mut held.facts {
        if !fact.attribute.is_empty() && earlier.attribute == fact.attribute {
            earlier.retirement = FactRetirement::Superseded as i32;
            earlier.retired_by.clone_from(&fact.name);
        }
    }
    held.facts.push(fact.clone());
    fact
}
