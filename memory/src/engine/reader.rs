//! Gives context assembly the turns that it chose.

use std::sync::Arc;

use super::{Engine, search::Gathered};
use crate::{
    context::TurnReader,
    turn::{ConversationId, Sequence, Turn},
};

/// Reads the turns that assembly chose; what has gone meanwhile is left out.
pub(super) struct Reader<'a> {
    pub(super) engine: &'a Engine,
    pub(super) gathered: &'a Gathered,
}

impl TurnReader for Reader<'_> {
    fn read(&self, conversation: Option<&ConversationId>, sequence: Sequence) -> Option<Arc<Turn>> {
        let scope = match conversation {
            None => self.gathered.scopes.first(),
            Some(other) => {
                self.gathered.scopes.iter().find(|scope| scope.branch.conversation == *other)
            }
        }?;
        match self.engine.shown_turn(&scope.branch, sequence) {
            Ok(turn) => turn.filter(|turn| !turn.forgotten),
            Err(error) => {
                tracing::error!(%error, sequence, "a turn of a window cannot be read");
                None
            }
        }
    }
}
