//! Who is next: a bounded queue in which tenants take turns. A tenant with a
//! hundred jobs waits as long for its second one as one with two.
//!
//! Only the order is decided here; nothing waits and nothing runs.

use std::collections::{HashMap, VecDeque};

use throughline_memory::turn::TenantId;

/// Why a job was not taken: so many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) waiting: usize,
}

/// Jobs by tenant. Invariant: `order` holds each tenant with waiting jobs once,
/// the next to be served first.
pub(crate) struct FairQueue<J> {
    waiting: HashMap<TenantId, VecDeque<(u64, J)>>,
    order: VecDeque<TenantId>,
    length: usize,
    capacity: usize,
    per_tenant: usize,
    next_ticket: u64,
}

impl<J> FairQueue<J> {
    /// For at most `capacity` jobs, and `per_tenant` of one tenant, so that one
    /// cannot lock the others out.
    pub(crate) fn new(capacity: usize, per_tenant: usize) -> Self {
        Self {
            waiting: HashMap::new(),
            order: VecDeque::new(),
            length: 0,
            capacity,
            per_tenant,
            next_ticket: 0,
        }
    }

    /// Takes a job behind the tenant's others; gives its ticket.
    pub(crate) fn push(&mut self, tenant: &TenantId, job: J) -> Result<u64, Full> {
        let own = self.waiting.get(tenant).map_or(0, VecDeque::len);
        if own >= self.per_tenant {
            return Err(Full { waiting: own });
        }
        if self.length >= self.capacity {
            return Err(Full { waiting: self.length });
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if own == 0 {
            self.order.push_back(tenant.clone());
        }
        self.waiting.entry(tenant.clone()).or_default().push_back((ticket, job));
        self.length += 1;
        Ok(ticket)
    }

    /// The next job; its tenant goes to the end of the line.
    pub(crate) fn pop(&mut self) -> Option<J> {
        let tenant = self.order.pop_front()?;
        let jobs = self.waiting.get_mut(&tenant)?;
        let (_, job) = jobs.pop_front()?;
        self.length -= 1;
        if jobs.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.order.push_back(tenant);
        }
        Some(job)
    }

    /// Takes a waiting job out; `None` if it is not waiting any more.
    pub(crate) fn remove(&mut self, tenant: &TenantId, ticket: u64) -> Option<J> {
        let jobs = self.waiting.get_mut(tenant)?;
        let place = jobs.iter().position(|(other, _)| *other == ticket)?;
        let (_, job) = jobs.remove(place)?;
        self.length -= 1;
        if jobs.is_empty() {
            self.waiting.remove(tenant);
            self.order.retain(|other| other != tenant);
        }
        Some(job)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    fn drain(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn tenants_take_turns() {
        let mut queue = FairQueue::new(10, 10);
        for (name, job) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")] {
            queue.push(&tenant(name), job).unwrap();
        }
        assert_eq!(queue.pop(), Some("a1"));
        // One that comes late stands behind each tenant once, not behind each job.
        queue.push(&tenant("d"), "d1").unwrap();
        assert_eq!(drain(&mut queue), ["b1", "c1", "a2", "d1", "a3"]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn one_tenant_cannot_fill_it() {
        let mut queue = FairQueue::new(3, 2);
        queue.push(&tenant("a"), "a1").unwrap();
        queue.push(&tenant("a"), "a2").unwrap();
        assert_eq!(queue.push(&tenant("a"), "a3"), Err(Full { waiting: 2 }));
        queue.push(&tenant("b"), "b1").unwrap();
        assert_eq!(queue.push(&tenant("c"), "c1"), Err(Full { waiting: 3 }));
        assert_eq!(queue.pop(), Some("a1"));
        queue.push(&tenant("c"), "c1").unwrap();
        assert_eq!(drain(&mut queue), ["b1", "a2", "c1"]);
    }

    #[test]
    fn a_waiting_job_can_be_taken_out() {
        let mut queue = FairQueue::new(5, 5);
        let first = queue.push(&tenant("a"), "a1").unwrap();
        let second = queue.push(&tenant("a"), "a2").unwrap();
        let other = queue.push(&tenant("b"), "b1").unwrap();
        assert_eq!(queue.remove(&tenant("a"), second), Some("a2"));
        assert_eq!(queue.remove(&tenant("a"), second), None);
        assert_eq!(queue.remove(&tenant("b"), first), None, "another tenant's ticket");
        assert_eq!(queue.remove(&tenant("b"), other), Some("b1"));
        assert_eq!(drain(&mut queue), ["a1"]);
        queue.push(&tenant("b"), "b2").unwrap();
        assert_eq!(drain(&mut queue), ["b2"], "its place in line went with its last job");
    }
}
