//! What a restart makes of waiting work, of interrupted work and of another
//! embedding model.

use std::sync::{Arc, Mutex, atomic::Ordering};

use crate::fixture::*;
use throughline_memory::{engine::*, store::StoreKind, turn::*};

#[tokio::test]
async fn waiting_turns_are_derived_after_a_restart() {
    for kind in StoreKind::ALL {
        let world = World::with(kind, Limits::default()).await;
        let c = world.create("c").await;
        world.controls.embedder_down.store(true, Ordering::SeqCst);
        world.say(&c, &["alpha", "beta"]).await;
        let world = world.reopen().await;
        assert_eq!(world.engine.outbox_backlog(), 2);
        let found = world.engine.get_conversation(&tenant(), &c).await.expect("there");
        assert_eq!(found.indexed_sequence, 0);
        world.controls.embedder_down.store(false, Ordering::SeqCst);
        world.settle(&c).await;
        assert_eq!(world.found(&c, "alpha", SearchMethod::Dense).await.len(), 2);
        // Nothing is embedded twice for a restart.
        let embedded = world.controls.embedded.load(Ordering::SeqCst);
        let world = world.reopen().await;
        world.drain().await;
        assert_eq!(world.found(&c, "beta", SearchMethod::Dense).await.len(), 2);
        let queries = 1;
        assert_eq!(world.controls.embedded.load(Ordering::SeqCst), embedded + queries, "{kind}");
    }
}

