//! What stands between the pins and the query: carried excerpts, recent turns
//! and fresh excerpts, and how they share the room.
//!
//! Invariants: the three cost no more than the room; no turn stands in two of
//! them. A carried block that is kept claims its room first, so that it cannot
//! be pushed out by what changes; one that is chosen anew takes what the recent
//! turns leave.

use std::collections::HashSet;

use super::{
    budget::{self, Pick, Stands},
    carried::Carried,
    cost::TurnCost,
    ellipsis::is_elliptical,
    input::{Query, WindowInput},
    options::{MIN_FRESH_SHARE, TemplateOverhead, WindowOptions},
    recent, tools,
};
use crate::turn::{ConversationId, Role, Sequence};

/// Share of the budget that the last exchange may claim for a query that does not
/// lean on it: in a small window a long answer would leave no room for what the
/// query is about.
const UNASKED_EXCHANGE: f32 = 0.4;

/// The middle of a window.
#[derive(Debug, Default)]
pub(super) struct Middle {
    /// Carried excerpts, best first.
    pub(super) carried: Vec<Pick>,
    /// Tokens that they may cost together.
    pub(super) carried_room: u64,
    /// Windows that they have stood in before this one; 0 if they are new.
    pub(super) carried_before: u32,
    /// Indices of the turns that stand verbatim, in order, before and behind
    /// the query.
    pub(super) verbatim: Vec<usize>,
    /// First sequence of the recent section.
    pub(super) recent_from: Option<Sequence>,
    /// Fresh excerpts, best first.
    pub(super) picks: Vec<Pick>,
    /// Tokens that they may cost together.
    pub(super) picks_room: u64,
}

/// Where the query stands in the history, and what is given.
pub(super) struct Frame<'a> {
    /// Where the query stands, and what it answers.
    pub(super) asked: tools::Asked,
    /// Indices of the turns behind it, which stand verbatim.
    pub(super) behind: Vec<usize>,
    /// Tokens for the middle.
    pub(super) room: u64,
    /// Turns that pins say all of, see [`budget::pack`].
    pub(super) pinned: HashSet<(Option<&'a ConversationId>, Sequence)>,
}

impl Middle {
    /// Shares `room` tokens; `carried` is what the last window left.
    pub(super) fn plan(
        options: &WindowOptions,
        input: &WindowInput<'_>,
        frame: Frame<'_>,
        carried: Option<&Carried>,
    ) -> Self {
        let history = input.history;
        let Frame { asked, behind, room, pinned } = frame;
        let query_at = asked.at;
        let exchange = if options.stretch_recent {
            last_exchange(history, query_at, options.overhead)
        } else {
            0
        };
        // The last exchange comes before what is carried, if it fits at all. A turn
        // that says what it is about does not need all of a long one.
        let most = if leans(input.query) { room } else { options.share(UNASKED_EXCHANGE) };
        let needed = if exchange <= room.min(most) { exchange } else { 0 };
        let kept = carried.filter(|carried| {
            options.carried_share > 0.0
                && carried.tokens.saturating_add(needed) <= room
                && carried.stands(options, input, query_at)
        });
        let mut middle = Self { verbatim: behind, ..Self::default() };
        let mut left = room;
        if let Some(kept) = kept {
            middle.carried = kept.scored(input.retrieved);
            middle.carried_room = kept.tokens;
            middle.carried_before = kept.windows;
            left -= kept.tokens;
        }
        let whole = options.stretch_recent
            && kept.is_none()
            && recent::earliest_start(history, query_at, options.overhead, left) == 0;
        let ceiling = if whole { left } else { options.share(options.recent_share).max(needed) };
        let from = if whole { None } else { input.recent_from };
        let spent = middle.take_recent(options, input, asked, left.min(ceiling), from);
        left = left.saturating_sub(spent);
        if kept.is_none() && !whole {
            let room = left.saturating_sub(options.share(MIN_FRESH_SHARE));
            let room = room.min(options.share(options.carried_share));
            let stands = Stands { verbatim: &middle.verbatim, quoted: &[], pinned: &pinned };
            middle.carried = budget::pack(options, input, stands, room);
            middle.carried_room = budget::planned_tokens(options, &middle.carried);
            left = left.saturating_sub(middle.carried_room);
        }
        let stands =
            Stands { verbatim: &middle.verbatim, quoted: &middle.carried, pinned: &pinned };
        middle.picks = budget::pack(options, input, stands, left);
        middle.picks_room = left;
        middle
    }

    /// Chooses the recent turns, those left out that are carried, and gives
    /// what they cost. `from` is where the last window's began.
    fn take_recent(
        &mut self,
        options: &WindowOptions,
        input: &WindowInput<'_>,
        asked: tools::Asked,
        ceiling: u64,
        from: Option<Sequence>,
    ) -> u64 {
        let (history, query_at) = (input.history, asked.at);
        let start = recent::start(history, query_at, options.overhead, ceiling, from);
        self.verbatim.splice(0..0, start..query_at);
        let mut quoted: Vec<Sequence> = self
            .carried
            .iter()
            .filter(|pick| pick.conversation.is_none())
            .flat_map(|pick| pick.turns.iter().map(|turn| turn.sequence))
            .collect();
        quoted.sort_unstable();
        self.verbatim.retain(|at| {
            history.get(*at).is_some_and(|turn| {
                !turn.is_blank() && quoted.binary_search(&turn.sequence).is_err()
            })
        });
        tools::keep_whole(history, &mut self.verbatim, asked);
        let recent = self.verbatim.iter().filter(|at| **at < query_at);
        let recent: Vec<_> = recent.filter_map(|at| history.get(*at)).collect();
        self.recent_from =
            if recent.is_empty() { None } else { history.get(start).map(|turn| turn.sequence) };
        recent.into_iter().map(|turn| turn.as_message(options.overhead)).sum()
    }
}

/// Whether the query cannot be understood without what was said last.
fn leans(query: &Query) -> bool {
    match query {
        Query::LastTurn(turn) => is_elliptical(&turn.searchable_text()),
        Query::Text(_) => false,
    }
}

/// What the turns from the last user turn before the query on cost.
fn last_exchange(history: &[TurnCost], query_at: usize, overhead: TemplateOverhead) -> u64 {
    let before = history.get(..query_at).unwrap_or_default();
    let asked = before.iter().rposition(|turn| turn.role == Role::User && !turn.is_blank());
    let exchange = before.get(asked.unwrap_or(query_at)..).unwrap_or_default();
    exchange.iter().map(|turn| turn.as_message(overhead)).sum()
}
