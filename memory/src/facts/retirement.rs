//! Which facts hold as of a turn, and why the others do not: a pure function of
//! what is stored, up to that turn.
//!
//! Invariants: what became known after the turn does not count; of several
//! reasons the first in the order superseded, expired, dependency is given; a
//! fact that stands on one that was taken out holds no more; what a pin of the
//! detector quotes ends with the caller's fact that says it.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Cause, Fact, FactEdge, news};
use crate::{
    staleness::{EdgeKind, SHOWN_CONFIDENCE},
    turn::{FactId, Sequence},
};

/// Edges between turns from here on retire the facts that repeat the earlier:
/// a pin is kept on purpose, and a turn says more than one thing.
const ACTED_ON: f32 = 0.6;

/// Why a fact holds no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retirement {
    /// A later fact or turn took its place.
    Superseded,
    /// Its time has passed, by the conversation's clock.
    Expired,
    /// A fact that it stands on was retired or taken out.
    Dependency,
}

/// A fact's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Retired {
    /// Why.
    pub why: Retirement,
    /// What caused it; nothing for an expiry.
    pub by: Option<Cause>,
    /// From when on it did not hold; nothing if a dependency was taken out.
    pub at: Option<Timestamp>,
    /// What took its place, in words; empty where that was forgotten.
    pub value: String,
}

/// How a fact stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Its end, if it holds no more.
    pub retired: Option<Retired>,
    /// What contradicts it, of less weight, by what is stored with it.
    pub contradicted_by: Vec<FactEdge>,
    /// The facts of more weight that it contradicts.
    pub contradicts: Vec<FactId>,
    /// It only says that another one is void.
    pub withdraws: bool,
    /// It holds, and is not among the pins of the detector that are live.
    pub displaced: bool,
}

/// The moment that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct AsOf<'a> {
    /// After this turn; [`Sequence::MAX`] for now.
    pub turn: Sequence,
    /// The conversation's clock then; without one nothing has expired.
    pub clock: Option<Timestamp>,
    /// Edges from turns to earlier turns, known by then.
    pub turns: &'a [TurnEdge],
}

impl AsOf<'_> {
    /// Now, by a clock.
    pub fn now(clock: Option<Timestamp>) -> Self {
        Self { turn: Sequence::MAX, clock, turns: &[] }
    }
}

/// A turn that took another's place.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnEdge {
    /// The earlier turn.
    pub earlier: Sequence,
    /// The later turn.
    pub later: Sequence,
    /// Bytes of the earlier one's searchable text that are meant; all of it if
    /// absent.
    pub earlier_span: Option<(u32, u32)>,
    /// Probability that it is right.
    pub confidence: f32,
    /// When the later one was said.
    pub said_at: Timestamp,
    /// The words of the later one that are meant.
    pub later_value: String,
}

/// How each fact stands, in their order; nothing for those that were not known
/// yet.
pub fn standing(facts: &[Fact], as_of: &AsOf<'_>) -> Vec<Option<Standing>> {
    let known = |fact: &Fact| fact.known_turn <= as_of.turn;
    let mut all: Vec<Option<Standing>> =
        facts.iter().map(|fact| known(fact).then(|| own_standing(fact, as_of))).collect();
    retire_quotations(facts, &mut all);
    mark_later(facts, &mut all);
    retire_dependents(facts, &mut all);
    all
}

/// The edges of a fact that count after a turn: known by then, sure enough, not taken
/// back, and not over. What is said again after a turn that changed it holds again.
fn counting(fact: &Fact, as_of: Sequence) -> impl Iterator<Item = &FactEdge> {
    let told_again = news::last_told(fact, as_of);
    let is_over = move |cause: &Cause| match cause {
        Cause::Turn(turn) => told_again.is_some_and(|told| told > *turn),
        Cause::Fact(_) => false,
    };
    fact.edges.iter().filter(move |edge| {
        edge.known_turn <= as_of
            && edge.confidence >= SHOWN_CONFIDENCE
            && !fact.has_rejected(&edge.later)
            && !is_over(&edge.later)
    })
}

/// Whether a later fact or turn has taken the place of a fact, by what is stored with it.
pub fn is_replaced(fact: &Fact) -> bool {
    counting(fact, Sequence::MAX).any(|edge| edge.kind == EdgeKind::Supersedes)
}

