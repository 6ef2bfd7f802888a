//! The service looks by itself whether conversations became worse, tells it once, and
//! knows after a restart what it told.

use std::{sync::atomic::Ordering, time::Duration};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::fixture::*;
use throughline_memory::{
    degradation::{DriftTotals, Outcome},
    engine::*,
    turn::*,
};

/// Where the clock of the tests begins.
const NOW: i64 = 1_700_000_000;

/// When the nth outcome is recorded: from ten days ago on, one a minute.
fn minute(n: i64) -> Timestamp {
    let begin = Timestamp::from_second(NOW).expect("a time") - SignedDuration::from_hours(240);
    begin + SignedDuration::from_mins(n)
}

/// What is recorded of the first answer: whose it is.
fn outcome(n: i64, version: &str) -> Outcome {
    Outcome {
        id: "judge".to_owned(),
        sequence: 2,
        judge_score: None,
        thumbs_up: None,
        task_success: None,
        latency: None,
        model: "m".to_owned(),
        prompt_version: version.to_owned(),
        recorded_at: minute(n),
    }
}

/// Conversations with what is recorded of their first answers.
async fn held(
    world: &World,
    numbers: std::ops::Range<i64>,
    turns: &[NewTurn],
    outcome: impl Fn(i64) -> Outcome,
) {
    let one = async |n: i64| {
        let c = world.create(&format!("c{n}")).await;
        let appended = world.engine.append_turns(&tenant(), &c, turns.to_vec(), None).await;
        appended.expect("appended");
        world.engine.record_outcome(&tenant(), &c, outcome(n)).await.expect("recorded");
    };
    // Side by side they share the syncs of the disk.
    for at in numbers.clone().step_by(50) {
        join_all((at..numbers.end.min(at + 50)).map(one)).await;
    }
    world.drain().await;
}

/// Conversations each with one rated answer.
async fn rated(world: &World, numbers: std::ops::Range<i64>, score: f32, version: &str) {
    let turns = [said(Role::User, "hello"), said(Role::Assistant, "hi")];
    let outcome = |n: i64| {
        // Never all the same.
        Outcome { judge_score: Some(score + 0.05 * (n % 2) as f32), ..outcome(n, version) }
    };
    held(world, numbers, &turns, outcome).await;
}

/// Conversations of whose answers nothing is known but the latency.
async fn timed(world: &World, numbers: std::ops::Range<i64>, then: &str, version: &str) {
    let turns =
        [said(Role::User, "hello"), said(Role::Assistant, "It is Monday."), said(Role::User, then)];
    let latency = Some(Duration::from_millis(700));
    held(world, numbers, &turns, |n| Outcome { latency, ..outcome(n, version) }).await;
}

async fn look(world: &World) -> Vec<Drift> {
    world.engine.look_for_drift().await.expect("looked")
}

fn totals(world: &World) -> DriftTotals {
    world.engine.drift_totals().tenants[&tenant()]
}

fn quality(conversations: u64, versions: u64) -> DriftTotals {
    DriftTotals { conversations: [conversations, 0], versions: [versions, 0] }
}

