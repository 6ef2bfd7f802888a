//! The outbox in memory: which derivations wait, in which order they are taken,
//! and up to where each conversation is searchable. The durable outbox in the
//! store is the truth; this is rebuilt from it at the start.
//!
//! Invariants: removals are taken before derivations, which read the turns anew
//! and so cannot bring back what was removed; tenants take turns, so that one
//! tenant's import does not hold up another's chat; an entry counts as waiting
//! until it has left the store.

use std::collections::{BTreeSet, HashMap, VecDeque};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    engine::records::{OutboxEntry, Task},
    turn::{ConversationId, Sequence, TenantId},
};

/// An entry with the id that is its key in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) id: u64,
    pub(crate) entry: OutboxEntry,
}

impl Queued {
    /// Turns that it stands for; an item counts as one, and so does a namespace.
    pub(crate) fn turns(&self) -> u64 {
        match &self.entry.task {
            Task::Derive { from, until }
            | Task::Draw { from, until }
            | Task::Rebuild { from, until }
            | Task::Index { from, until } => until.saturating_add(1).saturating_sub(*from),
            Task::Forget { sequences } => sequences.len() as u64,
            Task::Drop { .. } | Task::Facts | Task::Pins { .. } | Task::Items { .. } => 1,
        }
    }

    /// Turns that came with an append: those that a limit on what waits is for.
    /// A rebuild is the service's own work and keeps nobody from appending.
    fn appended(&self) -> u64 {
        if matches!(self.entry.task, Task::Derive { .. }) { self.turns() } else { 0 }
    }

    /// It takes something away.
    pub(crate) fn removes(&self) -> bool {
        matches!(self.entry.task, Task::Forget { .. } | Task::Drop { .. })
    }

    /// Its conversation may have something to fold when it is done.
    pub(crate) fn grows(&self) -> bool {
        !matches!(self.entry.task, Task::Drop { .. } | Task::Items { .. })
    }

    /// What it is known by while it waits: the first sequence that is not
    /// searchable before it is done, and its id. Removals hold nothing up, and
    /// neither do items or drawing events or edges again.
    fn place(&self) -> (Sequence, u64) {
        match &self.entry.task {
            Task::Derive { from, .. } | Task::Rebuild { from, .. } | Task::Index { from, .. } => {
                (*from, self.id)
            }
            Task::Forget { .. }
            | Task::Drop { .. }
            | Task::Draw { .. }
            | Task::Facts
            | Task::Pins { .. }
            | Task::Items { .. } => (Sequence::MAX, self.id),
        }
    }
}

#[derive(Default)]
struct State {
    next_id: u64,
    /// Turns of all entries in the store.
    backlog: u64,
    /// Those of them that came with appends.
    appended: u64,
    /// Tenants with entries to take, in the order of their turn.
    order: VecDeque<TenantId>,
    queues: HashMap<TenantId, VecDeque<Queued>>,
    removals: VecDeque<Queued>,
    /// Places of the entries that are not done yet, by conversation.
    waiting: HashMap<(TenantId, ConversationId), BTreeSet<(Sequence, u64)>>,
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
            if queued.removes() {
                state.removals.push_front(queued);
            } else {
                state.queue(&queued.entry.tenant.clone()).push_front(queued);
            }
        }
        self.arrived.notify_one();
    }

    /// Puts derivations back that cannot be done, behind all others.
    pub(crate) fn put_behind(&self, entries: Vec<Queued>) {
        let mut state = self.state.lock();
        for queued in entries {
            state.queue(&queued.entry.tenant.clone()).push_back(queued);
        }
        self.arrived.notify_one();
    }

    /// Strikes entries off that have left the store.
    pub(crate) fn finish(&self, entries: &[Queued]) {
        let mut state = self.state.lock();
        for queued in entries {
            state.backlog = state.backlog.saturating_sub(queued.turns());
            state.appended = state.appended.saturating_sub(queued.appended());
            let key = (queued.entry.tenant.clone(), queued.entry.owner.clone());
            if let Some(waiting) = state.waiting.get_mut(&key) {
                waiting.remove(&queued.place());
                if waiting.is_empty() {
                    state.waiting.remove(&key);
                }
            }
        }
        drop(state);
        self.done.notify_waiters();
    }

    /// First sequence of a conversation's own turns that still waits.
    pub(crate) fn first_waiting(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
    ) -> Option<Sequence> {
        let state = self.state.lock();
        let waiting = state.waiting.get(&(tenant.clone(), owner.clone()))?;
        waiting.first().map(|(from, _)| *from).filter(|from| *from != Sequence::MAX)
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
        let key = (queued.entry.tenant.clone(), queued.entry.owner.clone());
        self.wait_until(|| {
            let state = self.state.lock();
            !state.waiting.get(&key).is_some_and(|waiting| waiting.contains(&queued.place()))
        })
        .await;
    }
}

