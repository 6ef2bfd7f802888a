//! Reading one's own writes, bounded by the deadline.

use std::time::Duration;

use throughline::pb;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, TestServer, user};

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_millis(400));
    request
}

#[tokio::test]
async fn a_revision_that_does_not_come_is_told_before_the_deadline() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let revision = acme.append(&name, vec![user("hello")]).await.unwrap().revision;
    let ahead = revision + 1;
    let list = pb::ListTurnsRequest {
        conversation: name.clone(),
        min_revision: ahead,
        ..Default::default()
    };
    let search = pb::SearchTurnsRequest {
        scope: Some(pb::search_turns_request::Scope::Conversation(name.clone())),
        query: "hello".to_owned(),
        min_revision: ahead,
        ..Default::default()
    };
    let build = pb::BuildContextRequest {
        conversation: name.clone(),
        min_revision: ahead,
        ..Default::default()
    };
    let facts = pb::ListFactsRequest {
        conversation: name.clone(),
        min_revision: ahead,
        ..Default::default()
    };
    let summary = pb::GetSummaryRequest {
        conversation: name.clone(),
        min_revision: ahead,
        ..Default::default()
    };
    let get = pb::GetConversationRequest { name: name.clone(), min_revision: ahead };
    let export = pb::ExportConversationRequest { name: name.clone(), min_revision: ahead };
    let statuses = [
        acme.conversations().get_conversation(timed(get)).await.unwrap_err(),
        acme.conversations().export_conversation(timed(export)).await.unwrap_err(),
        acme.conversations().list_turns(timed(list)).await.unwrap_err(),
        acme.memory().search_turns(timed(search)).await.unwrap_err(),
        acme.memory().list_facts(timed(facts)).await.unwrap_err(),
        acme.memory().get_summary(timed(summary)).await.unwrap_err(),
        acme.context().build_context(timed(build)).await.unwrap_err(),
    ];
    for status in statuses {
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (&*info.reason, &info.metadata["revision"]),
            ("REVISION_NOT_REACHED", &revision.to_string())
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_reader_waits_for_the_write_that_it_insists_on() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let revision = acme.get(&name).await.unwrap().revision;
    let reader = {
        let (acme, conversation) = (acme.clone(), name.clone());
        tokio::spawn(async move {
            let min_revision = revision + 1;
            let request = pb::ListTurnsRequest { conversation, min_revision, ..Default::default() };
            acme.conversations().list_turns(request).await.unwrap().into_inner()
        })
    };
    acme.append(&name, vec![user("hello")]).await.unwrap();
    let page = reader.await.unwrap();
    assert!(page.revision > revision && page.turns.len() == 1);
    server.stop().await;
}

#[tokio::test]
async fn waiting_for_the_index_makes_turns_searchable() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let request = pb::AppendTurnsRequest {
        conversation: name.clone(),
        turns: vec![user("pelican")],
        expected_last_sequence: None,
        wait_indexed: true,
    };
    let answer = acme.conversations().append_turns(request).await.unwrap().into_inner();
    assert_eq!(acme.get(&name).await.unwrap().indexed_sequence, answer.last_sequence);
    let scope = Some(pb::search_turns_request::Scope::Conversation(name));
    let request = pb::SearchTurnsRequest {
        scope,
        query: "pelican".to_owned(),
        method: pb::SearchMethod::Dense.into(),
        ..Default::default()
    };
    let found = acme.memory().search_turns(request).await.unwrap().into_inner();
    assert_eq!((found.hits.len(), found.shortfalls.len()), (1, 0));
    server.stop().await;
}
