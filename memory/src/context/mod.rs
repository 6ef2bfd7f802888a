//! Assembling a context window: budget, place, render. Plain functions of
//! values: no store, no clock.
//!
//! Invariants: the window never costs more than its budget by its own
//! tokenizer; a tool call stands together with its results or not at all;
//! what is remembered is rendered as data, with the authority of its source's
//! role.
//!
//! Order: pins │ recent turns, verbatim, from a start that moves only at a
//! compaction boundary │ retrieved turns, in time order │ the query. What
//! changes from turn to turn stands behind what does not.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    facts::Fact,
    turn::{ConversationId, Part, Role, Sequence, Turn},
};

/// Tokens that a chat template adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TemplateOverhead {
    /// For each message.
    pub per_message: u32,
    /// Once for each prompt.
    pub per_prompt: u32,
}

impl Default for TemplateOverhead {
    /// ChatML, as OpenAI counts it.
    fn default() -> Self {
        Self { per_message: 4, per_prompt: 3 }
    }
}

/// Counts tokens of a text as the model would.
pub trait TokenCounter: Send + Sync + 'static {
    /// The name that requests use.
    fn name(&self) -> &str;
    /// Tokens of a text that stands alone between special tokens.
    fn count(&self, text: &str) -> u32;
}

/// How a window is to be filled.
#[derive(Clone)]
pub struct WindowOptions {
    /// Tokens that the window may cost.
    pub budget: u32,
    /// Who counts.
    pub counter: Arc<dyn TokenCounter>,
    /// What the chat template adds.
    pub overhead: TemplateOverhead,
    /// Share of the budget for recent turns, 0 to 1.
    pub recent_share: f32,
    /// Share of the budget for pins that are not required, 0 to 1.
    pub pinned_share: f32,
}

/// A pin with the role that its source gives it.
#[derive(Clone, Debug)]
pub struct Pin {
    /// The fact.
    pub fact: Fact,
    /// Role of the source turn; `System` for a pin of the application itself.
    pub authority: Role,
    /// When the source was said, if it has one.
    pub said_at: Option<Timestamp>,
}

/// What is known of a turn without reading it: enough to plan with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnCost {
    /// The turn.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// Tokens as a message of its own, template overhead left out; opaque parts
    /// at their stated cost.
    pub verbatim: u32,
    /// Tokens as a quoted excerpt (see `render`), date and speaker included.
    pub quoted: u32,
    /// It calls a tool: the results that follow belong to it.
    pub calls_tool: bool,
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

/// What the window is for.
#[derive(Clone, Debug)]
pub enum Query {
    /// The last user turn of the conversation: stands last, verbatim.
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
    /// Costs of all turns of the branch in order, the query turn left out.
    pub history: &'a [TurnCost],
    /// Retrieval's proposals, best first; may overlap `history`'s recent end.
    pub retrieved: &'a [RetrievedTurn],
    /// What it is for.
    pub query: &'a Query,
    /// First sequence of the recent section of the last window, if one was
    /// built with the same options: kept until a compaction boundary.
    pub recent_from: Option<Sequence>,
    /// Gives the chosen turns.
    pub reader: &'a dyn TurnReader,
}

/// Part of the window that an item stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// Pinned facts and instructions.
    Pinned,
    /// Recent turns, verbatim.
    Recent,
    /// Turns found by search, in time order.
    Retrieved,
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
    pub fact: Option<crate::turn::FactId>,
    /// Index into the messages.
    pub message: usize,
    /// Tokens that it adds.
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
    /// What it costs; never over the budget.
    pub total_tokens: u32,
    /// First sequence of the recent section: give it back the next time.
    pub recent_from: Option<Sequence>,
    /// What did not fit.
    pub yielded: Vec<Yielded>,
}

/// What assembly can fail with: the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// Required pins do not fit.
    #[error("required pins need {needed} tokens with the chat template, the budget is {given}")]
    BudgetTooSmall {
        /// The smallest budget that holds them.
        needed: u32,
        /// The budget given.
        given: u32,
    },
}
