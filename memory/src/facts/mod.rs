//! Facts that must outlive their turns, pinned into the context windows by the
//! caller or by the service ([`detect`]), and which of them still hold. What a language
//! model adds to them comes through [`WriteLine`].
//!
//! A new fact is read into a [`Claim`] and compared with those before it
//! ([`supersession`]): it may take the place of one ([`FactEdge`]), or
//! contradict one of more weight. A later turn is read once ([`Heard`]) and held
//! against the facts that it may be about ([`news`](news())). Whether a fact holds
//! as of a turn follows from the edges known by then, from its expiry and from
//! what it stands on ([`retirement`]).
//!
//! Invariants: nothing is deleted by being replaced; an edge stands with the
//! earlier fact, so that taking the later one out brings no old value back;
//! the same facts in the same order give the same edges; no clock, no store.

mod authority;
mod choice;
mod claim;
mod dependencies;
pub mod detect;
mod draw;
mod edge;
mod heard;
mod line;
mod marks;
mod name;
mod news;
mod relation;
pub mod retirement;
mod slot;
pub mod supersession;
mod turns;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use authority::AUTHORITY_VERSION;
pub use claim::Claim;
pub use dependencies::{DependencyError, check as check_dependencies};
pub use draw::{draw, forget, forget_turns};
pub use edge::{AS_EXPORTED, Cause, FactEdge, MAX_LINKS, TurnLink, short};
pub use heard::Heard;
pub use line::{Line, LineDraft, LineError, LineSource, LineVersion, RejectedLine, WriteLine};
pub use marks::{TurnMark, turn_marks};
pub use news::{Held, RULES_VERSION, Told, again, news, push_news, told_in};
pub use retirement::{
    AsOf, Retired, Retirement, Standing, TurnEdge, is_replaced, latest_end, standing,
};
pub use turns::{echo, link, link_outdated, link_source};

use crate::turn::{FactId, Role, Sequence};

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FactKind {
    /// How the assistant shall behave.
    Instruction,
    /// What the user likes or dislikes.
    Preference,
    /// Something that is so.
    Fact,
    /// What was decided.
    Decision,
    /// What somebody has promised.
    Commitment,
    /// What the user agrees to, or opts out of.
    Consent,
    /// A number or name that identifies: an order, an account.
    Identifier,
}

impl FactKind {
    /// Lower-case name, as it is rendered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instruction => "instruction",
            Self::Preference => "preference",
            Self::Fact => "fact",
            Self::Decision => "decision",
            Self::Commitment => "commitment",
            Self::Consent => "consent",
            Self::Identifier => "identifier",
        }
    }
}

/// How much a fact weighs against others about the same thing; a lower one
/// never takes a higher one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Authority {
    /// A guess, or hearsay.
    Low,
    /// Somebody's word.
    Peer,
    /// Of one who decides.
    Manager,
    /// Of one who decides finally.
    Executive,
    /// A rule that nobody in the conversation can change.
    Policy,
}

impl Authority {
    /// What a fact weighs that does not say: by the role of its source. An
    /// instruction of the application or of a system turn is a rule; what a
    /// model or a tool said is hearsay; all else is somebody's word.
    pub fn of(kind: FactKind, source: Option<Role>) -> Self {
        match source {
            None | Some(Role::System) if kind == FactKind::Instruction => Self::Policy,
            None | Some(Role::System | Role::User) => Self::Peer,
            Some(Role::Assistant | Role::Tool) => Self::Low,
        }
    }
}

/// What a fact says, as the caller gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Whom or what it is about, or empty.
    pub subject: String,
    /// What of the subject, or empty.
    pub attribute: String,
    /// The value, or empty.
    pub value: String,
    /// Where it holds; everywhere if empty.
    pub scope: String,
    /// Who says so; see [`Authority::of`] if absent.
    pub authority: Option<Authority>,
    /// When it stops to hold.
    pub expires_at: Option<Timestamp>,
    /// The facts that it stands on.
    pub depends_on: Vec<FactId>,
    /// Several values hold beside each other.
    pub additive: bool,
}

/// Who pinned a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Origin {
    /// The application; also a pin of the detector that it has changed since.
    #[default]
    Caller,
    /// The service, from a turn of the user.
    Detector {
        /// [`detect::PinDetector::version`] that found it.
        version: u32,
        /// How sure it is that this is what its kind says, 0 to 1.
        probability: f32,
    },
}

