//! Records windows and usage beside the request: a bounded queue, one thread that
//! empties it, all that waits in one go, so that records share their syncs.
//!
//! Invariants: noting a window never waits and keeps none of its words; what finds
//! the queue full is counted as lost; no append waits for the disk behind a record; a
//! window of a turn that was erased meanwhile is not recorded, since who erases waits
//! for the records that are on their way.

use std::{
    collections::{HashMap, VecDeque},
    io,
    ops::ControlFlow,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::join_all;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::{
    background,
    degradation::{WindowFacts, WindowShape, window_signals},
    engine::{Engine, EngineError, records::encode, scopes::Scope},
    store::{Batch, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
    usage::{Meter, Usage, Waiting},
};

/// Windows that wait to be recorded.
const MAX_WAITING: usize = 4_096;
/// Their items; one takes about 56 bytes.
const MAX_WAITING_ITEMS: usize = 1_000_000;
/// How long records are gathered before they are written.
const GATHER: Duration = Duration::from_millis(250);
/// Windows that are recorded of one turn, the newest.
const WINDOWS_OF_TURN: usize = 16;

/// A window that was built.
pub(in crate::engine) struct Built {
    pub(in crate::engine) tenant: TenantId,
    pub(in crate::engine) id: ConversationId,
    pub(in crate::engine) window: WindowShape,
    pub(in crate::engine) facts: WindowFacts,
}

impl Built {
    fn is_of(&self, tenant: &TenantId, id: &ConversationId) -> bool {
        (&self.tenant, &self.id) == (tenant, id)
    }
}

/// How recording went since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Windows that were taken in.
    pub taken: u64,
    /// Windows that found no room, or could not be written.
    pub lost: u64,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Built>,
    /// Items of the windows in the queue.
    items: usize,
    counts: RecordCounts,
    /// Conversations of the windows that are being written.
    writing: Vec<(TenantId, ConversationId)>,
    /// Rounds of writing that have begun, and those that are through.
    begun: u64,
    through: u64,
    /// Nothing is written any more.
    ended: bool,
    /// When the newest was built: no two have the same time.
    newest: Timestamp,
}

/// See the module.
#[derive(Default)]
pub(in crate::engine) struct Recorder {
    state: Mutex<State>,
    arrived: Notify,
    hurry: Notify,
    written: Notify,
}

impl Recorder {
    /// Notes a window; never waits.
    pub(in crate::engine) fn note(&self, mut built: Built) {
        let mut state = self.state.lock();
        let items = state.items + built.window.items();
        if state.queue.len() >= MAX_WAITING || items > MAX_WAITING_ITEMS {
            state.counts.lost += 1;
            return;
        }
        let after = state.newest.saturating_add(jiff::SignedDuration::from_micros(1));
        built.facts.built_at = built.facts.built_at.max(after.unwrap_or(state.newest));
        state.newest = built.facts.built_at;
        state.counts.taken += 1;
        state.items = items;
        state.queue.push_back(built);
        drop(state);
        self.arrived.notify_one();
    }

    pub(in crate::engine) fn counts(&self) -> RecordCounts {
        self.state.lock().counts
    }

    /// Returns when what was noted and counted before is written, of all tenants.
    pub(in crate::engine) async fn flush(&self) {
        // A round that is under way may have begun before.
        let until = self.state.lock().begun + 1;
        self.wait_through(until).await;
    }

    /// Returns when the windows of a conversation that were noted before are written;
    /// at once where none waits.
    pub(in crate::engine) async fn flush_of(&self, tenant: &TenantId, id: &ConversationId) {
        let until = {
            let state = self.state.lock();
            if state.queue.iter().any(|built| built.is_of(tenant, id)) {
                state.begun + 1
            } else if state.writing.iter().any(|(of, one)| (of, one) == (tenant, id)) {
                state.begun
            } else {
                return;
            }
        };
        self.wait_through(until).await;
    }

    async fn wait_through(&self, round: u64) {
        loop {
            let written = self.written.notified();
            tokio::pin!(written);
            written.as_mut().enable();
            {
                let state = self.state.lock();
                if state.ended || state.through >= round {
                    return;
                }
            }
            self.hurry.notify_one();
            written.await;
        }
    }

    async fn arrived(&self) {
        while self.state.lock().queue.is_empty() {
            self.arrived.notified().await;
        }
    }

    /// Begins a round with all that waits.
    fn take(&self) -> Vec<Built> {
        let mut state = self.state.lock();
        let taken: Vec<Built> = state.queue.drain(..).collect();
        state.items = 0;
        state.begun += 1;
        let of = |built: &Built| (built.tenant.clone(), built.id.clone());
        state.writing = taken.iter().map(of).collect();
        taken
    }

    fn lose(&self, count: u64) {
        self.state.lock().counts.lost += count;
    }

    fn end(&self) {
        self.state.lock().ended = true;
        self.written.notify_waiters();
    }

    fn finish(&self) {
        let mut state = self.state.lock();
        state.through = state.begun;
        state.writing.clear();
        drop(state);
        self.written.notify_waiters();
    }
}

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
        engine.write_records(recorder.take(), meter.take()).await;
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
        () = recorder.hurry.notified() => return,
    }
    tokio::select! {
        () = tokio::time::sleep(GATHER) => {}
        () = recorder.hurry.notified() => {}
    }
}

impl Engine {
    /// How recording went since the start.
    pub fn record_counts(&self) -> RecordCounts {
        self.recorder.counts()
    }

