//! What is measured of a conversation, and what it cost, against a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

#[allow(dead_code, reason = "other tests start it anew")]
mod server;

use server::Server;
use throughline_client::{ChatMessage, Client, Commit, Prepare, Settings, v1};

#[tokio::test]
async fn outcomes_usage_and_health_are_read() {
    let server = Server::start();
    let (address, api_key) = (server.address.clone(), "acme-key".to_owned());
    let client = Client::new(Settings { address, api_key, ..Settings::default() }).unwrap();
    let created = v1::CreateConversationRequest {
        conversation_id: "measured".to_owned(),
        ..Default::default()
    };
    client.create_conversation(created).await.unwrap();
    let turn = client.prepare_turn("measured", "Hello", Prepare::default()).await.unwrap();
    client.commit_turn(&turn, [ChatMessage::assistant("Hi")], Commit::default()).await.unwrap();

    let outcome = v1::Outcome { thumbs_up: Some(true), ..Default::default() };
    let request = v1::RecordOutcomeRequest {
        turn: "conversations/measured/turns/2".to_owned(),
        outcome: Some(outcome),
    };
    let recorded = client.record_outcome(request).await.unwrap().outcome.unwrap();
    assert_eq!(recorded.outcome_id.len(), 32);

    let conversation = "conversations/measured".to_owned();
    let request =
        v1::GetDegradationRequest { conversation: conversation.clone(), ..Default::default() };
    let measured = client.get_degradation(request).await.unwrap();
    assert!(measured.turns.iter().any(|turn| !turn.outcomes.is_empty()));

    let request = v1::GetUsageRequest { conversation: conversation.clone(), ..Default::default() };
    assert_eq!(client.get_usage(request).await.unwrap().total.unwrap().turns, 2);

    let request = v1::WatchHealthRequest { conversation };
    let mut health = client.degradation().watch_health(request).await.unwrap().into_inner();
    assert!(health.message().await.unwrap().unwrap().health.is_some());
}
