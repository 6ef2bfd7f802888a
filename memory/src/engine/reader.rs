//! Gives context assembly the turns that it chose.

use std::sync::Arc;

use super::{Engine, search::Gathered, turn_cache::Kept, turns::segment_of};
use crate::{
    context::TurnReader,
    index::Branch,
    store::StoreError,
    turn::{ConversationId, Sequence, Turn},
};

/// Reads the turns that assembly chose; what has gone meanwhile is left out.
pub(super) struct Reader<'a> {
    pub(super) engine: &'a Engine,
    pub(super) gathered: &'a Gathered,
}

impl Engine {
    /// A turn of a branch, from memory where it is there; nothing for one that is gone
    /// or forgotten.
    pub(super) fn kept_turn(
        &self,
        branch: &Branch,
        sequence: Sequence,
    ) -> Result<Option<Arc<Kept>>, StoreError> {
        let Some(segment) = segment_of(branch, sequence) else { return Ok(None) };
        let read = || self.read_turn(branch, sequence);
        let at = (&branch.tenant, &segment.conversation, sequence);
        Ok(self.turn_cache.get(at, read)?.filter(|kept| !kept.turn.forgotten))
    }
}

impl TurnReader for Reader<'_> {
    fn read(&self, conversation: Option<&ConversationId>, sequence: Sequence) -> Option<Arc<Turn>> {
        let scope = match conversation {
            None => self.gathered.scopes.first(),
            Some(other) => {
                self.gathered.scopes.iter().find(|scope| scope.branch.conversation == *other)
            }
        }?;
        match self.engine.kept_turn(&scope.branch, sequence) {
            Ok(kept) => kept.map(|kept| Arc::clone(&kept.turn)),
            Err(error) => {
                tracing::error!(%error, sequence, "a turn of a window cannot be read");
                None
            }
        }
    }
}
