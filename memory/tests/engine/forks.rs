//! Branches: shared prefixes, chains of forks, who sees what, and what is left
//! when one of them goes.

use std::sync::Arc;

use crate::fixture::*;
use throughline_memory::{engine::*, store::StoreKind, turn::*};

/// `root` with r1 to r5; `child` from 3 with c4, c5; `grandchild` from 4 with g5;
/// `early` from 2 of the grandchild; `empty` from 0.
async fn family(kind: StoreKind) -> World {
    let world = World::with(kind, Limits::default()).await;
    let root = world.create_for("root", "ann").await;
    let named_turns = (1..=5).map(|n| named(&format!("n{n}"), &format!("r{n}"))).collect();
    world.engine.append_turns(&tenant(), &root, named_turns, None).await.expect("appended");
    let child = world.fork(&root, 3, "child").await;
    world.say(&child, &["c4", "c5"]).await;
    let grandchild = world.fork(&child, 4, "grandchild").await;
    world.say(&grandchild, &["g5"]).await;
    let early = world.fork(&grandchild, 2, "early").await;
    world.say(&early, &["e3"]).await;
    let empty = world.fork(&grandchild, 0, "empty").await;
    world.say(&empty, &["z1"]).await;
    world
}

const BRANCHES: [(&str, &[&str]); 5] = [
    ("root", &["r1", "r2", "r3", "r4", "r5"]),
    ("child", &["r1", "r2", "r3", "c4", "c5"]),
    ("grandchild", &["r1", "r2", "r3", "c4", "g5"]),
    ("early", &["r1", "r2", "e3"]),
    ("empty", &["z1"]),
];

async fn check(world: &World, gone: &[&str]) {
    for (name, texts) in BRANCHES.into_iter().filter(|(name, _)| !gone.contains(name)) {
        assert_eq!(world.texts(&id(name)).await, texts, "{name} without {gone:?}");
        world.settle(&id(name)).await;
        let everything = "r1 r2 r3 r4 r5 c4 c5 g5 e3 z1";
        let mut found = world.found(&id(name), everything, SearchMethod::Bm25).await;
        found.sort_unstable();
        assert_eq!(found, (1..=texts.len() as u64).collect::<Vec<_>>(), "{name}: {gone:?}");
        for include_user_history in [false, true] {
            let request = ContextRequest { include_user_history, ..ask("what now") };
            let window = world.engine.build_context(&tenant(), &id(name), request).await;
            let window = words(&window.expect("built"));
            for text in BRANCHES.iter().flat_map(|(_, texts)| *texts) {
                assert_eq!(window.contains(text), texts.contains(text), "{name} {text}: {window}");
            }
        }
    }
    for name in gone {
        let outcome = world.engine.get_conversation(&tenant(), &id(name)).await;
        assert!(matches!(outcome, Err(EngineError::NotFound { .. })), "{name}");
    }
}

#[tokio::test]
async fn every_branch_shows_its_own_turns() {
    for kind in StoreKind::ALL {
        let world = family(kind).await;
        check(&world, &[]).await;
        check(&world.reopen().await, &[]).await;
    }
}

#[tokio::test]
async fn whatever_goes_first_the_others_stay_and_the_last_takes_all() {
    for order in [
        ["root", "child", "grandchild", "early", "empty"],
        ["early", "grandchild", "empty", "child", "root"],
        ["child", "root", "empty", "early", "grandchild"],
        ["grandchild", "root", "early", "child", "empty"],
    ] {
        let mut world = family(StoreKind::Sled).await;
        for count in 1..=order.len() {
            let doomed = id(order[count - 1]);
            let deleted = world.engine.delete_conversation(&tenant(), &doomed).await;
            let deleted = deleted.expect("deleted");
            assert!(deleted.turns_removed + deleted.turns_shared > 0, "{doomed} {deleted:?}");
            check(&world, &order[..count]).await;
            if count == 2 {
                world = world.reopen().await;
                check(&world, &order[..count]).await;
            }
        }
        world.drain().await;
        assert_eq!(world.keys(), Vec::<Vec<u8>>::new(), "{order:?}");
        assert_eq!(world.marks(), 0);
    }
}

#[tokio::test]
async fn a_deletion_counts_what_forks_share() {
    let world = family(StoreKind::Sled).await;
    for (name, turns_removed, turns_shared) in
        [("root", 2, 3), ("child", 1, 1), ("early", 1, 0), ("grandchild", 1, 0), ("empty", 1, 0)]
    {
        let deleted = world.engine.delete_conversation(&tenant(), &id(name)).await;
        assert_eq!(deleted.expect("deleted"), Deleted { turns_removed, turns_shared }, "{name}");
    }
}

