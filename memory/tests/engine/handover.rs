//! Hand-overs: every turn is told as it was said, by a summary or by an extract, or is
//! named as left out, and the budget holds.

use std::{ops::RangeInclusive, sync::atomic::Ordering};

use crate::fixture::*;
use throughline_memory::{
    context::{Section, Window},
    engine::*,
    turn::{ConversationId, Sequence},
};

/// Says so many turns of about forty tokens.
async fn talk(world: &World, id: &ConversationId, numbers: RangeInclusive<usize>) {
    let text = |n: usize| {
        format!(
            "note {n} says that shelf {n} holds jars of honey, plums, pears, apples, quinces, \
             cherries, figs, dates, nuts and olives, all of them sorted by year and by colour"
        )
    };
    let texts: Vec<String> = numbers.map(text).collect();
    for texts in texts.chunks(100) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        world.say(id, &texts).await;
    }
    world.settle(id).await;
    world.drain().await;
}

async fn handover(world: &World, id: &ConversationId) -> Handover {
    let handover = world.engine.handover(&tenant(), id).await.expect("handed over");
    let window = &handover.window;
    assert!(window.total_tokens <= HANDOVER_TOKENS, "{} tokens", window.total_tokens);
    let items: u32 = window.items.iter().map(|item| item.tokens).sum();
    assert_eq!(items + window.overhead_tokens, window.total_tokens);
    handover
}

fn verbatim(window: &Window) -> Vec<Sequence> {
    let recent = window.items.iter().filter(|item| item.section == Section::Recent);
    recent.filter_map(|item| item.sequence).collect()
}

fn summarized(window: &Window) -> Vec<(Sequence, Sequence)> {
    window.items.iter().filter_map(|item| item.summarizes).collect()
}

fn left_out(handover: &Handover) -> Vec<(Sequence, Sequence)> {
    let ranges = handover.shortfalls.iter().filter_map(|shortfall| match shortfall {
        Shortfall::TurnsLeftOut(ranges) => Some(ranges.clone()),
        _ => None,
    });
    ranges.flatten().collect()
}

fn words(window: &Window) -> String {
    window.messages.iter().map(|message| format!("{}\n", message.content)).collect()
}

/// Every turn is told in one way, or named.
fn is_complete(handover: &Handover, last: Sequence) {
    let (verbatim, named) = (verbatim(&handover.window), left_out(handover));
    let summarized = summarized(&handover.window);
    for turn in 1..=last {
        let within = |ranges: &[(Sequence, Sequence)]| {
            ranges.iter().any(|(from, until)| (*from..=*until).contains(&turn))
        };
        let ways = [verbatim.contains(&turn), within(&summarized), within(&named)];
        assert!(ways.contains(&true), "turn {turn} is lost: {summarized:?}, {named:?}");
    }
}

#[tokio::test]
async fn what_was_said_since_the_last_folding_is_handed_over() {
    let world = World::with_summaries().await;
    let c = world.create("c").await;
    talk(&world, &c, 1..=60).await;
    world.engine.summarize(&tenant(), &c).await.expect("folded");
    // A single turn is not folded: it stands within the tokens that are kept.
    world.say(&c, &["the deposit is 4711 euros"]).await;
    world.settle(&c).await;
    let handover = handover(&world, &c).await;
    assert!(verbatim(&handover.window).contains(&61));
    assert!(words(&handover.window).contains("the deposit is 4711 euros"));
    assert!(!summarized(&handover.window).is_empty());
    assert_eq!(left_out(&handover), []);
    is_complete(&handover, 61);
}

#[tokio::test]
async fn what_does_not_fit_as_it_was_said_is_extracted_or_named() {
    let world = World::with_summaries().await;
    // Nothing is folded, so that all of it is behind the last folding.
    world.controls.summarizer_down.store(true, Ordering::SeqCst);
    let c = world.create("c").await;
    talk(&world, &c, 1..=200).await;
    let handover = handover(&world, &c).await;
    is_complete(&handover, 200);
    let verbatim = verbatim(&handover.window);
    let first = verbatim[0];
    assert_eq!(verbatim, (first..=200).collect::<Vec<_>>(), "the newest, without a gap");
    // An extract of the turns right before them, as long as there is room.
    let [(from, until)] = summarized(&handover.window)[..] else { panic!("one extract") };
    assert!(from > 1 && until == first - 1, "{from} to {until}, then {first}");
    assert!(words(&handover.window).contains(&format!("note {from} says that")));
    let named = left_out(&handover);
    assert_eq!(named, [(1, from - 1)], "the oldest have no room");
    // Nothing has changed: it is not made again.
    let read = || world.controls.summarized.load(Ordering::SeqCst);
    let before = read();
    let again = self::handover(&world, &c).await;
    assert_eq!((words(&again.window), read()), (words(&handover.window), before));
    world.engine.forget_turns(&tenant(), &c, &[from]).await.expect("forgotten");
    world.drain().await;
    let after = self::handover(&world, &c).await;
    assert!(!words(&after.window).contains(&format!("note {from} says that")));
    assert!(read() > before);
}

#[tokio::test]
async fn turns_under_a_summary_that_shows_nothing_are_told() {
    let world = World::with_summaries().await;
    world.controls.cited.store(3, Ordering::SeqCst);
    let c = world.create("c").await;
    let notes = ["note one", "note two", "note three", "note four", "note five"];
    world.say(&c, &notes).await;
    world.settle(&c).await;
    assert_eq!(world.engine.summarize(&tenant(), &c).await.expect("folded"), 1);
    let folded = handover(&world, &c).await;
    assert_eq!(summarized(&folded.window), [(1, 5)]);
    assert!(verbatim(&folded.window).is_empty());
    // It stays as it was made.
    world.controls.summarizer_down.store(true, Ordering::SeqCst);
    world.say(&c, &["note six [replaces 3]"]).await;
    world.settle(&c).await;
    world.drain().await;
    let handover = handover(&world, &c).await;
    assert_eq!(summarized(&handover.window), []);
    assert_eq!(verbatim(&handover.window), [1, 2, 3, 4, 5, 6]);
    assert!(words(&handover.window).contains("note three\n[replaced by turn 6 on"));
    assert_eq!(left_out(&handover), []);
}

