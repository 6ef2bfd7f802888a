//! What must hold for every window: never over the budget by the real
//! tokenizer, costs that add up, tool calls whole, required pins in, the same
//! bytes for the same input; alone, and in a series where each window builds on
//! the one before. Conversations are generated, with any Unicode.
//!
//! `THROUGHLINE_WINDOW_CASES` sets the number of conversations.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::fixture::{
    Scene,
    cases::{Case, TOKENIZERS, case, options_of, scene_of, series, words},
    invariants::{check_costs, check_items, check_tool_calls},
    text, turn,
};
use proptest::{prelude::*, test_runner::TestRunner};
use throughline_memory::{
    context::{
        AssembleError, MAX_CARRIED_WINDOWS, Query, Section, Window, WindowOptions, turn_cost,
        unchanged_prefix_tokens,
    },
    turn::{Role, Sequence},
};

/// Conversations that are generated unless the environment says otherwise.
const CASES: u32 = 10_000;
/// Windows of series that kept a block, to see that the series put it to test.
static KEPT: AtomicUsize = AtomicUsize::new(0);

fn check(case: &Case) {
    let scene = scene_of(case);
    let options = options_of(case);
    let first = scene.assemble(&options);
    assert_eq!(first, scene.assemble(&options), "the same input gave two windows");
    match first {
        Ok(window) => {
            check_costs(&window, &options);
            check_tool_calls(&window, &scene);
            check_items(&window, &scene);
            let unchanged = unchanged_prefix_tokens(&window.prefix, &window.prefix);
            assert!(unchanged <= window.total_tokens);
        }
        Err(AssembleError::BudgetTooSmall { needed, given }) => {
            assert!(needed > given);
            let less = WindowOptions { budget: needed - 1, ..options.clone() };
            assert!(scene.assemble(&less).is_err(), "{needed} is not the smallest budget");
            let enough = WindowOptions { budget: needed, ..options };
            check_costs(&scene.assemble(&enough).unwrap(), &enough);
        }
    }
}

/// The window for each user turn in order, each built on the one before.
fn check_series(case: &Case) {
    let whole = scene_of(case);
    let options = options_of(case);
    let mut before: Option<Window> = None;
    for asked in whole.turns.iter().filter(|turn| turn.role == Role::User) {
        let mut scene = scene_of(case);
        scene.turns.truncate(asked.sequence as usize);
        scene.query = Query::LastTurn(Arc::new(asked.clone()));
        // Another search each time, and turns that go in the middle of the talk.
        let turned = asked.sequence as usize % scene.found.len().max(1);
        scene.found.rotate_left(turned);
        if asked.sequence < 8 {
            scene.gone.clear();
        }
        scene.recent_from = before.as_ref().and_then(|window| window.recent_from);
        scene.carried = before.as_ref().and_then(|window| window.carried.clone());
        let window = scene.assemble(&options);
        assert_eq!(window, scene.assemble(&options), "the same input gave two windows");
        let Ok(window) = window else { return };
        check_costs(&window, &options);
        check_tool_calls(&window, &scene);
        check_items(&window, &scene);
        if let Some(before) = &before {
            check_carried(before, &window, &scene);
        }
        before = Some(window);
    }
}

/// A block that was kept stands as a whole, where it stood.
fn check_carried(before: &Window, now: &Window, scene: &Scene) {
    let age = |window: &Window| window.carried.as_ref().map_or(0, |carried| carried.windows());
    let kept = now.items.iter().any(|item| item.reason.starts_with("carried"));
    assert_eq!(kept, age(now) > 1);
    if !kept {
        return;
    }
    KEPT.fetch_add(1, Ordering::Relaxed);
    assert_eq!(age(now), age(before) + 1);
    assert!(age(now) <= MAX_CARRIED_WINDOWS);
    let first = |window: &Window| {
        let ahead = |item: &&throughline_memory::context::Item| {
            matches!(item.section, Section::Pinned | Section::Summary)
        };
        window.items.iter().filter(ahead).map(|item| item.message + 1).max().unwrap_or(0)
    };
    let (old, new) = (first(before), first(now));
    assert_eq!(before.messages[old], now.messages[new], "the block has changed");
    let carried = now.items.iter().filter(|item| item.reason.starts_with("carried"));
    let sequences: Vec<Sequence> = carried.filter_map(|item| item.sequence).collect();
    assert!(sequences.iter().all(|sequence| !scene.gone.contains(sequence)));
}

fn run(cases: u32, cases_of: impl Strategy<Value = Case>, check: fn(&Case)) -> u32 {
    let set = std::env::var("THROUGHLINE_WINDOW_CASES").ok();
    let cases = set.map_or(cases, |set| set.parse().unwrap());
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
        .run(&cases_of, |case| {
            check(&case);
            Ok(())
        })
        .unwrap();
    cases
}

#[test]
fn no_window_is_over_its_budget() {
    run(CASES, case(), check);
}

#[test]
fn no_window_of_a_series_is_over_its_budget() {
    let cases = run(CASES / 4, series(), check_series);
    let kept = KEPT.load(Ordering::Relaxed);
    assert!(kept >= cases as usize, "only {kept} windows kept a block");
}

#[test]
fn quoted_units_add_up_for_additive_tokenizers() {
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    let texts = prop::collection::vec(words(), 1..6);
    TestRunner::new_with_rng(config, rng)
        .run(&texts, |texts| {
            for name in ["cl100k_base", "o200k_base"] {
                let counter = TOKENIZERS.get(name).unwrap();
                // Units and the lines of their notes.
                let unit = |(at, text): (usize, &String)| {
                    let indent = if at % 2 == 0 { "" } else { " " };
                    format!("{indent}[{text}\n")
                };
                let units: Vec<_> = texts.iter().enumerate().map(unit).collect();
                let apart: u32 = units.iter().map(|unit| counter.count(unit)).sum();
                prop_assert_eq!(counter.count(&units.concat()), apart, "{} {:?}", name, units);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn texts_that_break_the_splitting_pattern_are_counted_too_high_not_too_low() {
    let blanks = " ".repeat(3_000_000);
    for name in ["cl100k_base", "o200k_base"] {
        let counter = TOKENIZERS.get(name).unwrap();
        let huge = turn(1, Role::User, "", vec![text(format!("a{blanks}b"))]);
        assert!(turn_cost(&huge, counter.as_ref()).verbatim >= 3);
    }
}
