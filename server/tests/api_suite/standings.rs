//! The metrics of how conversations stand, and of cohorts that became worse.

use std::{net::SocketAddr, time::Duration};

use throughline::{
    pb,
    serve::{HTTP_LISTEN, bind},
};

use crate::{
    harness::{ACME, TestServer, opened, turn, user},
    usage::get,
};

/// The metrics, once they have a line.
async fn with_line(address: SocketAddr, line: &str) -> String {
    let told = async {
        loop {
            let text = get(address, "/metrics").await;
            if text.contains(line) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(30), told).await;
    told.unwrap_or_else(|_| panic!("{line} does not come"))
}

#[tokio::test]
async fn metrics_tell_how_conversations_stand() {
    let mut server = TestServer::starting().await;
    server.server.answer_http(bind(&["127.0.0.1:0".parse().unwrap()], HTTP_LISTEN).await.unwrap());
    let address = server.server.http_addresses()[0];
    let limits = throughline_memory::engine::Limits::default();
    let opened = opened(server.data.path(), limits).await;
    let engine = std::sync::Arc::clone(&opened.engine);
    server.server.open(opened).await;
    let acme = server.client(ACME);
    for id in ["secret-calm", "secret-bad"] {
        let c = acme.create(id).await;
        acme.append(&c, vec![user("Hello."), turn(pb::Role::Assistant, "Hi.")]).await.unwrap();
    }
    let none = "throughline_health_conversations{tenant=\"acme\",action=\"none\"} 2";
    let text = with_line(address, none).await;
    assert!(text.contains("throughline_health_score_sum{tenant=\"acme\"} 2.0"), "{text}");
    assert!(text.contains("throughline_cohorts_looked_at_timestamp_seconds 0\n"), "{text}");
    let complaint = |n: usize| {
        let answer = format!("Let us talk about topic {n}.");
        [turn(pb::Role::Assistant, &answer), user("I told you already.")]
    };
    let turns = (0..4).flat_map(complaint).collect();
    acme.append("conversations/secret-bad", turns).await.unwrap();
    let bad = "throughline_health_conversations{tenant=\"acme\",action=\"reanchor\"} 1";
    with_line(address, bad).await;
    assert_eq!(engine.look_for_drift().await.unwrap(), []);
    let text = get(address, "/metrics").await;
    for line in [
        "throughline_health_conversations{tenant=\"acme\",action=\"none\"} 1",
        "throughline_health_changes_total{tenant=\"acme\",action=\"reanchor\"} 1",
        "throughline_health_changes_total{tenant=\"acme\",action=\"reset\"} 0",
        "throughline_cohort_change{tenant=\"acme\",metric=\"quality\"} 0",
        "throughline_cohort_changed_versions{tenant=\"acme\",metric=\"friction\"} 0",
        "throughline_cohorts_looked_at_timestamp_seconds 1",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert!(!text.contains("secret-"), "{text}");
    // Who holds the engine keeps its directory.
    drop(engine);
    server.stop().await;
}
