//! What the application says of a turn: its own measure of quality. First-class
//! data, not derived from anything here.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::turn::Sequence;

/// Outcomes of one turn at most.
pub const MAX_OUTCOMES: usize = 64;

/// One outcome of one turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Names it within its turn: the idempotency key of the caller.
    pub id: String,
    /// The turn.
    pub sequence: Sequence,
    /// A judge's score, 0 (bad) to 1 (good).
    pub judge_score: Option<f32>,
    /// The user's thumb: up or down.
    pub thumbs_up: Option<bool>,
    /// The task was done.
    pub task_success: Option<bool>,
    /// How long the model took.
    pub latency: Option<Duration>,
    /// The model that answered, or empty.
    pub model: String,
    /// Version of the prompt, or empty.
    pub prompt_version: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Outcome {
    /// Whether two say the same, whenever they were recorded.
    pub fn same_content(&self, other: &Self) -> bool {
        Self { recorded_at: other.recorded_at, ..self.clone() } == *other
    }

    /// One number for the turn, 0 to 1: the mean of what was given of judge,
    /// thumb and task; nothing if none was.
    pub fn quality(&self) -> Option<f32> {
        let as_number = |yes: bool| if yes { 1.0 } else { 0.0 };
        let given =
            [self.judge_score, self.thumbs_up.map(as_number), self.task_success.map(as_number)];
        let (sum, count) = given
            .into_iter()
            .flatten()
            .fold((0.0, 0.0_f32), |(sum, count), value| (sum + value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_is_the_mean_of_what_was_given() {
        let outcome = |judge_score, thumbs_up, task_success| Outcome {
            id: "a".into(),
            sequence: 2,
            judge_score,
            thumbs_up,
            task_success,
            latency: None,
            model: String::new(),
            prompt_version: String::new(),
            recorded_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(outcome(None, None, None).quality(), None);
        assert_eq!(outcome(Some(0.5), None, None).quality(), Some(0.5));
        assert_eq!(outcome(Some(0.5), Some(true), Some(false)).quality(), Some(0.5));
        let mut other = outcome(Some(0.5), None, None);
        other.recorded_at = Timestamp::MAX;
        assert!(outcome(Some(0.5), None, None).same_content(&other));
        assert!(!outcome(None, None, None).same_content(&other));
    }
}
