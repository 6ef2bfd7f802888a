//! Retrieval's proposals put into a new order: what stands now before what it
//! replaced, and the other side of a contradiction behind the first.

use std::collections::HashSet;

use super::marks::Marked;
use crate::{
    context::{RetrievedTurn, TokenCounter, TurnCost, place_of},
    turn::Sequence,
};

/// The proposals that are not placed yet.
pub(super) struct Bringing<'a> {
    one: &'a Marked<'a>,
    counter: &'a dyn TokenCounter,
    waiting: Vec<Option<RetrievedTurn>>,
    /// Where those of the conversation wait, by sequence.
    places: Vec<(Sequence, usize)>,
    /// The first that waits.
    next: usize,
    /// Other sides, the next one last.
    sides: Vec<RetrievedTurn>,
    /// Turns that were not proposed and were brought all the same.
    made: HashSet<Sequence>,
}

impl<'a> Bringing<'a> {
    /// Of what search found, best first.
    pub(super) fn new(
        proposed: Vec<RetrievedTurn>,
        one: &'a Marked<'a>,
        counter: &'a dyn TokenCounter,
    ) -> Self {
        let waiting: Vec<_> = proposed.into_iter().map(Some).collect();
        let of_one = |(at, found): (usize, &Option<RetrievedTurn>)| {
            let found = found.as_ref().filter(|found| found.conversation == one.of)?;
            Some((found.cost.sequence, at))
        };
        let mut places: Vec<_> = waiting.iter().enumerate().filter_map(of_one).collect();
        places.sort_unstable();
        let (next, sides, made) = Default::default();
        Self { one, counter, waiting, places, next, sides, made }
    }

    /// The next to be placed, and whether it was brought as another side.
    pub(super) fn next(&mut self) -> Option<(RetrievedTurn, bool)> {
        if let Some(side) = self.sides.pop() {
            return Some((side, true));
        }
        loop {
            let waiting = self.waiting.get_mut(self.next)?;
            self.next += 1;
            if let Some(found) = waiting.take() {
                return Some((found, false));
            }
        }
    }

    /// Has a turn come next, with a score of at least `score`, unless it was placed.
    pub(super) fn bring(&mut self, wanted: Sequence, score: f32, history: &[TurnCost]) {
        let side = self.take(wanted, score, history);
        self.sides.extend(side);
    }

    /// A turn, with a score of at least `score`; nothing when it was placed, or is not
    /// to be had.
    pub(super) fn take(
        &mut self,
        wanted: Sequence,
        score: f32,
        history: &[TurnCost],
    ) -> Option<RetrievedTurn> {
        let of_one = |found: &RetrievedTurn| {
            found.conversation == self.one.of && found.cost.sequence == wanted
        };
        let taken = if let Some(side) = self.sides.iter().position(of_one) {
            Some(self.sides.remove(side))
        } else if let Ok(place) = self.places.binary_search_by_key(&wanted, |(at, _)| *at) {
            let (_, at) = *self.places.get(place)?;
            self.waiting.get_mut(at)?.take()
        } else if self.made.insert(wanted) {
            self.make(wanted, score, history)
        } else {
            None
        };
        taken.map(|taken| RetrievedTurn { score: taken.score.max(score), ..taken })
    }

    fn make(&self, wanted: Sequence, score: f32, history: &[TurnCost]) -> Option<RetrievedTurn> {
        let of = &self.one.of;
        // Covered before; the caller may hold it too.
        let state = self.one.scope.catalog.read();
        let place = usize::try_from(wanted).ok()?.checked_sub(1)?;
        let cost = state.costs(self.counter.name()).get(place).copied()?;
        // The turn that is asked is not in the history and needs not be found.
        let known = of.is_some() || place_of(history, wanted).is_some();
        known.then(|| RetrievedTurn {
            conversation: of.clone(),
            cost,
            score,
            components: Vec::new(),
        })
    }
}
