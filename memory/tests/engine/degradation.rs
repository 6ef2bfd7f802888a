//! What is measured of conversations: it survives a restart, goes with what was
//! erased, and is made anew with what is derived.

use crate::fixture::*;
use throughline_memory::{
    degradation::{Outcome, Signal},
    engine::*,
    turn::*,
};

async fn known(world: &World, id: &ConversationId) -> DegradationOutcome {
    let request = DegradationRequest { after: 0, limit: 1_000, min_revision: 0 };
    world.engine.degradation(&tenant(), id, request).await.expect("read")
}

fn outcome(id: &str, sequence: Sequence) -> Outcome {
    Outcome {
        id: id.to_owned(),
        sequence,
        judge_score: Some(0.5),
        thumbs_up: None,
        task_success: None,
        latency: None,
        model: String::new(),
        prompt_version: String::new(),
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

async fn talk(world: &World, id: &ConversationId) {
    let turns = vec![
        said(Role::User, "my tram leaves at nine"),
        said(Role::Assistant, "noted"),
        said(Role::User, "my tram leaves at ten [replaces 1]"),
        said(Role::Assistant, "noted too"),
        said(Role::User, "I told you already."),
    ];
    world.engine.append_turns(&tenant(), id, turns, None).await.expect("appended");
    world.settle(id).await;
}

fn is_present(of: &DegradationOutcome, at: Sequence) -> bool {
    let signals = of.turns[&at].signals.as_ref().expect("measured");
    signals.user_repeats.finding().is_some()
}

#[tokio::test]
async fn records_and_outcomes_survive_a_restart_and_a_rebuild() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    world.window(&c, "").await;
    world.engine.record_outcome(&tenant(), &c, outcome("judge", 2)).await.expect("recorded");
    let before = known(&world, &c).await;
    assert_eq!(before.turns.len(), 5);
    assert!(is_present(&before, 5) && !is_present(&before, 3));
    let stale = before.turns[&5].signals.as_ref().and_then(|signals| signals.stale_share);
    assert!(stale.is_some_and(|share| share > 0.1 && share < 0.5), "{stale:?}");
    assert_eq!(before.turns[&5].windows.len(), 1);
    assert_eq!(before.turns[&2].outcomes.len(), 1);

    let world = world.reopen().await;
    assert_eq!(known(&world, &c).await.turns, before.turns);
    world.engine.rebuild(&|_, _| {}).await.expect("rebuilt");
    assert_eq!(known(&world, &c).await.turns, before.turns);
}

#[tokio::test]
async fn the_next_windows_are_recorded_with_what_was_saved() {
    let world = World::new().await;
    let c = world.create("c").await;
    for n in 0..30 {
        world.say(&c, &[&format!("number {n} is about the tram and the weather of the day")]).await;
    }
    world.settle(&c).await;
    let small = ContextRequest { budget: 200, ..ask("") };
    world.engine.build_context(&tenant(), &c, small.clone()).await.expect("built");
    // The same once more is given again and not built.
    world.engine.build_context(&tenant(), &c, small).await.expect("built");
    let question = ContextRequest { budget: 200, ..ask("tram") };
    world.engine.build_context(&tenant(), &c, question).await.expect("built");
    let known = known(&world, &c).await;
    let windows = &known.turns[&30].windows;
    assert_eq!(windows.iter().map(|window| window.in_chat).collect::<Vec<_>>(), [true, false]);
    let chat = &windows[0];
    assert!(chat.tokens <= 200 && chat.saved_tokens() > 100, "{chat:?}");
    assert_eq!(chat.saved_tokens() + u64::from(chat.tokens), chat.history_tokens);
    assert_eq!(world.engine.record_counts(), RecordCounts { taken: 2, lost: 0 });
}

#[tokio::test]
async fn what_is_erased_takes_its_records_along() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c).await;
    let fork = world.fork(&c, 4, "fork").await;
    world.settle(&fork).await;
    world.engine.record_outcome(&tenant(), &fork, outcome("judge", 2)).await.expect("recorded");
    assert_eq!(known(&world, &fork).await.turns.len(), 4, "a fork shows what it shares");

    world.engine.forget_turns(&tenant(), &c, &[2]).await.expect("forgotten");
    world.settle(&c).await;
    for id in [&c, &fork] {
        assert!(!known(&world, id).await.turns.contains_key(&2), "{id}");
    }
    world.window(&c, "").await;
    for id in [&fork, &c] {
        world.engine.delete_conversation(&tenant(), id).await.expect("deleted");
    }
    world.drain().await;
    // What waits to be recorded meanwhile finds no conversation.
    let today = jiff::civil::date(2023, 11, 14);
    let days = world.engine.usage_by_day(&tenant(), today, today).await.expect("read");
    assert_eq!(days.first().map(|(_, usage)| usage.turns), Some(5));
    assert_eq!(world.keys(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn without_an_answer_nothing_is_measurable() {
    let world = World::new().await;
    let c = world.create("c").await;
    world.say(&c, &["I told you already.", "That's wrong."]).await;
    world.settle(&c).await;
    let known = known(&world, &c).await;
    for turn in known.turns.values() {
        let signals = turn.signals.as_ref().expect("measured");
        let named = signals.named();
        assert!(named.iter().all(|(_, signal)| **signal == Signal::NotMeasurable), "{signals:?}");
    }
}