impl State {
    fn queue(&mut self, tenant: &TenantId) -> &mut VecDeque<Queued> {
        if !self.queues.contains_key(tenant) {
            self.order.push_back(tenant.clone());
        }
        self.queues.entry(tenant.clone()).or_default()
    }

    fn push(&mut self, queued: Queued) {
        self.backlog += queued.turns();
        self.appended += queued.appended();
        let key = (queued.entry.tenant.clone(), queued.entry.owner.clone());
        self.waiting.entry(key).or_default().insert(queued.place());
        if queued.removes() {
            self.removals.push_back(queued);
        } else {
            self.queue(&queued.entry.tenant.clone()).push_back(queued);
        }
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
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(id: u64, tenant: &str, owner: &str, from: u64, until: u64) -> Queued {
        Queued {
            id,
            entry: OutboxEntry {
                tenant: TenantId::new(tenant).unwrap(),
                owner: ConversationId::new(owner).unwrap(),
                task: Task::Derive { from, until },
            },
        }
    }

    fn ids(entries: &[Queued]) -> Vec<u64> {
        entries.iter().map(|queued| queued.id).collect()
    }

    #[tokio::test]
    async fn tenants_take_turns_and_a_conversation_stays_in_order() {
        let outbox = Outbox::default();
        for id in 0..6 {
            outbox.push(derive(id, "bulk", "c", id * 10 + 1, id * 10 + 10));
        }
        outbox.push(derive(6, "chat", "c", 1, 1));
        let first = outbox.take(20).await;
        assert_eq!(ids(&first), [0, 6, 1]);
        assert_eq!(ids(&outbox.take(20).await), [2, 3]);
        outbox.put_back(first);
        assert_eq!(ids(&outbox.take(11).await), [0, 6], "what was put back leads its tenant");
    }

    #[tokio::test]
    async fn a_conversation_is_searchable_up_to_what_waits() {
        let outbox = Outbox::default();
        let (a, b) = (derive(0, "t", "c", 1, 4), derive(1, "t", "c", 5, 5));
        outbox.resume(vec![a.clone(), b.clone()]);
        let first = || outbox.first_waiting(&a.entry.tenant, &a.entry.owner);
        assert_eq!((first(), outbox.backlog(), outbox.draw_id()), (Some(1), 5, 2));
        outbox.finish(std::slice::from_ref(&a));
        assert_eq!((first(), outbox.backlog()), (Some(5), 1));
        let waiting = outbox.wait_for(&b);
        outbox.finish(std::slice::from_ref(&b));
        waiting.await;
        assert_eq!((first(), outbox.backlog()), (None, 0));
    }

    #[tokio::test]
    async fn a_rebuild_takes_no_room_from_appends() {
        let outbox = Outbox::default();
        let mut again = derive(0, "t", "c", 1, 512);
        again.entry.task = Task::Rebuild { from: 1, until: 512 };
        let newer = derive(1, "t", "c", 513, 514);
        outbox.resume(vec![again.clone(), newer.clone()]);
        assert_eq!((outbox.backlog(), outbox.appended()), (514, 2));
        outbox.finish(&[again, newer]);
        assert_eq!((outbox.backlog(), outbox.appended()), (0, 0));
    }

    #[tokio::test]
    async fn a_rebuild_behind_newer_turns_counts_from_its_first() {
        let outbox = Outbox::default();
        let newer = derive(0, "t", "c", 600, 601);
        outbox.push(newer.clone());
        outbox.push(derive(1, "t", "c", 1, 512));
        let first = outbox.first_waiting(&newer.entry.tenant, &newer.entry.owner);
        assert_eq!(first, Some(1));
    }

    #[tokio::test]
    async fn removals_pass_by_what_cannot_be_derived() {
        let outbox = Outbox::default();
        let stuck = derive(0, "t", "c", 1, 30);
        let mut removal = derive(2, "t", "c", 0, 0);
        removal.entry.task = Task::Forget { sequences: vec![3] };
        outbox.push(stuck);
        outbox.push(derive(1, "t", "d", 1, 1));
        assert_eq!(ids(&outbox.take(20).await), [0]);
        outbox.push(removal);
        outbox.put_back(vec![derive(0, "t", "c", 1, 30)]);
        let taken = outbox.take(31).await;
        assert_eq!(ids(&taken), [2, 0]);
        outbox.put_behind(taken.into_iter().skip(1).collect());
        assert_eq!(ids(&outbox.take(20).await), [1, 0], "others first");
    }
}
