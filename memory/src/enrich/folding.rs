//! The task that folds conversations that have grown, on a thread of its own: one
//! range at a time, the conversations in turn, so that a long one holds up no other.
//!
//! What was folded is in the store. What waits for its model is in memory only: after a
//! restart it is tried again when its conversation grows.

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
    engine::{Engine, EngineError, fold_due::Fold},
    turn::{ConversationId, TenantId},
};

/// First and longest delay after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long a fold waits for turns to be embedded: these come first.
const YIELDS: Duration = Duration::from_secs(30);
/// Conversations that wait for their model at most; one that finds no place is looked at
/// when it grows again.
const MAX_LATER: usize = 10_000;

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
    fn pass(&mut self, folds: &Grown) {
        let now = Instant::now();
        self.0.retain(|(tenant, id), until| {
            let waits = *until > now;
            if !waits {
                folds.push(tenant, id);
            }
            waits
        });
    }
}

/// Starts folding until `closing` turns true.
///
/// # Errors
/// No thread can be had.
pub(crate) fn spawn(
    engine: Weak<Engine>,
    folds: Arc<Grown>,
    closing: watch::Receiver<bool>,
) -> io::Result<JoinHandle<Option<()>>> {
    background::spawn("fold", async move { fold(&engine, &folds, closing).await })
}

async fn fold(engine: &Weak<Engine>, folds: &Grown, mut closing: watch::Receiver<bool>) {
    background::give_way();
    let mut delay = RETRY.0;
    let mut later = Later::default();
    loop {
        let first = later.first();
        let (tenant, id) = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep_until(first.unwrap_or_else(Instant::now)),
                if first.is_some() =>
            {
                later.pass(folds);
                continue;
            }
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
            Ok(Fold::Nothing) | Err(EngineError::NotFound { .. }) => {}
            Ok(Fold::Later(left)) => later.wait(tenant, id, left),
            Ok(Fold::Made) => {
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
