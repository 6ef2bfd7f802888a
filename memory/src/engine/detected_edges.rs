//! Edges of the pins that the service draws: which takes the place of which, in
//! its conversation and in the user's others.
//!
//! Invariants: a caller's fact is not retired by what the detector found; a fact
//! of another conversation keeps no words of what replaced it, so that an erasure
//! does not have to find them.

use std::collections::HashSet;

use super::{
    Engine, EngineError, NewFact, commit::Publish, fact_records::put_fact, heads::Cell,
    records::Head,
};
use crate::{
    facts::{self, Cause, Fact, Owner, detect, is_replaced},
    staleness::EdgeKind,
    store::Batch,
    turn::FactId,
};

/// Confidence from which on one pin of the detector replaces another: two
/// sentences that are much alike may both hold.
const REPLACES: f32 = 0.75;

impl Engine {
    /// Marks pins of the user's other conversations that these, of turns that were taken
    /// in later, replace. Once more, it changes nothing.
    pub(super) async fn replace_elsewhere(
        &self,
        own: &Cell,
        user_id: &str,
        new: &[Fact],
    ) -> Result<(), EngineError> {
        if new.is_empty() || user_id.is_empty() {
            return Ok(());
        }
        let limit = self.limits.conversations_per_user_search as usize;
        let root = self.root_of(&own.tenant, &own.id)?;
        for id in self.conversation_ids(&own.tenant, Some(user_id), None, limit)? {
            let cell = self.heads.cell(&own.tenant, &id)?;
            let has_facts = cell.stored().is_some_and(|head| head.facts > 0);
            // What is said on a branch replaces nothing on the others.
            if !has_facts || self.root_of(&own.tenant, &id)? == root {
                continue;
            }
            let writer = cell.write().await;
            let Some(head) = cell.stored().filter(|head| !head.deleted) else { continue };
            let mut batch = Batch::new();
            for mut fact in self.read_facts(&own.tenant, &id)? {
                let is_open = fact.owner == Owner::User && fact.origin.is_detector();
                if is_open && !is_replaced(&fact) && replaced_by(&mut fact, new, &head) {
                    put_fact(&mut batch, &cell, &fact)?;
                }
            }
            if !batch.is_empty() {
                self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
                self.windows.forget(&own.tenant, &id);
            }
        }
        Ok(())
    }
}

/// Draws the edges of a new pin with the other pins of the detector, and takes
/// those that the caller's facts draw to it.
pub(super) fn draw_among(fact: &mut Fact, others: &mut [Fact]) {
    let (mut drawn, mut callers): (Vec<Fact>, Vec<Fact>) =
        others.iter().cloned().partition(|other| other.origin.is_detector());
    facts::draw(fact, &mut callers);
    facts::draw(fact, &mut drawn);
    let own = Cause::Fact(fact.id.clone());
    for mut other in drawn {
        let kind = other.kind;
        other
            .edges
            .retain(|edge| edge.later != own || kind == fact.kind && edge.confidence >= REPLACES);
        if let Some(place) = others.iter_mut().find(|place| place.id == other.id) {
            *place = other;
        }
    }
    let of_caller: HashSet<FactId> = callers.into_iter().map(|caller| caller.id).collect();
    fact.edges.retain(|edge| match &edge.later {
        Cause::Fact(later) => of_caller.contains(later) || edge.confidence >= REPLACES,
        Cause::Turn(_) => true,
    });
}

/// Whether a fact of another conversation is replaced by one of these.
fn replaced_by(fact: &mut Fact, new: &[Fact], head: &Head) -> bool {
    let is_later = |later: &&Fact| later.kind == fact.kind && taken_in(later) >= taken_in(fact);
    for later in new.iter().filter(is_later) {
        // Sequences of two conversations say nothing of each other.
        let mut later = Fact { source: None, edges: Vec::new(), ..later.clone() };
        later.known_turn = head.last_sequence.max(fact.known_turn);
        let mut earlier = [Fact { source: None, ..fact.clone() }];
        facts::draw(&mut later, &mut earlier);
        let own = Cause::Fact(later.id.clone());
        let [earlier] = earlier;
        let edge = earlier.edges.into_iter().find(|edge| edge.later == own);
        let sure = |edge: &facts::FactEdge| {
            edge.kind == EdgeKind::Supersedes && edge.confidence >= REPLACES
        };
        if let Some(mut edge) = edge.filter(sure) {
            edge.known_turn = head.last_sequence;
            edge.forget_later();
            fact.edges.push(edge);
            return true;
        }
    }
    false
}

/// When the turn of a pin was taken in: the milliseconds that its id, a UUIDv7, begins
/// with, as they are spelt.
fn taken_in(fact: &Fact) -> &str {
    const SPELT: usize = 13;
    let id = fact.id.as_str();
    id.get(..SPELT).unwrap_or(id)
}

/// Whether a pin of the detector says what the caller pins: the same words of the
/// same turn, or the same words.
pub(super) fn is_same_pin(fact: &Fact, new: &NewFact) -> bool {
    let same_place = || match (fact.source_span, new.source_span) {
        (Some(a), Some(b)) => fact.source == new.source && a.0 < b.1 && b.0 < a.1,
        _ => false,
    };
    let is_open = fact.origin.is_detector() && !is_replaced(fact);
    is_open && (same_place() || detect::repeats(fact, &new.text, new.kind))
}
