//! The branches in memory: read from the store when first asked for, together
//! by all who ask, and given up in the order of their last use when they take
//! more than the capacity.
//!
//! No turn is lost between a load and an upsert: a turn is in the store before
//! the index hears of it, so a load that starts later reads it; one that runs
//! already is entered here, and the upsert waits for it and then applies to
//! what it gave.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, watch};

use super::branch::{LoadedBranch, Standing};
use crate::{
    index::{Branch, IndexError, TurnSource},
    store::StoreError,
    turn::{ConversationId, Sequence, TenantId},
};

/// Loads that run at once.
pub(super) const MAX_LOADS: usize = 8;

/// A branch in memory, shared with the searches that run.
pub(super) type Shared = Arc<RwLock<LoadedBranch>>;
type Outcome = Result<Shared, IndexError>;
type Owner = (TenantId, ConversationId);

/// How far a branch has come.
#[derive(Clone)]
enum Progress {
    Loading(watch::Receiver<Option<Outcome>>),
    Ready(Shared),
}

struct Entry {
    /// Tells this load of the branch from an earlier one.
    load: u64,
    progress: Progress,
    bytes: u64,
    /// Key in [`State::uses`]; of no meaning while it is loading.
    used: u64,
}

/// Guarded by the one lock, which is never held while a branch is read or
/// searched.
#[derive(Default)]
struct State {
    entries: HashMap<Branch, Entry>,
    /// Branches that hold turns of an owner.
    owners: HashMap<Owner, HashSet<Branch>>,
    /// Ready branches by last use, oldest first.
    uses: BTreeMap<u64, Branch>,
    clock: u64,
    bytes: u64,
}

/// The branches in memory.
pub(super) struct Cache {
    source: Arc<dyn TurnSource>,
    capacity_bytes: u64,
    state: Mutex<State>,
    loads: Semaphore,
}

impl Cache {
    pub(super) fn new(source: Arc<dyn TurnSource>, capacity_bytes: u64) -> Self {
        Self { source, capacity_bytes, state: Mutex::default(), loads: Semaphore::new(MAX_LOADS) }
    }

    /// A branch, read from the store if it is not in memory.
    pub(super) async fn get(self: &Arc<Self>, branch: &Branch) -> Outcome {
        let progress = self.state.lock().progress(branch);
        let progress = progress.unwrap_or_else(|| self.start(branch));
        wait(progress).await
    }

    /// Applies a change to every branch in memory that holds a turn of `owner`
    /// that `touches` names.
    pub(super) async fn change(
        &self,
        owner: &Owner,
        touches: impl Fn(Sequence, Sequence) -> bool,
        apply: impl Fn(&Branch, &mut LoadedBranch) -> Standing,
    ) {
        let holding = self.state.lock().holding(owner, touches);
        for (branch, load, progress) in holding {
            // A load that failed has left nothing to change.
            let Ok(shared) = wait(progress).await else { continue };
            let (standing, bytes) = {
                let mut loaded = shared.write();
                (apply(&branch, &mut loaded), loaded.bytes())
            };
            let mut state = self.state.lock();
            match standing {
                Standing::Current => state.weigh(&branch, load, bytes, self.capacity_bytes),
                Standing::Outdated => state.forget(&branch, load),
            }
        }
    }

    /// Enters a load and starts it. Runs to its end whoever waits for it.
    fn start(self: &Arc<Self>, branch: &Branch) -> Progress {
        let (sender, receiver) = watch::channel(None);
        let load = {
            let mut state = self.state.lock();
            // Another may have been quicker since the caller looked.
            if let Some(progress) = state.progress(branch) {
                return progress;
            }
            state.enter(branch, Progress::Loading(receiver.clone()))
        };
        let (cache, branch) = (self.clone(), branch.clone());
        tokio::spawn(async move {
            let outcome = cache.load(&branch).await;
            cache.state.lock().finish(&branch, load, &outcome, cache.capacity_bytes);
            sender.send_replace(Some(outcome));
        });
        Progress::Loading(receiver)
    }

