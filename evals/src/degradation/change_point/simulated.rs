//! What is simulated: cohorts of conversations with a judge's score each, quiet ones and
//! ones that become worse at a known place. Deterministic for a seed.
//!
//! A score is the share of good answers among twenty. Of a conversation each is good
//! with the level of the cohort, and conversations differ in how hard they are.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

/// Conversations of a cohort.
pub(super) const CONVERSATIONS: usize = 2_000;
/// Place from 0 of the first conversation that is worse.
pub(super) const FALLS_AT: usize = 1_000;
/// Probability of a good answer.
const LEVEL: f64 = 0.8;
/// How much it falls.
const FALL: f64 = 0.1;
/// How far a conversation may be from the level, either way, evenly.
const HARDNESS: f64 = 0.15;
/// Judged answers of a conversation.
const ANSWERS: usize = 20;

/// A cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cohort {
    /// It becomes worse.
    pub(super) falls: bool,
    /// From 0, among those of its kind.
    pub(super) number: usize,
}

impl Cohort {
    /// So many quiet ones, then as many that become worse.
    pub(super) fn all(runs: usize) -> Vec<Self> {
        let of = |falls| (0..runs).map(move |number| Self { falls, number });
        of(false).chain(of(true)).collect()
    }

    /// What its outcomes carry as version of the prompt.
    pub(super) fn name(self) -> String {
        format!("{}-{}", if self.falls { "falls" } else { "quiet" }, self.number)
    }

    /// The scores of its conversations, in the order in which they come.
    pub(super) fn scores(self, seed: u64) -> Vec<f64> {
        let hash = blake3::hash(format!("{seed}/{}", self.name()).as_bytes());
        let mut rng = StdRng::from_seed(*hash.as_bytes());
        let score = |at: usize| {
            let level = if self.falls && at >= FALLS_AT { LEVEL - FALL } else { LEVEL };
            let good = (level + rng.random_range(-HARDNESS..HARDNESS)).clamp(0.0, 1.0);
            let answers = (0..ANSWERS).filter(|_| rng.random_bool(good)).count();
            answers as f64 / ANSWERS as f64
        };
        (0..CONVERSATIONS).map(score).collect()
    }
}

/// How it is drawn, for the result.
pub(super) fn describe() -> Value {
    json!({
        "conversations": CONVERSATIONS,
        "falls_at": FALLS_AT,
        "level": LEVEL,
        "fall": FALL,
        "hardness": HARDNESS,
        "answers": ANSWERS,
        "score": "share of good answers",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cohorts_fall_at_their_place_and_by_as_much() {
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
        for (falls, after) in [(false, LEVEL), (true, LEVEL - FALL)] {
            let cohort = Cohort { falls, number: 0 };
            let scores = cohort.scores(1);
            assert_eq!(scores.len(), CONVERSATIONS);
            let (first, second) = scores.split_at(FALLS_AT);
            // Deviation of a score about 0.12, of a mean of a thousand 0.004.
            assert!((mean(first) - LEVEL).abs() < 0.02, "{}", mean(first));
            assert!((mean(second) - after).abs() < 0.02, "{}", mean(second));
            assert_eq!(scores, cohort.scores(1));
            assert_ne!(scores, cohort.scores(2));
        }
    }

    #[test]
    fn cohorts_have_names_of_their_own() {
        let names: Vec<String> = Cohort::all(2).into_iter().map(Cohort::name).collect();
        assert_eq!(names, ["quiet-0", "quiet-1", "falls-0", "falls-1"]);
    }
}
