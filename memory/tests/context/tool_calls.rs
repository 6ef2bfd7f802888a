//! Tool calls that nothing answers: quoted where they are found, verbatim only
//! while they are in progress.

use std::sync::Arc;

use crate::fixture::{
    Scene, call, cl100k,
    invariants::{check_costs, check_tool_calls},
    result, text, turn,
};
use throughline_memory::{
    context::{MAX_TOOL_SPAN, Query, Section, Window, WindowOptions},
    turn::{Role, Sequence, Turn},
};

fn user(sequence: Sequence, words: &str) -> Turn {
    turn(sequence, Role::User, "", vec![text(words)])
}

fn said(sequence: Sequence, words: &str) -> Turn {
    turn(sequence, Role::Assistant, "", vec![text(words)])
}

/// A turn that calls with each of these ids.
fn calls(sequence: Sequence, ids: &[&str]) -> Turn {
    let parts = ids.iter().map(|id| call(id, "look_up", "{}")).collect();
    turn(sequence, Role::Assistant, "", parts)
}

fn answer(sequence: Sequence, id: &str) -> Turn {
    turn(sequence, Role::Tool, "", vec![result(id, "four")])
}

fn erased(sequence: Sequence) -> Turn {
    Turn { forgotten: true, ..turn(sequence, Role::Tool, "", Vec::new()) }
}

/// Of everything that fits: what stands as it was said, and what is quoted.
fn stands(scene: &Scene) -> (Vec<Sequence>, Vec<Sequence>) {
    let options = WindowOptions { recent_share: 1.0, ..WindowOptions::new(20_000, cl100k()) };
    let window = scene.assemble(&options).unwrap();
    check_costs(&window, &options);
    check_tool_calls(&window, scene);
    let of = |window: &Window, sections: &[Section]| -> Vec<Sequence> {
        let items = window.items.iter().filter(|item| sections.contains(&item.section));
        items.filter_map(|item| item.sequence).collect()
    };
    (of(&window, &[Section::Recent, Section::Query]), of(&window, &[Section::Retrieved]))
}

/// A scene that asks with its turn `asked`, or with words for 0.
fn scene(turns: Vec<Turn>, asked: Sequence) -> Scene {
    let mut scene = Scene::new(turns, "and the second?");
    if let Some(turn) = scene.turns.iter().find(|turn| turn.sequence == asked) {
        scene.query = Query::LastTurn(Arc::new(turn.clone()));
    }
    scene
}

#[test]
fn a_call_whose_answer_was_erased_is_a_quotation() {
    let turns =
        vec![user(1, "look"), calls(2, &["a"]), erased(3), said(4, "Done."), user(5, "again?")];
    assert_eq!(stands(&scene(turns.clone(), 5)), (vec![1, 4, 5], vec![]));
    assert_eq!(stands(&scene(turns, 5).find(&[2])), (vec![1, 4, 5], vec![2]));
    // At the very end too: nobody answers again what was answered once.
    let turns = vec![user(1, "look"), calls(2, &["a"]), erased(3)];
    assert_eq!(stands(&scene(turns, 1)), (vec![1], vec![]));
}

#[test]
fn one_of_two_calls_without_an_answer_takes_the_other_along() {
    let turns = vec![
        user(1, "look"),
        calls(2, &["a", "b"]),
        answer(3, "a"),
        said(4, "Half of it."),
        user(5, "and the rest?"),
    ];
    assert_eq!(stands(&scene(turns.clone(), 5)), (vec![1, 4, 5], vec![]));
    assert_eq!(stands(&scene(turns, 5).find(&[3])), (vec![1, 4, 5], vec![2, 3]));
}

#[test]
fn more_calls_than_plans_know_are_read() {
    let ids: Vec<String> = (0..9).map(|n| format!("call-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for (answered, expected) in [(9, (1..=12).collect()), (8, vec![1, 12])] {
        let mut turns = vec![user(1, "look"), calls(2, &ids)];
        turns.extend((3..).zip(&ids[..answered]).map(|(sequence, id)| answer(sequence, id)));
        turns.push(user(12, "and now?"));
        assert_eq!(stands(&scene(turns, 12)).0, expected, "{answered} answers");
    }
}

#[test]
fn an_answer_too_far_away_is_none() {
    for (gap, whole) in [(MAX_TOOL_SPAN - 1, true), (MAX_TOOL_SPAN, false)] {
        let mut turns = vec![calls(1, &["a"])];
        turns.extend((2..).take(gap).map(|sequence| user(sequence, "waiting")));
        let end = gap as u64 + 2;
        turns.extend([answer(end, "a"), user(end + 1, "now?")]);
        let (verbatim, _) = stands(&scene(turns, end + 1));
        assert_eq!(verbatim.contains(&1), whole, "{gap}");
        assert_eq!(verbatim.contains(&end), whole, "{gap}");
    }
}

#[test]
fn a_call_in_progress_stands_at_the_very_end() {
    let turns = vec![user(1, "look"), calls(2, &["a", "b"]), answer(3, "b")];
    assert_eq!(stands(&scene(turns[..2].to_vec(), 1)).0, [1, 2]);
    assert_eq!(stands(&scene(turns.clone(), 1)).0, [1, 2, 3]);
    // Behind it stands a question, or an assistant that went on.
    assert_eq!(stands(&scene(turns.clone(), 0)).0, [1]);
    let went_on = [turns, vec![said(4, "I gave up.")]].concat();
    assert_eq!(stands(&scene(went_on, 1)).0, [1, 4]);
}

#[test]
fn a_query_may_answer_a_call() {
    let mut turns = vec![user(1, "look"), calls(2, &["a"])];
    turns.push(turn(3, Role::User, "", vec![result("a", "four")]));
    assert_eq!(stands(&scene(turns, 3)).0, [1, 2, 3]);
}

#[test]
fn an_id_used_again_is_answered_where_it_was_called_last() {
    let turns = vec![
        user(1, "look"),
        calls(2, &["a"]),
        said(3, "It failed, again."),
        calls(4, &["a"]),
        answer(5, "a"),
        user(6, "and?"),
    ];
    assert_eq!(stands(&scene(turns, 6)).0, [1, 3, 4, 5, 6]);
}

#[test]
fn an_answer_that_names_no_call_answers_the_one_before() {
    let bare = turn(3, Role::Tool, "", vec![text("four")]);
    let turns = vec![user(1, "look"), calls(2, &["a"]), bare, user(4, "and?")];
    assert_eq!(stands(&scene(turns, 4)).0, [1, 2, 3, 4]);
}
