//! What is to be folded next: a plain function of what was folded before, of
//! the turns' costs and of where topics end.
//!
//! ```text
//! level 2 ├──────────────────────────────┤
//! level 1 ├─────────┼─────────┼──────────┼─────────┤
//! level 0 ├──┼──┼───┼──┼──┼───┼───┼───┼──┼──┼──┼───┼──┼──┤ recent turns
//! ```
//! A turn is read once for its segment, and its summary once for every level
//! above, of which there are as many as the logarithm of the conversation's
//! length.

use crate::turn::Sequence;

/// When and how much is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldRules {
    /// Tokens at the end of the conversation that are not folded: they stand
    /// in windows as they were said.
    pub keep_tokens: u64,
    /// Fewest tokens of a segment: a shorter one waits for the next.
    pub min_tokens: u64,
    /// Most tokens of a segment, unless one turn has more: a longer topic is
    /// folded in parts.
    pub max_tokens: u64,
    /// Summaries that are folded into one above them.
    pub fan_out: usize,
    /// The end of the conversation counts as the end of a topic.
    pub to_the_end: bool,
}

impl FoldRules {
    /// The same, with nothing left unfolded.
    pub fn to_the_end(self) -> Self {
        Self { keep_tokens: 0, to_the_end: true, ..self }
    }
}

impl Default for FoldRules {
    fn default() -> Self {
        Self {
            keep_tokens: 1_500,
            min_tokens: 400,
            max_tokens: 1_600,
            fan_out: 6,
            to_the_end: false,
        }
    }
}

/// A range that a summary stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// 0 for turns.
    pub level: u8,
    /// First turn.
    pub from: Sequence,
    /// Last turn.
    pub until: Sequence,
}

/// The next range to fold, if there is one. `nodes` are the summaries that
/// there are; `tokens` costs of the turns from 1 on; `ends` last turns of topics,
/// in order.
pub fn next(nodes: &[Node], tokens: &[u64], ends: &[Sequence], rules: &FoldRules) -> Option<Node> {
    gap(nodes).or_else(|| above(nodes, rules)).or_else(|| segment(nodes, tokens, ends, rules))
}

/// Ranges of a level, in order.
fn of_level(nodes: &[Node], level: u8) -> Vec<Node> {
    let mut of_level: Vec<Node> =
        nodes.iter().copied().filter(|node| node.level == level).collect();
    of_level.sort_unstable();
    of_level
}

/// A segment whose summary was taken out.
fn gap(nodes: &[Node]) -> Option<Node> {
    let mut next = 1;
    for node in of_level(nodes, 0) {
        if node.from > next {
            return Some(Node { level: 0, from: next, until: node.from - 1 });
        }
        next = next.max(node.until + 1);
    }
    None
}

/// Summaries that go into one above them: the oldest `fan_out` of a level, once
/// there are twice as many that nothing stands above.
fn above(nodes: &[Node], rules: &FoldRules) -> Option<Node> {
    let highest = nodes.iter().map(|node| node.level).max()?;
    (0..=highest).find_map(|level| {
        let covered = of_level(nodes, level + 1);
        let is_open = |node: &Node| {
            !covered.iter().any(|above| above.from <= node.from && node.until <= above.until)
        };
        let mut open: Vec<Node> = of_level(nodes, level).into_iter().filter(is_open).collect();
        // A range that spans what stands above others would overlap it in its level.
        let follows = |two: &&[Node]| matches!(two, [one, other] if one.until + 1 == other.from);
        let run = open.windows(2).take_while(follows).count();
        open.truncate(run + 1);
        let fan_out = rules.fan_out.max(2);
        // One that was taken out is made again as soon as those below are there.
        let stands_behind = |node: &Node| covered.iter().any(|above| above.from > node.until);
        let again = open.iter().take_while(|node| stands_behind(node)).count();
        let count = if again > 0 {
            again
        } else if open.len() >= 2 * fan_out {
            fan_out
        } else {
            return None;
        };
        let folded = open.get(..count)?;
        let level = level.checked_add(1)?;
        Some(Node { level, from: folded.first()?.from, until: folded.last()?.until })
    })
}

