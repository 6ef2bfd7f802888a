//! The outbox in memory: which derivations wait, in which order they are taken,
//! and up to where each conversation is searchable and measured. The durable outbox
//! in the store is the truth; this is rebuilt from it at the start.
//!
//! Invariants: removals are taken before derivations, which read the turns anew
//! and so cannot bring back what was removed; tenants take turns, so that one
//! tenant's import does not hold up another's chat; measuring again comes after
//! everything else, and after what came before it in its conversation, but under steady
//! traffic it comes too; an entry is open until it has left the store. Its turns are
//! searchable before that, as soon as they are derived and indexed: after a crash in
//! between they wait once more, and are derived and measured again.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::queued::{Open, Queued};
use crate::turn::{ConversationId, Sequence, TenantId};

/// Rounds after which one entry is taken that otherwise comes after everything else.
const LATE_AFTER: u32 = 16;
/// Such entries that are looked at for it: most of them may have to wait.
const LATE_LOOKS: usize = 64;

#[derive(Default)]
struct State {
    next_id: u64,
    /// Turns of the entries that are not derived.
    backlog: u64,
    /// Those of them that came with appends.
    appended: u64,
    /// Tenants with entries to take, in the order of their turn.
    order: VecDeque<TenantId>,
    queues: HashMap<TenantId, VecDeque<Queued>>,
    removals: VecDeque<Queued>,
    /// What is taken when nothing else waits, and one after [`LATE_AFTER`] rounds.
    late: VecDeque<Queued>,
    /// Rounds since the last of them.
    rounds: u32,
    /// Conversations with entries that are not done yet.
    open: HashMap<(TenantId, ConversationId), Open>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Something was queued.
    arrived: Notify,
    /// Something was done.
    done: Notify,
}

impl Outbox {
    /// Takes in what a restart found in the store, in order of ids.
    pub(crate) fn resume(&self, entries: Vec<Queued>) {
        if !entries.is_empty() {
            tracing::info!(entries = entries.len(), "resuming enrichment from the outbox");
        }
        let mut state = self.state.lock();
        for queued in entries {
            state.next_id = state.next_id.max(queued.id + 1);
            state.push(queued);
        }
    }

    /// Draws the id of a new entry.
    pub(crate) fn draw_id(&self) -> u64 {
        let mut state = self.state.lock();
        let id = state.next_id;
        state.next_id += 1;
        id
    }

    /// Turns that were appended and wait.
    pub(crate) fn appended(&self) -> u64 {
        self.state.lock().appended
    }

    /// Turns that wait.
    pub(crate) fn backlog(&self) -> u64 {
        self.state.lock().backlog
    }

    /// Queues an entry that has become durable.
    pub(crate) fn push(&self, queued: Queued) {
        self.state.lock().push(queued);
        self.arrived.notify_one();
    }

    /// Waits for entries and takes up to about `turns` turns' worth of them,
    /// fairly over the tenants.
    pub(crate) async fn take(&self, turns: u64) -> Vec<Queued> {
        loop {
            let arrived = self.arrived.notified();
            let taken = self.state.lock().take(turns);
            if !taken.is_empty() {
                return taken;
            }
            arrived.await;
        }
    }

    /// Puts entries back that could not be done now, before all others.
    pub(crate) fn put_back(&self, entries: Vec<Queued>) {
        let mut state = self.state.lock();
        for queued in entries.into_iter().rev() {
            if let Some(open) = state.open.get_mut(&queued.conversation()) {
                open.measuring.remove(&queued.id);
            }
            state.queue_of(&queued).push_front(queued);
        }
        drop(state);
        self.arrived.notify_one();
        // What failed to be measured is not being measured any more.
        self.done.notify_waiters();
    }

    /// Puts derivations back that cannot be done, behind all others.
    pub(crate) fn put_behind(&self, entries: Vec<Queued>) {
        let mut state = self.state.lock();
        for queued in entries {
            state.queue_of(&queued).push_back(queued);
        }
        self.arrived.notify_one();
    }

    /// The turns of entries are derived and indexed; the entries are open until their
    /// turns are measured.
    pub(crate) fn searchable(&self, entries: &[Queued]) {
        let mut state = self.state.lock();
        for queued in entries {
            let open = state.open.get_mut(&queued.conversation());
            if open.is_some_and(|open| open.searchable(queued)) {
                state.no_longer_waits(queued);
            }
        }
        drop(state);
        self.done.notify_waiters();
    }

    /// What was derived for entries is gone: their turns wait once more.
    pub(crate) fn waits_again(&self, entries: &[Queued]) {
        let mut state = self.state.lock();
        for queued in entries {
            let open = state.open.get_mut(&queued.conversation());
            if open.is_some_and(|open| open.waits_again(queued)) {
                state.waits(queued);
            }
        }
    }

    /// Strikes entries off that have left the store.
    pub(crate) fn finish(&self, entries: &[Queued]) {
        let mut state = self.state.lock();
        for queued in entries {
            let key = queued.conversation();
            let Some(open) = state.open.get_mut(&key) else { continue };
            let waited = match queued.holds_up() {
                Some(from) => open.unsearchable.contains(&(from, queued.id)),
                None => open.ids.contains(&queued.id),
            };
            open.remove(queued);
            if open.ids.is_empty() {
                state.open.remove(&key);
            }
            if waited {
                state.no_longer_waits(queued);
            }
        }
        drop(state);
        self.done.notify_waiters();
    }

