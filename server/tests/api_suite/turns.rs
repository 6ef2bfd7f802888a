//! What is appended comes back byte for byte, in order.

use std::time::Duration;

use prost_types::{Struct, Timestamp, Value, value::Kind};
use throughline::pb::{self, part::Content};
use tonic::Request;

use crate::harness::{ACME, TestServer, text_of, turn, user, with_id};

fn parts() -> Vec<pb::Part> {
    let part = |content| pb::Part { content: Some(content) };
    let opaque = |source| {
        let (media_type, token_cost) = ("image/png".to_owned(), 85);
        part(Content::Opaque(pb::Opaque { media_type, source: Some(source), token_cost }))
    };
    vec![
        part(Content::Text("e\u{301}\u{200b}\u{0}\u{feff} \r\n\u{10ffff}".to_owned())),
        part(Content::Text(String::new())),
        part(Content::ToolCall(pb::ToolCall {
            call_id: "call-1".to_owned(),
            name: "look_up".to_owned(),
            arguments_json: " {\"b\" : 1,\"a\":[ ]".to_owned(),
        })),
        part(Content::ToolResult(pb::ToolResult {
            call_id: "call-1".to_owned(),
            content: "\t{}\n".to_owned(),
        })),
        opaque(pb::opaque::Source::Data((0..=255).collect::<Vec<u8>>().into())),
        opaque(pb::opaque::Source::Uri("s3://bucket/ü".to_owned())),
    ]
}

fn metadata() -> Struct {
    let value = |kind| Value { kind: Some(kind) };
    let inner = Struct { fields: [("ß".to_owned(), value(Kind::NumberValue(-0.1)))].into() };
    let fields = [
        ("list".to_owned(), value(Kind::StructValue(inner))),
        ("null".to_owned(), value(Kind::NullValue(0))),
        ("text".to_owned(), value(Kind::StringValue(String::new()))),
    ];
    Struct { fields: fields.into() }
}

#[tokio::test]
async fn every_kind_of_part_comes_back_byte_equal() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let say_time = Some(Timestamp { seconds: -62_135_596_800, nanos: 999_999_999 });
    let sent = pb::Turn {
        speaker: "Zoë".to_owned(),
        parts: parts(),
        say_time,
        client_turn_id: "mine".to_owned(),
        metadata: Some(metadata()),
        ..turn(pb::Role::Assistant, "")
    };
    let empty = pb::Turn { metadata: Some(Struct::default()), ..user("\u{200d}") };
    let answer = acme.append(&name, vec![sent.clone(), empty.clone()]).await.unwrap();
    assert_eq!(answer.turns[0].name, "conversations/c/turns/1");
    assert_eq!(answer.last_sequence, 2);

    let back = acme.turns(&name).await;
    let create_time = back[0].create_time;
    assert!(create_time.is_some());
    let expected =
        pb::Turn { name: "conversations/c/turns/1".to_owned(), sequence: 1, create_time, ..sent };
    assert_eq!(back[0], expected);
    assert_eq!((&back[1].parts, &back[1].metadata), (&empty.parts, &empty.metadata));
    assert_eq!(back[1].say_time, back[1].create_time);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_of_messages_is_one_conversation() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let message = |conversation: &str, range: std::ops::Range<usize>| pb::StreamTurnsRequest {
        conversation: conversation.to_owned(),
        turns: range.map(|n| with_id(&format!("id-{n}"), user(&format!("turn {n}")))).collect(),
    };
    for (appended, repeated) in [(250, 0), (0, 250)] {
        let messages = [message(&name, 0..100), message("", 100..200), message(&name, 200..250)];
        let answer = acme.conversations().stream_turns(futures::stream::iter(messages)).await;
        let answer = answer.unwrap().into_inner();
        assert_eq!((answer.appended, answer.repeated_appends), (appended, repeated));
        assert_eq!(answer.last_sequence, 250);
        assert_eq!(answer.revision, acme.get(&name).await.unwrap().revision);
    }
    let texts: Vec<String> = acme.turns(&name).await.iter().map(text_of).collect();
    assert_eq!(texts, (0..250).map(|n| format!("turn {n}")).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test]
async fn a_hundred_thousand_characters_and_a_thousand_turns_are_taken() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let long = "\u{1f600}x".repeat(100_000);
    acme.append(&name, vec![user(&long)]).await.unwrap();
    assert_eq!(text_of(&acme.turns(&name).await[0]), long);
    let many = (0..999).map(|_| user("x")).collect();
    assert_eq!(acme.append(&name, many).await.unwrap().last_sequence, 1_000);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_small_turns_stream_in() {
    const MESSAGES: usize = 100;
    const TURNS: usize = 1_000;
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("long").await;
    let conversation = name.clone();
    let messages = (0..MESSAGES).map(move |_| pb::StreamTurnsRequest {
        conversation: conversation.clone(),
        turns: (0..TURNS).map(|_| user("x")).collect(),
    });
    let mut request = Request::new(futures::stream::iter(messages));
    // Each turn costs the same, however many there are: far from it if not.
    request.set_timeout(Duration::from_secs(120));
    let answer = acme.conversations().stream_turns(request).await.unwrap().into_inner();
    let all = (MESSAGES * TURNS) as u64;
    assert_eq!((answer.appended, answer.last_sequence), (all, all));
    let last = pb::ListTurnsRequest {
        conversation: name.clone(),
        page_size: 1,
        descending: true,
        ..pb::ListTurnsRequest::default()
    };
    let page = acme.conversations().list_turns(last).await.unwrap().into_inner();
    assert_eq!(page.turns[0].sequence, all);

    // Not all are embedded yet, and they are alike: a window holds the newest.
    let build = pb::BuildContextRequest {
        conversation: name.clone(),
        query: "x".to_owned(),
        options: Some(pb::ContextOptions { token_budget: 500, ..Default::default() }),
        ..Default::default()
    };
    let window = acme.context().build_context(build).await.unwrap().into_inner().window.unwrap();
    assert!((1..=500).contains(&window.total_tokens), "{} tokens", window.total_tokens);
    assert!(window.items.iter().any(|item| item.turn.ends_with(&format!("/{all}"))));
    let search = pb::SearchTurnsRequest {
        scope: Some(pb::search_turns_request::Scope::Conversation(name)),
        query: "x".to_owned(),
        page_size: 10,
        ..Default::default()
    };
    let found = acme.memory().search_turns(search).await.unwrap().into_inner();
    assert_eq!(found.hits.len(), 10);
    server.stop().await;
}
