//! Windows over the wire: bounded, explained, and timed.

use throughline::{grpc::context::ASSEMBLY_HEADER, pb};

use crate::harness::{ACME, TestServer, turn, user};

#[tokio::test]
async fn a_window_keeps_its_budget_and_says_what_it_is_made_of() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    // Of no user: what other conversations pin changes no window of it.
    let request = pb::CreateConversationRequest {
        conversation_id: "c".to_owned(),
        ..pb::CreateConversationRequest::default()
    };
    let created = acme.conversations().create_conversation(request).await.unwrap().into_inner();
    let conversation = created.conversation.unwrap().name;
    let mut turns =
        vec![user("The garden gate code is 4711."), turn(pb::Role::Assistant, "Noted.")];
    for n in 0..60 {
        turns.push(user(&format!("Small talk number {n} about the weather and the tram.")));
        turns.push(turn(pb::Role::Assistant, "I see, tell me more about it."));
    }
    turns.push(user("What is the garden gate code?"));
    acme.append(&conversation, turns).await.unwrap();
    acme.pin(&conversation, "Answer in one sentence.").await;
    let request = pb::BuildContextRequest {
        conversation: conversation.clone(),
        options: Some(pb::ContextOptions { token_budget: 400, ..Default::default() }),
        ..Default::default()
    };
    let answer = acme.context().build_context(request.clone()).await.unwrap();
    let micros = answer.metadata().get(ASSEMBLY_HEADER).unwrap().to_str().unwrap().to_owned();
    assert!(micros.parse::<u64>().is_ok(), "{micros}");
    let window = answer.into_inner().window.unwrap();
    assert!(window.total_tokens <= 400 && window.token_budget == 400, "{}", window.total_tokens);
    assert!(window.full_history_tokens > 1_000);
    assert_eq!(window.revision, acme.get(&conversation).await.unwrap().revision);
    assert_eq!(window.messages.last().unwrap().content, "What is the garden gate code?");
    let all: String = window.messages.iter().map(|message| message.content.as_str()).collect();
    assert!(all.contains("4711") && all.contains("Answer in one sentence."), "{all}");
    let found = window.items.iter().find(|item| item.turn == "conversations/c/turns/1").unwrap();
    assert_eq!(found.section(), pb::Section::Retrieved);
    assert!(found.score.as_ref().is_some_and(|score| !score.components.is_empty()));
    assert!(window.items.iter().any(|item| item.fact.starts_with("conversations/c/facts/")));

    let again = acme.context().build_context(request).await.unwrap().into_inner().window.unwrap();
    assert_eq!(again.messages, window.messages);
    assert_eq!(again.unchanged_prefix_tokens, window.total_tokens);
    server.stop().await;
}

#[tokio::test]
async fn the_users_other_conversations_are_searched_when_asked() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let (old, new) = (acme.create("old").await, acme.create("new").await);
    acme.append(&old, vec![user("The wifi password is xylophone.")]).await.unwrap();
    acme.append(&new, vec![user("What is the wifi password?")]).await.unwrap();
    for include_user_history in [false, true] {
        let options = Some(pb::ContextOptions { include_user_history, ..Default::default() });
        let conversation = new.clone();
        let request = pb::BuildContextRequest { conversation, options, ..Default::default() };
        let window =
            acme.context().build_context(request).await.unwrap().into_inner().window.unwrap();
        let seen = window.items.iter().any(|item| item.turn == "conversations/old/turns/1");
        assert_eq!(seen, include_user_history);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_window_as_of_a_turn_is_recorded_as_one() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let c = acme.create("c").await;
    acme.append(&c, vec![user("Hello."), turn(pb::Role::Assistant, "Hi."), user("Bye.")])
        .await
        .unwrap();
    for as_of_turn in [1, 0] {
        let conversation = c.clone();
        let request = pb::BuildContextRequest { conversation, as_of_turn, ..Default::default() };
        acme.context().build_context(request).await.unwrap();
    }
    let request = pb::GetDegradationRequest { conversation: c.clone(), ..Default::default() };
    let known = acme.degradation().get_degradation(request).await.unwrap().into_inner();
    let windows = known.turns.iter().flat_map(|of| {
        let number = of.turn.rsplit('/').next().unwrap();
        of.windows.iter().map(move |window| (number, window.as_of))
    });
    assert_eq!(windows.collect::<Vec<_>>(), [("1", true), ("3", false)]);
    server.stop().await;
}