    /// Writes windows and amounts: those of one conversation together.
    async fn write_records(&self, built: Vec<Built>, amounts: Waiting) {
        let mut of_tenants: HashMap<TenantId, Usage> = HashMap::new();
        let mut records: HashMap<_, (Vec<Built>, Usage)> = HashMap::new();
        for ((tenant, id), amounts) in amounts {
            of_tenants.entry(tenant.clone()).or_default().add(&amounts);
            if let Some(id) = id {
                records.entry((tenant, id)).or_default().1 = amounts;
            }
        }
        for one in built {
            records.entry((one.tenant.clone(), one.id.clone())).or_default().0.push(one);
        }
        let writes = records.into_iter().map(async |((tenant, id), (built, amounts))| {
            match self.write_records_of(&tenant, &id, &built, &amounts).await {
                // Those of a conversation that has gone are not missed.
                Ok(()) | Err(EngineError::NotFound { .. }) => {}
                Err(error) => {
                    let lost = built.len() as u64;
                    tracing::warn!(%error, conversation = %id, lost, "records are lost");
                    self.recorder.lose(lost);
                }
            }
        });
        join_all(writes).await;
        if let Err(error) = self.write_usage_of_tenants(&of_tenants).await {
            tracing::warn!(%error, "the usage of tenants waits");
            for (tenant, amounts) in &of_tenants {
                self.meter.put_back(tenant, None, amounts);
            }
        }
        self.recorder.finish();
    }

    async fn write_records_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        built: &[Built],
        amounts: &Usage,
    ) -> Result<(), EngineError> {
        let _aside = self.heads.cell(tenant, id)?.write().await.aside().await;
        let scope = self.scope(tenant, id)?;
        let mut batch = Batch::new();
        if *amounts != Usage::default() {
            self.add_usage(&mut batch, tenant, id, amounts)?;
        }
        let mut of_turns: HashMap<Sequence, usize> = HashMap::new();
        for one in built {
            *of_turns.entry(one.facts.at).or_default() += 1;
        }
        for one in built {
            // Of many that wait only the newest are kept.
            let Some(left) = of_turns.get_mut(&one.facts.at) else { continue };
            if *left <= WINDOWS_OF_TURN {
                self.add_window(&mut batch, &scope, one, *left)?;
            }
            *left -= 1;
        }
        if batch.is_empty() {
            return Ok(());
        }
        // No window is made of records, so that none that is known is outdated.
        self.store.commit(batch).await?;
        if let Some(first) = built.iter().map(|one| one.facts.at).min() {
            self.healths.recorded(tenant, id, first);
        }
        Ok(())
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
        self.tally.window(&built.tenant, &signals);
        self.thin_windows(batch, &built.tenant, &built.id, (at, coming))?;
        batch.put(keys::window(&built.tenant, &built.id, at, micros), encode(&signals)?);
        Ok(())
    }

    /// Makes room for so many windows more of a turn.
    fn thin_windows(
        &self,
        batch: &mut Batch,
        tenant: &TenantId,
        id: &ConversationId,
        (at, coming): (Sequence, usize),
    ) -> Result<(), EngineError> {
        let (start, end) = keys::prefix_range(&keys::at_sequence(tenant, id, Kind::Window, at));
        let mut known = Vec::new();
        self.store.scan_keys(&start, &end, &mut |key| {
            known.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
        let surplus = (known.len() + coming).saturating_sub(WINDOWS_OF_TURN);
        known.into_iter().take(surplus).for_each(|key| batch.delete(key));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn built(conversation: &str) -> Built {
        let facts = WindowFacts {
            at: 1,
            in_chat: true,
            built_at: Timestamp::UNIX_EPOCH,
            budget: 1,
            history_tokens: 0,
            unchanged_prefix_tokens: 0,
            best_scores: None,
            superseded_dropped: 0,
            latency_micros: 0,
        };
        Built {
            tenant: TenantId::new("t").unwrap(),
            id: ConversationId::new(conversation).unwrap(),
            window: WindowShape::default(),
            facts,
        }
    }

    /// Whether a future is ready without anything being written.
    fn is_ready(future: impl Future<Output = ()>) -> bool {
        future.now_or_never().is_some()
    }

    #[test]
    fn who_reads_a_conversation_waits_for_its_windows_alone() {
        let recorder = Recorder::default();
        let of = |name: &str| (built(name).tenant, built(name).id);
        let waits = |name: &str| {
            let (tenant, id) = of(name);
            !is_ready(recorder.flush_of(&tenant, &id))
        };
        assert!(!waits("a"));
        recorder.note(built("a"));
        assert!(waits("a") && !waits("b"));
        assert_eq!(recorder.take().len(), 1);
        assert!(waits("a") && !waits("b"), "it is being written");
        recorder.note(built("b"));
        recorder.finish();
        assert!(!waits("a") && waits("b"), "the round had begun before it was noted");
        recorder.take();
        recorder.finish();
        assert!(!waits("b"));
        assert!(!is_ready(recorder.flush()), "amounts may have been counted");
        recorder.end();
        assert!(is_ready(recorder.flush()));
    }

    #[test]
    fn a_full_queue_loses_and_counts() {
        let recorder = Recorder::default();
        for _ in 0..MAX_WAITING + 3 {
            recorder.note(built("c"));
        }
        let counts = RecordCounts { taken: MAX_WAITING as u64, lost: 3 };
        assert_eq!(recorder.counts(), counts);
        let taken = recorder.take();
        let times: Vec<_> = taken.iter().map(|built| built.facts.built_at).collect();
        assert!(times.windows(2).all(|two| two[0] < two[1]), "no two have the same time");
        recorder.lose(1);
        assert_eq!(recorder.counts(), RecordCounts { lost: 4, ..counts });
    }
}
