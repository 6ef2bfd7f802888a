//! Appending: exactly once, in order, whole or not at all; and reading back.

use std::sync::Arc;

use crate::fixture::*;
use throughline_memory::{engine::*, store::StoreKind, turn::*};

async fn append(
    world: &World,
    to: &ConversationId,
    turns: Vec<NewTurn>,
) -> Result<Vec<(Sequence, bool)>, EngineError> {
    let appended = world.engine.append_turns(&tenant(), to, turns, None).await?;
    Ok(appended.turns.iter().map(|turn| (turn.sequence, turn.repeated)).collect())
}

#[tokio::test]
async fn a_client_turn_id_is_taken_once() {
    for kind in StoreKind::ALL {
        let world = World::with(kind, Limits::default()).await;
        let c = world.create("c").await;
        for (turns, expected) in [
            (vec![("a", "one")], vec![(1, false)]),
            (vec![("a", "one")], vec![(1, true)]),
            // Inside one call.
            (vec![("b", "two"), ("b", "two")], vec![(2, false), (2, true)]),
            // Repeats beside new ones.
            (
                vec![("a", "one"), ("d", "one"), ("b", "two")],
                vec![(1, true), (3, false), (2, true)],
            ),
        ] {
            let turns = turns.into_iter().map(|(name, text)| named(name, text)).collect();
            assert_eq!(append(&world, &c, turns).await.expect("appended"), expected, "{kind}");
        }
        assert_eq!(world.texts(&c).await, ["one", "two", "one"]);
    }
}

#[tokio::test]
async fn other_content_under_a_known_id_takes_nothing() {
    let world = World::new().await;
    let c = world.create("c").await;
    append(&world, &c, vec![named("a", "one")]).await.expect("appended");
    let with_metadata = NewTurn { metadata: vec![1], ..named("a", "one") };
    for turns in [
        vec![named("new", "x"), named("a", "other")],
        vec![named("new", "x"), named("new", "y")],
        vec![with_metadata],
    ] {
        let outcome = append(&world, &c, turns).await;
        assert!(matches!(outcome, Err(EngineError::AlreadyExists { .. })), "{outcome:?}");
    }
    assert_eq!(world.texts(&c).await, ["one"]);
    world.engine.forget_turns(&tenant(), &c, &[1]).await.expect("forgotten");
    let again = append(&world, &c, vec![named("a", "one")]).await;
    assert!(matches!(again, Err(EngineError::AlreadyExists { .. })), "forgotten: {again:?}");
}

