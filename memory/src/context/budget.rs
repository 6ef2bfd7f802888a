//! Packing retrieved turns into what is left of the budget.
//!
//! Greedy, best first: a candidate that does not fit is passed over and the
//! next one tried; none is ever cut. Work is bounded by [`MAX_CANDIDATES`].

use std::collections::HashSet;

use super::{
    cost::{TurnCost, place_of},
    input::{RetrievedTurn, WindowInput},
    options::WindowOptions,
    quote::{self, Block},
    tools,
};
use crate::turn::{ConversationId, Sequence};

/// Retrieved turns that are looked at; those behind them would seldom fit.
pub const MAX_CANDIDATES: usize = 2_000;
/// The messages of excerpts in the order in which they stand.
pub(super) const EXCERPT_BLOCKS: [Block; 2] = [Block::OtherConversations, Block::Excerpts];

/// A retrieved turn that fits, with the turns that it cannot stand without.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pick {
    /// Another conversation of the user, or absent for the window's own.
    pub(super) conversation: Option<ConversationId>,
    /// The turn that search found.
    pub(super) found: Sequence,
    /// Its rank in search when it was chosen, from 1.
    pub(super) rank: usize,
    /// Its score in the search for this window, if it was found in it.
    pub(super) score: Option<f32>,
    /// Named components of the score.
    pub(super) components: Vec<(&'static str, f32)>,
    /// Costs of its turns in order; several for a tool call.
    pub(super) turns: Vec<TurnCost>,
}

impl Pick {
    /// The message that it stands in.
    pub(super) fn block(&self) -> Block {
        block_of(self.conversation.as_ref())
    }

    /// Tokens of its units.
    pub(super) fn tokens(&self) -> u64 {
        self.turns.iter().map(|turn| u64::from(turn.quoted)).sum()
    }
}

/// The message that a retrieved turn stands in.
fn block_of(conversation: Option<&ConversationId>) -> Block {
    if conversation.is_some() { Block::OtherConversations } else { Block::Excerpts }
}

/// What picks cost as messages of their own, the template's tokens included.
pub(super) fn planned_tokens(options: &WindowOptions, picks: &[Pick]) -> u64 {
    let units: u64 = picks.iter().map(Pick::tokens).sum();
    let opened = EXCERPT_BLOCKS.into_iter().filter(|b| picks.iter().any(|pick| pick.block() == *b));
    units + opened.map(|block| quote::opening(block, options)).sum::<u64>()
}

/// What stands in a window already.
#[derive(Clone, Copy)]
pub(super) struct Stands<'a> {
    /// Turns as they were said: sorted indices into the history.
    pub(super) verbatim: &'a [usize],
    /// Turns in another message of excerpts.
    pub(super) quoted: &'a [Pick],
    /// Turns that pins say all of. They are quoted only where there is something to
    /// be said of them.
    pub(super) pinned: &'a HashSet<(Option<&'a ConversationId>, Sequence)>,
}

/// Chooses what fits into `room` tokens, best first.
pub(super) fn pack(
    options: &WindowOptions,
    input: &WindowInput<'_>,
    stands: Stands<'_>,
    room: u64,
) -> Vec<Pick> {
    if room == 0 {
        return Vec::new();
    }
    let mut packing = Packing { input, stands, taken: HashSet::new(), elsewhere: HashSet::new() };
    stands.quoted.iter().for_each(|pick| packing.take(pick));
    // What the first unit of each message costs beside itself.
    let mut opening = EXCERPT_BLOCKS.map(|block| (block, quote::opening(block, options)));
    let mut room = room;
    let mut picks = Vec::new();
    for candidate in ranked(options, input.retrieved) {
        let Some(retrieved) = input.retrieved.get(candidate) else { continue };
        let block = block_of(retrieved.conversation.as_ref());
        let Some((_, head)) = opening.iter_mut().find(|(opened, _)| *opened == block) else {
            continue;
        };
        // Its own tokens are a lower bound for those of its unit.
        if u64::from(retrieved.cost.quoted) + *head > room {
            continue;
        }
        let Some(turns) = packing.unit(retrieved) else { continue };
        let pick = Pick {
            conversation: retrieved.conversation.clone(),
            found: retrieved.cost.sequence,
            rank: candidate + 1,
            score: Some(retrieved.score),
            components: retrieved.components.clone(),
            turns,
        };
        let tokens = pick.tokens() + *head;
        if tokens > room {
            continue;
        }
        room -= tokens;
        packing.take(&pick);
        *head = 0;
        picks.push(pick);
    }
    picks
}

/// Indices of the candidates in the order in which they are tried.
fn ranked(options: &WindowOptions, retrieved: &[RetrievedTurn]) -> Vec<usize> {
    let good = |(_, turn): &(usize, &RetrievedTurn)| turn.score >= options.min_score;
    let alpha = f64::from(options.density_alpha);
    let considered = retrieved.iter().enumerate().take(MAX_CANDIDATES).filter(good);
    if alpha.is_nan() || alpha <= 0.0 {
        return considered.map(|(index, _)| index).collect();
    }
    let value = |turn: &RetrievedTurn| {
        f64::from(turn.score) / f64::from(turn.cost.quoted.max(1)).powf(alpha)
    };
    let mut valued: Vec<_> = considered.map(|(index, turn)| (value(turn), index)).collect();
    // A stable sort: equal values stay in retrieval's order.
    valued.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    valued.into_iter().map(|(_, index)| index).collect()
}

/// What is in the window so far.
struct Packing<'a> {
    input: &'a WindowInput<'a>,
    stands: Stands<'a>,
    taken: HashSet<Sequence>,
    elsewhere: HashSet<(ConversationId, Sequence)>,
}

impl Packing<'_> {
    /// The turns that a candidate comes with; nothing if one of them is in the
    /// window already, is not to be had, or has no content.
    fn unit(&self, retrieved: &RetrievedTurn) -> Option<Vec<TurnCost>> {
        let marks = self.input.marks;
        let cost = marks.find(retrieved.conversation.as_ref(), retrieved.cost);
        if marks.is_dropped(retrieved.conversation.as_ref(), cost.sequence) {
            return None;
        }
        let of = retrieved.conversation.as_ref();
        if self.stands.pinned.contains(&(of, cost.sequence))
            && marks.get(of, cost.sequence).is_none()
        {
            return None;
        }
        if let Some(other) = of {
            // What belongs to a tool call there is not known here, so it stays away.
            let stays_away = cost.is_blank()
                || cost.in_tool_call()
                || self.elsewhere.contains(&(other.clone(), cost.sequence));
            return (!stays_away).then(|| vec![cost]);
        }
        let history = self.input.history;
        // The query turn is not in the history and is not found here.
        let at = place_of(history, cost.sequence)?;
        if history.get(at)?.is_blank() {
            return None;
        }
        let mut turns = Vec::new();
        for member in tools::unit(history, at) {
            let turn = history.get(member)?;
            let again = self.stands.verbatim.binary_search(&member).is_ok()
                || self.taken.contains(&turn.sequence);
            if again {
                return None;
            }
            if !turn.is_blank() {
                turns.push(marks.find(None, *turn));
            }
        }
        Some(turns)
    }

    fn take(&mut self, pick: &Pick) {
        for turn in &pick.turns {
            match &pick.conversation {
                Some(other) => {
                    self.elsewhere.insert((other.clone(), turn.sequence));
                }
                None => {
                    self.taken.insert(turn.sequence);
                }
            }
        }
    }
}
