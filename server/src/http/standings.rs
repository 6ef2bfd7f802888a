//! The gauges of how conversations stand and of cohorts that became worse.
//!
//! Invariants: as for the other metrics; of models and versions of prompts only how many
//! became worse is told, which ones stands in the log.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use throughline_memory::{
    degradation::{ACTIONS, DRIFT_METRICS},
    engine::Engine,
};

use super::metrics::{Amounts, Labels, rows};

type Counts = Family<Labels, Gauge>;

fn set(counts: &Counts, labels: &Labels, value: u64) {
    counts.get_or_create(labels).set(i64::try_from(value).unwrap_or(i64::MAX));
}

fn with(tenant: &Labels, name: &'static str, value: &str) -> Labels {
    [tenant.clone(), vec![(name, value.to_owned())]].concat()
}

/// How the conversations of each tenant stand.
pub(super) fn health_by_tenant(registry: &mut Registry, engine: &Engine) {
    let (standing, begun) = (Counts::default(), Amounts::default());
    let scores = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    for (tenant, totals) in rows(engine.standings().totals()) {
        for ((action, count), changes) in ACTIONS.iter().zip(totals.standing).zip(totals.begun) {
            let labels = with(&tenant, "action", action);
            set(&standing, &labels, count);
            begun.get_or_create(&labels).inc_by(changes);
        }
        scores.get_or_create(&tenant).set(totals.score_sum());
    }
    let help = "Conversations by the action that their health calls for";
    registry.register("health_conversations", help, standing);
    registry.register("health_score_sum", "Sum of the health of all of these", scores);
    let help = "Conversations that came to stand at an action";
    registry.register("health_changes", help, begun);
}

/// What was found when cohorts were looked at last.
pub(super) fn drift_by_tenant(registry: &mut Registry, engine: &Engine) {
    let (conversations, versions) = (Counts::default(), Counts::default());
    for (tenant, totals) in rows(engine.drift_totals()) {
        let found = totals.conversations.into_iter().zip(totals.versions);
        for (metric, (since, changed)) in DRIFT_METRICS.iter().zip(found) {
            let labels = with(&tenant, "metric", metric);
            set(&conversations, &labels, since);
            set(&versions, &labels, changed);
        }
    }
    let help = "Conversations since all of them together became worse, 0 if they did not";
    registry.register("cohort_change", help, conversations);
    let help = "Models with a version of the prompt whose conversations became worse";
    registry.register("cohort_changed_versions", help, versions);
    let looked_at = Gauge::<i64>::default();
    // Not to be read is not to be known.
    let known = engine.drift_looked_at().ok().flatten();
    looked_at.set(known.map_or(0, |looked_at| looked_at.as_second()));
    let help = "When cohorts were looked at last, or the service began to look; 0 if it does not";
    registry.register_with_unit("cohorts_looked_at_timestamp", help, Unit::Seconds, looked_at);
}
