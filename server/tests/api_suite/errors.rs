//! The table of errors on the wire: code, reason, field path; and that nothing
//! is half-written.

use std::collections::BTreeMap;

use throughline::pb;
use throughline_memory::engine::Limits;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, ACME_READ, Client, Key, TestServer, fact, turn, user, with_id};

/// Encodes like `GetConversationRequest`, with bytes that are no text.
#[derive(Clone, PartialEq, prost::Message)]
struct NotUtf8 {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
}

/// What the message of a reason tells the caller to do.
const MENDS: [(&str, &str); 9] = [
    ("API_KEY_REFUSED", "added to the keys of the server's configuration"),
    ("BUDGET_TOO_SMALL", "raise token_budget to"),
    ("CLIENT_TURN_ID_TAKEN", "an id of its own"),
    ("CONVERSATION_NOT_FOUND", "check its name"),
    ("LIMIT_REACHED", "stay below it"),
    ("MESSAGE_TOO_LARGE", "send less in one call"),
    ("SCOPE_MISSING", "added to this one's scopes"),
    ("SEQUENCE_MISMATCH", "read what came"),
    ("UNKNOWN_METHOD", "reflection service"),
];

/// What is wrong by code, reason and fields; and that the message names the mend.
#[track_caller]
fn check<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str, fields: &[&str]) {
    let status = answer.expect_err("an error");
    let details = status.get_error_details();
    let found = details.error_info().map(|info| info.reason.as_str());
    assert_eq!((status.code(), found), (code, Some(reason)), "{status}");
    let mend = MENDS.iter().find(|(of, _)| *of == reason).map_or("", |(_, mend)| mend);
    assert!(status.message().contains(mend), "{status}");
    let listed: Vec<&str> = details
        .bad_request()
        .map(|bad| bad.field_violations.iter().map(|v| v.field.as_str()).collect())
        .unwrap_or_default();
    assert_eq!(listed, fields, "{status}");
}

#[track_caller]
fn invalid<T: std::fmt::Debug>(answer: Result<T, Status>, fields: &[&str]) {
    check(answer, Code::InvalidArgument, "INVALID_FIELDS", fields);
}

async fn append(client: &Client, turns: Vec<pb::Turn>) -> Result<pb::AppendTurnsResponse, Status> {
    client.append("conversations/c", turns).await
}

#[tokio::test]
async fn all_bad_turns_are_named_and_none_is_written() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let turns = vec![
        user("good"),
        turn(pb::Role::Unspecified, "x"),
        pb::Turn { parts: Vec::new(), ..user("") },
        pb::Turn { speaker: "x".repeat(257), role: 99, ..user("x") },
        pb::Turn { parts: vec![pb::Part { content: None }], ..user("") },
    ];
    let fields = [
        "turns[1].role",
        "turns[2].parts",
        "turns[3].role",
        "turns[3].speaker",
        "turns[4].parts[0]",
    ];
    invalid(append(&acme, turns).await, &fields);
    assert_eq!(acme.turns(&name).await.len(), 0);

    invalid(append(&acme, Vec::new()).await, &["turns"]);
    invalid(append(&acme, vec![user("x"); 1_001]).await, &["turns"]);
    invalid(append(&acme, vec![user(&"x".repeat((1 << 20) + 1))]).await, &["turns[0].parts"]);
    invalid(acme.append("c", vec![user("x")]).await, &["conversation"]);
    invalid(
        acme.append("", vec![turn(pb::Role::Unspecified, "x")]).await,
        &["conversation", "turns[0].role"],
    );
    assert_eq!(acme.turns(&name).await.len(), 0);
    server.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    check(append(&acme, vec![user("x")]).await, Code::NotFound, "CONVERSATION_NOT_FOUND", &[]);
    let name = acme.create("c").await;
    let request = pb::UnpinFactRequest { name: format!("{name}/facts/none") };
    let answer = acme.memory().unpin_fact(request).await;
    check(answer, Code::NotFound, "FACT_NOT_FOUND", &[]);
    server.stop().await;
}

