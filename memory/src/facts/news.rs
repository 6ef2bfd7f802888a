//! What a later turn does to a fact: sets another value, chooses anew, goes back
//! to what was before, or takes it back. The edge stands with the fact, which
//! stays; windows show it marked.
//!
//! Invariants: only what a person says changes a fact; a question, a condition
//! and a plan that is only weighed change nothing; values that add up replace
//! nothing; a fact of more weight than somebody's word is contradicted and not
//! replaced; a fact that holds in one scope is left alone.

use std::{cell::LazyCell, fmt::Debug, sync::Arc};

use jiff::Timestamp;

use super::{
    Authority, Claim, Fact, FactEdge, TurnLink,
    choice::{chooses, settles, takes_back, takes_back_of},
    claim::Words,
    edge::{Cause, MAX_EDGES, short},
    heard::{Clause, Heard},
    relation::Likeness,
    slot::{Found, denies, goes_back, sets},
    supersession,
    turns::{link, said_of_the_past, says_the_same},
};
use crate::{
    staleness::{
        EdgeKind,
        text::{Cue, Span},
    },
    turn::{Role, Sequence},
};

/// Version of the rules for edges of facts: with another, all are drawn again.
pub const RULES_VERSION: u32 = 3;
/// What a turn does to a fact is kept from here on: a pin is kept on purpose.
const LEAST_CONFIDENCE: f32 = 0.7;
/// The same by the words of whole sentences alone.
const LEAST_BY_WORDS: f32 = 0.85;
/// Turns that told a fact that are read again.
const MAX_TOLD: usize = 3;
/// Content words of a fact that its words alone can tell.
const LEAST_WORDS: usize = 3;

/// A fact with what bears on how it is compared.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The fact.
    pub fact: &'a Fact,
    /// The same, read.
    pub claim: &'a Claim,
    /// The last turns that told it.
    pub told: &'a dyn Told,
    /// The facts that it replaced.
    pub replaced: &'a [Claim],
}

/// The last turns that told a fact, the oldest first; read when a rule first asks for
/// them, which few turns make any do.
pub trait Told: Debug {
    /// The turns.
    fn turns(&self) -> &[Arc<Heard>];
}

impl<F: FnOnce() -> Vec<Arc<Heard>>> Told for LazyCell<Vec<Arc<Heard>>, F> {
    fn turns(&self) -> &[Arc<Heard>] {
        self
    }
}

/// The edge that a later turn draws to a fact; nothing if it leaves it alone.
/// `now` is when the service came to know it.
pub fn news(held: Held<'_>, heard: &Heard, said_at: Timestamp, now: Timestamp) -> Option<FactEdge> {
    let (fact, claim) = (held.fact, held.claim);
    let cause = Cause::Turn(heard.sequence);
    // Without a turn that told it, all that was said before it is no news.
    let is_later = heard.sequence > fact.told().unwrap_or(fact.known_turn);
    if heard.role != Role::User || !is_later || !claim.scope.is_empty() {
        return None;
    }
    if fact.has_rejected(&cause) || fact.edges.iter().any(|edge| edge.later == cause) {
        return None;
    }
    let (clause, found) = best(held, heard)?;
    let kind = if claim.authority > Authority::Peer {
        EdgeKind::Contradicts
    } else {
        EdgeKind::Supersedes
    };
    let earlier_value = short(&claim.value_or_text().said.text);
    let later_value = short(with_signs(clause.text(), found.value));
    let what = [&fact.says.attribute, &fact.says.subject];
    let what = what.into_iter().map(|name| name.trim()).find(|name| !name.is_empty());
    let led = what.map(|what| format!("{}: ", short(what))).unwrap_or_default();
    Some(FactEdge {
        kind,
        later: cause,
        confidence: found.confidence,
        reason: format!("{led}{earlier_value} -> {later_value}"),
        earlier_value,
        later_value,
        withdraws: false,
        valid_from: said_at,
        known_at: now,
        known_turn: heard.sequence,
    })
}

/// A value with the signs around it that are no words: "$950", "10 %".
fn with_signs(text: &str, value: Span) -> &str {
    let (start, end) = (value.start as usize, value.end as usize);
    let before = text.get(..start).unwrap_or("").chars().next_back();
    let sign = before.filter(|sign| "$\u{20ac}\u{a3}\u{a5}".contains(*sign));
    let start = start - sign.map_or(0, char::len_utf8);
    let rest = text.get(end..).unwrap_or("");
    let percent = rest.trim_start().starts_with('%');
    let end = if percent { end + rest.find('%').unwrap_or(0) + 1 } else { end };
    text.get(start..end).unwrap_or("")
}

