//! Forgetting and deleting: nothing of it is left, anywhere, whoever hangs up
//! and whenever the store fails.

use std::sync::{Arc, atomic::Ordering};

use crate::fixture::*;
use throughline_memory::{engine::*, turn::*};

const SECRET: &str = "xyzzysecret";

async fn forget(world: &World, of: &ConversationId, sequences: &[Sequence]) -> Forgotten {
    world.engine.forget_turns(&tenant(), of, sequences).await.expect("forgotten")
}

async fn facts(world: &World, of: &ConversationId) -> Vec<String> {
    let (facts, _, _) =
        world.engine.list_facts(&tenant(), of, None, 100, true).await.expect("listed");
    facts.into_iter().map(|pinned| pinned.fact.text).collect()
}

/// A root with three turns, the second a secret, and a fork at 2 that goes on.
async fn with_secret() -> (World, ConversationId, ConversationId) {
    let world = World::new().await;
    let root = world.create("root").await;
    world.say(&root, &["first", SECRET, "third of root"]).await;
    let fork = world.fork(&root, 2, "fork").await;
    world.say(&fork, &["third of fork"]).await;
    for (of, source, text) in [
        (&root, Some(2), "root pin of xyzzysecret"),
        (&root, Some(1), "root pin of first"),
        (&fork, Some(2), "fork pin of xyzzysecret"),
        (&fork, Some(3), "fork pin of its third"),
        (&fork, None, "fork pin of nobody"),
    ] {
        world.engine.pin_fact(&tenant(), of, pin(text, source)).await.expect("pinned");
    }
    world.settle(&root).await;
    world.settle(&fork).await;
    (world, root, fork)
}

#[tokio::test]
async fn a_shared_turn_is_forgotten_everywhere_through_either() {
    for through in ["root", "fork"] {
        let (world, root, fork) = with_secret().await;
        for of in [&root, &fork] {
            assert!(words(&world.window(of, "what").await).contains(SECRET));
        }
        let done = forget(&world, &id(through), &[2, 2]).await;
        assert_eq!((done.turns_removed, done.facts_removed), (1, 2), "{through}");
        assert_eq!(world.texts(&root).await, ["first", "-", "third of root"]);
        assert_eq!(world.texts(&fork).await, ["first", "-", "third of fork"]);
        assert_eq!(facts(&world, &root).await, ["root pin of first"]);
        assert_eq!(facts(&world, &fork).await, ["fork pin of its third", "fork pin of nobody"]);
        for of in [&root, &fork] {
            assert!(!words(&world.window(of, "what").await).contains(SECRET));
            for method in [SearchMethod::Bm25, SearchMethod::Dense, SearchMethod::Hybrid] {
                assert!(!world.found(of, SECRET, method).await.contains(&2), "{method:?}");
            }
        }
        assert_eq!(world.holding(SECRET), 0);
        assert_eq!(world.marks(), 0);
        let revisions = async || {
            let root = world.engine.get_conversation(&tenant(), &root).await.expect("there");
            let fork = world.engine.get_conversation(&tenant(), &fork).await.expect("there");
            (root.revision, fork.revision)
        };
        // Again: nothing changes.
        let before = revisions().await;
        let again = forget(&world, &id(through), &[2]).await;
        assert_eq!((again.turns_removed, again.facts_removed), (0, 0));
        assert_eq!(revisions().await, before);
    }
}

