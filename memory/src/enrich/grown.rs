//! Conversations that have grown and wait for slow work beside the outbox, the tenants in
//! turn: one with thousands of them holds up no other.
//!
//! What waits is in memory only: what is not looked at after a start is when it grows
//! again.

use std::collections::{HashMap, HashSet, VecDeque};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::turn::{ConversationId, TenantId};

/// Conversations that wait at most; one that finds no place is looked at when it
/// grows again.
const MAX_WAITING: usize = 100_000;
/// Of one tenant.
const MAX_OF_TENANT: usize = 50_000;

pub(super) type Waiting = (TenantId, ConversationId);

/// The conversations of one tenant, each once.
#[derive(Default)]
struct OfTenant {
    order: VecDeque<ConversationId>,
    waiting: HashSet<ConversationId>,
}

#[derive(Default)]
struct Queue {
    tenants: HashMap<TenantId, OfTenant>,
    /// Whose turn it is, each tenant with conversations that wait once.
    turns: VecDeque<TenantId>,
    len: usize,
}

impl Queue {
    fn push(&mut self, tenant: &TenantId, id: &ConversationId) {
        let of_tenant = self.tenants.entry(tenant.clone()).or_default();
        if of_tenant.order.is_empty() {
            self.turns.push_back(tenant.clone());
        }
        let has_room = self.len < MAX_WAITING && of_tenant.order.len() < MAX_OF_TENANT;
        // The first of a tenant always finds a place: others must not shut it out.
        let fits = has_room || of_tenant.order.is_empty();
        if fits && of_tenant.waiting.insert(id.clone()) {
            of_tenant.order.push_back(id.clone());
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        let tenant = self.turns.pop_front()?;
        let of_tenant = self.tenants.get_mut(&tenant)?;
        let id = of_tenant.order.pop_front()?;
        of_tenant.waiting.remove(&id);
        self.len -= 1;
        if of_tenant.order.is_empty() {
            self.tenants.remove(&tenant);
        } else {
            self.turns.push_back(tenant.clone());
        }
        Some((tenant, id))
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Grown {
    waiting: Mutex<Queue>,
    arrived: Notify,
}

impl Grown {
    /// A conversation has grown.
    pub(crate) fn push(&self, tenant: &TenantId, id: &ConversationId) {
        self.waiting.lock().push(tenant, id);
        self.arrived.notify_one();
    }

    /// Of the tenant whose turn it is the one that waits longest.
    pub(super) async fn take(&self) -> Waiting {
        loop {
            if let Some(one) = self.waiting.lock().pop() {
                return one;
            }
            self.arrived.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Queue, tenant: &str, id: &str) {
        queue.push(&TenantId::new(tenant).unwrap(), &ConversationId::new(id).unwrap());
    }

    fn all(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).map(|(tenant, id)| format!("{tenant}/{id}")).collect()
    }

    #[test]
    fn tenants_take_turns_and_each_conversation_waits_once() {
        let mut queue = Queue::default();
        for (tenant, id) in [("a", "1"), ("a", "2"), ("a", "1"), ("a", "3"), ("b", "1")] {
            push(&mut queue, tenant, id);
        }
        push(&mut queue, "c", "1");
        assert_eq!(all(&mut queue), ["a/1", "b/1", "c/1", "a/2", "a/3"]);
        assert_eq!((queue.len, queue.tenants.len()), (0, 0));
        push(&mut queue, "a", "1");
        assert_eq!(all(&mut queue), ["a/1"], "again once it was taken");
    }

    #[test]
    fn one_tenant_cannot_take_all_places() {
        let mut queue = Queue::default();
        for n in 0..=MAX_OF_TENANT {
            push(&mut queue, "a", &format!("c{n}"));
            push(&mut queue, "b", &format!("c{n}"));
        }
        assert_eq!(queue.len, MAX_WAITING);
        push(&mut queue, "c", "1");
        push(&mut queue, "c", "2");
        assert_eq!(queue.len, MAX_WAITING + 1);
    }
}
