//! Reading the turns that stand verbatim.
//!
//! Invariant: plans know hashes of ids, here the ids themselves decide. What has
//! gone takes its tool call along; so do an answer that only seemed to have a
//! call, and a call that only seemed to be answered.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    cost::{TurnCost, is_blank},
    input::WindowInput,
    tools,
};
use crate::turn::{Part, Role, Turn};

/// Reads the chosen turns (sorted indices into the history) that can stand;
/// `query` is the turn that stands between them at `query_at`, if one does.
pub(super) fn read(
    input: &WindowInput<'_>,
    chosen: Vec<usize>,
    query_at: usize,
    query: Option<&Turn>,
) -> Vec<(usize, Arc<Turn>)> {
    let history = input.history;
    let mut turns = Vec::with_capacity(chosen.len());
    let mut gone = HashSet::new();
    for at in chosen {
        let sequence = history.get(at).map(|cost| cost.sequence);
        let turn = sequence.and_then(|sequence| input.reader.read(None, sequence));
        match turn.filter(|turn| !is_blank(turn)) {
            Some(turn) => turns.push((at, turn)),
            None => {
                gone.insert(at);
            }
        }
    }
    // What is taken out may be what another call was answered with.
    loop {
        gone.extend(torn(history, &turns, query_at, query));
        let before = turns.len();
        if !gone.is_empty() {
            turns.retain(|(at, _)| tools::unit(history, *at).iter().all(|at| !gone.contains(at)));
        }
        if turns.len() == before {
            return turns;
        }
    }
}

/// Indices of the turns that answer what is not called here, or call what is not
/// answered and not in progress.
fn torn(
    history: &[TurnCost],
    turns: &[(usize, Arc<Turn>)],
    query_at: usize,
    query: Option<&Turn>,
) -> HashSet<usize> {
    let mut calls = Calls::default();
    let (before, behind) = turns.split_at(turns.partition_point(|(at, _)| *at < query_at));
    before.iter().for_each(|(at, turn)| calls.read(Some(*at), turn));
    query.into_iter().for_each(|turn| calls.read(None, turn));
    behind.iter().for_each(|(at, turn)| calls.read(Some(*at), turn));
    let Calls { unanswered, mut torn, .. } = calls;
    let unanswered = unanswered.into_iter().map(|(at, _)| at);
    torn.extend(unanswered.filter(|at| !tools::is_in_progress(history, *at, query_at)));
    torn
}

/// The calls of the turns read so far. The query has no index.
#[derive(Default)]
struct Calls<'a> {
    /// The latest turn that called with an id.
    callers: HashMap<&'a str, Option<usize>>,
    /// The turn that called, while nothing but tools' turns has come behind it.
    latest: Option<usize>,
    /// Calls without an answer.
    unanswered: HashSet<(usize, &'a str)>,
    /// Turns that answer what was not called.
    torn: HashSet<usize>,
}

impl<'a> Calls<'a> {
    fn read(&mut self, at: Option<usize>, turn: &'a Turn) {
        let mut is_named = false;
        if turn.role != Role::Tool {
            self.latest = None;
        }
        for part in &turn.parts {
            match part {
                Part::ToolCall { call_id, .. } => {
                    self.callers.insert(call_id, at);
                    self.latest = at;
                    self.unanswered.extend(at.map(|at| (at, call_id.as_str())));
                }
                Part::ToolResult { call_id, .. } => {
                    is_named = true;
                    match self.callers.get(call_id.as_str()) {
                        Some(Some(caller)) => {
                            self.unanswered.remove(&(*caller, call_id.as_str()));
                        }
                        Some(None) => {}
                        None => self.torn.extend(at),
                    }
                }
                Part::Text(_) | Part::Opaque { .. } => {}
            }
        }
        if turn.role == Role::Tool
            && !is_named
            && let Some(latest) = self.latest
        {
            self.unanswered.retain(|(caller, _)| *caller != latest);
        }
    }
}
