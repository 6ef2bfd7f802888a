//! Folding through the engine: what is due is folded, erased with its turns,
//! shared by forks, shown as of a turn, and stands in windows of a chat.

use std::sync::atomic::Ordering;

use crate::fixture::{World, about, within};
use throughline_memory::{
    context::{Item, Section},
    engine::{ContextRequest, EngineError, NewFact, SummaryOutcome, SummaryView},
    facts::Cause,
    store::keys::Kind,
    turn::{ConversationId, Sequence},
};

/// Says so many turns of about ten tokens.
async fn talk(world: &World, id: &ConversationId, numbers: std::ops::RangeInclusive<usize>) {
    let texts: Vec<String> =
        numbers.map(|n| format!("note {n} says that shelf {n} holds jars of honey")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    world.say(id, &texts).await;
    world.settle(id).await;
}

fn rolling(world: &World, id: &ConversationId, as_of: Sequence) -> SummaryOutcome {
    world.engine.summary(&crate::fixture::tenant(), id, SummaryView::Rolling, as_of).unwrap()
}

/// Waits until folding has reached a turn.
async fn folded(world: &World, id: &ConversationId, until: Sequence) -> SummaryOutcome {
    let reached = async {
        loop {
            let outcome = rolling(world, id, 0);
            if outcome.folded_until >= until {
                return outcome;
            }
            tokio::task::yield_now().await;
        }
    };
    within("folding", reached).await
}

#[tokio::test]
async fn what_is_due_is_folded_and_all_of_it_on_demand() {
    let world = World::with_summaries().await;
    let id = world.create("long").await;
    talk(&world, &id, 1..=60).await;
    let outcome = folded(&world, &id, 40).await;
    let ranges: Vec<_> =
        outcome.summaries.iter().map(|s| (s.summary.from, s.summary.until)).collect();
    assert_eq!(ranges[0].0, 1);
    assert!(ranges.windows(2).all(|two| two[0].1 + 1 == two[1].0), "{ranges:?}");
    assert!(outcome.folded_until < 60, "recent turns stand for themselves");
    assert!(outcome.summaries.iter().any(|s| s.summary.level > 0));
    let made = world.engine.summarize(&crate::fixture::tenant(), &id).await.unwrap();
    assert!(made > 0);
    assert_eq!(rolling(&world, &id, 0).folded_until, 60);
    assert_eq!(world.engine.summarize(&crate::fixture::tenant(), &id).await.unwrap(), 0);
    // As of an earlier turn nothing later shows.
    let then = rolling(&world, &id, 20);
    assert!(then.folded_until <= 20 && then.folded_until > 0);
}

#[tokio::test]
async fn every_turn_is_read_once_also_across_a_restart() {
    let world = World::with_summaries().await;
    let id = world.create("long").await;
    talk(&world, &id, 1..=30).await;
    folded(&world, &id, 20).await;
    world.engine.summarize(&crate::fixture::tenant(), &id).await.unwrap();
    let segments = |world: &World| {
        world.engine.summary(&crate::fixture::tenant(), &id, SummaryView::Segments, 0).unwrap()
    };
    let before = segments(&world);
    let world = world.reopen().await;
    let read = world.controls.summarized.load(Ordering::SeqCst);
    assert_eq!(segments(&world).summaries, before.summaries);
    assert_eq!(world.engine.summarize(&crate::fixture::tenant(), &id).await.unwrap(), 0);
    assert_eq!(world.controls.summarized.load(Ordering::SeqCst), read);
}

#[tokio::test]
async fn an_erased_turn_leaves_no_summary_behind() {
    let world = World::with_summaries().await;
    let id = world.create("long").await;
    talk(&world, &id, 1..=20).await;
    world.say(&id, &["zanzibar secret stays nowhere"]).await;
    talk(&world, &id, 22..=60).await;
    folded(&world, &id, 40).await;
    let (tenant, hash) = (crate::fixture::tenant(), [7; 32]);
    let answers = world.generations();
    let erasures = answers.erasures(&tenant, &id).await;
    answers.put(&tenant, &id, &hash, b"said of zanzibar".to_vec(), erasures).await.unwrap();
    let reopened = answers.get(&tenant, &id, &hash).unwrap();
    assert_eq!(reopened.as_deref(), Some(&b"said of zanzibar"[..]));
    assert!(world.holding("zanzibar") > 2, "the turn, its summary, and what was generated");
    let fork = world.fork(&id, 55, "fork").await;
    assert_eq!(rolling(&world, &fork, 0).summaries[0].summary.from, 1, "forks share summaries");
    world.engine.forget_turns(&tenant, &id, &[21]).await.unwrap();
    world.drain().await;
    assert_eq!(world.holding("zanzibar"), 0);
    for of in [&id, &fork] {
        world.engine.summarize(&tenant, of).await.unwrap();
        let outcome = rolling(&world, of, 0);
        assert_eq!(outcome.summaries[0].summary.from, 1);
        assert!(outcome.folded_until >= 55, "folded anew");
    }
    assert_eq!(world.holding("zanzibar"), 0);
}

/// Ranges of what a view shows, which follow each other from the first turn on.
fn ranges(world: &World, id: &ConversationId, view: SummaryView) -> Vec<(Sequence, Sequence)> {
    let shown = world.engine.summary(&crate::fixture::tenant(), id, view, 0).unwrap().summaries;
    let ranges: Vec<_> = shown.iter().map(|s| (s.summary.from, s.summary.until)).collect();
    let follow = ranges.windows(2).all(|two| two[0].1 + 1 == two[1].0);
    assert!(follow && ranges.first().is_none_or(|first| first.0 == 1), "{ranges:?}");
    ranges
}

#[tokio::test]
async fn what_a_fork_and_its_parent_fold_apart_stands_once() {
    let world = World::with_summaries().await;
    let tenant = crate::fixture::tenant();
    let id = world.create("long").await;
    // Too little to be folded unasked.
    talk(&world, &id, 1..=4).await;
    let fork = world.fork(&id, 4, "fork").await;
    world.engine.summarize(&tenant, &fork).await.unwrap();
    let views = [SummaryView::Rolling, SummaryView::Segments];
    let shown = |of: &ConversationId| {
        views.map(|view| world.engine.summary(&tenant, of, view, 0).unwrap().summaries)
    };
    let before = shown(&fork);
    assert_eq!(ranges(&world, &fork, SummaryView::Segments).last().unwrap().1, 4);
    assert!(ranges(&world, &id, SummaryView::Segments).is_empty(), "it is the fork's alone");
    world.engine.summarize(&tenant, &id).await.unwrap();
    assert!(ranges(&world, &id, SummaryView::Segments)[0].1 <= 4, "the fork sees it too");
    assert_eq!(shown(&fork), before, "what was shown stays");
    for of in [&id, &fork] {
        talk(&world, of, 7..=60).await;
        folded(&world, of, 40).await;
        world.engine.summarize(&tenant, of).await.unwrap();
    }
    let second = world.fork(&fork, 40, "second").await;
    world.engine.summarize(&tenant, &second).await.unwrap();
    for of in [&id, &fork, &second] {
        for view in views {
            ranges(&world, of, view);
        }
    }
    assert!(rolling(&world, &fork, 0).summaries.iter().any(|s| s.summary.level > 0));
}

#[tokio::test]
async fn what_a_fork_folded_of_shared_turns_is_made_again_and_goes_with_it() {
    let world = World::with_summaries().await;
    let tenant = crate::fixture::tenant();
    let id = world.create("long").await;
    talk(&world, &id, 1..=4).await;
    let held = world.holding("note 1 says that");
    let fork = world.fork(&id, 4, "fork").await;
    world.controls.summarizer_busy.store(true, Ordering::SeqCst);
    world.engine.summarize(&tenant, &fork).await.unwrap();
    let models = || -> Vec<String> {
        let shown = rolling(&world, &fork, 0).summaries.into_iter();
        shown.map(|one| one.summary.model).collect()
    };
    assert!(models().iter().all(|model| model == "extractive"), "{:?}", models());
    world.controls.summarizer_busy.store(false, Ordering::SeqCst);
    later(&world);
    world.engine.summarize(&tenant, &fork).await.unwrap();
    assert!(!models().is_empty() && models().iter().all(|model| model == "first words"));
    assert!(world.holding("note 1 says that") > held);
    world.engine.delete_conversation(&tenant, &fork).await.unwrap();
    world.drain().await;
    assert_eq!(world.holding("note 1 says that"), held);
}

/// Whether a summary stands for a turn.
fn covers(world: &World, id: &ConversationId, sequence: Sequence) -> bool {
    rolling(world, id, 0).summaries.iter().any(|shown| shown.summary.covers(sequence))
}

async fn covered(world: &World, id: &ConversationId, sequence: Sequence) {
    within("the turn to be folded again", async {
        while !covers(world, id, sequence) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_out_is_made_again_after_a_restart_without_growth() {
    let world = World::with_summaries().await;
    let id = world.create("long").await;
    talk(&world, &id, 1..=60).await;
    folded(&world, &id, 40).await;
    let fork = world.fork(&id, 55, "fork").await;
    world.controls.summarizer_down.store(true, Ordering::SeqCst);
    world.engine.forget_turns(&crate::fixture::tenant(), &id, &[21]).await.unwrap();
    world.drain().await;
    assert_eq!(world.records(&id, &[Kind::Struck]).len(), 1);
    // Still down when what is due is looked at after the start.
    let world = world.reopen().await;
    assert!(!covers(&world, &id, 21) && !covers(&world, &fork, 21));
    world.controls.summarizer_down.store(false, Ordering::SeqCst);
    covered(&world, &id, 21).await;
    covered(&world, &fork, 21).await;
    within("the mark to be taken out", async {
        while !world.records(&id, &[Kind::Struck]).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_fork_that_loses_a_summary_of_shared_turns_makes_it_again() {
    let world = World::with_summaries().await;
    let id = world.create("short").await;
    talk(&world, &id, 1..=4).await;
    let fork = world.fork(&id, 4, "fork").await;
    talk(&world, &fork, 5..=60).await;
    folded(&world, &fork, 40).await;
    assert!(covers(&world, &fork, 2) && !covers(&world, &id, 2), "the fork has folded it");
    world.engine.forget_turns(&crate::fixture::tenant(), &id, &[2]).await.unwrap();
    world.drain().await;
    covered(&world, &fork, 2).await;
    ranges(&world, &fork, SummaryView::Segments);
}

#[tokio::test]
async fn what_is_answered_of_turns_that_were_erased_meanwhile_is_not_kept() {
    let world = World::with_summaries().await;
    let tenant = crate::fixture::tenant();
    let id = world.create("long").await;
    talk(&world, &id, 1..=20).await;
    let fork = world.fork(&id, 15, "fork").await;
    let (answers, hash) = (world.generations(), [7; 32]);
    let answer = async |of: &ConversationId, erasures| {
        answers.put(&tenant, of, &hash, b"said of zanzibar".to_vec(), erasures).await.unwrap();
        world.holding("zanzibar") > 0
    };
    let of = async |of: &ConversationId| answers.erasures(&tenant, of).await;
    let (before, in_fork) = (of(&id).await, of(&fork).await);
    assert!(answer(&id, before).await);
    world.engine.forget_turns(&tenant, &id, &[3]).await.unwrap();
    world.drain().await;
    assert!(!answer(&id, before).await && !answer(&fork, in_fork).await);
    let before = of(&id).await;
    assert!(answer(&id, before).await, "of what is left");
    world.engine.delete_conversation(&tenant, &id).await.unwrap();
    world.drain().await;
    assert!(!answer(&id, before).await);
}

#[tokio::test]
async fn a_summary_of_summaries_that_were_erased_meanwhile_is_made_again() {
    let world = World::with_summaries().await;
    let tenant = crate::fixture::tenant();
    world.controls.holds_above.store(true, Ordering::SeqCst);
    // The sentences of the first segment stand on another turn than the one that goes.
    world.controls.cited.store(1, Ordering::SeqCst);
    let id = world.create("long").await;
    talk(&world, &id, 1..=1).await;
    world.say(&id, &["zanzibar holds it all too", "zanzibar is what I said again"]).await;
    talk(&world, &id, 4..=60).await;
    let begun = async {
        while world.controls.above.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    within("a summary of summaries to be begun", begun).await;
    world.engine.forget_turns(&tenant, &id, &[2, 3]).await.unwrap();
    world.drain().await;
    world.controls.holds_above.store(false, Ordering::SeqCst);
    world.engine.summarize(&tenant, &id).await.unwrap();
    assert_eq!(world.holding("zanzibar"), 0);
    assert!(rolling(&world, &id, 0).summaries.iter().any(|one| one.summary.level > 0));
}

/// A talk that is folded, whose first turn a pinned fact repeats.
async fn budget(world: &World) -> ConversationId {
    let id = world.create("long").await;
    world.say(&id, &["The budget is $9,000."]).await;
    talk(world, &id, 2..=60).await;
    folded(world, &id, 40).await;
    let fact = NewFact { source: Some(1), ..about("budget", "$9,000") };
    world.engine.pin_fact(&crate::fixture::tenant(), &id, fact).await.unwrap();
    assert_eq!(tells(world, &id, "$9,000"), [true, true]);
    id
}

/// Whether the rolling summary and the segments tell something.
fn tells(world: &World, id: &ConversationId, words: &str) -> [bool; 2] {
    [SummaryView::Rolling, SummaryView::Segments].map(|view| {
        let outcome = world.engine.summary(&crate::fixture::tenant(), id, view, 0).unwrap();
        let mut told = outcome.summaries.iter().flat_map(|shown| &shown.summary.sentences);
        told.any(|sentence| sentence.text.contains(words))
    })
}

fn stale(world: &World, id: &ConversationId) -> bool {
    let view = SummaryView::Segments;
    let outcome = world.engine.summary(&crate::fixture::tenant(), id, view, 0).unwrap();
    outcome.summaries.iter().any(|shown| shown.stale)
}

#[tokio::test]
async fn what_a_fact_replaced_is_told_no_more_until_the_edge_is_rejected() {
    let world = World::with_summaries().await;
    let (tenant, id) = (crate::fixture::tenant(), budget(&world).await);
    world.controls.summarizer_down.store(true, Ordering::SeqCst);
    let new = world.engine.pin_fact(&tenant, &id, about("budget", "$7,500")).await.unwrap();
    assert_eq!((tells(&world, &id, "$9,000"), stale(&world, &id)), ([false; 2], true));
    let then = rolling(&world, &id, 59).summaries;
    assert!(then[0].summary.sentences[0].text.contains("$9,000"), "not known then");
    let edge = (&Cause::Turn(1), &Cause::Fact(new.0.fact.id));
    world.engine.reject_fact_edge(&tenant, &id, edge, None).await.unwrap();
    assert_eq!((tells(&world, &id, "$9,000"), stale(&world, &id)), ([true; 2], false));
}

#[tokio::test]
async fn what_a_fact_replaced_is_folded_again_once() {
    let world = World::with_summaries().await;
    let (tenant, id) = (crate::fixture::tenant(), budget(&world).await);
    world.engine.pin_fact(&tenant, &id, about("budget", "$7,500")).await.unwrap();
    let again = async {
        while stale(&world, &id) {
            tokio::task::yield_now().await;
        }
    };
    within("summaries to be made again", again).await;
    assert_eq!(tells(&world, &id, "$9,000"), [false; 2]);
    world.engine.summarize(&tenant, &id).await.unwrap();
    assert_eq!(world.engine.summarize(&tenant, &id).await.unwrap(), 0, "and no more");
}

#[tokio::test]
async fn a_chat_has_the_summary_in_its_window_and_a_question_has_not() {
    let world = World::with_summaries().await;
    let id = world.create("long").await;
    talk(&world, &id, 1..=61).await;
    folded(&world, &id, 40).await;
    let chat = ContextRequest { budget: 400, summary_share: Some(0.4), ..crate::fixture::ask("") };
    let outcome = world.engine.build_context(&crate::fixture::tenant(), &id, chat).await.unwrap();
    let stands = outcome.window.items.iter().filter(|item| item.section == Section::Summary);
    let stands: Vec<_> = stands.map(|item| item.summarizes.unwrap()).collect();
    assert!(!stands.is_empty());
    assert!(outcome.window.total_tokens <= 400);
    let roomy = ContextRequest { budget: 5_000, ..crate::fixture::ask("") };
    let whole = world.engine.build_context(&crate::fixture::tenant(), &id, roomy).await.unwrap();
    let summary = |item: &Item| item.section == Section::Summary;
    assert!(!whole.window.items.iter().any(summary), "every turn stands for itself");
    let question = world.window(&id, "what does shelf 7 hold?").await;
    assert!(!question.window.items.iter().any(summary));
}

#[tokio::test]
async fn what_writes_may_be_down_or_switched_off() {
    let world = World::with_summaries().await;
    world.controls.summarizer_down.store(true, Ordering::SeqCst);
    let id = world.create("long").await;
    talk(&world, &id, 1..=60).await;
    let tenant = crate::fixture::tenant();
    let error = world.engine.summarize(&tenant, &id).await.unwrap_err();
    assert!(matches!(error, EngineError::Summarize(_)), "{error}");
    assert_eq!(rolling(&world, &id, 0).summaries, []);
    world.controls.summarizer_down.store(false, Ordering::SeqCst);
    world.engine.summarize(&tenant, &id).await.unwrap();
    assert_eq!(rolling(&world, &id, 0).folded_until, 60);

    let without = World::new().await;
    let id = without.create("long").await;
    talk(&without, &id, 1..=60).await;
    let error = without.engine.summarize(&tenant, &id).await.unwrap_err();
    assert!(matches!(error, EngineError::NoSummaries), "{error}");
}

#[tokio::test]
async fn what_a_busy_model_left_out_is_made_again_once_and_after_a_restart() {
    let world = World::with_summaries().await;
    let tenant = crate::fixture::tenant();
    world.controls.summarizer_busy.store(true, Ordering::SeqCst);
    let id = world.create("long").await;
    talk(&world, &id, 1..=60).await;
    world.engine.summarize(&tenant, &id).await.unwrap();
    let models = |world: &World| {
        let views = [SummaryView::Rolling, SummaryView::Segments];
        let of = views.map(|view| world.engine.summary(&tenant, &id, view, 0).unwrap().summaries);
        let mut models: Vec<String> =
            of.into_iter().flatten().map(|one| one.summary.model).collect();
        models.dedup();
        models
    };
    assert_eq!(rolling(&world, &id, 0).folded_until, 60, "what was taken from the turns stands");
    assert_eq!(models(&world), ["extractive"]);
    world.controls.summarizer_busy.store(false, Ordering::SeqCst);
    let world = world.reopen().await;
    later(&world);
    world.engine.summarize(&tenant, &id).await.unwrap();
    assert_eq!(models(&world), ["first words"]);
    // What has succeeded is not done again.
    let read = world.controls.summarized.load(Ordering::SeqCst);
    later(&world);
    assert_eq!(world.engine.summarize(&tenant, &id).await.unwrap(), 0);
    assert_eq!(world.controls.summarized.load(Ordering::SeqCst), read);
}

#[tokio::test]
async fn a_model_that_stays_away_is_not_asked_for_ever() {
    let world = World::with_summaries().await;
    let tenant = crate::fixture::tenant();
    world.controls.summarizer_busy.store(true, Ordering::SeqCst);
    let id = world.create("long").await;
    talk(&world, &id, 1..=30).await;
    for _ in 0..6 {
        later(&world);
        world.engine.summarize(&tenant, &id).await.unwrap();
    }
    world.controls.summarizer_busy.store(false, Ordering::SeqCst);
    later(&world);
    assert_eq!(world.engine.summarize(&tenant, &id).await.unwrap(), 0);
    let stands = rolling(&world, &id, 0).summaries;
    assert!(!stands.is_empty() && stands.iter().all(|one| one.summary.model == "extractive"));
}

/// Lets a day go by.
fn later(world: &World) {
    world.controls.now.fetch_add(24 * 3_600, Ordering::SeqCst);
}
