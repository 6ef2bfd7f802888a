//! What a provider's prefix cache can keep while a conversation grows.

use std::sync::Arc;

use crate::fixture::{Scene, cl100k, pin, text, turn};
use throughline_memory::{
    context::{PrefixPiece, Query, Section, Window, WindowOptions, unchanged_prefix_tokens},
    turn::Role,
};

const WORDS: [&str; 8] = ["the", "invoice", "from", "March", "was", "paid", "late", "again"];

/// A user-assistant talk; turns of 20 to 139 words.
fn growing() -> Scene {
    let line = |n: usize| {
        let words = (0..20 + (n * 37) % 120).map(|k| WORDS[(n * 5 + k * 3) % WORDS.len()]);
        words.collect::<Vec<_>>().join(" ")
    };
    let role = |n: usize| if n % 2 == 1 { Role::User } else { Role::Assistant };
    let turns = (1..=200).map(|n| turn(n as u64, role(n), "", vec![text(line(n))]));
    let mut scene = Scene::new(turns.collect(), "");
    scene.pins = vec![
        pin("style", Role::System, "Answer briefly.", None),
        pin("name", Role::User, "Call me Mel.", Some(1)),
    ];
    scene
}

/// The window for each user turn in order; what search finds changes each time.
fn play(options: &WindowOptions) -> Vec<Window> {
    let all = growing();
    let mut windows: Vec<Window> = Vec::new();
    for asked in (1..=199).step_by(2) {
        let mut scene = Scene::new(all.turns[..asked].to_vec(), "");
        scene.pins = all.pins.clone();
        scene.query = Query::LastTurn(Arc::new(all.turns[asked - 1].clone()));
        let found: Vec<u64> = (1..40).map(|k| ((asked * 31 + k * 17) % asked) as u64 + 1).collect();
        scene = scene.find(&found);
        scene.recent_from = windows.last().and_then(|window| window.recent_from);
        windows.push(scene.assemble(options).unwrap());
    }
    windows
}

fn stable_tokens(window: &Window) -> u32 {
    let recent = window.items.iter().filter(|item| item.section == Section::Recent);
    recent.map(|item| item.tokens).sum()
}

#[test]
fn pins_and_recent_turns_are_unchanged_between_boundaries() {
    let windows = play(&WindowOptions::new(4_096, cl100k()));
    let mut boundaries = 0;
    for pair in windows.windows(2) {
        let unchanged = unchanged_prefix_tokens(&pair[0].prefix, &pair[1].prefix);
        assert!(unchanged > 0, "pins never change");
        if pair[0].recent_from == pair[1].recent_from {
            assert!(unchanged >= stable_tokens(&pair[0]));
        } else {
            boundaries += 1;
        }
    }
    assert!((1..=25).contains(&boundaries), "{boundaries} boundaries in {} windows", windows.len());
}

#[test]
fn share_of_recent_turns_decides_what_a_cache_keeps() {
    // Median share of unchanged tokens, in percent, from windows 20 on, where
    // the history is larger than the window.
    let median = |recent_share| {
        let options = WindowOptions { recent_share, ..WindowOptions::new(4_096, cl100k()) };
        let windows = play(&options);
        let mut shares: Vec<u32> = windows
            .windows(2)
            .skip(20)
            .map(|pair| {
                let unchanged = unchanged_prefix_tokens(&pair[0].prefix, &pair[1].prefix);
                100 * unchanged / pair[1].total_tokens
            })
            .collect();
        shares.sort_unstable();
        shares[shares.len() / 2]
    };
    insta::assert_debug_snapshot!([0.0, 0.3, 0.5, 0.7, 0.9].map(|share| (share, median(share))));
}

#[test]
fn a_piece_that_differs_ends_the_prefix() {
    let piece = |hash, tokens| PrefixPiece { hash, tokens };
    let before = [piece(1, 10), piece(2, 20), piece(3, 30)];
    for (now, expected) in [
        (vec![piece(1, 10), piece(2, 20), piece(3, 30), piece(4, 40)], 60),
        (vec![piece(1, 10), piece(9, 20), piece(3, 30)], 10),
        (vec![piece(1, 10), piece(2, 20)], 30),
        (vec![piece(2, 20), piece(3, 30)], 0),
        (vec![], 0),
    ] {
        assert_eq!(unchanged_prefix_tokens(&before, &now), expected, "{now:?}");
    }
}
