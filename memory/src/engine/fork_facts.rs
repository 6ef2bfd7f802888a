//! What a fork takes of its parent's facts: what the caller had pinned by the
//! turn that it branches from. Pins of the service are drawn from the shared
//! turns again.
//!
//! Invariants: nothing that became known behind that turn shows in the fork,
//! where the same numbers name other turns; a copy keeps its source, so that it
//! goes with a shared turn that is forgotten; what had been replaced stays so.

use std::collections::HashSet;

use super::{Engine, EngineError, fact_records::put_fact, heads::Cell, records::Head};
use crate::{
    facts::{Cause, Fact},
    store::{Batch, Direction, keys, keys::Kind},
    turn::{FactId, Sequence},
};

impl Engine {
    /// Puts copies of the parent's facts into the batch that makes the fork, and
    /// what the caller had unpinned and rejected of the service's pins. Returns how
    /// many facts.
    pub(super) fn copy_facts(
        &self,
        batch: &mut Batch,
        (parent, head): (&Cell, &Head),
        fork: &Cell,
        at: Sequence,
    ) -> Result<u64, EngineError> {
        self.copy_unpinned(batch, parent, fork, at)?;
        let facts = match head.facts {
            0 => Vec::new(),
            _ => self.read_facts(&parent.tenant, &parent.id)?,
        };
        let rejections = self.pin_rejections(parent, &facts)?;
        let copies = as_of(facts, at);
        // Of the pins that are drawn again from the shared turns.
        rejections.up_to(at, &copies).put(batch, fork)?;
        for fact in &copies {
            put_fact(batch, fork, fact)?;
        }
        Ok(copies.len() as u64)
    }

    /// What the caller unpinned is not pinned again in the fork either.
    fn copy_unpinned(
        &self,
        batch: &mut Batch,
        parent: &Cell,
        fork: &Cell,
        at: Sequence,
    ) -> Result<(), EngineError> {
        let of =
            |cell: &Cell, turn| keys::at_sequence(&cell.tenant, &cell.id, Kind::Unpinned, turn);
        let (_, end) = keys::prefix_range(&of(parent, at));
        self.store.scan(&of(parent, 0), &end, Direction::Forward, &mut |key, value| {
            if let Some(turn) = key.last_chunk() {
                batch.put(of(fork, Sequence::from_be_bytes(*turn)), value);
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(())
    }
}

/// The caller's facts as they were known after a turn, for a conversation that
/// goes on otherwise from there.
fn as_of(facts: Vec<Fact>, at: Sequence) -> Vec<Fact> {
    let all: HashSet<FactId> = facts.iter().map(|fact| fact.id.clone()).collect();
    let mut copies = facts;
    copies.retain(|fact| fact.known_turn <= at && !fact.origin.is_detector());
    let copied: HashSet<FactId> = copies.iter().map(|fact| fact.id.clone()).collect();
    // A fact that was taken out since left its mark on others for good.
    let left_behind = |id: &FactId| all.contains(id) && !copied.contains(id);
    let stands = |cause: &Cause| match cause {
        Cause::Turn(turn) => *turn <= at,
        Cause::Fact(id) => !left_behind(id),
    };
    for fact in &mut copies {
        // A pin that is made in the fork is one of its own.
        fact.request_id.clear();
        fact.edges.retain(|edge| edge.known_turn <= at && stands(&edge.later));
        fact.turns.retain(|link| link.turn <= at);
        fact.rejected.retain(stands);
        fact.says.depends_on.retain(|id| !left_behind(id));
    }
    copies
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        facts::{Authority, FactEdge, FactKind, Origin, Owner, Statement, TurnLink},
        staleness::EdgeKind,
    };

    fn id(name: &str) -> FactId {
        FactId::new(name).unwrap()
    }

    fn fact(name: &str, known_turn: Sequence) -> Fact {
        let on = ["early", "late", "gone"].map(id).to_vec();
        let authority = Some(Authority::Peer);
        Fact {
            id: id(name),
            kind: FactKind::Fact,
            text: name.to_owned(),
            required: true,
            source: None,
            source_span: None,
            request_id: "r".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            says: Statement { depends_on: on, authority, ..Statement::default() },
            source_role: None,
            valid_from: Timestamp::UNIX_EPOCH,
            known_turn,
            edges: Vec::new(),
            turns: Vec::new(),
            rejected: Vec::new(),
            sketch: vec![7],
            origin: Origin::Caller,
            owner: Owner::Conversation,
            restored_at: None,
            for_every_answer: false,
        }
    }

    fn edge(later: Cause, known_turn: Sequence) -> FactEdge {
        FactEdge {
            kind: EdgeKind::Supersedes,
            later,
            confidence: 1.0,
            earlier_value: String::new(),
            later_value: String::new(),
            reason: String::new(),
            withdraws: false,
            valid_from: Timestamp::UNIX_EPOCH,
            known_at: Timestamp::UNIX_EPOCH,
            known_turn,
        }
    }

    fn link(turn: Sequence) -> TurnLink {
        TurnLink { turn, bears: None, span: (0, 1), confidence: 1.0, covers: (Vec::new(), 0) }
    }

    #[test]
    fn a_copy_knows_nothing_of_what_came_behind_the_fork() {
        let mut early = fact("early", 2);
        let causes = || {
            let facts = ["late", "drawn", "gone"].map(|name| Cause::Fact(id(name)));
            [Cause::Turn(3), Cause::Turn(4)].into_iter().chain(facts)
        };
        early.edges = causes().map(|later| edge(later, 3)).collect();
        early.edges.push(edge(Cause::Fact(id("gone")), 4));
        early.turns = vec![link(3), link(4)];
        early.rejected = causes().collect();
        let drawn = Origin::Detector { version: 1, probability: 0.9 };
        let drawn = Fact { origin: drawn, ..fact("drawn", 1) };
        let copies = as_of(vec![early, fact("late", 4), drawn], 3);
        let [copy] = &copies[..] else { panic!("{copies:?}") };
        let kept = [Cause::Turn(3), Cause::Fact(id("gone"))];
        let later: Vec<_> = copy.edges.iter().map(|edge| edge.later.clone()).collect();
        assert_eq!((&later[..], &copy.rejected[..]), (&kept[..], &kept[..]));
        assert_eq!(copy.turns.iter().map(|link| link.turn).collect::<Vec<_>>(), [3]);
        assert_eq!(copy.says.depends_on, ["early", "gone"].map(id));
        assert_eq!((copy.request_id.as_str(), copy.required), ("", true));
    }
}
