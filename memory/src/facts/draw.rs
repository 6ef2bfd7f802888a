//! Drawing the edges of one fact with the others of its conversation.
//!
//! Invariants: linear in the number of facts, with full comparisons of at most
//! [`MAX_COMPARED`]; what something else has replaced already is left alone.

use std::collections::HashSet;

use super::{
    Claim, Fact, edge::MAX_EDGES, relation::common, retirement::is_replaced, supersession,
};
use crate::turn::{FactId, Sequence};

/// Facts that one is compared with, those with the most in common first.
pub(super) const MAX_COMPARED: usize = 256;

/// Draws the edges between `fact` and `others`, in both directions by which
/// came later, on the side of the earlier. Those drawn before between them are
/// dropped first. Returns which of the others changed, by position.
pub fn draw(fact: &mut Fact, others: &mut [Fact]) -> Vec<usize> {
    let claim = Claim::of(fact);
    // What the turns that tell it say is kept.
    fact.sketch.extend(claim.sketch());
    fact.sketch.sort_unstable();
    fact.sketch.dedup();
    let mut changed = clear(fact, others);
    for at in nearest(fact, others) {
        let Some(other) = others.get_mut(at) else { continue };
        let other_claim = Claim::of(other);
        if !is_replaced(other)
            && let Some(edge) = supersession::edge((other, &other_claim), (fact, &claim))
        {
            push(other, edge);
            changed.push(at);
        } else if let Some(edge) = supersession::edge((fact, &claim), (other, &other_claim)) {
            push(fact, edge);
        }
    }
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// Takes the words of facts that are to be forgotten out of the edges of the
/// others. Returns which changed, by position.
pub fn forget(gone: &[FactId], others: &mut [Fact]) -> Vec<usize> {
    let is_gone = |edge: &super::FactEdge| match &edge.later {
        super::Cause::Fact(later) => gone.contains(later),
        super::Cause::Turn(_) => false,
    };
    let mut changed = Vec::new();
    for (at, other) in others.iter_mut().enumerate() {
        let edges = other.edges.iter_mut().filter(|edge| is_gone(edge));
        let touched = edges.map(super::FactEdge::forget_later).count();
        if touched > 0 {
            changed.push(at);
        }
    }
    changed
}

/// Takes the words of turns that are to be forgotten out of the edges and links
/// of facts. Returns which changed, by position.
pub fn forget_turns(gone: &[Sequence], facts: &mut [Fact]) -> Vec<usize> {
    let is_gone = |cause: &super::Cause| match cause {
        super::Cause::Turn(turn) => gone.contains(turn),
        super::Cause::Fact(_) => false,
    };
    let mut changed = Vec::new();
    for (at, fact) in facts.iter_mut().enumerate() {
        let links = fact.turns.len();
        fact.turns.retain(|link| !gone.contains(&link.turn));
        let edges = fact.edges.iter_mut().filter(|edge| is_gone(&edge.later));
        let touched = edges.map(super::FactEdge::forget_later).count();
        if touched > 0 || fact.turns.len() < links {
            changed.push(at);
        }
    }
    changed
}

fn clear(fact: &mut Fact, others: &mut [Fact]) -> Vec<usize> {
    let own = super::Cause::Fact(fact.id.clone());
    let known: HashSet<&FactId> = others.iter().map(|other| &other.id).collect();
    fact.edges.retain(|edge| match &edge.later {
        super::Cause::Fact(later) => !known.contains(later),
        super::Cause::Turn(_) => true,
    });
    let mut changed = Vec::new();
    for (at, other) in others.iter_mut().enumerate() {
        let before = other.edges.len();
        other.edges.retain(|edge| edge.later != own);
        if other.edges.len() < before {
            changed.push(at);
        }
    }
    changed
}

/// Positions of the facts that share the most with one.
fn nearest(fact: &Fact, others: &[Fact]) -> Vec<usize> {
    let mut shared: Vec<(usize, usize)> = others
        .iter()
        .enumerate()
        .map(|(at, other)| (common(&fact.sketch, &other.sketch), at))
        .filter(|(shared, _)| *shared > 0)
        .collect();
    shared.sort_unstable_by(|a, b| b.cmp(a));
    shared.truncate(MAX_COMPARED);
    let mut near: Vec<usize> = shared.into_iter().map(|(_, at)| at).collect();
    near.sort_unstable();
    near
}

fn push(fact: &mut Fact, edge: super::FactEdge) {
    if fact.edges.len() < MAX_EDGES {
        fact.edges.push(edge);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::retirement::{AsOf, standing, testing::fact},
        *,
    };
    use crate::facts::{Cause, FactEdge, TurnLink};

    fn pinned(at: u64, attribute: &str, value: &str) -> Fact {
        let mut pinned = fact(&format!("f{at}"));
        pinned.known_turn = at;
        pinned.says.attribute = attribute.to_owned();
        pinned.says.value = value.to_owned();
        pinned.text = format!("{attribute}: {value}");
        pinned
    }

    /// Pins one after the other, as the engine does.
    fn pin_all(all: Vec<Fact>) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        for mut fact in all {
            draw(&mut fact, &mut facts);
            facts.push(fact);
        }
        facts
    }

    fn held(facts: &[Fact]) -> Vec<&str> {
        let standing = standing(facts, &AsOf::now(None));
        let held = facts.iter().zip(standing);
        let held = held.filter(|(_, one)| one.as_ref().is_some_and(|one| one.retired.is_none()));
        held.map(|(fact, _)| fact.id.as_str()).collect()
    }

    #[test]
    fn each_replaces_the_one_before() {
        let facts = pin_all(vec![
            pinned(1, "hotel", "Hilton"),
            pinned(2, "airline", "Delta"),
            pinned(3, "hotel_v2", "Marriott"),
            pinned(4, "hotel_v3", "Ritz"),
        ]);
        assert_eq!(held(&facts), ["f2", "f4"]);
        let by = |at: usize| facts[at].edges.iter().map(|e| e.later.clone()).collect::<Vec<_>>();
        assert_eq!(by(0), [Cause::Fact(facts[2].id.clone())], "the first to replace it");
        assert_eq!(by(2), [Cause::Fact(facts[3].id.clone())]);
    }

    #[test]
    fn what_is_pinned_late_is_put_in_its_place() {
        let (mut new, mut old) = (pinned(9, "hotel", "Marriott"), pinned(9, "hotel", "Hilton"));
        (new.source, old.source) = (Some(8), Some(3));
        old.id = FactId::new("g").unwrap();
        let facts = pin_all(vec![new, old]);
        assert_eq!(held(&facts), ["f9"]);
    }

    #[test]
    fn what_is_said_again_after_a_change_can_be_replaced() {
        let told = |turn| TurnLink {
            turn,
            bears: None,
            span: (0, 1),
            confidence: 0.9,
            covers: (Vec::new(), 1),
        };
        let mut budget = pinned(1, "budget", "$9,000");
        assert!(draw(&mut budget, &mut []).is_empty());
        let mut new = pinned(9, "budget", "$5,000");
        let changed = supersession::edge((&budget, &Claim::of(&budget)), (&new, &Claim::of(&new)));
        budget.edges.extend(changed.map(|edge| FactEdge {
            later: Cause::Turn(2),
            known_turn: 2,
            ..edge
        }));
        budget.turns.push(told(1));
        let mut facts = [budget];
        assert!(is_replaced(&facts[0]));
        assert!(draw(&mut new, &mut facts).is_empty(), "it is left alone");
        facts[0].turns.push(told(3));
        assert!(!is_replaced(&facts[0]), "said again");
        assert_eq!(draw(&mut new, &mut facts), [0]);
        let [budget] = facts;
        assert_eq!(held(&[budget, new]), ["f9"]);
    }

    #[test]
    fn a_changed_fact_is_compared_anew() {
        let mut facts = pin_all(vec![pinned(1, "hotel", "Hilton"), pinned(2, "hotel", "Ritz")]);
        let mut changed = facts.pop().unwrap();
        changed.says.attribute = "airline".to_owned();
        changed.text = "airline: Ritz".to_owned();
        assert_eq!(draw(&mut changed, &mut facts), [0]);
        facts.push(changed);
        assert_eq!(held(&facts), ["f1", "f2"]);
    }

    #[test]
    fn forgotten_words_leave_the_edges_and_the_old_value_stays_retired() {
        let mut facts = pin_all(vec![pinned(1, "hotel", "Hilton"), pinned(2, "hotel", "Ritz")]);
        let gone = facts.pop().unwrap();
        assert_eq!(forget(&[gone.id], &mut facts), [0]);
        let edge = &facts[0].edges[0];
        assert_eq!((edge.later_value.as_str(), edge.reason.as_str()), ("", ""));
        assert!(held(&facts).is_empty());
    }
}
