//! The line of a fact over the wire: in ListFacts and in windows, not in exports.

use std::sync::Arc;

use futures::StreamExt as _;
use throughline::pb;
use throughline_memory::{
    engine::Limits,
    facts::{LineDraft, LineError, LineSource, LineVersion, RejectedLine, WriteLine},
};

use crate::harness::{ACME, Client, GLOBEX, TestServer, fact, turn, user};

const LINE: &str = "The user prefers the window seat.";

/// Writes one line after a bad one.
struct Scripted;

#[tonic::async_trait]
impl WriteLine for Scripted {
    fn version(&self) -> LineVersion {
        LineVersion { model: "scripted".to_owned(), ..LineVersion::default() }
    }

    async fn write(&self, _: &LineSource) -> Result<LineDraft, LineError> {
        let rejected = RejectedLine { text: "Seat 9.".to_owned(), reason: "number: 9".to_owned() };
        Ok(LineDraft { line: Some((LINE.to_owned(), 0.75)), rejected: vec![rejected] })
    }
}

async fn listed(client: &Client, conversation: &str) -> Vec<pb::Fact> {
    let request =
        pb::ListFactsRequest { conversation: conversation.to_owned(), ..Default::default() };
    client.memory().list_facts(request).await.unwrap().into_inner().facts
}

#[tokio::test]
async fn the_line_of_a_fact_arrives_with_its_model_and_what_was_rejected() {
    let server = TestServer::with_lines(Limits::default(), Arc::new(Scripted)).await;
    let acme = server.client(ACME);
    let conversation = acme.create("c").await;
    let said = vec![turn(pb::Role::Assistant, "Window or aisle?"), user("That one.")];
    acme.append(&conversation, said).await.unwrap();
    let given = pb::Fact {
        source_sequence: 2,
        source_span: Some(pb::TextSpan { start: 0, end: 9 }),
        // Output only: ignored.
        one_line: "I am the king.".to_owned(),
        ..fact("That one.")
    };
    let request = pb::PinFactRequest {
        conversation: conversation.clone(),
        fact: Some(given),
        request_id: String::new(),
    };
    let pinned = acme.memory().pin_fact(request).await.unwrap().into_inner().fact.unwrap();
    assert_eq!(pinned.one_line, "");
    let arrives = async {
        loop {
            let mut facts = listed(&acme, &conversation).await;
            match facts.pop().filter(|fact| !fact.one_line.is_empty()) {
                Some(fact) => return fact,
                None => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        }
    };
    let in_time = std::time::Duration::from_secs(20);
    let fact = tokio::time::timeout(in_time, arrives).await.expect("a line");
    assert_eq!((fact.text.as_str(), fact.one_line.as_str()), ("That one.", LINE));
    assert_eq!((fact.one_line_model.as_str(), fact.one_line_faithfulness), ("scripted", 0.75));
    let rejected = pb::RejectedLine { text: "Seat 9.".to_owned(), reason: "number: 9".to_owned() };
    assert_eq!(fact.one_line_rejected, [rejected]);

    let request = pb::BuildContextRequest {
        conversation: conversation.clone(),
        query: "Which seat?".to_owned(),
        options: Some(pb::ContextOptions { token_budget: 2_000, ..Default::default() }),
        ..Default::default()
    };
    let window = acme.context().build_context(request).await.unwrap().into_inner();
    let window = window.window.unwrap();
    assert!(window.messages[0].content.contains(&format!(
        "That one.\n (in full, as a model reads \
                                                          it: {LINE})"
    )));
    assert!(window.total_tokens <= 2_000);

    let request = pb::ExportConversationRequest { name: conversation.clone(), min_revision: 0 };
    let mut export = acme.conversations().export_conversation(request).await.unwrap().into_inner();
    let mut exported = Vec::new();
    while let Some(message) = export.next().await {
        if let Some(pb::export_conversation_response::Item::Fact(fact)) = message.unwrap().item {
            exported.push(fact);
        }
    }
    let [exported] = &exported[..] else { panic!("{exported:?}") };
    assert_eq!((exported.text.as_str(), exported.one_line.as_str()), ("That one.", ""));
    assert!(exported.one_line_rejected.is_empty() && exported.one_line_model.is_empty());
    let request = pb::ListFactsRequest { conversation, ..Default::default() };
    let strange = server.client(GLOBEX).memory().list_facts(request).await.unwrap_err();
    assert_eq!(strange.code(), tonic::Code::NotFound);
    server.stop().await;
}