#[tokio::test]
async fn another_writer_is_told() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    append(&acme, vec![user("one")]).await.unwrap();
    let request = pb::AppendTurnsRequest {
        conversation: name.clone(),
        turns: vec![user("two")],
        expected_last_sequence: Some(0),
        wait_indexed: false,
    };
    let answer = acme.conversations().append_turns(request).await;
    check(answer, Code::Aborted, "SEQUENCE_MISMATCH", &[]);
    let request = pb::UpdateConversationRequest {
        conversation: Some(pb::Conversation { name: name.clone(), ..Default::default() }),
        update_mask: None,
        expected_revision: 999,
    };
    let answer = acme.conversations().update_conversation(request).await;
    check(answer, Code::Aborted, "REVISION_MISMATCH", &[]);
    assert_eq!(acme.turns(&name).await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn windows_name_what_cannot_be_taken() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let conversation = acme.create("c").await;
    append(&acme, vec![user("hello there")]).await.unwrap();
    let build = |options: pb::ContextOptions, query: &str| {
        let (mut context, conversation) = (acme.context(), conversation.clone());
        let query = query.to_owned();
        async move {
            let options = Some(options);
            let request =
                pb::BuildContextRequest { conversation, query, options, ..Default::default() };
            context.build_context(request).await
        }
    };
    let options = pb::ContextOptions::default;
    let negative = pb::ContextOptions { token_budget: -1, ..options() };
    invalid(build(negative, "").await, &["options.token_budget"]);
    let unknown = pb::ContextOptions { tokenizer: "gpt-99".to_owned(), ..options() };
    let answer = build(unknown, "").await;
    let known = answer.as_ref().unwrap_err().message().to_owned();
    assert!(known.contains("cl100k_base") && known.contains("o200k_base"), "{known}");
    invalid(answer, &["options.tokenizer"]);
    invalid(build(options(), &"x".repeat(8_193)).await, &["query"]);
    let shares = pb::ContextOptions {
        recent_share: Some(f32::NAN),
        pinned_share: Some(-1.0),
        min_score: 3.0,
        ..options()
    };
    let fields = ["options.recent_share", "options.pinned_share", "options.min_score"];
    invalid(build(shares, "").await, &fields);

    let required = pb::Fact { required: true, ..fact(&"never say never ".repeat(50)) };
    let request = pb::PinFactRequest {
        conversation: conversation.clone(),
        fact: Some(required),
        request_id: String::new(),
    };
    acme.memory().pin_fact(request).await.unwrap();
    let small = pb::ContextOptions { token_budget: 40, ..options() };
    let answer = build(small, "").await;
    let status = answer.as_ref().unwrap_err();
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["given"], "40");
    let needed: i32 = info.metadata["needed"].parse().unwrap();
    check(answer, Code::FailedPrecondition, "BUDGET_TOO_SMALL", &[]);
    let enough = pb::ContextOptions { token_budget: needed, ..options() };
    build(enough, "").await.unwrap();
    let short = pb::ContextOptions { token_budget: needed - 1, ..options() };
    check(build(short, "").await, Code::FailedPrecondition, "BUDGET_TOO_SMALL", &[]);
    server.stop().await;
}

#[tokio::test]
async fn a_turn_that_was_stored_is_named_when_its_window_fails() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let conversation = acme.create("c").await;
    append(&acme, vec![user("hello there")]).await.unwrap();
    let required = pb::Fact { required: true, ..fact(&"never say never ".repeat(50)) };
    let request = pb::PinFactRequest {
        conversation: conversation.clone(),
        fact: Some(required),
        request_id: String::new(),
    };
    acme.memory().pin_fact(request).await.unwrap();
    let prepare = |token_budget: i32| {
        let (mut context, conversation) = (acme.context(), conversation.clone());
        async move {
            let options = Some(pb::ContextOptions { token_budget, ..Default::default() });
            let turn = Some(user("what may I not say?"));
            let expected_last_sequence = None;
            let request =
                pb::PrepareTurnRequest { conversation, turn, options, expected_last_sequence };
            context.prepare_turn(request).await
        }
    };
    let answer = prepare(40).await;
    let status = answer.as_ref().unwrap_err();
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["turn"], "conversations/c/turns/2");
    assert_eq!(info.metadata["given"], "40");
    assert!(status.message().contains("is stored as conversations/c/turns/2"), "{status}");
    check(answer, Code::FailedPrecondition, "BUDGET_TOO_SMALL", &[]);
    assert_eq!(acme.turns(&conversation).await.len(), 2);
    // What is refused before anything is stored names no turn.
    let status = prepare(-1).await.unwrap_err();
    assert!(!status.get_details_error_info().unwrap().metadata.contains_key("turn"), "{status}");
    assert_eq!(acme.turns(&conversation).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn keys_that_do_not_do_say_what_would() {
    let server = TestServer::start().await;
    let name = server.client(ACME).create("c").await;
    let answer = server.client(ACME_READ).append(&name, vec![user("x")]).await;
    check(answer, Code::PermissionDenied, "SCOPE_MISSING", &[]);
    let answer = server.client(Key::Bearer("no-key")).append(&name, vec![user("x")]).await;
    check(answer, Code::Unauthenticated, "API_KEY_REFUSED", &[]);
    server.stop().await;
}

#[tokio::test]
async fn searches_name_what_cannot_be_taken() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let search = |request: pb::SearchTurnsRequest| {
        let mut memory = acme.memory();
        async move { memory.search_turns(request).await }
    };
    invalid(search(pb::SearchTurnsRequest::default()).await, &["scope", "query"]);
    let long = pb::SearchTurnsRequest {
        scope: Some(pb::search_turns_request::Scope::UserId("u".to_owned())),
        query: "x".repeat(8_193),
        ..Default::default()
    };
    invalid(search(long).await, &["query"]);
    let long = pb::SearchItemsRequest { query: "x".repeat(8_193), ..Default::default() };
    let answer = acme.items().search_items(long).await;
    let status = answer.as_ref().unwrap_err();
    assert!(status.message().contains("query_bytes"), "{status}");
    let request = pb::SearchTurnsRequest {
        scope: Some(pb::search_turns_request::Scope::UserId("u".to_owned())),
        query: " ".to_owned(),
        page_size: 1_001,
        page_token: "AAAA".to_owned(),
        filter: Some(pb::TurnFilter { roles: vec![0], from_sequence: 1, ..Default::default() }),
        method: 77,
        min_revision: 1,
        omit_parts: false,
        ignore_staleness: false,
        item_namespaces: vec![pb::ItemNamespace { labels: vec![String::new()] }],
    };
    let fields = [
        "query",
        "page_size",
        "page_token",
        "filter.roles[0]",
        "filter.from_sequence",
        "method",
        "min_revision",
        "item_namespaces[0].labels",
    ];
    invalid(search(request).await, &fields);
    server.stop().await;
}

