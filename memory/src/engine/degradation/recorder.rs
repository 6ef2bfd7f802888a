//! Writes records of windows, and usage, beside the request: one thread that empties
//! the [`queue`](super::queue), all that waits in one go, so that records share their
//! syncs.
//!
//! Invariants: no append waits for the disk behind a record; a window of a turn that was
//! erased meanwhile is not recorded, since who erases waits for the records that are on
//! their way.

use std::{
    collections::HashMap,
    io,
    ops::ControlFlow,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::join_all;
use tokio::{sync::watch, task::JoinHandle};

use super::{
    cohort_digests::touch,
    queue::{Built, RecordCounts, Recorder},
};
use crate::{
    background,
    degradation::window_signals,
    engine::{Engine, EngineError, records::encode, scopes::Scope},
    store::{Batch, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
    usage::{Meter, Usage, Waiting},
};

/// How long records are gathered before they are written.
const GATHER: Duration = Duration::from_millis(250);
/// How long the records of a conversation wait for its writer, and those of all others
/// with them; then they are put back.
const PATIENCE: Duration = Duration::from_millis(500);
/// Windows that are recorded of one turn, the newest; as many as of it.
const WINDOWS_OF_TURN: usize = 16;

/// Starts recording until `closing` turns true; what waits then is written.
///
/// # Errors
/// No thread can be had.
pub(in crate::engine) fn spawn(
    engine: Weak<Engine>,
    (recorder, meter): (Arc<Recorder>, Arc<Meter>),
    closing: watch::Receiver<bool>,
) -> io::Result<JoinHandle<Option<()>>> {
    background::spawn("record", record(engine, recorder, meter, closing))
}

async fn record(
    engine: Weak<Engine>,
    recorder: Arc<Recorder>,
    meter: Arc<Meter>,
    mut closing: watch::Receiver<bool>,
) {
    // Whatever ends the task: who waits for a record must not wait for ever.
    let _ends = Ends(Arc::clone(&recorder));
    loop {
        // The engine is not held meanwhile: it must be able to go.
        let closes = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => true,
            () = gather(&recorder, &meter) => false,
        };
        let Some(engine) = engine.upgrade() else { return };
        // What is put back in the end would be lost.
        let patience = if closes { Duration::MAX } else { PATIENCE };
        engine.write_records(recorder.take(), meter.take(), patience).await;
        if closes {
            return;
        }
    }
}

/// Tells on leaving that nothing is recorded any more.
struct Ends(Arc<Recorder>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Returns when there is something to write and no reason to wait for more.
async fn gather(recorder: &Recorder, meter: &Meter) {
    tokio::select! {
        () = recorder.arrived() => {}
        () = meter.grown() => {}
        () = recorder.hurried() => return,
    }
    tokio::select! {
        () = tokio::time::sleep(GATHER) => {}
        () = recorder.hurried() => {}
    }
}

impl Engine {
    /// How recording went since the start.
    pub fn record_counts(&self) -> RecordCounts {
        self.recorder.counts()
    }

    /// Writes windows and amounts: those of one conversation together. What waits longer
    /// than `patience` for the writer of its conversation is put back.
    async fn write_records(&self, built: Vec<Built>, amounts: Waiting, patience: Duration) {
        let mut of_tenants: HashMap<TenantId, Usage> = HashMap::new();
        let mut records: HashMap<_, (Vec<Built>, Usage)> = HashMap::new();
        for ((tenant, id), amounts) in amounts {
            match id {
                Some(id) => records.entry((tenant, id)).or_default().1 = amounts,
                None => of_tenants.entry(tenant).or_default().add(&amounts),
            }
        }
        for one in built {
            records.entry((one.tenant.clone(), one.id.clone())).or_default().0.push(one);
        }
        let writes = records.into_iter().map(async |((tenant, id), (built, amounts))| {
            match self.write_records_of(&tenant, &id, &built, &amounts, patience).await {
                Ok(true) => {}
                Ok(false) => {
                    self.recorder.put_back(built);
                    if amounts != Usage::default() {
                        self.meter.put_back(&tenant, Some(&id), &amounts);
                    }
                    return None;
                }
                // Those of a conversation that has gone are not missed.
                Err(EngineError::NotFound { .. }) => {}
                Err(error) => {
                    let lost = built.len() as u64;
                    tracing::warn!(%error, conversation = %id, lost, "records are lost");
                    self.recorder.lose(lost);
                }
            }
            Some((tenant, amounts))
        });
        // Counted for the tenant once: not while they are put back.
        for (tenant, amounts) in join_all(writes).await.into_iter().flatten() {
            if amounts != Usage::default() {
                of_tenants.entry(tenant).or_default().add(&amounts);
            }
        }
        if let Err(error) = self.write_usage_of_tenants(&of_tenants).await {
            tracing::warn!(%error, "the usage of tenants waits");
            for (tenant, amounts) in &of_tenants {
                self.meter.put_back(tenant, None, amounts);
            }
        }
        self.recorder.finish();
    }

    /// Writes what waits of a conversation; whether its writer came to an end in time.
    async fn write_records_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        built: &[Built],
        amounts: &Usage,
        patience: Duration,
    ) -> Result<bool, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let aside = async { cell.write().await.aside().await };
        let Ok(_aside) = tokio::time::timeout(patience, aside).await else { return Ok(false) };
        let scope = self.scope(tenant, id)?;
        let mut batch = Batch::new();
        if *amounts != Usage::default() {
            self.add_usage(&mut batch, tenant, id, amounts)?;
        }
        let mut of_turns: HashMap<(Sequence, bool), usize> = HashMap::new();
        for one in built {
            *of_turns.entry((one.facts.at, one.facts.as_of)).or_default() += 1;
        }
        for one in built {
            // Of many that wait only the newest are kept.
            let Some(left) = of_turns.get_mut(&(one.facts.at, one.facts.as_of)) else { continue };
            if *left <= WINDOWS_OF_TURN {
                self.add_window(&mut batch, &scope, one, *left)?;
            }
            *left -= 1;
        }
        if batch.is_empty() {
            return Ok(true);
        }
        // Neither health nor cohorts go by how something stood.
        let live = built.iter().filter(|one| !one.facts.as_of);
        let first = live.map(|one| one.facts.at).min();
        if first.is_some() {
            touch(&mut batch, tenant, id)?;
        }
        // No window is made of records, so that none that is known is outdated.
        self.store.commit(batch).await?;
        if let Some(first) = first {
            self.healths.recorded(&cell, first);
        }
        Ok(true)
    }

    fn add_window(
        &self,
        batch: &mut Batch,
        scope: &Scope,
        built: &Built,
        coming: usize,
    ) -> Result<(), EngineError> {
        let at = built.facts.at;
        let turn = self.read_turn(&scope.branch, at)?;
        if turn.is_none_or(|turn| turn.forgotten) {
            return Ok(());
        }
        let ledger = self.ledger(scope)?;
        let timeline = ledger.covering(&self.store, at.min(self.scored(scope)?))?;
        let signals =
            window_signals(&built.window, &built.facts, &|turn| timeline.is_stale(turn, at));
        drop(timeline);
        let micros = signals.built_at.as_microsecond().try_into().unwrap_or(0);
        let kind = if signals.as_of {
            Kind::WindowAsOf
        } else {
            self.tally.window(&built.tenant, &signals);
            Kind::Window
        };
        self.thin_windows(batch, (&built.tenant, &built.id), kind, (at, coming))?;
        batch.put(keys::window(&built.tenant, &built.id, kind, at, micros), encode(&signals)?);
        Ok(())
    }

    /// Makes room for so many windows more of a turn: those as of it by themselves.
    fn thin_windows(
        &self,
        batch: &mut Batch,
        (tenant, id): (&TenantId, &ConversationId),
        kind: Kind,
        (at, coming): (Sequence, usize),
    ) -> Result<(), EngineError> {
        let (start, end) = keys::prefix_range(&keys::at_sequence(tenant, id, kind, at));
        let mut known = Vec::new();
        self.store.scan_keys(&start, &end, &mut |key| {
            known.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        let surplus = (known.len() + coming).saturating_sub(WINDOWS_OF_TURN);
        known.into_iter().take(surplus).for_each(|key| batch.delete(key));
        Ok(())
    }
}
