//! Calls can be made from tasks, as servers make them.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::time::Duration;

use throughline_client::{
    ChatMessage, Client, Commit, ErrorKind, Prepare, RetryPolicy, Settings, v1,
};

#[tokio::test]
async fn calls_are_made_from_tasks() {
    let settings = Settings {
        // Nobody answers there.
        address: "127.0.0.1:1".to_owned(),
        retry: RetryPolicy { max_attempts: 1, ..RetryPolicy::default() },
        timeout: Duration::from_secs(20),
        ..Settings::default()
    };
    let client = Client::new(settings).unwrap();
    let task = tokio::spawn(async move {
        client.get_server_info(v1::GetServerInfoRequest {}).await?;
        let turn = client.prepare_turn("trip", "Hello", Prepare::default()).await?;
        client.commit_turn(&turn, [ChatMessage::assistant("Hi")], Commit::default()).await
    });
    assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
}