impl Origin {
    /// Whether the service pinned it.
    pub fn is_detector(self) -> bool {
        matches!(self, Self::Detector { .. })
    }
}

/// Whose a fact is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// Of its conversation alone.
    #[default]
    Conversation,
    /// Of the user: it stands in the windows of all conversations of theirs.
    User,
}

/// Probability from which on a prohibition or consent of the detector is in every window.
/// Less sure ones take their part in the room for pins, the surest first: in ordinary talk
/// nearly all of them are wrong (`docs/pins.md`).
const ALWAYS_IN: f32 = 0.8;

/// A pinned fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Names it within its conversation.
    pub id: FactId,
    /// What it is about.
    pub kind: FactKind,
    /// The words.
    pub text: String,
    /// Marked so by the caller; of the detector's, a prohibition or consent. What it means
    /// for windows: [`Fact::is_always_in`].
    pub required: bool,
    /// The turn that it comes from; without one it is the application's word.
    pub source: Option<Sequence>,
    /// Byte range of the source turn's searchable text.
    pub source_span: Option<(u32, u32)>,
    /// Idempotency key of the pin, or empty.
    pub request_id: String,
    /// When it was pinned.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What it says, in fields.
    pub says: Statement,
    /// Role of the source, as of pinning.
    pub source_role: Option<Role>,
    /// From when on it holds: when its source was said; else the
    /// conversation's clock at pinning.
    pub valid_from: Timestamp,
    /// Newest turn of the conversation at pinning; 0 for none.
    pub known_turn: Sequence,
    /// Later facts that bear on it.
    pub edges: Vec<FactEdge>,
    /// Earlier turns that say the same, or that it replaces.
    pub turns: Vec<TurnLink>,
    /// What the caller said does not bear on it: later facts and turns, and
    /// earlier turns. No edge to them is drawn again.
    pub rejected: Vec<Cause>,
    /// Hashes of what it is about, sorted: facts that share none are not
    /// compared.
    pub sketch: Vec<u32>,
    /// Who pinned it.
    #[serde(skip)]
    pub origin: Origin,
    /// Whose it is.
    #[serde(skip)]
    pub owner: Owner,
    /// A pin of the detector that was displaced and stands again, since the
    /// summary of its turns does not tell it: the newest turn then.
    #[serde(skip)]
    pub restored_at: Option<Sequence>,
    /// An instruction of the detector's that is meant for every answer, under no condition:
    /// no question resembles it, so searching cannot bring it.
    #[serde(skip)]
    pub for_every_answer: bool,
}

impl Fact {
    /// What it weighs.
    pub fn authority(&self) -> Authority {
        let usual = || Authority::of(self.kind, self.source_role);
        self.says.authority.unwrap_or_else(usual)
    }

    /// Whether it came after `other`: by their source turns where both have
    /// one, else by when they were pinned. Ids sort by time.
    pub fn is_after(&self, other: &Self) -> bool {
        match (self.source, other.source) {
            (Some(own), Some(others)) if own != others => own > others,
            _ => {
                (self.known_turn, self.created_at, &self.id)
                    > (other.known_turn, other.created_at, &other.id)
            }
        }
    }

    /// The turn that told it: its source, else the last before it that says the
    /// same. A fact that repeats what was said long ago is no news.
    pub fn told(&self) -> Option<Sequence> {
        let repeats = |link: &&TurnLink| link.bears.is_none() && link.turn <= self.known_turn;
        let last = || self.turns.iter().filter(repeats).map(|link| link.turn).max();
        self.source.or_else(last)
    }

    /// Whether no window is built without it. A pin that may take any room, and fail a
    /// window that has none, has to be meant: the caller's, or one that the detector is
    /// sure of.
    pub fn is_always_in(&self) -> bool {
        self.required
            && match self.origin {
                Origin::Caller => true,
                Origin::Detector { probability, .. } => probability >= ALWAYS_IN,
            }
    }

    /// Whether the caller said that `cause` does not bear on it.
    pub fn has_rejected(&self, cause: &Cause) -> bool {
        self.rejected.contains(cause)
    }
}
