//! The model as a whole on pairs written by hand, and its parts that can fail.

use jiff::Timestamp;

use super::*;
use crate::{staleness::statement::TurnText, turn::Role};

fn statement(sequence: u64, role: Role, text: &str) -> Statement {
    let said_at = Timestamp::UNIX_EPOCH;
    Statement::of(&TurnText { sequence, role, speaker: "", said_at, text, vector: None }, None)
}

fn model() -> ContradictionModel {
    match ContradictionModel::bundled() {
        Ok(model) => model,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_oath_against_a_deed_names_both_sentences() {
    let old = statement(3, Role::User, "Hi there. I attended a cooking workshop in May with Lena.");
    let new =
        statement(9, Role::User, "I've never attended any cooking workshop, where do I start?");
    let found = model().score(&old, &new, &[]);
    assert_eq!(found.old_span.of(&old.said.text), "I attended a cooking workshop in May with Lena");
    assert_eq!(found.new_span.of(&new.said.text), "I've never attended any cooking workshop");
    assert!(found.reason.starts_with("said never to be so, and said to be so: “I attended"));
    assert!(found.probability > 0.5, "{found:?}");
}

#[test]
fn odd_input_gives_a_probability() {
    let model = model();
    let long = "I never said so. ".repeat(2_000);
    for (a, b) in [("", ""), ("", "x"), ("no", "no"), ("日本語です。", "いいえ"), (&*long, &*long)]
    {
        let found = model.score(&statement(1, Role::User, a), &statement(2, Role::User, b), &[]);
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
