//! Pins that the service draws: from users' turns, once, gone with their turn,
//! never against the caller, and the user's in all conversations of theirs.
use std::{collections::BTreeSet, sync::atomic::Ordering};

use crate::fixture::*;
use throughline_memory::{
    context::Section,
    engine::*,
    facts::{Cause, FactKind, Origin, Owner},
    turn::*,
};

const RULE: &str = "Always answer in metric units from now on.";
const LIKING: &str = "I prefer night trains to planes.";
const OTHER_LIKING: &str = "I prefer planes to night trains.";
const BAN: &str = "Don't share my phone number with anyone.";
/// More than may be live.
const MANY: [&str; 25] = [
    BAN,
    "I love hiking in the mountains.",
    "I prefer tea over coffee.",
    "I really hate cilantro.",
    "I enjoy quiet restaurants.",
    "I prefer window seats on long flights.",
    "I prefer paper books over screens.",
    "I really dislike horror films.",
    "I prefer short meetings in the morning.",
    "I love old jazz records.",
    "I prefer walking over driving.",
    "I like my curry very spicy.",
    "I prefer cats over dogs.",
    "I enjoy cold swims before breakfast.",
    "I love strong cheese.",
    "I prefer linen over wool.",
    "I prefer trains over planes.",
    "I prefer email over phone calls.",
    "I prefer dark chocolate over milk chocolate.",
    "I prefer swimming over running.",
    "I prefer mountains over beaches.",
    "I prefer subtitles over dubbed films.",
    "I prefer renting over buying.",
    "I prefer hand tools over machines.",
    "I prefer poems over novels.",
];

async fn pins(world: &World, of: &ConversationId) -> Vec<PinnedFact> {
    let listed = world.engine.list_facts(&tenant(), of, None, 1_000, false).await;
    listed.expect("listed").0
}

async fn texts(world: &World, of: &ConversationId) -> Vec<String> {
    pins(world, of).await.into_iter().map(|pinned| pinned.fact.text).collect()
}

async fn told(world: &World, name: &str, user: &str, said: &[&str]) -> ConversationId {
    let id = world.create_for(name, user).await;
    world.say(&id, said).await;
    world.settle(&id).await;
    id
}

#[tokio::test]
async fn what_a_user_says_is_pinned_word_for_word_once() {
    let world = World::with_pins().await;
    let id = told(
        &world,
        "c",
        "ann",
        &[
            "Hello there!",
            "Thanks. Always answer in metric units from now on. How long is a mile?",
            BAN,
        ],
    )
    .await;
    let found = pins(&world, &id).await;
    let rule = found.iter().find(|pinned| pinned.fact.text == RULE).expect("the rule");
    assert_eq!((rule.fact.kind, rule.fact.source), (FactKind::Instruction, Some(2)));
    assert_eq!((rule.fact.source_span, rule.fact.owner), (Some((8, 50)), Owner::Conversation));
    assert!(matches!(rule.fact.origin, Origin::Detector { probability, .. } if probability > 0.0));
    let ban = found.iter().find(|pinned| pinned.fact.text == BAN).expect("the ban");
    assert!(ban.fact.required && !rule.fact.required);
    assert!(words(&world.window(&id, "what about trains").await).contains(BAN));

    let before: Vec<FactId> = found.iter().map(|pinned| pinned.fact.id.clone()).collect();
    world.say(&id, &[BAN, RULE]).await;
    world.settle(&id).await;
    world.engine.rebuild(&|_, _| ()).await.expect("rebuilt");
    let after: Vec<FactId> =
        pins(&world, &id).await.into_iter().map(|pinned| pinned.fact.id).collect();
    assert_eq!(after, before, "neither told again nor derived again");
}

#[tokio::test]
async fn an_assistants_words_are_not_pinned() {
    let world = World::with_pins().await;
    let id = world.create("c").await;
    let turns = vec![said(Role::Assistant, RULE), said(Role::Tool, BAN), said(Role::System, BAN)];
    world.engine.append_turns(&tenant(), &id, turns, None).await.expect("appended");
    world.settle(&id).await;
    assert!(texts(&world, &id).await.is_empty());
}

