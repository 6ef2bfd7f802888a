//! The values that a conversation brings to a cohort.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::cohorts::CohortMetric;
use crate::{
    degradation::{Outcome, ProbeRound, TurnSignals, WindowSignals},
    turn::Sequence,
};

/// A value of a turn.
pub(super) struct Value {
    pub(super) turn: Sequence,
    pub(super) value: f64,
    /// Turns between it and its evidence, where there is some.
    pub(super) distance: Option<u64>,
}

/// What an outcome says by a metric; nothing of one that takes no outcomes.
pub(super) fn said_by(metric: CohortMetric, outcome: &Outcome) -> Option<f64> {
    match metric {
        CohortMetric::Quality => outcome.quality().map(f64::from),
        CohortMetric::Success => outcome.task_success.map(as_number),
        CohortMetric::Friction | CohortMetric::Recall => None,
    }
}

fn as_number(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

/// The values of a conversation, by turn.
pub(super) fn values(
    metric: CohortMetric,
    outcomes: &[&Outcome],
    signals: &BTreeMap<Sequence, TurnSignals>,
) -> Vec<(Sequence, f64)> {
    match metric {
        CohortMetric::Quality | CohortMetric::Success => outcomes
            .iter()
            .filter_map(|outcome| Some((outcome.sequence, said_by(metric, outcome)?)))
            .collect(),
        CohortMetric::Friction => signals
            .values()
            .filter_map(|one| {
                let said = [one.user_repeats.value(), one.user_corrects.value()];
                let worst = said.into_iter().flatten().reduce(f32::max)?;
                Some((one.sequence, f64::from(worst)))
            })
            .collect(),
        // Its values are of probes: see `recalls`.
        CohortMetric::Recall => Vec::new(),
    }
}

/// The values of probes.
pub(super) fn recalls(rounds: &[ProbeRound]) -> Vec<Value> {
    let of_round = |round: &ProbeRound| {
        let turn = round.at;
        let value = |(distance, recalled): (Sequence, bool)| Value {
            turn,
            value: as_number(recalled),
            distance: Some(distance),
        };
        round.by_distance().map(value).collect::<Vec<_>>()
    };
    rounds.iter().flat_map(of_round).collect()
}

/// Keeps the values of turns that have one of these outcomes, or follow an answer that
/// has: what a user says is of the answer before.
pub(super) fn keep_rated(values: &mut Vec<Value>, outcomes: &[&Outcome]) {
    let rated: HashSet<Sequence> = outcomes.iter().map(|outcome| outcome.sequence).collect();
    values.retain(|one| rated.contains(&one.turn) || rated.contains(&(one.turn - 1)));
}

/// Values with the distance of the evidence in the turn's window. An answer has the
/// window of the turn before it.
pub(super) fn with_distances(
    values: Vec<(Sequence, f64)>,
    windows: &[WindowSignals],
) -> Vec<Value> {
    let distances: HashMap<Sequence, f32> = windows
        .iter()
        .filter(|window| window.in_chat)
        .filter_map(|window| Some((window.at, window.evidence_distance?)))
        .collect();
    let with_distance = |(turn, value)| {
        let distance = distances.get(&turn).or_else(|| distances.get(&(turn - 1)));
        Value { turn, value, distance: distance.map(|distance| *distance as u64) }
    };
    values.into_iter().map(with_distance).collect()
}
