//! What is taken from turns, how it is told, and what a budget leaves.

use super::*;
use crate::testing::{embedder, turns};

#[test]
fn a_summary_keeps_order_budget_and_pins() {
    let turns = turns(&[
        "Anna: The garden gate needs new paint before winter.",
        "Ben: Sure. Never ring me before noon.",
        "Anna: The garden gate also needs a new lock.",
        "Ben: I will buy paint and a lock for the garden gate on Friday.",
    ]);
    let pins = [(2, "Never ring me before noon.".to_owned())];
    let extractive = Extractive::new(embedder());
    for budget in [60, 120, 240] {
        let found = extractive.summarise(&turns, Wish { budget, pins: &pins }).unwrap();
        let size: usize = found.iter().map(|one| one.text.chars().count() + 1).sum();
        assert!(size <= budget, "{found:?}");
        assert!(found.iter().any(|one| one.pinned), "{found:?}");
        assert!(found.iter().map(|one| one.sequence).is_sorted(), "{found:?}");
    }
}

#[test]
fn a_budget_that_holds_nothing_is_refused() {
    let extractive = Extractive::new(embedder());
    let error = extractive.summarise(&[], Wish { budget: 10, pins: &[] }).unwrap_err();
    assert!(error.to_string().contains("40 or more"), "{error}");
    assert_eq!(extractive.summarise(&[], Wish { budget: 100, pins: &[] }).unwrap(), []);
}

#[test]
fn the_nearest_sentence_is_one_that_is_not_in_already() {
    let turns = turns(&["Anna: The red gate needs paint. The gate needs red paint and a lock."]);
    let extractive = Extractive::new(embedder());
    let first = extractive.nearest("The gate is red paint", &turns, &[]).unwrap().unwrap();
    let taken = [first.said.clone()];
    let second = extractive.nearest("The gate is red paint", &turns, &taken).unwrap().unwrap();
    assert_ne!(first.said, second.said);
}
