//! Many conversations of a tenant together: the digest of each, in one pass, into
//! histograms of a fixed size. What was erased is in no curve.
//!
//! Invariants: records are read of those conversations alone that changed since they
//! were last looked at, or of which a digest cannot tell what is chosen; at most
//! `cohort_scans` are gathered at a time, one more is refused at once; what nobody waits
//! for any more ends at the next conversation, and counts until it has ended.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;

use super::cohort_digests::Made;
use crate::{
    degradation::cohort::{
        Change, ChangeDetector, Choice, Comparison, Curve, CurvePoint, Histogram, Level, Spread,
        compare,
    },
    engine::{
        Engine, EngineError,
        conversations::id_at_end,
        records::{Head, decode},
    },
    store::{Direction, StoreError, keys},
    turn::{ConversationId, TenantId},
};

/// Conversations that one answer looks at, the newest.
pub const MAX_COHORT: usize = 20_000;

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CohortMetric {
    /// [`Outcome::quality`](crate::degradation::Outcome::quality) of the turns that have outcomes.
    #[default]
    Quality,
    /// Whether the task was done, of the turns of which that was said.
    Success,
    /// Whether the user repeats or corrects, of the user turns of which that can be
    /// told; less is better.
    Friction,
    /// Whether the windows of probed conversations recall what was said.
    Recall,
}

impl CohortMetric {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Quality, Self::Success, Self::Friction, Self::Recall];

    /// Its values are of outcomes, and have the time of these.
    pub(super) fn is_of_outcomes(self) -> bool {
        matches!(self, Self::Quality | Self::Success)
    }

    /// Where its digests stand, from 1 on.
    pub(super) fn place(self) -> u8 {
        match self {
            Self::Quality => 1,
            Self::Success => 2,
            Self::Friction => 3,
            Self::Recall => 4,
        }
    }
}

/// Which conversations belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CohortFilter {
    /// Outcomes of this model; of any if empty.
    pub model: String,
    /// Outcomes of this version of the prompt; of any if empty.
    pub prompt_version: String,
    /// Conversations with all of these labels.
    pub labels: BTreeMap<String, String>,
}

/// Which cohort is asked for.
#[derive(Clone, Debug, Default)]
pub struct CohortRequest {
    /// What is measured.
    pub metric: CohortMetric,
    /// The cohort.
    pub cohort: CohortFilter,
    /// What it is compared with.
    pub baseline: Option<CohortFilter>,
    /// Of metrics of outcomes: outcomes recorded at or after. Else: conversations created
    /// at or after.
    pub from_time: Option<Timestamp>,
    /// The same: before.
    pub until_time: Option<Timestamp>,
}

/// A change with the conversations that it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortChange {
    /// The change.
    pub change: Change,
    /// The first conversation that is worse.
    pub since: ConversationId,
    /// When its newest outcome that counts was recorded; of metrics without outcomes, when
    /// it was created.
    pub since_time: Timestamp,
    /// The conversation with which the evidence was enough.
    pub alarm: ConversationId,
}

/// What came of a cohort.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cohort {
    /// Conversations with at least one value.
    pub conversations: u64,
    /// Over the means of the conversations.
    pub level: Option<Level>,
    /// By the turn's sequence.
    pub by_turn: Vec<CurvePoint>,
    /// By the tokens of the history up to the turn.
    pub by_history: Vec<CurvePoint>,
    /// By the distance of the evidence in the turn's window, in turns.
    pub by_distance: Vec<CurvePoint>,
    /// Where it became worse, if it did.
    pub change: Option<CohortChange>,
    /// There were enough conversations to find a change.
    pub change_measurable: bool,
}

/// A cohort beside its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortOutcome {
    /// The cohort.
    pub cohort: Cohort,
    /// The baseline, if one was asked for.
    pub baseline: Option<Cohort>,
    /// How they differ, if both have values.
    pub comparison: Option<Comparison>,
    /// There were more conversations than are looked at: the oldest are left out.
    pub cut: bool,
}

/// A conversation that is looked at.
struct Member {
    /// Of more than are looked at it goes last: it was there at the time asked for.
    was_there: bool,
    created_at: Timestamp,
    id: ConversationId,
    labels: BTreeMap<String, String>,
}

/// A cohort as it is gathered.
#[derive(Default)]
struct Gathering {
    means: Histogram,
    by_turn: Curve,
    by_history: Curve,
    by_distance: Curve,
    /// The conversations with values: when, and how good.
    scores: Vec<(Timestamp, ConversationId, f64)>,
}

impl Engine {
    /// Measures a cohort of a tenant's conversations, and compares it with another.
    ///
    /// # Errors
    /// `LimitReached` while too many are measured; `Store`; `Closed`.
    pub async fn cohort_degradation(
        self: &Arc<Self>,
        tenant: &TenantId,
        request: CohortRequest,
    ) -> Result<CohortOutcome, EngineError> {
        let max = self.limits.cohort_scans;
        let place = Arc::clone(&self.cohorts).try_acquire_owned();
        let place = place.map_err(|_| EngineError::LimitReached {
            limit: "cohort_scans",
            max,
            detail: format!("{max} cohorts are being measured"),
            retry: true,
        })?;
        self.recorder.flush().await;
        let (engine, tenant) = (Arc::clone(self), tenant.clone());
        let awaited = Awaited::default();
        let flag = Arc::clone(&awaited.0);
        // Many conversations take a while.
        let work = tokio::task::spawn_blocking(move || {
            // Also when nobody waits any more.
            let _place = place;
            engine.measure_cohorts(&tenant, &request, &flag)
        });
        work.await.map_err(|_| EngineError::Closed)?
    }

