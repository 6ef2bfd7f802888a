//! How conversations stand: the action that each calls for and its score, and how many of
//! a tenant stand at which, for an operator's metrics.
//!
//! Invariant: sums are whole numbers, so that what comes and goes leaves nothing behind.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Action, Health};
use crate::{turn::TenantId, usage::TenantTotals};

/// Version of the record, and of the health that it is made of; one of another version
/// is of no conversation that counts until it is looked at again.
pub(crate) const STANDING_VERSION: u32 = 1;
/// Steps of a score: finer ones would write a record for every turn of a conversation
/// that recovers.
const STEPS: f32 = 20.0;

/// Names of the actions, in the order of [`HealthTotals::standing`].
pub const ACTIONS: [&str; 4] = ["none", "reanchor", "compact", "reset"];

fn place(action: Action) -> usize {
    match action {
        Action::None => 0,
        Action::Reanchor => 1,
        Action::Compact => 2,
        Action::Reset => 3,
    }
}

/// How one conversation stands, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    version: u32,
    action: u8,
    /// The score in twentieths.
    steps: u8,
}

impl Standing {
    /// Of a health.
    pub fn of(health: &Health) -> Self {
        // 0 to 20: nothing is cut off.
        let steps = (health.score.clamp(0.0, 1.0) * STEPS).round() as u8;
        Self { version: STANDING_VERSION, action: place(health.action) as u8, steps }
    }

    fn place(self) -> usize {
        usize::from(self.action).min(ACTIONS.len() - 1)
    }
}

/// How the conversations of a tenant stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthTotals {
    /// Conversations by [`ACTIONS`], now.
    pub standing: [u64; ACTIONS.len()],
    /// Sum of their scores, in twentieths.
    steps: u64,
    /// Conversations that came to stand at an action, since the start; at none, those
    /// that came back to it.
    pub begun: [u64; ACTIONS.len()],
}

impl HealthTotals {
    /// Sum of the scores of all conversations that are counted, each to the nearest
    /// twentieth.
    pub fn score_sum(&self) -> f64 {
        self.steps as f64 / f64::from(STEPS)
    }

    fn enter(&mut self, standing: Standing) {
        if let Some(count) = self.standing.get_mut(standing.place()) {
            *count += 1;
            self.steps += u64::from(standing.steps);
        }
    }

    fn leave(&mut self, standing: Standing) {
        if let Some(count) = self.standing.get_mut(standing.place()) {
            *count = count.saturating_sub(1);
            self.steps = self.steps.saturating_sub(u64::from(standing.steps));
        }
    }
}

/// Counts how conversations stand, by tenant.
#[derive(Default)]
pub struct Standings(Mutex<TenantTotals<HealthTotals>>);

impl Standings {
    /// As it is now.
    pub fn totals(&self) -> TenantTotals<HealthTotals> {
        self.0.lock().clone()
    }

    /// A conversation that was counted before the start.
    pub(crate) fn found(&self, tenant: &TenantId, standing: Standing) {
        self.0.lock().of(tenant).enter(standing);
    }

    /// A conversation stands otherwise now, or for the first time.
    pub(crate) fn moved(&self, tenant: &TenantId, before: Option<Standing>, now: Standing) {
        let mut totals = self.0.lock();
        let totals = totals.of(tenant);
        if let Some(before) = before {
            totals.leave(before);
        }
        totals.enter(now);
        let was = before.map_or(place(Action::None), Standing::place);
        if was != now.place()
            && let Some(begun) = totals.begun.get_mut(now.place())
        {
            *begun += 1;
        }
    }

    /// A conversation has gone.
    pub(crate) fn gone(&self, tenant: &TenantId, standing: Standing) {
        self.0.lock().of(tenant).leave(standing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(action: Action, score: f32) -> Standing {
        Standing::of(&Health { score, action, reasons: Vec::new(), as_of: 1 })
    }

    #[test]
    fn conversations_stand_at_one_action_each_and_leave_nothing_behind() {
        let standings = Standings::default();
        let tenant = TenantId::new("t").unwrap();
        let totals = || standings.totals().tenants[&tenant];
        let (well, bad) = (standing(Action::None, 1.0), standing(Action::Reset, 0.31));
        standings.found(&tenant, bad);
        assert_eq!((totals().standing, totals().begun), ([0, 0, 0, 1], [0; 4]));
        standings.moved(&tenant, None, well);
        assert_eq!((totals().standing, totals().begun), ([1, 0, 0, 1], [0; 4]));
        assert!((totals().score_sum() - 1.3).abs() < 1e-9, "{:?}", totals());
        let reanchored = standing(Action::Reanchor, 0.5);
        standings.moved(&tenant, Some(well), reanchored);
        standings.moved(&tenant, Some(reanchored), standing(Action::Reanchor, 0.4));
        standings.moved(&tenant, Some(bad), standing(Action::None, 0.9));
        assert_eq!((totals().standing, totals().begun), ([1, 1, 0, 0], [1, 1, 0, 0]));
        standings.gone(&tenant, standing(Action::Reanchor, 0.4));
        standings.gone(&tenant, standing(Action::None, 0.9));
        assert_eq!((totals().standing, totals().score_sum()), ([0; 4], 0.0));
    }

    #[test]
    fn every_action_has_its_name() {
        for (action, name) in [
            (Action::None, "none"),
            (Action::Reanchor, "reanchor"),
            (Action::Compact, "compact"),
            (Action::Reset, "reset"),
        ] {
            assert_eq!(ACTIONS[standing(action, 0.5).place()], name);
        }
    }
}