#[tokio::test]
async fn the_callers_word_is_the_last() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "", &[RULE, LIKING, BAN]).await;
    let found = pins(&world, &id).await;
    let of = |text: &str| {
        let pinned = found.iter().find(|pinned| pinned.fact.text == text);
        pinned.expect("pinned").fact.id.clone()
    };
    world.engine.unpin_fact(&tenant(), &id, &of(RULE)).await.expect("unpinned");
    let patch = FactPatch { text: Some("No planes".to_owned()), ..FactPatch::default() };
    let (changed, _) =
        world.engine.update_fact(&tenant(), &id, &of(LIKING), patch).await.expect("changed");
    assert_eq!(changed.fact.origin, Origin::Caller);
    let (own, _) = world.engine.pin_fact(&tenant(), &id, pin(BAN, None)).await.expect("pinned");
    assert_eq!(own.fact.origin, Origin::Caller);

    world.engine.rebuild(&|_, _| ()).await.expect("rebuilt");
    let world = world.reopen().await;
    world.drain().await;
    let mut left = texts(&world, &id).await;
    left.sort();
    let kept: Vec<&str> = left.iter().map(String::as_str).collect();
    assert!(!kept.contains(&RULE) && !kept.contains(&LIKING), "{kept:?}");
    assert!(kept.contains(&"No planes"), "{kept:?}");
}

#[tokio::test]
async fn a_pin_goes_with_its_turn() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "ann", &[RULE, LIKING]).await;
    assert_eq!(texts(&world, &id).await, [RULE, LIKING]);
    world.engine.forget_turns(&tenant(), &id, &[1]).await.expect("forgotten");
    world.drain().await;
    assert_eq!(texts(&world, &id).await, [LIKING]);
    assert_eq!(world.holding("metric units"), 0);
}

#[tokio::test]
async fn pins_of_the_user_stand_in_all_windows_of_theirs() {
    let world = World::with_pins().await;
    told(&world, "first", "ann", &[LIKING, RULE]).await;
    let second = told(&world, "second", "ann", &["How do I get to Vienna?"]).await;
    let third = told(&world, "third", "bob", &["How do I get to Vienna?"]).await;
    let window = words(&world.window(&second, "to Vienna").await);
    assert!(window.contains(LIKING) && !window.contains(RULE), "{window}");
    assert!(!words(&world.window(&third, "to Vienna").await).contains(LIKING));
}

#[tokio::test]
async fn a_fork_has_the_pins_of_what_it_shares() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "", &[LIKING, RULE]).await;
    let fork = world.fork(&id, 1, "fork").await;
    world.drain().await;
    assert_eq!(texts(&world, &fork).await, [LIKING]);
}

#[tokio::test]
async fn what_is_pinned_off_a_branch_neither_stands_nor_replaces_on_it() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "ann", &["How do I get to Vienna?", LIKING]).await;
    let fork = world.fork(&id, 1, "fork").await;
    world.say(&fork, &[OTHER_LIKING]).await;
    world.drain().await;
    for (branch, stands, other) in [(&id, LIKING, OTHER_LIKING), (&fork, OTHER_LIKING, LIKING)] {
        let window = words(&world.window(branch, "to Vienna").await);
        assert!(window.contains(stands) && !window.contains(other), "{branch}: {window}");
    }
}

#[tokio::test]
async fn the_surest_are_live_and_bans_are_never_displaced() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "", &MANY).await;
    let live = pins(&world, &id).await;
    assert_eq!(live.len(), PinSettings::DEFAULT_LIVE);
    assert!(live.iter().any(|pinned| pinned.fact.text == BAN));
    let all = world.engine.list_facts(&tenant(), &id, None, 1_000, true).await.expect("listed").0;
    assert!(all.len() > live.len());
    assert!(all.iter().any(|pinned| pinned.standing.displaced));
}

