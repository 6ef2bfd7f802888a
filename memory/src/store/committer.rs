//! Group commit: one thread, one bounded queue, one write and one sync for all
//! batches that wait.
//!
//! While a sync runs, the next batches gather; the thread then takes them all
//! (up to a limit of bytes), commits them together and answers each. Invariants:
//! a batch is answered `Ok` only after its sync; a batch that was accepted is
//! committed whether or not its caller still waits; after a failed sync nothing
//! is written again; a full disk is tried again until it takes something, also
//! when nobody writes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::batch::Batch;
use super::layout::Layout;
use super::{ConversationStore, StoreError, StoreHealth};

/// Most bytes of batches that wait; beyond it the store is overloaded.
pub const MAX_WAITING_BYTES: usize = 256 << 20;
/// Batches of more bytes than this are not joined into one group. Small on
/// purpose: sled may reuse a segment of its log within a group that fills
/// several of them (512 KiB each), before the sync that the reuse depends on.
const MAX_GROUP_BYTES: usize = 256 << 10;
/// Most batches in one group.
const MAX_GROUP_BATCHES: usize = 1024;

/// How often a full disk is tried again while no batch comes.
const PROBE: Duration = Duration::from_secs(1);

/// Receives the outcome of one batch.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Waiting {
    batch: Batch,
    answer: Answer,
}

/// What was committed since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitCounts {
    /// Groups, each with one sync.
    pub groups: u64,
    /// Batches in them.
    pub batches: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl CommitCounts {
    fn add(&mut self, batches: &[Batch]) {
        self.groups += 1;
        self.batches += batches.len() as u64;
        self.bytes += batches.iter().map(|batch| batch.bytes() as u64).sum::<u64>();
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

    /// Accepts a batch, or says why not without waiting.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Closed`], [`StoreError::Poisoned`]
    /// or [`StoreError::Overloaded`]; `answer` is then never called.
    pub(super) fn submit(&self, batch: Batch, answer: Answer) -> Result<(), StoreError> {
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
        queue.waiting.push_back(Waiting { batch, answer });
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
        // An engine that panics has failed; its callers must not wait for ever.
        let (batches, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.batch, waiting.answer)).unzip();
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.write(&batches)))
            .unwrap_or_else(|panic| vec![self.poison(panic_text(&*panic)); batches.len()]);
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            answer(outcome);
        }
    }

    /// Writes a group; one outcome for each batch.
    fn write(&self, batches: &[Batch]) -> Vec<Result<(), StoreError>> {
        let mut layout = Layout::new(&*self.engine);
        let mut outcomes: Vec<_> = batches.iter().map(|batch| layout.add(batch)).collect();
        if layout.writes().is_empty() {
            return outcomes;
        }
        let committed = {
            let _held = self.commits.lock();
            self.engine.commit(layout.writes())
        };
        let answer = match committed {
            Ok(()) => {
                self.counts.lock().add(batches);
                self.set_health(StoreHealth::Serving);
                return outcomes;
            }
            Err(full @ StoreError::Full { .. }) => {
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
            self.engine.commit(&[])
        }));
        match outcome {
            Ok(Ok(())) => self.set_health(StoreHealth::Serving),
            Ok(Err(StoreError::Full { .. })) => {}
            Ok(Err(StoreError::Poisoned { cause })) => drop(self.poison(cause)),
            Ok(Err(other)) => drop(self.poison(other.to_string())),
            Err(panic) => drop(self.poison(panic_text(&*panic))),
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
