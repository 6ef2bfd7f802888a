//! Excerpts that a chat carries from window to window: when they are chosen
//! anew, and that nothing stands twice beside them.

use std::{collections::HashSet, sync::Arc};

use crate::fixture::{Scene, call, cl100k, result, text, turn};
use throughline_memory::{
    context::{
        MAX_CARRIED_WINDOWS, Query, Section, TemplateOverhead, Window, WindowOptions,
        unchanged_prefix_tokens,
    },
    turn::{Role, Sequence, Turn},
};

fn options() -> WindowOptions {
    WindowOptions {
        recent_share: 0.3,
        carried_share: 0.5,
        stretch_recent: true,
        ..WindowOptions::new(1_000, cl100k())
    }
}

/// A user-assistant talk; turns of 40 words, about 45 tokens each.
fn talk(turns: u64) -> Vec<Turn> {
    let role = |n: u64| if n % 2 == 1 { Role::User } else { Role::Assistant };
    let line = |n: u64| format!("Turn {n} is about {}", "the invoice of March ".repeat(9));
    (1..=turns).map(|n| turn(n, role(n), "", vec![text(line(n))])).collect()
}

/// The window for a user turn, built on the one before it.
fn ask(turns: &[Turn], asked: Sequence, found: &[Sequence], before: Option<&Window>) -> Scene {
    let mut scene = Scene::new(turns[..asked as usize].to_vec(), "").find(found);
    scene.query = Query::LastTurn(Arc::new(turns[asked as usize - 1].clone()));
    scene.recent_from = before.and_then(|window| window.recent_from);
    scene.carried = before.and_then(|window| window.carried.clone());
    scene
}

/// What search finds for a user turn: something else each time.
fn found(asked: Sequence) -> Vec<Sequence> {
    (1..30).map(|k| (asked * 7 + k * 11) % asked + 1).collect()
}

/// Sequences of the excerpts that stand before the recent turns.
fn front(window: &Window) -> Vec<Sequence> {
    let excerpts = window.items.iter().take_while(|item| item.section == Section::Retrieved);
    excerpts.filter_map(|item| item.sequence).collect()
}

fn age(window: &Window) -> u32 {
    window.carried.as_ref().map_or(0, |carried| carried.windows())
}

fn is_kept(window: &Window) -> bool {
    window.items.iter().any(|item| item.reason.starts_with("carried from an earlier window"))
}

#[test]
fn a_block_stays_through_its_windows_and_is_then_chosen_anew() {
    let turns = talk(80);
    let mut windows: Vec<Window> = Vec::new();
    for asked in (41..80).step_by(2) {
        let scene = ask(&turns, asked, &found(asked), windows.last());
        windows.push(scene.assemble(&options()).unwrap());
    }
    for (at, pair) in windows.windows(2).enumerate() {
        let (before, now) = (&pair[0], &pair[1]);
        // No other reason for a choice comes up in this talk.
        assert_eq!(age(now), (at as u32 + 1) % MAX_CARRIED_WINDOWS + 1);
        let unchanged = unchanged_prefix_tokens(&before.prefix, &now.prefix);
        if age(now) == 1 {
            assert_ne!(front(before), front(now));
            assert!(!is_kept(now));
        } else {
            assert_eq!(before.messages[0], now.messages[0]);
            assert!(unchanged >= 400, "{unchanged} tokens");
            assert_eq!(front(before), front(now));
            assert!(is_kept(now));
        }
    }
}

#[test]
fn at_a_choice_the_best_stand_and_later_finds_stand_behind() {
    let turns = talk(60);
    let first = ask(&turns, 41, &[5, 9, 3, 7, 11, 13, 15, 17, 19, 21], None);
    let first = first.assemble(&options()).unwrap();
    assert!(front(&first).is_sorted());
    assert!([5, 9, 3].iter().all(|best| front(&first).contains(best)));
    let next = ask(&turns, 43, &[2, 5, 4], Some(&first)).assemble(&options()).unwrap();
    assert_eq!(front(&next), front(&first));
    let fresh = next.items.iter().rev().skip(1).take_while(|i| i.section == Section::Retrieved);
    let fresh: Vec<_> = fresh.filter_map(|item| item.sequence).collect();
    assert_eq!(fresh.last(), Some(&2));
    assert!(!fresh.contains(&5), "5 is carried already");
    // Scores are those of the search for this window, or none.
    let score = |sequence| {
        next.items.iter().find(|item| item.sequence == Some(sequence)).map(|item| item.score)
    };
    assert_eq!((score(5), score(9)), (Some(Some(0.5)), Some(None)));
}

/// The second of two windows, after a change between them.
#[track_caller]
fn check_change(name: &str, change: impl Fn(&mut Scene, &mut WindowOptions), kept: bool) {
    let turns = talk(60);
    let first = ask(&turns, 41, &[5, 9, 3, 7, 11], None).assemble(&options()).unwrap();
    assert_eq!(age(&first), 1);
    let mut scene = ask(&turns, 43, &[2, 5, 4], Some(&first));
    let mut options = options();
    change(&mut scene, &mut options);
    let next = scene.assemble(&options).unwrap();
    assert_eq!(is_kept(&next), kept, "{name}");
    assert!(next.total_tokens <= options.budget);
    let mut seen = HashSet::new();
    for item in next.items.iter().filter_map(|item| item.sequence) {
        assert!(seen.insert(item), "{name}: {item} stands twice");
        assert!(!scene.gone.contains(&item), "{name}: {item} has gone");
    }
}

