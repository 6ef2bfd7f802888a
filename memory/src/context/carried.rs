//! Excerpts that are carried: chosen once, then left where they stand, before
//! the recent turns, through several windows of a chat. They are the long part
//! of the prefix that a provider's cache keeps.
//!
//! Invariant: a carried block is kept as a whole, byte for byte, or not at all.

use super::{
    budget::Pick,
    cost::{TurnCost, place_of},
    input::{RetrievedTurn, WindowInput},
    options::{TemplateOverhead, WindowOptions},
    tools,
};
use crate::turn::{ConversationId, Sequence};

/// Windows that a carried block stands in, the one that it was chosen for
/// included.
pub const MAX_CARRIED_WINDOWS: u32 = 4;

/// Excerpts that a window leaves for the next one.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// Best first, as they were chosen.
    pub(super) picks: Vec<Pick>,
    /// What they cost as they stand, the template's tokens included.
    pub(super) tokens: u64,
    /// Windows that they have stood in, from 1.
    pub(super) windows: u32,
    /// Who counted, and with which template: costs of others mean nothing.
    pub(super) counted: (String, TemplateOverhead),
}

impl Carried {
    /// Windows that the block has stood in, from 1.
    pub fn windows(&self) -> u32 {
        self.windows
    }

    /// The turns that are carried, with their conversation if it is another one.
    pub fn turns(&self) -> impl Iterator<Item = (Option<&ConversationId>, Sequence)> {
        self.picks.iter().flat_map(|pick| {
            pick.turns.iter().map(|turn| (pick.conversation.as_ref(), turn.sequence))
        })
    }

    /// How the options given count.
    pub(super) fn counted_by(options: &WindowOptions) -> (String, TemplateOverhead) {
        (options.counter.name().to_owned(), options.overhead)
    }

    /// Whether the block may stand in another window: it is not too old, and
    /// its turns are still there, before the query, whole and unchanged.
    pub(super) fn stands(
        &self,
        options: &WindowOptions,
        input: &WindowInput<'_>,
        query_at: usize,
    ) -> bool {
        let before = input.history.get(..query_at).unwrap_or_default();
        self.windows < MAX_CARRIED_WINDOWS
            && self.counted == Self::counted_by(options)
            && self.picks.iter().all(|pick| {
                let of = pick.conversation.as_ref();
                // Of other conversations nothing is known here; reading shows.
                (of.is_some() || is_whole(input.history, before, pick))
                    && pick.turns.iter().all(|turn| !input.marks.is_dropped(of, turn.sequence))
            })
    }

    /// The picks with the scores of the search for this window.
    pub(super) fn scored(&self, retrieved: &[RetrievedTurn]) -> Vec<Pick> {
        let mut picks = self.picks.clone();
        for pick in &mut picks {
            let found = retrieved.iter().find(|found| {
                found.cost.sequence == pick.found && found.conversation == pick.conversation
            });
            pick.score = found.map(|found| found.score);
            pick.components = found.map(|found| found.components.clone()).unwrap_or_default();
        }
        picks
    }
}

/// Whether a pick holds what it would hold if it were chosen now: no turn was
/// forgotten and no answer has joined its tool call.
fn is_whole(history: &[TurnCost], before: &[TurnCost], pick: &Pick) -> bool {
    let place = |turn: &TurnCost| place_of(before, turn.sequence);
    let Some(at) = pick.turns.first().and_then(place) else { return false };
    let unit = tools::unit(history, at).into_iter().filter_map(|member| history.get(member));
    let excerpt = |turn: &TurnCost| (turn.sequence, turn.quoted);
    let stands = unit.filter(|turn| !turn.is_blank()).map(excerpt);
    stands.eq(pick.turns.iter().map(excerpt)) && pick.turns.iter().all(|turn| place(turn).is_some())
}
