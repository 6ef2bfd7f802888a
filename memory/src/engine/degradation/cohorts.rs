//! Many conversations of a tenant together: the digest of each, in one pass, into
//! histograms of a fixed size. What was erased is in no curve.
//!
//! Invariants: records are read of those conversations alone that changed since they
//! were last looked at, or of which a digest cannot tell what is chosen; at most
//! `cohort_scans` are gathered at a time, one more is refused at once; what nobody waits
//! for any more ends at the next conversation, and counts until it has ended.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;

use super::{cohort_digests::Made, cohort_members::Member};
use crate::{
    degradation::cohort::{
        Change, ChangeDetector, Choice, Comparison, Curve, CurvePoint, Histogram, Level, Spread,
        compare, newest_change,
    },
    engine::{Engine, EngineError},
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
    /// Whether the assistant asks again for what is known, of the turns of which that can be
    /// told; less is better.
    Reasking,
    /// Whether the assistant contradicts a pin or itself, likewise.
    Contradiction,
    /// Whether the assistant does not do as an instruction says, likewise.
    Disobedience,
}

impl CohortMetric {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Quality,
        Self::Success,
        Self::Friction,
        Self::Recall,
        Self::Reasking,
        Self::Contradiction,
        Self::Disobedience,
    ];

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
            Self::Reasking => 5,
            Self::Contradiction => 6,
            Self::Disobedience => 7,
        }
    }

    /// Its values are of what the assistant said.
    pub(super) fn is_of_answers(self) -> bool {
        matches!(self, Self::Reasking | Self::Contradiction | Self::Disobedience)
    }

    /// The less the better.
    fn is_of_faults(self) -> bool {
        match self {
            Self::Quality | Self::Success | Self::Recall => false,
            Self::Friction | Self::Reasking | Self::Contradiction | Self::Disobedience => true,
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

/// A time, of which either end may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CohortTime {
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl CohortTime {
    /// Whether an instant lies within it.
    pub(super) fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }
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
    /// Of metrics of outcomes: outcomes recorded within it. Else: conversations created
    /// within it.
    pub time: CohortTime,
    /// The same of the baseline; that of the cohort if absent.
    pub baseline_time: Option<CohortTime>,
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

/// A cohort as it is gathered.
#[derive(Default)]
pub(super) struct Gathering {
    means: Histogram,
    by_turn: Curve,
    by_history: Curve,
    by_distance: Curve,
    /// The conversations with values: when, and how good.
    scores: Vec<(Timestamp, ConversationId, f64)>,
}

/// The newest change of a cohort.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewestChange {
    pub(super) change: CohortChange,
    /// When the newest value of the conversation of the alarm was recorded, or when it was
    /// created.
    pub(super) alarm_time: Timestamp,
    /// Conversations since the change.
    pub(super) conversations: u64,
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
        let flag = awaited.flag();
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
        let metric = request.metric;
        let gather = |members: &[Member], time: CohortTime, filter: &CohortFilter| {
            self.gather_cohort((tenant, members), metric, (time, filter), ends)
        };
        let (members, mut cut) = self.members(tenant, metric, request.time)?;
        let gathered = gather(&members, request.time, &request.cohort)?;
        let baseline_time = request.baseline_time.unwrap_or(request.time);
        let baseline = match &request.baseline {
            None => None,
            Some(filter) if baseline_time == request.time => {
                Some(gather(&members, baseline_time, filter)?)
            }
            Some(filter) => {
                drop(members);
                let (members, others_cut) = self.members(tenant, metric, baseline_time)?;
                cut |= others_cut;
                Some(gather(&members, baseline_time, filter)?)
            }
        };
        let comparison =
            baseline.as_ref().and_then(|baseline| compare(&gathered.means, &baseline.means));
        Ok(CohortOutcome {
            cohort: gathered.shown(),
            baseline: baseline.map(Gathering::shown),
            comparison,
            cut,
        })
    }

    /// What members have of a metric and a time, of those that a filter lets through.
    ///
    /// # Errors
    /// `Store`; `Closed` once `ends` is set.
    pub(super) fn gather_cohort(
        &self,
        (tenant, members): (&TenantId, &[Member]),
        metric: CohortMetric,
        (time, filter): (CohortTime, &CohortFilter),
        ends: &AtomicBool,
    ) -> Result<Gathering, EngineError> {
        let (mut gathering, mut made) = (Gathering::default(), Made::default());
        let choice = Choice {
            model: &filter.model,
            prompt_version: &filter.prompt_version,
            from: time.from,
            until: time.until,
        };
        for member in members.iter().filter(|member| member.has_labels(filter)) {
            if ends.load(Ordering::Relaxed) {
                return Err(EngineError::Closed);
            }
            let taken = self.taken((tenant, &member.id), metric, choice, &mut made)?;
            self.keep_digests(tenant, &mut made, false);
            let at = taken.newest.unwrap_or(member.created_at);
            gathering.take_in((at, &member.id), metric, &taken.spread);
        }
        self.keep_digests(tenant, &mut made, true);
        Ok(gathering)
    }
}

/// Somebody waits for a cohort: dropped, it says that nobody does.
#[derive(Default)]
pub(super) struct Awaited(Arc<AtomicBool>);

impl Awaited {
    /// Is set when nobody waits any more.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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
        let score = if metric.is_of_faults() { 1.0 - mean } else { mean };
        self.scores.push((time, id.clone(), score));
    }

    fn sort(&mut self) {
        self.scores.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    }

    /// A change of the sorted scores, with the conversations that it is about and the time
    /// of the alarm.
    fn named(&self, change: Change) -> Option<(CohortChange, Timestamp)> {
        let at = |place: u64| self.scores.get(usize::try_from(place).ok()?).cloned();
        let (since_time, since, _) = at(change.since)?;
        let (alarm_time, alarm, _) = at(change.alarm_at)?;
        Some((CohortChange { change, since, since_time, alarm }, alarm_time))
    }

    /// The newest change, if there was any.
    pub(super) fn newest_change(mut self) -> Option<NewestChange> {
        self.sort();
        let change = newest_change(self.scores.iter().map(|(_, _, score)| *score))?;
        let (change, alarm_time) = self.named(change)?;
        let conversations = (self.scores.len() as u64).saturating_sub(change.change.since);
        Some(NewestChange { change, alarm_time, conversations })
    }

    fn shown(mut self) -> Cohort {
        self.sort();
        let mut detector = ChangeDetector::default();
        self.scores.iter().for_each(|(_, _, score)| detector.add(*score));
        let change = detector.found().and_then(|change| self.named(change));
        let change = change.map(|(change, _)| change);
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
