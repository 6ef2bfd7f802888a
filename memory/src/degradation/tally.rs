//! How often signals were found, by tenant since the start, for an operator's
//! metrics. Numbers only; a turn that is measured again does not count again.

use parking_lot::Mutex;

use super::{ProbeRound, TurnSignals, WindowSignals};
use crate::{turn::TenantId, usage::TenantTotals};

/// How often one signal of turns could be told, and how often it was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Turns of which it could be told.
    pub measured: u64,
    /// Those with it.
    pub present: u64,
}

/// A share of windows, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// Windows of which it could be told.
    pub measured: u64,
    /// The sum.
    pub sum: f64,
}

impl Shares {
    fn add(&mut self, share: Option<f32>) {
        if let Some(share) = share {
            self.measured += 1;
            self.sum += f64::from(share);
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

/// What was found since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SignalTotals {
    /// By [`TURN_SIGNALS`].
    pub turns: [Found; TURN_SIGNALS.len()],
    /// By [`WINDOW_SHARES`].
    pub windows: [Shares; WINDOW_SHARES.len()],
    /// Probes: asked, and recalled.
    pub probes: Found,
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
        for (found, (_, signal)) in totals.of(tenant).turns.iter_mut().zip(signals.named()) {
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
        let kept = &mut totals.of(tenant).windows;
        kept.iter_mut().zip(shares).for_each(|(kept, share)| kept.add(share));
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
