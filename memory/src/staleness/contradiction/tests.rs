//! The model as a whole on pairs written by hand, and its parts that can fail.

use jiff::Timestamp;

use super::*;
use crate::{staleness::statement::TurnText, turn::Role};

fn read(sequence: u64, role: Role, text: &str) -> Prepared {
    let said_at = Timestamp::UNIX_EPOCH;
    let turn = TurnText { sequence, role, speaker: "", said_at, text, vector: None };
    Prepared::of(&Arc::new(Statement::of(&turn, None)))
}

fn model() -> ContradictionModel {
    match ContradictionModel::bundled() {
        Ok(model) => model,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_oath_against_a_deed_names_both_sentences() {
    let old = read(3, Role::User, "Hi there. I attended a cooking workshop in May with Lena.");
    let new = read(9, Role::User, "I've never attended any cooking workshop, where do I start?");
    let found = model().score(&old, &new, &[]);
    assert_eq!(
        found.old_span.of(&old.statement.said.text),
        "I attended a cooking workshop in May with Lena"
    );
    assert_eq!(
        found.new_span.of(&new.statement.said.text),
        "I've never attended any cooking workshop"
    );
    assert!(found.reason.starts_with("said never to be so, and said to be so: “I attended"));
    assert!(found.probability > 0.5, "{found:?}");
}

#[test]
fn odd_input_gives_a_probability() {
    let model = model();
    let long = "I never said so. ".repeat(2_000);
    for (a, b) in [("", ""), ("", "x"), ("no", "no"), ("日本語です。", "いいえ"), (&*long, &*long)]
    {
        let found = model.score(&read(1, Role::User, a), &read(2, Role::User, b), &[]);
        assert!((0.0..=1.0).contains(&found.probability), "{a:?} {b:?}");
        assert!(found.old_span.end as usize <= a.len() && found.new_span.end as usize <= b.len());
    }
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    assert!(matches!(ContradictionModel::parse("{"), Err(WeightsError::Json(_))));
    let unknown = BUNDLED.replacen("\"cosine\"", "\"cosines\"", 1);
    assert!(matches!(
        ContradictionModel::parse(&unknown),
        Err(WeightsError::UnknownFeature(name)) if name == "cosines"
    ));
}

/// Probability for a pair of user turns, six turns apart, without vectors.
fn probability(model: &ContradictionModel, (old, new): table::Pair) -> f32 {
    model.score(&read(1, Role::User, old), &read(7, Role::User, new), &[]).probability
}

#[test]
fn hand_written_pairs_are_told_apart() {
    let model = model();
    let of = |pairs: &[table::Pair]| -> Vec<f32> {
        pairs.iter().map(|pair| probability(&model, *pair)).collect()
    };
    let (wrong, fine) = (of(table::CONTRADICTIONS), of(table::COMPATIBLE));
    let higher = wrong.iter().flat_map(|w| fine.iter().map(move |f| w > f)).filter(|x| *x).count();
    let share = higher as f32 / (wrong.len() * fine.len()) as f32;
    let flagged = fine.iter().filter(|p| **p >= model.flag_at()).count();
    assert!(wrong.len() >= 20 && fine.len() >= 20);
    assert!(share >= 0.8, "{share} of the pairs in order; {wrong:.2?} {fine:.2?}");
    assert!(flagged <= 1, "{flagged} compatible pairs flagged; {fine:.2?}");
}

#[test]
fn probabilities_are_those_of_training() {
    #[derive(serde::Deserialize)]
    struct Case {
        row: Vec<f32>,
        probability: f32,
    }
    #[derive(serde::Deserialize)]
    struct Fixture {
        names: Vec<String>,
        rows: Vec<Case>,
    }
    let fixture: Fixture = match serde_json::from_str(include_str!("testdata/rows.json")) {
        Ok(fixture) => fixture,
        Err(error) => panic!("{error}"),
    };
    let names: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
    assert_eq!(fixture.names, names, "the columns are those of training");
    let model = model();
    for case in fixture.rows {
        let row = Row { values: case.row, conflict: None };
        let found = model.probability(&row);
        assert!((found - case.probability).abs() < 1e-4, "{found} {}", case.probability);
    }
}

#[test]
fn an_answer_is_held_against_the_turn_it_contradicts() {
    let history = [
        read(1, Role::User, "I've never been to Lisbon."),
        read(2, Role::Assistant, "It is lovely in spring."),
        read(3, Role::User, "How warm is it there?"),
    ];
    let answer = read(4, Role::User, "I have been to Lisbon twice.");
    let history: Vec<&Prepared> = history.iter().collect();
    let model = model();
    assert_eq!(model.against_history(&history, &answer).map(|found| found.0), Some(0));
    assert_eq!(model.against_history(&[], &answer), None);
}
