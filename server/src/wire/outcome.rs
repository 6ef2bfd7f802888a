//! Outcomes of turns, both ways.

use std::time::Duration;

use jiff::Timestamp;
use throughline_memory::{
    degradation::Outcome,
    engine::FieldViolation,
    turn::{ConversationId, Sequence},
};

use super::{
    Violations,
    name::{parse_turn, turn_name},
    time::{timestamp_from_proto, timestamp_to_proto},
};
use crate::pb;

/// Longest latency that is taken, an hour: what takes longer was not answered.
const MAX_LATENCY: Duration = Duration::from_secs(3_600);

/// Reads an outcome of a turn that is recorded now.
pub fn new_outcome(
    outcome: Option<pb::Outcome>,
    sequence: Sequence,
    now: Timestamp,
    violations: &mut Violations,
) -> Option<Outcome> {
    let Some(outcome) = outcome else {
        violations.add("outcome", "is required");
        return None;
    };
    read(outcome, sequence, now, violations)
}

/// Reads an outcome of an export: its turn and time are kept.
pub fn imported_outcome(
    outcome: pb::Outcome,
    now: Timestamp,
    violations: &mut Violations,
) -> Option<Outcome> {
    let turn = violations.take(parse_turn("outcome.turn", &outcome.turn));
    let recorded = outcome.record_time.as_ref();
    let recorded = recorded.map(|time| timestamp_from_proto("outcome.record_time", time));
    let recorded = violations.take(recorded.transpose());
    let outcome = read(outcome, turn?.1, recorded?.unwrap_or(now), violations)?;
    Some(outcome)
}

fn read(
    outcome: pb::Outcome,
    sequence: Sequence,
    recorded_at: Timestamp,
    violations: &mut Violations,
) -> Option<Outcome> {
    let latency = violations.take(outcome.latency.map(duration).transpose());
    Some(Outcome {
        id: outcome.outcome_id,
        sequence,
        judge_score: outcome.judge_score,
        thumbs_up: outcome.thumbs_up,
        task_success: outcome.task_success,
        latency: latency?,
        model: outcome.model,
        prompt_version: outcome.prompt_version,
        recorded_at,
    })
}

fn duration(latency: prost_types::Duration) -> Result<Duration, FieldViolation> {
    let given = Duration::try_from(latency).ok().filter(|latency| *latency <= MAX_LATENCY);
    given.ok_or_else(|| {
        let max = MAX_LATENCY.as_secs();
        FieldViolation::new("outcome.latency", format!("must be 0 to {max} seconds"))
    })
}

/// Renders an outcome.
pub fn outcome_to_proto(conversation: &ConversationId, outcome: &Outcome) -> pb::Outcome {
    pb::Outcome {
        outcome_id: outcome.id.clone(),
        turn: turn_name(conversation, outcome.sequence),
        judge_score: outcome.judge_score,
        thumbs_up: outcome.thumbs_up,
        task_success: outcome.task_success,
        // At most an hour.
        latency: outcome.latency.and_then(|latency| latency.try_into().ok()),
        model: outcome.model.clone(),
        prompt_version: outcome.prompt_version.clone(),
        record_time: Some(timestamp_to_proto(outcome.recorded_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_comes_back_as_it_went() {
        let id = ConversationId::new("c").unwrap();
        let outcome = Outcome {
            id: "judge-1".into(),
            sequence: 4,
            judge_score: Some(0.75),
            thumbs_up: Some(false),
            task_success: None,
            latency: Some(Duration::from_millis(1_250)),
            model: "m".into(),
            prompt_version: "7".into(),
            recorded_at: Timestamp::new(1_700_000_000, 5).unwrap(),
        };
        let mut violations = Violations::new();
        let shown = outcome_to_proto(&id, &outcome);
        let read = imported_outcome(shown, Timestamp::UNIX_EPOCH, &mut violations);
        assert_eq!(violations.finish(read).unwrap(), outcome);
    }

    #[test]
    fn latencies_that_cannot_be_are_refused() {
        for (seconds, nanos) in [(-1, 0), (3_601, 0), (i64::MAX, 0)] {
            let latency = Some(prost_types::Duration { seconds, nanos });
            let outcome = Some(pb::Outcome { latency, ..pb::Outcome::default() });
            let mut violations = Violations::new();
            let read = new_outcome(outcome, 1, Timestamp::UNIX_EPOCH, &mut violations);
            assert!(violations.finish(read).is_err(), "{seconds}");
        }
    }
}
