//! Clients that are slow, and a server that ends meanwhile: room is given back, what
//! came is stored.

use std::{io, path::Path, time::Duration};

use futures::{StreamExt as _, stream};
use throughline_memory::{
    engine::Limits,
    store::{Store, StoreKind, StoreOptions},
};

use crate::{
    bad_input::{BOTH, check, said, says},
    client::{Setup, WithJson as _, body},
    harness::{self, ACME, TestServer},
    upstream::Script,
    words,
};

#[tokio::test]
async fn a_body_that_pauses_for_too_long_gives_its_room_back() {
    let setup =
        Setup::with_room(|settings| settings.idle_timeout = Duration::from_secs(1), 1).await;
    for dialect in BOTH {
        let first = stream::iter([Ok::<_, io::Error>(b"{\"model\":".to_vec())]);
        let stalls = first.chain(stream::pending());
        let request = setup.post(dialect, &says("x")).body(reqwest::Body::wrap_stream(stalls));
        let refused = tokio::time::timeout(Duration::from_secs(10), request.send()).await.unwrap();
        check(dialect, refused.unwrap(), 408, "for 1 seconds").await;
        let json = body(dialect, &said(&["u:hi"]), false);
        let next = setup.post(dialect, &says("hello")).json(&json).send().await.unwrap();
        assert_eq!(next.status(), 200, "{dialect:?}");
        next.text().await.unwrap();
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn a_body_that_trickles_gives_its_room_back() {
    let setup =
        Setup::with_room(|settings| settings.answer_timeout = Duration::from_secs(1), 1).await;
    for dialect in BOTH {
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, io::Error>(b" ".to_vec()), ()))
        });
        let request = setup.post(dialect, &says("x")).body(reqwest::Body::wrap_stream(trickle));
        let refused = tokio::time::timeout(Duration::from_secs(10), request.send()).await.unwrap();
        check(dialect, refused.unwrap(), 408, "whole within 1 seconds").await;
        let json = body(dialect, &said(&["u:hi"]), false);
        let next = setup.post(dialect, &says("hello")).json(&json).send().await.unwrap();
        assert_eq!(next.status(), 200, "{dialect:?}");
        next.text().await.unwrap();
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up_and_what_came_is_stored() {
    let setup =
        Setup::with_room(|settings| settings.idle_timeout = Duration::from_secs(1), 1).await;
    let script = Script { hangs: true, comments: 48, ..says("hel") };
    let stalled = setup.say("slow", &["u:hi"], &script, true).await;
    assert_eq!(stalled.status(), 200);
    setup.wait_stored("slow", &["u:hi", "a~:hel"]).await;
    drop(stalled);
    let next = setup.say("next", &["u:hi"], &says("hello"), false).await;
    assert_eq!(next.status(), 200);
    setup.server.stop().await;
}

#[tokio::test]
async fn a_server_that_ends_stores_what_a_client_that_takes_nothing_was_to_have() {
    let setup = Setup::start().await;
    let script = Script { hangs: true, comments: 48, ..says("hel") };
    let stalled = setup.say("trip", &["u:hi"], &script, true).await;
    assert_eq!(stalled.status(), 200);
    // Until nothing more goes through to the client.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(setup.stored("trip").await, ["u:hi"]);
    let data = setup.server.data.path().to_owned();
    setup.server.server.stop(Duration::from_millis(300)).await;
    drop(stalled);
    assert_eq!(stored_in(&data).await, ["u:hi", "a~:hel"]);
}

/// What another server finds of the conversation `trip`.
async fn stored_in(data: &Path) -> Vec<String> {
    // Connections of the first server go by and by.
    let options = StoreOptions::new(StoreKind::Sled, data.join("store"));
    let open = async {
        loop {
            match Store::open(&options) {
                Ok(store) => break store,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let store = tokio::time::timeout(Duration::from_secs(10), open).await.unwrap();
    let mut again = TestServer::starting().await;
    let opened = harness::opened_over(store, data, Limits::default()).await;
    again.server.open(opened).await;
    let turns = again.client(ACME).turns("conversations/trip").await;
    let stored = turns.iter().map(words::of_turn).collect();
    again.stop().await;
    stored
}

#[tokio::test]
async fn a_server_that_ends_stores_what_came() {
    let setup = Setup::start().await;
    let mut response =
        setup.say("trip", &["u:hi"], &Script { hangs: true, ..says("hel") }, true).await;
    while let Some(chunk) = response.chunk().await.unwrap() {
        if String::from_utf8_lossy(&chunk).contains("hel") {
            break;
        }
    }
    let data = setup.server.data.path().to_owned();
    let server = setup.server.server;
    let ended = server.stop(Duration::from_millis(300));
    let rest = async {
        let mut rest = String::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            rest.push_str(&String::from_utf8_lossy(&chunk));
        }
        rest
    };
    let ((), rest) = tokio::join!(ended, rest);
    assert!(rest.contains("shutting down"), "{rest}");
    assert_eq!(stored_in(&data).await, ["u:hi", "a~:hel"]);
}
