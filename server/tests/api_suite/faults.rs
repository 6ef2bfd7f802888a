//! What the caller sees when the server is full or its disk fails.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use throughline::pb;
use throughline_memory::{
    engine::Limits,
    store::{ConversationStore, Direction, Durability, Store, StoreError, StoreHealth, Write},
    turn::{ConversationId, TenantId},
};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use crate::harness::{ACME, TestServer, opened, opened_over, text_of, user};

/// A store in memory whose disk can be broken, or full.
#[derive(Default)]
struct Breakable {
    pairs: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    broken: AtomicBool,
    full: AtomicBool,
}

const CAUSE: &str = "EIO on /secret/place";

impl ConversationStore for Breakable {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.pairs.lock().unwrap().get(key).cloned())
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let pairs = self.pairs.lock().unwrap().clone();
        let mut found: Vec<_> = pairs.range(start.to_vec()..end.to_vec()).collect();
        if direction == Direction::Backward {
            found.reverse();
        }
        for (key, value) in found {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn commit(&self, batch: &[Write], _: Durability) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Poisoned { cause: CAUSE.to_owned() });
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full { path: "/secret/place".to_owned() });
        }
        let mut pairs = self.pairs.lock().unwrap();
        for write in batch {
            match write.clone() {
                Write::Put(key, value) => drop(pairs.insert(key, value)),
                Write::Delete(key) => drop(pairs.remove(&key)),
            }
        }
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        if self.broken.load(Ordering::SeqCst) {
            StoreHealth::Poisoned(CAUSE.to_owned())
        } else {
            StoreHealth::Serving
        }
    }
}

#[tokio::test]
async fn after_a_failed_sync_reads_go_on_and_health_says_so() {
    let mut server = TestServer::starting().await;
    let disk = Arc::new(Breakable::default());
    let store = Store::with_engine(Arc::clone(&disk) as _, 64).unwrap();
    let parts = opened_over(store, server.data.path(), Limits::default()).await;
    server.server.open(parts).await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    acme.append(&name, vec![user("kept")]).await.unwrap();

    let service = "throughline.v1.ConversationService".to_owned();
    let mut health = HealthClient::new(server.channel.clone());
    let watch = health.watch(HealthCheckRequest { service }).await.unwrap();
    let mut watch = watch.into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    disk.broken.store(true, Ordering::SeqCst);

    let status = acme.append(&name, vec![user("lost")]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_error_info().unwrap().reason, "STORE_POISONED");
    assert!(status.get_details_retry_info().is_some());
    assert!(!status.message().contains("secret"), "{}", status.message());
    let second = watch.message().await.unwrap().unwrap();
    assert_eq!(second.status(), ServingStatus::NotServing);
    let texts: Vec<String> = acme.turns(&name).await.iter().map(text_of).collect();
    assert_eq!(texts, ["kept"]);
    drop((watch, health));
    server.stop().await;
}

#[tokio::test]
async fn a_full_disk_is_named_with_its_mend_and_health_comes_back_by_itself() {
    let mut server = TestServer::starting().await;
    let disk = Arc::new(Breakable::default());
    let store = Store::with_engine(Arc::clone(&disk) as _, 64).unwrap();
    let parts = opened_over(store, server.data.path(), Limits::default()).await;
    server.server.open(parts).await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    acme.append(&name, vec![user("kept")]).await.unwrap();
    let service = "throughline.v1.ConversationService".to_owned();
    let mut health = HealthClient::new(server.channel.clone());
    let watch = health.watch(HealthCheckRequest { service }).await.unwrap();
    let mut watch = watch.into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    disk.full.store(true, Ordering::SeqCst);
    let create = pb::CreateConversationRequest::default();
    let statuses = [
        acme.append(&name, vec![user("lost")]).await.unwrap_err(),
        acme.conversations().create_conversation(create).await.unwrap_err(),
    ];
    for status in statuses {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_details_error_info().unwrap().reason, "STORAGE_FULL");
        assert!(status.message().contains("retry later"), "{}", status.message());
        assert!(status.get_details_retry_info().is_some());
        assert!(!status.message().contains("secret"), "{}", status.message());
    }
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let texts: Vec<String> = acme.turns(&name).await.iter().map(text_of).collect();
    assert_eq!(texts, ["kept"], "reads go on");
    assert_eq!(acme.search(&name, "kept").await, ["kept"]);

    // Nobody writes to a server that does not serve.
    disk.full.store(false, Ordering::SeqCst);
    let back = tokio::time::timeout(Duration::from_secs(20), watch.message()).await.unwrap();
    assert_eq!(back.unwrap().unwrap().status(), ServingStatus::Serving);
    acme.append(&name, vec![user("again")]).await.unwrap();
    drop((watch, health));
    server.stop().await;
}

#[tokio::test]
async fn one_request_too_many_is_told_when_to_come_again() {
    let mut server = TestServer::with_room(1).await;
    let parts = opened(server.data.path(), Limits::default()).await;
    let engine = Arc::clone(&parts.engine);
    server.server.open(parts).await;
    let acme = server.client(ACME);
    let name = acme.create("c").await;
    let revision = acme.get(&name).await.unwrap().revision;

    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let message =
        pb::StreamTurnsRequest { conversation: name.clone(), turns: vec![user("under way")] };
    sender.send(message).await.unwrap();
    let call = {
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let mut conversations = acme.conversations();
        tokio::spawn(async move { conversations.stream_turns(stream).await })
    };
    let (tenant, id) = (TenantId::new("acme").unwrap(), ConversationId::new("c").unwrap());
    engine.wait_revision(&tenant, &id, revision + 1).await.unwrap();

    let status = acme.get(&name).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.reason, &*info.metadata["limit"]), ("OVERLOADED", "max_in_flight"));
    assert!(status.get_details_retry_info().is_some());
    drop(sender);
    assert_eq!(call.await.unwrap().unwrap().into_inner().appended, 1);
    // The place is free again.
    assert_eq!(acme.get(&name).await.unwrap().last_sequence, 1);
    server.stop().await;
}
