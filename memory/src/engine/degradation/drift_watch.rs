//! The task that looks for drift, every so often, whenever the service runs: what was due
//! while it did not run is looked at soon after the start.

use std::{io, sync::Weak, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use super::drift::Drift;
use crate::{background, engine::Engine};

/// How long a start is left alone.
const AFTER_START: Duration = Duration::from_secs(60);

/// Starts looking until `closing` turns true.
///
/// # Errors
/// No thread can be had.
pub(in crate::engine) fn spawn(
    engine: Weak<Engine>,
    every: Duration,
    closing: watch::Receiver<bool>,
) -> io::Result<JoinHandle<Option<()>>> {
    background::spawn("drift", look(engine, every, closing))
}

async fn look(engine: Weak<Engine>, every: Duration, mut closing: watch::Receiver<bool>) {
    background::give_way();
    let mut wait = match engine.upgrade() {
        Some(engine) => engine.drift_due(every).await,
        None => return,
    };
    loop {
        // The engine is not held meanwhile: it must be able to go.
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(wait) => {}
        }
        let Some(engine) = engine.upgrade() else { return };
        let found = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            found = engine.look_for_drift() => found,
        };
        match found {
            Ok(new) => new.iter().for_each(tell),
            Err(error) => tracing::warn!(%error, "cohorts cannot be looked at"),
        }
        wait = every;
    }
}

impl Engine {
    /// How long until all tenants are to be looked at again. Who never looked begins now.
    async fn drift_due(&self, every: Duration) -> Duration {
        let looked_at = match self.drift_looked_at() {
            Ok(Some(looked_at)) => looked_at,
            Ok(None) => {
                if let Err(error) = self.note_look().await {
                    tracing::warn!(%error, "that cohorts are looked at is not noted");
                }
                return every;
            }
            Err(error) => {
                tracing::warn!(%error, "when cohorts were looked at is not known");
                return every;
            }
        };
        let since = (self.clock)().duration_since(looked_at);
        // A clock that went back makes nobody wait longer than usual.
        let left = every.saturating_sub(Duration::try_from(since).unwrap_or_default());
        left.max(AFTER_START.min(every))
    }
}

fn tell(drift: &Drift) {
    tracing::warn!(
        tenant = %drift.tenant,
        metric = drift.metric,
        model = drift.model,
        prompt_version = drift.prompt_version,
        since = %drift.since_time,
        conversation = %drift.since,
        conversations = drift.conversations,
        mean_before = drift.mean_before,
        mean_since = drift.mean_since,
        "conversations became worse"
    );
}
