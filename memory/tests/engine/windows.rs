//! Context windows of the engine: what stands in them, when one is given again,
//! and what they do without.

use std::sync::{Arc, atomic::Ordering};

use crate::fixture::*;
use throughline_memory::{context::Section, engine::*, turn::*};

fn tool_call(call_id: &str) -> NewTurn {
    let (call_id, name) = (call_id.to_owned(), "lookup".to_owned());
    let parts = vec![Part::ToolCall { call_id, name, arguments_json: "{\"q\":1}".to_owned() }];
    NewTurn { parts, ..said(Role::Assistant, "") }
}

fn tool_result(call_id: &str, content: &str) -> NewTurn {
    let (call_id, content) = (call_id.to_owned(), content.to_owned());
    NewTurn { parts: vec![Part::ToolResult { call_id, content }], ..said(Role::Tool, "") }
}

#[tokio::test]
async fn an_agent_at_work_keeps_what_came_after_the_question() {
    let world = World::new().await;
    let c = world.create("c").await;
    let turns = vec![
        said(Role::User, "hello"),
        said(Role::Assistant, "hi"),
        said(Role::User, "look it up please"),
        tool_call("k"),
        tool_result("k", "the answer is 42"),
    ];
    world.engine.append_turns(&tenant(), &c, turns, None).await.expect("appended");
    let outcome = world.window(&c, "").await;
    let sequences: Vec<_> = outcome.window.items.iter().filter_map(|item| item.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    let last = outcome.window.messages.last().expect("messages");
    assert_eq!(last.role, Role::Tool, "{last:?}");
    assert_eq!(u64::from(outcome.window.total_tokens), outcome.full_history_tokens);
}

#[tokio::test]
async fn a_window_is_given_again_only_when_nothing_changed() {
    let world = World::new().await;
    let c = world.create_for("c", "ann").await;
    world.say(&c, &["one", "two"]).await;
    world.settle(&c).await;
    let same = async |request: &ContextRequest| {
        let build = async || world.engine.build_context(&tenant(), &c, request.clone()).await;
        let (first, second) = (build().await.expect("built"), build().await.expect("built"));
        assert_eq!(first.window, second.window);
        Arc::ptr_eq(&first.window, &second.window)
    };
    let query = ask("two");
    for (request, expected) in [
        (query.clone(), true),
        (ask(""), true),
        // Other conversations may change without this one's revision.
        (ContextRequest { include_user_history: true, ..query.clone() }, false),
    ] {
        assert_eq!(same(&request).await, expected, "{request:?}");
    }
    let first = world.window(&c, "two").await;
    let changes: [&dyn Fn(ContextRequest) -> ContextRequest; 4] = [
        &|request| ContextRequest { query: "one".into(), ..request },
        &|request| ContextRequest { budget: 99_999, ..request },
        &|request| ContextRequest { min_score: 0.5, ..request },
        &|request| ContextRequest { tokenizer: "o200k_base".into(), ..request },
    ];
    for change in changes {
        let other = world.engine.build_context(&tenant(), &c, change(query.clone())).await;
        assert!(!Arc::ptr_eq(&first.window, &other.expect("built").window));
    }
    let first = world.window(&c, "two").await;
    world.engine.pin_fact(&tenant(), &c, pin("pinned words", None)).await.expect("pinned");
    let after = world.window(&c, "two").await;
    assert!(!Arc::ptr_eq(&first.window, &after.window));
    assert!(words(&after).contains("pinned words"));
}

#[tokio::test]
async fn a_window_built_without_index_or_embedder_is_not_given_again() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["alpha"]).await;
    world.settle(&c).await;
    for index in [true, false] {
        let controls = &world.controls;
        let down = if index { &controls.index_down } else { &controls.embedder_down };
        let query = if index { "alpha one" } else { "alpha two" };
        down.store(true, Ordering::SeqCst);
        let outcome = world.window(&c, query).await;
        let named = |shortfall: &Shortfall| match shortfall {
            Shortfall::IndexUnavailable(_) => index,
            Shortfall::EmbeddingUnavailable(_) => !index,
            _ => false,
        };
        assert!(outcome.shortfalls.iter().all(named) && !outcome.shortfalls.is_empty());
        assert!(words(&outcome).contains("alpha"), "recent turns need neither");
        down.store(false, Ordering::SeqCst);
        let after = world.window(&c, query).await;
        assert!(after.shortfalls.is_empty(), "{:?}", after.shortfalls);
    }
}

