//! Turns of a branch while facts are held against them: each is read once, however
//! many facts there are.
//!
//! Invariant: it lives no longer than the writer's right under which it was made, so
//! that it keeps nothing that is erased.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::{Engine, EngineError, heads::Cell, records::Head};
use crate::{
    facts::Heard,
    index::Branch,
    turn::{Sequence, Turn},
};

/// A turn that was read, with what it says.
pub(super) struct Said {
    pub(super) turn: Turn,
    pub(super) heard: Arc<Heard>,
}

impl Said {
    fn of(turn: Turn) -> Self {
        let heard = Heard::of(turn.sequence, turn.role, &turn.searchable_text());
        Self { turn, heard: Arc::new(heard) }
    }
}

/// See the module.
pub(super) struct SaidTurns<'a> {
    engine: &'a Engine,
    branch: Branch,
    read: Mutex<HashMap<Sequence, Option<Arc<Said>>>>,
}

impl<'a> SaidTurns<'a> {
    pub(super) fn new(engine: &'a Engine, cell: &Cell, head: &Head) -> Self {
        Self { engine, branch: cell.branch(head), read: Mutex::default() }
    }

    /// A turn; nothing for one that is not there or was forgotten.
    pub(super) fn get(&self, sequence: Sequence) -> Result<Option<Arc<Said>>, EngineError> {
        if let Some(known) = self.read.lock().get(&sequence) {
            return Ok(known.clone());
        }
        let turn = self.engine.read_turn(&self.branch, sequence)?;
        let turn = turn.filter(|turn| !turn.forgotten);
        let said = turn.map(|turn| Arc::new(Said::of(turn)));
        self.read.lock().insert(sequence, said.clone());
        Ok(said)
    }

    /// The turns of a range that are there.
    pub(super) fn range(
        &self,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<Arc<Said>>, EngineError> {
        let each = (from..=until).map(|sequence| self.get(sequence));
        Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}
