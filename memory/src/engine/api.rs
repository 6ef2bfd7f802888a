//! The values that go into and come out of the engine's calls.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    context::{TemplateOverhead, Window},
    facts::{Authority, Cause, Fact, FactKind, Line, Owner, RejectedLine, Standing, Statement},
    items::{ItemHit, NamespacePrefix},
    turn::{ConversationId, FactId, Role, Sequence, Turn},
};

/// A conversation as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Names it within its tenant.
    pub id: ConversationId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When a turn, a pin or its metadata last changed.
    pub updated_at: Timestamp,
    /// Whose it is, in the application's words, or empty.
    pub user_id: String,
    /// For people to read.
    pub title: String,
    /// Free labels.
    pub labels: BTreeMap<String, String>,
    /// Grows with every change.
    pub revision: u64,
    /// Newest sequence of the branch, 0 for none.
    pub last_sequence: Sequence,
    /// The conversation and sequence that it branched from.
    pub forked_from: Option<(ConversationId, Sequence)>,
    /// Every turn up to here is embedded and indexed.
    pub indexed_sequence: Sequence,
}

/// What a new conversation or fork starts with.
#[derive(Clone, Debug, Default)]
pub struct NewConversation {
    /// Its id; drawn if absent.
    pub id: Option<ConversationId>,
    /// Whose it is. A fork takes its parent's.
    pub user_id: String,
    /// For people to read. A fork takes its parent's.
    pub title: String,
    /// Free labels. A fork takes its parent's.
    pub labels: BTreeMap<String, String>,
    /// Idempotency key, or empty.
    pub request_id: String,
}

/// Changes of a conversation; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct ConversationPatch {
    /// New title.
    pub title: Option<String>,
    /// New user.
    pub user_id: Option<String>,
    /// New labels, all of them.
    pub labels: Option<BTreeMap<String, String>>,
    /// Change only at this revision.
    pub expected_revision: Option<u64>,
}

/// What a deletion removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Turns erased.
    pub turns_removed: u64,
    /// Turns kept because a fork shares them.
    pub turns_shared: u64,
}

/// What became of one turn of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedTurn {
    /// Its place.
    pub sequence: Sequence,
    /// Its idempotency key.
    pub client_turn_id: String,
    /// It was stored before.
    pub repeated: bool,
}

/// The answer to an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// One for each turn, in order.
    pub turns: Vec<AppendedTurn>,
    /// Revision that holds them.
    pub revision: u64,
    /// Newest sequence.
    pub last_sequence: Sequence,
}

/// Which turns to list.
#[derive(Clone, Debug)]
pub struct ListTurns {
    /// First sequence to return: the lowest, or the highest when descending;
    /// 0 for the respective end.
    pub from: Sequence,
    /// Newest first.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
    /// A page also ends when its content exceeds this; one turn always comes.
    pub max_bytes: usize,
}

/// A page of turns.
#[derive(Clone, Debug)]
pub struct TurnPage {
    /// The turns; forgotten ones are among them, empty.
    pub turns: Vec<Arc<Turn>>,
    /// `from` of the next page.
    pub next: Option<Sequence>,
    /// Revision that was read.
    pub revision: u64,
}

/// What forgetting removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Turns erased now.
    pub turns_removed: u64,
    /// Pins that came from them.
    pub facts_removed: u64,
    /// Revision after it.
    pub revision: u64,
}

/// A fact to pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFact {
    /// What it is about.
    pub kind: FactKind,
    /// The words.
    pub text: String,
    /// Always in the window.
    pub required: bool,
    /// The turn that it comes from.
    pub source: Option<Sequence>,
    /// Byte range of the source's searchable text.
    pub source_span: Option<(u32, u32)>,
    /// Idempotency key, or empty.
    pub request_id: String,
    /// What it says, in fields.
    pub says: Statement,
    /// Whose it is.
    pub owner: Owner,
}

/// What an export knows of a fact beside its content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptFact {
    /// Its id; drawn if absent.
    pub id: Option<FactId>,
    /// Newest turn when it was pinned; that of the conversation if absent.
    pub known_turn: Option<Sequence>,
    /// From when on it holds; by its source or the conversation's clock if absent.
    pub valid_from: Option<Timestamp>,
    /// A turn that had taken its place.
    pub replaced_by: Option<Sequence>,
    /// What the caller said does not bear on it.
    pub rejected: Vec<Cause>,
    /// How sure the detector was that pinned it; nothing if the caller did.
    pub detected: Option<f32>,
}

/// A fact with how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PinnedFact {
    /// The fact.
    pub fact: Fact,
    /// Whether it holds, and what contradicts it.
    pub standing: Standing,
    /// The newest window of its conversation had no room for it.
    pub yielded: bool,
    /// It in one line that stands alone, if it holds and there is one.
    pub line: Option<Line>,
    /// What was written for such a line and could not be used.
    pub rejected_lines: Vec<RejectedLine>,
}

/// Changes of a fact; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct FactPatch {
    /// New kind.
    pub kind: Option<FactKind>,
    /// New words.
    pub text: Option<String>,
    /// New mark.
    pub required: Option<bool>,
    /// New subject.
    pub subject: Option<String>,
    /// New attribute.
    pub attribute: Option<String>,
    /// New value.
    pub value: Option<String>,
    /// New scope.
    pub scope: Option<String>,
    /// New authority, or none of its own.
    pub authority: Option<Option<Authority>>,
    /// New end, or none.
    pub expires_at: Option<Option<Timestamp>>,
    /// New dependencies, all of them.
    pub depends_on: Option<Vec<FactId>>,
    /// Whether its values add up.
    pub additive: Option<bool>,
    /// Whose it is to be.
    pub owner: Option<Owner>,
}