#[tokio::test]
async fn a_fall_is_told_once_and_known_after_a_restart() {
    let world = World::new().await;
    rated(&world, 0..410, 0.85, "1").await;
    assert_eq!(look(&world).await, [], "quiet");
    assert_eq!(totals(&world), quality(0, 0));
    rated(&world, 410..430, 0.4, "1").await;
    let found = look(&world).await;
    let of = found.iter().map(|one| (one.metric, &*one.model, &*one.prompt_version));
    assert_eq!(of.collect::<Vec<_>>(), [("quality", "", ""), ("quality", "m", "1")]);
    for one in &found {
        assert_eq!((one.since.as_str(), one.conversations), ("c410", 20), "{one:?}");
        assert!(one.mean_before > 0.8 && one.mean_since < 0.5, "{one:?}");
    }
    assert_eq!(totals(&world), quality(20, 1));
    // What a caller is told is the same.
    let cohort = world.engine.cohort_degradation(&tenant(), CohortRequest::default()).await;
    let change = cohort.expect("measured").cohort.change.expect("a change");
    assert_eq!((&change.since, change.since_time), (&found[0].since, found[0].since_time));
    assert_eq!(look(&world).await, [], "it was told");

    let world = world.reopen().await;
    assert_eq!(totals(&world), quality(20, 1), "before anything is looked at");
    assert!(world.engine.drift_looked_at().expect("read").is_some());
    rated(&world, 430..435, 0.4, "1").await;
    assert_eq!(look(&world).await, []);
    assert_eq!(totals(&world), quality(25, 1));
    // Long after, it is history.
    world.controls.now.fetch_add(40 * 24 * 60 * 60, Ordering::SeqCst);
    assert_eq!(look(&world).await, []);
    assert_eq!(totals(&world), quality(0, 0));
}

#[tokio::test]
async fn a_version_is_found_that_the_others_hide() {
    let world = World::new().await;
    // Of another version there are too few for a change to be found in.
    rated(&world, 0..30, 0.9, "2").await;
    rated(&world, 30..440, 0.4, "1").await;
    // The whole gets better while the version gets worse.
    rated(&world, 440..600, 0.95, "3").await;
    rated(&world, 600..608, 0.1, "1").await;
    let found = look(&world).await;
    let of: Vec<_> = found.iter().map(|one| (&*one.prompt_version, one.since.as_str())).collect();
    assert_eq!(of, [("1", "c600")], "{found:?}");
    assert_eq!(totals(&world), quality(0, 1));
    let other = TenantId::new("other").expect("an id");
    assert!(!world.engine.drift_totals().tenants.contains_key(&other));
}

#[tokio::test]
async fn friction_is_found_of_a_version_with_latencies_alone() {
    let world = World::new().await;
    timed(&world, 0..405, "I will take the tram.", "1").await;
    assert_eq!(look(&world).await, [], "quiet");
    timed(&world, 405..415, "That's wrong.", "1").await;
    let found = look(&world).await;
    let of = found.iter().map(|one| (one.metric, &*one.model, &*one.prompt_version));
    assert_eq!(of.collect::<Vec<_>>(), [("friction", "", ""), ("friction", "m", "1")]);
    assert!(found.iter().all(|one| one.conversations == 10), "{found:?}");
    let expected = DriftTotals { conversations: [0, 10], versions: [0, 1] };
    assert_eq!(totals(&world), expected);
}

#[tokio::test]
async fn the_service_looks_without_being_asked() {
    let world = World::with_drift().await;
    rated(&world, 0..2, 0.9, "1").await;
    let looked = async |world: &World| {
        while !world.engine.drift_totals().tenants.contains_key(&tenant()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within("a look", looked(&world)).await;
    let first = world.engine.drift_looked_at().expect("read").expect("noted");
    let again = async {
        while world.engine.drift_looked_at().expect("read") == Some(first) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within("another look", again).await;
    let world = world.reopen().await;
    assert!(world.engine.drift_looked_at().expect("read").is_some_and(|at| at > first));
}

#[tokio::test]
async fn a_look_takes_its_place_among_the_cohorts() {
    let limits = Limits { cohort_scans: 1, ..Limits::default() };
    let world = World::with(throughline_memory::store::StoreKind::Sled, limits).await;
    rated(&world, 0..2, 0.9, "1").await;
    let tenant = tenant();
    let mut measured =
        std::pin::pin!(world.engine.cohort_degradation(&tenant, CohortRequest::default()));
    assert!(futures::poll!(&mut measured).is_pending());
    let mut looked = std::pin::pin!(world.engine.look_for_drift());
    assert!(futures::poll!(&mut looked).is_pending(), "it waits for its place");
    let measured = within("the cohort", measured).await;
    assert_eq!(measured.expect("measured").cohort.conversations, 2);
    assert_eq!(within("the look", looked).await.expect("looked"), []);
}
