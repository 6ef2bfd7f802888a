//! Requests as most tests make them.

use throughline_memory::{context::TemplateOverhead, engine::*, turn::ConversationId};

pub fn search_in(of: &ConversationId, query: &str, method: SearchMethod) -> SearchRequest {
    SearchRequest {
        scope: SearchScope::Conversation(of.clone()),
        query: query.to_owned(),
        filter: TurnFilter::default(),
        method,
        offset: 0,
        limit: 1_000,
        omit_parts: false,
        min_revision: 0,
        ignore_staleness: false,
    }
}

pub fn ask(query: &str) -> ContextRequest {
    ContextRequest {
        query: query.to_owned(),
        budget: 100_000,
        tokenizer: DEFAULT_TOKENIZER.to_owned(),
        recent_share: None,
        pinned_share: None,
        include_user_history: false,
        reanchoring: Reanchoring::Never,
        overhead: TemplateOverhead::default(),
        min_score: 0.0,
        min_revision: 0,
        as_of: 0,
        superseded: SupersededTurns::default(),
        summary_share: None,
    }
}

/// Everything that a window says.
pub fn words(outcome: &ContextOutcome) -> String {
    let messages = outcome.window.messages.iter();
    messages.map(|message| format!("{}\n{:?}\n", message.content, message.parts)).collect()
}