#[tokio::test]
async fn a_fork_never_sees_a_cached_window_with_what_was_forgotten() {
    let world = World::new().await;
    let root = world.create("root").await;
    world.say(&root, &["hidden words", "other words"]).await;
    let fork = world.fork(&root, 2, "fork").await;
    world.settle(&fork).await;
    for query in ["words", ""] {
        assert!(words(&world.window(&fork, query).await).contains("hidden"));
    }
    world.engine.forget_turns(&tenant(), &root, &[1]).await.expect("forgotten");
    for query in ["words", ""] {
        assert!(!words(&world.window(&fork, query).await).contains("hidden"));
    }
}

#[tokio::test]
async fn user_history_comes_from_the_users_other_conversations() {
    let world = World::new().await;
    let old = world.create_for("old", "ann").await;
    world.say(&old, &["my cat is called Felix"]).await;
    let strange = world.create_for("strange", "bob").await;
    world.say(&strange, &["my cat is called Garfield"]).await;
    let now = world.create_for("now", "ann").await;
    world.say(&now, &["hello"]).await;
    world.drain().await;
    let request = ContextRequest { include_user_history: true, ..ask("what is my cat called") };
    let outcome = world.engine.build_context(&tenant(), &now, request.clone()).await;
    let outcome = outcome.expect("built");
    let text = words(&outcome);
    assert!(text.contains("Felix") && !text.contains("Garfield"), "{text}");
    let item = outcome.window.items.iter().find(|item| item.section == Section::Retrieved);
    let item = item.expect("retrieved");
    assert_eq!((item.conversation.as_ref(), item.sequence), (Some(&old), Some(1)));
    assert!(!item.components.is_empty());
    world.engine.forget_turns(&tenant(), &old, &[1]).await.expect("forgotten");
    let outcome = world.engine.build_context(&tenant(), &now, request).await.expect("built");
    assert!(!words(&outcome).contains("Felix"));
}

#[tokio::test]
async fn prepare_turn_appends_once_and_builds_each_time() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["earlier"]).await;
    let prepare = async |turn: NewTurn, expected, request| {
        world.engine.prepare_turn(&tenant(), &c, turn, expected, request).await
    };
    let turn = || named("q", "the question");
    let (appended, outcome) = prepare(turn(), Some(1), ask("")).await.expect("prepared");
    assert_eq!((appended.sequence, appended.repeated), (2, false));
    assert_eq!(outcome.window.messages.last().map(|m| &*m.content), Some("the question"));
    let (appended, again) = prepare(turn(), Some(1), ask("")).await.expect("repeated");
    assert_eq!((appended.sequence, appended.repeated), (2, true));
    assert_eq!(words(&again), words(&outcome));
    for (turn, request) in [
        (said(Role::Assistant, "x"), ask("")),
        (said(Role::User, "x"), ContextRequest { budget: 0, ..ask("") }),
        (said(Role::User, "x"), ContextRequest { tokenizer: "nope".into(), ..ask("") }),
        (said(Role::User, "x"), ContextRequest { min_score: f32::NAN, ..ask("") }),
    ] {
        let refused = prepare(turn, None, request).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))));
    }
    assert_eq!(world.texts(&c).await, ["earlier", "the question"], "refused before it is stored");
}

#[tokio::test]
async fn a_conversation_without_a_user_turn_needs_a_query() {
    let world = World::new().await;
    let c = world.create("c").await;
    let nothing = world.engine.build_context(&tenant(), &c, ask("")).await;
    assert!(matches!(nothing, Err(EngineError::Invalid(_))));
    world.say(&c, &["hello there"]).await;
    assert!(words(&world.window(&c, "").await).contains("hello there"));
    world.engine.forget_turns(&tenant(), &c, &[1]).await.expect("forgotten");
    let nothing = world.engine.build_context(&tenant(), &c, ask("")).await;
    assert!(matches!(nothing, Err(EngineError::Invalid(_))));
    assert!(words(&world.window(&c, "a question").await).contains("a question"));
}

#[tokio::test]
async fn what_is_known_of_turns_grows_with_them_and_survives_a_restart() {
    let mut world = World::new().await;
    let c = world.create("c").await;
    let mut expected = 3 + 4 + 1;
    for round in 0..6 {
        for _ in 0..30 {
            world.say(&c, &["word"]).await;
            expected += 4 + 1;
        }
        for tokenizer in ["cl100k_base", "o200k_base"] {
            let request = ContextRequest { tokenizer: tokenizer.into(), ..ask("word") };
            let outcome = world.engine.build_context(&tenant(), &c, request).await;
            assert_eq!(outcome.expect("built").full_history_tokens, expected, "{tokenizer}");
        }
        if round % 2 == 1 {
            world.engine.forget_turns(&tenant(), &c, &[round * 20]).await.expect("forgotten");
            expected -= 4 + 1;
        }
        if round % 3 == 2 {
            world = world.reopen().await;
        }
        assert_eq!(world.window(&c, "word").await.full_history_tokens, expected, "{round}");
    }
}
