//! What is stored about staleness: the events that one turn brought.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::turn::Sequence;

/// Edges of less confidence are not kept.
pub const KEPT_CONFIDENCE: f32 = 0.02;
/// Edges from here on are acted on and shown.
pub const SHOWN_CONFIDENCE: f32 = 0.5;

/// How a later turn bears on an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EdgeKind {
    /// It takes the earlier one's place.
    Supersedes,
    /// Both cannot hold, and nothing says which does.
    Contradicts,
}

/// From the turn that brought it to an earlier one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// What kind.
    pub kind: EdgeKind,
    /// The earlier turn.
    pub earlier: Sequence,
    /// Calibrated probability that it is right, [`KEPT_CONFIDENCE`] to 1.
    pub confidence: f32,
    /// Bytes of the earlier turn's searchable text that are meant.
    pub earlier_span: Option<(u32, u32)>,
    /// Bytes of the later turn's searchable text that are meant.
    pub later_span: Option<(u32, u32)>,
    /// For people, without quoting more than the spans.
    pub reason: String,
}

/// Something that a turn brought. Stored by place: new ones come last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It bears on an earlier turn.
    Edge(Edge),
    /// What it says holds until then.
    Expires {
        /// From when on it does not hold.
        at: Timestamp,
        /// Bytes of its searchable text that say so.
        span: (u32, u32),
        /// 0 to 1.
        confidence: f32,
    },
    /// It speaks of an earlier turn again, without replacing it.
    Mentions {
        /// The earlier turn.
        earlier: Sequence,
    },
    /// It made known that a topic ended with an earlier turn.
    SegmentEnds {
        /// Last turn of the topic.
        last: Sequence,
        /// 0 to 1.
        confidence: f32,
    },
    /// It bears on an earlier turn that only repeats what another one said.
    Echo {
        /// The turn that is repeated, which it replaces. Where that edge was taken
        /// back, this one falls with it.
        parent: Sequence,
        /// The edge to the turn that repeats it.
        edge: Edge,
    },
}

impl Event {
    /// The edge that it is, if it is one.
    pub fn edge(&self) -> Option<&Edge> {
        match self {
            Self::Edge(edge) | Self::Echo { edge, .. } => Some(edge),
            Self::Expires { .. } | Self::Mentions { .. } | Self::SegmentEnds { .. } => None,
        }
    }
}

/// The record of one turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnEvents {
    /// Version of the detector that drew them; another one draws them anew.
    pub version: u32,
    /// The turn that brought them.
    pub sequence: Sequence,
    /// When it was said: the conversation's clock.
    pub said_at: Timestamp,
    /// In no order.
    pub events: Vec<Event>,
}