/// What took the place of a fact last, by what is stored with it and as of a turn: what
/// ended it may have been changed again since.
pub fn latest_end(fact: &Fact, as_of: Sequence) -> Option<Retired> {
    counting(fact, as_of)
        .filter(|edge| edge.kind == EdgeKind::Supersedes)
        .max_by_key(|edge| (edge.known_turn, edge.known_at))
        .map(superseded)
}

fn superseded(edge: &FactEdge) -> Retired {
    Retired {
        why: Retirement::Superseded,
        by: Some(edge.later.clone()),
        at: Some(edge.valid_from),
        value: edge.later_value.clone(),
    }
}

/// By what is stored with the fact alone.
fn own_standing(fact: &Fact, as_of: &AsOf<'_>) -> Standing {
    let of_kind = |kind| counting(fact, as_of.turn).filter(move |edge| edge.kind == kind);
    let by_fact = of_kind(EdgeKind::Supersedes)
        .min_by_key(|edge| (edge.known_turn, edge.known_at))
        .map(superseded);
    let expired = || {
        let at = fact.says.expires_at.filter(|at| as_of.clock.is_some_and(|clock| clock >= *at))?;
        Some(Retired { why: Retirement::Expired, by: None, at: Some(at), value: String::new() })
    };
    Standing {
        retired: by_fact.or_else(|| by_turn(fact, as_of)).or_else(expired),
        contradicted_by: of_kind(EdgeKind::Contradicts).cloned().collect(),
        contradicts: Vec::new(),
        withdraws: false,
        displaced: false,
    }
}

/// A turn that took the place of one which says the same, after the last that
/// does.
fn by_turn(fact: &Fact, as_of: &AsOf<'_>) -> Option<Retired> {
    let told = news::last_told(fact, as_of.turn).max(fact.told())?;
    let meant = |edge: &&TurnEdge| {
        let same = |link: &super::TurnLink| {
            let overlaps = edge
                .earlier_span
                .is_none_or(|(start, end)| start < link.span.1 && link.span.0 < end);
            link.turn == edge.earlier && link.bears.is_none() && overlaps
        };
        edge.later > told
            && edge.later <= as_of.turn
            && edge.confidence >= ACTED_ON
            && fact.turns.iter().any(same)
            && !fact.has_rejected(&Cause::Turn(edge.later))
    };
    let first = as_of.turns.iter().filter(meant).min_by_key(|edge| edge.later)?;
    Some(Retired {
        why: Retirement::Superseded,
        by: Some(Cause::Turn(first.later)),
        at: Some(first.said_at),
        value: first.later_value.clone(),
    })
}

/// A pin of the detector quotes a turn. What the caller's facts say of that place is
/// better known: something took the place of one that says the same, or one replaces what
/// stands there, and none that holds says it too.
fn retire_quotations(facts: &[Fact], all: &mut [Option<Standing>]) {
    let quoted: Vec<(usize, Retired)> = facts
        .iter()
        .zip(&*all)
        .enumerate()
        .filter(|(_, (fact, standing))| {
            fact.origin.is_detector() && standing.as_ref().is_some_and(|one| one.retired.is_none())
        })
        .filter_map(|(at, (fact, _))| Some((at, end_of_quotation(fact, facts, all)?)))
        .collect();
    for (at, end) in quoted {
        if let Some(Some(standing)) = all.get_mut(at) {
            standing.retired = Some(end);
        }
    }
}

fn end_of_quotation(quotation: &Fact, facts: &[Fact], all: &[Option<Standing>]) -> Option<Retired> {
    let (source, span) = (quotation.source?, quotation.source_span?);
    let meant = |link: &&super::TurnLink| {
        let overlaps = span.0 < link.span.1 && link.span.0 < span.1;
        link.turn == source && overlaps && link.confidence >= SHOWN_CONFIDENCE
    };
    let mut end = None;
    for (fact, standing) in facts.iter().zip(all) {
        let Some(standing) = standing.as_ref().filter(|_| !fact.origin.is_detector()) else {
            continue;
        };
        for link in fact.turns.iter().filter(meant) {
            let own = || Retired {
                why: Retirement::Superseded,
                by: Some(Cause::Fact(fact.id.clone())),
                at: Some(fact.valid_from),
                value: fact.says.value.clone(),
            };
            match (link.bears, &standing.retired) {
                // It holds, and says what is quoted.
                (None, None) => return None,
                (None, Some(of_fact)) => {
                    let is_later = match of_fact.by {
                        Some(Cause::Turn(by)) => by > source,
                        _ => true,
                    };
                    let ended = of_fact.why == Retirement::Superseded && is_later;
                    end = end.or_else(|| ended.then(|| of_fact.clone()));
                }
                (Some(EdgeKind::Supersedes), None) => end = end.or_else(|| Some(own())),
                _ => {}
            }
        }
    }
    let rejected = |end: &Retired| end.by.as_ref().is_some_and(|by| quotation.has_rejected(by));
    end.filter(|end| !rejected(end))
}

