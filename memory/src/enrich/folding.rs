//! The task that folds conversations that have grown, on a thread of its own: one
//! range at a time, the conversations in turn, so that a long one holds up no other.
//!
//! What waits is in memory only: after a restart a conversation is looked at
//! when it grows again. What was folded is in the store.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::{
    engine::{Engine, EngineError},
    turn::{ConversationId, TenantId},
};

/// First and longest delay after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long a fold waits for turns to be embedded: these come first.
const YIELDS: Duration = Duration::from_secs(30);
/// Conversations that wait at most; one that finds no place is looked at when it
/// grows again.
const MAX_WAITING: usize = 100_000;

type Waiting = (TenantId, ConversationId);

/// Conversations that may have something to fold.
#[derive(Default)]
pub(crate) struct Folds {
    waiting: Mutex<VecDeque<Waiting>>,
    grown: Notify,
}

impl Folds {
    /// A conversation has grown.
    pub(crate) fn push(&self, tenant: &TenantId, id: &ConversationId) {
        let one = (tenant.clone(), id.clone());
        let mut waiting = self.waiting.lock();
        // Batches of one conversation follow each other.
        if waiting.back() != Some(&one) && waiting.len() < MAX_WAITING {
            waiting.push_back(one);
        }
        drop(waiting);
        self.grown.notify_one();
    }

    async fn take(&self) -> Waiting {
        loop {
            if let Some(one) = self.waiting.lock().pop_front() {
                return one;
            }
            self.grown.notified().await;
        }
    }
}

/// Starts folding until `closing` turns true.
pub(crate) fn spawn(
    engine: Weak<Engine>,
    folds: Arc<Folds>,
    closing: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(fold(&engine, &folds, closing)))
}

async fn fold(engine: &Weak<Engine>, folds: &Folds, mut closing: watch::Receiver<bool>) {
    let mut delay = RETRY.0;
    loop {
        let (tenant, id) = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            one = folds.take() => one,
        };
        let Some(engine) = engine.upgrade() else { return };
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = engine.enriched(YIELDS) => {}
        }
        let folded = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            folded = engine.fold_once(&tenant, &id, engine.fold_rules()) => folded,
        };
        drop(engine);
        match folded {
            Ok(false) | Err(EngineError::NotFound { .. }) => {}
            Ok(true) => {
                delay = RETRY.0;
                folds.push(&tenant, &id);
            }
            Err(error) => {
                tracing::warn!(%error, %id, ?delay, "folding waits");
                folds.push(&tenant, &id);
                tokio::select! {
                    _ = closing.wait_for(|closing| *closing) => return,
                    () = tokio::time::sleep(delay) => {}
                }
                delay = (delay * 2).min(RETRY.1);
            }
        }
    }
}
