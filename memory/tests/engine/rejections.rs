//! Edges that were taken back, one by one: across forks, restarts, other detectors
//! and copies.
use std::sync::atomic::Ordering;

use crate::fixture::*;
use throughline_memory::{engine::*, staleness::*, turn::*};

const TALK: [&str; 4] = [
    "we stay at the Hilton",
    "your room at the Hilton is booked",
    "[replaces 1] [echo 2] [contradicts 1] the Marriott it is",
    "and the train?",
];

/// Shown edges: earlier turn, later turn and kind.
async fn edges(world: &World, of: &ConversationId) -> Vec<String> {
    world.settle(of).await;
    let all =
        StalenessRequest { sequences: vec![], as_of: 0, after: 0, limit: 99, min_revision: 0 };
    let page = world.engine.staleness(&tenant(), of, all).await.expect("there");
    page.edges
        .iter()
        .map(|edge| format!("{} {} {:?}", edge.earlier, edge.later, edge.kind))
        .collect()
}

const REPLACED: &str = "1 3 Supersedes";
const CONTRADICTED: &str = "1 3 Contradicts";
const ECHOED: &str = "2 3 Supersedes";

#[tokio::test]
async fn a_rejected_edge_leaves_the_other_of_the_pair_wherever_it_is_drawn_again() {
    use EdgeKind::{Contradicts, Supersedes};
    for (kind, left) in [
        (Some(Supersedes), &[CONTRADICTED][..]),
        (Some(Contradicts), &[REPLACED, ECHOED]),
        (None, &[]),
    ] {
        let mut world = World::new().await;
        let talk = world.create("talk").await;
        world.say(&talk, &TALK).await;
        assert_eq!(edges(&world, &talk).await, [REPLACED, CONTRADICTED, ECHOED]);
        let revision = world.engine.reject_edge(&tenant(), &talk, (1, 3), kind).await.unwrap();
        let again = world.engine.reject_edge(&tenant(), &talk, (1, 3), kind).await;
        assert_eq!(again.unwrap(), revision, "{kind:?}");
        let fork = world.fork(&talk, 4, "fork").await;
        assert_eq!(edges(&world, &talk).await, left, "{kind:?}");
        assert_eq!(edges(&world, &fork).await, left, "{kind:?}");
        world.controls.detector.store(7, Ordering::SeqCst);
        world = world.reopen().await;
        world.drain().await;
        assert_eq!(edges(&world, &talk).await, left, "drawn again, {kind:?}");
        assert_eq!(edges(&world, &fork).await, left, "drawn again, {kind:?}");
    }
}

#[tokio::test]
async fn what_was_not_drawn_is_not_rejected_by_its_kind() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &["tea", "[replaces 1] coffee"]).await;
    world.settle(&talk).await;
    let contradicts = Some(EdgeKind::Contradicts);
    let none = world.engine.reject_edge(&tenant(), &talk, (1, 2), contradicts).await;
    assert!(matches!(none, Err(EngineError::NotFound { kind: "edge", .. })), "{none:?}");
    world.engine.reject_edge(&tenant(), &talk, (1, 2), None).await.unwrap();
    let none = world.engine.reject_edge(&tenant(), &talk, (1, 2), contradicts).await;
    assert!(matches!(none, Err(EngineError::NotFound { kind: "edge", .. })), "{none:?}");
}

#[tokio::test]
async fn rejections_go_out_and_in_by_kind_and_add_up() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    world.settle(&talk).await;
    let supersedes = Some(EdgeKind::Supersedes);
    world.engine.reject_edge(&tenant(), &talk, (1, 3), supersedes).await.unwrap();
    let listed = world.engine.list_rejections(&tenant(), &talk).unwrap();
    assert_eq!(listed, [(1, 3, supersedes)]);

    let copy = world.create("copy").await;
    world.say(&copy, &TALK).await;
    let import = async |rejected: &[Rejection]| {
        world.engine.import_rejections(&tenant(), &copy, rejected).await.unwrap();
        (world.engine.list_rejections(&tenant(), &copy).unwrap(), edges(&world, &copy).await)
    };
    let replaced = vec![(1, 3, supersedes)];
    assert_eq!(import(&listed).await, (replaced.clone(), vec![CONTRADICTED.to_owned()]));
    assert_eq!(import(&listed).await, (replaced, vec![CONTRADICTED.to_owned()]), "again");
    // Without a kind it is the pair, as before kinds were told apart.
    let (all, left) = import(&[(1, 3, None), (1, 3, supersedes)]).await;
    assert_eq!((all, left.len()), (vec![(1, 3, None)], 0));
}

#[tokio::test]
async fn an_echo_is_marked_with_what_it_repeats_and_can_be_rejected_alone() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    assert_eq!(edges(&world, &talk).await, [REPLACED, CONTRADICTED, ECHOED]);
    world.engine.reject_edge(&tenant(), &talk, (2, 3), None).await.unwrap();
    assert_eq!(edges(&world, &talk).await, [REPLACED, CONTRADICTED]);
    world.engine.forget_turns(&tenant(), &talk, &[1]).await.unwrap();
    assert_eq!(edges(&world, &talk).await, [] as [&str; 0]);
}

#[tokio::test]
async fn an_echo_of_a_forgotten_turn_goes_with_it() {
    let mut world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &TALK).await;
    world.settle(&talk).await;
    world.engine.forget_turns(&tenant(), &talk, &[1]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(edges(&world, &talk).await, [] as [&str; 0]);
        world = world.reopen().await;
        world.engine.rebuild(&|_, _| {}).await.unwrap();
    }
}

#[tokio::test]
async fn what_answered_a_turn_from_far_back_may_be_its_echo() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &["our hotel in Lisbon is the Hilton", "gladly"]).await;
    let filler: Vec<String> = (0..80).map(|n| format!("number{n} shirt{n} sock{n}")).collect();
    world.say(&talk, &filler.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.say(&talk, &["our hotel in Lisbon is the Marriott [replaces 1] [answers 0]"]).await;
    assert_eq!(edges(&world, &talk).await, ["1 83 Supersedes", "2 83 Supersedes"]);
    // In the same step it is compared, and no answer is looked for.
    let near = world.create("near").await;
    world.say(&near, &["the Hilton", "gladly", "the Marriott [replaces 1] [answers 0]"]).await;
    assert_eq!(edges(&world, &near).await, ["1 3 Supersedes"]);
}
