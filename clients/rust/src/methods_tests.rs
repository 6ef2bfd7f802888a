//! The table of methods is that of the protocol.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};

use super::*;

/// What [`Client`] opens for streams.
const STREAMING: [&str; 2] = ["conversations", "degradation"];
/// Takes more than a request: see `turn.rs`.
const PREPARE_TURN: (&str, &str, bool) = ("context", "prepare_turn", true);

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The name under which [`Client`] has a service.
fn service(name: &str) -> &'static str {
    match name {
        "ConversationService" => "conversations",
        "MemoryService" => "memory",
        "ItemService" => "items",
        "ContextService" => "context",
        "DegradationService" => "degradation",
        "UsageService" => "usage",
        "ServerService" => "server",
        other => unreachable!("no such service: {other}"),
    }
}

fn described() -> FileDescriptorSet {
    FileDescriptorSet::decode(v1::FILE_DESCRIPTOR_SET).unwrap_or_default()
}

/// The methods of the protocol with their services.
fn methods() -> Vec<(&'static str, MethodDescriptorProto)> {
    let services = described().file.into_iter().flat_map(|file| file.service);
    let methods = services.flat_map(|described| {
        let name = service(described.name());
        described.method.into_iter().map(move |method| (name, method))
    });
    methods.collect()
}

/// Whether a request has a field for an idempotency key.
fn has_key(request: &str) -> bool {
    let messages = described().file.into_iter().flat_map(|file| file.message_type);
    let fields = messages.filter(|message| request.rsplit('.').next() == Some(message.name()));
    let mut fields = fields.flat_map(|message| message.field);
    fields.any(|field| match field.name() {
        "request_id" | "outcome" => true,
        // Turns to append, not the name of one.
        "turns" | "turn" => field.type_name().ends_with(".Turn"),
        _ => false,
    })
}

#[test]
fn every_method_of_the_protocol_is_in_the_table() {
    let (streams, unary): (Vec<_>, Vec<_>) = methods()
        .into_iter()
        .partition(|(_, method)| method.client_streaming() || method.server_streaming());
    let unary: BTreeSet<_> = unary
        .iter()
        .map(|(service, method)| (*service, snake(method.name()), has_key(method.input_type())))
        .collect();
    let table: BTreeSet<_> = TABLE
        .iter()
        .chain([&PREPARE_TURN])
        .map(|(service, name, keys)| (*service, (*name).to_owned(), *keys))
        .collect();
    assert_eq!(table, unary);
    for (service, method) in streams {
        assert!(STREAMING.contains(&service), "nothing opens {}", method.name());
    }
}

#[test]
fn keys_are_drawn_once_and_kept() {
    let (mut empty, mut given) = (String::new(), "mine".to_owned());
    fill(&mut empty);
    fill(&mut given);
    assert_eq!(empty.len(), 32);
    assert_eq!(given, "mine");
    let drawn = empty.clone();
    fill(&mut empty);
    assert_eq!(empty, drawn);
}
