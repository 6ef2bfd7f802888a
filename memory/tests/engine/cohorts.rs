//! Cohorts over what is stored: levels, curves, comparisons, and what was erased is
//! in none of them.

use crate::fixture::*;
use throughline_memory::{
    degradation::Outcome, engine::*, facts::FactKind, store::StoreKind, turn::*,
};

/// A conversation of two exchanges, its answers judged.
async fn judged(world: &World, name: &str, model: &str, scores: [f32; 2]) -> ConversationId {
    let c = world.create(name).await;
    let turns = vec![
        said(Role::User, "hello"),
        said(Role::Assistant, "hi"),
        said(Role::User, "That's wrong."),
        said(Role::Assistant, "sorry"),
    ];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    for (sequence, score) in [2, 4].into_iter().zip(scores) {
        let outcome = Outcome {
            id: "judge".to_owned(),
            sequence,
            judge_score: Some(score),
            thumbs_up: None,
            task_success: Some(score > 0.5),
            latency: None,
            model: model.to_owned(),
            prompt_version: "1".to_owned(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        };
        world.engine.record_outcome(&tenant(), &c, outcome).await.expect("recorded");
    }
    c
}

/// A judge's score for an answer.
async fn rate(
    world: &World,
    id: &ConversationId,
    sequence: Sequence,
    model: &str,
    score: f32,
    recorded_at: jiff::Timestamp,
) {
    let outcome = Outcome {
        id: model.to_owned(),
        sequence,
        judge_score: Some(score),
        thumbs_up: None,
        task_success: None,
        latency: None,
        model: model.to_owned(),
        prompt_version: "1".to_owned(),
        recorded_at,
    };
    world.engine.record_outcome(&tenant(), id, outcome).await.expect("recorded");
}

async fn cohort(world: &World, request: CohortRequest) -> CohortOutcome {
    world.engine.cohort_degradation(&tenant(), request).await.expect("measured")
}

fn of_model(model: &str) -> CohortFilter {
    CohortFilter { model: model.to_owned(), ..CohortFilter::default() }
}

#[tokio::test]
async fn levels_curves_and_comparisons_are_those_of_the_outcomes() {
    let world = World::new().await;
    for n in 0..4 {
        judged(&world, &format!("a{n}"), "a", [0.9, 0.7]).await;
        judged(&world, &format!("b{n}"), "b", [0.5, 0.3]).await;
    }
    let request = CohortRequest {
        cohort: of_model("b"),
        baseline: Some(of_model("a")),
        ..CohortRequest::default()
    };
    let outcome = cohort(&world, request).await;
    let (b, a) = (&outcome.cohort, outcome.baseline.as_ref().expect("a baseline"));
    assert_eq!((b.conversations, a.conversations, outcome.cut), (4, 4, false));
    let mean = |of: &Cohort| of.level.expect("a level").mean;
    // The quality of an answer is the mean of its judge and of its success.
    assert!((mean(b) - 0.2).abs() < 1e-6 && (mean(a) - 0.9).abs() < 1e-6);
    let places: Vec<_> = b.by_turn.iter().map(|point| (point.from, point.level.mean)).collect();
    assert_eq!(places.iter().map(|(from, _)| *from).collect::<Vec<_>>(), [2, 4]);
    assert!(places[0].1 > places[1].1, "{places:?}");
    assert_eq!(b.by_history.iter().map(|point| point.level.count).sum::<u64>(), 8);
    let comparison = outcome.comparison.expect("both have values");
    assert!((comparison.difference + 0.7).abs() < 1e-6);
    assert_eq!(comparison.cliffs_delta, -1.0);
    assert!(comparison.p_value < 0.05, "{comparison:?}");
    assert!(b.change.is_none() && !b.change_measurable);

    let success = CohortRequest {
        metric: CohortMetric::Success,
        cohort: of_model("a"),
        ..CohortRequest::default()
    };
    assert_eq!(cohort(&world, success).await.cohort.level.map(|level| level.mean), Some(1.0));
    let friction = CohortRequest { metric: CohortMetric::Friction, ..CohortRequest::default() };
    let friction = cohort(&world, friction).await.cohort;
    assert_eq!(friction.conversations, 8);
    // The first user turn is not measurable, the second corrects.
    assert_eq!(friction.level.map(|level| level.mean), Some(1.0));
}

#[tokio::test]
async fn a_point_of_a_curve_counts_each_conversation_once() {
    let world = World::new().await;
    for name in ["a", "b"] {
        let c = world.create(name).await;
        let exchange = || [said(Role::User, "hello"), said(Role::Assistant, "hi")];
        let turns = (0..4).flat_map(|_| exchange()).collect();
        world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
        world.drain().await;
        for (sequence, score) in [(4, 1.0), (6, 0.5)] {
            rate(&world, &c, sequence, "m", score, jiff::Timestamp::UNIX_EPOCH).await;
        }
    }
    let by_turn = cohort(&world, CohortRequest::default()).await.cohort.by_turn;
    let points: Vec<_> =
        by_turn.iter().map(|one| (one.from, one.level.count, one.level.mean)).collect();
    assert_eq!(points, [(4, 2, 0.75)], "two turns of each stand in one point");
}

#[tokio::test]
async fn friction_of_a_model_is_that_of_what_follows_its_answers() {
    let world = World::new().await;
    let c = world.create("c").await;
    let turns = vec![
        said(Role::User, "hello"),
        said(Role::Assistant, "It is Monday."),
        said(Role::User, "That's wrong."),
        said(Role::Assistant, "It is Tuesday."),
        said(Role::User, "I will take the tram."),
    ];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    let then = jiff::Timestamp::UNIX_EPOCH;
    rate(&world, &c, 2, "a", 0.5, then).await;
    rate(&world, &c, 4, "b", 0.5, then).await;
    let friction = async |model: &str| {
        let request = CohortRequest {
            metric: CohortMetric::Friction,
            cohort: of_model(model),
            ..CohortRequest::default()
        };
        cohort(&world, request).await.cohort.level.map(|level| level.mean)
    };
    assert_eq!(friction("a").await, Some(1.0));
    assert_eq!(friction("b").await, Some(0.0));
    assert_eq!(friction("").await, Some(0.5));
    assert_eq!(friction("c").await, None);
}

#[tokio::test]
async fn what_the_assistant_does_wrong_is_measured_without_outcomes() {
    let world = World::new().await;
    let c = world.create("c").await;
    let rule = NewFact {
        kind: FactKind::Instruction,
        ..pin("Never use the word sorry in an answer.", None)
    };
    world.engine.pin_fact(&tenant(), &c, rule).await.expect("pinned");
    let turns = vec![
        said(Role::User, "How far is it to Vienna?"),
        said(Role::Assistant, "It is 250 km."),
        said(Role::User, "And to Graz?"),
        said(Role::Assistant, "Sorry, I do not know."),
    ];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    let level = async |metric| {
        let request = CohortRequest { metric, ..CohortRequest::default() };
        cohort(&world, request).await.cohort.level.map(|level| level.mean)
    };
    assert_eq!(level(CohortMetric::Disobedience).await, Some(0.5));
    assert_eq!(level(CohortMetric::Contradiction).await, Some(0.0));
    assert_eq!(level(CohortMetric::Reasking).await, Some(0.0));
}

#[tokio::test]
async fn the_time_of_quality_is_that_of_its_outcomes() {
    let world = World::new().await;
    let day = |day: i8| {
        let date = jiff::civil::date(2023, 12, day);
        date.to_zoned(jiff::tz::TimeZone::UTC).expect("a day").timestamp()
    };
    let turns = || vec![said(Role::User, "hello"), said(Role::Assistant, "hi")];
    let (a, b) = (world.create("a").await, world.create("b").await);
    for id in [&a, &a, &b] {
        world.engine.append_turns(&tenant(), id, turns(), None).await.expect("appended");
    }
    world.drain().await;
    rate(&world, &a, 2, "m", 1.0, day(1)).await;
    rate(&world, &b, 2, "m", 0.5, day(2)).await;
    rate(&world, &a, 4, "m", 0.0, day(3)).await;
    let mean = async |from, until| {
        let time = CohortTime { from, until };
        let request = CohortRequest { time, ..CohortRequest::default() };
        let outcome = cohort(&world, request).await;
        outcome.cohort.level.map(|level| (level.count, level.mean))
    };
    assert_eq!(mean(None, None).await, Some((2, 0.5)));
    assert_eq!(mean(Some(day(2)), None).await, Some((2, 0.25)), "of an old one what is new");
    assert_eq!(mean(None, Some(day(2))).await, Some((1, 1.0)));
    assert_eq!(mean(Some(day(2)), Some(day(3))).await, Some((1, 0.5)));
    // A copy has outcomes from before it was made.
    let time = |second| jiff::Timestamp::from_second(second).expect("a time");
    rate(&world, &b, 2, "copied", 1.0, time(1_600_000_000)).await;
    assert_eq!(mean(None, Some(time(1_600_000_001))).await, Some((1, 1.0)));
}

#[tokio::test]
async fn a_baseline_may_have_a_time_of_its_own() {
    let world = World::new().await;
    let second = |second: i64| jiff::Timestamp::from_second(second).expect("a time");
    let (last_week, this_week) = (second(1_000), second(2_000));
    let (mut before, mut now) = (Vec::new(), Vec::new());
    for n in 0..8_u8 {
        let c = world.create(&format!("c{n}")).await;
        let turns = vec![said(Role::User, "hello"), said(Role::Assistant, "hi")];
        world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
        // Half of them were there before.
        let (score, at) = if n < 4 { (0.9, last_week) } else { (0.5, this_week) };
        let score = score - 0.02 * f32::from(n % 4);
        rate(&world, &c, 2, "m", score, at).await;
        let values = if n < 4 { &mut before } else { &mut now };
        values.push(f64::from(score));
    }
    let from_until = |from, until| CohortTime { from: Some(from), until: Some(until) };
    let request = CohortRequest {
        cohort: of_model("m"),
        baseline: Some(of_model("m")),
        time: from_until(second(1_500), second(2_500)),
        baseline_time: Some(from_until(second(500), second(1_500))),
        ..CohortRequest::default()
    };
    let outcome = cohort(&world, request.clone()).await;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let level = |of: &Cohort| of.level.map(|level| (level.count, level.mean)).expect("a level");
    let (count, own) = level(&outcome.cohort);
    let (others, other) = level(outcome.baseline.as_ref().expect("a baseline"));
    assert_eq!((count, others), (4, 4));
    assert!((own - mean(&now)).abs() < 1e-6 && (other - mean(&before)).abs() < 1e-6);
    let comparison = outcome.comparison.expect("both have values");
    assert!((comparison.difference - (own - other)).abs() < 1e-9, "{comparison:?}");
    let interval = comparison.interval.expect("more than one of each");
    assert!(interval.low <= comparison.difference && comparison.difference <= interval.high);
    assert!(-0.5 < interval.low && interval.high < -0.3, "{interval:?}");
    // Without one it is that of the cohort: the same conversations.
    let same = cohort(&world, CohortRequest { baseline_time: None, ..request.clone() }).await;
    assert_eq!(same.baseline.as_ref(), Some(&same.cohort));
    // An open end reaches as far as there is anything.
    let baseline_time = Some(CohortTime { from: None, until: Some(second(2_500)) });
    let open = cohort(&world, CohortRequest { baseline_time, ..request }).await;
    assert_eq!(open.baseline.map(|one| one.conversations), Some(8));
}

#[tokio::test]
async fn one_cohort_too_many_is_refused_at_once() {
    let limits = Limits { cohort_scans: 1, ..Limits::default() };
    let world = World::with(StoreKind::Sled, limits).await;
    judged(&world, "a", "m", [1.0, 0.0]).await;
    let tenant = tenant();
    let measure = || world.engine.cohort_degradation(&tenant, CohortRequest::default());
    let mut first = std::pin::pin!(measure());
    // The first look takes the place.
    assert!(futures::poll!(&mut first).is_pending());
    let refused = measure().await;
    assert!(
        matches!(
            refused,
            Err(EngineError::LimitReached { limit: "cohort_scans", retry: true, .. })
        ),
        "{refused:?}"
    );
    assert_eq!(first.await.expect("measured").cohort.conversations, 1);
    assert_eq!(measure().await.expect("there is room again").cohort.conversations, 1);
}

#[tokio::test]
async fn what_was_erased_is_in_no_curve() {
    let world = World::new().await;
    let a = judged(&world, "a", "m", [1.0, 0.0]).await;
    judged(&world, "b", "m", [0.5, 0.5]).await;
    let mean = async || {
        let outcome = cohort(&world, CohortRequest::default()).await;
        outcome.cohort.level.map(|level| (level.count, level.mean))
    };
    assert_eq!(mean().await, Some((2, 0.375)));
    world.engine.forget_turns(&tenant(), &a, &[2]).await.expect("forgotten");
    assert_eq!(mean().await, Some((2, 0.125)));
    world.engine.delete_conversation(&tenant(), &a).await.expect("deleted");
    assert_eq!(mean().await, Some((1, 0.25)));
    let later = jiff::Timestamp::MAX;
    let time = CohortTime { from: Some(later), until: None };
    let none = CohortRequest { time, ..CohortRequest::default() };
    assert_eq!(cohort(&world, none).await.cohort.conversations, 0);
    let other = TenantId::new("other").expect("an id");
    let foreign = world.engine.cohort_degradation(&other, CohortRequest::default()).await;
    assert_eq!(foreign.expect("measured").cohort.conversations, 0);
}
