//! Which conversations a cohort is looked for in: those that may have values of the time
//! that is asked for, of a tenant with very many the newest.
//!
//! Invariant: however many a tenant has, at most twice as many as are looked at are held.

use std::{collections::BTreeMap, ops::ControlFlow};

use jiff::Timestamp;

use super::cohorts::{CohortFilter, CohortMetric, CohortTime, MAX_COHORT};
use crate::{
    engine::{
        Engine,
        conversations::id_at_end,
        records::{Head, decode},
    },
    store::{Direction, StoreError, keys},
    turn::{ConversationId, TenantId},
};

/// A conversation that is looked at.
pub(super) struct Member {
    /// Of more than are looked at it goes last: it was there at the time asked for.
    was_there: bool,
    pub(super) created_at: Timestamp,
    pub(super) id: ConversationId,
    labels: BTreeMap<String, String>,
}

impl Member {
    /// A conversation that may have values of a time.
    fn of(id: ConversationId, head: Head, metric: CohortMetric, time: CohortTime) -> Option<Self> {
        let Head { created_at, labels, deleted, .. } = head;
        let (is_in_time, was_there) = if metric.is_of_outcomes() {
            // An old one may have new outcomes, and a copy outcomes from before it was made.
            (true, time.until.is_none_or(|until| created_at < until))
        } else {
            (time.holds(created_at), true)
        };
        (!deleted && is_in_time).then_some(Self { was_there, created_at, id, labels })
    }

    /// Whether it has the labels of a filter.
    pub(super) fn has_labels(&self, filter: &CohortFilter) -> bool {
        filter.labels.iter().all(|(name, value)| self.labels.get(name) == Some(value))
    }
}

impl Engine {
    /// The conversations that may have values of a time, oldest first, and whether there
    /// were too many.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn members(
        &self,
        tenant: &TenantId,
        metric: CohortMetric,
        time: CohortTime,
    ) -> Result<(Vec<Member>, bool), StoreError> {
        let prefix = keys::heads_prefix(tenant);
        let (start, end) = keys::prefix_range(&prefix);
        let mut members = Vec::new();
        let mut cut = false;
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            // However many a tenant has, few are held.
            if members.len() == 2 * MAX_COHORT {
                cut |= keep_newest(&mut members);
            }
            let (id, head) = (id_at_end(key, prefix.len())?, decode::<Head>(key, &value)?);
            members.extend(Member::of(id, head, metric, time));
            Ok(ControlFlow::Continue(()))
        })?;
        cut |= keep_newest(&mut members);
        Ok((members, cut))
    }
}

/// Keeps the newest conversations of those that were there, oldest first; whether others
/// went.
fn keep_newest(members: &mut Vec<Member>) -> bool {
    let place = |one: &Member| (one.was_there, one.created_at);
    members.sort_by(|a, b| (place(a), &a.id).cmp(&(place(b), &b.id)));
    let surplus = members.len().saturating_sub(MAX_COHORT);
    members.drain(..surplus);
    surplus > 0
}
