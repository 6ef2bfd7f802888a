//! How often signals were found, what outcomes said and how long windows took, by
//! tenant since the start, for an operator's metrics. Numbers only; a turn that is
//! measured again does not count again.

use std::time::Duration;

use parking_lot::Mutex;

use super::{Outcome, ProbeRound, TurnSignals, WindowSignals};
use crate::{turn::TenantId, usage::TenantTotals};

/// How often one signal of turns could be told, and how often it was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Turns of which it could be told.
    pub measured: u64,
    /// Those with it.
    pub present: u64,
}

/// Values of turns, windows or outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summed {
    /// How many of which it could be told.
    pub measured: u64,
    /// Their sum.
    pub sum: f64,
}

impl Summed {
    fn add(&mut self, value: Option<f32>) {
        if let Some(value) = value {
            self.measured += 1;
            self.sum += f64::from(value);
        }
    }
}

/// What the application said of turns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutcomeTotals {
    /// Outcomes that were recorded.
    pub recorded: u64,
    /// [`Outcome::quality`] of those that have one.
    pub quality: Summed,
    /// Thumbs up.
    pub thumbs_up: u64,
    /// Thumbs down.
    pub thumbs_down: u64,
    /// Tasks of which it was said whether they were done, and those that were.
    pub tasks: Found,
    /// How long the application's model took, in seconds.
    pub latency: Summed,
}

/// Upper ends of the classes of [`Latencies`], in seconds; longer ones stand in a class of
/// their own.
pub const LATENCY_BOUNDS: [f64; 11] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// How long something took, in classes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latencies {
    /// How many took so long, by [`LATENCY_BOUNDS`]; the last are the longer ones.
    pub counts: [u64; LATENCY_BOUNDS.len() + 1],
    /// The sum, in seconds.
    pub sum: f64,
}

impl Latencies {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let class = LATENCY_BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(class) {
            *count += 1;
            self.sum += seconds;
        }
    }
}

/// Names of the signals of turns, in the order of [`SignalTotals::turns`].
pub const TURN_SIGNALS: [&str; 5] = [
    "user_repeats",
    "user_corrects",
    "assistant_reasks",
    "assistant_contradicts",
    "instruction_broken",
];
/// Names of the shares of windows, in the order of [`SignalTotals::windows`].
pub const WINDOW_SHARES: [&str; 6] = [
    "fill",
    "stale_share",
    "middle_share",
    "distractor_density",
    "pin_coverage",
    "cached_prefix_share",
];

/// Names of what windows have beside shares, in the order of [`SignalTotals::values`]:
/// a difference of scores, two numbers of turns, and one of proposals.
pub const WINDOW_VALUES: [&str; 4] =
    ["retrieval_margin", "evidence_distance_turns", "superseded_dropped", "summary_age_turns"];

/// What was found since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SignalTotals {
    /// By [`TURN_SIGNALS`].
    pub turns: [Found; TURN_SIGNALS.len()],
    /// Share of the history that was replaced or has expired, at each turn.
    pub stale_history: Summed,
    /// By [`WINDOW_SHARES`], each from 0 to 1.
    pub windows: [Summed; WINDOW_SHARES.len()],
    /// By [`WINDOW_VALUES`].
    pub values: [Summed; WINDOW_VALUES.len()],
    /// Probes: asked, and recalled.
    pub probes: Found,
    /// What the application said.
    pub outcomes: OutcomeTotals,
    /// From the call for a window to the window, with embedding the query.
    pub latencies: Latencies,
}

/// Counts.
#[derive(Default)]
pub struct Tally(Mutex<TenantTotals<SignalTotals>>);

impl Tally {
    /// Totals since the start.
    pub fn totals(&self) -> TenantTotals<SignalTotals> {
        self.0.lock().clone()
    }

    pub(crate) fn turn(&self, tenant: &TenantId, signals: &TurnSignals) {
        let mut totals = self.0.lock();
        let kept = totals.of(tenant);
        kept.stale_history.add(signals.stale_share);
        for (found, (_, signal)) in kept.turns.iter_mut().zip(signals.named()) {
            if let Some(value) = signal.value() {
                found.measured += 1;
                found.present += u64::from(value > 0.0);
            }
        }
    }

