//! The task that empties the outbox.
//!
//! What fails is tried again with a growing delay, in its place: nothing is
//! skipped, and a model or an index that is down holds up enrichment, never an
//! append.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use super::{Deriver, Outbox, Queued};
use crate::{
    engine::EngineError,
    store::{Batch, keys},
};

/// Turns taken at a time.
const TURNS_PER_ROUND: u64 = 512;
/// First and longest delay after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Starts emptying the outbox until `closing` turns true.
pub(crate) fn spawn(
    deriver: Deriver,
    outbox: Arc<Outbox>,
    mut closing: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut delay = RETRY.0;
        loop {
            let taken = tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return,
                taken = outbox.take(TURNS_PER_ROUND) => taken,
            };
            let (done, left, error) = tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return,
                outcome = round(&deriver, taken) => outcome,
            };
            outbox.finish(&done);
            outbox.put_back(left);
            let Some(error) = error else {
                delay = RETRY.0;
                continue;
            };
            tracing::warn!(%error, ?delay, "enrichment waits");
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                () = tokio::time::sleep(delay) => {}
            }
            delay = (delay * 2).min(RETRY.1);
        }
    })
}

/// Does entries in order until one fails. Returns what is done and struck from
/// the store, what is left, and why.
async fn round(
    deriver: &Deriver,
    taken: Vec<Queued>,
) -> (Vec<Queued>, Vec<Queued>, Option<EngineError>) {
    let mut done = Vec::with_capacity(taken.len());
    let mut left = Vec::new();
    let mut failed = None;
    for queued in taken {
        if failed.is_some() {
            left.push(queued);
            continue;
        }
        match deriver.run(&queued).await {
            Ok(()) => done.push(queued),
            Err(error) => {
                failed = Some(error);
                left.push(queued);
            }
        }
    }
    let mut batch = Batch::new();
    done.iter().for_each(|queued| batch.delete(keys::outbox(queued.id)));
    if !batch.is_empty()
        && let Err(error) = deriver.store.commit(batch).await
    {
        done.append(&mut left);
        return (Vec::new(), done, Some(error.into()));
    }
    (done, left, failed)
}
