//! Whether a turn still holds. For each new turn a detector draws events to
//! earlier turns (replaced, contradicted, mentioned), finds instants at which
//! the turn itself expires, and notes where a topic ended. Only events are
//! stored; how stale a turn is, as of any later turn, is a pure function of the
//! events known by then.
//!
//! Flow: a turn becomes a [`Statement`]; [`Recall`] says which earlier ones it
//! is compared with; the [`Signals`] draw its events; a [`Timeline`] answers
//! from the events of all turns.
//!
//! Where a model that reads pairs is configured, the signals ask it about edges that
//! they are [`unsure`] of.
//!
//! Invariants: no clock, no store, no language model; the same turns give the
//! same events; what a later turn brought never shows in the state as of an
//! earlier one.

mod acting;
pub mod asked;
mod components;
pub mod contradiction;
pub mod detect;
mod detection;
mod echo;
pub mod event;
pub mod expiry;
pub mod pair;
mod recall;
mod rejection;
pub mod score;
pub mod segments;
mod signals;
pub mod statement;
pub mod text;
mod timeline;
pub mod unsure;
mod weights;

pub use components::{Component, Replacement, Staleness, StalenessKind};
pub use detect::Detector;
pub use detection::{Detect, Follow};
pub use event::{Edge, EdgeKind, Event, KEPT_CONFIDENCE, SHOWN_CONFIDENCE, TurnEvents};
pub use recall::{MAX_CANDIDATES, Recall};
pub use rejection::RejectedKinds;
pub use signals::{Signals, SignalsError};
pub use statement::{Statement, TurnText};
pub use timeline::Timeline;
pub use weights::{MAX_WEIGHTS_BYTES, SignalWeights, StalenessWeightsError, WeightsFile};
