//! Edges of the service's pins that the caller took back, beside the pins: these
//! are drawn from the turns again, by another version or in a fork, and there
//! under other ids.
//!
//! Invariants: a pin that is drawn again has the rejections of the one that stood
//! at its words; a note names places and ids and holds no words; in a fork none
//! names what came behind the turn that it branches from.

use std::{collections::BTreeMap, ops::ControlFlow};

use serde::{Deserialize, Serialize};

use super::{
    Engine, EngineError, KeptFact,
    detected::overlap,
    heads::Cell,
    records::{decode, encode},
};
use crate::{
    facts::{Cause, Fact},
    store::{Batch, Direction, StoreError, keys, keys::Kind},
    turn::{FactId, Sequence},
};

/// Bytes of a turn's searchable text.
type Span = (u32, u32);

/// What does not bear on a pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Rejected {
    /// A turn.
    Turn(Sequence),
    /// A fact of the caller, whose id a fork keeps.
    Fact(FactId),
    /// A pin of the service, by its turn and place.
    Pin(Sequence, Span),
}

/// That something does not bear on what is pinned from a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    span: Span,
    rejected: Rejected,
}

/// What the caller rejected of the service's pins, by the turn that they come from.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PinRejections(BTreeMap<Sequence, Vec<Note>>);

