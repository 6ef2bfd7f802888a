//! Usage over the wire, and the metrics over HTTP.

use throughline::{
    pb,
    serve::{HTTP_LISTEN, bind},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{ACME, Client, GLOBEX, TestServer, turn, user};

async fn usage(client: &Client, request: pb::GetUsageRequest) -> pb::GetUsageResponse {
    client.usage().get_usage(request).await.unwrap().into_inner()
}

fn by_conversation() -> pb::GetUsageRequest {
    let grouping = pb::UsageGrouping::ByConversation.into();
    pb::GetUsageRequest { grouping, ..Default::default() }
}

/// A talk of 40 turns and one small window.
async fn talk(client: &Client, id: &str) -> pb::ContextWindow {
    let conversation = client.create(id).await;
    let round =
        |n| [user(&format!("Number {n} is about the tram.")), turn(pb::Role::Assistant, "I see.")];
    client.append(&conversation, (0..20).flat_map(round).collect()).await.unwrap();
    let options = Some(pb::ContextOptions { token_budget: 200, ..Default::default() });
    let request = pb::BuildContextRequest { conversation, options, ..Default::default() };
    client.context().build_context(request).await.unwrap().into_inner().window.unwrap()
}

#[tokio::test]
async fn usage_is_told_by_day_and_by_conversation() {
    let server = TestServer::start().await;
    let (acme, globex) = (server.client(ACME), server.client(GLOBEX));
    let window = talk(&acme, "c").await;
    talk(&acme, "d").await;
    let one = usage(
        &acme,
        pb::GetUsageRequest { conversation: "conversations/c".into(), ..Default::default() },
    )
    .await;
    let of = one.rows[0].usage.clone().unwrap();
    let saved = window.full_history_tokens - u64::from(window.total_tokens);
    assert_eq!((of.turns, of.windows, of.saved_tokens), (40, 1, saved));
    assert!(of.stored_bytes > 40 * 20 && of.embedded_tokens > 40, "{of:?}");
    assert_eq!(of.window_tokens, u64::from(window.total_tokens));
    // The harness has a price of 2 for a million tokens.
    assert!((of.saved_cost - saved as f64 * 2e-6).abs() < 1e-9 && of.currency == "EUR");

    let days = usage(&acme, pb::GetUsageRequest::default()).await;
    let total = days.total.unwrap();
    assert_eq!((total.turns, total.windows), (80, 2));
    assert!(!days.rows.is_empty() && days.rows.iter().all(|row| row.date.len() == 10));
    let first = usage(&acme, pb::GetUsageRequest { page_size: 1, ..by_conversation() }).await;
    assert_eq!((first.rows.len(), &*first.rows[0].conversation), (1, "conversations/d"));
    let page_token = first.next_page_token;
    let second =
        usage(&acme, pb::GetUsageRequest { page_size: 1, page_token, ..by_conversation() }).await;
    assert_eq!(&*second.rows[0].conversation, "conversations/c");
    assert_eq!(second.next_page_token, "");

    let request = pb::DeleteConversationRequest { name: "conversations/c".into() };
    acme.conversations().delete_conversation(request).await.unwrap();
    let left = usage(&acme, by_conversation()).await;
    assert_eq!(left.rows.len(), 1, "what a conversation used goes with it");
    let days = usage(&acme, pb::GetUsageRequest::default()).await;
    assert_eq!(days.total.unwrap().turns, 80, "the days of the tenant stay");
    assert_eq!(usage(&globex, pb::GetUsageRequest::default()).await.rows, []);
    server.stop().await;
}

/// The answer to a GET, head and body.
pub(crate) async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn metrics_tell_amounts_by_tenant_and_no_content() {
    let mut server = TestServer::starting().await;
    server.server.answer_http(bind(&["127.0.0.1:0".parse().unwrap()], HTTP_LISTEN).await.unwrap());
    let address = server.server.http_addresses()[0];
    assert!(get(address, "/metrics").await.starts_with("HTTP/1.1 503"));
    let limits = throughline_memory::engine::Limits::default();
    let opened = crate::harness::opened(server.data.path(), limits).await;
    server.server.open(opened).await;
    let acme = server.client(ACME);
    talk(&acme, "secret-conversation").await;
    for (at, thumbs_up) in [(2, true), (4, false), (6, false)] {
        let outcome = pb::Outcome {
            outcome_id: "thumb".to_owned(),
            thumbs_up: Some(thumbs_up),
            judge_score: (at == 2).then_some(0.5),
            latency: Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }),
            model: "secret-model".to_owned(),
            ..Default::default()
        };
        let turn = format!("conversations/secret-conversation/turns/{at}");
        let request = pb::RecordOutcomeRequest { turn, outcome: Some(outcome) };
        acme.degradation().record_outcome(request).await.unwrap();
    }
    // Answered when the window is recorded and the turns are measured.
    let request = pb::GetDegradationRequest {
        conversation: "conversations/secret-conversation".into(),
        min_revision: 1,
        ..Default::default()
    };
    let known = acme.degradation().get_degradation(request).await.unwrap().into_inner();
    assert_eq!(known.measured_sequence, 40);
    let text = get(address, "/metrics").await;
    for line in [
        "throughline_turns_total{tenant=\"acme\"} 40",
        "throughline_windows_total{tenant=\"acme\"} 1",
        "throughline_outbox_turns 0",
        "throughline_store_writable 1",
        "throughline_recorded_windows_total 1",
        "throughline_lost_records_total 0",
        // Of each answer it can be told, and none asks.
        "throughline_turn_signals_measured_total{tenant=\"acme\",signal=\"assistant_reasks\"} 20",
        "throughline_turn_signals_present_total{tenant=\"acme\",signal=\"assistant_reasks\"} 0",
        "throughline_turn_stale_history_share_measured_total{tenant=\"acme\"} 40",
        "throughline_window_shares_measured_total{tenant=\"acme\",signal=\"fill\"} 1",
        "throughline_window_values_measured_total{tenant=\"acme\",signal=\"superseded_dropped\"} 1",
        "throughline_window_values_measured_total{tenant=\"acme\",signal=\"retrieval_margin\"}",
        "throughline_window_values_sum_total{tenant=\"acme\",signal=\"evidence_distance_turns\"}",
        "throughline_window_values_sum_total{tenant=\"acme\",signal=\"summary_age_turns\"}",
        "throughline_probes_asked_total{tenant=\"acme\"}",
        "throughline_outcomes_total{tenant=\"acme\"} 3",
        "throughline_outcomes_rated_total{tenant=\"acme\"} 3",
        // A half of the judge and a whole thumb, and two thumbs down.
        "throughline_outcome_quality_sum_total{tenant=\"acme\"} 0.75",
        "throughline_outcome_thumbs_total{tenant=\"acme\",thumb=\"up\"} 1",
        "throughline_outcome_thumbs_total{tenant=\"acme\",thumb=\"down\"} 2",
        "throughline_outcome_tasks_total{tenant=\"acme\"} 0",
        "throughline_outcomes_timed_total{tenant=\"acme\"} 3",
        "throughline_outcome_latency_seconds_sum_total{tenant=\"acme\"} 4.5",
        "# TYPE throughline_build_context_seconds histogram",
        "throughline_build_context_seconds_bucket{le=\"+Inf\",tenant=\"acme\"} 1",
        "throughline_build_context_seconds_count{tenant=\"acme\"} 1",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert!(!text.contains("secret-") && !text.contains("tram"), "{text}");
    assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));
    server.stop().await;
}
