//! The task that folds conversations that have grown, on a thread of its own: one
//! range at a time, the conversations in turn, so that a long one holds up no other.
//!
//! What was folded is in the store.

use std::{
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};

use super::Grown;
use crate::{
    background,
    engine::{Engine, EngineError},
};

/// First and longest delay after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long a fold waits for turns to be embedded: these come first.
const YIELDS: Duration = Duration::from_secs(30);
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
