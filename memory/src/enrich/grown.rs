//! Conversations that have grown and wait for slow work beside the outbox.
//!
//! What waits is in memory only: what is not looked at after a start is when it grows
//! again.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::turn::{ConversationId, TenantId};

/// Conversations that wait at most; one that finds no place is looked at when it
/// grows again.
const MAX_WAITING: usize = 100_000;

type Waiting = (TenantId, ConversationId);

/// See the module.
#[derive(Default)]
pub(crate) struct Grown {
    waiting: Mutex<VecDeque<Waiting>>,
    arrived: Notify,
}

impl Grown {
    /// A conversation has grown.
    pub(crate) fn push(&self, tenant: &TenantId, id: &ConversationId) {
        let one = (tenant.clone(), id.clone());
        let mut waiting = self.waiting.lock();
        // Batches of one conversation follow each other.
        if waiting.back() != Some(&one) && waiting.len() < MAX_WAITING {
            waiting.push_back(one);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// The one that waits longest.
    pub(super) async fn take(&self) -> Waiting {
        loop {
            if let Some(one) = self.waiting.lock().pop_front() {
                return one;
            }
            self.arrived.notified().await;
        }
    }
}