#[tokio::test]
async fn a_fork_knows_the_client_turn_ids_that_it_shares() {
    let world = family(StoreKind::Sled).await;
    for (on, name, text, expected) in [
        ("grandchild", "n3", "r3", Some((3, true))),
        ("grandchild", "n3", "other", None),
        // Off the branch: a name of its own.
        ("grandchild", "n4", "other", Some((6, false))),
        ("root", "n4", "r4", Some((4, true))),
        ("early", "n3", "own", Some((4, false))),
        ("grandchild", "n4", "other", Some((6, true))),
    ] {
        let turns = vec![named(name, text)];
        let outcome = world.engine.append_turns(&tenant(), &id(on), turns, None).await;
        let turn =
            outcome.ok().map(|appended| (appended.turns[0].sequence, appended.turns[0].repeated));
        assert_eq!(turn, expected, "{on} {name} {text}");
    }
}

#[tokio::test]
async fn a_deleted_id_is_free_unless_forks_live_on_it() {
    let world = family(StoreKind::Sled).await;
    for name in ["root", "empty"] {
        world.engine.delete_conversation(&tenant(), &id(name)).await.expect("deleted");
    }
    let new = |name| NewConversation { id: Some(id(name)), ..NewConversation::default() };
    let taken = world.engine.create_conversation(&tenant(), new("root")).await;
    assert!(matches!(taken, Err(EngineError::AlreadyExists { .. })), "{taken:?}");
    let again = world.create("empty").await;
    world.say(&again, &["fresh"]).await;
    world.settle(&again).await;
    assert_eq!(world.found(&again, "z1 fresh", SearchMethod::Bm25).await, [1]);
    assert!(!words(&world.window(&again, "what").await).contains("z1"));
    // As a fork this time: what is remembered of the id must not show.
    world.engine.delete_conversation(&tenant(), &again).await.expect("deleted");
    let fork = world.fork(&id("child"), 5, "empty").await;
    assert_eq!(world.texts(&fork).await, ["r1", "r2", "r3", "c4", "c5"]);
    assert!(words(&world.window(&fork, "what").await).contains("c5"));
}

#[tokio::test]
async fn forks_are_refused_beyond_their_parent_and_their_depth() {
    let limits = Limits { fork_depth: 3, ..Limits::default() };
    let world = World::with(StoreKind::Sled, limits).await;
    let mut last = world.create("f0").await;
    world.say(&last, &["a", "b"]).await;
    let fork = |of: ConversationId, at, name: &str| {
        let new = NewConversation { id: Some(id(name)), ..NewConversation::default() };
        let engine = Arc::clone(&world.engine);
        async move { engine.fork_conversation(&tenant(), &of, at, new).await }
    };
    let beyond = fork(last.clone(), 3, "x").await;
    assert!(matches!(beyond, Err(EngineError::Invalid(_))));
    let itself = fork(last.clone(), 1, "f0").await;
    assert!(matches!(itself, Err(EngineError::AlreadyExists { .. })));
    for depth in 1..=3 {
        let at = 1 + depth;
        last = fork(last, at, &format!("f{depth}")).await.expect("forked").id;
        world.say(&last, &["own"]).await;
    }
    let deep = fork(last, 5, "x").await;
    assert!(matches!(deep, Err(EngineError::LimitReached { limit: "fork_depth", .. })), "{deep:?}");
}

