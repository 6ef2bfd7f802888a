//! Forks share turns; forgetting and deleting erase them everywhere.

use throughline::pb;

use crate::harness::{ACME, Client, TestServer, text_of, user};

async fn fork(client: &Client, name: &str, at_sequence: u64, id: &str) -> pb::Conversation {
    let request = pb::ForkConversationRequest {
        name: name.to_owned(),
        at_sequence,
        conversation_id: id.to_owned(),
        request_id: String::new(),
    };
    let fork = client.conversations().fork_conversation(request).await.unwrap();
    fork.into_inner().conversation.unwrap()
}

async fn texts(client: &Client, name: &str) -> Vec<String> {
    client.turns(name).await.iter().map(text_of).collect()
}

#[tokio::test]
async fn turns_off_the_branch_are_not_seen() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let main = acme.create("main").await;
    acme.append(&main, vec![user("alpha shared"), user("bravo regenerated")]).await.unwrap();
    let branch = fork(&acme, &main, 1, "branch").await;
    assert_eq!((branch.last_sequence, branch.forked_at_sequence), (1, 1));
    assert_eq!((branch.forked_from.as_str(), branch.user_id.as_str()), (main.as_str(), "ada"));
    acme.append(&branch.name, vec![user("charlie edited")]).await.unwrap();

    assert_eq!(texts(&acme, &main).await, ["alpha shared", "bravo regenerated"]);
    assert_eq!(texts(&acme, &branch.name).await, ["alpha shared", "charlie edited"]);
    assert_eq!(acme.turns(&branch.name).await[0].name, "conversations/branch/turns/1");
    let found = acme.search(&branch.name, "bravo alpha charlie").await;
    assert!(found.contains(&"alpha shared".to_owned()), "{found:?}");
    assert!(!found.contains(&"bravo regenerated".to_owned()), "{found:?}");
    let found = acme.search(&main, "bravo alpha charlie").await;
    assert!(!found.contains(&"charlie edited".to_owned()), "{found:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_forgotten_turn_is_gone_from_every_branch() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let main = acme.create("main").await;
    acme.append(&main, vec![user("my secret is zebra"), user("plain words")]).await.unwrap();
    let request = pb::PinFactRequest {
        conversation: main.clone(),
        fact: Some(pb::Fact { source_sequence: 1, ..crate::harness::fact("zebra") }),
        request_id: String::new(),
    };
    acme.memory().pin_fact(request).await.unwrap();
    let branch = fork(&acme, &main, 2, "branch").await.name;
    let forget = || {
        let request = pb::ForgetTurnsRequest { conversation: branch.clone(), sequences: vec![1] };
        let mut conversations = acme.conversations();
        async move { conversations.forget_turns(request).await.unwrap().into_inner() }
    };
    let first = forget().await;
    assert_eq!((first.turns_removed, first.facts_removed), (1, 2), "with the fork's copy");
    assert_eq!(forget().await.turns_removed, 0);
    for name in [&main, &branch] {
        let turns = acme.turns(name).await;
        assert_eq!((turns[0].sequence, turns[0].forgotten), (1, true), "{name}");
        assert!(turns[0].parts.is_empty() && !format!("{turns:?}").contains("zebra"));
        assert_eq!(text_of(&turns[1]), "plain words");
        let found = acme.search(name, "secret zebra").await;
        assert!(!found.iter().any(|text| text.contains("zebra")), "{found:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_conversation_leaves_its_forks_what_they_share() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let main = acme.create("main").await;
    acme.append(&main, vec![user("one"), user("two"), user("three")]).await.unwrap();
    let branch = fork(&acme, &main, 2, "branch").await.name;
    let request = pb::DeleteConversationRequest { name: main.clone() };
    let deleted = acme.conversations().delete_conversation(request.clone()).await.unwrap();
    let deleted = deleted.into_inner();
    assert_eq!((deleted.turns_removed, deleted.turns_shared), (1, 2));
    assert_eq!(acme.get(&main).await.unwrap_err().code(), tonic::Code::NotFound);
    let again = acme.conversations().delete_conversation(request).await;
    assert_eq!(again.unwrap_err().code(), tonic::Code::NotFound);
    assert_eq!(texts(&acme, &branch).await, ["one", "two"]);
    assert_eq!(acme.search(&branch, "three two one").await.len(), 2);
    let request = pb::DeleteConversationRequest { name: branch.clone() };
    let last = acme.conversations().delete_conversation(request).await.unwrap().into_inner();
    assert_eq!(last.turns_shared, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_required_pin_holds_in_the_fork() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let main = acme.create("main").await;
    let pin = |text: &str| pb::PinFactRequest {
        conversation: main.clone(),
        fact: Some(pb::Fact { required: true, ..crate::harness::fact(text) }),
        request_id: String::new(),
    };
    acme.append(&main, vec![user("hello")]).await.unwrap();
    acme.memory().pin_fact(pin("allergic to nuts")).await.unwrap();
    acme.append(&main, vec![user("what may I eat?")]).await.unwrap();
    acme.memory().pin_fact(pin("pinned behind it")).await.unwrap();
    let branch = fork(&acme, &main, 1, "branch").await.name;
    acme.append(&branch, vec![user("what may I drink?")]).await.unwrap();
    let request =
        pb::BuildContextRequest { conversation: branch, ..pb::BuildContextRequest::default() };
    let window = acme.context().build_context(request).await.unwrap().into_inner();
    let said = format!("{window:?}");
    assert!(said.contains("allergic to nuts") && !said.contains("pinned behind it"), "{said}");
    server.stop().await;
}
