//! Conversations and their changes.

use std::collections::BTreeMap;

use throughline_memory::{
    engine::{Conversation, ConversationPatch, Limits, NewConversation},
    turn::ConversationId,
};

use super::{Violations, mask::Mask, name, time::timestamp_to_proto};
use crate::pb;

const MASK_FIELDS: [&str; 3] = ["title", "user_id", "labels"];

/// Renders a conversation.
pub fn conversation_to_proto(conversation: Conversation) -> pb::Conversation {
    let (forked_from, forked_at_sequence) = match &conversation.forked_from {
        Some((parent, at)) => (name::conversation_name(parent), *at),
        None => (String::new(), 0),
    };
    pb::Conversation {
        name: name::conversation_name(&conversation.id),
        create_time: Some(timestamp_to_proto(conversation.created_at)),
        update_time: Some(timestamp_to_proto(conversation.updated_at)),
        user_id: conversation.user_id,
        title: conversation.title,
        labels: conversation.labels.into_iter().collect(),
        revision: conversation.revision,
        last_sequence: conversation.last_sequence,
        forked_from,
        forked_at_sequence,
        indexed_sequence: conversation.indexed_sequence,
    }
}

/// Checks what a new conversation starts with; output-only fields are ignored.
pub fn new_conversation(
    conversation: Option<pb::Conversation>,
    conversation_id: &str,
    request_id: String,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<NewConversation> {
    let conversation = conversation.unwrap_or_default();
    let id = violations.take(name::new_id(conversation_id));
    let max = limits.request_id_bytes;
    violations.check_bytes("request_id", &request_id, "request_id_bytes", max);
    let (user_id, title, labels) = described(conversation, limits, violations);
    Some(NewConversation { id: id?, user_id, title, labels, request_id })
}

/// Checks a change: which conversation, and what of it.
pub fn conversation_patch(
    request: pb::UpdateConversationRequest,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<(ConversationId, ConversationPatch)> {
    let Some(conversation) = request.conversation else {
        violations.add("conversation", "is required");
        return None;
    };
    let id = violations.take(name::parse_conversation("conversation.name", &conversation.name));
    let mask = Mask::read(request.update_mask, &MASK_FIELDS, violations);
    let (user_id, title, labels) = described(conversation, limits, violations);
    let patch = ConversationPatch {
        title: mask.has("title").then_some(title),
        user_id: mask.has("user_id").then_some(user_id),
        labels: mask.has("labels").then_some(labels),
        expected_revision: Some(request.expected_revision).filter(|revision| *revision > 0),
    };
    Some((id?, patch))
}

type Described = (String, String, BTreeMap<String, String>);

fn described(
    conversation: pb::Conversation,
    limits: &Limits,
    violations: &mut Violations,
) -> Described {
    let pb::Conversation { user_id, title, labels, .. } = conversation;
    violations.check_bytes("conversation.user_id", &user_id, "user_id_bytes", limits.user_id_bytes);
    violations.check_bytes("conversation.title", &title, "title_bytes", limits.title_bytes);
    let field = "conversation.labels";
    if labels.len() as u64 > limits.labels {
        let (is, max) = (labels.len(), limits.labels);
        violations.add(field, format!("has {is} labels, the limit labels is {max}"));
    }
    let labels: BTreeMap<String, String> = labels.into_iter().collect();
    for (key, value) in &labels {
        violations.check_bytes(field, key, "label_key_bytes", limits.label_key_bytes);
        let shown: String = key.chars().take(40).collect();
        let at = format!("{field}[{shown}]");
        violations.check_bytes(&at, value, "label_value_bytes", limits.label_value_bytes);
    }
    (user_id, title, labels)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use throughline_memory::engine::EngineError;

    use super::*;

    fn described() -> pb::Conversation {
        pb::Conversation {
            user_id: "u".to_owned(),
            title: "t".to_owned(),
            labels: [("k".to_owned(), "v".to_owned())].into(),
            ..pb::Conversation::default()
        }
    }

    #[test]
    fn a_fork_names_its_parent() {
        let id = |id| ConversationId::new(id).unwrap();
        let shown = conversation_to_proto(Conversation {
            id: id("fork"),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            user_id: String::new(),
            title: String::new(),
            labels: BTreeMap::new(),
            revision: 3,
            last_sequence: 9,
            forked_from: Some((id("main"), 7)),
            indexed_sequence: 8,
        });
        assert_eq!((shown.name.as_str(), shown.last_sequence), ("conversations/fork", 9));
        assert_eq!(
            (shown.forked_from.as_str(), shown.forked_at_sequence),
            ("conversations/main", 7)
        );
    }

    #[test]
    fn all_bad_fields_of_a_creation_are_named() {
        let conversation = pb::Conversation {
            user_id: "x".repeat(257),
            title: "x".repeat(1_025),
            labels: [("k".to_owned(), "x".repeat(1_025))].into(),
            ..pb::Conversation::default()
        };
        let mut violations = Violations::new();
        let new = new_conversation(
            Some(conversation),
            "Not an id",
            "x".repeat(129),
            &Limits::default(),
            &mut violations,
        );
        let Err(EngineError::Invalid(found)) = violations.finish(new) else { panic!() };
        let fields: Vec<_> = found.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "conversation_id",
                "request_id",
                "conversation.user_id",
                "conversation.title",
                "conversation.labels[k]"
            ]
        );
    }

    #[test]
    fn a_patch_takes_the_fields_of_its_mask() {
        let patch = |paths: Option<Vec<&str>>| {
            let request = pb::UpdateConversationRequest {
                conversation: Some(pb::Conversation {
                    name: "conversations/c".to_owned(),
                    ..described()
                }),
                update_mask: paths.map(|paths| prost_types::FieldMask {
                    paths: paths.into_iter().map(str::to_owned).collect(),
                }),
                expected_revision: 0,
            };
            let mut violations = Violations::new();
            let read = conversation_patch(request, &Limits::default(), &mut violations);
            violations.finish(read)
        };
        let (_, all) = patch(None).unwrap();
        assert!(all.title.is_some() && all.user_id.is_some() && all.labels.is_some());
        let (_, title) = patch(Some(vec!["title"])).unwrap();
        assert!(title.title.is_some() && title.user_id.is_none() && title.labels.is_none());
        let Err(EngineError::Invalid(found)) = patch(Some(vec!["revision"])) else { panic!() };
        assert_eq!(found[0].field, "update_mask.paths[0]");
    }
}
