//! The staleness of branches in memory: events, rejections and uses, read from
//! the store when first asked for and followed as turns are scored.
//!
//! Invariants: a ledger shows what the store holds of its turns; whoever changes
//! a record that stood before drops the ledgers that may hold it. Readers hold a
//! version and no lock: whoever reads may ask for the ledger again.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;

use super::{
    catalog::part_of,
    records::{Used, decode},
    rejections::rejected_kinds,
    source::scan_sequences,
    uses::USE_GAP,
};
use crate::{
    index::Branch,
    staleness::{Timeline, TurnEvents},
    store::{Direction, Store, StoreError, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

/// Memory for ledgers, in turns; a turn takes about 200 bytes.
const CACHED_TURNS: u64 = 1_000_000;

/// The staleness of one branch.
pub(crate) struct Ledger {
    branch: Branch,
    state: RwLock<Arc<State>>,
}

#[derive(Clone, Default)]
struct State {
    timeline: Timeline,
    /// Records up to here were read.
    read: Sequence,
}

/// The events as they stood when they were asked for.
pub(crate) struct Covered(Arc<State>);

impl std::ops::Deref for Covered {
    type Target = Timeline;

    fn deref(&self) -> &Timeline {
        &self.0.timeline
    }
}

impl Ledger {
    /// The events of the turns up to `last`, which must have
    /// been scored. What is missing is read from the store: blocking.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn covering(&self, store: &Store, last: Sequence) -> Result<Covered, StoreError> {
        loop {
            let state = Arc::clone(&self.state.read());
            if state.read >= last {
                return Ok(Covered(state));
            }
            drop(state);
            self.extend(store, last)?;
        }
    }

    fn extend(&self, store: &Store, last: Sequence) -> Result<(), StoreError> {
        let mut state = self.state.write();
        if state.read >= last {
            return Ok(());
        }
        let state = Arc::make_mut(&mut state);
        let part = part_of(&self.branch, state.read + 1, last);
        let timeline = &mut state.timeline;
        scan_sequences(store, &part, Kind::Events, &mut |_, key, value| {
            timeline.push(decode::<TurnEvents>(key, value)?);
            Ok(())
        })?;
        state.read = last;
        Ok(())
    }

    /// Notes that turns stood in a window when `at` was the newest, and gives
    /// those of them whose last use is long enough ago to be kept.
    pub(crate) fn use_again(
        &self,
        sequences: impl Iterator<Item = Sequence>,
        at: Sequence,
    ) -> Vec<Sequence> {
        let mut state = self.state.write();
        let timeline = &state.timeline;
        let due = |sequence: &Sequence| at >= timeline.last_use(*sequence).saturating_add(USE_GAP);
        let due: Vec<Sequence> = sequences.filter(due).collect();
        if !due.is_empty() {
            let timeline = &mut Arc::make_mut(&mut state).timeline;
            due.iter().for_each(|sequence| timeline.used(*sequence, at));
        }
        due
    }

    /// Rejections and uses of the branch, which its turns do not follow.
    fn read_asides(&self, store: &Store) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let timeline = &mut Arc::make_mut(&mut state).timeline;
        // Windows of the parent are no uses in a fork.
        let Branch { tenant, conversation, .. } = &self.branch;
        let prefix = keys::kind_prefix(tenant, conversation, Kind::Used);
        let (start, end) = keys::prefix_range(&prefix);
        store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            let used = decode::<Used>(key, &value)?;
            if let Some(be) = key.get(prefix.len()..).and_then(<[u8]>::first_chunk) {
                let sequence = Sequence::from_be_bytes(*be);
                used.at.into_iter().for_each(|at| timeline.used(sequence, at));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // A fork's own rejections may name turns that it shares.
        for segment in &self.branch.segments {
            let own = segment.conversation == self.branch.conversation;
            let prefix =
                keys::kind_prefix(&self.branch.tenant, &segment.conversation, Kind::Rejection);
            let (start, end) = keys::prefix_range(&prefix);
            store.scan(&start, &end, Direction::Forward, &mut |key, value| {
                let mut named = key.get(prefix.len()..).unwrap_or_default().chunks_exact(8);
                let mut next =
                    || named.next().and_then(|be| be.try_into().ok()).map(Sequence::from_be_bytes);
                if let (Some(later), Some(earlier)) = (next(), next())
                    && (own || later <= segment.until)
                {
                    timeline.reject(later, earlier, rejected_kinds(key, &value)?);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(())
    }
}

/// Ledgers of the conversations in use.
pub(crate) struct Ledgers {
    recent: moka::sync::Cache<(TenantId, ConversationId), Arc<Ledger>>,
    /// Grows with every invalidation: what was read before it is not kept.
    changes: AtomicU64,
}

impl Default for Ledgers {
    fn default() -> Self {
        let weight = |_: &(TenantId, ConversationId), ledger: &Arc<Ledger>| {
            let turns = ledger.state.read().timeline.records().len();
            u32::try_from(turns + 64).unwrap_or(u32::MAX)
        };
        Self {
            recent: moka::sync::Cache::builder().weigher(weight).max_capacity(CACHED_TURNS).build(),
            changes: AtomicU64::new(0),
        }
    }
}

impl Ledgers {
    /// The ledger of a branch, with the events up to `last` at least.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn of(
        &self,
        store: &Store,
        branch: &Branch,
        last: Sequence,
    ) -> Result<Arc<Ledger>, StoreError> {
        let key = (branch.tenant.clone(), branch.conversation.clone());
        if let Some(known) = self.recent.get(&key) {
            known.covering(store, last)?;
            return Ok(known);
        }
        let changes = self.changes.load(Ordering::SeqCst);
        let ledger = Arc::new(Ledger { branch: branch.clone(), state: RwLock::default() });
        ledger.read_asides(store)?;
        ledger.covering(store, last)?;
        self.recent.insert(key.clone(), Arc::clone(&ledger));
        // Changed while it was read: it may hold what was erased.
        if self.changes.load(Ordering::SeqCst) != changes {
            self.recent.invalidate(&key);
        }
        Ok(ledger)
    }

    /// The ledger of a conversation, if it is in memory.
    pub(crate) fn known(&self, tenant: &TenantId, id: &ConversationId) -> Option<Arc<Ledger>> {
        self.recent.get(&(tenant.clone(), id.clone()))
    }

    /// Drops every ledger that shows turns which `owner` stores.
    pub(crate) fn invalidate_owner(&self, tenant: &TenantId, owner: &ConversationId) {
        self.drop_from(tenant, owner, 0);
    }

    /// Records of `owner` from a sequence on were written: drops the ledgers
    /// that hold others for them.
    pub(crate) fn rewritten(&self, tenant: &TenantId, owner: &ConversationId, from: Sequence) {
        self.drop_from(tenant, owner, from);
    }

    fn drop_from(&self, tenant: &TenantId, owner: &ConversationId, from: Sequence) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        for (key, ledger) in &self.recent {
            let shows = ledger.branch.tenant == *tenant
                && ledger.branch.segments.iter().any(|segment| segment.conversation == *owner);
            if shows && ledger.state.read().read >= from {
                self.recent.invalidate(&*key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{StoreKind, StoreOptions};

    #[test]
    fn who_reads_holds_up_no_writer_and_sees_what_it_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions::new(StoreKind::Sled, dir.path())).unwrap();
        let (tenant, id) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
        let branch = Branch { tenant, conversation: id, segments: Vec::new() };
        let ledger = Ledgers::default().of(&store, &branch, 3).unwrap();
        let before = ledger.covering(&store, 3).unwrap();
        // With a lock held by the reader both of these would wait for ever.
        assert_eq!(ledger.use_again([2].into_iter(), 900), [2]);
        let after = ledger.covering(&store, 900).unwrap();
        assert_eq!((before.last_use(2), after.last_use(2)), (2, 900));
    }
}
