//! Cohorts over the wire: compared with another, and with themselves at another time.

use throughline::pb;
use tonic::Code;

use crate::harness::{ACME, Client, TestServer, turn, user};

fn of(model: &str) -> Option<pb::CohortFilter> {
    Some(pb::CohortFilter { model: model.to_owned(), ..Default::default() })
}

fn second(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

async fn ask(
    client: &Client,
    request: pb::GetCohortDegradationRequest,
) -> Result<pb::GetCohortDegradationResponse, tonic::Status> {
    Ok(client.degradation().get_cohort_degradation(request).await?.into_inner())
}

/// Conversations with one answer of a model each, that was rated.
async fn rated(client: &Client, ids: &[&str], model: &str, scores: &[f32]) {
    for (id, score) in ids.iter().zip(scores) {
        let c = client.create(id).await;
        client.append(&c, vec![user("Hello."), turn(pb::Role::Assistant, "Hi.")]).await.unwrap();
        let outcome = pb::Outcome {
            outcome_id: "judge".to_owned(),
            judge_score: Some(*score),
            model: model.to_owned(),
            ..Default::default()
        };
        let request =
            pb::RecordOutcomeRequest { turn: format!("{c}/turns/2"), outcome: Some(outcome) };
        client.degradation().record_outcome(request).await.unwrap();
    }
}

#[tokio::test]
async fn a_difference_comes_with_its_interval() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    rated(&acme, &["a1", "a2", "a3"], "model-a", &[0.9, 0.8, 0.85]).await;
    rated(&acme, &["b1", "b2", "b3"], "model-b", &[0.4, 0.3, 0.35]).await;
    rated(&acme, &["c1"], "model-c", &[0.4]).await;
    let request = pb::GetCohortDegradationRequest {
        cohort: of("model-b"),
        baseline: of("model-a"),
        ..Default::default()
    };
    let found = ask(&acme, request.clone()).await.unwrap().comparison.unwrap();
    assert!((found.difference + 0.5).abs() < 1e-6, "{found:?}");
    let (low, high) = (found.low.unwrap(), found.high.unwrap());
    assert!(low <= found.difference && found.difference <= high, "{found:?}");
    assert!(-0.65 < low && high < -0.35, "{found:?}");
    let one = pb::GetCohortDegradationRequest { cohort: of("model-c"), ..request };
    let found = ask(&acme, one).await.unwrap().comparison.unwrap();
    assert_eq!((found.low, found.high), (None, None), "one conversation has no spread");
    server.stop().await;
}

#[tokio::test]
async fn a_cohort_is_compared_with_itself_at_another_time() {
    let server = TestServer::start().await;
    let acme = server.client(ACME);
    rated(&acme, &["a", "b"], "model-a", &[0.9, 0.5]).await;
    let long_ago = 1_000_000_000;
    // With no baseline named it is the cohort itself, then.
    let request = pb::GetCohortDegradationRequest {
        cohort: of("model-a"),
        from_time: second(long_ago),
        baseline_until_time: second(long_ago),
        ..Default::default()
    };
    let answer = ask(&acme, request.clone()).await.unwrap();
    let conversations = |cohort: Option<pb::Cohort>| cohort.unwrap().conversations;
    assert_eq!((conversations(answer.cohort), conversations(answer.baseline)), (2, 0));
    assert_eq!(answer.comparison, None);
    let turned = pb::GetCohortDegradationRequest {
        from_time: None,
        until_time: second(long_ago),
        baseline_from_time: second(long_ago),
        baseline_until_time: None,
        ..request.clone()
    };
    let answer = ask(&acme, turned).await.unwrap();
    assert_eq!((conversations(answer.cohort), conversations(answer.baseline)), (0, 2));
    let none = pb::GetCohortDegradationRequest { baseline_until_time: None, ..request.clone() };
    assert_eq!(ask(&acme, none).await.unwrap().baseline, None);
    let bad = pb::GetCohortDegradationRequest {
        baseline_from_time: second(long_ago),
        baseline_until_time: second(long_ago),
        ..request
    };
    let refused = ask(&acme, bad).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("baseline_until_time"), "{refused:?}");
    server.stop().await;
}
