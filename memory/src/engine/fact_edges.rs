//! Edges of which at least one end is a fact, as callers see them: between
//! facts, from a turn to a fact that it changed, and from what took its place to
//! a turn that says what is over.
//!
//! Invariant: an answer as of a turn has no edge that became known after it, and
//! none that was rejected.

use std::collections::BTreeSet;

use super::{
    Engine, EngineError, PinnedFact, scopes::Scope, staleness::ShownEdge, standing::StandingFacts,
};
use crate::{
    facts::{Cause, Fact, FactEdge, TurnMark},
    staleness::{EdgeKind, SHOWN_CONFIDENCE},
    turn::{FactId, Sequence},
};

impl Engine {
    /// The edges of the facts of a conversation, as they stood after a turn.
    pub(super) fn fact_edges(
        &self,
        scope: &Scope,
        as_of: Sequence,
    ) -> Result<Vec<ShownEdge>, EngineError> {
        if scope.head.facts == 0 {
            return Ok(Vec::new());
        }
        let (tenant, id) = (&scope.branch.tenant, &scope.branch.conversation);
        let pinned = self.facts_as_of(tenant, id, as_of)?;
        Ok(edges(&pinned, as_of))
    }

    /// Those of them that an answer about some turns shows: with one of the turns
    /// as an end, and, `among_facts`, those between facts.
    pub(super) fn fact_edges_of(
        &self,
        scope: &Scope,
        sequences: &[Sequence],
        as_of: Sequence,
        among_facts: bool,
    ) -> Result<Vec<ShownEdge>, EngineError> {
        let wanted: BTreeSet<Sequence> = sequences.iter().copied().collect();
        let mut edges = self.fact_edges(scope, as_of)?;
        edges.retain(|edge| {
            let mut turns = [&edge.earlier, &edge.later].into_iter().filter_map(turn_of).peekable();
            match turns.peek() {
                Some(_) => turns.any(|turn| wanted.contains(&turn)),
                None => among_facts,
            }
        });
        Ok(edges)
    }

    /// The edges to facts that a turn drew, and those of facts that were pinned
    /// since the turn before it, to facts and to turns.
    pub(super) fn fact_edges_with(
        &self,
        scope: &Scope,
        sequence: Sequence,
    ) -> Result<Vec<ShownEdge>, EngineError> {
        if scope.head.facts == 0 {
            return Ok(Vec::new());
        }
        let facts = self.read_facts(&scope.branch.tenant, &scope.branch.conversation)?;
        let mut edges = Vec::new();
        for fact in &facts {
            let new = drawn(fact, sequence).filter(|edge| match edge.later {
                Cause::Turn(turn) => turn == sequence,
                Cause::Fact(_) => edge.known_turn + 1 == sequence,
            });
            edges.extend(new.map(|edge| shown(fact, edge)));
        }
        let is_new = |known_turn: Sequence| known_turn + 1 == sequence;
        if facts.iter().any(|fact| is_new(fact.known_turn)) {
            let (tenant, id) = (&scope.branch.tenant, &scope.branch.conversation);
            let standing = self.facts_as_of(tenant, id, sequence)?;
            let mut marks: Vec<&TurnMark> = standing.turn_marks().values().collect();
            marks.retain(|mark| is_new(mark.known_turn));
            marks.sort_by_key(|mark| mark.turn);
            edges.extend(marks.into_iter().filter_map(marked));
        }
        Ok(edges)
    }
}

/// The edges of facts as they stood after a turn, in order of the facts.
pub(super) fn edges(pinned: &StandingFacts, as_of: Sequence) -> Vec<ShownEdge> {
    let mut edges: Vec<ShownEdge> = Vec::new();
    for PinnedFact { fact, .. } in pinned.iter() {
        edges.extend(drawn(fact, as_of).map(|edge| shown(fact, edge)));
    }
    let mut marks: Vec<&TurnMark> = pinned.turn_marks().values().collect();
    marks.sort_by_key(|mark| mark.turn);
    edges.extend(marks.into_iter().filter_map(marked));
    edges
}

/// The pins and turns of a window that an edge marks: what was replaced, and both
/// sides of a contradiction.
pub(super) fn marked_items(edge: &ShownEdge) -> impl Iterator<Item = Cause> {
    let is_side = edge.kind == EdgeKind::Contradicts && matches!(edge.later, Cause::Fact(_));
    let other = (is_side && edge.later != edge.earlier).then(|| edge.later.clone());
    [Some(edge.earlier.clone()), other].into_iter().flatten()
}

/// The turn that an end is, if it is one.
pub(super) fn turn_of(cause: &Cause) -> Option<Sequence> {
    match cause {
        Cause::Turn(sequence) => Some(*sequence),
        Cause::Fact(_) => None,
    }
}

/// Edges that stand with a fact and are shown.
fn drawn(fact: &Fact, as_of: Sequence) -> impl Iterator<Item = &FactEdge> {
    fact.edges.iter().filter(move |edge| {
        edge.known_turn <= as_of
            && edge.confidence >= SHOWN_CONFIDENCE
            && !fact.has_rejected(&edge.later)
    })
}

fn shown(fact: &Fact, edge: &FactEdge) -> ShownEdge {
    let id: FactId = fact.id.clone();
    ShownEdge {
        kind: edge.kind,
        earlier: Cause::Fact(id),
        later: edge.later.clone(),
        confidence: edge.confidence,
        earlier_value: edge.earlier_value.clone(),
        later_value: edge.later_value.clone(),
        valid_at: edge.valid_from,
        known_at: edge.known_at,
        reason: edge.reason.clone(),
    }
}

/// Only what a fact replaced: an edge between two turns is drawn by those.
fn marked(mark: &TurnMark) -> Option<ShownEdge> {
    let is_fact = matches!(mark.by, Cause::Fact(_));
    is_fact.then(|| ShownEdge {
        kind: EdgeKind::Supersedes,
        earlier: Cause::Turn(mark.turn),
        later: mark.by.clone(),
        confidence: mark.confidence,
        earlier_value: String::new(),
        later_value: mark.later_value.clone(),
        valid_at: mark.valid_from,
        known_at: mark.known_at,
        reason: match mark.later_value.as_str() {
            "" => "a pinned fact replaced it".to_owned(),
            value => format!("a pinned fact says {value:?}"),
        },
    })
}
