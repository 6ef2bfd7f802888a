//! The reranker's own thread and the queue before it.
//!
//! A question that finds the queue full is refused at once, and one that has
//! waited until its deadline goes on without: its caller has an order already. What
//! nobody waits for any more is not scored, not even to the end. A model that hangs
//! costs each question the deadline until the queue is full, and then nothing.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::timeout};

use super::{Rerank, RerankError};

/// Turns that are reordered if nothing is said.
pub const DEFAULT_RERANK_TOP: usize = 32;
/// Turns that are reordered at most: each is read by the model for each question.
pub const MAX_RERANK_TOP: usize = 256;

/// Texts in one run: between runs it is looked whether anybody still waits.
const BATCH: usize = 8;

/// How much reranking may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerankOptions {
    /// Turns of a ranking that are reordered, the best.
    pub top: usize,
    /// How long a question waits for its scores.
    pub deadline: Duration,
    /// Questions that may wait.
    pub max_waiting: usize,
    /// Threads of one run. For whoever opens the model.
    pub threads: usize,
}

impl Default for RerankOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            top: DEFAULT_RERANK_TOP,
            deadline: Duration::from_secs(2),
            max_waiting: 64,
            threads: cores.min(4),
        }
    }
}

/// A question with its texts.
struct Job {
    query: String,
    texts: Vec<String>,
    answer: oneshot::Sender<Result<Vec<f32>, RerankError>>,
}

/// Reranks for everybody.
pub struct RerankService {
    name: String,
    version: String,
    options: RerankOptions,
    /// Absent once closed.
    queue: Mutex<Option<SyncSender<Job>>>,
    closed: Arc<AtomicBool>,
    /// Disconnects when the thread ends.
    ended: Mutex<Option<Receiver<()>>>,
}

impl RerankService {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`RerankError::Engine`] if no thread can be had.
    pub fn start(engine: Arc<dyn Rerank>, options: RerankOptions) -> Result<Self, RerankError> {
        let (name, version) = (engine.name().to_owned(), engine.version().to_owned());
        let (queue, jobs) = sync_channel(options.max_waiting.max(1));
        let (ends, ended) = sync_channel(0);
        let closed = Arc::<AtomicBool>::default();
        let lane = Lane { engine, closed: Arc::clone(&closed) };
        std::thread::Builder::new()
            .name("rerank".to_owned())
            .spawn(move || {
                lane.work(&jobs);
                drop(ends);
            })
            .map_err(|error| RerankError::Engine(format!("no thread: {error}")))?;
        Ok(Self {
            name,
            version,
            options,
            queue: Mutex::new(Some(queue)),
            closed,
            ended: Mutex::new(Some(ended)),
        })
    }

    /// What the model is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// See [`Rerank::version`].
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Turns of a ranking that are reordered, the best.
    pub fn top(&self) -> usize {
        self.options.top
    }

    /// Scores texts; one finite score for each, in order.
    ///
    /// # Errors
    /// [`RerankError::Overloaded`], [`RerankError::TimedOut`],
    /// [`RerankError::Engine`], [`RerankError::Closed`].
    pub async fn scores(&self, query: String, texts: Vec<String>) -> Result<Vec<f32>, RerankError> {
        let (answer, scores) = oneshot::channel();
        self.push(Job { query, texts, answer })?;
        match timeout(self.options.deadline, scores).await {
            Ok(scores) => scores.unwrap_or(Err(RerankError::Closed)),
            Err(_) => Err(RerankError::TimedOut(self.options.deadline)),
        }
    }

    fn push(&self, job: Job) -> Result<(), RerankError> {
        let queue = self.queue.lock();
        let queue = queue.as_ref().ok_or(RerankError::Closed)?;
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                RerankError::Overloaded { limit: self.options.max_waiting.max(1) }
            }
            TrySendError::Disconnected(_) => RerankError::Closed,
        })
    }

    /// Ends the thread after the run under way, for which it waits (blocking) as
    /// long as a question would; what waits gets [`RerankError::Closed`].
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(self.queue.lock().take());
        let Some(ended) = self.ended.lock().take() else { return };
        if ended.recv_timeout(self.options.deadline) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(name = self.name, "the reranker does not end; it is left behind");
        }
    }
}

impl Drop for RerankService {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the thread holds.
struct Lane {
    engine: Arc<dyn Rerank>,
    closed: Arc<AtomicBool>,
}

impl Lane {
    fn work(&self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let scores = self.scored(&job);
            // Whoever asked may have gone; then nobody wants to know.
            let _ = job.answer.send(scores);
        }
    }

    fn scored(&self, job: &Job) -> Result<Vec<f32>, RerankError> {
        // Of like length together: a batch is padded to its longest text.
        let mut order: Vec<usize> = (0..job.texts.len()).collect();
        order.sort_by_key(|at| job.texts.get(*at).map_or(0, String::len));
        let mut scores = vec![0.0; job.texts.len()];
        for places in order.chunks(BATCH) {
            if self.closed.load(Ordering::Acquire) || job.answer.is_closed() {
                return Err(RerankError::Closed);
            }
            let texts = places.iter().filter_map(|at| job.texts.get(*at).map(String::as_str));
            let found = self.checked(&job.query, &texts.collect::<Vec<_>>())?;
            for (at, found) in places.iter().zip(found) {
                if let Some(score) = scores.get_mut(*at) {
                    *score = found;
                }
            }
        }
        Ok(scores)
    }

    /// Calls the model and does not believe it: its panics, the number of its scores
    /// and those that are no numbers become errors.
    fn checked(&self, query: &str, texts: &[&str]) -> Result<Vec<f32>, RerankError> {
        let scores = catch_unwind(AssertUnwindSafe(|| self.engine.scores(query, texts)))
            .map_err(|_| RerankError::Engine("the model panicked".to_owned()))??;
        if scores.len() == texts.len() && scores.iter().all(|score| score.is_finite()) {
            return Ok(scores);
        }
        let (texts, scores) = (texts.len(), scores.len());
        Err(RerankError::Engine(format!("{texts} texts gave {scores} scores, or some no numbers")))
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
