//! Which turns belong to one tool call: the turn that calls, and the turns that
//! answer. Planning takes all of them or none.
//!
//! A turn answers a call if it names the call's id, or if it is a tool's turn
//! without any id that follows the calling turn with nothing but tools' turns
//! between. Ids can repeat in a conversation, so an answer belongs to the
//! nearest call before it.

use super::cost::TurnCost;
use crate::turn::Role;

/// Turns between a call and an answer beyond which they are not looked for.
pub const MAX_TOOL_SPAN: usize = 64;

/// Indices of the calling turns that turn `at` answers, nearest first.
fn callers(history: &[TurnCost], at: usize) -> Vec<usize> {
    let Some(turn) = history.get(at) else { return Vec::new() };
    let mut callers: Vec<usize> = Vec::new();
    if turn.role != Role::Tool && !turn.links.answers_any() {
        return callers;
    }
    let mut adjacent = turn.role == Role::Tool && !turn.links.answers_any();
    let mut unnamed = turn.links;
    let start = at.saturating_sub(MAX_TOOL_SPAN);
    for (index, earlier) in history.iter().enumerate().take(at).skip(start).rev() {
        if earlier.calls_tool && (adjacent || unnamed.answers(&earlier.links)) {
            unnamed = unnamed.without(&earlier.links);
            callers.push(index);
        }
        adjacent &= earlier.role == Role::Tool;
        if !adjacent && !unnamed.answers_any() {
            break;
        }
    }
    callers
}

/// Indices of the turns that answer calling turn `at`, in order.
fn answers(history: &[TurnCost], at: usize) -> Vec<usize> {
    if !history.get(at).is_some_and(|turn| turn.calls_tool) {
        return Vec::new();
    }
    let candidates = at + 1..history.len().min(at + 1 + MAX_TOOL_SPAN);
    candidates
        .filter(|index| history.get(*index).is_some_and(TurnCost::in_tool_call))
        .filter(|index| callers(history, *index).contains(&at))
        .collect()
}

/// The unit of turn `at`: itself and everything that a chain of calls and
/// answers ties to it, in order.
pub(super) fn unit(history: &[TurnCost], at: usize) -> Vec<usize> {
    let mut members = vec![at];
    if !history.get(at).is_some_and(TurnCost::in_tool_call) {
        return members;
    }
    let mut next = 0;
    while let Some(member) = members.get(next).copied() {
        for found in callers(history, member).into_iter().chain(answers(history, member)) {
            if !members.contains(&found) {
                members.push(found);
            }
        }
        next += 1;
    }
    members.sort_unstable();
    members
}

/// Whether a turn answers a call that is nowhere before it: it cannot stand
/// verbatim, because no model accepts it.
pub(super) fn is_orphan(history: &[TurnCost], at: usize) -> bool {
    history.get(at).is_some_and(|turn| turn.links.answers_any()) && callers(history, at).is_empty()
}

/// The first start at or after `start` that cuts no call off from an answer.
pub(super) fn whole_start(history: &[TurnCost], start: usize, end: usize) -> usize {
    let mut start = start;
    let mut at = start;
    while at < end.min(start + MAX_TOOL_SPAN + 1) {
        if callers(history, at).iter().any(|caller| *caller < start) {
            start = at + 1;
        }
        at += 1;
    }
    start.min(end)
}

/// Leaves of `chosen` (sorted indices) what can stand verbatim: no answers
/// without a call, and tool calls that are chosen with all that belongs to them.
/// Turns without content are missed by nobody.
pub(super) fn keep_whole(history: &[TurnCost], chosen: &mut Vec<usize>) {
    let before = chosen.clone();
    let stands = |at: &usize| {
        let blank = history.get(*at).is_some_and(TurnCost::is_blank);
        blank || before.binary_search(at).is_ok()
    };
    chosen.retain(|at| {
        let tool = history.get(*at).is_some_and(TurnCost::in_tool_call);
        !tool || (!is_orphan(history, *at) && unit(history, *at).iter().all(stands))
    });
}