#[tokio::test]
async fn a_removal_that_the_index_missed_reaches_it_after_a_restart() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha", "beta"]).await;
    world.settle(&c).await;
    world.controls.index_down.store(true, Ordering::SeqCst);
    let engine = Arc::clone(&world.engine);
    let forgetting = tokio::spawn(async move {
        engine.forget_turns(&tenant(), &id("c"), &[1]).await.map(|done| done.turns_removed)
    });
    within("the turn to go from the store", async {
        while world.holding("alpha") > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(
        within("an answer without the index", forgetting).await.expect("ends").expect("done"),
        1
    );
    assert_eq!(world.engine.outbox_backlog(), 1);
    let world = world.reopen().await;
    assert_eq!(world.engine.outbox_backlog(), 1);
    world.controls.index_down.store(false, Ordering::SeqCst);
    world.drain().await;
    assert_eq!(world.found(&c, "alpha beta", SearchMethod::Bm25).await, [2]);
}

#[tokio::test]
async fn another_model_embeds_everything_again() {
    let mut world = World::new().await;
    let root = world.create("root").await;
    world.say(&root, &["alpha", "beta"]).await;
    let fork = world.fork(&root, 1, "fork").await;
    world.say(&fork, &["gamma"]).await;
    world.engine.delete_conversation(&tenant(), &root).await.expect("deleted");
    world.drain().await;
    world.model = "other".into();
    world.controls.embedder_down.store(true, Ordering::SeqCst);
    let mut world = world.reopen().await;
    assert_eq!(world.engine.outbox_backlog(), 2, "the shared turn and the fork's own");
    // Vectors of the old model are not compared with those of the new.
    world.controls.embedder_down.store(false, Ordering::SeqCst);
    world.settle(&fork).await;
    assert_eq!(world.found(&fork, "alpha", SearchMethod::Dense).await.len(), 2);
    world = world.reopen().await;
    assert_eq!(world.engine.outbox_backlog(), 0, "once is enough");
}

#[tokio::test]
async fn another_index_is_given_everything_without_embedding_it_again() {
    let mut world = World::new().await;
    let root = world.create("root").await;
    world.say(&root, &["alpha", "beta", "gone"]).await;
    let fork = world.fork(&root, 2, "fork").await;
    world.say(&fork, &["gamma"]).await;
    world.drain().await;
    world.engine.forget_turns(&tenant(), &root, &[3]).await.expect("forgotten");
    world.drain().await;
    let indexed = |world: &World| world.controls.indexed.swap(0, Ordering::SeqCst);
    let embedded = |world: &World| world.controls.embedded.load(Ordering::SeqCst);
    let (before, _) = (embedded(&world), indexed(&world));
    for (place, turns) in [("a", 3), ("a", 0), ("b", 3), ("", 0), ("b", 3)] {
        *world.controls.index_place.lock().expect("sound") = place.to_owned();
        world = world.reopen().await;
        world.drain().await;
        assert_eq!((indexed(&world), embedded(&world)), (turns, before), "{place:?}");
    }
}

#[tokio::test]
async fn an_index_that_lost_everything_is_filled_again() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha", "beta"]).await;
    world.drain().await;
    world.controls.indexed.store(0, Ordering::SeqCst);
    for _ in 0..2 {
        world.controls.index_emptied.notify_one();
        within("the index to be told", async {
            while world.controls.indexed.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        world.drain().await;
        assert_eq!(world.controls.indexed.swap(0, Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_rebuild_keeps_nobody_from_appending() {
    let limits = Limits { outbox_turns: 3, ..Limits::default() };
    let mut world = World::with(StoreKind::Sled, limits).await;
    let c = world.create("c").await;
    world.say(&c, &["a", "b", "c"]).await;
    world.drain().await;
    world.model = "other".into();
    world.controls.embedder_down.store(true, Ordering::SeqCst);
    let world = world.reopen().await;
    assert_eq!(world.engine.outbox_backlog(), 3);
    world.say(&c, &["d", "e", "f"]).await;
    let beyond = world.engine.append_turns(&tenant(), &c, vec![named("g", "g")], None).await;
    assert!(matches!(beyond, Err(EngineError::LimitReached { limit: "outbox_turns", .. })));
    world.controls.embedder_down.store(false, Ordering::SeqCst);
    world.settle(&c).await;
}

#[tokio::test]
async fn a_rebuild_derives_every_turn_of_every_tenant() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha", "beta"]).await;
    let other = TenantId::new("a-much-longer-tenant").expect("an id");
    let new = NewConversation { id: Some(id("c")), ..NewConversation::default() };
    world.engine.create_conversation(&other, new).await.expect("created");
    let turns = vec![said(Role::User, "gamma")];
    world.engine.append_turns(&other, &c, turns, None).await.expect("appended");
    world.drain().await;
    let told = Mutex::new(Vec::new());
    let tell = |done, all| told.lock().expect("sound").push((done, all));
    assert_eq!(within("a rebuild", world.engine.rebuild(&tell)).await.expect("rebuilt"), 3);
    assert_eq!(told.lock().expect("sound").last(), Some(&(3, 3)));
    assert_eq!(world.found(&c, "alpha", SearchMethod::Dense).await.len(), 2);
}

#[tokio::test]
async fn a_rebuild_brings_back_all_that_is_derived_of_turns() {
    use throughline_memory::store::keys::Kind;
    const DERIVED: [Kind; 4] = [Kind::Derived, Kind::Events, Kind::Signals, Kind::Vector];
    let world = World::with_signals().await;
    let c = world.create("c").await;
    world.say(&c, &["my budget is 500 dollars", "alpha", "no, my budget is 600 dollars"]).await;
    world.drain().await;
    let before = world.records(&c, &DERIVED);
    for kind in DERIVED {
        assert!(!world.records(&c, &[kind]).is_empty(), "{kind:?}");
    }
    world.lose(&c, &DERIVED).await;
    assert!(world.records(&c, &DERIVED).is_empty());
    let world = world.reopen().await;
    within("a rebuild", world.engine.rebuild(&|_, _| {})).await.expect("rebuilt");
    assert!(world.records(&c, &DERIVED) == before, "the same bytes");
    assert_eq!(world.found(&c, "alpha", SearchMethod::Dense).await.len(), 3);
}

#[tokio::test]
async fn after_closing_writes_are_refused_and_the_rest_is_whole() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha"]).await;
    world.engine.close().await;
    let late = world.engine.append_turns(&tenant(), &c, vec![named("a", "late")], None).await;
    assert!(matches!(late, Err(EngineError::Store(_) | EngineError::Closed)), "{late:?}");
    let world = world.reopen().await;
    assert_eq!(world.texts(&c).await, ["alpha"]);
}

#[tokio::test]
async fn a_failed_commit_acknowledges_nothing() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha"]).await;
    world.drain().await;
    let before = world.engine.get_conversation(&tenant(), &c).await.expect("there");
    world.fail_after(0);
    let lost = world.engine.append_turns(&tenant(), &c, vec![named("a", "beta")], None).await;
    assert!(matches!(lost, Err(EngineError::Store(_))), "{lost:?}");
    assert_eq!(world.engine.get_conversation(&tenant(), &c).await.expect("there"), before);
    assert_eq!(world.texts(&c).await, ["alpha"]);
    let world = within("a restart", world.crash_and_open()).await;
    let turns = vec![named("a", "beta")];
    let again = world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    assert_eq!((again.last_sequence, again.turns[0].repeated), (2, false));
}
