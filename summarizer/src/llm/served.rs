//! A model behind a bounded queue: tenants take turns, jobs can be cancelled
//! while they wait and while they run, and a caller that went away ends its job.
//!
//! Engines are used by one thread each: a local model is one engine, an
//! endpoint as many as may be asked at once.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    ChatModel, ChatRequest, Finish, Generation, LlmError, ModelInfo, Pieces, queue::FairQueue,
};

/// Asked between steps: why to stop now, if at all.
pub(crate) type Halt<'a> = dyn Fn() -> Option<Finish> + Sync + 'a;

/// Gets the text of an answer as it comes.
pub(crate) type Emit<'a> = dyn FnMut(&str) + Send + 'a;

/// What a thread of a served model runs.
pub(crate) trait Engine: Send {
    /// Answers; `emit` gets the text as it comes.
    fn generate(
        &mut self,
        request: &ChatRequest,
        emit: &mut Emit<'_>,
        halt: &Halt<'_>,
    ) -> Result<Generation, LlmError>;

    /// As [`ChatModel::score`].
    fn score(
        &mut self,
        request: &ChatRequest,
        continuations: &[String],
        halt: &Halt<'_>,
    ) -> Result<Scored, LlmError>;

    /// How long nothing was done during the call before: a wait between two attempts.
    fn idled(&mut self) -> Duration {
        Duration::ZERO
    }
}

/// Scores, and what they took.
pub(crate) struct Scored {
    /// One for each text.
    pub(crate) scores: Vec<f64>,
    /// Tokens of the rendered prompt.
    pub(crate) prompt_tokens: usize,
    /// Tokens that an engine generates to score, where it must.
    pub(crate) generated_tokens: usize,
}

/// What a model did for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How long it worked; waiting for its turn, and between two attempts, is no part.
    pub time: Duration,
    /// Tokens of prompts, also of those that were only scored.
    pub prompt_tokens: usize,
    /// Tokens generated.
    pub generated_tokens: usize,
}

/// Is told what was done for a request.
type Observer = Box<dyn Fn(&ChatRequest, Spent) + Send + Sync>;

/// Bounds of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Waiting jobs in all.
    pub capacity: usize,
    /// Waiting jobs of one tenant.
    pub per_tenant: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { capacity: 256, per_tenant: 64 }
    }
}

/// How long a cancelled job may take to notice before its caller is answered
/// without it: an endpoint may be silent for long.
const NOTICE: Duration = Duration::from_secs(2);

/// What a job is thought to take before any was done.
const FIRST_GUESS: Duration = Duration::from_secs(5);

/// Shortest wait that a refused caller is told.
const LEAST_WAIT: Duration = Duration::from_millis(200);

type Answer<T> = oneshot::Sender<Result<T, LlmError>>;

enum Work {
    Generate(Option<Pieces>, Answer<Generation>),
    Score(Vec<String>, Answer<Vec<f64>>),
}

struct Job {
    request: ChatRequest,
    work: Work,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was put into the queue, or it is closing.
    changed: Condvar,
    closing: AtomicBool,
    engines: usize,
    observer: OnceLock<Observer>,
}

struct Queue {
    jobs: FairQueue<Job>,
    /// A running mean of what a job took.
    typical: Duration,
    /// Threads that still serve.
    alive: usize,
}

/// A model with its threads. Dropping it ends them, running jobs too.
pub struct ServedModel {
    info: ModelInfo,
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl ServedModel {
    /// Starts a thread for each engine.
    pub(crate) fn start<E: Engine + 'static>(
        info: ModelInfo,
        engines: Vec<E>,
        limits: QueueLimits,
    ) -> Result<Self, LlmError> {
        if engines.is_empty() || limits.capacity == 0 || limits.per_tenant == 0 {
            return Err(LlmError::Settings(
                "queue length, its share for a tenant and parallel calls are 1 or more".to_owned(),
            ));
        }
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                jobs: FairQueue::new(limits.capacity, limits.per_tenant),
                typical: FIRST_GUESS,
                alive: engines.len(),
            }),
            changed: Condvar::new(),
            closing: AtomicBool::new(false),
            engines: engines.len(),
            observer: OnceLock::new(),
        });
        let mut served = Self { info, shared, threads: Vec::new() };
        for (number, engine) in engines.into_iter().enumerate() {
            let shared = Arc::clone(&served.shared);
            let thread = std::thread::Builder::new()
                .name(format!("llm-{number}"))
                .spawn(move || serve(engine, &shared))
                .map_err(|error| LlmError::Engine(format!("no thread: {error}")))?;
            served.threads.push(thread);
        }
        Ok(served)
    }

    /// Has `observer` told of all work, before its answer is handed out: also of what
    /// failed, and of what nobody waited for any more. The first one stays.
    #[must_use]
    pub fn observed(self, observer: impl Fn(&ChatRequest, Spent) + Send + Sync + 'static) -> Self {
        self.shared.observer.get_or_init(|| Box::new(observer));
        self
    }

    /// Jobs that wait.
    pub fn waiting(&self) -> usize {
        self.shared.queue.lock().jobs.len()
    }

    /// Queues work and waits for its answer, for as long as the caller cares.
    async fn ask<T>(
        &self,
        request: &ChatRequest,
        work: impl FnOnce(Answer<T>) -> Work,
        halted: impl Fn(Finish) -> Result<T, LlmError>,
    ) -> Result<T, LlmError> {
        request.check()?;
        let (answer, mut answered) = oneshot::channel();
        let job = Job { request: request.clone(), work: work(answer) };
        let ticket = self.shared.push(job)?;
        let deadline = async {
            match request.options.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        let finish = tokio::select! {
            answer = &mut answered => return answer.unwrap_or(Err(LlmError::Closed)),
            () = request.cancel.cancelled() => Finish::Cancelled,
            () = deadline => Finish::Deadline,
        };
        if self.shared.queue.lock().jobs.remove(&request.tenant, ticket).is_some() {
            return halted(finish);
        }
        // It runs, and will notice between two steps.
        match tokio::time::timeout(NOTICE, answered).await {
            Ok(answer) => answer.unwrap_or(Err(LlmError::Closed)),
            Err(_) => halted(finish),
        }
    }
}

