//! Windows that show how a conversation stood: recorded and marked, and they change
//! nothing of what is known of the conversation itself.

use crate::fixture::*;
use throughline_memory::{degradation::WindowSignals, engine::*, store::keys::Kind, turn::*};

async fn talk(world: &World) -> ConversationId {
    let c = world.create("c").await;
    let turns = vec![
        said(Role::User, "my tram leaves at nine"),
        said(Role::Assistant, "noted"),
        said(Role::User, "my tram leaves at ten [replaces 1]"),
        said(Role::Assistant, "noted too"),
        said(Role::User, "when does the tram leave"),
    ];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    world.drain().await;
    c
}

async fn build(world: &World, of: &ConversationId, query: &str, as_of: Sequence) {
    let request = ContextRequest { as_of, ..ask(query) };
    world.engine.build_context(&tenant(), of, request).await.expect("built");
}

async fn windows(world: &World, of: &ConversationId, at: Sequence) -> Vec<WindowSignals> {
    let request = DegradationRequest { after: 0, limit: 100, min_revision: 0 };
    let known = world.engine.degradation(&tenant(), of, request).await.expect("read");
    known.turns.get(&at).map(|turn| turn.windows.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_window_as_of_a_turn_is_recorded_and_marked() {
    let world = World::new().await;
    let c = talk(&world).await;
    build(&world, &c, "", 3).await;
    build(&world, &c, "", 0).await;
    build(&world, &c, "tram", 5).await;
    let of_three = windows(&world, &c, 3).await;
    assert_eq!(of_three.len(), 1, "{of_three:?}");
    let one = &of_three[0];
    assert!(one.as_of && one.in_chat && one.tokens > 0, "{one:?}");
    assert_eq!(one.cached_prefix_share, None);
    // Three turns of it, and the first was replaced by the third.
    let live = windows(&world, &c, 5).await;
    let marks: Vec<_> = live.iter().map(|one| (one.as_of, one.in_chat)).collect();
    assert_eq!(marks, [(false, true), (true, false)]);
    assert!(one.history_tokens < live[0].history_tokens, "{one:?}");
    assert_eq!(world.engine.record_counts(), RecordCounts { taken: 3, lost: 0 });
    let world = world.reopen().await;
    assert_eq!((windows(&world, &c, 3).await, windows(&world, &c, 5).await), (of_three, live));
}

#[tokio::test]
async fn it_counts_for_no_health_no_cohort_and_no_metric() {
    let world = World::new().await;
    let c = talk(&world).await;
    build(&world, &c, "", 0).await;
    let live = windows(&world, &c, 5).await;
    let health = world.engine.health(&tenant(), &c).await.expect("read");
    let mark = world.records(&c, &[Kind::Cohort]);
    let counted = world.engine.tally().totals().tenants[&tenant()].windows;
    let request = CohortRequest { metric: CohortMetric::Friction, ..CohortRequest::default() };
    let cohort = world.engine.cohort_degradation(&tenant(), request.clone()).await.expect("read");
    // More than are kept of a turn.
    for n in 0..20 {
        build(&world, &c, &format!("tram {n}"), 5).await;
    }
    let all = windows(&world, &c, 5).await;
    assert_eq!(all.iter().filter(|one| one.as_of).count(), 16);
    let others: Vec<_> = all.into_iter().filter(|one| !one.as_of).collect();
    assert_eq!(others, live, "the windows of the chat keep their places");
    assert_eq!(world.engine.health(&tenant(), &c).await.expect("read"), health);
    assert_eq!(world.records(&c, &[Kind::Cohort])[..1], mark[..1], "no digest is outdated");
    assert_eq!(world.engine.tally().totals().tenants[&tenant()].windows, counted);
    let again = world.engine.cohort_degradation(&tenant(), request).await.expect("read");
    assert_eq!(again, cohort);
}

#[tokio::test]
async fn the_prefix_of_the_chat_is_that_of_the_chat() {
    let (looked_back, undisturbed) = (World::new().await, World::new().await);
    let mut unchanged = Vec::new();
    for (world, looks_back) in [(&looked_back, true), (&undisturbed, false)] {
        let c = talk(world).await;
        build(world, &c, "", 0).await;
        if looks_back {
            build(world, &c, "", 1).await;
            build(world, &c, "", 5).await;
        }
        world.say(&c, &["and the next one"]).await;
        world.drain().await;
        let next = world.window(&c, "").await;
        unchanged.push((next.unchanged_prefix_tokens, next.window.total_tokens));
    }
    assert_eq!(unchanged[0], unchanged[1]);
    assert!(unchanged[0].0 > 0, "{unchanged:?}");
}

#[tokio::test]
async fn it_goes_with_its_turn_and_its_conversation() {
    let world = World::new().await;
    let c = talk(&world).await;
    let fork = world.fork(&c, 4, "fork").await;
    world.settle(&fork).await;
    for id in [&c, &fork] {
        build(&world, id, "tram", 3).await;
        assert_eq!(windows(&world, id, 3).await.len(), 1, "{id}");
    }
    world.engine.forget_turns(&tenant(), &c, &[3]).await.expect("forgotten");
    world.drain().await;
    for id in [&c, &fork] {
        assert_eq!(world.records(id, &[Kind::WindowAsOf]), [], "{id}");
    }
    build(&world, &c, "tram", 1).await;
    assert_eq!(windows(&world, &c, 1).await.len(), 1);
    for id in [&fork, &c] {
        world.engine.delete_conversation(&tenant(), id).await.expect("deleted");
    }
    world.drain().await;
    assert_eq!(world.keys(), Vec::<Vec<u8>>::new());
}
