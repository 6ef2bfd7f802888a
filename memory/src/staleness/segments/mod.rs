//! Topic shifts: where a conversation leaves its topic, said as it happens.
//!
//! Flow: an embedded turn becomes a [`Trace`] (what is kept of it), the
//! [`Segmenter`] holds the last [`MEMORY_TURNS`] of them and answers with the
//! [`Shift`]s that the newest turn made known. Two looks at every gap:
//!
//! 1. *near*, as soon as the turn behind the gap is there: does this turn leave
//!    what was talked about? Talk in short exchanges shifts every few turns and
//!    shows it in one turn.
//! 2. *far*, [`FAR_LAG`] turns later: do the blocks on both sides differ, on
//!    scales of 1 to 32 turns? A meeting of hundreds of turns has a handful of
//!    shifts, each spread over several turns.
//!
//! Both looks are learned (a linear head over the vectors, then boosted trees
//! over it and over plain features) from one mixture of chat, task dialogue
//! and meetings; the length of turns, the number of speakers and the coherence
//! of the talk so far tell the trees which granularity to expect. The shift
//! probabilities of the far look are summed over neighbouring gaps, and a cut
//! stands where that sum is highest and large enough.
//!
//! Invariants: no clock, no I/O; what is said after turn `t` is a function of
//! turns `t - 103 ..= t` alone, so never of later turns, and a segmenter fed
//! with the last [`MEMORY_TURNS`] turns goes on exactly like one that saw all.
//! A shift once told is never taken back.

mod blocks;
mod cues;
mod far;
pub mod forest;
mod model;
mod near;
mod stream;
mod trace;

use crate::turn::{Role, Sequence};

pub use far::{FAR_HEAD, FAR_PLAIN, far_head_input, far_plain};
pub use model::{SegmentModel, SegmentModelError};
pub use near::{NEAR_HEAD, NEAR_PLAIN, near_head_input, near_plain};
pub use stream::{FAR_LAG, Look, MEMORY_TURNS, Segmenter};
pub use trace::Trace;

/// A turn as the segmenter reads it.
#[derive(Clone, Copy, Debug)]
pub struct SegmentTurn<'a> {
    /// Place in the conversation, from 1.
    pub sequence: Sequence,
    /// Who said it; tells speakers apart, nothing else.
    pub role: Role,
    /// Name of the speaker, or empty.
    pub speaker: &'a str,
    /// The text that was embedded.
    pub text: &'a str,
    /// Its unit vector; empty where there is none.
    pub vector: &'a [f32],
}

/// A new topic begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The first turn of the new segment.
    pub first_of_new_segment: Sequence,
    /// The turn whose arrival made it known; at most [`FAR_LAG`] later.
    pub known_at: Sequence,
    /// Probability that people would mark a shift here (near look) or within
    /// a few turns of here (far look), in [0, 1].
    pub confidence: f32,
}
