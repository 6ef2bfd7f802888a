//! Windows that wait to be recorded, and who waits for their records.
//!
//! Invariants: noting a window never waits and keeps none of its words; what finds the
//! queue full is counted as lost; who reads a conversation waits for its windows alone.

use std::collections::VecDeque;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    degradation::{WindowFacts, WindowShape},
    turn::{ConversationId, TenantId},
};

/// Windows that wait to be recorded.
const MAX_WAITING: usize = 4_096;
/// Their items; one takes about 56 bytes.
const MAX_WAITING_ITEMS: usize = 1_000_000;

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
    /// The windows that are being written: of which conversation, and when built.
    writing: Vec<(TenantId, ConversationId, Timestamp)>,
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

    /// Returns when what was noted and counted before is written, of all tenants, but for
    /// what waits behind a writer that is busy.
    pub(in crate::engine) async fn flush(&self) {
        // A round that is under way may have begun before.
        let until = self.state.lock().begun + 1;
        self.wait_through(until).await;
    }

    /// Returns when the windows of a conversation that were noted before are written;
    /// at once where none waits.
    pub(in crate::engine) async fn flush_of(&self, tenant: &TenantId, id: &ConversationId) {
        let newest = self.state.lock().newest;
        // Again where they were put back.
        while let Some(round) = self.round_of(tenant, id, newest) {
            self.wait_through(round).await;
        }
    }

    /// The round in which the windows of a conversation up to the time `newest` are
    /// written; nothing if none waits.
    fn round_of(&self, tenant: &TenantId, id: &ConversationId, newest: Timestamp) -> Option<u64> {
        let state = self.state.lock();
        if state.ended {
            return None;
        }
        let waits = |built: &Built| built.is_of(tenant, id) && built.facts.built_at <= newest;
        if state.queue.iter().any(waits) {
            return Some(state.begun + 1);
        }
        let mut writing = state.writing.iter();
        let is_written = writing.any(|(of, one, at)| (of, one) == (tenant, id) && *at <= newest);
        is_written.then_some(state.begun)
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

    /// Returns when somebody waits for what is noted.
    pub(super) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// Returns when a window waits.
    pub(super) async fn arrived(&self) {
        while self.state.lock().queue.is_empty() {
            self.arrived.notified().await;
        }
    }

    /// Begins a round with all that waits.
    pub(super) fn take(&self) -> Vec<Built> {
        let mut state = self.state.lock();
        let taken: Vec<Built> = state.queue.drain(..).collect();
        state.items = 0;
        state.begun += 1;
        let of = |one: &Built| (one.tenant.clone(), one.id.clone(), one.facts.built_at);
        state.writing = taken.iter().map(of).collect();
        taken
    }

    /// Puts windows of a conversation back that could not be written now; what finds no
    /// room is lost.
    pub(super) fn put_back(&self, built: Vec<Built>) {
        let mut state = self.state.lock();
        // The newest first: they lose their place last.
        for one in built.into_iter().rev() {
            let items = state.items + one.window.items();
            if state.queue.len() >= MAX_WAITING || items > MAX_WAITING_ITEMS {
                state.counts.lost += 1;
                continue;
            }
            state.items = items;
            state.queue.push_front(one);
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Counts windows that could not be written.
    pub(super) fn lose(&self, count: u64) {
        self.state.lock().counts.lost += count;
    }

    /// Nothing is written any more.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.written.notify_waiters();
    }

    /// The round that has begun is through.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock();
        state.through = state.begun;
        state.writing.clear();
        drop(state);
        self.written.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn built(conversation: &str) -> Built {
        let facts = WindowFacts {
            at: 1,
            as_of: false,
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
    fn what_was_put_back_is_waited_for_and_what_came_later_is_not() {
        let recorder = Recorder::default();
        recorder.note(built("a"));
        let (tenant, id) = (built("a").tenant, built("a").id);
        let mut waiting = Box::pin(recorder.flush_of(&tenant, &id));
        assert!(!is_ready(&mut waiting));
        recorder.put_back(recorder.take());
        recorder.finish();
        assert!(!is_ready(&mut waiting), "its writer was busy");
        assert_eq!(recorder.take().len(), 1);
        recorder.note(built("a"));
        recorder.finish();
        assert!(is_ready(&mut waiting));
        assert_eq!(recorder.counts(), RecordCounts { taken: 2, lost: 0 });
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
        recorder.note(built("c"));
        recorder.put_back(taken);
        let counts = RecordCounts { taken: counts.taken + 1, lost: 5 };
        assert_eq!(recorder.counts(), counts, "one has no place any more");
    }
}
