//! Many conversations together: how good they are over turns, history and
//! distance, how sure that is, whether two versions differ, and whether there was a
//! change.
//!
//! Invariants: memory does not grow with what is taken in (fixed histograms); what
//! is drawn by chance is drawn from a fixed seed, so that the same values give the
//! same answer.

mod change;
mod compare;
mod curve;
mod digest;
mod histogram;
mod interval;

pub use change::{Change, ChangeDetector, REFERENCE, SHIFT, newest_change};
pub use compare::{Comparison, compare};
pub use curve::{Curve, CurvePoint, Level};
pub use digest::{Choice, Digest, Places, Rated, Reading, Spread, Sum, Taken};
pub use histogram::Histogram;
pub use interval::{Interval, bootstrap_difference, bootstrap_mean, newcombe, wilson};
