//! Threads that feed an engine: one lane for queries, one for bulk.
//!
//! A lane takes what waits, across requests, sorts it by length so that little
//! is padded, and runs it in batches. Before each batch the bulk lane lets queries
//! and commits go first. The queue's length is bounded by whoever pushes (the
//! service holds a permit for each waiting text). A text whose request was
//! given up is skipped.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    EmbedError, Embedder, Vector,
    cache::{Key, VectorCache},
};

/// Batches' worth of texts that are sorted by length together.
const SORTED_BATCHES: usize = 8;

/// Longest that one bulk batch waits for what is urgent: bulk must not starve.
const MAX_YIELD: Duration = Duration::from_millis(100);

/// Texts in one run of the bulk lane while what is urgent never pauses.
const PRESSED_BATCH: usize = 2;

/// A text on its way to an engine.
pub(super) struct Job {
    /// With its prefix.
    pub(super) text: String,
    pub(super) key: Key,
    pub(super) answer: oneshot::Sender<Result<Vector, EmbedError>>,
    /// The text's place among those that may wait; given back with the answer.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Counts what goes first and is under way, such as queries and commits, so that others
/// can wait for none.
pub(super) struct Priority {
    urgent: Mutex<usize>,
    none: Condvar,
    patience: Duration,
}

impl Default for Priority {
    fn default() -> Self {
        Self::new(MAX_YIELD)
    }
}

impl Priority {
    fn new(patience: Duration) -> Self {
        Self { urgent: Mutex::new(0), none: Condvar::new(), patience }
    }

    pub(super) fn enter(self: &Arc<Self>) -> Urgent {
        *self.urgent.lock() += 1;
        Urgent(Arc::clone(self))
    }

    /// Waits until nothing urgent is under way, but not for ever; gives how many of
    /// `batch` texts to run next.
    pub(super) fn give_way(&self, batch: usize) -> usize {
        // A large batch would keep the processors for as long as it takes.
        if self.wait(self.patience) { batch } else { PRESSED_BATCH.min(batch) }
    }

    /// Waits until none of these is under way, at most so long; whether none is.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let mut urgent = self.urgent.lock();
        self.none.wait_while_for(&mut urgent, |urgent| *urgent > 0, patience);
        *urgent == 0
    }
}

/// Something urgent under way, until it is dropped.
pub struct Urgent(Arc<Priority>);

impl Drop for Urgent {
    fn drop(&mut self) {
        let mut urgent = self.0.urgent.lock();
        *urgent = urgent.saturating_sub(1);
        if *urgent == 0 {
            self.0.none.notify_all();
        }
    }
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Shared {
    engine: Arc<dyn Embedder>,
    cache: Arc<VectorCache>,
    queue: Mutex<Queue>,
    arrived: Condvar,
    /// Texts in one run of the engine.
    batch: usize,
    /// Whom to let go first; none for the query lane itself.
    yields_to: Option<Arc<Priority>>,
    /// Texts that the engine was given, for tests and metrics.
    embedded: AtomicUsize,
}

/// One engine, its queue and its thread.
pub(super) struct Lane {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Lane {
    /// Starts the thread.
    pub(super) fn start(
        name: &str,
        engine: Arc<dyn Embedder>,
        cache: Arc<VectorCache>,
        batch: usize,
        yields_to: Option<Arc<Priority>>,
    ) -> Result<Self, EmbedError> {
        let shared = Arc::new(Shared {
            engine,
            cache,
            queue: Mutex::default(),
            arrived: Condvar::new(),
            batch: batch.max(1),
            yields_to,
            embedded: AtomicUsize::new(0),
        });
        let worker = std::thread::Builder::new()
            .name(format!("embed-{name}"))
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.work()
            })
            .map_err(|error| EmbedError::Engine(format!("no thread: {error}")))?;
        Ok(Self { shared, worker: Mutex::new(Some(worker)) })
    }

    /// Hands texts over; after [`Self::close`] they are answered at once.
    pub(super) fn push(&self, jobs: Vec<Job>) {
        let mut queue = self.shared.queue.lock();
        if queue.closed {
            drop(queue);
            refuse(jobs);
            return;
        }
        queue.jobs.extend(jobs);
        self.shared.arrived.notify_one();
    }

    /// Ends the lane after the batch under way; what waits gets
    /// [`EmbedError::Closed`].
    pub(super) fn close(&self) {
        let waiting = {
            let mut queue = self.shared.queue.lock();
            queue.closed = true;
            self.shared.arrived.notify_all();
            std::mem::take(&mut queue.jobs)
        };
        refuse(waiting);
        let worker = self.worker.lock().take();
        if let Some(worker) = worker
            && worker.join().is_err()
        {
            tracing::error!("an embedding thread had panicked");
        }
    }

