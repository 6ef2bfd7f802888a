//! Dividing the budget before any turn is read: required pins, then the query
//! and what came after it, other pins, the summary, and what stands between (see
//! `middle`).
//!
//! Invariant: the planned costs together are at most the budget.

use super::{
    AssembleError, Yielded,
    carried::Carried,
    cost::{ToolLinks, TurnCost, is_blank},
    excerpts::{self, ExcerptBlock},
    input::{Query, WindowInput},
    marks::{Marks, noted},
    middle::{Frame, Middle},
    options::WindowOptions,
    pins::{PinBlock, PinPlan},
    reanchor, recent,
    render::{verbatim, weigh_again},
    summary::SummaryBlock,
    tools,
    window::Message,
};
use crate::turn::Role;

/// What stands in the window.
pub(super) struct Plan<'a> {
    /// The pins.
    pub(super) pins: PinPlan<'a>,
    /// Pins to restate before the query.
    pub(super) restated: Vec<PinBlock>,
    /// The summary, if there is one and it fits.
    pub(super) summary: Option<SummaryBlock>,
    /// The query as a message with its tokens, if there is one and it fits.
    pub(super) query: Option<(Message, u32)>,
    /// Index into the history at which the query stands.
    pub(super) query_at: usize,
    /// What stands between the pins and the query, and what behind it.
    pub(super) middle: Middle,
    /// What had no room.
    pub(super) yielded: Vec<Yielded>,
}

impl<'a> Plan<'a> {
    /// Divides the budget; `carried` is what the last window left.
    ///
    /// # Errors
    /// [`AssembleError::BudgetTooSmall`] if required pins do not fit.
    pub(super) fn new(
        options: &'a WindowOptions,
        input: &'a WindowInput<'_>,
        carried: Option<&Carried>,
    ) -> Result<Self, AssembleError> {
        let history = input.history;
        let overhead = options.overhead;
        let mut pins = PinPlan::required(options, input.pins)?;
        if options.budget <= overhead.per_prompt {
            return Ok(Self::empty(options, input, pins));
        }
        let mut room = Room::new(options);
        room.take(u64::from(overhead.per_prompt) + pins.tokens());

        let mut yielded = Vec::new();
        let mut query = query_message(options, input.query, input.marks);
        if let Some((_, tokens)) = query.take_if(|(_, tokens)| !room.fits(u64::from(*tokens))) {
            yielded.push(Yielded::QueryTurn(tokens));
        }
        room.take(query.as_ref().map_or(0, |(_, tokens)| u64::from(*tokens)));

        let asked = asked(history, input.query, query.is_some());
        let query_at = asked.at;
        let behind = recent::earliest_start(history, history.len(), overhead, room.left);
        let behind = tools::whole_start(history, behind.max(query_at), history.len());
        let behind: Vec<usize> = (behind..history.len()).collect();
        room.take(cost_of(history, &behind, options));

        let required = pins.tokens();
        pins.add_optional(room.left);
        room.take(pins.tokens() - required);
        if pins.yielded > 0 {
            yielded.insert(0, Yielded::Pins(pins.yielded));
        }

        let restated = match &query {
            Some(_) => reanchor::blocks(options, input.pins, &pins.chosen(), room.left),
            None => Vec::new(),
        };
        room.take(restated.iter().map(|block| reanchor::tokens(options, block)).sum());

        // Where every turn stands as it was said nothing need stand for it.
        let whole = options.stretch_recent
            && recent::earliest_start(history, query_at, overhead, room.left) == 0;
        let share = if whole { 0 } else { options.share(options.summary_share).min(room.left) };
        let summary = SummaryBlock::choose(options, input.summaries, share);
        room.take(summary.as_ref().map_or(0, |summary| summary.tokens(options)));

        let pinned = pins.whole_turns().collect();
        let frame = Frame { asked, behind, room: room.left, pinned };
        let middle = Middle::plan(options, input, frame, carried);
        Ok(Self { pins, restated, summary, query, query_at, middle, yielded })
    }

    /// Reads what is carried; nothing if it was to be kept and cannot be, since
    /// some of it has gone or costs something else now.
    pub(super) fn read_carried(
        &self,
        options: &WindowOptions,
        input: &WindowInput<'_>,
    ) -> Option<Vec<ExcerptBlock>> {
        let middle = &self.middle;
        let blocks = excerpts::read(options, input, &middle.carried, middle.carried_room);
        let read: usize = blocks.iter().map(|block| block.excerpts.len()).sum();
        let planned: usize = middle.carried.iter().map(|pick| pick.turns.len()).sum();
        (middle.carried_before == 0 || read == planned).then_some(blocks)
    }
}

impl<'a> Plan<'a> {
    /// The plan for a budget that the template alone uses up.
    fn empty(options: &WindowOptions, input: &WindowInput<'_>, mut pins: PinPlan<'a>) -> Self {
        pins.yielded = input.pins.len();
        let pins_yielded = (pins.yielded > 0).then_some(Yielded::Pins(pins.yielded));
        let query = query_message(options, input.query, input.marks);
        let query_yielded = query.map(|(_, tokens)| Yielded::QueryTurn(tokens));
        Self {
            pins,
            restated: Vec::new(),
            summary: None,
            query: None,
            query_at: 0,
            middle: Middle::default(),
            yielded: pins_yielded.into_iter().chain(query_yielded).collect(),
        }
    }
}

/// What is left of the budget.
struct Room {
    left: u64,
}

impl Room {
    fn new(options: &WindowOptions) -> Self {
        Self { left: u64::from(options.budget) }
    }

    fn fits(&self, tokens: u64) -> bool {
        tokens <= self.left
    }

    /// Only what fits is taken, so this never stops at 0.
    fn take(&mut self, tokens: u64) {
        self.left = self.left.saturating_sub(tokens);
    }
}

fn cost_of(history: &[TurnCost], chosen: &[usize], options: &WindowOptions) -> u64 {
    let turns = chosen.iter().filter_map(|at| history.get(*at));
    turns.map(|turn| turn.as_message(options.overhead)).sum()
}

/// The query as a message with all its tokens; nothing if it has no content.
fn query_message(
    options: &WindowOptions,
    query: &Query,
    marks: &Marks<'_>,
) -> Option<(Message, u32)> {
    let message = match query {
        Query::LastTurn(turn) if is_blank(turn) => return None,
        Query::LastTurn(turn) => noted(verbatim(turn), marks.get(None, turn.sequence).as_deref()),
        Query::Text(text) if text.trim().is_empty() => return None,
        Query::Text(text) => Message {
            role: Role::User,
            content: text.clone(),
            parts: Vec::new(),
            speaker: String::new(),
        },
    };
    // Searching has counted the same words.
    let tokens = weigh_again(&message, options.counter.as_ref());
    Some((message, tokens.saturating_add(options.overhead.per_message)))
}

/// Where in the history the query stands, behind everything or before the turns
/// that came after it, and which calls it answers if it is in the window.
fn asked(history: &[TurnCost], query: &Query, is_there: bool) -> tools::Asked {
    match query {
        Query::LastTurn(turn) => tools::Asked {
            at: history.partition_point(|cost| cost.sequence < turn.sequence),
            links: if is_there { ToolLinks::of(&turn.parts) } else { ToolLinks::default() },
        },
        Query::Text(_) => tools::Asked { at: history.len(), links: ToolLinks::default() },
    }
}
