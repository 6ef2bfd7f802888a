//! Staleness through the engine: drawn with the turns, asked now and as of any
//! turn, rejected, shared with forks, erased, drawn again, watched.
use std::sync::atomic::Ordering;

use crate::fixture::*;
use throughline_memory::{engine::*, facts::Cause, staleness::*, turn::*};

fn all() -> StalenessRequest {
    StalenessRequest { sequences: vec![], as_of: 0, after: 0, limit: 1_000, min_revision: 0 }
}

async fn page(world: &World, of: &ConversationId, request: StalenessRequest) -> StalenessPage {
    world.settle(of).await;
    world.engine.staleness(&tenant(), of, request).await.expect("there")
}

/// Turns with a component of a kind, as of a turn.
async fn having(
    world: &World,
    of: &ConversationId,
    kind: StalenessKind,
    as_of: Sequence,
) -> Vec<Sequence> {
    let page = page(world, of, StalenessRequest { as_of, ..all() }).await;
    let has = |staleness: &Staleness| staleness.components.iter().any(|c| c.kind == kind);
    page.turns.iter().filter(|(_, staleness)| has(staleness)).map(|(at, _)| *at).collect()
}

const TALK: [&str; 5] = [
    "we stay at the Hilton",
    "[until 1] see you on Monday",
    "[replaces 1] the Marriott it is",
    "[contradicts 2] on Tuesday",
    "[ends 1] and the train?",
];

#[tokio::test]
async fn events_are_drawn_and_asked_as_of_any_turn() {
    use StalenessKind::*;
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    for (kind, as_of, expected) in [
        (Superseded, 0, &[1][..]),
        (Superseded, 2, &[]),
        (Superseded, 3, &[1]),
        (Contradicted, 3, &[]),
        (Contradicted, 4, &[2, 4]),
        (Expired, 1, &[]),
        (Expired, 2, &[2]),
        (Abandoned, 4, &[]),
        (Abandoned, 5, &[1]),
    ] {
        assert_eq!(having(&world, &talk, kind, as_of).await, expected, "{kind:?} {as_of}");
    }
    let found = page(&world, &talk, all()).await;
    assert_eq!((found.turns.len(), found.unscored, &*found.scorer), (5, 0, "scripted 0"));
    let edges: Vec<_> =
        found.edges.iter().map(|edge| (edge.earlier.clone(), edge.later.clone())).collect();
    let ends = |a, b| (Cause::Turn(a), Cause::Turn(b));
    assert_eq!(edges, [ends(1, 3), ends(2, 4)]);
    assert_eq!(found.edges[0].earlier_value, TALK[0]);
    let of_second = &found.turns[1].1.components;
    let expired = of_second.iter().find(|one| one.kind == Expired).expect("its time passed");
    assert!(expired.reason.ends_with("UTC (“[unt”)"), "{}", expired.reason);
    let beyond = StalenessRequest { as_of: 6, ..all() };
    let beyond = world.engine.staleness(&tenant(), &talk, beyond).await;
    assert!(matches!(beyond, Err(EngineError::Invalid(_))));
    let never = StalenessRequest { sequences: vec![9], ..all() };
    let never = world.engine.staleness(&tenant(), &talk, never).await;
    assert!(matches!(never, Err(EngineError::Invalid(_))));
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let next = page(&world, &talk, StalenessRequest { after, limit: 2, ..all() }).await;
        seen.extend(next.turns.iter().map(|(at, _)| *at));
        if !next.more {
            break;
        }
        after = *seen.last().unwrap();
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    let some = page(&world, &talk, StalenessRequest { sequences: vec![4, 1, 4], ..all() }).await;
    assert_eq!(some.turns.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 4]);
}

