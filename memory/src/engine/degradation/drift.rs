//! Looks by itself whether a tenant's conversations became worse of late: all of them, and
//! those of the models and versions of prompts that have the most.
//!
//! Invariants: numbers come of the digests, no record of a conversation is read that did
//! not change; one look takes one of the `cohort_scans`; what was told is stored, so that
//! a change is told once, also across restarts; what nobody waits for ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicBool},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    cohort_members::Member,
    cohorts::{Awaited, CohortFilter, CohortMetric, CohortTime, NewestChange},
};
use crate::{
    degradation::{
        DRIFT_METRICS, DriftTotals,
        cohort::{REFERENCE, Rated},
    },
    engine::{
        Engine, EngineError,
        records::{decode, decode_of, encode},
    },
    store::{Batch, StoreError, keys},
    turn::{ConversationId, TenantId},
    usage::TenantTotals,
};

/// How far back is looked: a change that is older is not shown any more.
const DAYS: i64 = 28;
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
/// What is looked at, in the order of [`DRIFT_METRICS`].
const METRICS: [CohortMetric; DRIFT_METRICS.len()] =
    [CohortMetric::Quality, CohortMetric::Friction];
/// Models with a version of the prompt that are counted to find the most active.
const MAX_RATED: usize = 1_024;
/// Changes of a tenant that are remembered as told, the newest.
const MAX_TOLD: usize = 256;
/// Version of what is stored.
const VERSION: u32 = 1;

/// That conversations became worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Whose conversations.
    pub tenant: TenantId,
    /// By which metric: a name of [`DRIFT_METRICS`].
    pub metric: &'static str,
    /// The model that they were rated with; empty for all conversations.
    pub model: String,
    /// The version of its prompt; empty for all conversations.
    pub prompt_version: String,
    /// The first conversation that is worse, as far as that can be told.
    pub since: ConversationId,
    /// When its newest outcome was recorded; of friction, when it was created.
    pub since_time: Timestamp,
    /// Conversations from that one on.
    pub conversations: u64,
    /// Mean before; of friction the share without.
    pub mean_before: f64,
    /// Mean since, up to when the evidence was enough.
    pub mean_since: f64,
}

/// A change as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    /// Place among [`METRICS`].
    metric: u8,
    /// Absent for all conversations.
    rated: Option<Rated>,
    /// When the evidence was enough: what begins later is another change.
    alarm_time: Timestamp,
    /// Conversations since, when it was looked at last; 0 where it was not found then.
    conversations: u64,
}

impl Told {
    fn is_of(&self, metric: usize, rated: Option<&Rated>) -> bool {
        usize::from(self.metric) == metric && self.rated.as_ref() == rated
    }

    /// Whether a change is the one that was told: it begins before the evidence for that
    /// was enough. Or it seems to begin later, since conversations of then were rated again
    /// meanwhile, but no less goes by it than went by that one.
    fn is_same(&self, newest: &NewestChange) -> bool {
        newest.change.since_time <= self.alarm_time
            || (self.conversations > 0 && newest.conversations >= self.conversations)
    }
}

/// What was told of a tenant, as it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    told: Vec<Told>,
}

/// A change with what it is of.
type FoundChange = (usize, Option<Rated>, NewestChange);

impl Engine {
    /// Looks at all tenants, one after the other, and gives back what has changed since
    /// it was looked before.
    ///
    /// # Errors
    /// `Store`, `Closed`.
    pub async fn look_for_drift(self: &Arc<Self>) -> Result<Vec<Drift>, EngineError> {
        let mut totals = TenantTotals::default();
        let mut all = Vec::new();
        for tenant in self.tenants()? {
            match self.look_at_tenant(&tenant).await {
                Ok(new) => all.extend(new),
                Err(EngineError::Closed) => return Err(EngineError::Closed),
                // The others are looked at all the same.
                Err(error) => tracing::warn!(%error, %tenant, "cohorts cannot be looked at"),
            }
            count(totals.of(&tenant), &self.told(&tenant)?);
        }
        *self.drift.lock() = totals;
        self.note_look().await?;
        Ok(all)
    }