/// Tells the later ones what they do: overruled by facts of more weight, or
/// taking back what they repeat.
fn mark_later(facts: &[Fact], all: &mut [Option<Standing>]) {
    let at: HashMap<&FactId, usize> = positions(facts);
    let mut marks = Vec::new();
    for (fact, standing) in facts.iter().zip(all.iter()) {
        let Some(standing) = standing else { continue };
        let holds = standing.retired.is_none();
        let overruled = standing.contradicted_by.iter().filter(|_| holds);
        let ended = standing.retired.as_ref().and_then(|end| end.by.as_ref());
        let withdrawn =
            fact.edges.iter().filter(|edge| edge.withdraws && Some(&edge.later) == ended);
        for edge in overruled.chain(withdrawn) {
            if let Cause::Fact(later) = &edge.later
                && let Some(at) = at.get(later)
            {
                marks.push((*at, holds.then(|| fact.id.clone())));
            }
        }
    }
    for (at, higher) in marks {
        if let Some(Some(standing)) = all.get_mut(at) {
            standing.withdraws |= higher.is_none();
            standing.contradicts.extend(higher);
        }
    }
}

/// Facts go with what they stand on, through any number of facts.
fn retire_dependents(facts: &[Fact], all: &mut [Option<Standing>]) {
    let at = positions(facts);
    let mut dependents: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut open = Vec::new();
    for (position, fact) in facts.iter().enumerate() {
        for dependency in &fact.says.depends_on {
            match at.get(dependency) {
                Some(on) => dependents.entry(*on).or_default().push(position),
                None => retire(all, position, dependency, None, &mut open),
            }
        }
    }
    let retired = |standing: &Option<Standing>| {
        standing.as_ref().is_some_and(|standing| standing.retired.is_some())
    };
    open.extend(all.iter().enumerate().filter(|(_, one)| retired(one)).map(|(at, _)| at));
    while let Some(position) = open.pop() {
        let cause = facts.get(position).map(|fact| &fact.id);
        let end = all.get(position).and_then(|one| one.as_ref()?.retired.as_ref()?.at);
        let Some(cause) = cause else { continue };
        for dependent in dependents.get(&position).into_iter().flatten() {
            retire(all, *dependent, cause, end, &mut open);
        }
    }
}

/// Retires a dependent that still holds and notes that its own go with it.
fn retire(
    all: &mut [Option<Standing>],
    position: usize,
    cause: &FactId,
    at: Option<Timestamp>,
    open: &mut Vec<usize>,
) {
    let Some(Some(standing)) = all.get_mut(position) else { return };
    if standing.retired.is_none() {
        standing.retired = Some(Retired {
            why: Retirement::Dependency,
            by: Some(Cause::Fact(cause.clone())),
            at,
            value: String::new(),
        });
        open.push(position);
    }
}

fn positions(facts: &[Fact]) -> HashMap<&FactId, usize> {
    facts.iter().enumerate().map(|(at, fact)| (&fact.id, at)).collect()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::facts::{FactKind, Statement};

    /// A fact that says nothing yet.
    pub(crate) fn fact(id: &str) -> Fact {
        let then = Timestamp::UNIX_EPOCH;
        Fact {
            id: FactId::new(id).unwrap(),
            kind: FactKind::Fact,
            text: String::new(),
            required: false,
            source: None,
            source_span: None,
            request_id: String::new(),
            created_at: then,
            updated_at: then,
            says: Statement::default(),
            source_role: None,
            valid_from: then,
            known_turn: 0,
            edges: Vec::new(),
            turns: Vec::new(),
            rejected: Vec::new(),
            sketch: Vec::new(),
            origin: crate::facts::Origin::Caller,
            owner: crate::facts::Owner::Conversation,
            restored_at: None,
            for_every_answer: false,
        }
    }
}

#[cfg(test)]
#[path = "retirement_tests.rs"]
mod tests;