#[tokio::test]
async fn a_rejected_edge_is_never_drawn_again() {
    let mut world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    world.settle(&talk).await;
    let before = world.fork(&talk, 4, "before").await;
    for (earlier, later) in [(1, 2), (1, 4), (2, 3), (7, 9)] {
        let none = world.engine.reject_edge(&tenant(), &talk, (earlier, later), None).await;
        assert!(matches!(none, Err(EngineError::NotFound { kind: "edge", .. })), "{none:?}");
    }
    let revision = world.engine.reject_edge(&tenant(), &talk, (1, 3), None).await.unwrap();
    assert_eq!(world.engine.reject_edge(&tenant(), &talk, (1, 3), None).await.unwrap(), revision);
    let after = world.fork(&talk, 4, "after").await;
    let check = async |world: &World| {
        for fork in [&talk, &before, &after] {
            let stale = having(world, fork, StalenessKind::Superseded, 0).await;
            assert!(stale.is_empty(), "{fork}: {stale:?}");
        }
    };
    check(&world).await;
    world = world.reopen().await;
    check(&world).await;
    world.engine.rebuild(&|_, _| {}).await.unwrap();
    check(&world).await;
    world.controls.detector.store(7, Ordering::SeqCst);
    world = world.reopen().await;
    world.drain().await;
    assert_eq!(page(&world, &talk, all()).await.scorer, "scripted 7");
    check(&world).await;
}

#[tokio::test]
async fn a_fork_rejects_for_itself_alone() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    let fork = world.fork(&talk, 4, "fork").await;
    world.settle(&fork).await;
    world.engine.reject_edge(&tenant(), &fork, (1, 3), None).await.unwrap();
    assert!(having(&world, &fork, StalenessKind::Superseded, 0).await.is_empty());
    assert_eq!(having(&world, &talk, StalenessKind::Superseded, 0).await, [1]);
    // Turns of the fork bear on those that it shares.
    world.say(&fork, &["[replaces 2] on Friday"]).await;
    assert_eq!(having(&world, &fork, StalenessKind::Superseded, 0).await, [2]);
    assert_eq!(having(&world, &talk, StalenessKind::Superseded, 0).await, [1]);
}

#[tokio::test]
async fn what_is_forgotten_is_in_no_event() {
    let mut world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    let fork = world.fork(&talk, 4, "fork").await;
    world.say(&fork, &["[replaces 1] no, Ritz"]).await;
    world.settle(&fork).await;
    assert_eq!(world.holding("Hilton ->"), 2, "quoted by the edges of both");
    world.engine.forget_turns(&tenant(), &talk, &[1]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.holding("Hilton"), 0);
        for of in [&talk, &fork] {
            let found = page(&world, of, all()).await;
            assert!(found.turns.iter().all(|(at, _)| *at != 1), "{of}");
            let first = Cause::Turn(1);
            let gone = |edge: &ShownEdge| edge.earlier != first && edge.later != first;
            assert!(found.edges.iter().all(gone), "{of}");
        }
        world = world.reopen().await;
        world.engine.rebuild(&|_, _| {}).await.unwrap();
    }
    world.engine.delete_conversation(&tenant(), &talk).await.unwrap();
    assert_eq!(having(&world, &fork, StalenessKind::Contradicted, 0).await, [2, 4]);
    world.engine.delete_conversation(&tenant(), &fork).await.unwrap();
    world.drain().await;
    assert!(world.keys().is_empty(), "{:?}", world.keys());
}

#[tokio::test]
async fn another_version_draws_again_from_the_turns() {
    let mut world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    let before = page(&world, &talk, all()).await;
    world.controls.detector.store(2, Ordering::SeqCst);
    let embedded = world.controls.embedded.load(Ordering::SeqCst);
    world = world.reopen().await;
    world.drain().await;
    let after = page(&world, &talk, all()).await;
    assert_eq!((&after.turns, &after.edges), (&before.turns, &before.edges));
    assert_eq!((&*after.scorer, after.unscored), ("scripted 2", 0));
    assert_eq!(world.controls.embedded.load(Ordering::SeqCst), embedded, "nothing is embedded");
}