#[tokio::test]
async fn turns_between_two_summaries_are_named_and_all_stands_in_order() {
    let world = World::with_summaries().await;
    let c = world.create("c").await;
    for notes in [["note one", "note two", "note three"], ["note four", "note five", "note six"]] {
        world.say(&c, &notes).await;
        world.settle(&c).await;
        assert_eq!(world.engine.summarize(&tenant(), &c).await.expect("folded"), 1);
    }
    world.controls.summarizer_down.store(true, Ordering::SeqCst);
    world.engine.forget_turns(&tenant(), &c, &[2]).await.expect("forgotten");
    talk(&world, &c, 1..=80).await;
    let handover = handover(&world, &c).await;
    let [(4, 6), (from, until)] = summarized(&handover.window)[..] else {
        panic!("a summary and an extract: {:?}", summarized(&handover.window));
    };
    let first = verbatim(&handover.window)[0];
    assert!(from > 6 && until == first - 1, "{from} to {until}, then {first}");
    assert!(left_out(&handover).starts_with(&[(1, 1), (3, 3)]), "{:?}", left_out(&handover));
}

#[tokio::test]
async fn an_extract_does_not_quote_what_a_fact_replaced() {
    let world = World::with_summaries().await;
    world.controls.summarizer_down.store(true, Ordering::SeqCst);
    let c = world.create("c").await;
    for (turn, text, attribute, value) in [
        (1, "Launch date: May 3.", "launch date", "May 3"),
        (2, "The launch date moved to May 17.", "launch_date_v2", "May 17"),
    ] {
        world.say(&c, &[text]).await;
        let fact = NewFact { source: Some(turn), ..about(attribute, value) };
        world.engine.pin_fact(&tenant(), &c, fact).await.expect("pinned");
    }
    talk(&world, &c, 1..=70).await;
    let facts = world.engine.facts_as_of(&tenant(), &c, 72).expect("there");
    assert!(facts.turn_marks().get(&1).is_some_and(|mark| !mark.partly));
    let handover = handover(&world, &c).await;
    let [(1, until)] = summarized(&handover.window)[..] else { panic!("one extract") };
    assert!(until > 3);
    let words = words(&handover.window);
    assert!(words.contains("The launch date moved") && words.contains("note 1 says that"));
    assert!(!words.contains("May 3."), "{words}");
    is_complete(&handover, 72);
}

#[tokio::test]
async fn without_a_summarizer_the_rest_is_named() {
    let world = World::new().await;
    let c = world.create("c").await;
    talk(&world, &c, 1..=200).await;
    let handover = handover(&world, &c).await;
    let first = verbatim(&handover.window)[0];
    assert!(first > 1);
    assert_eq!(left_out(&handover), [(1, first - 1)]);
    is_complete(&handover, 200);
    let short = world.create("short").await;
    talk(&world, &short, 1..=10).await;
    let whole = self::handover(&world, &short).await;
    assert_eq!((verbatim(&whole.window).len(), whole.shortfalls.len()), (10, 0));
    let empty = world.create("empty").await;
    let nothing = self::handover(&world, &empty).await;
    assert!(nothing.window.messages.is_empty() && nothing.shortfalls.is_empty());
}

#[tokio::test]
async fn a_hand_over_marks_what_was_replaced_and_quotes_nothing_erased() {
    let world = World::with_summaries().await;
    let c = world.create("c").await;
    world.say(&c, &["the hotel is the Hilton", "zanzibar is the password"]).await;
    world.say(&c, &["the hotel is the Marriott [replaces 1]"]).await;
    world.settle(&c).await;
    world.drain().await;
    let marked = handover(&world, &c).await;
    assert!(words(&marked.window).contains("the hotel is the Hilton\n[replaced by turn 3 on"));
    world.engine.forget_turns(&tenant(), &c, &[2]).await.expect("forgotten");
    world.drain().await;
    let after = handover(&world, &c).await;
    assert_eq!(verbatim(&after.window), [1, 3]);
    assert!(!words(&after.window).contains("zanzibar"));
    assert_eq!(left_out(&after), []);
}

#[tokio::test]
async fn pins_leave_room_for_what_was_said() {
    const SYLLABLES: [&str; 8] = ["ka", "lo", "mi", "tu", "ren", "sol", "vey", "dor"];
    let world = World::new().await;
    let c = world.create("c").await;
    for (first, last) in SYLLABLES.iter().flat_map(|a| SYLLABLES.map(|b| (a, b))) {
        let value = "a hall with seven doors of oak, a floor of slate and a lamp at each end of it";
        let fact = about(&format!("{first}{last}"), value);
        world.engine.pin_fact(&tenant(), &c, fact).await.expect("pinned");
    }
    talk(&world, &c, 1..=5).await;
    let handover = handover(&world, &c).await;
    assert_eq!(verbatim(&handover.window), [1, 2, 3, 4, 5]);
    let yielded = handover.shortfalls.iter().find_map(|shortfall| match shortfall {
        Shortfall::PinsYielded(pins) => Some(pins.len()),
        _ => None,
    });
    let pinned = handover.window.items.iter().filter(|item| item.fact.is_some()).count();
    assert!(pinned > 0 && yielded.is_some_and(|yielded| yielded > 0), "{pinned}, {yielded:?}");
}
