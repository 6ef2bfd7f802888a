//! Page tokens go on where a page ended, and nowhere else.

use throughline::pb;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{ACME, Client, GLOBEX, TestServer, text_of, user};

fn list_turns(conversation: &str, token: &str) -> pb::ListTurnsRequest {
    pb::ListTurnsRequest {
        conversation: conversation.to_owned(),
        page_size: 3,
        page_token: token.to_owned(),
        ..Default::default()
    }
}

async fn all(client: &Client, first: pb::ListTurnsRequest) -> Vec<u64> {
    let (mut sequences, mut request) = (Vec::new(), first);
    loop {
        let page = client.conversations().list_turns(request.clone()).await.unwrap().into_inner();
        sequences.extend(page.turns.iter().map(|turn| turn.sequence));
        if page.next_page_token.is_empty() {
            return sequences;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn pages_join_to_the_whole_in_both_directions() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    acme.append(&name, (0..10).map(|n| user(&n.to_string())).collect()).await.unwrap();
    assert_eq!(all(&acme, list_turns(&name, "")).await, (1..=10).collect::<Vec<_>>());
    let descending = pb::ListTurnsRequest { descending: true, ..list_turns(&name, "") };
    assert_eq!(all(&acme, descending).await, (1..=10).rev().collect::<Vec<_>>());
    let from = pb::ListTurnsRequest { from_sequence: 8, ..list_turns(&name, "") };
    assert_eq!(all(&acme, from).await, [8, 9, 10]);
    server.stop().await;
}

#[tokio::test]
async fn a_page_ends_at_its_bytes() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    for n in 0..5 {
        acme.append(&name, vec![user(&n.to_string().repeat(1 << 20))]).await.unwrap();
    }
    let request = pb::ListTurnsRequest { page_size: 100, ..list_turns(&name, "") };
    let first = acme.conversations().list_turns(request.clone()).await.unwrap().into_inner();
    assert!((1..5).contains(&first.turns.len()), "{}", first.turns.len());
    assert_eq!(all(&acme, request).await, [1, 2, 3, 4, 5]);
    server.stop().await;
}

#[tokio::test]
async fn a_token_from_elsewhere_is_refused() {
    let server = TestServer::start().await;
    let (acme, globex) = (server.client(ACME), server.client(GLOBEX));
    let (name, other) = (acme.create("c").await, acme.create("d").await);
    let foreign = globex.create("c").await;
    for (client, name) in [(&acme, &name), (&acme, &other), (&globex, &foreign)] {
        client.append(name, (0..6).map(|n| user(&n.to_string())).collect()).await.unwrap();
    }
    let page = acme.conversations().list_turns(list_turns(&name, "")).await.unwrap().into_inner();
    let token = page.next_page_token;
    let mut forged = token.clone();
    forged.replace_range(4..5, if token.get(4..5) == Some("A") { "B" } else { "A" });
    let bad = [
        (&acme, list_turns(&other, &token)),
        (&globex, list_turns(&foreign, &token)),
        (&acme, pb::ListTurnsRequest { descending: true, ..list_turns(&name, &token) }),
        (&acme, pb::ListTurnsRequest { from_sequence: 2, ..list_turns(&name, &token) }),
        (&acme, list_turns(&name, &forged)),
        (&acme, list_turns(&name, "17")),
    ];
    for (client, request) in bad {
        let status = client.conversations().list_turns(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{request:?}");
        let fields = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "page_token", "{request:?}");
    }
    let facts = pb::ListFactsRequest {
        conversation: name.clone(),
        page_token: token.clone(),
        ..Default::default()
    };
    assert_eq!(acme.memory().list_facts(facts).await.unwrap_err().code(), Code::InvalidArgument);
    let good = pb::ListTurnsRequest { page_size: 1, ..list_turns(&name, &token) };
    let page = acme.conversations().list_turns(good).await.unwrap().into_inner();
    assert_eq!(page.turns[0].sequence, 4);
    for page_size in [-1, 1_001] {
        let request = pb::ListTurnsRequest { page_size, ..list_turns(&name, "") };
        let status = acme.conversations().list_turns(request).await.unwrap_err();
        assert_eq!(
            status.get_details_bad_request().unwrap().field_violations[0].field,
            "page_size"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn conversations_facts_and_hits_are_paged_too() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let mut names = Vec::new();
    for n in 0..5 {
        names.insert(0, acme.create(&format!("c-{n}")).await);
    }
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let user_id = "ada".to_owned();
        let request = pb::ListConversationsRequest { page_size: 2, page_token, user_id };
        let page = acme.conversations().list_conversations(request).await.unwrap().into_inner();
        listed.extend(page.conversations.into_iter().map(|conversation| conversation.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, names);

    let name = &names[0];
    for n in 0..3 {
        acme.pin(name, &format!("fact {n}")).await;
    }
    let facts = |page_token: String| {
        let (mut memory, conversation) = (acme.memory(), name.clone());
        let request =
            pb::ListFactsRequest { conversation, page_size: 2, page_token, ..Default::default() };
        async move { memory.list_facts(request).await.unwrap().into_inner() }
    };
    let first = facts(String::new()).await;
    let second = facts(first.next_page_token.clone()).await;
    assert_eq!((first.facts.len(), second.facts.len(), &*second.next_page_token), (2, 1, ""));
    assert_eq!(second.facts[0].text, "fact 2");

    let turns = (0..5).map(|n| user(&format!("apple number {n}"))).collect();
    acme.append(name, turns).await.unwrap();
    let whole = acme.search(name, "apple").await;
    let (mut hits, mut page_token) = (Vec::new(), String::new());
    loop {
        let scope = Some(pb::search_turns_request::Scope::Conversation(name.clone()));
        let query = "apple".to_owned();
        let request =
            pb::SearchTurnsRequest { scope, query, page_size: 2, page_token, ..Default::default() };
        let page = acme.memory().search_turns(request).await.unwrap().into_inner();
        hits.extend(page.hits.iter().map(|hit| text_of(hit.turn.as_ref().unwrap())));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(hits, whole);
    assert_eq!(hits.len(), 5);
    server.stop().await;
}
