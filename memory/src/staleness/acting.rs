//! The edges that are acted on, by the turns that they bear on: of a replacement the
//! earlier one, of a contradiction either.
//!
//! Windows ask of hundreds of turns, most of which have none: a flag for each turn
//! spares the look-up.

use std::collections::HashMap;

use super::timeline::At;
use crate::turn::Sequence;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Acting {
    edges: HashMap<Sequence, Vec<At>>,
    /// By sequence, whether a turn has any.
    flags: Vec<bool>,
}

impl Acting {
    /// Makes room for the turns up to one: edges lead to turns before their own.
    pub(super) fn reach(&mut self, last: Sequence) {
        let known = usize::try_from(last).map_or(0, |last| last.saturating_add(1));
        self.flags.resize(self.flags.len().max(known), false);
    }

    /// Notes where an edge of a turn stands; nothing of a turn that is not reached.
    pub(super) fn note(&mut self, of: Sequence, at: At) {
        let flag = usize::try_from(of).ok().and_then(|of| self.flags.get_mut(of));
        if let Some(flag) = flag {
            *flag = true;
            self.edges.entry(of).or_default().push(at);
        }
    }

    /// Where the edges of a turn stand, in the order in which they were noted.
    pub(super) fn of(&self, sequence: Sequence) -> &[At] {
        let flag = usize::try_from(sequence).ok().and_then(|of| self.flags.get(of));
        let edges = flag.filter(|flag| **flag).and_then(|_| self.edges.get(&sequence));
        edges.map_or(&[], Vec::as_slice)
    }

    /// The turns that have any, in no order.
    pub(super) fn turns(&self) -> impl Iterator<Item = Sequence> {
        self.edges.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_of_turns_that_are_reached() {
        let mut acting = Acting::default();
        acting.reach(3);
        acting.note(3, (0, 1));
        acting.note(3, (1, 0));
        acting.note(4, (1, 1));
        assert_eq!(acting.of(3), [(0, 1), (1, 0)]);
        for none in [0, 2, 4, Sequence::MAX] {
            assert!(acting.of(none).is_empty(), "{none}");
        }
        // Reaching less takes nothing away.
        acting.reach(1);
        assert_eq!(acting.of(3).len(), 2);
        assert_eq!(acting.turns().collect::<Vec<_>>(), [3]);
    }
}
