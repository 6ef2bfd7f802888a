//! What is known of every turn of a branch without reading it: traits for
//! ranking, token costs for planning. Kept in memory for the conversations in
//! use, extended as they grow, read back from derived records after a restart.
//!
//! Invariant: traits and costs of a tokenizer run in step, one entry for each
//! sequence from 1 on; a forgotten turn keeps its place and costs nothing. Readers
//! hold a version and no lock: whoever reads may ask for the catalog again.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parking_lot::RwLock;

use super::{
    records::{Derived, decode},
    source::scan_sequences,
    turns::scan_turns,
};
use crate::{
    context::{self, HistoryCost, TokenCounter, ToolLinks, TurnCost},
    index::Branch,
    retrieval::{self, TurnTraits},
    store::{Direction, Store, StoreError, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

/// Memory for catalogs, in turns; a turn takes about 120 bytes.
const CACHED_TURNS: u64 = 2_000_000;

/// The turns of one branch.
pub(crate) struct Catalog {
    branch: Branch,
    state: RwLock<Arc<State>>,
    /// Turns that the cache last weighed.
    weighed: AtomicUsize,
    /// Something that it shows was erased: it must not be kept.
    outdated: AtomicBool,
}

/// See [`Catalog::covering`].
#[derive(Clone, Default)]
pub(crate) struct State {
    traits: Vec<TurnTraits>,
    costs: HashMap<String, Costs>,
}

/// Costs of the turns by one tokenizer, by sequence - 1.
#[derive(Clone, Default)]
struct Costs {
    turns: Vec<TurnCost>,
    /// Of each turn with all before it: nobody has to add up a long history.
    history: Vec<HistoryCost>,
}

impl State {
    /// Traits of the turns, by sequence - 1.
    pub(crate) fn traits(&self) -> &[TurnTraits] {
        &self.traits
    }

    /// Costs of the turns, by sequence - 1; empty for a tokenizer that the
    /// catalog was not asked to cover.
    pub(crate) fn costs(&self, tokenizer: &str) -> &[TurnCost] {
        self.costs.get(tokenizer).map_or(&[], |costs| costs.turns.as_slice())
    }

    /// What the turns up to `last` cost together; nothing where [`Self::costs`] is empty.
    pub(crate) fn history_cost(&self, tokenizer: &str, last: Sequence) -> HistoryCost {
        let history = self.costs.get(tokenizer).map_or(&[][..], |costs| costs.history.as_slice());
        let known = usize::try_from(last).unwrap_or(usize::MAX).min(history.len());
        known.checked_sub(1).and_then(|at| history.get(at)).copied().unwrap_or_default()
    }
}

impl Catalog {
    /// What is known once the catalog reaches `last`; with costs by `counter`.
    /// What is missing is read from the store: blocking.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn covering(
        &self,
        store: &Store,
        last: Sequence,
        counter: &dyn TokenCounter,
    ) -> Result<Arc<State>, StoreError> {
        loop {
            let state = self.read();
            let covers = |length: usize| length as u64 >= last;
            if covers(state.traits.len()) && covers(state.costs(counter.name()).len()) {
                return Ok(state);
            }
            drop(state);
            self.extend(store, last, counter)?;
        }
    }

    /// Turns up to `last` that [`Self::covering`] would have to read.
    pub(super) fn missing(&self, last: Sequence, counter: &dyn TokenCounter) -> u64 {
        let state = self.read();
        let covered = state.traits.len().min(state.costs(counter.name()).len());
        last.saturating_sub(covered as u64)
    }

    /// What is covered so far.
    pub(crate) fn read(&self) -> Arc<State> {
        Arc::clone(&self.state.read())
    }

    fn extend(
        &self,
        store: &Store,
        last: Sequence,
        counter: &dyn TokenCounter,
    ) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let state = Arc::make_mut(&mut state);
        let known = state.traits.len();
        let costed = state.costs(counter.name()).len();
        let from = known.min(costed) as Sequence + 1;
        let derived = self.derived(store, from, last)?;
        let costs = state.costs.remove(counter.name()).unwrap_or_default();
        let mut filled = Filled { traits: std::mem::take(&mut state.traits), costs };
        let outcome = filled.fill(store, &self.branch, from, last, &derived, counter);
        state.traits = filled.traits;
        state.costs.insert(counter.name().to_owned(), filled.costs);
        outcome
    }

    /// Derived records of this build's versions.
    fn derived(
        &self,
        store: &Store,
        from: Sequence,
        last: Sequence,
    ) -> Result<HashMap<Sequence, Derived>, StoreError> {
        let mut found = HashMap::new();
        let part = part_of(&self.branch, from, last);
        scan_sequences(store, &part, Kind::Derived, &mut |sequence, key, value| {
            let derived: Derived = decode(key, value)?;
            let current = derived.rendering == context::RENDERING_VERSION
                && derived.cues == retrieval::CUES_VERSION;
            if current {
                found.insert(sequence, derived);
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// Traits and costs while they are extended.
struct Filled {
    traits: Vec<TurnTraits>,
    costs: Costs,
}

impl Filled {
    fn fill(
        &mut self,
        store: &Store,
        branch: &Branch,
        from: Sequence,
        last: Sequence,
        derived: &HashMap<Sequence, Derived>,
        counter: &dyn TokenCounter,
    ) -> Result<(), StoreError> {
        let mut next = from;
        while next <= last {
            let ready = derived.get(&next).and_then(|derived| {
                let cost = derived.costs.iter().find(|(name, _)| name == counter.name())?.1;
                Some((derived.traits, cost))
            });
            let Some((traits, cost)) = ready else {
                let until = (next + 1..=last)
                    .find(|sequence| derived.contains_key(sequence))
                    .map_or(last, |sequence| sequence - 1);
                self.read(store, branch, next, until, counter)?;
                next = until + 1;
                continue;
            };
            self.push(next, traits, cost);
            next += 1;
        }
        Ok(())
    }

    /// Reads turns that are not derived yet.
    fn read(
        &mut self,
        store: &Store,
        branch: &Branch,
        from: Sequence,
        until: Sequence,
        counter: &dyn TokenCounter,
    ) -> Result<(), StoreError> {
        let mut expected = from;
        let part = part_of(branch, from, until);
        scan_turns(store, &part, from, until, Direction::Forward, &mut |turn| {
            // A gap is a turn of another branch's loss; its place stays empty.
            while expected < turn.sequence {
                self.push_gap(expected);
                expected += 1;
            }
            self.push(turn.sequence, TurnTraits::of(&turn), context::turn_cost(&turn, counter));
            expected += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        while expected <= until {
            self.push_gap(expected);
            expected += 1;
        }
        Ok(())
    }

    fn push_gap(&mut self, sequence: Sequence) {
        let traits = TurnTraits::absent(sequence);
        self.push(
            sequence,
            traits,
            TurnCost {
                sequence,
                role: traits.role,
                verbatim: 0,
                quoted: 0,
                calls_tool: false,
                links: ToolLinks::default(),
            },
        );
    }

    /// Either list may be ahead: only what is missing is added.
    fn push(&mut self, sequence: Sequence, traits: TurnTraits, cost: TurnCost) {
        if self.traits.len() as u64 + 1 == sequence {
            self.traits.push(traits);
        }
        if self.costs.turns.len() as u64 + 1 == sequence {
            let before = self.costs.history.last().copied().unwrap_or_default();
            self.costs.history.push(before.and(&cost));
            self.costs.turns.push(cost);
        }
    }
}

/// The segments of a branch between two sequences.
pub(super) fn part_of(branch: &Branch, from: Sequence, until: Sequence) -> Branch {
    let mut part = branch.clone();
    for segment in &mut part.segments {
        segment.from = segment.from.max(from);
        segment.until = segment.until.min(until);
    }
    part.segments.retain(|segment| segment.from <= segment.until);
    part
}

/// Catalogs of the conversations in use.
pub(crate) struct Catalogs {
    recent: moka::sync::Cache<(TenantId, ConversationId), Arc<Catalog>>,
}

impl Default for Catalogs {
    fn default() -> Self {
        let weight = |_: &(TenantId, ConversationId), catalog: &Arc<Catalog>| {
            let turns = catalog.state.read().traits.len();
            catalog.weighed.store(turns, Ordering::Relaxed);
            u32::try_from(turns + 64).unwrap_or(u32::MAX)
        };
        Self {
            recent: moka::sync::Cache::builder().weigher(weight).max_capacity(CACHED_TURNS).build(),
        }
    }
}

impl Catalogs {
    /// The catalog of a branch, empty at first.
    pub(crate) fn of(&self, branch: &Branch) -> Arc<Catalog> {
        let key = (branch.tenant.clone(), branch.conversation.clone());
        let catalog = self.recent.get_with(key.clone(), || {
            Arc::new(Catalog {
                branch: branch.clone(),
                state: RwLock::default(),
                weighed: AtomicUsize::new(0),
                outdated: AtomicBool::new(false),
            })
        });
        // The cache weighs what is put in: one that has grown is put in again.
        let grown =
            catalog.state.read().traits.len() > 2 * catalog.weighed.load(Ordering::Relaxed) + 64;
        if grown {
            self.recent.insert(key.clone(), Arc::clone(&catalog));
            // Set before the cache lets go of it: seen here, or still to come.
            if catalog.outdated.load(Ordering::SeqCst) {
                self.recent.invalidate(&key);
            }
        }
        catalog
    }

    /// Drops the catalog of one conversation.
    pub(crate) fn invalidate(&self, tenant: &TenantId, id: &ConversationId) {
        self.recent.invalidate(&(tenant.clone(), id.clone()));
    }

    /// Drops every catalog that shows turns which `owner` stores.
    pub(crate) fn invalidate_owner(&self, tenant: &TenantId, owner: &ConversationId) {
        for (key, catalog) in &self.recent {
            let shows = catalog.branch.tenant == *tenant
                && catalog.branch.segments.iter().any(|segment| segment.conversation == *owner);
            if shows {
                catalog.outdated.store(true, Ordering::SeqCst);
                self.recent.invalidate(&*key);
            }
        }
    }
}
