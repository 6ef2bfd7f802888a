//! What holds when: supersession, expiry, dependencies, earlier moments.

use super::{testing::fact, *};
use crate::facts::TurnLink;

fn id(name: &str) -> FactId {
    FactId::new(name).unwrap()
}

fn second(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap()
}

fn edge(later: Cause, kind: EdgeKind, known_turn: Sequence) -> FactEdge {
    FactEdge {
        kind,
        later,
        confidence: 0.9,
        earlier_value: String::new(),
        later_value: "new".to_owned(),
        reason: String::new(),
        withdraws: false,
        valid_from: second(50),
        known_at: second(50),
        known_turn,
    }
}

fn replaced(name: &str, by: &str, known_turn: Sequence) -> Fact {
    let mut fact = fact(name);
    fact.edges.push(edge(Cause::Fact(id(by)), EdgeKind::Supersedes, known_turn));
    fact
}

/// Each fact as `held`, the reason of its end, or `unknown`.
fn states(facts: &[Fact], as_of: &AsOf<'_>) -> Vec<&'static str> {
    let state = |standing: &Option<Standing>| match standing {
        None => "unknown",
        Some(standing) => match standing.retired.as_ref().map(|retired| retired.why) {
            None => "held",
            Some(Retirement::Superseded) => "superseded",
            Some(Retirement::Expired) => "expired",
            Some(Retirement::Dependency) => "dependency",
        },
    };
    standing(facts, as_of).iter().map(state).collect()
}

#[test]
fn a_fact_ends_when_its_replacement_is_known() {
    let mut new = fact("b");
    new.known_turn = 7;
    let facts = [replaced("a", "b", 7), new];
    let at = |turn| AsOf { turn, clock: None, turns: &[] };
    assert_eq!(states(&facts, &at(6)), ["held", "unknown"]);
    assert_eq!(states(&facts, &at(7)), ["superseded", "held"]);
    assert_eq!(states(&facts, &AsOf::now(None)), ["superseded", "held"]);
    let end = standing(&facts, &AsOf::now(None)).remove(0).unwrap().retired.unwrap();
    assert_eq!((end.at, end.value.as_str()), (Some(second(50)), "new"));
}

#[test]
fn taking_the_later_one_out_or_rejecting_it_differ() {
    let lonely = [replaced("a", "b", 0)];
    assert_eq!(states(&lonely, &AsOf::now(None)), ["superseded"]);
    let mut rejected = replaced("a", "b", 0);
    rejected.rejected.push(Cause::Fact(id("b")));
    assert_eq!(states(&[rejected, fact("b")], &AsOf::now(None)), ["held", "held"]);
    let mut doubtful = replaced("a", "b", 0);
    doubtful.edges[0].confidence = 0.4;
    assert_eq!(states(&[doubtful, fact("b")], &AsOf::now(None)), ["held", "held"]);
}

#[test]
fn a_fact_expires_by_the_conversations_clock() {
    let mut passing = fact("a");
    passing.says.expires_at = Some(second(100));
    for (clock, expected) in [(None, "held"), (Some(99), "held"), (Some(100), "expired")] {
        let found = states(std::slice::from_ref(&passing), &AsOf::now(clock.map(second)));
        assert_eq!(found, [expected], "{clock:?}");
    }
}

#[test]
fn a_fact_goes_with_what_it_stands_on() {
    let on = |name: &str, dependencies: &[&str]| {
        let mut fact = fact(name);
        fact.says.depends_on = dependencies.iter().map(|name| id(name)).collect();
        fact
    };
    let facts = [
        on("d", &["c"]),
        on("c", &["x", "a"]),
        replaced("a", "b", 0),
        fact("b"),
        fact("x"),
        on("y", &["x"]),
        on("z", &["gone"]),
    ];
    let expected = ["dependency", "dependency", "superseded", "held", "held", "held", "dependency"];
    assert_eq!(states(&facts, &AsOf::now(None)), expected);
    let ends = standing(&facts, &AsOf::now(None));
    let end = |at: usize| ends[at].clone().unwrap().retired.unwrap();
    assert_eq!((end(0).by, end(0).at), (Some(Cause::Fact(id("c"))), Some(second(50))));
    assert_eq!((end(6).by, end(6).at), (Some(Cause::Fact(id("gone"))), None));
    // A cycle that slipped in must not hang.
    let cycle = [on("p", &["q", "a"]), on("q", &["p"]), replaced("a", "b", 0)];
    assert_eq!(states(&cycle, &AsOf::now(None)), ["dependency", "dependency", "superseded"]);
}

#[test]
fn a_fact_goes_with_the_turn_that_says_the_same() {
    let mut said = fact("a");
    said.known_turn = 3;
    let covers = (Vec::new(), 0);
    said.turns.push(TurnLink { turn: 2, bears: None, span: (10, 20), confidence: 0.9, covers });
    let turn_edge = |later, earlier_span| TurnEdge {
        earlier: 2,
        later,
        earlier_span,
        confidence: 0.8,
        said_at: second(9),
        later_value: "seven".to_owned(),
    };
    for (later, span, turn, expected) in [
        (5, None, Sequence::MAX, "superseded"),
        (5, Some((15, 30)), Sequence::MAX, "superseded"),
        (5, Some((20, 30)), Sequence::MAX, "held"),
        (3, None, Sequence::MAX, "superseded"),
        (2, None, Sequence::MAX, "held"),
        (5, None, 4, "held"),
    ] {
        let turns = [turn_edge(later, span)];
        let as_of = AsOf { turn, clock: None, turns: &turns };
        assert_eq!(states(std::slice::from_ref(&said), &as_of), [expected], "{later} {span:?}");
    }
}

#[test]
fn what_only_takes_back_is_known_as_such() {
    let mut old = replaced("a", "b", 0);
    let withdraws = |old: &Fact| {
        let found = standing(&[old.clone(), fact("b")], &AsOf::now(None));
        found[1].as_ref().unwrap().withdraws
    };
    assert!(!withdraws(&old));
    old.edges[0].withdraws = true;
    assert!(withdraws(&old));
    old.rejected.push(Cause::Fact(id("b")));
    assert!(!withdraws(&old));
}

#[test]
fn a_contradiction_keeps_both_and_marks_both() {
    let mut high = fact("a");
    high.edges.push(edge(Cause::Fact(id("b")), EdgeKind::Contradicts, 0));
    let found = standing(&[high, fact("b")], &AsOf::now(None));
    let [Some(high), Some(low)] = found.as_slice() else { panic!("{found:?}") };
    assert!(high.retired.is_none() && low.retired.is_none());
    assert_eq!((high.contradicted_by.len(), low.contradicts.as_slice()), (1, &[id("a")][..]));
}

/// A fact with a link to the clause of turn 3 at 0..10.
fn told(mut fact: Fact, bears: Option<EdgeKind>) -> Fact {
    fact.turns.push(TurnLink {
        turn: 3,
        bears,
        span: (0, 10),
        confidence: 0.9,
        covers: (Vec::new(), 1),
    });
    fact
}

/// What the detector quoted of turn 3.
fn quotation(span: (u32, u32)) -> Fact {
    let mut quotation = fact("q");
    (quotation.source, quotation.source_span) = (Some(3), Some(span));
    quotation.known_turn = 3;
    quotation.origin = crate::facts::Origin::Detector { version: 1, probability: 0.9 };
    quotation
}

#[test]
fn what_a_detected_pin_quotes_ends_with_the_fact_that_says_it() {
    let now = AsOf::now(None);
    let old = || told(replaced("a", "b", 7), None);
    let last = |facts: &[Fact]| states(facts, &now).pop();
    assert_eq!(last(&[old(), fact("b"), quotation((2, 9))]), Some("superseded"));
    assert_eq!(last(&[old(), fact("b"), quotation((10, 19))]), Some("held"), "another sentence");
    let holds = told(fact("b"), None);
    assert_eq!(last(&[old(), holds, quotation((2, 9))]), Some("held"), "it says the new as well");
    let replaces = told(fact("b"), Some(EdgeKind::Supersedes));
    assert_eq!(last(&[replaces.clone(), quotation((2, 9))]), Some("superseded"));
    let mut rejected = quotation((2, 9));
    rejected.rejected.push(Cause::Fact(id("b")));
    assert_eq!(last(&[replaces, rejected]), Some("held"));
    let mut by_turn = fact("a");
    by_turn.edges.push(edge(Cause::Turn(2), EdgeKind::Supersedes, 2));
    assert_eq!(last(&[told(by_turn, None), quotation((2, 9))]), Some("held"), "said again in 3");
}
