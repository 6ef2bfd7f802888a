//! The task that probes sampled conversations as they grow, on a thread of its own
//! and after everything else.

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

/// How long a round of probes waits for turns to be embedded: these come first.
const YIELDS: Duration = Duration::from_secs(30);

/// Starts probing until `closing` turns true.
///
/// # Errors
/// No thread can be had.
pub(crate) fn spawn(
    engine: Weak<Engine>,
    grown: Arc<Grown>,
    closing: watch::Receiver<bool>,
) -> io::Result<JoinHandle<Option<()>>> {
    background::spawn("probe", async move { probe(&engine, &grown, closing).await })
}

async fn probe(engine: &Weak<Engine>, grown: &Grown, mut closing: watch::Receiver<bool>) {
    background::give_way();
    loop {
        let (tenant, id) = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            one = grown.take() => one,
        };
        let Some(engine) = engine.upgrade() else { return };
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = engine.enriched(YIELDS) => {}
        }
        let probed = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            probed = engine.probe_if_due(&tenant, &id) => probed,
        };
        match probed {
            Ok(()) | Err(EngineError::NotFound { .. }) => {}
            // The next round comes when it grows again.
            Err(error) => tracing::warn!(%error, %id, "probing failed"),
        }
    }
}
