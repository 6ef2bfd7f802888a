//! Starting, serving, draining: what health says, and what is answered.

use throughline::{grpc::health::SERVICES, pb};
use throughline_memory::engine::Limits;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, Key, TestServer, opened, text_of, user};

async fn health(channel: &Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn a_server_that_starts_says_so() {
    let mut server = TestServer::starting().await;
    for service in SERVICES {
        assert_eq!(health(&server.channel, service).await, ServingStatus::NotServing, "{service}");
    }
    let status = server.client(ACME).get("conversations/c").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_error_info().unwrap().reason, "STARTING");
    assert!(status.get_details_retry_info().is_some());
    // Who may not come in learns nothing of it.
    let status = server.client(Key::None).get("conversations/c").await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);

    let parts = opened(server.data.path(), Limits::default()).await;
    server.server.open(parts).await;
    for service in SERVICES {
        assert_eq!(health(&server.channel, service).await, ServingStatus::Serving, "{service}");
    }
    assert_eq!(server.client(ACME).create("c").await, "conversations/c");
    server.stop().await;
}

#[tokio::test]
async fn open_calls_are_answered_before_the_server_ends() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let revision = acme.get(&name).await.unwrap().revision;
    // A stream that is under way when the signal comes.
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let message =
        |text: &str| pb::StreamTurnsRequest { conversation: name.clone(), turns: vec![user(text)] };
    sender.send(message("before")).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let call = {
        let mut conversations = acme.conversations();
        tokio::spawn(async move { conversations.stream_turns(stream).await })
    };
    let stored = pb::ListTurnsRequest {
        conversation: name.clone(),
        min_revision: revision + 1,
        ..Default::default()
    };
    acme.conversations().list_turns(stored).await.unwrap();

    let data = server.data;
    let stopping = tokio::spawn(server.server.stop(crate::harness::DRAIN));
    sender.send(message("while draining")).await.unwrap();
    drop(sender);
    let answer = call.await.unwrap().unwrap().into_inner();
    assert_eq!(answer.appended, 2);
    stopping.await.unwrap();

    // What was acknowledged is there when the store is opened again.
    let mut again = TestServer::starting().await;
    again.server.open(opened(data.path(), Limits::default()).await).await;
    let texts: Vec<String> = again.client(ACME).turns(&name).await.iter().map(text_of).collect();
    assert_eq!(texts, ["before", "while draining"]);
    again.stop().await;
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let server = TestServer::start().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let mut stream =
        client.server_reflection_info(futures::stream::iter([request])).await.unwrap().into_inner();
    let answer = stream.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(listed)) = answer else { panic!("{answer:?}") };
    for service in SERVICES.iter().filter(|service| !service.is_empty()) {
        assert!(listed.service.iter().any(|found| found.name == *service), "{service}");
    }
    drop(stream);
    server.stop().await;
}