#[tokio::test]
async fn streams_name_what_cannot_be_taken() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let (name, other) = (acme.create("c").await, acme.create("d").await);
    let stream = |messages: Vec<pb::StreamTurnsRequest>| {
        let mut conversations = acme.conversations();
        async move { conversations.stream_turns(futures::stream::iter(messages)).await }
    };
    let message = |name: &str, turns: Vec<pb::Turn>| pb::StreamTurnsRequest {
        conversation: name.to_owned(),
        turns,
    };
    invalid(stream(vec![]).await, &["conversation"]);
    invalid(stream(vec![message("", vec![user("x")])]).await, &["conversation"]);
    let answer =
        stream(vec![message(&name, vec![user("kept")]), message(&other, vec![user("x")])]).await;
    invalid(answer, &["conversation"]);
    assert_eq!(acme.turns(&name).await.len(), 1, "what was taken in before stays");
    let answer = stream(vec![message(&name, vec![turn(pb::Role::Unspecified, "x")])]).await;
    invalid(answer, &["turns[0].role"]);
    assert_eq!(acme.turns(&name).await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn messages_that_are_too_large_or_no_messages_have_a_reason_too() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    acme.create("c").await;
    let large = (0..9).map(|_| user(&"x".repeat(1 << 20))).collect();
    check(append(&acme, large).await, Code::InvalidArgument, "MESSAGE_TOO_LARGE", &[]);

    // A request whose first field is not UTF-8.
    let mut raw = tonic::client::Grpc::new(server.channel.clone());
    raw.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<NotUtf8, pb::GetConversationResponse>::default();
    let mut request = Request::new(NotUtf8 { name: vec![0xff, 0xfe] });
    request.metadata_mut().insert("x-api-key", "acme-key".parse().unwrap());
    let path = "/throughline.v1.ConversationService/GetConversation".parse().unwrap();
    let answer = raw.unary(request, path, codec).await;
    check(answer, Code::InvalidArgument, "MALFORMED_MESSAGE", &[]);

    let codec = tonic_prost::ProstCodec::<pb::GetServerInfoRequest, ()>::default();
    raw.ready().await.unwrap();
    let path = "/throughline.v1.ConversationService/Drop".parse().unwrap();
    let answer = raw.unary(Request::new(pb::GetServerInfoRequest {}), path, codec).await;
    check(answer, Code::Unimplemented, "UNKNOWN_METHOD", &[]);
    server.stop().await;
}

#[tokio::test]
async fn limits_are_named_as_the_server_info_names_them() {
    let limits = Limits { turns_per_conversation: 3, ..Limits::default() };
    let server = TestServer::with_limits(limits).await;
    let acme = server.client(ACME);
    acme.create("c").await;
    append(&acme, vec![user("1"), user("2")]).await.unwrap();
    let status = append(&acme, vec![user("3"), user("4")]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let info = status.get_details_error_info().unwrap();
    let shown = acme.server().get_server_info(pb::GetServerInfoRequest {}).await.unwrap();
    let shown = shown.into_inner();
    assert_eq!(shown.limits[&info.metadata["limit"]], 3);
    assert_eq!(
        (shown.tenant.as_str(), shown.store.as_str(), shown.index.as_str()),
        ("acme", "sled", "exact")
    );
    let named: BTreeMap<String, u64> = shown.limits.into_iter().collect();
    for queue in ["max_in_flight", "waiting_commits", "waiting_texts"] {
        assert!(named[queue] > 0, "{queue}");
    }
    assert_eq!(named.len(), Limits::default().named().len() + 3);
    append(&acme, vec![with_id("x", user("3"))]).await.unwrap();
    server.stop().await;
}
