//! Searching: what is found when, filters and pages, across conversations, and
//! without an index or an embedder.

use std::sync::{Arc, atomic::Ordering};

use crate::fixture::*;
use throughline_memory::{engine::*, store::StoreKind, turn::*};

#[tokio::test]
async fn turns_are_found_by_words_before_and_by_meaning_after_they_are_embedded() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha one", "beta two"]).await;
    world.settle(&c).await;
    world.found(&c, "alpha", SearchMethod::Bm25).await;
    world.controls.embedder_down.store(true, Ordering::SeqCst);
    world.say(&c, &["gamma three"]).await;
    let request = search_in(&c, "gamma", SearchMethod::Bm25);
    let outcome = world.engine.search(&tenant(), request.clone()).await.expect("searched");
    assert_eq!(outcome.hits.first().map(|hit| hit.turn.sequence), Some(3));
    assert!(outcome.shortfalls.contains(&Shortfall::NotIndexed(1)), "{:?}", outcome.shortfalls);
    let embedder = |shortfall: &Shortfall| matches!(shortfall, Shortfall::EmbeddingUnavailable(_));
    assert!(outcome.shortfalls.iter().any(embedder));
    let found = world.engine.get_conversation(&tenant(), &c).await.expect("there");
    assert_eq!((found.last_sequence, found.indexed_sequence), (3, 2));
    world.controls.embedder_down.store(false, Ordering::SeqCst);
    world.settle(&c).await;
    let outcome = world.engine.search(&tenant(), request).await.expect("searched");
    assert!(outcome.shortfalls.is_empty(), "{:?}", outcome.shortfalls);
    let found = world.found(&c, "gamma three", SearchMethod::Dense).await;
    assert_eq!((found.len(), found.first()), (3, Some(&3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn searching_while_turns_are_embedded_never_costs_a_vector() {
    let world = Arc::new(World::new().await);
    let c = world.create("c").await;
    world.say(&c, &["word"]).await;
    let searching = {
        let (world, c) = (Arc::clone(&world), c.clone());
        tokio::spawn(async move {
            for _ in 0..150 {
                world.found(&c, "word", SearchMethod::Hybrid).await;
            }
        })
    };
    for turn in 0..60 {
        world.say(&c, &[&format!("word {turn}")]).await;
    }
    searching.await.expect("searched");
    world.settle(&c).await;
    assert_eq!(world.found(&c, "word", SearchMethod::Dense).await.len(), 61);
}

#[tokio::test]
async fn a_rebuild_under_way_hides_no_vector() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["one", "two", "three"]).await;
    world.settle(&c).await;
    assert_eq!(world.found(&c, "one", SearchMethod::Dense).await.len(), 3);
    world.controls.index_down.store(true, Ordering::SeqCst);
    let rebuild = {
        let engine = Arc::clone(&world.engine);
        tokio::spawn(async move { engine.rebuild(&|_, _| {}).await })
    };
    within("the rebuild to begin", async {
        while world.engine.outbox_backlog() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let found = world.engine.get_conversation(&tenant(), &c).await.expect("there");
    assert_eq!(found.indexed_sequence, 0);
    world.controls.index_down.store(false, Ordering::SeqCst);
    assert_eq!(world.found(&c, "one", SearchMethod::Dense).await.len(), 3);
    assert_eq!(rebuild.await.expect("no panic").expect("rebuilt"), 3);
    assert_eq!(world.found(&c, "one", SearchMethod::Dense).await.len(), 3);
}

#[tokio::test]
async fn min_revision_waits_for_exactly_that() {
    let world = World::new().await;
    let c = world.create("c").await;
    let revision = world.say(&c, &["alpha"]).await.revision;
    let request =
        SearchRequest { min_revision: revision, ..search_in(&c, "alpha", SearchMethod::Dense) };
    let found = within("a revision", world.engine.search(&tenant(), request.clone())).await;
    assert_eq!(found.expect("searched").hits.len(), 1);
    let later = SearchRequest { min_revision: revision + 1, ..request };
    let tenant_id = tenant();
    let waiting = world.engine.search(&tenant_id, later);
    tokio::pin!(waiting);
    let ready = futures::future::select(&mut waiting, std::future::ready(())).await;
    assert!(matches!(ready, futures::future::Either::Right(_)), "nothing to find yet");
    world.say(&c, &["beta"]).await;
    let outcome = within("the next revision", waiting).await.expect("searched");
    assert_eq!((outcome.revision, outcome.hits.len()), (revision + 1, 2));
    // A deletion ends every wait, also of what forks keep alive.
    let fork = world.fork(&c, 1, "fork").await;
    let waits = [c, fork].map(|of| {
        let engine = Arc::clone(&world.engine);
        tokio::spawn(async move {
            let waited = engine.wait_revision(&tenant(), &of, 1_000).await;
            assert!(matches!(waited, Err(EngineError::NotFound { .. })), "{waited:?}");
        })
    });
    tokio::task::yield_now().await;
    for name in ["c", "fork"] {
        world.engine.delete_conversation(&tenant(), &id(name)).await.expect("deleted");
    }
    within("waits to end", futures::future::try_join_all(waits)).await.expect("not found");
}

#[tokio::test]
async fn filters_and_pages() {
    let world = World::new().await;
    let c = world.create("c").await;
    let turns = (0..10).map(|turn| NewTurn {
        speaker: if turn % 2 == 0 { "ann" } else { "bob" }.to_owned(),
        said_at: Some(jiff::Timestamp::from_second(1_000 + turn).expect("a time")),
        ..said(if turn % 5 == 0 { Role::Assistant } else { Role::User }, "same words")
    });
    world.engine.append_turns(&tenant(), &c, turns.collect(), None).await.expect("appended");
    world.settle(&c).await;
    let at = |second| Some(jiff::Timestamp::from_second(second).expect("a time"));
    let all = TurnFilter::default;
    for (filter, expected) in [
        (all(), vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (TurnFilter { roles: vec![Role::Assistant], ..all() }, vec![1, 6]),
        (TurnFilter { speaker: "bob".into(), ..all() }, vec![2, 4, 6, 8, 10]),
        (TurnFilter { from_time: at(1_007), until_time: at(1_009), ..all() }, vec![8, 9]),
        (TurnFilter { from_sequence: 3, until_sequence: 4, ..all() }, vec![3, 4]),
        (TurnFilter { speaker: "nobody".into(), ..all() }, vec![]),
    ] {
        let mut seen = Vec::new();
        for offset in (0..).step_by(2) {
            let request = SearchRequest {
                filter: filter.clone(),
                offset,
                limit: 2,
                ..search_in(&c, "same words", SearchMethod::Bm25)
            };
            let page = world.engine.search(&tenant(), request).await.expect("searched");
            seen.extend(page.hits.iter().map(|hit| hit.turn.sequence));
            if !page.more {
                break;
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, expected, "{filter:?}");
    }
    let bare = SearchRequest { omit_parts: true, ..search_in(&c, "words", SearchMethod::Bm25) };
    let bare = world.engine.search(&tenant(), bare).await.expect("searched");
    assert!(bare.hits.iter().all(|hit| hit.turn.parts.is_empty()));
    let empty = world.engine.search(&tenant(), search_in(&c, " ", SearchMethod::Bm25)).await;
    assert!(matches!(empty, Err(EngineError::Invalid(_))));
}

#[tokio::test]
async fn a_users_search_shows_each_turn_once() {
    let world = World::new().await;
    let a = world.create_for("a", "ann").await;
    world.say(&a, &["apple one", "apple two"]).await;
    let fork = world.fork(&a, 1, "fork").await;
    world.say(&fork, &["apple fork"]).await;
    let b = world.create_for("b", "ann").await;
    world.say(&b, &["apple other"]).await;
    let stranger = world.create_for("s", "bob").await;
    world.say(&stranger, &["apple stranger"]).await;
    world.drain().await;
    let request = SearchRequest {
        scope: SearchScope::User("ann".into()),
        ..search_in(&a, "apple", SearchMethod::Hybrid)
    };
    let outcome = world.engine.search(&tenant(), request).await.expect("searched");
    let mut texts: Vec<_> = outcome.hits.iter().map(|hit| hit.turn.searchable_text()).collect();
    texts.sort();
    assert_eq!(texts, ["apple fork", "apple one", "apple other", "apple two"]);
}

#[tokio::test]
async fn an_index_that_is_down_is_named() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha"]).await;
    world.settle(&c).await;
    world.controls.index_down.store(true, Ordering::SeqCst);
    let outcome =
        world.engine.search(&tenant(), search_in(&c, "alpha", SearchMethod::Hybrid)).await;
    let outcome = outcome.expect("an answer all the same");
    assert!(outcome.hits.is_empty());
    assert!(matches!(outcome.shortfalls[..], [Shortfall::IndexUnavailable(_)]));
    world.controls.index_down.store(false, Ordering::SeqCst);
    assert_eq!(world.found(&c, "alpha", SearchMethod::Hybrid).await, [1]);
}

#[tokio::test]
async fn an_index_that_refuses_fails_no_read() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha"]).await;
    world.settle(&c).await;
    world.controls.index_refuses.store(true, Ordering::SeqCst);
    // One turn that waits, so that the index is given its words too.
    world.say(&c, &["beta"]).await;
    let search = search_in(&c, "alpha", SearchMethod::Hybrid);
    let outcome = world.engine.search(&tenant(), search).await.expect("an answer all the same");
    let down = |shortfall: &Shortfall| match shortfall {
        Shortfall::IndexUnavailable(cause) => !cause.contains("secret"),
        _ => false,
    };
    assert!(outcome.shortfalls.iter().any(down), "{:?}", outcome.shortfalls);
    let window = world.window(&c, "alpha").await;
    assert!(window.shortfalls.iter().any(down), "{:?}", window.shortfalls);
    assert!(words(&window).contains("alpha"), "recent turns stand all the same");
    world.controls.index_refuses.store(false, Ordering::SeqCst);
    world.settle(&c).await;
    assert_eq!(world.found(&c, "alpha", SearchMethod::Hybrid).await.len(), 2);
}

#[tokio::test]
async fn a_full_outbox_refuses_and_recovers() {
    let limits = Limits { outbox_turns: 3, ..Limits::default() };
    let world = World::with(StoreKind::Sled, limits).await;
    let c = world.create("c").await;
    world.controls.embedder_down.store(true, Ordering::SeqCst);
    world.say(&c, &["a", "b", "c"]).await;
    let turn = || vec![named("d", "d")];
    let refused = world.engine.append_turns(&tenant(), &c, turn(), None).await;
    assert!(matches!(
        refused,
        Err(EngineError::LimitReached { limit: "outbox_turns", retry: true, .. })
    ));
    world.controls.embedder_down.store(false, Ordering::SeqCst);
    world.drain().await;
    world.engine.append_turns(&tenant(), &c, turn(), None).await.expect("appended");
    assert_eq!(world.texts(&c).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_text_that_cannot_be_embedded_holds_up_nobody_else() {
    let world = World::new().await;
    let bad = world.create("bad").await;
    world.say(&bad, &["bitter poison"]).await;
    let good = world.create("good").await;
    world.say(&good, &["wholesome"]).await;
    world.settle(&good).await;
    assert_eq!(world.found(&good, "wholesome", SearchMethod::Dense).await, [1]);
    assert_eq!(world.found(&bad, "bitter", SearchMethod::Bm25).await, [1], "by its words");
    // Erasing it mends it.
    world.engine.forget_turns(&tenant(), &bad, &[1]).await.expect("forgotten");
    world.drain().await;
}

#[tokio::test]
async fn nothing_is_lifted_over_what_the_caller_said_that_it_does_not_replace() {
    let world = World::new().await;
    let talk = world.create("talk").await;
    world.say(&talk, &["My monthly grocery budget is $500."]).await;
    let answer = vec![said(Role::Assistant, "Noted.")];
    world.engine.append_turns(&tenant(), &talk, answer, None).await.unwrap();
    let new = "Plan my meals: the monthly grocery budget was now increased to $550. [replaces 1]";
    world.say(&talk, &["Which store is open on Sundays?", new]).await;
    world.settle(&talk).await;
    let order = async |ignore_staleness| {
        let query = "What is my monthly grocery budget?";
        let request = search_in(&talk, query, SearchMethod::Hybrid);
        let request = SearchRequest { ignore_staleness, ..request };
        let found = world.engine.search(&tenant(), request).await.unwrap();
        let found = found.hits.iter().map(|hit| hit.turn.sequence);
        found.filter(|at| [1, 4].contains(at)).collect::<Vec<_>>()
    };
    assert_eq!((order(true).await, order(false).await), (vec![1, 4], vec![4, 1]));
    world.engine.reject_edge(&tenant(), &talk, (1, 4), None).await.unwrap();
    assert_eq!(order(false).await, [1, 4], "neither by the edge nor by the question");
}