    fn measure_cohorts(
        &self,
        tenant: &TenantId,
        request: &CohortRequest,
        ends: &AtomicBool,
    ) -> Result<CohortOutcome, EngineError> {
        let (members, cut) = self.members(tenant, request)?;
        let gather = |filter| self.gather_cohort(tenant, &members, (request, filter), ends);
        let gathered = gather(&request.cohort)?;
        let baseline = request.baseline.as_ref().map(gather).transpose()?;
        let comparison =
            baseline.as_ref().and_then(|baseline| compare(&gathered.means, &baseline.means));
        Ok(CohortOutcome {
            cohort: gathered.shown(),
            baseline: baseline.map(Gathering::shown),
            comparison,
            cut,
        })
    }

    /// The conversations that may have values of the time that is asked for, oldest first,
    /// and whether there were too many.
    fn members(
        &self,
        tenant: &TenantId,
        request: &CohortRequest,
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
            members.extend(Member::of(id, head, request));
            Ok(ControlFlow::Continue(()))
        })?;
        cut |= keep_newest(&mut members);
        Ok((members, cut))
    }

    fn gather_cohort(
        &self,
        tenant: &TenantId,
        members: &[Member],
        (request, filter): (&CohortRequest, &CohortFilter),
        ends: &AtomicBool,
    ) -> Result<Gathering, EngineError> {
        let (mut gathering, mut made) = (Gathering::default(), Made::default());
        let metric = request.metric;
        let choice = Choice {
            model: &filter.model,
            prompt_version: &filter.prompt_version,
            from: request.from_time,
            until: request.until_time,
        };
        let has_labels =
            |member: &&Member| filter.labels.iter().all(|(k, v)| member.labels.get(k) == Some(v));
        for member in members.iter().filter(has_labels) {
            if ends.load(Ordering::Relaxed) {
                return Err(EngineError::Closed);
            }
            let taken = self.taken((tenant, &member.id), metric, choice, &mut made)?;
            self.keep_digests(tenant, &mut made, false);
            let time = taken.newest.unwrap_or(member.created_at);
            gathering.take_in((time, &member.id), metric, &taken.spread);
        }
        self.keep_digests(tenant, &mut made, true);
        Ok(gathering)
    }
}

/// Somebody waits for a cohort: dropped, it says that nobody does.
#[derive(Default)]
struct Awaited(Arc<AtomicBool>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
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

impl Member {
    /// A conversation that may have values of the time that is asked for.
    fn of(id: ConversationId, head: Head, request: &CohortRequest) -> Option<Self> {
        let Head { created_at, labels, deleted, .. } = head;
        let (is_in_time, was_there) = if request.metric.is_of_outcomes() {
            // An old one may have new outcomes, and a copy outcomes from before it was made.
            (true, request.until_time.is_none_or(|until| created_at < until))
        } else {
            (is_in_time(created_at, request), true)
        };
        (!deleted && is_in_time).then_some(Self { was_there, created_at, id, labels })
    }
}

fn is_in_time(time: Timestamp, request: &CohortRequest) -> bool {
    request.from_time.is_none_or(|from| time >= from)
        && request.until_time.is_none_or(|until| time < until)
}

impl Gathering {
    /// Takes what is chosen of a conversation's values in, if there are any.
    fn take_in(
        &mut self,
        (time, id): (Timestamp, &ConversationId),
        metric: CohortMetric,
        spread: &Spread,
    ) {
        let Some(mean) = spread.all.mean() else { return };
        self.by_turn.add_conversation(&spread.by_turn);
        self.by_history.add_conversation(&spread.by_history);
        self.by_distance.add_conversation(&spread.by_distance);
        self.means.add(mean);
        // Of friction more is worse.
        let score = if metric == CohortMetric::Friction { 1.0 - mean } else { mean };
        self.scores.push((time, id.clone(), score));
    }

    fn shown(mut self) -> Cohort {
        self.scores.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let mut detector = ChangeDetector::default();
        self.scores.iter().for_each(|(_, _, score)| detector.add(*score));
        let at = |place: u64| self.scores.get(usize::try_from(place).ok()?).cloned();
        let change = detector.found().and_then(|change| {
            let (since_time, since, _) = at(change.since)?;
            let (_, alarm, _) = at(change.alarm_at)?;
            Some(CohortChange { change, since, since_time, alarm })
        });
        Cohort {
            conversations: self.means.count(),
            level: Level::of(&self.means),
            by_turn: self.by_turn.points(),
            by_history: self.by_history.points(),
            by_distance: self.by_distance.points(),
            change,
            change_measurable: detector.is_ready(),
        }
    }
}

#[cfg(test)]
#[path = "cohorts_tests.rs"]
mod tests;
