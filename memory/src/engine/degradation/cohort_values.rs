//! The values that a conversation brings to a cohort, read from its records.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
};

use super::{cohorts::CohortMetric, read::read_signals};
use crate::{
    degradation::{
        Outcome, ProbeRound, Signal, TurnSignals, WindowSignals,
        cohort::{Rated, Reading},
    },
    engine::Engine,
    store::{Direction, StoreError, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

impl Engine {
    /// All values of a conversation by a metric, whatever is chosen of them.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn cohort_readings(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        metric: CohortMetric,
    ) -> Result<Vec<Reading>, StoreError> {
        let (from, until) = (1, Sequence::MAX);
        let outcomes = self.outcomes(tenant, id, from, until)?;
        let is_of_outcomes = metric.is_of_outcomes();
        if outcomes.is_empty() && is_of_outcomes {
            return Ok(Vec::new());
        }
        let signals = self.own_signals(tenant, id)?;
        let mut readings = match metric {
            CohortMetric::Quality | CohortMetric::Success => of_outcomes(metric, &outcomes),
            CohortMetric::Recall => recalls(&self.rounds_of(tenant, id, from, until)?),
            CohortMetric::Friction
            | CohortMetric::Reasking
            | CohortMetric::Contradiction
            | CohortMetric::Disobedience => of_signals(metric, &signals),
        };
        if metric != CohortMetric::Recall {
            with_distances(&mut readings, &self.windows_of(tenant, id, from, until)?);
        }
        if !is_of_outcomes {
            with_raters(&mut readings, &outcomes, metric.is_of_answers());
        }
        for reading in &mut readings {
            reading.history = signals.get(&reading.turn).map(|turn| turn.history_tokens);
        }
        Ok(readings)
    }

    /// The signals of the turns that a conversation stores itself: those that forks
    /// share count once.
    fn own_signals(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<BTreeMap<Sequence, TurnSignals>, StoreError> {
        let (start, end) = keys::prefix_range(&keys::kind_prefix(tenant, id, Kind::Signals));
        let mut signals = BTreeMap::new();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            signals.extend(read_signals(key, &value)?.map(|one| (one.sequence, one)));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(signals)
    }
}

fn as_number(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

fn reading(turn: Sequence, value: f64) -> Reading {
    Reading { turn, value, history: None, distance: None, at: None, rated: Vec::new() }
}

fn rated_by(outcome: &Outcome) -> Rated {
    Rated { model: outcome.model.clone(), prompt_version: outcome.prompt_version.clone() }
}

/// What outcomes say; nothing by a metric that takes none.
fn of_outcomes(metric: CohortMetric, outcomes: &[Outcome]) -> Vec<Reading> {
    let said = |outcome: &Outcome| {
        let value = match metric {
            CohortMetric::Quality => outcome.quality().map(f64::from),
            CohortMetric::Success => outcome.task_success.map(as_number),
            _ => None,
        };
        let (at, rated) = (Some(outcome.recorded_at), vec![rated_by(outcome)]);
        value.map(|value| Reading { at, rated, ..reading(outcome.sequence, value) })
    };
    outcomes.iter().filter_map(said).collect()
}

/// Whether a turn shows what a metric counts; nothing by one that counts no signals.
fn of_signals(metric: CohortMetric, signals: &BTreeMap<Sequence, TurnSignals>) -> Vec<Reading> {
    let of_turn = |one: &TurnSignals| {
        let counted: &[&Signal] = match metric {
            CohortMetric::Friction => &[&one.user_repeats, &one.user_corrects],
            CohortMetric::Reasking => &[&one.assistant_reasks],
            CohortMetric::Contradiction => &[&one.assistant_contradicts],
            CohortMetric::Disobedience => &[&one.instruction_broken],
            _ => &[],
        };
        let worst = counted.iter().filter_map(|signal| signal.value()).reduce(f32::max)?;
        Some(reading(one.sequence, f64::from(worst)))
    };
    signals.values().filter_map(of_turn).collect()
}

/// What probes found.
fn recalls(rounds: &[ProbeRound]) -> Vec<Reading> {
    let of_round = |round: &ProbeRound| {
        let turn = round.at;
        let of_probe = move |(distance, recalled): (Sequence, bool)| Reading {
            distance: Some(distance),
            ..reading(turn, as_number(recalled))
        };
        round.by_distance().map(of_probe).collect::<Vec<_>>()
    };
    rounds.iter().flat_map(of_round).collect()
}

/// The distance of the evidence in the turn's window. An answer has the window of the
/// turn before it.
fn with_distances(readings: &mut [Reading], windows: &[WindowSignals]) {
    let distances: HashMap<Sequence, f32> = windows
        .iter()
        .filter(|window| window.in_chat)
        .filter_map(|window| Some((window.at, window.evidence_distance?)))
        .collect();
    for reading in readings {
        let before = reading.turn.saturating_sub(1);
        let distance = distances.get(&reading.turn).or_else(|| distances.get(&before));
        reading.distance = distance.map(|distance| *distance as u64);
    }
}

/// Who is rated by the outcomes of a turn, or, where it is no answer itself, of the answer
/// before it: what a user says is of that.
fn with_raters(readings: &mut [Reading], outcomes: &[Outcome], of_answers: bool) {
    let mut of_turns: HashMap<Sequence, Vec<Rated>> = HashMap::new();
    for outcome in outcomes {
        of_turns.entry(outcome.sequence).or_default().push(rated_by(outcome));
    }
    for reading in readings {
        let before = reading.turn.checked_sub(1).filter(|_| !of_answers);
        let turns = [Some(reading.turn), before];
        let of_turn = |turn| of_turns.get(&turn).into_iter().flatten().cloned();
        reading.rated = turns.into_iter().flatten().flat_map(of_turn).collect();
        reading.rated.sort_unstable();
        reading.rated.dedup();
    }
}
