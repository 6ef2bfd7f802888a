//! The public face of the domain: what the server calls.
//!
//! Signatures first; the bodies follow in the next commits.
#![allow(unused_variables, missing_docs, clippy::unimplemented)]

mod api;
mod error;
mod limits;

use std::sync::Arc;

pub use api::*;
pub use error::{EngineError, FieldViolation};
pub use limits::Limits;

use crate::{
    facts::Fact,
    index::{TurnIndex, TurnSource},
    store::{ConversationStore, StoreHealth},
    turn::{ConversationId, FactId, NewTurn, Sequence, TenantId, Turn},
};

/// Everything that an engine is built from.
pub struct EngineParts {
    pub limits: Limits,
}

/// A tenant's conversations: append, read, search, assemble.
pub struct Engine {
    limits: Limits,
}

impl Engine {
    /// Opens the engine over a store and resumes the outbox.
    pub async fn start(parts: EngineParts) -> Result<Arc<Self>, EngineError> { unimplemented!() }
    pub fn limits(&self) -> &Limits { &self.limits }
    pub fn store_health(&self) -> StoreHealth { unimplemented!() }
    pub fn store_kind(&self) -> &'static str { unimplemented!() }
    pub fn index_kind(&self) -> &'static str { unimplemented!() }
    pub fn outbox_backlog(&self) -> u64 { unimplemented!() }
    pub fn tokenizer_names(&self) -> Vec<String> { unimplemented!() }
    /// Drains what was accepted and closes the store.
    pub async fn close(&self) { unimplemented!() }
    /// Derives everything again from the turns; `progress(done, total)` in turns.
    pub async fn rebuild(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<u64, EngineError> { unimplemented!() }

    pub async fn create_conversation(&self, tenant: &TenantId, new: NewConversation) -> Result<Conversation, EngineError> { unimplemented!() }
    pub async fn get_conversation(&self, tenant: &TenantId, id: &ConversationId) -> Result<Conversation, EngineError> { unimplemented!() }
    /// Newest id first; `before` is the last id of the page before. Second: whether more follow.
    pub async fn list_conversations(&self, tenant: &TenantId, user_id: Option<&str>, before: Option<&ConversationId>, limit: usize) -> Result<(Vec<Conversation>, bool), EngineError> { unimplemented!() }
    pub async fn update_conversation(&self, tenant: &TenantId, id: &ConversationId, patch: ConversationPatch) -> Result<Conversation, EngineError> { unimplemented!() }
    pub async fn delete_conversation(&self, tenant: &TenantId, id: &ConversationId) -> Result<Deleted, EngineError> { unimplemented!() }
    pub async fn fork_conversation(&self, tenant: &TenantId, parent: &ConversationId, at: Sequence, new: NewConversation) -> Result<Conversation, EngineError> { unimplemented!() }

    pub async fn append_turns(&self, tenant: &TenantId, id: &ConversationId, turns: Vec<NewTurn>, expected_last_sequence: Option<Sequence>) -> Result<Appended, EngineError> { unimplemented!() }
    /// Returns when every turn up to `sequence` is searchable. The caller bounds the wait.
    pub async fn wait_indexed(&self, tenant: &TenantId, id: &ConversationId, sequence: Sequence) -> Result<(), EngineError> { unimplemented!() }
    /// Returns when the conversation has this revision. The caller bounds the wait.
    pub async fn wait_revision(&self, tenant: &TenantId, id: &ConversationId, revision: u64) -> Result<(), EngineError> { unimplemented!() }
    pub async fn list_turns(&self, tenant: &TenantId, id: &ConversationId, which: ListTurns) -> Result<TurnPage, EngineError> { unimplemented!() }
    pub async fn forget_turns(&self, tenant: &TenantId, id: &ConversationId, sequences: &[Sequence]) -> Result<Forgotten, EngineError> { unimplemented!() }
    /// Takes turns of an export into a conversation that import created: sequences must go on
    /// densely; times, ids and forgotten places are kept.
    pub async fn import_turns(&self, tenant: &TenantId, id: &ConversationId, turns: Vec<Turn>) -> Result<(), EngineError> { unimplemented!() }

    pub async fn pin_fact(&self, tenant: &TenantId, id: &ConversationId, fact: NewFact) -> Result<(Fact, u64), EngineError> { unimplemented!() }
    pub async fn update_fact(&self, tenant: &TenantId, id: &ConversationId, fact: &FactId, patch: FactPatch) -> Result<(Fact, u64), EngineError> { unimplemented!() }
    pub async fn unpin_fact(&self, tenant: &TenantId, id: &ConversationId, fact: &FactId) -> Result<u64, EngineError> { unimplemented!() }
    /// Oldest first; `after` is the last id of the page before. Facts, whether more follow, revision.
    pub async fn list_facts(&self, tenant: &TenantId, id: &ConversationId, after: Option<&FactId>, limit: usize) -> Result<(Vec<Fact>, bool, u64), EngineError> { unimplemented!() }

    pub async fn search(&self, tenant: &TenantId, request: SearchRequest) -> Result<SearchOutcome, EngineError> { unimplemented!() }
    pub async fn build_context(&self, tenant: &TenantId, id: &ConversationId, request: ContextRequest) -> Result<ContextOutcome, EngineError> { unimplemented!() }
    /// Appends the user's turn and builds its window.
    pub async fn prepare_turn(&self, tenant: &TenantId, id: &ConversationId, turn: NewTurn, expected_last_sequence: Option<Sequence>, request: ContextRequest) -> Result<(AppendedTurn, ContextOutcome), EngineError> { unimplemented!() }
}
