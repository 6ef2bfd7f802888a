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
        let of = |built: &Built| (built.tenant.clone(), built.id.clone());
        state.writing = taken.iter().map(of).collect();
        taken
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