/// What a watch sends, as words, until `turns` were seen.
async fn watched(watch: &mut Watch, turns: Sequence) -> Vec<String> {
    let mut sent = Vec::new();
    loop {
        let step = within("a turn", watch.next()).await.unwrap().expect("not deleted");
        for event in &step.events {
            sent.push(match event {
                WatchEvent::Indexed(at) => format!("{at}"),
                WatchEvent::Superseded(edge) => format!("{} > {}", edge.later, edge.earlier),
                WatchEvent::Contradicted(edge) => format!("{} ! {}", edge.later, edge.earlier),
                WatchEvent::Expired { sequence, reason, .. } => format!("{sequence} past {reason}"),
                WatchEvent::Staleness(at, staleness) => format!("{at}: {:.1}", staleness.score),
            });
        }
        if step.events.contains(&WatchEvent::Indexed(turns)) {
            return sent;
        }
    }
}

#[tokio::test]
async fn a_watch_is_live_resumes_and_ends_with_the_conversation() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK[..2]).await;
    let mut watch = world.engine.watch(&tenant(), &talk, 0).unwrap();
    assert_eq!(watched(&mut watch, 2).await, ["1", "2", "2 past [unt", "2: 0.8"]);
    let third = world.say(&talk, &TALK[2..3]).await;
    assert_eq!(watched(&mut watch, 3).await, ["3", "3 > 1", "1: 0.9"]);
    world.say(&talk, &TALK[3..]).await;
    let rest = watched(&mut watch, 5).await;
    assert_eq!(rest, ["4", "4 ! 2", "4: 0.4", "5"]);
    let mut resumed = world.engine.watch(&tenant(), &talk, third.revision).unwrap();
    assert_eq!(watched(&mut resumed, 5).await, rest);
    let deleted = async {
        world.engine.delete_conversation(&tenant(), &talk).await.unwrap();
    };
    let (ended, ()) = tokio::join!(within("the end", watch.next()), deleted);
    assert_eq!(ended.unwrap(), None);
}

#[tokio::test]
async fn a_watch_takes_back_what_an_edge_did_that_is_rejected() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    let third = world.say(&talk, &TALK[..3]).await;
    let mut watch = world.engine.watch(&tenant(), &talk, 0).unwrap();
    assert!(watched(&mut watch, 3).await.contains(&"1: 0.9".to_owned()));
    let rejected = world.engine.reject_edge(&tenant(), &talk, (1, 3), None).await.unwrap();
    let mut resumed = world.engine.watch(&tenant(), &talk, third.revision).unwrap();
    for watch in [&mut watch, &mut resumed] {
        let step = within("a score", watch.next()).await.unwrap().expect("not deleted");
        assert_eq!((step.revision, step.completes), (rejected, true));
        let of_first = step.events.iter().find_map(|event| match event {
            WatchEvent::Staleness(1, staleness) => Some(staleness.score),
            _ => None,
        });
        assert!(of_first.is_some_and(|score| score < 0.3), "{step:?}");
    }
}

#[tokio::test]
async fn a_time_mentioned_in_passing_is_no_expiry_to_a_watch() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &["[passing 1] Friday sounds odd", "[until 1] back on Friday"]).await;
    let mut watch = world.engine.watch(&tenant(), &talk, 0).unwrap();
    let sent = watched(&mut watch, 2).await;
    let past: Vec<&String> = sent.iter().filter(|event| event.contains("past")).collect();
    assert_eq!(past, ["2 past [unt"]);
    // How stale it may be is still said.
    assert!(sent.iter().any(|event| event.starts_with("1: ")), "{sent:?}");
    assert_eq!(having(&world, &talk, StalenessKind::Expired, 0).await, [1, 2]);
}

#[tokio::test]
async fn watches_are_limited_and_let_go() {
    let limits = Limits { watches: 1, ..Limits::default() };
    let world = World::with(throughline_memory::store::StoreKind::Sled, limits).await;
    let talk = world.create("talk").await;
    let watch = world.engine.watch(&tenant(), &talk, 0).unwrap();
    let refused = world.engine.watch(&tenant(), &talk, 0);
    assert!(matches!(refused, Err(EngineError::LimitReached { limit: "watches", .. })));
    drop(watch);
    assert!(world.engine.watch(&tenant(), &talk, 0).is_ok());
    assert!(world.engine.watch(&tenant(), &id("never"), 0).is_err());
}
