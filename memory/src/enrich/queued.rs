//! What is queued, and what is still open of a conversation: which of its turns are
//! not searchable yet, and which are not measured.

use std::{collections::BTreeSet, ops::ControlFlow};

use crate::{
    engine::records::{OutboxEntry, Task, decode},
    store::{Direction, Store, StoreError, keys},
    turn::{ConversationId, Sequence, TenantId},
};

/// An entry with the id that is its key in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) id: u64,
    pub(crate) entry: OutboxEntry,
}

impl Queued {
    /// Those in the store, in order of ids.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn stored(store: &Store) -> Result<Vec<Self>, StoreError> {
        let (start, end) = keys::prefix_range(&keys::outbox_prefix());
        let mut all = Vec::new();
        store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            let id = key.last_chunk().map_or(0, |be| u64::from_be_bytes(*be));
            all.push(Self { id, entry: decode(key, &value)? });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    pub(super) fn conversation(&self) -> (TenantId, ConversationId) {
        (self.entry.tenant.clone(), self.entry.owner.clone())
    }

    /// Turns that it stands for; an item counts as one, and so does a namespace.
    pub(crate) fn turns(&self) -> u64 {
        match &self.entry.task {
            Task::Derive { from, until }
            | Task::Draw { from, until }
            | Task::Rebuild { from, until }
            | Task::Index { from, until }
            | Task::Measure { from, until } => until.saturating_add(1).saturating_sub(*from),
            Task::Forget { sequences } => sequences.len() as u64,
            Task::Drop { .. } | Task::Facts | Task::Pins { .. } | Task::Items { .. } => 1,
        }
    }

    /// Turns that it keeps waiting: measuring again keeps none.
    pub(super) fn waiting_turns(&self) -> u64 {
        if self.is_late() { 0 } else { self.turns() }
    }

    /// Turns that came with an append: those that a limit on what waits is for.
    /// A rebuild is the service's own work and keeps nobody from appending.
    pub(super) fn appended(&self) -> u64 {
        if matches!(self.entry.task, Task::Derive { .. }) { self.turns() } else { 0 }
    }

    /// It takes something away.
    pub(crate) fn removes(&self) -> bool {
        matches!(self.entry.task, Task::Forget { .. } | Task::Drop { .. })
    }

    /// Its conversation may have something to fold, or pins without a line, when it is
    /// done.
    pub(crate) fn grows(&self) -> bool {
        !matches!(self.entry.task, Task::Drop { .. } | Task::Items { .. } | Task::Measure { .. })
    }

    /// It is taken when nothing else waits, and now and then beside what does.
    pub(super) fn is_late(&self) -> bool {
        matches!(self.entry.task, Task::Measure { .. })
    }

    /// The turns that are measured before it is done.
    pub(crate) fn measured(&self) -> Option<(Sequence, Sequence)> {
        match &self.entry.task {
            Task::Derive { from, until }
            | Task::Rebuild { from, until }
            | Task::Measure { from, until } => Some((*from, *until)),
            Task::Forget { .. }
            | Task::Drop { .. }
            | Task::Draw { .. }
            | Task::Index { .. }
            | Task::Facts
            | Task::Pins { .. }
            | Task::Items { .. } => None,
        }
    }

    /// The first turn that health does not know before it is done. What is measured again
    /// is looked at again when it is: health does not wait for it.
    pub(super) fn holds_up_health(&self) -> Option<Sequence> {
        self.measured().filter(|_| !self.is_late()).map(|(from, _)| from)
    }

    /// The first sequence that is not searchable before it is derived. Removals hold
    /// nothing up, and neither do items, measuring, or drawing events or edges again.
    pub(super) fn holds_up(&self) -> Option<Sequence> {
        match &self.entry.task {
            Task::Derive { from, .. } | Task::Rebuild { from, .. } | Task::Index { from, .. } => {
                Some(*from)
            }
            Task::Forget { .. }
            | Task::Drop { .. }
            | Task::Draw { .. }
            | Task::Measure { .. }
            | Task::Facts
            | Task::Pins { .. }
            | Task::Items { .. } => None,
        }
    }
}

/// The entries of a conversation that are open.
#[derive(Default)]
pub(super) struct Open {
    pub(super) ids: BTreeSet<u64>,
    /// Those that hold up searching, by the first sequence.
    pub(super) unsearchable: BTreeSet<(Sequence, u64)>,
    /// Those whose turns are not measured, by the first of them.
    pub(super) unmeasured: BTreeSet<(Sequence, u64)>,
    /// Those of them that health waits for.
    pub(super) unfollowed: BTreeSet<(Sequence, u64)>,
    /// Those that are derived and being measured.
    pub(super) measuring: BTreeSet<u64>,
}

impl Open {
    pub(super) fn add(&mut self, queued: &Queued) {
        self.ids.insert(queued.id);
        self.unsearchable.extend(queued.holds_up().map(|from| (from, queued.id)));
        self.unmeasured.extend(queued.measured().map(|(from, _)| (from, queued.id)));
        self.unfollowed.extend(queued.holds_up_health().map(|from| (from, queued.id)));
    }

    /// Whether it was counted as waiting until now.
    pub(super) fn searchable(&mut self, queued: &Queued) -> bool {
        if queued.measured().is_some() {
            self.measuring.insert(queued.id);
        }
        queued.holds_up().is_some_and(|from| self.unsearchable.remove(&(from, queued.id)))
    }

    /// Whether it was not counted as waiting until now.
    pub(super) fn waits_again(&mut self, queued: &Queued) -> bool {
        queued.holds_up().is_some_and(|from| self.unsearchable.insert((from, queued.id)))
    }

    pub(super) fn remove(&mut self, queued: &Queued) {
        self.ids.remove(&queued.id);
        self.measuring.remove(&queued.id);
        if let Some((from, _)) = queued.measured() {
            self.unmeasured.remove(&(from, queued.id));
        }
        if let Some(from) = queued.holds_up_health() {
            self.unfollowed.remove(&(from, queued.id));
        }
        if let Some(from) = queued.holds_up() {
            self.unsearchable.remove(&(from, queued.id));
        }
    }
}
