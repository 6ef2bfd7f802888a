//! What is measured of a conversation: [`turns`] when they are searchable, windows by
//! the [`recorder`] from the [`queue`] that stands beside the request, [`outcomes`] as
//! the application gives them; [`live_probes`] asks the windows of some conversations
//! for what was said; [`read`] gives it back, [`health`] says what it comes to,
//! [`standings`] how many conversations stand how,
//! [`handover`] what a fresh session has to know, of [`unfolded`] turns with an
//! [`extract`], of which [`drafts`] makes few at a time; [`cohorts`] says how many
//! conversations are together, each by its [digest](cohort_digests), of
//! [`cohort_members`]; [`drift`] looks at them without being asked.
//!
//! Invariants: no window and no append waits for a record; a record that finds
//! no room is lost and counted; what is measured of a turn goes with the turn.

mod cohort_digests;
mod cohort_members;
mod cohort_values;
mod cohorts;
mod drafts;
mod drift;
mod drift_watch;
mod extract;
mod handover;
mod health;
mod live_probes;
mod outcomes;
mod queue;
mod read;
mod recorder;
mod standings;
mod turns;
mod unfolded;

pub use cohorts::{
    Cohort, CohortChange, CohortFilter, CohortMetric, CohortOutcome, CohortRequest, CohortTime,
    MAX_COHORT,
};
pub use drift::Drift;
pub use handover::{HANDOVER_TOKENS, Handover};
pub use health::HealthWatch;
pub use queue::RecordCounts;
pub use read::{DegradationOutcome, DegradationRequest, TurnDegradation};

pub(crate) use cohort_digests::{strike_digests, touch};
pub(super) use drafts::Drafts;
pub(super) use drift_watch::spawn as spawn_drift;
pub(super) use health::Healths;
pub(super) use queue::{Built, Recorder};
pub(super) use recorder::spawn;
pub(super) use standings::{Unlooked, spawn as spawn_standings};
