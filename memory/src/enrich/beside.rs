//! The tasks that write beside the requests, each on a thread of its own: one folds
//! conversations that have grown, one gives pins a line. One step at a time, the tenants
//! and their conversations in turn, so that a long one holds up no other; one that fails
//! waits by itself.
//!
//! What was written is in the store. What waits for its model is in memory only: after a
//! restart the conversations with summaries are looked at, or those with pins for lines.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{Grown, grown::Waiting};
use crate::{
    background,
    engine::{Engine, EngineError},
    turn::{ConversationId, TenantId},
};

/// First and longest delay of a conversation after a failure; each is twice the one before.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Failures in a row after which a conversation is looked at only when it grows: after
/// about an hour.
const MAX_FAILURES: u32 = 20;
/// How long a step waits for turns to be embedded: these come first.
const YIELDS: Duration = Duration::from_secs(30);
/// Conversations that wait for their model at most; one that finds no place is looked at
/// when it grows again.
const MAX_LATER: usize = 10_000;
/// Conversations that are looked at after a start; they leave room in the queue for those
/// that grow meanwhile.
const MAX_AT_START: usize = 50_000;

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// Summaries.
    Fold,
    /// Lines of pins.
    Lines,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done; there may be more.
    Made,
    /// Nothing is due before this has passed, unless the conversation grows.
    Later(Duration),
    /// Nothing is due.
    Nothing,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Fold => "fold",
            Self::Lines => "lines",
        }
    }

    /// The conversations to begin with.
    fn at_start(self, engine: &Engine) -> Result<Vec<(TenantId, ConversationId)>, EngineError> {
        match self {
            Self::Fold => engine.folded_conversations(MAX_AT_START),
            Self::Lines => engine.pinned_conversations(MAX_AT_START),
        }
    }

    async fn step(
        self,
        engine: &Engine,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Step, EngineError> {
        match self {
            Self::Fold => engine.fold_once(tenant, id, engine.fold_rules()).await,
            Self::Lines => engine.line_once(tenant, id).await,
        }
    }
}

/// Conversations that wait for their model or after a failure, and until when.
#[derive(Default)]
struct Later {
    until: HashMap<Waiting, Instant>,
    /// Failures in a row, of those that wait after one.
    failures: HashMap<Waiting, u32>,
}

impl Later {
    fn wait(&mut self, of: Waiting, left: Duration) {
        self.failures.remove(&of);
        if self.until.len() < MAX_LATER || self.until.contains_key(&of) {
            self.until.insert(of, Instant::now() + left);
        }
    }

    /// It failed once more; how long it waits, unless there is no room or it failed too
    /// often.
    fn failed(&mut self, of: Waiting) -> Option<Duration> {
        let failures = self.failures.get(&of).copied().unwrap_or(0).saturating_add(1);
        self.wait(of.clone(), Duration::ZERO);
        let waits = failures < MAX_FAILURES && self.until.contains_key(&of);
        if !waits {
            self.until.remove(&of);
            return None;
        }
        let delay = RETRY.0.saturating_mul(2_u32.saturating_pow(failures - 1)).min(RETRY.1);
        self.until.insert(of.clone(), Instant::now() + delay);
        self.failures.insert(of, failures);
        Some(delay)
    }

    /// It did not fail.
    fn done(&mut self, of: &Waiting) {
        self.failures.remove(of);
        self.until.remove(of);
    }

    /// Whether it still waits after a failure: growing does not make it work.
    fn holds_back(&self, of: &Waiting) -> bool {
        self.failures.contains_key(of) && self.until.get(of).is_some_and(|at| *at > Instant::now())
    }

    /// When the first of them is due.
    fn first(&self) -> Option<Instant> {
        self.until.values().min().copied()
    }

    /// Hands over those that are due.
    fn pass(&mut self, grown: &Grown) {
        let now = Instant::now();
        self.until.retain(|(tenant, id), until| {
            let waits = *until > now;
            if !waits {
                grown.push(tenant, id);
            }
            waits
        });
    }
}

/// Starts the work until `closing` turns true.
///
/// # Errors
/// No thread can be had.
pub(crate) fn spawn(
    work: Work,
    engine: Weak<Engine>,
    grown: Arc<Grown>,
    closing: watch::Receiver<bool>,
) -> io::Result<JoinHandle<Option<()>>> {
    background::spawn(work.name(), async move { run(work, &engine, &grown, closing).await })
}

async fn run(work: Work, engine: &Weak<Engine>, grown: &Grown, mut closing: watch::Receiver<bool>) {
    background::give_way();
    let mut later = Later::default();
    match engine.upgrade().map(|engine| work.at_start(&engine)) {
        Some(Ok(all)) => all.iter().for_each(|(tenant, id)| grown.push(tenant, id)),
        Some(Err(error)) => tracing::warn!(%error, ?work, "what waits is looked at as it grows"),
        None => return,
    }
    loop {
        let first = later.first();
        let (tenant, id) = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep_until(first.unwrap_or_else(Instant::now)),
                if first.is_some() =>
            {
                later.pass(grown);
                continue;
            }
            one = grown.take() => one,
        };
        let of = (tenant, id);
        if later.holds_back(&of) {
            continue;
        }
        let (tenant, id) = (&of.0, &of.1);
        let Some(engine) = engine.upgrade() else { return };
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = engine.enriched(YIELDS) => {}
        }
        let done = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            done = work.step(&engine, tenant, id) => done,
        };
        drop(engine);
        match done {
            Ok(Step::Nothing) | Err(EngineError::NotFound { .. }) => later.done(&of),
            Ok(Step::Later(left)) => later.wait(of, left),
            Ok(Step::Made) => {
                later.done(&of);
                grown.push(&of.0, &of.1);
            }
            Err(error) => {
                let id = id.clone();
                let delay = later.failed(of);
                tracing::warn!(%error, %id, ?work, ?delay, "writing waits");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str) -> Waiting {
        (TenantId::new("t").unwrap(), ConversationId::new(id).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn each_waits_by_itself_longer_each_time_and_not_for_ever() {
        let (mut later, grown) = (Later::default(), Grown::default());
        assert_eq!(later.failed(of("a")), Some(RETRY.0));
        assert!(later.holds_back(&of("a")) && !later.holds_back(&of("b")));
        assert_eq!(later.failed(of("a")), Some(RETRY.0 * 2));
        tokio::time::advance(RETRY.0 * 2).await;
        later.pass(&grown);
        assert_eq!(grown.take().await, of("a"));
        assert!(!later.holds_back(&of("a")) && later.first().is_none());
        let mut delays: Vec<_> = (2..MAX_FAILURES).map(|_| later.failed(of("a"))).collect();
        assert_eq!(delays.pop(), Some(None));
        assert_eq!(delays.pop(), Some(Some(RETRY.1)));
        assert!(!later.holds_back(&of("a")), "it is looked at when it grows");
        assert_eq!(later.failed(of("a")), Some(RETRY.0));
        later.done(&of("a"));
        assert!(!later.holds_back(&of("a")) && later.first().is_none());
        // One that waits for its model is looked at when it grows.
        later.wait(of("a"), RETRY.1);
        assert!(!later.holds_back(&of("a")) && later.first().is_some());
    }
}
