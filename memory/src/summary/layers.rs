//! Ranges of summaries that fit together: of one level none overlaps another, and what
//! overlaps one of a higher level lies within it.
//!
//! A fork folds what it shares while the parent has not, and the parent folds it later in
//! its own segments: of both only one may be shown.

use std::collections::BTreeMap;

use super::fold::Node;
use crate::turn::Sequence;

/// The ranges taken so far.
#[derive(Debug, Default)]
pub struct Layers {
    /// Last turns by first turns, by level.
    levels: BTreeMap<u8, BTreeMap<Sequence, Sequence>>,
}

impl Layers {
    /// Takes a range if it fits those that were taken before; whether it does.
    pub fn take(&mut self, node: Node) -> bool {
        let fits = node.from <= node.until
            && self.levels.iter().all(|(level, ranges)| fits(*level, ranges, node));
        if fits {
            self.levels.entry(node.level).or_default().insert(node.from, node.until);
        }
        fits
    }
}

/// Whether a range fits those of one level, which do not overlap each other.
fn fits(level: u8, ranges: &BTreeMap<Sequence, Sequence>, node: Node) -> bool {
    let Node { from, until, .. } = node;
    let last = ranges.range(..=until).next_back();
    let Some((last_from, last_until)) = last.filter(|(_, last)| **last >= from) else {
        return true;
    };
    if level == node.level {
        return false;
    }
    if level > node.level {
        return *last_from <= from && until <= *last_until;
    }
    let before = ranges.range(..from).next_back();
    *last_until <= until && before.is_none_or(|(_, before)| *before < from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_lies_within_the_one_above() {
        let node = |level, from, until| Node { level, from, until };
        let mut layers = Layers::default();
        for (one, fits) in [
            (node(0, 1, 8), true),
            (node(0, 17, 20), true),
            // Of the same level.
            (node(0, 1, 6), false),
            (node(0, 7, 12), false),
            (node(0, 1, 8), false),
            (node(0, 9, 12), true),
            // Above all that it overlaps, or not.
            (node(1, 1, 18), false),
            (node(1, 2, 12), false),
            (node(1, 1, 12), true),
            (node(1, 13, 16), true),
            (node(2, 1, 14), false),
            (node(2, 1, 16), true),
            // Below.
            (node(0, 13, 16), true),
            (node(0, 12, 13), false),
            (node(1, 17, 40), true),
            (node(0, 30, 41), false),
            (node(0, 30, 40), true),
            (node(0, 50, 49), false),
        ] {
            assert_eq!(layers.take(one), fits, "{one:?}");
        }
    }
}