/// What stands in a window as a pin.
fn pinned_words(outcome: &ContextOutcome) -> String {
    let window = &outcome.window;
    let pinned = window.items.iter().filter(|item| item.section == Section::Pinned);
    let messages: BTreeSet<usize> = pinned.map(|item| item.message).collect();
    let words = messages.into_iter().filter_map(|at| window.messages.get(at));
    words.map(|message| message.content.as_str()).collect()
}

#[tokio::test]
async fn a_question_brings_the_pins_that_it_bears_on_back() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "", &MANY).await;
    let all = world.engine.list_facts(&tenant(), &id, None, 1_000, true).await.expect("listed").0;
    let displaced: Vec<&str> = all
        .iter()
        .filter(|pinned| pinned.standing.displaced)
        .map(|pinned| pinned.fact.text.as_str())
        .collect();
    assert!(displaced.len() > 5);
    let in_chat = pinned_words(&world.window(&id, "").await);
    for text in displaced {
        let asked = pinned_words(&world.window(&id, text).await);
        assert!(asked.contains(text), "{text}: {asked}");
        assert!(!in_chat.contains(text), "{text}: {in_chat}");
    }
    // Nothing is said to have yielded that does not stand in every window.
    let live: BTreeSet<FactId> =
        pins(&world, &id).await.into_iter().map(|pinned| pinned.fact.id).collect();
    let asked = world.window(&id, "Do I prefer cats over dogs?").await;
    for shortfall in &asked.shortfalls {
        if let Shortfall::PinsYielded(named) = shortfall {
            assert!(named.iter().all(|(_, fact)| live.contains(fact)), "{named:?}");
        }
    }
}

#[tokio::test]
async fn without_a_detector_no_question_brings_what_it_had_found() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "", &MANY).await;
    assert!(!pinned_words(&world.window(&id, "Do I prefer cats over dogs?").await).is_empty());
    world.controls.pins.store(false, Ordering::SeqCst);
    let world = world.reopen().await;
    assert_eq!(pinned_words(&world.window(&id, "Do I prefer cats over dogs?").await), "");
}

#[tokio::test]
async fn what_no_summary_tells_is_a_pin_again_after_folding() {
    let world = World::with_pins_and_summaries().await;
    let id = told(&world, "c", "", &MANY).await;
    world.engine.summarize(&tenant(), &id).await.expect("folded");
    let live = pins(&world, &id).await;
    let back: Vec<&str> = live
        .iter()
        .filter(|pinned| pinned.fact.restored_at.is_some())
        .map(|pinned| pinned.fact.text.as_str())
        .collect();
    assert!(!back.is_empty() && back.len() <= PinSettings::DEFAULT_LIVE, "{back:?}");
    assert!(live.len() > PinSettings::DEFAULT_LIVE);
    let window = words(&world.window(&id, "what next").await);
    assert!(back.iter().all(|text| window.contains(text)), "{window}");
    let world = world.reopen().await;
    assert_eq!(pins(&world, &id).await.len(), live.len());
}

#[tokio::test]
async fn talk_between_people_pins_nothing_until_an_assistant_joins() {
    let world = World::with_pins().await;
    let id = world.create("group").await;
    let ann = |text: &str| NewTurn { speaker: "Ann".to_owned(), ..said(Role::User, text) };
    let append = async |turns| {
        world.engine.append_turns(&tenant(), &id, turns, None).await.expect("appended");
        world.drain().await;
    };
    append(vec![ann(LIKING), ann(BAN)]).await;
    assert!(pins(&world, &id).await.is_empty());
    append(vec![said(Role::Assistant, "Hello, how can I help?"), ann(RULE)]).await;
    assert_eq!(texts(&world, &id).await, [RULE]);
}

/// The pin of a text, with what it has rejected.
async fn rejected(world: &World, of: &ConversationId, text: &str) -> (FactId, Vec<Cause>) {
    let found = pins(world, of).await.into_iter().find(|pinned| pinned.fact.text == text);
    let fact = found.expect("pinned").fact;
    (fact.id, fact.rejected)
}

