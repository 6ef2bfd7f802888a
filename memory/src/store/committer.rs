//! Group commit: one thread, one bounded queue, one write and one sync for all
//! batches that wait.
//!
//! While a sync runs, the next batches gather; the thread then takes them all
//! (up to a limit of bytes), commits them together and answers each. Invariants:
//! a batch is answered `Ok` only after its sync, or, where it asks for that, when it
//! can be read, and the next sync covers it; a batch that was accepted is
//! committed whether or not its caller still waits; after a failed sync nothing
//! is written again; a full disk is tried again until it takes something, also
//! when nobody writes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::batch::Batch;
use super::layout::Layout;
use super::{ConversationStore, Durability, StoreError, StoreHealth};

/// Most bytes of batches that wait; beyond it the store is overloaded.
pub const MAX_WAITING_BYTES: usize = 256 << 20;
/// Batches of more bytes than this are not joined into one group. Small on
/// purpose: sled may reuse a segment of its log within a group that fills
/// several of them (512 KiB each), before the sync that the reuse depends on.
const MAX_GROUP_BYTES: usize = 192 << 10;
/// Most bytes that wait for the sync of a later group: with that group no more than
/// 256 KiB.
const MAX_UNSYNCED_BYTES: usize = 64 << 10;
/// Most batches in one group.
const MAX_GROUP_BATCHES: usize = 1024;

/// How often a full disk is tried again while no batch comes.
const PROBE: Duration = Duration::from_secs(1);

/// Receives the outcome of one batch.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Waiting {
    batch: Batch,
    terms: Terms,
    answer: Answer,
}

/// On which terms a batch is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) durability: Durability,
    /// Only if nothing was taken back since [`Committer::losses`] said so.
    pub(super) since: Option<u64>,
}

/// What was committed since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitCounts {
    /// Groups that were synced, each once.
    pub groups: u64,
    /// Batches in them.
    pub batches: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl CommitCounts {
    fn add<'a>(&mut self, batches: impl Iterator<Item = &'a Batch>, durability: Durability) {
        self.groups += u64::from(durability == Durability::OnReturn);
        for batch in batches {
            self.batches += 1;
            self.bytes += batch.bytes() as u64;
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    closed: bool,
}

/// What callers and the thread share.
struct Shared {
    engine: Arc<dyn ConversationStore>,
    max_waiting: usize,
    queue: Mutex<Queue>,
    arrived: Condvar,
    health: Mutex<StoreHealth>,
    /// Held while the engine commits: a reader that saw half of a commit waits.
    commits: Mutex<()>,
    counts: Mutex<CommitCounts>,
    /// Bytes that were committed since the last sync. The committing thread's own.
    unsynced: AtomicUsize,
    /// How often a full disk has taken back what was not synced.
    losses: AtomicU64,
}

/// The handle of the committing thread.
pub(super) struct Committer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`StoreError::Open`] when no thread can be had.
    pub(super) fn start(
        engine: Arc<dyn ConversationStore>,
        max_waiting: usize,
    ) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            health: Mutex::new(engine.health()),
            engine,
            max_waiting: max_waiting.max(1),
            queue: Mutex::default(),
            arrived: Condvar::new(),
            commits: Mutex::new(()),
            counts: Mutex::default(),
            unsynced: AtomicUsize::new(0),
            losses: AtomicU64::new(0),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || of_thread.run())
            .map_err(|error| {
                StoreError::Open(format!("no thread can be started for the store: {error}"))
            })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Batches that may wait.
    pub(super) fn max_waiting(&self) -> usize {
        self.shared.max_waiting
    }

    /// Accepts a batch, or says why not without waiting.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Closed`], [`StoreError::Poisoned`]
    /// or [`StoreError::Overloaded`]; `answer` is then never called.
    pub(super) fn submit(
        &self,
        batch: Batch,
        terms: Terms,
        answer: Answer,
    ) -> Result<(), StoreError> {
        batch.check_size()?;
        let shared = &self.shared;
        if let StoreHealth::Poisoned(cause) = &*shared.health.lock() {
            return Err(StoreError::Poisoned { cause: cause.clone() });
        }
        let mut queue = shared.queue.lock();
        if queue.closed {
            return Err(StoreError::Closed);
        }
        let waiting = queue.waiting.len();
        let full = waiting > 0 && queue.bytes + batch.bytes() > MAX_WAITING_BYTES;
        if waiting >= shared.max_waiting || full {
            return Err(StoreError::Overloaded { waiting, limit: shared.max_waiting });
        }
        queue.bytes += batch.bytes();
        queue.waiting.push_back(Waiting { batch, terms, answer });
        drop(queue);
        shared.arrived.notify_one();
        Ok(())
    }

    pub(super) fn health(&self) -> StoreHealth {
        self.shared.health.lock().clone()
    }

    pub(super) fn counts(&self) -> CommitCounts {
        *self.shared.counts.lock()
    }

    pub(super) fn losses(&self) -> u64 {
        self.shared.losses.load(Ordering::Acquire)
    }

    /// The lock that a commit of the engine holds.
    pub(super) fn commits(&self) -> &Mutex<()> {
        &self.shared.commits
    }

    /// Refuses new batches, commits those that were accepted, ends the thread.
    pub(super) fn close(&self) {
        self.shared.queue.lock().closed = true;
        self.shared.arrived.notify_all();
        // Held while joining, so that a second caller also waits for the drain.
        let mut thread = self.thread.lock();
        if thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's committing thread panicked");
        }
    }
}

