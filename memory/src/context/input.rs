//! What a window is assembled from: pins, the costs of the history, what
//! retrieval proposes, the query, and a way to read the turns that are chosen.
//!
//! Invariant: planning needs costs alone; only chosen turns are read.

use std::sync::Arc;

use jiff::Timestamp;

use super::{carried::Carried, cost::TurnCost, marks::Marks};
use crate::{
    facts::Fact,
    turn::{ConversationId, Role, Sequence, Turn},
};

/// A pin with the role that its source gives it.
#[derive(Clone, Debug)]
pub struct Pin {
    /// The fact.
    pub fact: Fact,
    /// Role of the source turn; `System` for a pin of the application itself.
    pub authority: Role,
    /// Another conversation of the user that it comes from, or absent for the
    /// window's own.
    pub conversation: Option<ConversationId>,
    /// It says all that its source turn says, word for word.
    pub whole_turn: bool,
    /// When the source was said, if it has one.
    pub said_at: Option<Timestamp>,
    /// What is to be said of it beside its words.
    pub mark: Option<PinMark>,
    /// It in one line that stands alone, shown behind its words where there is room.
    pub line: Option<String>,
}

/// That a pin does not hold, or not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinMark {
    /// Something later took its place.
    Replaced {
        /// When.
        on: Option<Timestamp>,
        /// What it says, or empty.
        by: String,
    },
    /// Its time has passed.
    Expired {
        /// When.
        on: Option<Timestamp>,
    },
    /// What it stands on holds no more.
    Unfounded {
        /// Since when.
        on: Option<Timestamp>,
    },
    /// It says of something earlier that it is void, and repeats it.
    Withdrawn {
        /// When.
        on: Timestamp,
    },
    /// Something of more weight says otherwise.
    Overruled {
        /// What it says.
        by: String,
    },
}

/// A turn that retrieval proposes, best first.
#[derive(Clone, Debug)]
pub struct RetrievedTurn {
    /// The conversation it was read through: another one of the same user, or
    /// absent for the window's own.
    pub conversation: Option<ConversationId>,
    /// What it costs.
    pub cost: TurnCost,
    /// Ranking score, 0 to 1 of the best.
    pub score: f32,
    /// Named components, for the reply.
    pub components: Vec<(&'static str, f32)>,
}

/// A summary that may stand in the window.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryUnit {
    /// First turn that it stands for.
    pub from: Sequence,
    /// Last turn that it stands for.
    pub until: Sequence,
    /// When its first turn was said.
    pub first_said: Timestamp,
    /// When its last turn was said.
    pub last_said: Timestamp,
    /// Its sentences.
    pub text: String,
    /// What wrote it.
    pub model: String,
}

/// What the window is for.
#[derive(Clone, Debug)]
pub enum Query {
    /// The last user turn of the conversation: stands last, verbatim. Turns
    /// that came after it (an agent at work) stand behind it.
    LastTurn(Arc<Turn>),
    /// A question from outside of the conversation.
    Text(String),
}

/// Gives the turns that were chosen. Blocking reads of the store.
pub trait TurnReader {
    /// The turn, or nothing if it has gone meanwhile.
    fn read(&self, conversation: Option<&ConversationId>, sequence: Sequence) -> Option<Arc<Turn>>;
}

/// What a window is assembled from.
pub struct WindowInput<'a> {
    /// Pins, most useful first.
    pub pins: &'a [Pin],
    /// Summaries of the branch, oldest first.
    pub summaries: &'a [SummaryUnit],
    /// Costs of all turns of the branch in order, the query turn left out.
    pub history: &'a [TurnCost],
    /// Retrieval's proposals, best first; may overlap `history`'s recent end.
    pub retrieved: &'a [RetrievedTurn],
    /// What it is for.
    pub query: &'a Query,
    /// First sequence of the recent section of the last window, if one was
    /// built with the same options: kept until a compaction boundary.
    pub recent_from: Option<Sequence>,
    /// Excerpts that the last window left for this one, if it was built with
    /// the same options; see [`WindowOptions::carried_share`](super::WindowOptions::carried_share).
    pub carried: Option<&'a Carried>,
    /// What is said of turns that do not simply hold; `history` and `retrieved`
    /// cost what they cost with what is known before planning.
    pub marks: &'a Marks<'a>,
    /// Gives the chosen turns.
    pub reader: &'a dyn TurnReader,
}
