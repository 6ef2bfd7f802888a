//! Repeats return the first answer; other content under the same id is refused.

use throughline::pb;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, TestServer, fact, turn, user, with_id};

#[track_caller]
fn taken<T: std::fmt::Debug>(answer: Result<T, Status>, existing: &str) {
    let status = answer.expect_err("taken");
    assert_eq!(status.code(), Code::AlreadyExists, "{status}");
    let info = status.get_details_error_info().unwrap();
    assert!(info.reason.ends_with("_TAKEN"), "{}", info.reason);
    assert!(info.metadata["existing"].contains(existing), "{:?}", info.metadata);
}

#[tokio::test]
async fn turns_are_appended_exactly_once() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let first = with_id("a", user("hello"));
    let answer = acme.append(&name, vec![first.clone(), user("hello")]).await.unwrap();
    assert!(answer.turns.iter().all(|turn| !turn.repeated_append));
    assert_ne!(answer.turns[1].client_turn_id, "");

    let repeat = acme.append(&name, vec![first.clone()]).await.unwrap();
    assert_eq!((repeat.turns[0].sequence, repeat.turns[0].repeated_append), (1, true));
    assert_eq!(repeat.turns[0].name, answer.turns[0].name);
    let mixed = acme.append(&name, vec![first.clone(), with_id("b", user("new"))]).await.unwrap();
    let flags: Vec<_> = mixed.turns.iter().map(|t| (t.sequence, t.repeated_append)).collect();
    assert_eq!(flags, [(1, true), (3, false)]);

    for other in [
        with_id("a", user("hello!")),
        with_id("a", turn(pb::Role::System, "hello")),
        pb::Turn { speaker: "Ada".to_owned(), ..first.clone() },
    ] {
        let answer = acme.append(&name, vec![with_id("z", user("not written")), other]).await;
        taken(answer, "conversations/c/turns/1");
    }
    // Turns that resemble each other are never merged.
    assert_eq!(acme.turns(&name).await.len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_repeat_does_not_look_at_the_expected_sequence() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let conversation = acme.create("c").await;
    let request = pb::AppendTurnsRequest {
        conversation,
        turns: vec![with_id("a", user("hello"))],
        expected_last_sequence: Some(0),
        wait_indexed: false,
    };
    for repeated in [false, true] {
        let answer = acme.conversations().append_turns(request.clone()).await.unwrap();
        assert_eq!(answer.into_inner().turns[0].repeated_append, repeated);
    }
    server.stop().await;
}

#[tokio::test]
async fn creations_and_forks_repeat_by_request_id() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let create = |id: &str, request_id: &str, title: &str| {
        let (mut conversations, title) = (acme.conversations(), title.to_owned());
        let request = pb::CreateConversationRequest {
            conversation: Some(pb::Conversation { title, ..Default::default() }),
            conversation_id: id.to_owned(),
            request_id: request_id.to_owned(),
        };
        async move {
            let created = conversations.create_conversation(request).await?;
            Ok::<_, Status>(created.into_inner().conversation.unwrap())
        }
    };
    let drawn = create("", "r-1", "t").await.unwrap();
    assert_eq!(create("", "r-1", "t").await.unwrap().name, drawn.name);
    taken(create("elsewhere", "r-1", "t").await, &drawn.name);
    let named = create("mine", "r-2", "").await.unwrap();
    assert_eq!(create("mine", "r-2", "").await.unwrap().name, named.name);
    taken(create("mine", "", "").await, "mine");
    taken(create("mine", "r-3", "").await, "mine");

    acme.append(&named.name, vec![user("1"), user("2")]).await.unwrap();
    let fork = |at_sequence| {
        let (mut conversations, name) = (acme.conversations(), named.name.clone());
        let request = pb::ForkConversationRequest {
            name,
            at_sequence,
            conversation_id: String::new(),
            request_id: "f-1".to_owned(),
        };
        async move {
            let fork = conversations.fork_conversation(request).await?;
            Ok::<_, Status>(fork.into_inner().conversation.unwrap())
        }
    };
    let first = fork(1).await.unwrap();
    assert_eq!(fork(1).await.unwrap().name, first.name);
    taken(fork(2).await, &first.name);
    server.stop().await;
}

#[tokio::test]
async fn pins_and_prepared_turns_repeat() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let conversation = acme.create("c").await;
    let pin = |text: &str| {
        let (mut memory, conversation) = (acme.memory(), conversation.clone());
        let (fact, request_id) = (Some(fact(text)), "p-1".to_owned());
        async move { memory.pin_fact(pb::PinFactRequest { conversation, fact, request_id }).await }
    };
    let first = pin("tea").await.unwrap().into_inner().fact.unwrap();
    assert_eq!(pin("tea").await.unwrap().into_inner().fact.unwrap(), first);
    taken(pin("coffee").await, &first.name);

    let prepare = || {
        let (mut context, conversation) = (acme.context(), conversation.clone());
        let turn = Some(with_id("q", user("what do I like?")));
        let request = pb::PrepareTurnRequest { conversation, turn, ..Default::default() };
        async move { context.prepare_turn(request).await.unwrap().into_inner() }
    };
    let (one, two) = (prepare().await, prepare().await);
    assert!(!one.repeated_append && two.repeated_append);
    assert_eq!((&*one.turn, &one.turn), ("conversations/c/turns/1", &two.turn));
    let last = one.window.unwrap().messages.pop().unwrap();
    assert_eq!(last.content, "what do I like?");
    assert_eq!(acme.turns(&conversation).await.len(), 1);
    server.stop().await;
}
