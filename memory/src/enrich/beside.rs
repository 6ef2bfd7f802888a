//! The tasks that write beside the requests, each on a thread of its own: one folds
//! conversations that have grown, one gives pins a line. One step at a time, the
//! conversations in turn, so that a long one holds up no other.
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

use super::Grown;
use crate::{
    background,
    engine::{Engine, EngineError},
    turn::{ConversationId, TenantId},
};

/// First and longest delay after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
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

/// Conversations that wait for their model, and until when.
#[derive(Default)]
struct Later(HashMap<(TenantId, ConversationId), Instant>);

impl Later {
    fn wait(&mut self, tenant: TenantId, id: ConversationId, left: Duration) {
        let of = (tenant, id);
        if self.0.len() < MAX_LATER || self.0.contains_key(&of) {
            self.0.insert(of, Instant::now() + left);
        }
    }

    /// When the first of them is due.
    fn first(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Hands over those that are due.
    fn pass(&mut self, grown: &Grown) {
        let now = Instant::now();
        self.0.retain(|(tenant, id), until| {
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
    let mut delay = RETRY.0;
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
        let Some(engine) = engine.upgrade() else { return };
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = engine.enriched(YIELDS) => {}
        }
        let done = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            done = work.step(&engine, &tenant, &id) => done,
        };
        drop(engine);
        match done {
            Ok(Step::Nothing) | Err(EngineError::NotFound { .. }) => {}
            Ok(Step::Later(left)) => later.wait(tenant, id, left),
            Ok(Step::Made) => {
                delay = RETRY.0;
                grown.push(&tenant, &id);
            }
            Err(error) => {
                tracing::warn!(%error, %id, ?work, ?delay, "writing waits");
                grown.push(&tenant, &id);
                tokio::select! {
                    _ = closing.wait_for(|closing| *closing) => return,
                    () = tokio::time::sleep(delay) => {}
                }
                delay = (delay * 2).min(RETRY.1);
            }
        }
    }
}