    async fn load(&self, branch: &Branch) -> Outcome {
        let _permit = self.loads.acquire().await.map_err(|_| cut_off())?;
        let (source, branch) = (self.source.clone(), branch.clone());
        let read = move || source.load(&branch).map(LoadedBranch::build);
        let loaded = tokio::task::spawn_blocking(read).await.map_err(|_| cut_off())??;
        Ok(Arc::new(RwLock::new(loaded)))
    }

    #[cfg(test)]
    pub(super) fn resident(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.entries.len(), state.bytes)
    }
}

async fn wait(progress: Progress) -> Outcome {
    match progress {
        Progress::Ready(shared) => Ok(shared),
        Progress::Loading(mut outcome) => match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(cut_off())),
            Err(_) => Err(cut_off()),
        },
    }
}

/// The task that loads died, or the runtime is shutting down.
fn cut_off() -> IndexError {
    StoreError::Closed.into()
}

impl State {
    /// Where a branch stands; counts as a use.
    fn progress(&mut self, branch: &Branch) -> Option<Progress> {
        let entry = self.entries.get_mut(branch)?;
        if matches!(entry.progress, Progress::Ready(_)) {
            self.clock += 1;
            if let Some(key) = self.uses.remove(&entry.used) {
                self.uses.insert(self.clock, key);
            }
            entry.used = self.clock;
        }
        Some(entry.progress.clone())
    }

    fn enter(&mut self, branch: &Branch, progress: Progress) -> u64 {
        self.clock += 1;
        let load = self.clock;
        for segment in &branch.segments {
            let owner = (branch.tenant.clone(), segment.conversation.clone());
            self.owners.entry(owner).or_default().insert(branch.clone());
        }
        self.entries.insert(branch.clone(), Entry { load, progress, bytes: 0, used: 0 });
        load
    }

    fn finish(&mut self, branch: &Branch, load: u64, outcome: &Outcome, capacity: u64) {
        let Ok(shared) = outcome else { return self.forget(branch, load) };
        self.clock += 1;
        let Some(entry) = self.entries.get_mut(branch).filter(|entry| entry.load == load) else {
            return;
        };
        entry.progress = Progress::Ready(shared.clone());
        entry.used = self.clock;
        self.uses.insert(self.clock, branch.clone());
        let bytes = shared.read().bytes();
        self.weigh(branch, load, bytes, capacity);
    }

    /// Notes what a branch takes now, and makes room for it. A branch larger
    /// than the capacity stays, alone, until another one is used.
    fn weigh(&mut self, branch: &Branch, load: u64, bytes: u64, capacity: u64) {
        let Some(entry) = self.entries.get_mut(branch).filter(|entry| entry.load == load) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(entry.bytes).saturating_add(bytes);
        entry.bytes = bytes;
        while self.bytes > capacity {
            let oldest = self.uses.values().find(|other| *other != branch).cloned();
            let Some(oldest) = oldest else { break };
            let Some(load) = self.entries.get(&oldest).map(|entry| entry.load) else { break };
            tracing::debug!(conversation = %oldest.conversation, "branch leaves memory");
            self.forget(&oldest, load);
        }
    }

    fn forget(&mut self, branch: &Branch, load: u64) {
        if self.entries.get(branch).is_none_or(|entry| entry.load != load) {
            return;
        }
        let Some(entry) = self.entries.remove(branch) else { return };
        self.uses.remove(&entry.used);
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        for segment in &branch.segments {
            let owner = (branch.tenant.clone(), segment.conversation.clone());
            if let Some(branches) = self.owners.get_mut(&owner) {
                branches.remove(branch);
                if branches.is_empty() {
                    self.owners.remove(&owner);
                }
            }
        }
    }

    /// The branches that hold turns of an owner within the ranges that
    /// `touches` names.
    fn holding(
        &self,
        owner: &Owner,
        touches: impl Fn(Sequence, Sequence) -> bool,
    ) -> Vec<(Branch, u64, Progress)> {
        let holds = |branch: &&Branch| {
            let mut own = branch.segments.iter().filter(|s| s.conversation == owner.1);
            own.any(|segment| touches(segment.from, segment.until))
        };
        let branches = self.owners.get(owner).into_iter().flatten().filter(holds);
        branches
            .filter_map(|branch| {
                let entry = self.entries.get(branch)?;
                Some((branch.clone(), entry.load, entry.progress.clone()))
            })
            .collect()
    }
}