    pub(crate) fn window(&self, tenant: &TenantId, signals: &WindowSignals) {
        let mut totals = self.0.lock();
        let shares = [
            Some(signals.fill()),
            signals.stale_share,
            signals.middle_share,
            signals.distractor_density,
            signals.pin_coverage,
            signals.cached_prefix_share,
        ];
        let values = [
            signals.retrieval_margin,
            signals.evidence_distance,
            Some(signals.superseded_dropped as f32),
            signals.summary_age.map(|turns| turns as f32),
        ];
        let kept = totals.of(tenant);
        kept.windows.iter_mut().zip(shares).for_each(|(kept, share)| kept.add(share));
        kept.values.iter_mut().zip(values).for_each(|(kept, value)| kept.add(value));
    }

    pub(crate) fn outcome(&self, tenant: &TenantId, outcome: &Outcome) {
        let mut totals = self.0.lock();
        let kept = &mut totals.of(tenant).outcomes;
        kept.recorded += 1;
        kept.quality.add(outcome.quality());
        match outcome.thumbs_up {
            Some(true) => kept.thumbs_up += 1,
            Some(false) => kept.thumbs_down += 1,
            None => {}
        }
        if let Some(done) = outcome.task_success {
            kept.tasks.measured += 1;
            kept.tasks.present += u64::from(done);
        }
        kept.latency.add(outcome.latency.map(|latency| latency.as_secs_f32()));
    }

    pub(crate) fn built(&self, tenant: &TenantId, took: Duration) {
        self.0.lock().of(tenant).latencies.add(took);
    }

    pub(crate) fn probes(&self, tenant: &TenantId, round: &ProbeRound) {
        let mut totals = self.0.lock();
        let found = &mut totals.of(tenant).probes;
        found.measured += round.probes.len() as u64;
        found.present += round.probes.iter().filter(|probed| probed.recalled).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::degradation::Probed;

    #[test]
    fn probes_add_up_by_tenant() {
        let tally = Tally::default();
        let (one, other) = (TenantId::new("one").unwrap(), TenantId::new("other").unwrap());
        let probes = [true, false, true].map(|recalled| Probed { source: 1, recalled }).to_vec();
        let round = ProbeRound { version: 1, at: 9, budget: 100, probes };
        tally.probes(&one, &round);
        tally.probes(&one, &round);
        tally.probes(&other, &round);
        let totals = tally.totals();
        assert_eq!(totals.tenants[&one].probes, Found { measured: 6, present: 4 });
        assert_eq!(totals.tenants[&other].probes, Found { measured: 3, present: 2 });
    }

    #[test]
    fn outcomes_and_latencies_are_counted() {
        let tally = Tally::default();
        let tenant = TenantId::new("one").unwrap();
        let outcome = |judge_score, thumbs_up, task_success| Outcome {
            id: "a".into(),
            sequence: 2,
            judge_score,
            thumbs_up,
            task_success,
            latency: Some(Duration::from_secs(1)),
            model: String::new(),
            prompt_version: String::new(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        };
        for (score, thumb) in [(Some(0.5), None), (None, Some(true)), (None, Some(false))] {
            tally.outcome(&tenant, &outcome(score, thumb, None));
        }
        tally.outcome(&tenant, &outcome(None, None, None));
        for done in [true, true, false] {
            tally.outcome(&tenant, &outcome(None, None, Some(done)));
        }
        for micros in [900, 1_000, 1_001, 40_000, 9_000_000] {
            tally.built(&tenant, Duration::from_micros(micros));
        }
        let SignalTotals { outcomes, latencies, .. } = tally.totals().tenants[&tenant];
        assert_eq!((outcomes.recorded, outcomes.thumbs_up, outcomes.thumbs_down), (7, 1, 1));
        assert_eq!(outcomes.quality, Summed { measured: 6, sum: 3.5 });
        assert_eq!(outcomes.tasks, Found { measured: 3, present: 2 });
        assert_eq!(outcomes.latency, Summed { measured: 7, sum: 7.0 });
        assert_eq!(latencies.counts, [2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(latencies.count(), 5);
        assert!((latencies.sum - 9.042_901).abs() < 1e-9, "{latencies:?}");
    }

    #[test]
    fn the_names_are_those_of_the_signals() {
        let signals = TurnSignals {
            version: 1,
            sequence: 1,
            role: crate::turn::Role::User,
            history_tokens: 0,
            stale_share: None,
            user_repeats: Default::default(),
            user_corrects: Default::default(),
            assistant_reasks: Default::default(),
            assistant_contradicts: Default::default(),
            instruction_broken: Default::default(),
        };
        assert_eq!(signals.named().map(|(name, _)| name), TURN_SIGNALS);
    }
}