    /// First sequence of a conversation's own turns that is not searchable.
    pub(crate) fn first_waiting(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
    ) -> Option<Sequence> {
        self.of(tenant, owner, |open| open.unsearchable.first().map(|(from, _)| *from))
    }

    /// First sequence of a conversation's own turns that is not measured.
    pub(crate) fn first_unmeasured(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
    ) -> Option<Sequence> {
        self.of(tenant, owner, |open| open.unmeasured.first().map(|(from, _)| *from))
    }

    /// First sequence of a conversation's own turns that health does not know; those that
    /// are measured again it knows as they were.
    pub(crate) fn first_unfollowed(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
    ) -> Option<Sequence> {
        self.of(tenant, owner, |open| open.unfollowed.first().map(|(from, _)| *from))
    }

    /// Whether turns that a conversation stores are being measured.
    pub(crate) fn is_measuring(&self, tenant: &TenantId, owner: &ConversationId) -> bool {
        self.of(tenant, owner, |open| (!open.measuring.is_empty()).then_some(())).is_some()
    }

    /// Whether no entry is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().open.is_empty()
    }

    fn of<T>(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        read: impl FnOnce(&Open) -> Option<T>,
    ) -> Option<T> {
        let state = self.state.lock();
        read(state.open.get(&(tenant.clone(), owner.clone()))?)
    }

    /// Waits until `ready` holds; looks again whenever something was done.
    pub(crate) async fn wait_until(&self, mut ready: impl FnMut() -> bool) {
        loop {
            let done = self.done.notified();
            tokio::pin!(done);
            // Registered before the look, so that nothing in between is missed.
            done.as_mut().enable();
            if ready() {
                return;
            }
            done.await;
        }
    }

    /// Waits until an entry is done.
    pub(crate) async fn wait_for(&self, queued: &Queued) {
        let (tenant, owner) = (&queued.entry.tenant, &queued.entry.owner);
        let is_open = |open: &Open| open.ids.contains(&queued.id).then_some(());
        self.wait_until(|| self.of(tenant, owner, is_open).is_none()).await;
    }
}

impl State {
    /// The queue that an entry belongs to.
    fn queue_of(&mut self, queued: &Queued) -> &mut VecDeque<Queued> {
        if queued.removes() {
            return &mut self.removals;
        }
        if queued.is_late() {
            return &mut self.late;
        }
        let tenant = &queued.entry.tenant;
        if !self.queues.contains_key(tenant) {
            self.order.push_back(tenant.clone());
        }
        self.queues.entry(tenant.clone()).or_default()
    }

    fn push(&mut self, queued: Queued) {
        self.waits(&queued);
        self.open.entry(queued.conversation()).or_default().add(&queued);
        self.queue_of(&queued).push_back(queued);
    }

    fn waits(&mut self, queued: &Queued) {
        self.backlog += queued.waiting_turns();
        self.appended += queued.appended();
    }

    fn no_longer_waits(&mut self, queued: &Queued) {
        self.backlog = self.backlog.saturating_sub(queued.waiting_turns());
        self.appended = self.appended.saturating_sub(queued.appended());
    }

    fn take(&mut self, turns: u64) -> Vec<Queued> {
        let mut taken = Vec::new();
        let mut weight = 0;
        while weight < turns
            && let Some(queued) = self.removals.pop_front()
        {
            weight += queued.turns();
            taken.push(queued);
        }
        while weight < turns {
            let Some(tenant) = self.order.pop_front() else { break };
            let Some(queue) = self.queues.get_mut(&tenant) else { continue };
            // An equal share of what is left to take, and at least one entry.
            let share = (turns - weight).div_ceil(self.order.len() as u64 + 1);
            let mut of_tenant = 0;
            while of_tenant < share {
                let Some(queued) = queue.pop_front() else { break };
                of_tenant += queued.turns();
                taken.push(queued);
            }
            weight += of_tenant;
            if queue.is_empty() {
                self.queues.remove(&tenant);
            } else {
                self.order.push_back(tenant);
            }
        }
        self.rounds += 1;
        let looks = if taken.is_empty() { self.late.len() } else { LATE_LOOKS };
        if taken.is_empty() || self.rounds >= LATE_AFTER {
            // One at a time: what comes meanwhile does not wait for more.
            taken.extend(self.take_late(looks));
            self.rounds = 0;
        }
        taken
    }

    /// The first late entry, of so many, before which nothing of its conversation is
    /// open: it looks at what those draw.
    fn take_late(&mut self, looks: usize) -> Option<Queued> {
        for _ in 0..looks.min(self.late.len()) {
            let queued = self.late.pop_front()?;
            let open = self.open.get(&queued.conversation());
            if open.is_none_or(|open| open.ids.first() == Some(&queued.id)) {
                return Some(queued);
            }
            self.late.push_back(queued);
        }
        None
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