#[async_trait]
impl ChatModel for ServedModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn generate(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<Generation, LlmError> {
        let work = |answer| Work::Generate(pieces, answer);
        self.ask(request, work, |finish| Ok(Generation::nothing(finish))).await
    }

    async fn score(
        &self,
        request: &ChatRequest,
        continuations: &[String],
    ) -> Result<Vec<f64>, LlmError> {
        let work = |answer| Work::Score(continuations.to_vec(), answer);
        self.ask(request, work, |finish| Err(LlmError::Halted(finish))).await
    }
}

impl Drop for ServedModel {
    fn drop(&mut self) {
        self.shared.close();
        for thread in self.threads.drain(..) {
            // One that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn push(&self, job: Job) -> Result<u64, LlmError> {
        let mut queue = self.queue.lock();
        if queue.alive == 0 || self.closing.load(Ordering::Acquire) {
            return Err(LlmError::Closed);
        }
        let tenant = job.request.tenant.clone();
        let pushed = queue.jobs.push(&tenant, job).map_err(|full| {
            // Until one of those that wait is served.
            let before = u32::try_from(full.waiting / self.engines).unwrap_or(u32::MAX).max(1);
            let waits = queue.typical.saturating_mul(before);
            LlmError::Overloaded { waiting: full.waiting, retry_after: waits.max(LEAST_WAIT) }
        });
        self.changed.notify_one();
        pushed
    }

    /// The next job; waits for one. `None` when it is closing.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if self.closing.load(Ordering::Acquire) {
                return None;
            }
            if let Some(job) = queue.jobs.pop() {
                return Some(job);
            }
            self.changed.wait(&mut queue);
        }
    }

    fn took(&self, time: Duration) {
        let mut queue = self.queue.lock();
        queue.typical = (queue.typical * 7 + time) / 8;
    }

    fn tell(&self, request: &ChatRequest, spent: Spent) {
        if let Some(observer) = self.observer.get() {
            observer(request, spent);
        }
    }

    fn close(&self) {
        // Under the lock, so that no thread goes to sleep after it looked.
        let _queue = self.queue.lock();
        self.closing.store(true, Ordering::Release);
        self.changed.notify_all();
    }
}

/// Counts a thread out however it ends, and answers those that wait for nobody.
struct Alive<'a>(&'a Shared);

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.alive -= 1;
        if queue.alive == 0 {
            // Dropping a job answers its caller: closed.
            while queue.jobs.pop().is_some() {}
        }
    }
}

fn serve(mut engine: impl Engine, shared: &Shared) {
    let _alive = Alive(shared);
    while let Some(Job { request, work }) = shared.next() {
        let begun = Instant::now();
        let why = |gone: bool| {
            if gone || request.cancel.is_cancelled() || shared.closing.load(Ordering::Acquire) {
                return Some(Finish::Cancelled);
            }
            let late = request.options.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            late.then_some(Finish::Deadline)
        };
        let spent = |engine: &mut dyn Engine, (prompt_tokens, generated_tokens)| {
            let time = begun.elapsed().saturating_sub(engine.idled());
            shared.tell(&request, Spent { time, prompt_tokens, generated_tokens });
        };
        // Nobody is there to hear it if a send fails: the caller went away.
        match work {
            Work::Generate(pieces, answer) => {
                let mut emit = |piece: &str| {
                    if let Some(pieces) = &pieces {
                        let _ = pieces.send(piece.to_owned());
                    }
                };
                let done = match why(answer.is_closed()) {
                    Some(finish) => Ok(Generation::nothing(finish)),
                    None => {
                        let done =
                            engine.generate(&request, &mut emit, &|| why(answer.is_closed()));
                        let of = |it: &Generation| (it.prompt_tokens, it.generated_tokens);
                        spent(&mut engine, done.as_ref().map(of).unwrap_or_default());
                        done
                    }
                };
                let _ = answer.send(done);
            }
            Work::Score(continuations, answer) => {
                let done = engine.score(&request, &continuations, &|| why(answer.is_closed()));
                let of = |it: &Scored| (it.prompt_tokens, it.generated_tokens);
                spent(&mut engine, done.as_ref().map(of).unwrap_or_default());
                let _ = answer.send(done.map(|scored| scored.scores));
            }
        }
        shared.took(begun.elapsed());
    }
}

#[cfg(test)]
#[path = "served_tests.rs"]
mod tests;
