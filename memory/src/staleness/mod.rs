//! Whether a turn still holds. For each new turn a detector draws events to
//! earlier turns (replaced, contradicted, mentioned), finds instants at which
//! the turn itself expires, and notes where a topic ended. Only events are
//! stored; how stale a turn is, as of any later turn, is a pure function of the
//! events known by then.
//!
//! Invariants: no clock, no store, no language model; the same turns give the
//! same events; what a later turn brought never shows in the state as of an
//! earlier one.

pub mod event;
pub mod statement;
pub mod text;

pub use event::{Edge, EdgeKind, Event, TurnEvents};
