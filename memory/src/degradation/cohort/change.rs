//! Whether conversations became worse: Page's cumulative sum over their scores, in
//! the order in which they came, against the first ones.
//!
//! With the reference mean m and deviation s of the first [`REFERENCE`]
//! conversations, S grows by (m - x) / s - k for each score x and never below 0; an
//! alarm is S >= h, with k = [`SHIFT`] / 2s, half of the fall to be found, and
//! h = [`EVIDENCE`] / 2k, so that the rate of false alarms, about exp(-2kh), does
//! not depend on s (D. Siegmund, "Sequential Analysis", 1985). A fall by the shift is
//! found after about h / k conversations: 40 at s = 0.1, 160 at s = 0.2. A single yes
//! or no for each conversation (s = 0.4) needs four times as many as the latter.

use crate::degradation::Cusum;

/// Conversations that say what is usual.
pub const REFERENCE: u64 = 400;
/// The fall that is to be found, in scores from 0 to 1.
pub const SHIFT: f64 = 0.1;
/// Evidence of an alarm: 2kh.
const EVIDENCE: f64 = 20.0;
/// Deviations below this are taken for it: scores without any spread.
const LEAST_DEVIATION: f64 = 0.02;

/// A change that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Place of the conversation, from 0, with which the alarm came.
    pub alarm_at: u64,
    /// Place of the first conversation that is worse: where the sum last left 0.
    pub since: u64,
    /// Mean before.
    pub mean_before: f64,
    /// Mean since.
    pub mean_since: f64,
}

/// What is usual.
#[derive(Clone, Copy, Debug)]
struct Usual {
    mean: f64,
    deviation: f64,
}

/// Watches scores from 0 to 1 come.
#[derive(Clone, Debug, Default)]
pub struct ChangeDetector {
    seen: u64,
    mean: f64,
    /// Sum of squared differences from the mean, after B. P. Welford (1962).
    squares: f64,
    usual: Option<(Usual, Cusum)>,
    since: u64,
    sum_since: f64,
    found: Option<Change>,
}

impl ChangeDetector {
    /// Takes the next score in; after an alarm nothing changes any more.
    pub fn add(&mut self, score: f64) {
        if self.found.is_some() || !score.is_finite() {
            return;
        }
        let at = self.seen;
        self.seen += 1;
        let Some((usual, cusum)) = &mut self.usual else {
            self.learn(score);
            return;
        };
        if cusum.level() == 0.0 {
            self.since = at;
            self.sum_since = 0.0;
        }
        self.sum_since += score;
        cusum.add((usual.mean - score) / usual.deviation);
        if cusum.alarms() {
            self.found = Some(Change {
                alarm_at: at,
                since: self.since,
                mean_before: usual.mean,
                mean_since: self.sum_since / (at + 1 - self.since) as f64,
            });
        }
    }

    fn learn(&mut self, score: f64) {
        let before = self.mean;
        self.mean += (score - before) / self.seen as f64;
        self.squares += (score - before) * (score - self.mean);
        if self.seen == REFERENCE {
            let variance = self.squares / (REFERENCE - 1) as f64;
            let deviation = variance.sqrt().max(LEAST_DEVIATION);
            let allowance = SHIFT / (2.0 * deviation);
            let threshold = EVIDENCE / (2.0 * allowance);
            let cusum = Cusum::new(allowance, threshold, threshold);
            self.usual = Some((Usual { mean: self.mean, deviation }, cusum));
        }
    }

    /// The change, if there was one.
    pub fn found(&self) -> Option<Change> {
        self.found
    }

    /// Whether enough conversations were seen to find one.
    pub fn is_ready(&self) -> bool {
        self.usual.is_some()
    }
}

/// The newest change among scores, in order: behind each alarm what is usual is learnt
/// anew, so that a change does not hide the one after it. The level that is then usual is
/// the lower one: a fall back to it is none.
pub fn newest_change(scores: impl IntoIterator<Item = f64>) -> Option<Change> {
    let (mut detector, mut newest) = (ChangeDetector::default(), None);
    let mut begin = 0;
    for score in scores.into_iter().filter(|score| score.is_finite()) {
        detector.add(score);
        if let Some(change) = detector.found() {
            let (alarm_at, since) = (begin + change.alarm_at, begin + change.since);
            newest = Some(Change { alarm_at, since, ..change });
            begin = alarm_at + 1;
            detector = ChangeDetector::default();
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    const CONVERSATIONS: u64 = 2_000;
    const PLANTED_AT: u64 = 1_000;

    /// Share of good answers among twenty, where conversations differ in how hard they
    /// are.
    fn score(rng: &mut StdRng, level: f64) -> f64 {
        let hard = rng.random_range(-0.15..0.15);
        let good = (0..20).filter(|_| rng.random_bool((level + hard).clamp(0.0, 1.0)));
        good.count() as f64 / 20.0
    }

    fn run(seed: u64, fall: f64) -> Option<Change> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut detector = ChangeDetector::default();
        for at in 0..CONVERSATIONS {
            let level = if at < PLANTED_AT { 0.8 } else { 0.8 - fall };
            detector.add(score(&mut rng, level));
        }
        detector.found()
    }

    #[test]
    fn at_most_one_quiet_cohort_in_a_hundred_alarms() {
        let alarms = (0..100).filter(|seed| run(*seed, 0.0).is_some()).count();
        assert!(alarms <= 1, "{alarms} of 100");
    }

    #[test]
    fn a_fall_of_ten_points_is_found_within_two_hundred_conversations() {
        let mut early = 0;
        for seed in 1_000..1_100 {
            let change = run(seed, 0.1).unwrap_or_else(|| panic!("seed {seed}: not found"));
            // Before the fall it is a false alarm like any other.
            let Some(delay) = change.alarm_at.checked_sub(PLANTED_AT) else {
                early += 1;
                continue;
            };
            assert!(delay <= 200, "seed {seed}: {change:?}");
            let fell = change.mean_before - change.mean_since;
            assert!((0.03..0.25).contains(&fell), "seed {seed}: {change:?}");
        }
        assert!(early <= 1, "{early} of 100");
    }

    #[test]
    fn a_change_does_not_hide_the_one_after_it() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut scores: Vec<f64> = (0..1_000).map(|_| score(&mut rng, 0.85)).collect();
        let first = newest_change(scores.iter().copied());
        assert_eq!(first, None, "quiet");
        scores.extend((0..1_000).map(|_| score(&mut rng, 0.7)));
        let mut detector = ChangeDetector::default();
        scores.iter().for_each(|score| detector.add(*score));
        let first = newest_change(scores.iter().copied());
        assert!(first.is_some() && first == detector.found(), "of one change it is the same");
        scores.extend((0..300).map(|_| score(&mut rng, 0.5)));
        let second = newest_change(scores.iter().copied()).unwrap();
        assert!((1_950..2_100).contains(&second.since), "{second:?}");
        assert!((2_000..2_200).contains(&second.alarm_at), "{second:?}");
        assert!((second.mean_before - 0.7).abs() < 0.03, "{second:?}");
    }

    #[test]
    fn few_conversations_say_nothing() {
        let mut detector = ChangeDetector::default();
        (0..REFERENCE - 1).for_each(|_| detector.add(0.5));
        assert!(!detector.is_ready() && detector.found().is_none());
        detector.add(0.5);
        detector.add(f64::NAN);
        assert!(detector.is_ready());
        (0..50).for_each(|_| detector.add(0.4));
        assert!(detector.found().is_some_and(|change| change.since == REFERENCE));
    }
}