/// The oldest turns that are not folded, up to the end of their topic.
fn segment(nodes: &[Node], tokens: &[u64], ends: &[Sequence], rules: &FoldRules) -> Option<Node> {
    let folded =
        nodes.iter().filter(|node| node.level == 0).map(|node| node.until).max().unwrap_or(0);
    let mut recent = 0;
    let kept = tokens.iter().rev().take_while(|cost| {
        let keeps = recent < rules.keep_tokens;
        recent += **cost;
        keeps
    });
    let last = (tokens.len() - kept.count()) as Sequence;
    let mut sum = 0;
    for sequence in folded + 1..=last {
        let cost = usize::try_from(sequence - 1).ok().and_then(|at| tokens.get(at)).copied()?;
        if sum > 0 && sum + cost > rules.max_tokens {
            return Some(Node { level: 0, from: folded + 1, until: sequence - 1 });
        }
        sum += cost;
        if sum >= rules.min_tokens && ends.binary_search(&sequence).is_ok() {
            return Some(Node { level: 0, from: folded + 1, until: sequence });
        }
    }
    let rest = rules.to_the_end && folded < last;
    rest.then_some(Node { level: 0, from: folded + 1, until: last })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: FoldRules = FoldRules {
        keep_tokens: 50,
        min_tokens: 20,
        max_tokens: 60,
        fan_out: 3,
        to_the_end: false,
    };

    /// Folds all that there is to fold.
    fn all(turns: usize, ends: &[Sequence]) -> Vec<Node> {
        let tokens = vec![10; turns];
        let mut nodes = Vec::new();
        while let Some(node) = next(&nodes, &tokens, ends, &RULES) {
            assert!(!nodes.contains(&node), "{node:?} again");
            nodes.push(node);
        }
        nodes
    }

    #[test]
    fn segments_end_with_topics_or_when_they_are_long() {
        let of = |from, until| Node { level: 0, from, until };
        assert_eq!(all(5, &[2]), [], "what is recent is not folded");
        assert_eq!(all(10, &[1, 4]), [of(1, 4)], "too short a topic waits for the next");
        assert_eq!(all(15, &[]), [of(1, 6)], "a long topic is folded in parts");
        let huge = [500, 10, 10, 10, 10, 10, 10];
        assert_eq!(next(&[], &huge, &[], &RULES), Some(of(1, 1)), "a turn is never cut");
        let asked = RULES.to_the_end();
        assert_eq!(next(&[of(1, 4)], &[10; 6], &[], &asked), Some(of(5, 6)));
        assert_eq!(next(&[of(1, 6)], &[10; 6], &[], &asked), None);
    }

    #[test]
    fn every_turn_is_read_a_bounded_number_of_times() {
        for turns in [100, 1_000, 5_000] {
            let nodes = all(turns, &[]);
            let read: u64 = nodes.iter().map(|node| node.until + 1 - node.from).sum();
            let levels = f64::from(nodes.iter().map(|node| node.level).max().unwrap() + 1);
            assert!(read as f64 <= turns as f64 * levels, "{turns}");
            assert!(levels <= (turns as f64).log(3.0), "{turns}: {levels} levels");
            // No turn is left out, and none stands twice in a level.
            for level in 0..levels as u8 {
                let of_level = of_level(&nodes, level);
                assert_eq!(of_level[0].from, 1);
                assert!(of_level.windows(2).all(|two| two[0].until + 1 == two[1].from), "{level}");
            }
        }
    }

    #[test]
    fn what_was_taken_out_on_both_sides_of_another_is_folded_apart() {
        let whole = all(1_000, &[]);
        let above: Vec<Node> = whole.iter().copied().filter(|n| n.level == 1).collect();
        let is_left = |n: &Node| n.level == 0 || above[1..2].contains(n) || above[3..].contains(n);
        let mut nodes: Vec<Node> = whole.iter().copied().filter(is_left).collect();
        for again in [above[0], above[2]] {
            let next = next(&nodes, &vec![10; 1_000], &[], &RULES);
            assert_eq!(next, Some(again));
            nodes.push(again);
        }
    }

    #[test]
    fn what_was_taken_out_is_folded_again_first() {
        let whole = all(1_000, &[]);
        let erased = 100;
        let mut nodes: Vec<Node> =
            whole.iter().copied().filter(|n| !(n.from..=n.until).contains(&erased)).collect();
        assert!(nodes.len() < whole.len());
        let tokens = vec![10; 1_000];
        while let Some(node) = next(&nodes, &tokens, &[], &RULES) {
            nodes.push(node);
        }
        let sorted = |mut nodes: Vec<Node>| {
            nodes.sort_unstable();
            nodes
        };
        assert_eq!(sorted(nodes), sorted(whole));
    }
}
