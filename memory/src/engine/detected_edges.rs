//! Edges of the pins that the service draws: which takes the place of which in its
//! conversation.
//!
//! Invariant: a caller's fact is not retired by what the detector found.

use std::collections::HashSet;

use super::NewFact;
use crate::{
    facts::{self, Cause, Fact, detect, is_replaced},
    turn::FactId,
};

/// Confidence from which on one pin of the detector replaces another: two
/// sentences that are much alike may both hold.
pub(super) const REPLACES: f32 = 0.75;

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