    /// Stores that all tenants have been looked at, or that looking begins, now.
    pub(super) async fn note_look(&self) -> Result<(), EngineError> {
        let mut batch = Batch::new();
        batch.put(looked_key(), encode(&(self.clock)())?);
        Ok(self.store.commit(batch).await?)
    }

    async fn look_at_tenant(
        self: &Arc<Self>,
        tenant: &TenantId,
    ) -> Result<Vec<Drift>, EngineError> {
        let place = Arc::clone(&self.cohorts).acquire_owned().await;
        let place = place.map_err(|_| EngineError::Closed)?;
        self.recorder.flush().await;
        let (engine, of) = (Arc::clone(self), tenant.clone());
        let awaited = Awaited::default();
        let flag = awaited.flag();
        let work = tokio::task::spawn_blocking(move || {
            // Also when nobody waits any more.
            let _place = place;
            engine.changes_of(&of, &flag)
        });
        let found = work.await.map_err(|_| EngineError::Closed)??;
        self.remember(tenant, found).await
    }

    /// What was found when it was looked last, by tenant.
    pub fn drift_totals(&self) -> TenantTotals<DriftTotals> {
        self.drift.lock().clone()
    }

    /// When all tenants were looked at last, or, where they were not yet, when the service
    /// began to look; nothing where it never did.
    ///
    /// # Errors
    /// `Store`.
    pub fn drift_looked_at(&self) -> Result<Option<Timestamp>, EngineError> {
        let key = looked_key();
        Ok(self.store.get(&key)?.map(|bytes| decode(&key, &bytes)).transpose()?)
    }

    /// Takes what was found before the start for what is found.
    pub(in crate::engine) fn count_drift(&self) -> Result<(), EngineError> {
        let mut totals = TenantTotals::default();
        for tenant in self.tenants()? {
            count(totals.of(&tenant), &self.told(&tenant)?);
        }
        *self.drift.lock() = totals;
        Ok(())
    }

    /// The newest changes of a tenant. Blocking, and within the runtime.
    fn changes_of(
        &self,
        tenant: &TenantId,
        ends: &AtomicBool,
    ) -> Result<Vec<FoundChange>, EngineError> {
        let from = first_moment((self.clock)());
        let time = CohortTime { from: Some(from), until: None };
        let mut found = Vec::new();
        for (place, metric) in METRICS.into_iter().enumerate() {
            let (members, _) = self.members(tenant, metric, time)?;
            let mut look = |rated: Option<&Rated>| {
                let filter = rated.map_or_else(CohortFilter::default, |rated| CohortFilter {
                    model: rated.model.clone(),
                    prompt_version: rated.prompt_version.clone(),
                    ..CohortFilter::default()
                });
                let of = (tenant, members.as_slice());
                let gathered = self.gather_cohort(of, metric, (time, &filter), ends)?;
                let change = gathered.newest_change();
                found.extend(change.map(|change| (place, rated.cloned(), change)));
                Ok::<_, EngineError>(())
            };
            look(None)?;
            // Each metric has versions of its own: an outcome with a latency alone says no
            // quality, and still whose answers a user repeats or corrects.
            let versions = self.most_rated((tenant, &members), metric, from)?;
            versions.iter().try_for_each(|rated| look(Some(rated)))?;
        }
        Ok(found)
    }

    /// The models with a version of the prompt that have the most conversations with
    /// values of a metric, by the digests that were just looked at; those with enough for
    /// a change to be found.
    fn most_rated(
        &self,
        (tenant, members): (&TenantId, &[Member]),
        metric: CohortMetric,
        from: Timestamp,
    ) -> Result<Vec<Rated>, EngineError> {
        let mut counts: BTreeMap<Rated, u64> = BTreeMap::new();
        for member in members {
            let rated: BTreeSet<Rated> = self.rated_since((tenant, &member.id), metric, from)?;
            for one in rated {
                if let Some(count) = counts.get_mut(&one) {
                    *count += 1;
                } else if counts.len() < MAX_RATED && one != Rated::default() {
                    counts.insert(one, 1);
                }
            }
        }
        let mut most: Vec<_> = counts.into_iter().filter(|(_, count)| *count > REFERENCE).collect();
        // Of as many the first by name: the sort is stable.
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(most.into_iter().take(self.drift_settings.versions).map(|(rated, _)| rated).collect())
    }