/// Where a search looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchScope {
    /// One conversation.
    Conversation(ConversationId),
    /// All conversations of a user.
    User(String),
}

/// Which turns count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnFilter {
    /// Only these roles; all if empty.
    pub roles: Vec<Role>,
    /// Only this speaker, if not empty.
    pub speaker: String,
    /// Said at or after.
    pub from_time: Option<Timestamp>,
    /// Said before.
    pub until_time: Option<Timestamp>,
    /// Lowest sequence; 0 for none.
    pub from_sequence: Sequence,
    /// Highest sequence; 0 for none.
    pub until_sequence: Sequence,
}

/// How turns are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SearchMethod {
    /// Learned fusion.
    #[default]
    Hybrid,
    /// Cosine alone.
    Dense,
    /// BM25 alone.
    Bm25,
    /// Reciprocal rank fusion, k = 60.
    Rrf,
}

/// A search.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// Where.
    pub scope: SearchScope,
    /// For what.
    pub query: String,
    /// Which turns.
    pub filter: TurnFilter,
    /// How.
    pub method: SearchMethod,
    /// Rank of the first hit wanted, from 0.
    pub offset: usize,
    /// So many hits.
    pub limit: usize,
    /// Leave the turns' parts out.
    pub omit_parts: bool,
    /// Wait until this revision is searchable.
    pub min_revision: u64,
    /// Leave the order as the ranking has it, replaced turns or not.
    pub ignore_staleness: bool,
    /// Namespaces of items to search beside the turns.
    pub items_below: Vec<NamespacePrefix>,
}

/// A turn that was found.
#[derive(Clone, Debug)]
pub struct SearchHit {
    /// The conversation that it was read through.
    pub conversation: ConversationId,
    /// The turn.
    pub turn: Arc<Turn>,
    /// Ranking score.
    pub score: f32,
    /// Named components.
    pub components: Vec<(&'static str, f32)>,
    /// Byte range of the best passage.
    pub passage: Option<(u32, u32)>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct SearchOutcome {
    /// Best first.
    pub hits: Vec<SearchHit>,
    /// There are more behind them.
    pub more: bool,
    /// Revision searched; 0 for the search of a user.
    pub revision: u64,
    /// What was missing.
    pub shortfalls: Vec<Shortfall>,
    /// Items that were asked for, best first; with the first hits alone.
    pub items: Vec<ItemHit>,
}

/// Something that an answer had to do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// So many turns are not embedded yet.
    NotIndexed(u64),
    /// The index did not answer.
    IndexUnavailable(String),
    /// The embedder did not answer.
    EmbeddingUnavailable(String),
    /// The reranker did not answer.
    RerankerUnavailable(String),
    /// These pins were over their share.
    PinsYielded(Vec<(ConversationId, FactId)>),
    /// The last user turn, of so many tokens, did not fit.
    QueryTurnTooLarge(u64),
    /// So many items are not embedded yet.
    ItemsNotIndexed(u64),
    /// There are more items than a search looks at; how many were looked at.
    ItemsLeftOut(u64),
    /// Of these turns, first and last, a hand-over tells nothing.
    TurnsLeftOut(Vec<(Sequence, Sequence)>),
}

/// Whether pins are restated right before the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reanchoring {
    /// Never.
    #[default]
    Never,
    /// While the health of the conversation calls for it.
    ByHealth,
    /// Always.
    Always,
}

/// A window to build.
#[derive(Clone, Debug)]
pub struct ContextRequest {
    /// What for; the last user turn if empty.
    pub query: String,
    /// Tokens that it may cost.
    pub budget: u32,
    /// Name of the tokenizer.
    pub tokenizer: String,
    /// Share for recent turns, 0 to 1; the engine's default if absent.
    pub recent_share: Option<f32>,
    /// Share for pins that are not required, 0 to 1; 0.25 if absent.
    pub pinned_share: Option<f32>,
    /// Share for summaries, 0 to 1; the engine's default if absent.
    pub summary_share: Option<f32>,
    /// Whether pins are restated near the query.
    pub reanchoring: Reanchoring,
    /// Search the user's other conversations too.
    pub include_user_history: bool,
    /// What the chat template adds.
    pub overhead: TemplateOverhead,
    /// Smallest score of retrieved turns, 0 to 1 of the best.
    pub min_score: f32,
    /// Wait until this revision is searchable.
    pub min_revision: u64,
    /// Build it as it would have been after this turn; now if 0.
    pub as_of: Sequence,
    /// What becomes of turns that were replaced.
    pub superseded: super::SupersededTurns,
}

/// A built window with what it saved.
#[derive(Clone, Debug)]
pub struct ContextOutcome {
    /// The window.
    pub window: Arc<Window>,
    /// What the whole history would cost.
    pub full_history_tokens: u64,
    /// Leading tokens unchanged since the last window.
    pub unchanged_prefix_tokens: u32,
    /// Revision that it was built from.
    pub revision: u64,
    /// What was missing.
    pub shortfalls: Vec<Shortfall>,
    /// What items of the window are marked with, by the item's place.
    pub edges: Vec<(usize, super::ShownEdge)>,
    /// Proposals that were dropped as superseded.
    pub superseded_dropped: u32,
    /// What was searched for.
    pub search_query: String,
    /// The two best scores of retrieval, if it proposed two turns.
    pub best_scores: Option<(f32, f32)>,
    /// Microseconds that building took beyond embedding the query.
    pub assembly_micros: u64,
}