#[tokio::test]
async fn lists_follow_the_user_through_forks_updates_and_deletions() {
    let world = family(StoreKind::Sled).await;
    let listed = async |user: Option<&str>| {
        let mut names: Vec<String> = Vec::new();
        let mut before = None;
        loop {
            let (page, more) = world
                .engine
                .list_conversations(&tenant(), user, before.as_ref(), 2)
                .await
                .expect("listed");
            names.extend(page.iter().map(|one| one.id.to_string()));
            before = page.last().map(|one| one.id.clone());
            if !more {
                return names;
            }
        }
    };
    // Ids of other lengths than drawn ones sort by length first.
    assert_eq!(listed(None).await, ["grandchild", "empty", "early", "child", "root"]);
    assert_eq!(listed(Some("ann")).await, listed(None).await);
    let patch = |user: &str| ConversationPatch {
        user_id: Some(user.to_owned()),
        ..ConversationPatch::default()
    };
    for (name, user) in [("child", "bob"), ("early", ""), ("root", "an"), ("root", "ann")] {
        world.engine.update_conversation(&tenant(), &id(name), patch(user)).await.expect("updated");
    }
    world.engine.delete_conversation(&tenant(), &id("grandchild")).await.expect("deleted");
    assert_eq!(listed(Some("ann")).await, ["empty", "root"]);
    assert_eq!(listed(Some("bob")).await, ["child"]);
    assert!(listed(Some("an")).await.is_empty());
    assert_eq!(listed(None).await, ["empty", "early", "child", "root"]);
    let stale = ConversationPatch { expected_revision: Some(1), ..patch("x") };
    let stale = world.engine.update_conversation(&tenant(), &id("root"), stale).await;
    assert!(matches!(stale, Err(EngineError::RevisionMismatch { expected: 1, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forks_creations_and_deletions_at_once_end() {
    let world = Arc::new(World::new().await);
    let names = ["a", "b", "d"];
    let workers = (0..8_usize).map(|worker| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            for step in 0..40_usize {
                let name = |offset: usize| id(names[(worker + step * 7 + offset) % names.len()]);
                let new = NewConversation {
                    id: Some(name(0)),
                    request_id: format!("r{}", step % 3),
                    ..NewConversation::default()
                };
                let engine = &world.engine;
                // Any of them may be refused; none may hang or half-happen.
                let _ = match (worker + step) % 4 {
                    0 => engine.create_conversation(&tenant(), new).await.map(drop),
                    1 => engine.fork_conversation(&tenant(), &name(1), 0, new).await.map(drop),
                    2 => engine
                        .append_turns(&tenant(), &name(0), vec![said(Role::User, "x")], None)
                        .await
                        .map(drop),
                    _ => engine.delete_conversation(&tenant(), &name(2)).await.map(drop),
                };
            }
        })
    });
    within("all to end", futures::future::try_join_all(workers)).await.expect("no panic");
    for name in names {
        if let Ok(found) = world.engine.get_conversation(&tenant(), &id(name)).await {
            assert_eq!(world.texts(&id(name)).await.len() as u64, found.last_sequence);
            world.engine.delete_conversation(&tenant(), &id(name)).await.expect("deleted");
        }
    }
    world.drain().await;
    assert_eq!(world.keys(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn a_fork_has_what_the_caller_had_pinned_by_then() {
    let world = World::new().await;
    let root = world.create("root").await;
    let pinned = async |of: &ConversationId, new: NewFact| {
        world.engine.pin_fact(&tenant(), of, new).await.expect("pinned").0.fact.id
    };
    let texts = async |of: &ConversationId| -> Vec<String> {
        let listed = world.engine.list_facts(&tenant(), of, None, 100, false).await;
        let (facts, _, _) = listed.expect("listed");
        facts.into_iter().map(|pinned| pinned.fact.text).collect()
    };
    world.say(&root, &["hello", "I am allergic to nuts"]).await;
    let allergy = NewFact {
        required: true,
        request_id: "allergy".into(),
        ..pin("Allergic to nuts", Some(2))
    };
    let allergy = pinned(&root, allergy).await;
    pinned(&root, about("hotel", "Hilton")).await;
    world.say(&root, &["something else"]).await;
    pinned(&root, about("hotel", "Marriott")).await;
    pinned(&root, pin("Known late", Some(1))).await;

    let fork = world.fork(&root, 2, "fork").await;
    assert_eq!(texts(&fork).await, ["Allergic to nuts", "The hotel is Hilton"]);
    world.say(&fork, &["what may I eat?"]).await;
    world.settle(&fork).await;
    let window = words(&world.window(&fork, "what may I eat?").await);
    assert!(window.contains("Allergic to nuts"), "{window}");
    let far = world.fork(&fork, 3, "far").await;
    assert_eq!(texts(&far).await, texts(&fork).await);
    assert!(texts(&world.fork(&root, 1, "early").await).await.is_empty());
    let all = world.fork(&root, 3, "all").await;
    assert_eq!(texts(&all).await, ["Allergic to nuts", "The hotel is Marriott", "Known late"]);

    // What becomes of one becomes of no other.
    world.engine.unpin_fact(&tenant(), &far, &allergy).await.expect("unpinned");
    assert_eq!(texts(&far).await, ["The hotel is Hilton"]);
    pinned(&fork, about("hotel", "Ritz")).await;
    assert_eq!(texts(&fork).await, ["Allergic to nuts", "The hotel is Ritz"]);
    assert_eq!(texts(&root).await, ["Allergic to nuts", "The hotel is Marriott", "Known late"]);

    // A turn that they share takes its pin with it everywhere.
    world.drain().await;
    let done = world.engine.forget_turns(&tenant(), &fork, &[2]).await.expect("forgotten");
    assert_eq!(done.facts_removed, 3);
    assert_eq!(texts(&fork).await, ["The hotel is Ritz"]);
    assert_eq!(texts(&all).await, ["The hotel is Marriott", "Known late"]);
    world.drain().await;
    assert_eq!(world.holding("llergic"), 0);
    let window = words(&world.window(&all, "what may I eat?").await);
    assert!(!window.contains("llergic"), "{window}");
}