/// The last turns that tell a fact, [`MAX_TOLD`] of them, for [`Held::told`].
pub fn told_in(fact: &Fact) -> Vec<Sequence> {
    let says = fact.turns.iter().filter(|link| link.bears.is_none());
    let says = says.map(|link| link.turn).filter(|turn| *turn <= fact.known_turn);
    let mut told: Vec<Sequence> = says.chain(fact.source).collect();
    told.sort_unstable();
    told.dedup();
    told.split_off(told.len().saturating_sub(MAX_TOLD))
}

/// Puts an edge to a fact that is not full of them.
pub fn push_news(fact: &mut Fact, edge: FactEdge) -> bool {
    let room = fact.edges.len() < MAX_EDGES;
    if room {
        fact.edges.push(edge);
    }
    room
}

/// The clause that bears most on the fact.
fn best<'a>(held: Held<'_>, heard: &'a Heard) -> Option<(&'a Clause, Found)> {
    let claim = held.claim;
    // It says the fact's value itself, and not as what is over.
    let keeps = |clause: &Clause| {
        says_the_same(claim, &clause.words)
            && !said_of_the_past(&clause.words)
            && !denies(claim, clause)
            && Likeness::of(claim.value_or_text(), &clause.words).differs.is_none()
            && sets(claim, clause, false).is_none()
            && takes_back(claim, clause).is_none()
    };
    if heard.clauses.iter().any(keeps) {
        return None;
    }
    let cued = heard.clauses.iter().any(|clause| is_change(&clause.words));
    let mut found: Vec<(&Clause, Found)> = Vec::new();
    for clause in &heard.clauses {
        let all = [
            sets(claim, clause, cued),
            chooses(claim, held.told, clause, cued),
            settles(claim, held.told, clause),
            takes_back(claim, clause),
            takes_back_of(claim, held.told, clause, heard.sequence),
            // The rules read short statements; a sentence that the detector took from talk
            // ("I'm trying to .., and I prefer ..") shares its frame with many others.
            by_words(claim, clause).filter(|_| !held.fact.origin.is_detector()),
        ];
        let back = held.replaced.iter().filter_map(|old| goes_back(old.value.as_ref()?, clause));
        let all = all.into_iter().flatten().chain(back);
        found.extend(all.map(|found| (clause, found)));
    }
    found.retain(|(_, found)| found.confidence >= LEAST_CONFIDENCE);
    found.into_iter().reduce(
        |best, next| {
            if next.1.confidence > best.1.confidence { next } else { best }
        },
    )
}

/// "I'm overriding that", "actually", "instead".
fn is_change(words: &Words) -> bool {
    const CHANGING: [Cue; 6] =
        [Cue::Retracts, Cue::Changes, Cue::Instead, Cue::Became, Cue::Denies, Cue::Ended];
    words.has_any(&CHANGING) || words.settles
}

/// Whole sentences about one thing of which something differs.
fn by_words(claim: &Claim, clause: &Clause) -> Option<Found> {
    if claim.additive || claim.text.stems.len() < LEAST_WORDS || clause.leaves_open() {
        return None;
    }
    let confidence = supersession::by_words_of(&claim.text, &clause.words)?;
    let value = clause.words.said.words.first()?.span.to(clause.words.said.words.last()?.span);
    (confidence >= LEAST_BY_WORDS).then_some(Found { confidence, value })
}

/// The link of a fact to a later turn in which a person says it again.
pub fn again(claim: &Claim, heard: &Heard) -> Option<TurnLink> {
    let says = |clause: &Clause| {
        says_the_same(claim, &clause.words)
            && !said_of_the_past(&clause.words)
            && Likeness::of(claim.value_or_text(), &clause.words).differs.is_none()
    };
    let said = heard.role == Role::User && heard.clauses.iter().any(says);
    // What its place in the turn is, only where it is said: few turns say a fact again.
    let link = if said { link(claim, heard) } else { None };
    link.filter(|link| link.bears.is_none())
}

/// The last turn up to `as_of` that says what a fact says.
pub(super) fn last_told(fact: &Fact, as_of: Sequence) -> Option<Sequence> {
    let says = fact.turns.iter().filter(|link| link.bears.is_none() && link.turn <= as_of);
    says.map(|link| link.turn).chain(fact.source.filter(|source| *source <= as_of)).max()
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