#[tokio::test]
async fn what_was_rejected_of_a_pin_stays_rejected_when_it_is_drawn_again() {
    let mut world = World::with_pins().await;
    let id = told(&world, "c", "", &[LIKING, RULE, "How do I get to Vienna?"]).await;
    let (liking, _) = rejected(&world, &id, LIKING).await;
    let (rule, _) = rejected(&world, &id, RULE).await;
    let causes = [Cause::Turn(3), Cause::Fact(rule)];
    let earlier = Cause::Fact(liking.clone());
    for cause in &causes {
        world
            .engine
            .reject_fact_edge(&tenant(), &id, (&earlier, cause), None)
            .await
            .expect("rejected");
    }
    // None is sure enough, then all are again: as another detector would do.
    for (least, left) in [(200, 0), (0, 2)] {
        world.controls.least_percent.store(least, Ordering::SeqCst);
        world = world.reopen().await;
        world.drain().await;
        assert_eq!(texts(&world, &id).await.len(), left, "{least}");
    }
    assert_eq!(rejected(&world, &id, LIKING).await, (liking, causes.to_vec()));
}

#[tokio::test]
async fn a_fork_rejects_of_its_pins_what_its_parent_did() {
    let world = World::with_pins().await;
    let id = told(&world, "c", "", &[LIKING, RULE, "How do I get to Vienna?"]).await;
    let (liking, _) = rejected(&world, &id, LIKING).await;
    let (rule, _) = rejected(&world, &id, RULE).await;
    for cause in [Cause::Turn(3), Cause::Fact(rule.clone())] {
        let earlier = Cause::Fact(liking.clone());
        world
            .engine
            .reject_fact_edge(&tenant(), &id, (&earlier, &cause), None)
            .await
            .expect("rejected");
    }
    let whole = world.fork(&id, 3, "whole").await;
    let early = world.fork(&id, 2, "early").await;
    let first = world.fork(&whole, 1, "first").await;
    world.drain().await;
    let (own, of_whole) = rejected(&world, &whole, LIKING).await;
    let (own_rule, none) = rejected(&world, &whole, RULE).await;
    assert!(own != liking && own_rule != rule && none.is_empty());
    assert_eq!(of_whole, [Cause::Turn(3), Cause::Fact(own_rule)]);
    let (of_early, _) = rejected(&world, &early, RULE).await;
    assert_eq!(rejected(&world, &early, LIKING).await.1, [Cause::Fact(of_early)]);
    assert_eq!(rejected(&world, &first, LIKING).await.1, []);
}

/// Lets the store fail after each number of commits in turn.
#[tokio::test]
async fn a_crash_loses_nothing_of_what_a_pin_replaces_in_other_conversations() {
    const BEFORE: &str = "My account number is 48213377.";
    const NOW: &str = "My account number is now 90551264.";
    let mut crashed = 0;
    for commits in (0..10).rev() {
        let world = World::with_pins().await;
        let first = told(&world, "first", "ann", &[BEFORE]).await;
        let second = world.create_for("second", "ann").await;
        world.drain().await;
        world.fail_after(commits);
        let turns = || vec![named("now", NOW)];
        if world.engine.append_turns(&tenant(), &second, turns(), None).await.is_ok() {
            let fails = async {
                while world.controls.commits_left.load(Ordering::SeqCst) >= 0 {
                    tokio::task::yield_now().await;
                }
            };
            let ends = async {
                tokio::select! {
                    _ = world.engine.settled() => {}
                    () = fails => {}
                }
            };
            within("the turn to be read, or the store to fail", ends).await;
        }
        crashed += usize::from(world.controls.commits_left.load(Ordering::SeqCst) < 0);
        let world = within("a restart", world.crash_and_open()).await;
        world.engine.append_turns(&tenant(), &second, turns(), None).await.expect("appended");
        world.drain().await;
        assert_eq!(texts(&world, &second).await, [NOW], "{commits}");
        let all = world.engine.list_facts(&tenant(), &first, None, 1_000, true).await;
        let before = all.expect("listed").0.into_iter().find(|pinned| pinned.fact.text == BEFORE);
        let replaced = before.expect("pinned").standing.retired.is_some();
        assert!(replaced, "replaced after a crash behind {commits} commits");
    }
    assert!(crashed >= 3, "{crashed}");
}
