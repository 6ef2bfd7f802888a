//! Assembled windows on the way out.

use throughline_memory::{
    context::{Item, Message, Section},
    engine::{ContextOutcome, ContextRequest, Handover},
    turn::ConversationId,
};

use super::{
    name,
    part::part_to_proto,
    search::{score_to_proto, shortfall_to_proto},
    staleness::edge_to_proto,
    time::timestamp_to_proto,
    turn::role_to_proto,
};
use crate::pb;

/// The part of a request that its answer repeats.
#[derive(Clone, Debug)]
pub struct Asked {
    budget: u32,
    tokenizer: String,
}

impl From<&ContextRequest> for Asked {
    fn from(request: &ContextRequest) -> Self {
        Self { budget: request.budget, tokenizer: request.tokenizer.clone() }
    }
}

/// Renders the window of `conversation`.
pub fn window_to_proto(
    conversation: &ConversationId,
    asked: Asked,
    outcome: &ContextOutcome,
) -> pb::ContextWindow {
    let window = &outcome.window;
    pb::ContextWindow {
        messages: window.messages.iter().map(message_to_proto).collect(),
        items: items_to_proto(conversation, outcome),
        total_tokens: window.total_tokens,
        token_budget: asked.budget,
        full_history_tokens: outcome.full_history_tokens,
        unchanged_prefix_tokens: outcome.unchanged_prefix_tokens,
        tokenizer: asked.tokenizer,
        revision: outcome.revision,
        shortfalls: outcome.shortfalls.iter().map(shortfall_to_proto).collect(),
        search_query: outcome.search_query.clone(),
        superseded_dropped: outcome.superseded_dropped,
    }
}

/// Renders a hand-over window of `conversation`.
pub fn handover_to_proto(conversation: &ConversationId, handover: &Handover) -> pb::Handover {
    let window = &handover.window;
    pb::Handover {
        messages: window.messages.iter().map(message_to_proto).collect(),
        items: window.items.iter().map(|item| item_to_proto(conversation, item)).collect(),
        total_tokens: window.total_tokens,
        shortfalls: handover.shortfalls.iter().map(shortfall_to_proto).collect(),
    }
}

fn message_to_proto(message: &Message) -> pb::ContextMessage {
    pb::ContextMessage {
        role: role_to_proto(message.role).into(),
        content: message.content.clone(),
        parts: message.parts.iter().map(part_to_proto).collect(),
        speaker: message.speaker.clone(),
    }
}

fn items_to_proto(conversation: &ConversationId, outcome: &ContextOutcome) -> Vec<pb::ContextItem> {
    let items = &outcome.window.items;
    let mut shown: Vec<_> = items.iter().map(|item| item_to_proto(conversation, item)).collect();
    for (at, edge) in &outcome.edges {
        let of = items.get(*at).and_then(|item| item.conversation.as_ref());
        if let Some(item) = shown.get_mut(*at) {
            item.edges.push(edge_to_proto(of.unwrap_or(conversation), edge));
        }
    }
    shown
}

fn item_to_proto(conversation: &ConversationId, item: &Item) -> pb::ContextItem {
    let source = item.conversation.as_ref().unwrap_or(conversation);
    pb::ContextItem {
        section: section_to_proto(item.section).into(),
        turn: item.sequence.map(|at| name::turn_name(source, at)).unwrap_or_default(),
        fact: item.fact.as_ref().map(|fact| name::fact_name(source, fact)).unwrap_or_default(),
        message_index: u32::try_from(item.message).unwrap_or(u32::MAX),
        tokens: item.tokens,
        score: item.score.map(|total| score_to_proto(total, &item.components)),
        reason: item.reason.clone(),
        say_time: item.said_at.map(timestamp_to_proto),
        role: role_to_proto(item.role).into(),
        edges: Vec::new(),
        summary_from_sequence: item.summarizes.map_or(0, |(from, _)| from),
        summary_until_sequence: item.summarizes.map_or(0, |(_, until)| until),
    }
}

fn section_to_proto(section: Section) -> pb::Section {
    match section {
        Section::Pinned => pb::Section::Pinned,
        Section::Summary => pb::Section::Summary,
        Section::Recent => pb::Section::Recent,
        Section::Retrieved => pb::Section::Retrieved,
        Section::Reanchored => pb::Section::Reanchored,
        Section::Query => pb::Section::Query,
    }
}

#[cfg(test)]
mod tests {
    use throughline_memory::turn::Role;

    use super::*;

    #[test]
    fn an_item_names_the_conversation_that_it_comes_from() {
        let own = ConversationId::new("own").unwrap();
        let mut item = Item {
            section: Section::Retrieved,
            conversation: None,
            sequence: Some(3),
            fact: None,
            summarizes: None,
            message: 1,
            tokens: 5,
            score: Some(0.5),
            components: vec![("dense", 0.25)],
            reason: "found".to_owned(),
            said_at: None,
            role: Role::User,
        };
        assert_eq!(item_to_proto(&own, &item).turn, "conversations/own/turns/3");
        item.conversation = ConversationId::new("other").ok();
        let shown = item_to_proto(&own, &item);
        assert_eq!(shown.turn, "conversations/other/turns/3");
        assert_eq!(shown.score.unwrap().components["dense"], 0.25);
        assert_eq!(shown.fact, "");
    }
}