#[test]
fn a_block_is_chosen_anew_when_it_cannot_stand() {
    check_change("nothing", |_, _| (), true);
    check_change("another turn forgotten", |scene, _| scene.turns[1].forgotten = true, true);
    check_change("a carried turn forgotten", |scene, _| scene.turns[8].forgotten = true, false);
    check_change("a carried turn gone", |scene, _| scene.gone = vec![9], false);
    check_change("another turn gone", |scene, _| scene.gone = vec![2], true);
    check_change(
        "another template",
        |_, o| o.overhead = TemplateOverhead { per_message: 5, per_prompt: 3 },
        false,
    );
    check_change("nothing to carry", |_, options| options.carried_share = 0.0, false);
    check_change("no room left", |_, options| options.budget = 300, false);
    check_change(
        "an earlier query",
        |scene, _| {
            scene.query = Query::LastTurn(Arc::new(scene.turns[6].clone()));
        },
        false,
    );
    let long = |scene: &mut Scene| {
        scene.turns[41] = turn(42, Role::Assistant, "", vec![text("long ".repeat(720))]);
    };
    check_change("a long exchange that nobody asks about", |scene, _| long(scene), true);
    check_change(
        "the last exchange would not fit",
        |scene, _| {
            long(scene);
            scene.query = Query::LastTurn(Arc::new(turn(43, Role::User, "", vec![text("why?")])));
        },
        false,
    );
}

#[test]
fn an_answer_that_joins_a_carried_tool_call_ends_the_block() {
    let mut turns = talk(60);
    turns[4] = turn(
        5,
        Role::Assistant,
        "",
        vec![call("c1", "look_up", "{}"), call("c2", "look_up", "{}")],
    );
    turns[5] = turn(6, Role::Tool, "", vec![result("c1", "four")]);
    let first = ask(&turns, 41, &[6, 9, 3], None).assemble(&options()).unwrap();
    assert_eq!(front(&first), [3, 5, 6, 9]);
    for (answer, kept) in [("c2", false), ("elsewhere", true)] {
        let mut later = turns.clone();
        later[41] = turn(42, Role::Tool, "", vec![result(answer, "five")]);
        let next = ask(&later, 43, &[2], Some(&first)).assemble(&options()).unwrap();
        assert_eq!(is_kept(&next), kept, "{answer}");
    }
}

#[test]
fn carried_turns_are_left_out_of_the_recent_ones() {
    let turns = talk(60);
    // Without room for recent turns the newest can be carried.
    let narrow = WindowOptions { recent_share: 0.0, stretch_recent: false, ..options() };
    let first = ask(&turns, 41, &[40, 39, 9], None).assemble(&narrow).unwrap();
    assert_eq!(front(&first), [9, 39, 40]);
    let next = ask(&turns, 43, &[2], Some(&first)).assemble(&options()).unwrap();
    assert_eq!(front(&next), [9, 39, 40]);
    let recent = next.items.iter().filter(|item| item.section == Section::Recent);
    let recent: Vec<_> = recent.filter_map(|item| item.sequence).collect();
    assert_eq!(recent, [41, 42]);
}

#[test]
fn a_history_that_fits_stands_whole_and_carries_nothing() {
    let turns = talk(60);
    let mut before: Option<Window> = None;
    for asked in (1..40).step_by(2) {
        let window = ask(&turns, asked, &found(asked), before.as_ref());
        let window = window.assemble(&options()).unwrap();
        let recent = window.items.iter().filter(|item| item.section == Section::Recent).count();
        if window.carried.is_some() {
            assert!(recent < asked as usize - 1);
            assert!(asked > 15, "{asked} turns fit");
            return;
        }
        assert_eq!(recent, asked as usize - 1);
        if let Some(before) = &before {
            let unchanged = unchanged_prefix_tokens(&before.prefix, &window.prefix);
            assert_eq!(unchanged, before.total_tokens - 3, "all but the prompt's own tokens");
        }
        before = Some(window);
    }
    panic!("no window carried anything");
}

#[test]
fn the_last_exchange_stands_over_the_share_for_a_turn_that_leans_on_it() {
    let mut turns = talk(60);
    turns[39] = turn(40, Role::Assistant, "", vec![text("long ".repeat(400))]);
    for (asked, stretch_recent, expected) in
        [("why?", true, vec![39, 40]), ("why?", false, vec![]), ("", true, vec![])]
    {
        if !asked.is_empty() {
            turns[40] = turn(41, Role::User, "", vec![text(asked)]);
        } else {
            turns[40] = talk(60).swap_remove(40);
        }
        let options = WindowOptions { stretch_recent, ..options() };
        let window = ask(&turns, 41, &[2, 3], None).assemble(&options).unwrap();
        let recent = window.items.iter().filter(|item| item.section == Section::Recent);
        let recent: Vec<_> = recent.filter_map(|item| item.sequence).collect();
        assert_eq!(recent, expected, "{asked:?} {stretch_recent}");
    }
}

#[test]
fn a_history_that_fits_again_stands_from_its_beginning() {
    let turns = talk(60);
    let mut scene = ask(&turns, 9, &[], None);
    scene.recent_from = Some(5);
    let window = scene.assemble(&options()).unwrap();
    assert_eq!(window.recent_from, Some(1));
    assert_eq!(window.items.len(), 9);
}
