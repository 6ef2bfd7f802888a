//! Marks of retrieval's proposals, found out when there is room for them: reading
//! the turns of a note costs more than planning, and most proposals find no room.

use std::cell::RefCell;

use super::{
    Engine, EngineError,
    marks::{Marked, mark_of},
};
use crate::{
    context::{Mark, Marker, Marks, RetrievedTurn, TokenCounter, TurnCost, marked_excerpt},
    turn::ConversationId,
};

/// Marks proposals when there is room for them.
pub(super) struct LateMarks<'a> {
    engine: &'a Engine,
    conversations: Vec<Marked<'a>>,
    keep: bool,
    counter: &'a dyn TokenCounter,
    /// The first failure: what was placed without a mark is not to be shown.
    failed: RefCell<Option<EngineError>>,
}

impl<'a> LateMarks<'a> {
    /// Of conversations whose ledgers cover what was scored.
    pub(super) fn new(
        engine: &'a Engine,
        conversations: Vec<Marked<'a>>,
        keep: bool,
        counter: &'a dyn TokenCounter,
    ) -> Self {
        Self { engine, conversations, keep, counter, failed: RefCell::new(None) }
    }

    /// What went wrong while proposals were marked.
    pub(super) fn failed(&self) -> Result<(), EngineError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn found(
        &self,
        of: Option<&ConversationId>,
        cost: TurnCost,
    ) -> Result<Option<(Mark, TurnCost)>, EngineError> {
        let Some(one) = self.conversations.iter().find(|one| one.of.as_ref() == of) else {
            return Ok(None);
        };
        let timeline = one.ledger.covering(&self.engine.store, one.scored)?;
        let asked = (cost.sequence, self.keep);
        let found = mark_of(self.engine, one, &timeline, asked, self.counter)?;
        Ok(found.map(|(turn, mark)| {
            let cost = marked_excerpt(cost, &turn, &mark.note, self.counter);
            (mark, cost)
        }))
    }
}

impl Marker for LateMarks<'_> {
    fn mark(&self, of: Option<&ConversationId>, cost: TurnCost) -> Option<(Mark, TurnCost)> {
        self.found(of, cost).unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        })
    }
}

/// Proposals that were to be placed and were left out.
pub(super) fn dropped(marks: &Marks<'_>, retrieved: &[RetrievedTurn]) -> u32 {
    let dropped = retrieved
        .iter()
        .filter(|found| marks.is_dropped(found.conversation.as_ref(), found.cost.sequence));
    u32::try_from(dropped.count()).unwrap_or(u32::MAX)
}