#[tokio::test]
async fn an_expected_sequence_guards_new_turns_alone() {
    let world = World::new().await;
    let c = world.create("c").await;
    for (name, expected, fits) in
        [("a", 1, false), ("a", 0, true), ("b", 0, false), ("b", 1, true), ("a", 7, true)]
    {
        let turns = vec![named(name, name)];
        let outcome = world.engine.append_turns(&tenant(), &c, turns, Some(expected)).await;
        match outcome {
            Ok(_) => assert!(fits, "{name} {expected}"),
            Err(EngineError::SequenceMismatch { .. }) => assert!(!fits, "{name} {expected}"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(world.texts(&c).await, ["a", "b"]);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_a_whole_append() {
    let world = World::new().await;
    let c = world.create("c").await;
    let tenant = tenant();
    for round in 0..20 {
        let turns = vec![named(&format!("x{round}"), "x"), named(&format!("y{round}"), "y")];
        let calling = world.engine.append_turns(&tenant, &c, turns.clone(), None);
        // Polled once, then dropped.
        drop(futures::future::select(Box::pin(calling), std::future::ready(())).await);
        world.engine.append_turns(&tenant, &c, turns, None).await.expect("appended");
    }
    assert_eq!(world.texts(&c).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_once_lose_and_double_nothing() {
    let world = Arc::new(World::new().await);
    let c = world.create("c").await;
    let writers = (0..8).map(|writer| {
        let (world, c) = (Arc::clone(&world), c.clone());
        tokio::spawn(async move {
            for turn in 0..25 {
                // Half of the turns are sent by two writers.
                let name = format!("{}-{turn}", if turn % 2 == 0 { writer / 2 } else { writer });
                let turns = vec![named(&name, &name)];
                world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
            }
        })
    });
    within("writers", futures::future::try_join_all(writers)).await.expect("no panic");
    let mut texts = world.texts(&c).await;
    assert_eq!(texts.len(), 8 * 12 + 4 * 13);
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 8 * 12 + 4 * 13);
}

#[tokio::test]
async fn pages_meet_both_ways() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["1", "2", "3", "4", "5", "6", "7"]).await;
    let f = world.fork(&c, 4, "f").await;
    world.say(&f, &["5f", "6f"]).await;
    for (of, last) in [(&c, 7), (&f, 6)] {
        for descending in [false, true] {
            for (limit, max_bytes) in
                [(1, 1 << 20), (2, 1 << 20), (3, 1 << 20), (100, 1), (100, 600), (6, 1 << 20)]
            {
                let mut seen = Vec::new();
                let mut from = 0;
                loop {
                    let which = ListTurns { from, descending, limit, max_bytes };
                    let page = world.engine.list_turns(&tenant(), of, which).await.expect("listed");
                    assert!(!page.turns.is_empty() && page.turns.len() <= limit);
                    seen.extend(page.turns.iter().map(|turn| turn.sequence));
                    let Some(next) = page.next else { break };
                    from = next;
                }
                let mut expected: Vec<Sequence> = (1..=last).collect();
                if descending {
                    expected.reverse();
                }
                assert_eq!(seen, expected, "{of} {descending} {limit} {max_bytes}");
            }
        }
        let beyond = ListTurns { from: 99, descending: false, limit: 5, max_bytes: 9 };
        assert!(
            world.engine.list_turns(&tenant(), of, beyond).await.expect("listed").turns.is_empty()
        );
    }
}

#[tokio::test]
async fn limits_name_themselves() {
    let limits = Limits {
        turns_per_conversation: 3,
        turns_per_append: 2,
        turn_bytes: 10,
        ..Limits::default()
    };
    let world = World::with(StoreKind::Sled, limits).await;
    let c = world.create("c").await;
    for (turns, limit) in [
        (vec!["a", "b", "c"], "turns_per_append"),
        (vec!["12345678901"], "turn_bytes"),
        (vec![], "at least one turn"),
    ] {
        let turns = turns.into_iter().map(|text| said(Role::User, text)).collect();
        let refused = append(&world, &c, turns).await.expect_err("over a limit").to_string();
        assert!(refused.contains(limit), "{refused}");
    }
    world.say(&c, &["a", "b"]).await;
    let full = append(&world, &c, vec![said(Role::User, "c"), said(Role::User, "d")]).await;
    assert!(matches!(
        full,
        Err(EngineError::LimitReached { limit: "turns_per_conversation", retry: false, .. })
    ));
    world.say(&c, &["c"]).await;
}

#[tokio::test]
async fn what_is_absent_or_another_tenants_is_the_same() {
    let world = World::new().await;
    let c = world.create("c").await;
    let other = TenantId::new("other").expect("an id");
    let absent =
        world.engine.get_conversation(&tenant(), &id("nothing")).await.expect_err("absent");
    let foreign = world.engine.get_conversation(&other, &c).await.expect_err("foreign");
    assert_eq!(absent.to_string().replace("nothing", "c"), foreign.to_string());
    let append = world.engine.append_turns(&other, &c, vec![named("a", "x")], None).await;
    assert!(matches!(append, Err(EngineError::NotFound { .. })));
    assert!(world.texts(&c).await.is_empty());
}

#[tokio::test]
async fn a_creation_is_repeatable() {
    let world = World::new().await;
    let new = |name: Option<&str>| NewConversation {
        id: name.map(id),
        request_id: "r".into(),
        ..NewConversation::default()
    };
    let first = world.engine.create_conversation(&tenant(), new(None)).await.expect("created");
    let again = world.engine.create_conversation(&tenant(), new(None)).await.expect("repeated");
    assert_eq!(first, again);
    let other = world.engine.create_conversation(&tenant(), new(Some("other"))).await;
    assert!(matches!(other, Err(EngineError::AlreadyExists { .. })), "{other:?}");
    let titled = |title: &str| NewConversation { title: title.into(), ..new(None) };
    let labelled = NewConversation { labels: [("a".into(), "b".into())].into(), ..new(None) };
    for other in [titled("t"), NewConversation { user_id: "u".into(), ..new(None) }, labelled] {
        let other = world.engine.create_conversation(&tenant(), other).await;
        assert!(matches!(other, Err(EngineError::AlreadyExists { .. })), "{other:?}");
    }
    // What became of it since is no other content.
    let patch = ConversationPatch { title: Some("t".into()), ..ConversationPatch::default() };
    world.engine.update_conversation(&tenant(), &first.id, patch).await.expect("updated");
    let again = world.engine.create_conversation(&tenant(), new(None)).await.expect("repeated");
    assert_eq!((again.id, again.title.as_str()), (first.id.clone(), "t"));
    world.engine.delete_conversation(&tenant(), &first.id).await.expect("deleted");
    let anew = world.engine.create_conversation(&tenant(), new(None)).await.expect("created anew");
    assert_ne!(anew.id, first.id);
}

#[tokio::test]
async fn an_import_keeps_turns_and_refuses_doubles() {
    let world = World::new().await;
    let c = world.create("c").await;
    append(&world, &c, vec![named("a", "one"), named("b", "two")]).await.expect("appended");
    world.engine.forget_turns(&tenant(), &c, &[1]).await.expect("forgotten");
    let which = ListTurns { from: 0, descending: false, limit: 10, max_bytes: 1 << 20 };
    let page = world.engine.list_turns(&tenant(), &c, which.clone()).await.expect("listed");
    let exported: Vec<Turn> = page.turns.iter().map(|turn| Turn::clone(turn)).collect();
    let d = world.create("d").await;
    let import = async |turns| world.engine.import_turns(&tenant(), &d, turns).await;
    let mut doubled = exported.clone();
    doubled[1].client_turn_id = "a".into();
    let mut nameless = exported.clone();
    nameless[0].client_turn_id = String::new();
    for bad in [doubled, nameless, exported[1..].to_vec()] {
        let outcome = import(bad).await;
        assert!(matches!(outcome, Err(EngineError::Invalid(_))), "{outcome:?}");
    }
    // What is forgotten comes in without what it may carry.
    let mut laden = exported.clone();
    laden[0].parts = vec![Part::Text("smuggled".into())];
    import(laden).await.expect("imported");
    let page = world.engine.list_turns(&tenant(), &d, which).await.expect("listed");
    assert_eq!(page.turns.iter().map(|turn| Turn::clone(turn)).collect::<Vec<_>>(), exported);
    let again = import(vec![Turn { sequence: 3, ..exported[1].clone() }]).await;
    assert!(matches!(again, Err(EngineError::Invalid(_))), "a double of a stored turn");
}
