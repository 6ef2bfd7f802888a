//! Cohorts: which is asked for, and what came of it on the way out.

use throughline_memory::{
    degradation::cohort::{Comparison, CurvePoint, Level},
    engine::{Cohort, CohortChange, CohortFilter, CohortMetric, CohortRequest, CohortTime, Limits},
};

use super::{
    Violations,
    name::conversation_name,
    time::{timestamp_from_proto, timestamp_to_proto},
};
use crate::pb;

/// Checks which cohort is asked for.
pub fn cohort_request(
    request: pb::GetCohortDegradationRequest,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<CohortRequest> {
    let pb::GetCohortDegradationRequest { metric, cohort, baseline, .. } = request;
    let ends = (request.from_time, request.until_time);
    let time = cohort_time(["from_time", "until_time"], ends, violations);
    let ends = (request.baseline_from_time, request.baseline_until_time);
    let fields = ["baseline_from_time", "baseline_until_time"];
    let baseline_time = cohort_time(fields, ends, violations);
    let cohort = filter("cohort", cohort.unwrap_or_default(), limits, violations);
    let baseline = baseline.map(|baseline| filter("baseline", baseline, limits, violations));
    let metric = match pb::CohortMetric::try_from(metric) {
        Ok(pb::CohortMetric::Unspecified | pb::CohortMetric::Quality) => CohortMetric::Quality,
        Ok(pb::CohortMetric::Success) => CohortMetric::Success,
        Ok(pb::CohortMetric::Friction) => CohortMetric::Friction,
        Ok(pb::CohortMetric::Recall) => CohortMetric::Recall,
        Ok(pb::CohortMetric::Reasking) => CohortMetric::Reasking,
        Ok(pb::CohortMetric::Contradiction) => CohortMetric::Contradiction,
        Ok(pb::CohortMetric::Disobedience) => CohortMetric::Disobedience,
        Err(_) => {
            violations.add("metric", format!("{metric} is not known here"));
            return None;
        }
    };
    let (time, baseline_time) = (time?, baseline_time?);
    let baseline_time = Some(baseline_time).filter(|time| *time != CohortTime::default());
    // The same conversations at another time.
    let baseline = baseline.or_else(|| baseline_time.map(|_| cohort.clone()));
    Some(CohortRequest { metric, cohort, baseline, time, baseline_time })
}

fn cohort_time(
    fields: [&'static str; 2],
    (from, until): (Option<prost_types::Timestamp>, Option<prost_types::Timestamp>),
    violations: &mut Violations,
) -> Option<CohortTime> {
    let [from_field, until_field] = fields;
    let mut read = |field, time: Option<prost_types::Timestamp>| {
        violations.take(time.map(|time| timestamp_from_proto(field, &time)).transpose())
    };
    let (from, until) = (read(from_field, from), read(until_field, until));
    let (from, until) = (from?, until?);
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        violations.add(until_field, format!("must be after {from_field}"));
    }
    Some(CohortTime { from, until })
}

fn filter(
    field: &str,
    filter: pb::CohortFilter,
    limits: &Limits,
    violations: &mut Violations,
) -> CohortFilter {
    let (asked, max) = (filter.labels.len() as u64, limits.labels);
    if asked > max {
        violations
            .add(format!("{field}.labels"), format!("are {asked}, the limit labels is {max}"));
    }
    CohortFilter {
        model: filter.model,
        prompt_version: filter.prompt_version,
        labels: filter.labels.into_iter().collect(),
    }
}

/// Renders a cohort.
pub fn cohort_to_proto(cohort: &Cohort) -> pb::Cohort {
    let points = |points: &[CurvePoint]| points.iter().map(point_to_proto).collect();
    pb::Cohort {
        conversations: cohort.conversations,
        level: cohort.level.as_ref().map(level_to_proto),
        by_turn: points(&cohort.by_turn),
        by_history_tokens: points(&cohort.by_history),
        by_distance: points(&cohort.by_distance),
        change: cohort.change.as_ref().map(change_to_proto),
        change_measurable: cohort.change_measurable,
    }
}

fn point_to_proto(point: &CurvePoint) -> pb::CurvePoint {
    pb::CurvePoint {
        from_place: point.from,
        until_place: point.until,
        level: Some(level_to_proto(&point.level)),
    }
}

fn level_to_proto(level: &Level) -> pb::CohortLevel {
    pb::CohortLevel {
        count: level.count,
        mean: level.mean,
        low: level.interval.low,
        high: level.interval.high,
        unreliability: level.unreliability,
        gap: level.gap,
    }
}

fn change_to_proto(found: &CohortChange) -> pb::CohortChange {
    pb::CohortChange {
        since_conversation: conversation_name(&found.since),
        since_time: Some(timestamp_to_proto(found.since_time)),
        alarm_conversation: conversation_name(&found.alarm),
        mean_before: found.change.mean_before,
        mean_since: found.change.mean_since,
    }
}

/// Renders how two cohorts differ.
pub fn cohort_comparison_to_proto(comparison: &Comparison) -> pb::CohortComparison {
    pb::CohortComparison {
        difference: comparison.difference,
        low: comparison.interval.map(|interval| interval.low),
        high: comparison.interval.map(|interval| interval.high),
        p_value: comparison.p_value,
        cliffs_delta: comparison.cliffs_delta,
    }
}
