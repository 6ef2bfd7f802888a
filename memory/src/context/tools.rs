//! Which turns belong to one tool call: the turn that calls, and the turns that
//! answer. Planning takes all of them or none.
//!
//! A turn answers a call if it names the call's id, or if it is a tool's turn
//! without any id that follows the calling turn with nothing but tools' turns
//! between. Ids can repeat in a conversation, so an answer belongs to the
//! nearest call before it.
//!
//! Invariant: what stands verbatim is what a chat completion accepts. An answer
//! has its call, and a call all of its answers, unless it is in progress: at the
//! very end, behind the query, with nothing but answers after it.

use super::cost::{ToolLinks, TurnCost};
use crate::turn::Role;

/// Turns between a call and an answer beyond which they are not looked for.
pub const MAX_TOOL_SPAN: usize = 64;

/// What calls need to know of the query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Index into the history at which it stands.
    pub(super) at: usize,
    /// The calls that it answers itself; none if it is not in the window.
    pub(super) links: ToolLinks,
}

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

/// Whether a call can still be answered: it stands behind the query at the very
/// end of the conversation, with nothing but answers after it. An answer that was
/// erased ends it.
pub(super) fn is_in_progress(history: &[TurnCost], at: usize, query_at: usize) -> bool {
    let answers = |turn: &TurnCost| !turn.is_blank() && !turn.calls_tool && turn.in_tool_call();
    at >= query_at && history.get(at + 1..).unwrap_or_default().iter().all(answers)
}

/// Whether a turn makes a call that nothing answers and that is not in progress.
/// Calls that links had no place for show when the turn is read.
fn is_unanswered(history: &[TurnCost], at: usize, asked: Asked) -> bool {
    let Some(turn) = history.get(at).filter(|turn| turn.calls_tool) else { return false };
    if is_in_progress(history, at, asked.at) {
        return false;
    }
    let mut open = turn.links;
    let answers = answers(history, at).into_iter().filter_map(|answer| history.get(answer));
    for answer in answers.filter(|answer| !answer.is_blank()) {
        // Where answers name no ids, one of them is taken for all.
        if !answer.links.answers_any() {
            return false;
        }
        open = open.answered_by(&answer.links);
    }
    if (at..=at + MAX_TOOL_SPAN).contains(&asked.at) {
        open = open.answered_by(&asked.links);
    }
    open.calls_any()
}

/// Leaves of `chosen` (sorted indices) what can stand verbatim: no answers
/// without a call, no calls without an answer, and tool calls that are chosen with
/// all that belongs to them. Turns without content are missed by nobody.
pub(super) fn keep_whole(history: &[TurnCost], chosen: &mut Vec<usize>, asked: Asked) {
    let before = chosen.clone();
    let unanswered: Vec<usize> =
        before.iter().copied().filter(|at| is_unanswered(history, *at, asked)).collect();
    let stands = |at: &usize| {
        let blank = history.get(*at).is_some_and(TurnCost::is_blank);
        blank || (before.binary_search(at).is_ok() && unanswered.binary_search(at).is_err())
    };
    chosen.retain(|at| {
        let tool = history.get(*at).is_some_and(TurnCost::in_tool_call);
        !tool || (!is_orphan(history, *at) && unit(history, *at).iter().all(stands))
    });
}
