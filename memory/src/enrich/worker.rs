//! The task that empties the outbox.
//!
//! What fails is tried again with a growing delay: nothing is skipped, a model
//! or an index that is down holds up enrichment, never an append, and a text
//! that the embedder fails on holds up its own conversation, never others.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{Deriver, Outbox, Queued};
use crate::{
    embed::EmbedError,
    engine::EngineError,
    store::{Batch, keys},
};

/// Turns taken at a time.
const TURNS_PER_ROUND: u64 = 512;
/// First and longest delay after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// What came of the entries of one round.
#[derive(Default)]
struct Round {
    /// Done and struck from the store.
    done: Vec<Queued>,
    /// Not done: something holds up all.
    left: Vec<Queued>,
    /// Derivations of conversations with a text that the embedder fails on.
    held: Vec<Queued>,
    /// Why there are entries left.
    error: Option<EngineError>,
}

/// A delay that doubles with every failure.
struct Backoff(Duration);

impl Backoff {
    fn next(&mut self) -> Duration {
        let delay = self.0;
        self.0 = (delay * 2).min(RETRY.1);
        delay
    }
}

/// Starts emptying the outbox until `closing` turns true.
pub(crate) fn spawn(
    deriver: Deriver,
    outbox: Arc<Outbox>,
    mut closing: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (mut failing, mut holding) = (Backoff(RETRY.0), Backoff(RETRY.0));
        let mut held: Vec<Queued> = Vec::new();
        let mut again = Instant::now();
        loop {
            let taken = tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return,
                () = tokio::time::sleep_until(again), if !held.is_empty() => {
                    outbox.put_behind(std::mem::take(&mut held));
                    continue;
                }
                taken = outbox.take(TURNS_PER_ROUND) => taken,
            };
            let round = tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return,
                round = run(&deriver, taken) => round,
            };
            outbox.finish(&round.done);
            deriver.fold_soon(&round.done);
            outbox.put_back(round.left);
            if !round.held.is_empty() {
                held.extend(round.held);
                again = Instant::now() + holding.next();
            } else if held.is_empty() {
                holding = Backoff(RETRY.0);
            }
            let Some(error) = round.error else {
                failing = Backoff(RETRY.0);
                continue;
            };
            let delay = failing.next();
            tracing::warn!(%error, ?delay, "enrichment waits");
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                () = tokio::time::sleep(delay) => {}
            }
        }
    })
}

/// Does entries in order. A text that the embedder fails on holds up its own
/// conversation; any other failure ends the round.
async fn run(deriver: &Deriver, taken: Vec<Queued>) -> Round {
    let mut round = Round::default();
    let mut batch = Batch::new();
    let mut taken = taken.into_iter();
    for queued in taken.by_ref() {
        let owner = (&queued.entry.tenant, &queued.entry.owner);
        let held = |other: &Queued| (&other.entry.tenant, &other.entry.owner) == owner;
        if !queued.removes() && round.held.iter().any(held) {
            round.held.push(queued);
            continue;
        }
        // What is removed must not be written after it.
        if queued.removes()
            && !batch.is_empty()
            && let Err(error) = deriver.store.commit(std::mem::take(&mut batch)).await
        {
            round.error = Some(error.into());
            round.left.append(&mut round.done);
            round.left.push(queued);
            break;
        }
        match deriver.run(&queued).await {
            Ok(records) => {
                batch.append(records);
                round.done.push(queued);
            }
            Err(error) => {
                if !matches!(error, EngineError::Embed(EmbedError::Engine(_))) {
                    round.error = Some(error);
                    round.left.push(queued);
                    break;
                }
                let conversation = &queued.entry.owner;
                tracing::warn!(%error, %conversation, "enrichment of a conversation waits");
                round.held.push(queued);
            }
        }
    }
    round.left.extend(taken);
    round.done.iter().for_each(|queued| batch.delete(keys::outbox(queued.id)));
    if !batch.is_empty()
        && let Err(error) = deriver.store.commit(batch).await
    {
        round.left.splice(0..0, round.done.drain(..));
        round.error = Some(error.into());
    }
    round
}