    /// Stores what was found, and gives back what was not told before.
    async fn remember(
        &self,
        tenant: &TenantId,
        found: Vec<FoundChange>,
    ) -> Result<Vec<Drift>, EngineError> {
        let before = self.told(tenant)?;
        let (told, is_new) = merged(&before, &found, first_moment((self.clock)()));
        if told != before {
            let mut batch = Batch::new();
            let kept = Kept { version: VERSION, told: told.clone() };
            batch.put(keys::drift(tenant), encode(&kept)?);
            self.store.commit(batch).await?;
        }
        let new = found.into_iter().zip(is_new).filter(|(_, is_new)| *is_new);
        Ok(new.filter_map(|(found, _)| drift(tenant, found)).collect())
    }

    /// What was told of a tenant.
    fn told(&self, tenant: &TenantId) -> Result<Vec<Told>, StoreError> {
        let key = keys::drift(tenant);
        let Some(bytes) = self.store.get(&key)? else { return Ok(Vec::new()) };
        let kept = decode_of::<Kept>(&key, &bytes, VERSION).unwrap_or_else(|error| {
            tracing::warn!(%error, "what was told of cohorts cannot be read and is told again");
            None
        });
        Ok(kept.map(|kept| kept.told).unwrap_or_default())
    }
}

/// What is remembered after a look, the newest first, and which of what was found was not
/// told before.
fn merged(before: &[Told], found: &[FoundChange], from: Timestamp) -> (Vec<Told>, Vec<bool>) {
    let remembered = before.iter().filter(|one| one.alarm_time >= from);
    let mut told: Vec<_> = remembered.map(|one| Told { conversations: 0, ..one.clone() }).collect();
    let mut is_new = Vec::with_capacity(found.len());
    for (metric, rated, newest) in found {
        let known = before.iter().find(|one| one.is_of(*metric, rated.as_ref()));
        is_new.push(!known.is_some_and(|one| one.is_same(newest)));
        told.retain(|one| !one.is_of(*metric, rated.as_ref()));
        told.push(Told {
            metric: *metric as u8,
            rated: rated.clone(),
            alarm_time: known
                .map_or(newest.alarm_time, |one| one.alarm_time.max(newest.alarm_time)),
            conversations: newest.conversations,
        });
    }
    told.sort_by_key(|one| std::cmp::Reverse(one.alarm_time));
    told.truncate(MAX_TOLD);
    (told, is_new)
}

fn looked_key() -> keys::Key {
    keys::state("drift")
}

/// The beginning of the day so many days ago: digests hold whole days.
fn first_moment(now: Timestamp) -> Timestamp {
    let day = now.as_second().div_euclid(SECONDS_PER_DAY) - DAYS;
    Timestamp::from_second(day * SECONDS_PER_DAY).unwrap_or(Timestamp::MIN)
}

fn count(totals: &mut DriftTotals, told: &[Told]) {
    for one in told {
        totals.count(usize::from(one.metric), one.rated.is_some(), one.conversations);
    }
}

fn drift(tenant: &TenantId, (metric, rated, newest): FoundChange) -> Option<Drift> {
    let (change, rated) = (newest.change, rated.unwrap_or_default());
    Some(Drift {
        tenant: tenant.clone(),
        metric: DRIFT_METRICS.get(metric)?,
        model: rated.model,
        prompt_version: rated.prompt_version,
        since: change.since,
        since_time: change.since_time,
        conversations: newest.conversations,
        mean_before: change.change.mean_before,
        mean_since: change.change.mean_since,
    })
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
