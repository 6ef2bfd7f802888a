//! How a conversation degrades as it grows: signals for every turn and every
//! built window, without a judge and without a language model.
//!
//! Flow: [`detect`] reads a new turn against those before it and gives its
//! [`TurnSignals`]; [`window_signals`] reads a built window and gives its
//! [`WindowSignals`]; both are stored by the engine, as is what a [`Cloze`] of a
//! sampled conversation's own words finds in its windows. A [`HealthState`] follows the
//! records of a conversation and says how it is and what is to be done.
//!
//! Invariants: plain functions of values, no store, no clock; a signal that
//! cannot be measured says so and is never guessed; a record holds numbers,
//! never words of the conversation.

pub mod cohort;
mod cusum;
pub mod detect;
mod drift;
mod health;
mod outcome;
mod probe;
mod signal;
mod standing;
mod tally;
mod window;

pub use cusum::Cusum;
pub use drift::{DRIFT_METRICS, DriftSettings, DriftTotals};
pub use health::{Action, Health, HealthReason, HealthState};
pub use outcome::{MAX_OUTCOMES, Outcome};
pub use probe::{
    Cloze, PROBES_VERSION, ProbeRound, ProbeSettings, Probed, distances as probe_distances,
};
pub use signal::{Evidence, Finding, Reason, SIGNALS_VERSION, Signal, TurnSignals};
pub(crate) use standing::STANDING_VERSION;
pub use standing::{ACTIONS, HealthTotals, Standing, Standings};
pub use tally::{
    Found, LATENCY_BOUNDS, Latencies, OutcomeTotals, SignalTotals, Summed, TURN_SIGNALS, Tally,
    WINDOW_SHARES, WINDOW_VALUES,
};
pub use window::{DISTRACTOR_SCORE, WindowFacts, WindowShape, WindowSignals, window_signals};