impl Shared {
    fn run(&self) {
        while let Some(group) = self.next_group() {
            self.commit(group);
        }
    }

    /// Waits for batches; `None` when the queue is closed and empty.
    fn next_group(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue.lock();
        while queue.waiting.is_empty() {
            if queue.closed {
                return None;
            }
            if *self.health.lock() != StoreHealth::Full {
                self.arrived.wait(&mut queue);
            } else if self.arrived.wait_for(&mut queue, PROBE).timed_out() {
                MutexGuard::unlocked(&mut queue, || self.probe());
            }
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(next) = queue.waiting.front() {
            let size = next.batch.bytes();
            let joins = bytes + size <= MAX_GROUP_BYTES && group.len() < MAX_GROUP_BATCHES;
            if !group.is_empty() && !joins {
                break;
            }
            bytes += size;
            group.extend(queue.waiting.pop_front());
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        Some(group)
    }

    /// Commits a group and answers each of its batches.
    fn commit(&self, group: Vec<Waiting>) {
        if let StoreHealth::Poisoned(cause) = self.health.lock().clone() {
            for waiting in group {
                (waiting.answer)(Err(StoreError::Poisoned { cause: cause.clone() }));
            }
            return;
        }
        let durability = self.durability(&group);
        // An engine that panics has failed; its callers must not wait for ever.
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.write(&group, durability)))
            .unwrap_or_else(|panic| vec![self.poison(panic_text(&*panic)); group.len()]);
        for (waiting, outcome) in group.into_iter().zip(outcomes) {
            (waiting.answer)(outcome);
        }
    }

    /// What a group needs: a sync if one of it does, or if with it more would wait for
    /// one than may.
    fn durability(&self, group: &[Waiting]) -> Durability {
        let bytes: usize = group.iter().map(|waiting| waiting.batch.bytes()).sum();
        let unsynced = self.unsynced.load(Ordering::Relaxed) + bytes;
        let synced = group.iter().any(|waiting| waiting.terms.durability == Durability::OnReturn);
        if synced || unsynced > MAX_UNSYNCED_BYTES {
            return Durability::OnReturn;
        }
        self.unsynced.store(unsynced, Ordering::Relaxed);
        Durability::WithNext
    }

    /// Writes a group; one outcome for each batch.
    fn write(&self, group: &[Waiting], durability: Durability) -> Vec<Result<(), StoreError>> {
        let mut layout = Layout::new(&*self.engine);
        let losses = self.losses.load(Ordering::Acquire);
        let add = |Waiting { batch, terms, .. }: &Waiting| match terms.since {
            Some(since) if since != losses => Err(StoreError::TakenBack),
            _ => layout.add(batch),
        };
        let mut outcomes: Vec<_> = group.iter().map(add).collect();
        let waits = self.unsynced.load(Ordering::Relaxed) > 0;
        if layout.writes().is_empty() && !(durability == Durability::OnReturn && waits) {
            return outcomes;
        }
        let committed = {
            let _held = self.commits.lock();
            self.engine.commit(layout.writes(), durability)
        };
        let answer = match committed {
            Ok(()) => {
                let written = group.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
                self.counts.lock().add(written.map(|(waiting, _)| &waiting.batch), durability);
                if durability == Durability::OnReturn {
                    self.unsynced.store(0, Ordering::Relaxed);
                    self.set_health(StoreHealth::Serving);
                }
                return outcomes;
            }
            Err(full @ StoreError::Full { .. }) => {
                self.taken_back();
                self.set_health(StoreHealth::Full);
                Err(full)
            }
            Err(StoreError::Poisoned { cause }) => self.poison(cause),
            // Whether it was applied is not known, so no later commit may rest on it.
            Err(other) => self.poison(other.to_string()),
        };
        for outcome in &mut outcomes {
            if outcome.is_ok() {
                outcome.clone_from(&answer);
            }
        }
        outcomes
    }

    /// Tries a full disk again. Nobody else does while health says that nothing
    /// can be written and callers believe it.
    fn probe(&self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _held = self.commits.lock();
            self.engine.commit(&[], Durability::OnReturn)
        }));
        match outcome {
            Ok(Ok(())) => {
                self.unsynced.store(0, Ordering::Relaxed);
                self.set_health(StoreHealth::Serving);
            }
            Ok(Err(StoreError::Full { .. })) => self.taken_back(),
            Ok(Err(StoreError::Poisoned { cause })) => drop(self.poison(cause)),
            Ok(Err(other)) => drop(self.poison(other.to_string())),
            Err(panic) => drop(self.poison(panic_text(&*panic))),
        }
    }

    /// The engine may have been opened again: what waited for a sync is gone then. It
    /// may also still be there, and counts as waiting.
    fn taken_back(&self) {
        if self.unsynced.load(Ordering::Relaxed) > 0 {
            self.losses.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn poison(&self, cause: String) -> Result<(), StoreError> {
        tracing::error!(cause, "the store takes no more writes");
        self.set_health(StoreHealth::Poisoned(cause.clone()));
        Err(StoreError::Poisoned { cause })
    }

    fn set_health(&self, now: StoreHealth) {
        let mut health = self.health.lock();
        if *health != now {
            tracing::info!(before = ?*health, ?now, "store health");
            *health = now;
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the storage engine panicked: {}", text.unwrap_or("no message"))
}