#[tokio::test]
async fn a_forks_own_turns_and_pins_are_not_its_parents() {
    let (world, root, fork) = with_secret().await;
    let before = world.engine.get_conversation(&tenant(), &fork).await.expect("there");
    forget(&world, &root, &[3]).await;
    assert_eq!(world.texts(&fork).await, ["first", SECRET, "third of fork"]);
    assert_eq!(facts(&world, &fork).await.len(), 3, "the fork's third turn is its own");
    let after = world.engine.get_conversation(&tenant(), &fork).await.expect("there");
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_turn_of_a_deleted_parent_is_forgotten_through_the_fork() {
    let (world, root, fork) = with_secret().await;
    world.engine.delete_conversation(&tenant(), &root).await.expect("deleted");
    assert_eq!(world.texts(&fork).await, ["first", SECRET, "third of fork"]);
    assert_eq!(forget(&world, &fork, &[2]).await.turns_removed, 1);
    assert_eq!(world.holding(SECRET), 0);
    assert_eq!(world.texts(&fork).await, ["first", "-", "third of fork"]);
}

#[tokio::test]
async fn what_never_was_cannot_be_forgotten() {
    let (world, root, _) = with_secret().await;
    for bad in [&[0][..], &[4], &[1, 99]] {
        let outcome = world.engine.forget_turns(&tenant(), &root, bad).await;
        assert!(matches!(outcome, Err(EngineError::Invalid(_))), "{bad:?}");
    }
    assert_eq!(world.texts(&root).await, ["first", SECRET, "third of root"]);
    assert_eq!(forget(&world, &root, &[]).await.turns_removed, 0);
}

#[tokio::test]
async fn forgotten_and_deleted_text_is_embedded_again() {
    let (world, root, fork) = with_secret().await;
    let embedded = || world.controls.embedded.load(Ordering::SeqCst);
    let again = async |expected: usize| {
        let before = embedded();
        let c = ConversationId::generate();
        let c = world.create(c.as_str()).await;
        world.say(&c, &[SECRET]).await;
        world.settle(&c).await;
        assert_eq!(embedded() - before, expected);
        world.engine.delete_conversation(&tenant(), &c).await.expect("deleted");
    };
    forget(&world, &fork, &[2]).await;
    again(1).await;
    again(1).await;
    world.engine.delete_conversation(&tenant(), &root).await.expect("deleted");
}

#[tokio::test]
async fn whoever_hangs_up_the_erasure_goes_on() {
    for deletes in [false, true] {
        let (world, root, fork) = with_secret().await;
        let (engine, of) = (Arc::clone(&world.engine), root.clone());
        let calling = async move {
            if deletes {
                let (_, fork) = (engine.delete_conversation(&tenant(), &of).await, id("fork"));
                drop(engine.forget_turns(&tenant(), &fork, &[2]).await);
            } else {
                drop(engine.forget_turns(&tenant(), &of, &[2]).await);
            }
        };
        drop(futures::future::select(Box::pin(calling), std::future::ready(())).await);
        within("the erasure to end", async {
            let gone = |marks: usize| {
                if deletes {
                    world.holding("root pin") == 0 && marks == 0
                } else {
                    world.holding(SECRET) == 0 && marks == 0
                }
            };
            while !gone(world.marks()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(world.engine.get_conversation(&tenant(), &root).await.is_err(), deletes);
        if !deletes {
            assert!(!facts(&world, &fork).await.iter().any(|text| text.contains(SECRET)));
        }
    }
}

/// Lets the store fail after each number of commits in turn, and looks at what
/// a restart makes of it: all or nothing, and nothing left over.
#[tokio::test]
async fn a_crash_anywhere_leaves_all_or_nothing() {
    let mut crashed = [0, 0];
    for commits in 0..14 {
        for (place, deletes) in [false, true].into_iter().enumerate() {
            let (world, root, fork) = with_secret().await;
            if deletes {
                world.engine.delete_conversation(&tenant(), &root).await.expect("deleted");
            }
            world.drain().await;
            world.fail_after(commits);
            let outcome = if deletes {
                world.engine.delete_conversation(&tenant(), &fork).await.map(drop)
            } else {
                world.engine.forget_turns(&tenant(), &root, &[2]).await.map(drop)
            };
            crashed[place] += usize::from(outcome.is_err());
            let world = within("a restart", world.crash_and_open()).await;
            world.drain().await;
            assert_eq!(world.marks(), 0, "{commits} {deletes}");
            if deletes {
                let there = world.engine.get_conversation(&tenant(), &fork).await.is_ok();
                assert!(!there || outcome.is_err(), "{commits}");
                assert_eq!(there, !world.keys().is_empty(), "{commits}: {outcome:?}");
            } else {
                let texts = world.texts(&fork).await;
                let there = texts[1] == SECRET;
                assert!(!there || outcome.is_err(), "{commits}");
                assert_eq!(world.holding(SECRET) > 0, there, "{commits}: {outcome:?}");
                assert_eq!(facts(&world, &fork).await.len(), if there { 3 } else { 2 });
                world.engine.forget_turns(&tenant(), &root, &[2]).await.expect("at last");
                assert_eq!(world.holding(SECRET), 0, "{commits}");
            }
        }
    }
    assert!(crashed.iter().all(|count| (2..14).contains(count)), "{crashed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn turns_that_are_forgotten_while_they_are_derived_stay_away() {
    let world = Arc::new(World::new().await);
    let c = world.create("c").await;
    for round in 0..30_u64 {
        world.say(&c, &["plain words", &format!("{SECRET} words")]).await;
        let secret = 2 * round + 2;
        let searching = {
            let (world, c) = (Arc::clone(&world), c.clone());
            tokio::spawn(async move { world.found(&c, "words", SearchMethod::Bm25).await })
        };
        forget(&world, &c, &[secret]).await;
        searching.await.expect("searched");
        world.settle(&c).await;
        assert_eq!(world.holding(SECRET), 0, "{round}");
        let window = world.window(&c, "words").await;
        // The secret costs nothing: what is known of it was dropped too.
        let plain = 3 + (round + 1) * 6 + 1 + 4;
        assert_eq!(window.full_history_tokens, plain, "{round}");
        let found = world.found(&c, "words", SearchMethod::Dense).await;
        assert_eq!(found.len() as u64, round + 1, "every plain turn has its vector");
    }
}

#[tokio::test]
async fn a_pin_outlives_neither_its_turn_nor_its_change() {
    let (world, root, _) = with_secret().await;
    let with_request = NewFact { request_id: "r".into(), ..pin("asked once", Some(2)) };
    let (first, _) =
        world.engine.pin_fact(&tenant(), &root, with_request.clone()).await.expect("pinned");
    let (again, _) =
        world.engine.pin_fact(&tenant(), &root, with_request.clone()).await.expect("repeated");
    assert_eq!(first, again);
    let other = NewFact { text: "else".into(), ..with_request.clone() };
    let other = world.engine.pin_fact(&tenant(), &root, other).await;
    assert!(matches!(other, Err(EngineError::AlreadyExists { .. })));
    let patch = FactPatch { text: Some("changed".into()), ..FactPatch::default() };
    world.engine.update_fact(&tenant(), &root, &first.fact.id, patch).await.expect("updated");
    forget(&world, &root, &[2]).await;
    assert_eq!(world.holding("changed"), 0);
    let anew = world.engine.pin_fact(&tenant(), &root, with_request).await;
    assert!(matches!(anew, Err(EngineError::Invalid(_))), "its turn is gone: {anew:?}");
    let removed = world.engine.unpin_fact(&tenant(), &root, &first.fact.id).await;
    assert!(matches!(removed, Err(EngineError::NotFound { kind: "fact", .. })));
}

#[tokio::test]
async fn the_vectors_of_questions_that_leaned_on_a_turn_go_with_it() {
    for (delete, of_fork) in [(false, false), (false, true), (true, false)] {
        let world = World::new().await;
        let root = world.create("root").await;
        world.say(&root, &[SECRET, "and the second one?"]).await;
        let asked = if of_fork {
            let fork = world.fork(&root, 1, "fork").await;
            world.say(&fork, &["and the third one?"]).await;
            fork
        } else {
            root.clone()
        };
        world.drain().await;
        let question = world.window(&asked, "").await.search_query;
        assert!(question.contains(SECRET), "{question}");
        let other = world.create("other").await;
        // Whether the vector of these words is known shows in what is embedded.
        let embedded = async || {
            let before = world.controls.embedded.load(Ordering::SeqCst);
            world.found(&other, &question, SearchMethod::Dense).await;
            world.controls.embedded.load(Ordering::SeqCst) - before
        };
        assert_eq!(embedded().await, 0);
        if delete {
            world.engine.delete_conversation(&tenant(), &root).await.expect("deleted");
        } else {
            forget(&world, &root, &[1]).await;
        }
        assert_eq!(embedded().await, 1, "delete: {delete}, fork: {of_fork}");
    }
}
