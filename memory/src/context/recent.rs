//! Where the recent section begins.
//!
//! Invariants: the start stays where it was as long as the section fits under
//! its ceiling, so that a provider's prefix cache keeps what stands before the
//! end; when it does not fit any more the start jumps ahead and leaves about
//! half of the ceiling free (a compaction boundary). No start cuts a tool call
//! off from its results.

use super::{cost::TurnCost, options::TemplateOverhead, tools};
use crate::turn::Sequence;

/// The first index from which `history[..end]` fits into `room` tokens.
pub(super) fn earliest_start(
    history: &[TurnCost],
    end: usize,
    overhead: TemplateOverhead,
    room: u64,
) -> usize {
    let mut spent = 0;
    let mut start = end;
    for (index, turn) in history.iter().enumerate().take(end).rev() {
        spent += turn.as_message(overhead);
        if spent > room {
            break;
        }
        start = index;
    }
    start
}

/// The index at which the recent section of `history[..end]` begins; `end` for
/// an empty one. `previous` is the start of the last window's section.
pub(super) fn start(
    history: &[TurnCost],
    end: usize,
    overhead: TemplateOverhead,
    ceiling: u64,
    previous: Option<Sequence>,
) -> usize {
    let earliest = earliest_start(history, end, overhead, ceiling);
    let kept = previous
        .map(|sequence| history.partition_point(|turn| turn.sequence < sequence))
        .filter(|kept| (earliest..end).contains(kept));
    let wanted = match kept {
        Some(kept) => kept,
        None if earliest == 0 => 0,
        None => earliest_start(history, end, overhead, ceiling / 2),
    };
    let whole = tools::whole_start(history, wanted, end);
    // What is last may be more than half of the ceiling and still fit.
    if whole == end { tools::whole_start(history, earliest, end) } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{context::cost::ToolLinks, turn::Role};

    const NO_OVERHEAD: TemplateOverhead = TemplateOverhead { per_message: 0, per_prompt: 0 };

    fn history(tokens: &[u32]) -> Vec<TurnCost> {
        let turn = |(index, tokens): (usize, &u32)| TurnCost {
            sequence: index as u64 + 1,
            role: Role::User,
            verbatim: *tokens,
            quoted: *tokens,
            calls_tool: false,
            links: ToolLinks::default(),
        };
        tokens.iter().enumerate().map(turn).collect()
    }

    #[test]
    fn start_is_kept_then_jumps() {
        let ten = history(&[10; 10]);
        for (previous, ceiling, expected) in [
            (None, 100, 0),    // all of it fits
            (None, 60, 7),     // a boundary: half of the ceiling
            (Some(5), 60, 4),  // kept, though less than the ceiling
            (Some(9), 60, 8),  // kept
            (Some(4), 60, 7),  // one turn too many: a boundary
            (Some(99), 60, 7), // a start that is not there
            (Some(0), 100, 0), // before the first
            (None, 9, 10),     // not even the last fits
            (None, 10, 9),     // the last fits, though not into half
            (None, 0, 10),
        ] {
            let start = start(&ten, 10, NO_OVERHEAD, ceiling, previous);
            assert_eq!(start, expected, "previous {previous:?}, ceiling {ceiling}");
        }
    }

    #[test]
    fn start_moves_seldom_as_a_conversation_grows() {
        let all = history(&[10; 200]);
        let mut previous = None;
        let mut jumps = 0;
        for end in 1..=200 {
            let at = start(&all, end, NO_OVERHEAD, 100, previous);
            let sequence = at as u64 + 1;
            jumps += usize::from(previous.is_some_and(|previous| previous != sequence));
            assert!((end - at) * 10 <= 100);
            previous = Some(sequence);
        }
        // Ten turns fill the section, each boundary drops to five.
        assert_eq!(jumps, 32);
    }

    #[test]
    fn a_result_never_stands_first() {
        let mut turns = history(&[10; 6]);
        turns[2].calls_tool = true;
        turns[3].role = Role::Tool;
        turns[4].role = Role::Tool;
        for (ceiling, expected) in [(60, 0), (59, 5), (40, 5), (10, 5), (9, 6)] {
            assert_eq!(start(&turns, 6, NO_OVERHEAD, ceiling, None), expected, "{ceiling}");
        }
        // A start that was given and would cut the call off.
        assert_eq!(start(&turns, 6, NO_OVERHEAD, 40, Some(4)), 5);
        assert_eq!(start(&turns, 6, NO_OVERHEAD, 40, Some(3)), 2);
    }
}
