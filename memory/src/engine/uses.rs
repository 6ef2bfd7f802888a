//! Which turns stood in windows: a use keeps a turn from decaying.
//!
//! Noted in memory when a window is built, and written with the next batch that
//! enrichment commits for the conversation, so that no window waits for the disk
//! and no sync is added. What is not written when the process dies is lost: a
//! use is worth little and the next one counts again.
//!
//! Bounds: a use is noted only [`USE_GAP`] turns after the one before, and at
//! most [`MAX_USES`] are kept of a turn.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;

use super::{
    Engine,
    records::{Used, decode, encode},
    scopes::Scope,
};
use crate::{
    context::{Section, Window},
    store::{Batch, Store, StoreError, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

/// Turns between two uses that are noted.
pub(crate) const USE_GAP: u64 = 32;
/// Uses that are kept of a turn, the newest.
pub(crate) const MAX_USES: usize = 256;
/// Conversations with uses that are not written yet.
const MAX_WAITING: usize = 10_000;

/// Uses by turn, each the newest sequence when the window was built.
type OfConversation = BTreeMap<Sequence, Vec<Sequence>>;

/// Uses that are not written yet.
#[derive(Default)]
pub(crate) struct Uses {
    waiting: Mutex<HashMap<(TenantId, ConversationId), OfConversation>>,
}

impl Uses {
    /// Notes uses; dropped when too many conversations wait.
    pub(crate) fn note(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        sequences: &[Sequence],
        at: Sequence,
    ) {
        let mut waiting = self.waiting.lock();
        let key = (tenant.clone(), id.clone());
        if waiting.len() >= MAX_WAITING && !waiting.contains_key(&key) {
            return;
        }
        let of = waiting.entry(key).or_default();
        for sequence in sequences {
            of.entry(*sequence).or_default().push(at);
        }
    }

    /// Drops what waits of a conversation.
    pub(crate) fn forget(&self, tenant: &TenantId, id: &ConversationId) {
        self.waiting.lock().remove(&(tenant.clone(), id.clone()));
    }

    /// Adds what waits of a conversation to a batch. Lost if it is not written.
    ///
    /// # Errors
    /// What the store reports.
    pub(crate) fn write(
        &self,
        store: &Store,
        batch: &mut Batch,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<(), StoreError> {
        let waiting = self.waiting.lock().remove(&(tenant.clone(), id.clone()));
        for (sequence, at) in waiting.into_iter().flatten() {
            let key = keys::at_sequence(tenant, id, Kind::Used, sequence);
            let mut used: Used = match store.get(&key)? {
                Some(bytes) => decode(&key, &bytes)?,
                None => Used::default(),
            };
            used.at.extend(at);
            let surplus = used.at.len().saturating_sub(MAX_USES);
            used.at.drain(..surplus);
            batch.put(key, encode(&used)?);
        }
        Ok(())
    }
}

impl Engine {
    /// Notes that the turns which a window quotes were used: they do not decay.
    pub(super) fn note_uses(&self, own: &Scope, window: &Window) {
        let (tenant, id) = (&own.branch.tenant, &own.branch.conversation);
        let Some(ledger) = self.ledgers.known(tenant, id) else { return };
        let at = own.head.last_sequence;
        let quoted = window
            .items
            .iter()
            .filter(|item| item.section == Section::Retrieved && item.conversation.is_none());
        let used = ledger.use_again(quoted.filter_map(|item| item.sequence), at);
        if !used.is_empty() {
            self.uses.note(tenant, id, &used, at);
        }
    }
}
