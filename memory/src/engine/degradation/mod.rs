//! What is measured of a conversation: [`turns`] when they are searchable, windows by
//! the [`recorder`] from the [`queue`] that stands beside the request, [`outcomes`] as
//! the application gives them; [`live_probes`] asks the windows of some conversations
//! for what was said; [`read`] gives it back, [`health`] says what it comes to,
//! [`handover`] what a fresh session has to know, of [`unfolded`] turns with an
//! [`extract`], of which [`drafts`] makes few at a time; [`cohorts`] says how many
//! conversations are together, each by its [digest](cohort_digests).
//!
//! Invariants: no window and no append waits for a record; a record that finds
//! no room is lost and counted; what is measured of a turn goes with the turn.

mod cohort_digests;
mod cohort_values;
mod cohorts;
mod cohort_members;
mod drafts;
mod extract;
mod handover;
mod health;
mod live_probes;
mod outcomes;
mod queue;
mod read;
mod recorder;
mod turns;
mod unfolded;

pub use cohorts::{
    Cohort, CohortChange, CohortFilter, CohortMetric, CohortOutcome, CohortRequest, CohortTime,
    MAX_COHORT,
};
pub use handover::{HANDOVER_TOKENS, Handover};
pub use health::HealthWatch;
pub use queue::RecordCounts;
pub use read::{DegradationOutcome, DegradationRequest, TurnDegradation};

pub(crate) use cohort_digests::{strike_digests, touch};
pub(super) use drafts::Drafts;
pub(super) use health::Healths;
pub(super) use queue::{Built, Recorder};
pub(super) use recorder::spawn;