impl PinRejections {
    /// Adds what the pins that there are have rejected.
    fn add(&mut self, facts: &[Fact]) {
        for fact in facts.iter().filter(|fact| fact.origin.is_detector()) {
            let Some((turn, span)) = place(fact) else { continue };
            for cause in &fact.rejected {
                let note = Note { span, rejected: rejected(cause, facts) };
                let notes = self.0.entry(turn).or_default();
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
    }

    /// Those that a fork from a turn has: of the shared turns, and of the
    /// caller's facts that are `copied`.
    pub(super) fn up_to(mut self, at: Sequence, copied: &[Fact]) -> Self {
        let stands = |note: &Note| match &note.rejected {
            Rejected::Turn(turn) | Rejected::Pin(turn, _) => *turn <= at,
            Rejected::Fact(id) => copied.iter().any(|fact| fact.id == *id),
        };
        self.0.values_mut().for_each(|notes| notes.retain(stands));
        self.0.retain(|turn, notes| *turn <= at && !notes.is_empty());
        self
    }

    /// Gives a pin that is drawn again what was rejected of it, and the others
    /// that it was rejected of itself. Before its edges are drawn.
    pub(super) fn apply(&self, fact: &mut Fact, others: &mut [Fact]) {
        let Some(own) = place(fact) else { return };
        for note in self.at(own) {
            match &note.rejected {
                Rejected::Turn(turn) => reject(fact, Cause::Turn(*turn)),
                Rejected::Fact(id) => reject(fact, Cause::Fact(id.clone())),
                Rejected::Pin(turn, span) => {
                    let there = others.iter().filter(|other| stands_at(other, (*turn, *span)));
                    there.for_each(|other| reject(fact, Cause::Fact(other.id.clone())));
                }
            }
        }
        for other in others {
            let Some(of_other) = place(other) else { continue };
            let names = |note: &Note| match &note.rejected {
                Rejected::Pin(turn, span) => *turn == own.0 && overlap(*span, own.1),
                Rejected::Turn(_) | Rejected::Fact(_) => false,
            };
            if self.at(of_other).any(names) {
                reject(other, Cause::Fact(fact.id.clone()));
            }
        }
    }

    /// Writes them.
    pub(super) fn put(&self, batch: &mut Batch, cell: &Cell) -> Result<(), StoreError> {
        for (turn, notes) in &self.0 {
            let key = keys::at_sequence(&cell.tenant, &cell.id, Kind::PinRejections, *turn);
            batch.put(key, encode(notes)?);
        }
        Ok(())
    }

    fn at(&self, (turn, span): (Sequence, Span)) -> impl Iterator<Item = &Note> {
        let notes = self.0.get(&turn).map_or(&[][..], Vec::as_slice);
        notes.iter().filter(move |note| overlap(note.span, span))
    }
}

impl Engine {
    /// What the caller rejected of the service's pins of a conversation: what is
    /// noted, and what those of `facts` have.
    pub(super) fn pin_rejections(
        &self,
        cell: &Cell,
        facts: &[Fact],
    ) -> Result<PinRejections, EngineError> {
        let prefix = keys::kind_prefix(&cell.tenant, &cell.id, Kind::PinRejections);
        let (start, end) = keys::prefix_range(&prefix);
        let mut known = PinRejections::default();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            if let Some(turn) = key.last_chunk() {
                known.0.insert(Sequence::from_be_bytes(*turn), decode(key, &value)?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        known.add(facts);
        Ok(known)
    }
}

/// Takes over what a pin of an export has rejected where the same pin, `drawn`,
/// was there before it; and what rejects it by the id that it has in the export.
/// Gives the facts that changed.
pub(super) fn take_over<'a>(
    facts: &'a mut [Fact],
    drawn: &FactId,
    kept: &KeptFact,
) -> Vec<&'a Fact> {
    let mut changed = Vec::new();
    let exported = kept.id.clone().map(Cause::Fact);
    for fact in facts {
        let before = fact.rejected.len();
        if fact.id == *drawn {
            kept.rejected.iter().for_each(|cause| reject(fact, cause.clone()));
        } else if exported.as_ref().is_some_and(|exported| fact.has_rejected(exported)) {
            reject(fact, Cause::Fact(drawn.clone()));
        }
        if fact.rejected.len() > before {
            changed.push(&*fact);
        }
    }
    changed
}

/// A cause by what it can be found again by.
fn rejected(cause: &Cause, facts: &[Fact]) -> Rejected {
    match cause {
        Cause::Turn(turn) => Rejected::Turn(*turn),
        Cause::Fact(id) => {
            let drawn = |fact: &&Fact| fact.id == *id && fact.origin.is_detector();
            let place = facts.iter().find(drawn).and_then(place);
            place.map_or_else(
                || Rejected::Fact(id.clone()),
                |(turn, span)| Rejected::Pin(turn, span),
            )
        }
    }
}

fn reject(fact: &mut Fact, cause: Cause) {
    if !fact.has_rejected(&cause) {
        fact.rejected.push(cause);
    }
}

fn stands_at(fact: &Fact, (turn, span): (Sequence, Span)) -> bool {
    place(fact).is_some_and(|(own, at)| own == turn && overlap(at, span))
}

/// The turn and the words that a fact was pinned from.
fn place(fact: &Fact) -> Option<(Sequence, Span)> {
    fact.source.zip(fact.source_span)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::{FactKind, Origin, Owner, Statement};

    fn id(name: &str) -> FactId {
        FactId::new(name).unwrap()
    }

    fn pin(name: &str, turn: Sequence, span: Span) -> Fact {
        Fact {
            id: id(name),
            kind: FactKind::Preference,
            text: name.to_owned(),
            required: false,
            source: Some(turn),
            source_span: Some(span),
            request_id: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            says: Statement::default(),
            source_role: None,
            valid_from: Timestamp::UNIX_EPOCH,
            known_turn: turn,
            edges: Vec::new(),
            turns: Vec::new(),
            rejected: Vec::new(),
            sketch: Vec::new(),
            origin: Origin::Detector { version: 1, probability: 0.9 },
            owner: Owner::Conversation,
            restored_at: None,
            for_every_answer: false,
        }
    }

    /// One pin that rejects a turn, a fact of the caller and another pin.
    fn noted() -> PinRejections {
        let callers = Fact { origin: Origin::Caller, ..pin("callers", 3, (0, 9)) };
        let causes = [Cause::Turn(4), Cause::Fact(id("callers")), Cause::Fact(id("later"))];
        let early = Fact { rejected: causes.to_vec(), ..pin("early", 1, (5, 20)) };
        let mut noted = PinRejections::default();
        let facts = [early, callers, pin("later", 2, (0, 30))];
        noted.add(&facts);
        // Once is enough.
        noted.add(&facts);
        noted
    }

    /// What two pins have rejected that are drawn one after the other.
    fn drawn(noted: &PinRejections, mut one: Fact, mut other: Fact) -> [Vec<Cause>; 2] {
        noted.apply(&mut one, &mut []);
        let mut before = [one];
        noted.apply(&mut other, &mut before);
        let [one] = before;
        [one.rejected, other.rejected]
    }

    #[test]
    fn a_pin_at_the_same_words_has_the_rejections_whatever_its_id() {
        let noted = noted();
        let of_both = [Cause::Turn(4), Cause::Fact(id("callers")), Cause::Fact(id("new"))];
        let (one, other) = (|| pin("again", 1, (0, 20)), || pin("new", 2, (2, 30)));
        assert_eq!(drawn(&noted, one(), other()), [of_both.to_vec(), vec![]]);
        assert_eq!(drawn(&noted, other(), one()), [vec![], of_both.to_vec()], "in any order");
        let elsewhere = [pin("again", 1, (20, 40)), pin("new", 3, (2, 30))];
        let [one, other] = elsewhere;
        assert_eq!(drawn(&noted, one, other), [vec![], vec![]]);
    }

    #[test]
    fn a_fork_has_those_of_what_it_shares() {
        let again = || pin("again", 1, (5, 20));
        let copied = [Fact { origin: Origin::Caller, ..pin("callers", 3, (0, 9)) }];
        let [of_fork, _] = drawn(&noted().up_to(3, &copied), again(), pin("new", 2, (0, 30)));
        assert_eq!(of_fork, [Cause::Fact(id("callers")), Cause::Fact(id("new"))]);
        assert_eq!(noted().up_to(1, &[]), PinRejections::default());
    }

    #[test]
    fn what_an_export_rejects_holds_for_the_pin_that_was_there() {
        let kept = KeptFact {
            id: Some(id("exported")),
            rejected: vec![Cause::Turn(4)],
            ..KeptFact::default()
        };
        let other = Fact { rejected: vec![Cause::Fact(id("exported"))], ..pin("a", 1, (0, 9)) };
        let mut facts = [other, pin("drawn", 2, (0, 9)), pin("c", 3, (0, 9))];
        assert_eq!(take_over(&mut facts, &id("drawn"), &kept).len(), 2);
        assert_eq!(facts[0].rejected, ["exported", "drawn"].map(|name| Cause::Fact(id(name))));
        assert_eq!(facts[1].rejected, [Cause::Turn(4)]);
        assert!(take_over(&mut facts, &id("drawn"), &kept).is_empty());
    }
}
