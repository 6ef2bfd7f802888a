//! An assembled window: the messages, and for each thing in them where it comes
//! from, what it costs and why it is there. The last step's product.
//!
//! Invariants: the tokens of the items and `overhead_tokens` add up to
//! `total_tokens`, which is never over the budget.

use jiff::Timestamp;

use super::{carried::Carried, prefix::PrefixPiece};
use crate::turn::{ConversationId, FactId, Part, Role, Sequence};

/// Part of the window that an item stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// Pinned facts and instructions.
    Pinned,
    /// What stands for earlier turns.
    Summary,
    /// Recent turns, verbatim.
    Recent,
    /// Turns found by search, in time order.
    Retrieved,
    /// Pins that are restated near the query.
    Reanchored,
    /// The last user turn or the query.
    Query,
}

/// A message for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose words it is rendered as.
    pub role: Role,
    /// Text.
    pub content: String,
    /// Parts that are not text, of turns that stand verbatim.
    pub parts: Vec<Part>,
    /// Name of the speaker, or empty.
    pub speaker: String,
}

/// Why something is in the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Which section.
    pub section: Section,
    /// Another conversation of the user, or absent for the window's own.
    pub conversation: Option<ConversationId>,
    /// The turn, if it is one.
    pub sequence: Option<Sequence>,
    /// The pin, if it is one.
    pub fact: Option<FactId>,
    /// The turns that it stands for, first and last, if it is a summary.
    pub summarizes: Option<(Sequence, Sequence)>,
    /// Index into the messages.
    pub message: usize,
    /// Tokens that it adds. For what has a message of its own the template's
    /// tokens for that message are included; for what shares a message they
    /// are in [`Window::overhead_tokens`].
    pub tokens: u32,
    /// Score, for retrieved items.
    pub score: Option<f32>,
    /// Named components of the score.
    pub components: Vec<(&'static str, f32)>,
    /// Why, in words.
    pub reason: String,
    /// When it was said.
    pub said_at: Option<Timestamp>,
    /// Who said it.
    pub role: Role,
}

/// What a window had to do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yielded {
    /// So many pins were over their share.
    Pins(usize),
    /// The query turn, of so many tokens, did not fit.
    QueryTurn(u32),
}

/// An assembled window.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Ready for a chat completion.
    pub messages: Vec<Message>,
    /// What the messages are made of, in the order in which they stand.
    pub items: Vec<Item>,
    /// What it costs; never over the budget. 0 if there is no message.
    pub total_tokens: u32,
    /// Tokens that belong to no item: the template's for the prompt, and for
    /// each message that holds several items the template's and its header's.
    pub overhead_tokens: u32,
    /// First sequence of the recent section: give it back the next time.
    pub recent_from: Option<Sequence>,
    /// Excerpts that the next window is to carry on: give them back then.
    pub carried: Option<Carried>,
    /// What did not fit.
    pub yielded: Vec<Yielded>,
    /// What the window begins with, piece by piece: keep it for
    /// [`super::unchanged_prefix_tokens`] of the next window.
    pub prefix: Vec<PrefixPiece>,
}

/// What assembly can fail with: the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// Required pins do not fit.
    #[error(
        "required pins need {needed} tokens with the chat template, the budget is {given}: raise \
         token_budget to {needed}, or unpin something"
    )]
    BudgetTooSmall {
        /// The smallest budget that holds them.
        needed: u32,
        /// The budget given.
        given: u32,
    },
}
