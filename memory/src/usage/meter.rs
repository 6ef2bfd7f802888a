//! Amounts in memory: those that wait to be written, and those since the start.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{TenantTotals, Usage};
use crate::turn::{ConversationId, TenantId};

/// Conversations with amounts that are not written yet.
const MAX_WAITING: usize = 100_000;

/// Amounts that wait: by tenant, and by conversation within it; those of the empty
/// place belong to no conversation.
pub(crate) type Waiting = HashMap<(TenantId, Option<ConversationId>), Usage>;

#[derive(Default)]
struct State {
    waiting: Waiting,
    totals: TenantTotals<Usage>,
}

/// Counts.
#[derive(Default)]
pub struct Meter {
    state: Mutex<State>,
    grown: Notify,
}

impl Meter {
    /// Counts amounts of a conversation, or of the tenant alone.
    pub fn add(&self, tenant: &TenantId, id: Option<&ConversationId>, amounts: &Usage) {
        let mut state = self.state.lock();
        state.wait(tenant, id, amounts);
        state.totals.of(tenant).add(amounts);
        drop(state);
        self.grown.notify_one();
    }

    /// Totals since the start.
    pub fn totals(&self) -> TenantTotals<Usage> {
        self.state.lock().totals.clone()
    }

    /// Puts amounts back that could not be written.
    pub(crate) fn put_back(&self, tenant: &TenantId, id: Option<&ConversationId>, amounts: &Usage) {
        self.state.lock().wait(tenant, id, amounts);
    }

    /// Takes what waits.
    pub(crate) fn take(&self) -> Waiting {
        std::mem::take(&mut self.state.lock().waiting)
    }

    /// Returns when something waits.
    pub(crate) async fn grown(&self) {
        while self.state.lock().waiting.is_empty() {
            self.grown.notified().await;
        }
    }
}

impl State {
    fn wait(&mut self, tenant: &TenantId, id: Option<&ConversationId>, amounts: &Usage) {
        let full = self.waiting.len() >= MAX_WAITING;
        let key = (tenant.clone(), id.cloned());
        let key = if full && !self.waiting.contains_key(&key) { (key.0, None) } else { key };
        self.waiting.entry(key).or_default().add(amounts);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::totals::MAX_TENANTS, *};

    fn turns(turns: u64) -> Usage {
        Usage { turns, ..Usage::default() }
    }

    #[test]
    fn amounts_add_up_until_they_are_taken() {
        let meter = Meter::default();
        let (tenant, id) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
        meter.add(&tenant, Some(&id), &turns(2));
        meter.add(&tenant, Some(&id), &turns(3));
        meter.add(&tenant, None, &turns(7));
        let taken = meter.take();
        assert_eq!(taken[&(tenant.clone(), Some(id.clone()))], turns(5));
        assert_eq!(taken[&(tenant.clone(), None)], turns(7));
        assert!(meter.take().is_empty());
        meter.put_back(&tenant, Some(&id), &turns(5));
        assert_eq!(meter.take().len(), 1);
        assert_eq!(meter.totals().tenants[&tenant], turns(12), "put back is not counted twice");
    }

    #[test]
    fn tenants_beyond_the_bound_are_told_together() {
        let meter = Meter::default();
        for n in 0..MAX_TENANTS + 3 {
            meter.add(&TenantId::new(&format!("t{n}")).unwrap(), None, &turns(1));
        }
        let totals = meter.totals();
        assert_eq!((totals.tenants.len(), totals.others), (MAX_TENANTS, turns(3)));
    }
}
