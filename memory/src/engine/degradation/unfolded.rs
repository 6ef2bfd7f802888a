//! The turns that no summary tells: those since the last folding, and those whose summary
//! went with an erased turn or has nothing to show, since all of it was replaced.
//!
//! Invariant: of however many there are, only the newest are looked at one by one.

use std::borrow::Cow;

use super::{extract::READ_TOKENS, handover::HANDOVER_TOKENS};
use crate::{
    context::{Marks, SummaryUnit, TurnCost},
    engine::{
        Engine, EngineError,
        marks::{Marking, MayShow},
        scopes::Scope,
    },
    turn::Sequence,
};

/// A range of turns, first and last.
type Range = (Sequence, Sequence);

/// See the module.
pub(super) struct Unfolded {
    /// What the newest of them cost with their marks, in order; those without content
    /// are left out.
    pub(super) costs: Vec<TurnCost>,
    /// The place in the costs from which on they stand behind every summary.
    tail_at: usize,
    /// What is said of turns that do not simply hold.
    pub(super) marks: Marks<'static>,
    /// Those before the costs, and such as are too long to be read.
    pub(super) earlier: Vec<Range>,
}

impl Unfolded {
    /// Those that stand behind every summary.
    pub(super) fn tail(&self) -> &[TurnCost] {
        self.costs.get(self.tail_at..).unwrap_or_default()
    }
}

impl Engine {
    /// The turns of a branch that none of the summaries that are shown stands for.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn unfolded(
        &self,
        own: &Scope,
        shown: &[SummaryUnit],
    ) -> Result<Unfolded, EngineError> {
        let last = own.head.last_sequence;
        let shown = shown.iter().map(|unit| (unit.from, unit.until)).collect();
        let (unfolded, tail_from) = between(shown, last);
        let state = own.catalog.covering(&self.store, last, self.counter.as_ref())?;
        let all = state.costs(self.counter.name());
        let mut left = u64::from(HANDOVER_TOKENS) + READ_TOKENS;
        let (mut costs, mut earlier): (Vec<TurnCost>, Vec<Range>) = Default::default();
        for (from, until) in unfolded.into_iter().rev() {
            let range = from.saturating_sub(1) as usize..until as usize;
            for cost in all.get(range).unwrap_or_default().iter().rev() {
                let tokens = u64::from(cost.verbatim);
                if tokens > READ_TOKENS {
                    earlier.push((cost.sequence, cost.sequence));
                    continue;
                }
                if left < tokens {
                    left = 0;
                    earlier.push((from, cost.sequence));
                    break;
                }
                left -= tokens;
                costs.extend(Some(*cost).filter(|cost| !cost.is_blank()));
            }
        }
        drop(state);
        costs.reverse();
        let tail_at = costs.partition_point(|cost| cost.sequence < tail_from);
        let mut marking = Marking::new(Vec::new(), Cow::Owned(costs), true);
        // What is replaced stands marked, as it does among the recent turns of a window.
        let may_show = MayShow { recent_from: tail_at, carried: None, query: None };
        let scopes = std::slice::from_ref(own);
        marking.run(self, scopes, may_show, self.counter.as_ref())?.failed()?;
        let costs = marking.history.into_owned();
        Ok(Unfolded { costs, tail_at, marks: marking.marks, earlier })
    }
}

/// The ranges up to a last turn between those that are told, in order, and the first turn
/// behind all of these.
fn between(mut told: Vec<Range>, last: Sequence) -> (Vec<Range>, Sequence) {
    told.sort_unstable();
    let (mut ranges, mut next) = (Vec::new(), 1);
    for (from, until) in told {
        if next < from {
            ranges.push((next, from - 1));
        }
        next = next.max(until + 1);
    }
    if next <= last {
        ranges.push((next, last));
    }
    (ranges, next)
}

/// Ascending turns as ranges.
pub(super) fn ranges(turns: impl Iterator<Item = Sequence>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for turn in turns {
        match ranges.last_mut() {
            Some((_, until)) if *until + 1 == turn => *until = turn,
            _ => ranges.push((turn, turn)),
        }
    }
    ranges
}

/// Ranges in order, those that meet as one.
pub(super) fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut joined: Vec<Range> = Vec::new();
    for (from, until) in ranges {
        match joined.last_mut() {
            Some((_, last)) if from <= *last + 1 => *last = until.max(*last),
            _ => joined.push((from, until)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_summary_tells_lies_between_them_and_behind() {
        assert_eq!(between(vec![], 0), (vec![], 1));
        assert_eq!(between(vec![], 9), (vec![(1, 9)], 1));
        let told = vec![(11, 20), (1, 8), (5, 8), (1, 4)];
        assert_eq!(between(told.clone(), 20), (vec![(9, 10)], 21));
        assert_eq!(between(told, 30), (vec![(9, 10), (21, 30)], 21));
    }

    #[test]
    fn turns_that_follow_each_other_are_one_range() {
        assert_eq!(ranges([1, 2, 3, 5, 8, 9].into_iter()), [(1, 3), (5, 5), (8, 9)]);
        assert!(ranges(std::iter::empty()).is_empty());
        assert_eq!(joined(vec![(7, 9), (1, 3), (4, 5), (11, 12)]), [(1, 5), (7, 9), (11, 12)]);
    }
}