    /// Texts that the engine was given so far.
    pub(super) fn embedded(&self) -> usize {
        self.shared.embedded.load(Ordering::Relaxed)
    }
}

fn refuse(jobs: impl IntoIterator<Item = Job>) {
    for job in jobs {
        // The receiver may have gone; then nobody wants to know.
        let _ = job.answer.send(Err(EmbedError::Closed));
    }
}

impl Shared {
    fn work(&self) {
        while let Some(mut jobs) = self.take() {
            jobs.retain(|job| !job.answer.is_closed());
            // Equal texts stand side by side, whoever asks.
            jobs.sort_by(|a, b| a.text.len().cmp(&b.text.len()).then(a.key.cmp(&b.key)));
            while !jobs.is_empty() {
                let priority = self.yields_to.as_ref();
                let batch = priority.map_or(self.batch, |priority| priority.give_way(self.batch));
                let rest = jobs.split_off(batch.min(jobs.len()));
                self.run(std::mem::replace(&mut jobs, rest));
                if self.queue.lock().closed {
                    refuse(std::mem::take(&mut jobs));
                }
            }
        }
    }

    /// Waits for texts; `None` once closed.
    fn take(&self) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock();
        self.arrived.wait_while(&mut queue, |queue| queue.jobs.is_empty() && !queue.closed);
        if queue.closed {
            return None;
        }
        let count = queue.jobs.len().min(self.batch.saturating_mul(SORTED_BATCHES));
        Some(queue.jobs.drain(..count).collect())
    }

    /// Answers one batch.
    fn run(&self, jobs: Vec<Job>) {
        let mut missing: Vec<Job> = Vec::with_capacity(jobs.len());
        for job in jobs {
            // Embedded since it was asked for, by an earlier batch.
            match self.cache.get(&job.key) {
                Some(vector) => answer(job, Ok(vector)),
                None => missing.push(job),
            }
        }
        let mut texts: Vec<&str> = Vec::with_capacity(missing.len());
        let mut places = Vec::with_capacity(missing.len());
        let mut last: Option<&Key> = None;
        for job in &missing {
            if last != Some(&job.key) {
                texts.push(&job.text);
                last = Some(&job.key);
            }
            places.push(texts.len() - 1);
        }
        let vectors = self.embed(&texts);
        for (job, place) in missing.into_iter().zip(places) {
            let vector = vectors.get(place).cloned().unwrap_or_else(|| {
                Err(EmbedError::Engine("the engine gave too few vectors".to_owned()))
            });
            if let Ok(vector) = &vector {
                self.cache.put(job.key, Arc::clone(vector));
            }
            answer(job, vector);
        }
    }

    /// One result for each text: if a batch fails, each is tried alone, so that
    /// one bad text does not fail its neighbours.
    fn embed(&self, texts: &[&str]) -> Vec<Result<Vector, EmbedError>> {
        if texts.is_empty() {
            return Vec::new();
        }
        self.embedded.fetch_add(texts.len(), Ordering::Relaxed);
        match self.embed_checked(texts) {
            Ok(vectors) => vectors.into_iter().map(Ok).collect(),
            Err(error) if texts.len() == 1 => vec![Err(error)],
            Err(error) => {
                tracing::warn!(%error, texts = texts.len(), "a batch failed, trying one by one");
                let alone = |text: &&str| {
                    let mut vectors = self.embed_checked(&[*text])?;
                    vectors.pop().ok_or(EmbedError::Engine("no vector".to_owned()))
                };
                texts.iter().map(alone).collect()
            }
        }
    }

    /// Calls the engine and does not believe it: its panics, the number and
    /// length of its vectors and values that are no numbers become errors.
    fn embed_checked(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let vectors = catch_unwind(AssertUnwindSafe(|| self.engine.embed(texts)))
            .map_err(|_| EmbedError::Engine("the engine panicked".to_owned()))??;
        let dimensions = self.engine.model().dimensions;
        let sound = vectors.len() == texts.len()
            && vectors.iter().all(|vector| {
                vector.len() == dimensions && vector.iter().all(|value| value.is_finite())
            });
        if sound {
            Ok(vectors)
        } else {
            Err(EmbedError::Engine(format!(
                "{} texts gave {} vectors that are not all {dimensions} finite values",
                texts.len(),
                vectors.len()
            )))
        }
    }
}

fn answer(job: Job, vector: Result<Vector, EmbedError>) {
    let Job { answer, permit, .. } = job;
    // Room first: whoever gets the answer may push again at once.
    drop(permit);
    let _ = answer.send(vector);
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
