//! What windows and searches do with turns that were replaced or contradicted.
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use crate::fixture::*;
use proptest::prelude::*;
use throughline_memory::{
    context::{Section, Window},
    engine::*,
    turn::*,
};

const OLD: &str = "our hotel in Lisbon is the Hilton";
const NEW: &str = "our hotel in Lisbon is the Marriott [replaces 1]";
const MARK: &str = "[replaced by turn 3 on 2023-11-14: our hotel in Lisbon is the Marriott";

/// The hotel, its replacement, and enough talk that neither is recent.
async fn trip(world: &World) -> ConversationId {
    let trip = world.create("trip").await;
    world.say(&trip, &[OLD, "the weather is fine", NEW]).await;
    let filler: Vec<String> =
        (0..40).map(|n| format!("item {n} of the packing list is a thing to wear")).collect();
    world.say(&trip, &filler.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.settle(&trip).await;
    trip
}

#[tokio::test]
async fn a_question_right_after_an_append_waits_for_its_score() {
    let world = World::new().await;
    let trip = world.create("trip").await;
    // What cannot be scored is waited for as long as anything is, and no longer.
    world.controls.embedder_down.store(true, Ordering::SeqCst);
    world.say(&trip, &[OLD, "the weather is fine", NEW]).await;
    for query in ["which hotel in Lisbon", ""] {
        let asked = Instant::now();
        let all = words(&build(&world, &trip, ask(query)).await);
        assert!(asked.elapsed() >= Duration::from_millis(150) && !all.contains(MARK), "{all}");
    }
    world.controls.embedder_down.store(false, Ordering::SeqCst);
    world.settle(&trip).await;
    let all = words(&build(&world, &trip, ask("which hotel in Lisbon")).await);
    assert!(!all.contains(OLD) || all.contains(MARK), "{all}");
}

fn small(query: &str) -> ContextRequest {
    ContextRequest { budget: 300, ..ask(query) }
}

async fn build(world: &World, of: &ConversationId, request: ContextRequest) -> ContextOutcome {
    world.engine.build_context(&tenant(), of, request).await.expect("built")
}

#[tokio::test]
async fn replaced_turns_are_dropped_or_marked_by_what_is_asked() {
    use SupersededTurns::*;
    let world = World::new().await;
    let trip = trip(&world).await;
    for (query, superseded, shown) in [
        ("which hotel in Lisbon", ByQuery, false),
        ("which hotel in Lisbon", Mark, true),
        ("which hotel in Lisbon was it originally", ByQuery, true),
        ("which hotel in Lisbon was it originally", Drop, false),
    ] {
        let outcome = build(&world, &trip, ContextRequest { superseded, ..small(query) }).await;
        let words = words(&outcome);
        assert_eq!(words.contains(OLD), shown, "{query} {superseded:?}: {words}");
        assert_eq!(words.contains(MARK), shown, "{query} {superseded:?}: {words}");
        assert!(words.contains("the Marriott"), "{query} {superseded:?}");
        assert_eq!(outcome.superseded_dropped, u32::from(!shown), "{query} {superseded:?}");
    }
}

#[tokio::test]
async fn recent_turns_stand_marked_and_the_budget_holds() {
    let world = World::new().await;
    let trip = world.create("trip").await;
    world.say(&trip, &[OLD, "fine", NEW, "[contradicts 2] not fine"]).await;
    world.settle(&trip).await;
    for budget in 20..200 {
        let request = ContextRequest { budget, ..ask("") };
        let outcome = build(&world, &trip, request).await;
        assert!(outcome.window.total_tokens <= budget);
        let words = words(&outcome);
        assert_eq!(words.contains(OLD), words.contains(MARK), "{words}");
    }
    let all = words(&build(&world, &trip, ask("")).await);
    assert!(all.contains("fine\n[contradicts turn 4: (contradicts 2) not fine]"), "{all}");
    assert!(all.contains("[contradicts turn 2: fine]"), "{all}");
}

#[tokio::test]
async fn a_note_gives_what_holds_now_and_not_what_was_between() {
    let world = World::new().await;
    let trip = world.create("trip").await;
    let newest = "our hotel in Lisbon is the Ritz [replaces 3]";
    world.say(&trip, &[OLD, "fine", NEW, newest]).await;
    world.settle(&trip).await;
    let all = words(&build(&world, &trip, ask("")).await);
    let note = "[replaced by turn 4 on 2023-11-14: our hotel in Lisbon is the Ritz";
    assert_eq!((all.matches(note).count(), all.matches("[replaced by").count()), (2, 2), "{all}");
    let then = words(&build(&world, &trip, ContextRequest { as_of: 3, ..ask("") }).await);
    assert!(then.contains(MARK), "what held then: {then}");
}

#[tokio::test]
async fn a_pin_that_was_replaced_names_the_last_in_its_place() {
    let world = World::new().await;
    let trip = world.create("trip").await;
    world.say(&trip, &["planning the trip"]).await;
    for (attribute, value) in
        [("hotel", "Hilton"), ("hotel", "Marriott"), ("hotel", "Ritz"), ("budget", "$9,000")]
    {
        world.engine.pin_fact(&tenant(), &trip, about(attribute, value)).await.expect("pinned");
    }
    world.say(&trip, &["The budget is $7,500 now."]).await;
    world.settle(&trip).await;
    world.say(&trip, &["The budget is $8,000 now."]).await;
    world.settle(&trip).await;
    let seen = words(&world.window(&trip, "How did the plan change over time?").await);
    assert_eq!(seen.matches(": Ritz] no longer: ").count(), 2, "{seen}");
    assert_eq!(seen.matches(": $8,000] no longer: ").count(), 1, "{seen}");
    assert!(!seen.contains(": Marriott] no longer") && !seen.contains(": $7,500] no longer"));
}

#[tokio::test]
async fn a_contradiction_brings_its_other_side_and_no_further_one() {
    let world = World::new().await;
    let trip = world.create("trip").await;
    let side = "sleeping outdoors tonight [contradicts 1]";
    let further = "no sleeping outdoors in the number of nights left [contradicts 2]";
    // What is asked about is said often enough to fill the window, and what stands beside
    // the hits is not what is looked for.
    let filler: Vec<String> =
        (0..60).map(|n| format!("number {n} of the hotel list for Lisbon")).collect();
    let filler: Vec<&str> = filler.iter().map(String::as_str).collect();
    world.say(&trip, &[OLD, side]).await;
    world.say(&trip, &filler[..40]).await;
    world.say(&trip, &[further]).await;
    world.say(&trip, &filler[40..]).await;
    world.settle(&trip).await;
    let outcome = build(&world, &trip, small("our hotel in Lisbon, the Hilton")).await;
    let words = words(&outcome);
    let stands = |text: &str| words.contains(&format!("user] {text}"));
    assert!(stands(OLD) && stands(side), "{words}");
    assert!(words.contains("[contradicts turn 43: no sleeping outdoors"), "{words}");
    assert!(!stands(further), "{words}");
}

#[tokio::test]
async fn what_the_turn_that_is_asked_replaces_stands_marked_beside_it() {
    let world = World::new().await;
    let trip = world.create("trip").await;
    world.say(&trip, &[OLD, "the weather is fine"]).await;
    world.settle(&trip).await;
    let turn = said(Role::User, NEW);
    let prepared = world.engine.prepare_turn(&tenant(), &trip, turn, None, ask("")).await;
    let (_, outcome) = prepared.expect("prepared");
    let words = words(&outcome);
    assert!(words.contains(OLD) && words.contains(MARK), "{words}");
}

#[tokio::test]
async fn a_rejected_edge_drops_nothing() {
    let world = World::new().await;
    let trip = trip(&world).await;
    world.engine.reject_edge(&tenant(), &trip, (1, 3), None).await.unwrap();
    let outcome = build(&world, &trip, small("which hotel in Lisbon")).await;
    assert!(words(&outcome).contains(OLD) && !words(&outcome).contains("[replaced"));
}

#[tokio::test]
async fn what_repeats_a_replaced_turn_is_marked_or_left_out_with_it() {
    use SupersededTurns::*;
    const ECHO: &str = "the hotel in Lisbon is booked, the Hilton";
    const NEWER: &str = "our hotel in Lisbon is the Marriott [replaces 1] [echo 2]";
    let world = World::new().await;
    let trip = world.create("trip").await;
    world.say(&trip, &[OLD, ECHO, NEWER]).await;
    let filler: Vec<String> =
        (0..40).map(|n| format!("item {n} of the packing list is a thing to wear")).collect();
    world.say(&trip, &filler.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.settle(&trip).await;
    let shown = async |superseded| {
        let query = ask("which hotel in Lisbon");
        let request = ContextRequest { budget: 400, superseded, ..query };
        let outcome = build(&world, &trip, request).await;
        let words: String =
            outcome.window.messages.iter().map(|message| &*message.content).collect();
        ([OLD, ECHO].map(|said| words.contains(said)), words.matches(MARK).count())
    };
    assert_eq!(shown(Mark).await, ([true, true], 2));
    assert_eq!(shown(Drop).await, ([false, false], 0));
    world.engine.reject_edge(&tenant(), &trip, (1, 3), None).await.unwrap();
    assert_eq!(shown(Drop).await, ([true, true], 0), "it falls with the edge that it follows from");
}

#[tokio::test]
async fn the_current_statement_comes_right_before_what_it_replaced() {
    let world = World::new().await;
    let trip = trip(&world).await;
    let request = search_in(&trip, "our hotel is the Hilton in Lisbon", SearchMethod::Hybrid);
    let found = world.engine.search(&tenant(), request).await.unwrap();
    let order: Vec<_> = found.hits.iter().take(2).map(|hit| hit.turn.sequence).collect();
    assert_eq!(order, [3, 1]);
    let request = search_in(&trip, "our hotel is the Hilton in Lisbon", SearchMethod::Bm25);
    let found = world.engine.search(&tenant(), request).await.unwrap();
    assert_eq!(found.hits[0].turn.sequence, 1, "other methods are left alone");
}

#[tokio::test]
async fn a_window_as_of_a_turn_is_the_window_of_then() {
    let world = World::new().await;
    let (trip, then) = (trip(&world).await, world.create("then").await);
    world.say(&then, &[OLD, "the weather is fine"]).await;
    world.settle(&then).await;
    for query in ["which hotel in Lisbon", ""] {
        let as_of = build(&world, &trip, ContextRequest { as_of: 2, ..small(query) }).await;
        let then = build(&world, &then, small(query)).await;
        assert_eq!(as_of.window.messages, then.window.messages, "{query:?}");
        assert_eq!(as_of.full_history_tokens, then.full_history_tokens);
    }
    let beyond = ContextRequest { as_of: 99, ..small("hotel") };
    let beyond = world.engine.build_context(&tenant(), &trip, beyond).await;
    assert!(matches!(beyond, Err(EngineError::Invalid(_))), "{beyond:?}");
}

#[tokio::test]
async fn the_marks_of_other_conversations_stand_too() {
    let world = World::new().await;
    let old = world.create_for("old", "ada").await;
    world.say(&old, &[OLD, "fine", NEW]).await;
    let now = world.create_for("now", "ada").await;
    world.say(&now, &["hello there"]).await;
    world.settle(&old).await;
    world.settle(&now).await;
    for (superseded, shown) in [(SupersededTurns::Mark, true), (SupersededTurns::Drop, false)] {
        let query = ask("which hotel in Lisbon");
        let request = ContextRequest { include_user_history: true, superseded, ..query };
        let words = words(&build(&world, &now, request).await);
        assert_eq!((words.contains(OLD), words.contains(MARK)), (shown, shown), "{words}");
    }
}

/// What a turn says and no other does.
fn value(at: usize) -> String {
    const NAMES: [&str; 12] = [
        "bral", "cemt", "dorn", "felk", "gumb", "hask", "jorl", "kelv", "lumb", "mirt", "norv",
        "polk",
    ];
    let name = NAMES[at];
    format!("{name}o {name}ik {name}um of the plan")
}

/// The pieces of a window, the query left out: each excerpt and pin of a message that
/// holds several, which begins with `[` on a line of its own, and each turn that has a
/// message of its own.
fn entries(window: &Window) -> Vec<String> {
    let mut entries = Vec::new();
    for (index, message) in window.messages.iter().enumerate() {
        let of_message = window.items.iter().filter(|item| item.message == index);
        let sections: Vec<Section> = of_message.map(|item| item.section).collect();
        if sections.contains(&Section::Query) {
            continue;
        }
        let is_turn = sections.first() == Some(&Section::Recent);
        let mut pieces: Vec<String> = Vec::new();
        for line in message.content.lines() {
            match pieces.last_mut().filter(|_| is_turn || !line.starts_with('[')) {
                Some(piece) => *piece += &format!("\n{line}"),
                None => pieces.push(line.to_owned()),
            }
        }
        entries.extend(pieces);
    }
    entries
}

#[tokio::test]
async fn every_excerpt_and_every_recent_turn_is_a_piece_of_its_own() {
    let world = World::new().await;
    let trip = trip(&world).await;
    let request =
        ContextRequest { superseded: SupersededTurns::Mark, ..small("which hotel in Lisbon") };
    let window = build(&world, &trip, request).await.window;
    let pieces = entries(&window);
    let of_old: Vec<&String> = pieces.iter().filter(|piece| piece.contains(OLD)).collect();
    assert!(matches!(of_old[..], [piece] if piece.contains(MARK)), "{pieces:?}");
    let shown = window.items.iter().filter(|item| item.section != Section::Query).count();
    assert!(pieces.len() >= shown && shown > 2, "{pieces:?}");
}

/// A piece without its notes of replacements, and what these say that holds.
fn without_notes(entry: &str) -> (String, String) {
    const NOTE: &str = "[replaced by";
    let mut parts = entry.split(NOTE);
    let mut rest = parts.next().unwrap_or_default().to_owned();
    let mut notes = String::new();
    for part in parts {
        // Quotations have no brackets.
        let (note, behind) = part.split_once(']').unwrap_or((part, ""));
        notes += note.split("; no longer: ").next().unwrap_or_default();
        notes.push('\n');
        rest += behind;
    }
    (rest, notes)
}

/// A turn: which it replaces, if any comes before it; whether an assistant says it;
/// whether it is pinned.
type Told = (Option<usize>, bool, bool);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever replaces what, whoever says it, whatever is pinned, however large the
    /// window: no excerpt, turn or pin that was replaced stands unmarked, no note quotes
    /// what was replaced, and no budget is exceeded.
    #[test]
    fn what_was_replaced_never_stands_unmarked(
        told in proptest::collection::vec(
            (proptest::option::of(0_usize..12), any::<bool>(), proptest::bool::weighted(0.25)),
            12,
        ),
        budgets in proptest::collection::vec(30_u32..600, 4),
        keep in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let told: Vec<Told> = told;
            let world = World::new().await;
            let talk = world.create("talk").await;
            let replaces = |at: usize, of: Option<usize>| of.filter(|of| *of < at);
            let turns = told.iter().enumerate().map(|(at, (of, assistant, _))| {
                let text = match replaces(at, *of) {
                    Some(of) => format!("{} [replaces {}]", value(at), of + 1),
                    None => value(at),
                };
                said(if *assistant { Role::Assistant } else { Role::User }, &text)
            });
            let turns = turns.collect();
            world.engine.append_turns(&tenant(), &talk, turns, None).await.expect("appended");
            world.settle(&talk).await;
            for (at, _) in told.iter().enumerate().filter(|(_, (.., pinned))| *pinned) {
                let new = pin(&value(at), Some(at as u64 + 1));
                world.engine.pin_fact(&tenant(), &talk, new).await.expect("pinned");
            }
            let stale = told.iter().enumerate().filter_map(|(at, (of, ..))| replaces(at, *of));
            let stale: std::collections::BTreeSet<usize> = stale.collect();
            let superseded =
                if keep { SupersededTurns::Mark } else { SupersededTurns::ByQuery };
            for budget in budgets {
                for query in ["what is the plan", ""] {
                    let request = ContextRequest { budget, superseded, ..ask(query) };
                    let outcome = build(&world, &talk, request).await;
                    prop_assert!(outcome.window.total_tokens <= budget);
                    for entry in entries(&outcome.window) {
                        let (said, noted) = without_notes(&entry);
                        let is_stale =
                            |words: &str| stale.iter().any(|at| words.contains(&value(*at)));
                        prop_assert!(!is_stale(&said) || !noted.is_empty(), "{entry}");
                        prop_assert!(!is_stale(&noted), "{entry}");
                    }
                }
            }
            Ok(())
        })?;
    }
}
