//! What is known as of each turn, on a timeline made by hand.

use super::*;
use crate::staleness::StalenessKind;

fn edge(kind: EdgeKind, earlier: Sequence, confidence: f32) -> Event {
    let (earlier_span, later_span, reason) = (None, None, String::new());
    Event::Edge(Edge { kind, earlier, confidence, earlier_span, later_span, reason })
}

fn greatest(edges: &[f32]) -> f32 {
    edges.iter().fold(0.0, |greatest, edge| edge.max(greatest))
}

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(hours * 3_600).unwrap()
}

/// 1 is replaced by 3, 3 by 5; 4 contradicts 2; 2 expires after turn 4.
fn timeline(turns: Sequence) -> Timeline {
    let mut timeline = Timeline::default();
    for sequence in 1..=turns {
        let events = match sequence {
            2 => vec![Event::Expires { at: at(4), span: (0, 1), confidence: 0.9 }],
            3 => vec![
                edge(EdgeKind::Supersedes, 1, 0.8),
                Event::SegmentEnds { last: 2, confidence: 1.0 },
            ],
            4 => vec![edge(EdgeKind::Contradicts, 2, 0.7)],
            5 => vec![
                edge(EdgeKind::Supersedes, 3, 0.9),
                edge(EdgeKind::Supersedes, 2, 0.1),
                Event::Mentions { earlier: 1 },
            ],
            _ => vec![],
        };
        let said_at = at(sequence as i64);
        timeline.push(TurnEvents { version: 1, sequence, said_at, events });
    }
    timeline
}

#[test]
fn replacements_are_followed_to_the_end() {
    let all = timeline(6);
    for (earlier, as_of, replaced, current) in [
        (1, 2, None, None),
        (1, 3, Some(3), Some(3)),
        (1, 5, Some(3), Some(5)),
        (3, 6, Some(5), Some(5)),
        (2, 6, None, None),
    ] {
        let found = all.replaced_by(earlier, as_of).map(|(later, _)| later);
        assert_eq!((found, all.current(earlier, as_of)), (replaced, current), "{earlier}");
    }
    assert_eq!(all.contradictions(2, 6).map(|(other, _)| other).collect::<Vec<_>>(), [4]);
    assert_eq!(all.contradictions(4, 6).map(|(other, _)| other).collect::<Vec<_>>(), [2]);
    assert_eq!(all.contradictions(2, 3).count(), 0);
}

#[test]
fn the_score_as_of_a_turn_does_not_see_later_turns() {
    let all = timeline(9);
    for as_of in 1..=9 {
        let then = timeline(as_of);
        for sequence in 1..=as_of {
            assert_eq!(
                then.staleness(sequence, as_of, &greatest),
                all.staleness(sequence, as_of, &greatest)
            );
        }
    }
}

#[test]
fn each_component_names_its_cause() {
    let all = timeline(6);
    let find = |sequence, as_of, kind| {
        let of = all.staleness(sequence, as_of, &greatest).components;
        of.into_iter().find(|component| component.kind == kind).map(|c| (c.score, c.cause))
    };
    assert_eq!(find(1, 6, StalenessKind::Superseded), Some((0.8, Some(3))));
    assert_eq!(find(2, 6, StalenessKind::Superseded), Some((0.1, Some(5))));
    assert_eq!(find(2, 6, StalenessKind::Contradicted), Some((0.7, Some(4))));
    assert_eq!(find(4, 6, StalenessKind::Contradicted), Some((0.7, Some(2))));
    assert_eq!(find(2, 3, StalenessKind::Expired), None);
    assert_eq!(find(2, 4, StalenessKind::Expired), Some((0.9, Some(4))));
    assert_eq!(find(2, 4, StalenessKind::Abandoned).map(|(_, cause)| cause), Some(Some(3)));
    assert_eq!(find(1, 5, StalenessKind::Abandoned), None, "spoken of again");
    assert_eq!(find(4, 4, StalenessKind::Decayed), None);
}

#[test]
fn what_is_known_beside_the_turns_is_one_more_piece_of_evidence() {
    let all = timeline(6);
    let both = |edges: &[f32]| 1.0 - edges.iter().fold(1.0, |none, edge| none * (1.0 - *edge));
    let beside = |confidence| Replacement { confidence, reason: "told".to_owned(), cause: None };
    let superseded = |sequence, confidence| {
        let of = all.staleness_beside(sequence, 6, &both, Some(&beside(confidence)));
        let of = of.components.into_iter().find(|c| c.kind == StalenessKind::Superseded);
        of.map(|one| ((one.score * 100.0).round(), one.cause, one.reason))
    };
    let told = |score| Some((score, None, "told".to_owned()));
    assert_eq!(superseded(6, 0.7), told(70.0), "nothing else replaced it");
    assert_eq!(superseded(1, 0.9), told(98.0), "the surest tells why");
    let of_turn = Some((90.0, Some(3), "turn 3 replaced it".to_owned()));
    assert_eq!(superseded(1, 0.5), of_turn);
}

#[test]
fn topics_have_no_gaps() {
    let all = timeline(6);
    assert_eq!(all.topics(2), [(1, 2, 1.0)], "the end of the topic is not known yet");
    assert_eq!(all.topics(6), [(1, 2, 1.0), (3, 6, 1.0)]);
    assert_eq!(timeline(0).topics(3), []);
}

#[test]
fn a_rejected_edge_is_as_if_never_drawn_and_a_use_refreshes() {
    let mut all = timeline(6);
    all.reject(3, 1, RejectedKinds::only(EdgeKind::Supersedes));
    assert!(all.replaced_by(1, 6).is_none() && all.edge(3, 1, EdgeKind::Supersedes).is_none());
    assert_eq!(all.drawn(3, 1).count(), 1, "it was drawn, all the same");
    assert!(all.staleness(1, 6, &greatest).score < 0.01);
    let before = all.staleness(4, 6, &greatest);
    all.used(4, 6);
    assert!(all.staleness(4, 6, &greatest).score < before.score);
    assert_eq!(
        all.staleness(4, 5, &greatest),
        timeline(6).staleness(4, 5, &greatest),
        "used later"
    );
}

/// 2 repeats 1; 3 replaces 1, and is held against 2 and 1 in other ways too.
fn repeated() -> Timeline {
    let mut timeline = Timeline::default();
    let mut push = |sequence, events| {
        let said_at = at(sequence as i64);
        timeline.push(TurnEvents { version: 1, sequence, said_at, events });
    };
    push(1, vec![]);
    push(2, vec![]);
    let Event::Edge(echoed) = edge(EdgeKind::Supersedes, 2, 0.8) else { unreachable!() };
    let replaced = edge(EdgeKind::Supersedes, 1, 0.8);
    let contradicted = edge(EdgeKind::Contradicts, 1, 0.7);
    push(3, vec![replaced, contradicted, Event::Echo { parent: 1, edge: echoed }]);
    timeline
}

#[test]
fn one_edge_of_a_pair_is_rejected_and_the_other_stands() {
    for (kind, replaced, contradictions) in [
        (Some(EdgeKind::Supersedes), false, 1),
        (Some(EdgeKind::Contradicts), true, 0),
        (None, false, 0),
    ] {
        let mut all = repeated();
        all.reject(3, 1, RejectedKinds::from(kind));
        assert_eq!(all.replaced_by(1, 3).is_some(), replaced, "{kind:?}");
        assert_eq!(all.contradictions(1, 3).count(), contradictions, "{kind:?}");
        let of_kind = |kind| all.edge(3, 1, kind).is_some();
        assert_eq!(of_kind(EdgeKind::Supersedes), replaced, "{kind:?}");
        assert_eq!(of_kind(EdgeKind::Contradicts), contradictions == 1, "{kind:?}");
        assert_eq!(all.rejections(), [(3, 1, RejectedKinds::from(kind))]);
    }
    let mut all = repeated();
    all.reject(3, 1, RejectedKinds::only(EdgeKind::Supersedes));
    all.reject(3, 1, RejectedKinds::only(EdgeKind::Contradicts));
    assert!(all.edges_from(3).next().is_none(), "one after the other");
}

#[test]
fn what_repeats_a_replaced_turn_is_replaced_as_long_as_that_is() {
    let replaced = |all: &Timeline| [1, 2].map(|at| all.replaced_by(at, 3).is_some());
    let mut all = repeated();
    assert_eq!(replaced(&all), [true, true]);
    assert_eq!(all.current(2, 3), Some(3));
    let of_echo = all.staleness(2, 3, &greatest).components;
    let superseded = of_echo.iter().find(|one| one.kind == StalenessKind::Superseded);
    assert_eq!(superseded.map(|one| (one.score, one.cause)), Some((0.8, Some(3))));
    assert_eq!(all.edges_from(3).count(), 3);
    all.reject(3, 1, RejectedKinds::only(EdgeKind::Contradicts));
    assert_eq!(replaced(&all), [true, true]);
    all.reject(3, 1, RejectedKinds::only(EdgeKind::Supersedes));
    assert_eq!(replaced(&all), [false, false], "it falls with the edge that it follows from");
    let mut all = repeated();
    all.reject(3, 2, RejectedKinds::only(EdgeKind::Supersedes));
    assert_eq!(replaced(&all), [true, false], "it can be rejected alone");
}
