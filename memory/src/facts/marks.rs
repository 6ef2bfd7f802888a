//! What facts do to the turns before them: a turn that says what a fact
//! replaced goes with it. One that says the new as well ("not May 3 but May 17")
//! stays, marked in part, unless facts say nearly all of it: the new value stands
//! in a pin then, and not beside the old one.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Cause, Fact, Retired, Retirement, Standing, TurnLink, news};
use crate::{
    staleness::{EdgeKind, SHOWN_CONFIDENCE},
    turn::{FactId, Sequence},
};

/// Share of a turn's content words that facts must have for the turn to be left
/// to them, 0 to 1.
const CARRIED: f32 = 0.6;

/// A fact that took the place of what a turn says.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnMark {
    /// The turn.
    pub turn: Sequence,
    /// The fact, or the turn that took the place of a fact which says the same.
    pub by: Cause,
    /// Bytes of the turn's searchable text that are meant.
    pub span: (u32, u32),
    /// Probability that it is right.
    pub confidence: f32,
    /// What the fact says, in words.
    pub later_value: String,
    /// From when on the fact holds.
    pub valid_from: Timestamp,
    /// When it was pinned.
    pub known_at: Timestamp,
    /// The newest turn by then.
    pub known_turn: Sequence,
    /// The turn says what holds as well: only the span is meant.
    pub partly: bool,
}

/// The turns that facts have replaced, by turn; the facts with how they stood after
/// `as_of`.
pub fn turn_marks<'a>(
    known: impl IntoIterator<Item = (&'a Fact, &'a Standing)>,
    as_of: Sequence,
) -> Vec<TurnMark> {
    let known: Vec<(&Fact, &Standing)> = known.into_iter().collect();
    let by_id: HashMap<&FactId, &Fact> = known.iter().map(|(fact, _)| (&fact.id, *fact)).collect();
    let mut marks: Vec<TurnMark> = Vec::new();
    // What the detector found marks no turn: that it yields to something is a guess.
    for &(fact, standing) in known.iter().filter(|(fact, _)| !fact.origin.is_detector()) {
        for link in fact.turns.iter().filter(|link| link.turn <= as_of) {
            let mut mark = |by: &Fact| {
                let rejected = by.has_rejected(&Cause::Turn(link.turn));
                if link.confidence >= SHOWN_CONFIDENCE && !rejected {
                    marks.push(mark_of(link.turn, link.span, link.confidence, by));
                }
            };
            match link.bears {
                Some(EdgeKind::Supersedes) => mark(fact),
                Some(EdgeKind::Contradicts) => {}
                None => {
                    let retired = standing.retired.as_ref();
                    let retired = retired.filter(|end| end.why == Retirement::Superseded);
                    match retired.and_then(|end| end.by.as_ref()) {
                        Some(Cause::Fact(by)) => match by_id.get(by) {
                            Some(by) if is_told_after(by, link, as_of) => mark(by),
                            Some(_) => {}
                            None => marks.extend(mark_by_gone(link, by, fact)),
                        },
                        Some(Cause::Turn(by)) if *by > link.turn => {
                            marks
                                .extend(retired.and_then(|end| mark_by_turn(link, *by, fact, end)));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    for mark in &mut marks {
        match current_word(&known, mark.turn) {
            CurrentWord::None => {}
            // The pin says it without the old.
            CurrentWord::Carried(by) => *mark = mark_of(mark.turn, mark.span, mark.confidence, by),
            CurrentWord::OfTheTurn => mark.partly = true,
        }
    }
    marks.sort_by(|a, b| {
        (a.turn, a.known_turn, a.known_at).cmp(&(b.turn, b.known_turn, b.known_at))
    });
    marks.dedup_by_key(|mark| mark.turn);
    marks
}

/// Whether a fact was told, by a turn up to `as_of`, no earlier than a turn that says
/// what it replaced: who says the old value again after the new one goes back to it.
fn is_told_after(by: &Fact, link: &TurnLink, as_of: Sequence) -> bool {
    match news::last_told(by, as_of) {
        Some(told) => told >= link.turn,
        None => true,
    }
}

/// Whether a turn says something that still holds.
enum CurrentWord<'a> {
    /// It does not.
    None,
    /// It does, and facts that hold or that it repeats say nearly all of it.
    Carried(&'a Fact),
    /// It does.
    OfTheTurn,
}

fn current_word<'a>(known: &[(&'a Fact, &Standing)], turn: Sequence) -> CurrentWord<'a> {
    let mut words: Vec<u32> = Vec::new();
    let mut all = 0;
    let mut current = None;
    for &(fact, standing) in known {
        for link in fact.turns.iter().filter(|link| link.turn == turn && link.bears.is_none()) {
            if standing.retired.is_none() {
                current = Some(fact);
            }
            words.extend(&link.covers.0);
            all = link.covers.1;
        }
    }
    words.sort_unstable();
    words.dedup();
    match current {
        None => CurrentWord::None,
        Some(fact) if words.len() as f32 >= CARRIED * all as f32 => CurrentWord::Carried(fact),
        Some(_) => CurrentWord::OfTheTurn,
    }
}

/// A turn that repeats a fact which a later turn ended.
fn mark_by_turn(link: &TurnLink, by: Sequence, fact: &Fact, end: &Retired) -> Option<TurnMark> {
    let rejected = fact.has_rejected(&Cause::Turn(by)) || link.confidence < SHOWN_CONFIDENCE;
    let valid_from = end.at.filter(|_| !rejected)?;
    Some(TurnMark {
        turn: link.turn,
        by: Cause::Turn(by),
        span: link.span,
        confidence: link.confidence,
        later_value: end.value.clone(),
        valid_from,
        known_at: valid_from,
        known_turn: by,
        partly: false,
    })
}

/// A turn that repeats a fact of which the replacement was taken out since. That it is
/// over stays known by its edge, with the words if they were not erased. Of what was said
/// after the replacement nothing is known.
fn mark_by_gone(link: &TurnLink, by: &FactId, fact: &Fact) -> Option<TurnMark> {
    let by = Cause::Fact(by.clone());
    let edge = fact.edges.iter().find(|e| e.kind == EdgeKind::Supersedes && e.later == by)?;
    let is_sure = link.confidence >= SHOWN_CONFIDENCE && link.turn <= edge.known_turn;
    is_sure.then(|| TurnMark {
        turn: link.turn,
        by,
        span: link.span,
        confidence: link.confidence,
        later_value: edge.later_value.clone(),
        valid_from: edge.valid_from,
        known_at: edge.known_at,
        known_turn: edge.known_turn,
        partly: false,
    })
}

fn mark_of(turn: Sequence, span: (u32, u32), confidence: f32, by: &Fact) -> TurnMark {
    let value = if by.says.value.trim().is_empty() { &by.text } else { &by.says.value };
    TurnMark {
        turn,
        by: Cause::Fact(by.id.clone()),
        span,
        confidence,
        later_value: super::edge::short(value),
        valid_from: by.valid_from,
        known_at: by.created_at,
        known_turn: by.known_turn,
        partly: false,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::retirement::{AsOf, standing, testing::fact},
        *,
    };
    use crate::facts::{
        TurnLink,
        draw::{draw, forget},
    };

    fn pinned(id: &str, value: &str, links: &[(Sequence, Option<EdgeKind>)]) -> Fact {
        let mut pinned = fact(id);
        pinned.known_turn = 9;
        pinned.says.attribute = "hotel".to_owned();
        pinned.says.value = value.to_owned();
        pinned.text = format!("hotel: {value}");
        pinned.turns = links
            .iter()
            .map(|(turn, bears)| TurnLink {
                turn: *turn,
                bears: *bears,
                span: (0, 5),
                confidence: 0.9,
                covers: (Vec::new(), 10),
            })
            .collect();
        pinned
    }

    /// Pins one after the other, as the engine does.
    fn drawn(all: Vec<Fact>) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        for mut fact in all {
            draw(&mut fact, &mut facts);
            facts.push(fact);
        }
        facts
    }

    fn marks_of(facts: &[Fact], turn: Sequence) -> Vec<TurnMark> {
        let standing = standing(facts, &AsOf { turn, clock: None, turns: &[] });
        let known = facts.iter().zip(&standing).filter_map(|(f, s)| Some((f, s.as_ref()?)));
        turn_marks(known, turn)
    }

    fn marked(all: Vec<Fact>) -> Vec<(Sequence, &'static str)> {
        let marks = marks_of(&drawn(all), Sequence::MAX);
        let how = |mark: &TurnMark| match (mark.later_value.as_str(), mark.partly) {
            ("Ritz", false) => "Ritz",
            ("Ritz", true) => "Ritz, in part",
            _ => "something else",
        };
        marks.iter().map(|mark| (mark.turn, how(mark))).collect()
    }

    /// An old value that turns 1 and 4 say, and a new one of turns 3 and 8.
    fn gone_back() -> Vec<Fact> {
        let mut old = pinned("a", "Hilton", &[(1, None), (4, None)]);
        let mut new = pinned("b", "Ritz", &[(3, None), (8, None)]);
        (old.known_turn, new.known_turn) = (1, 3);
        drawn(vec![old, new])
    }

    #[test]
    fn what_is_said_later_changes_no_earlier_moment() {
        let facts = gone_back();
        let turns = |as_of| -> Vec<Sequence> {
            marks_of(&facts, as_of).iter().map(|mark| mark.turn).collect()
        };
        assert_eq!(turns(2), [] as [Sequence; 0]);
        assert_eq!(turns(5), [1], "4 goes back");
        assert_eq!(turns(8), [1, 4]);
        assert_eq!(turns(Sequence::MAX), [1, 4]);
    }

    #[test]
    fn a_turn_stays_replaced_when_the_replacement_is_taken_out() {
        let mut facts = gone_back();
        let new = facts.pop().unwrap();
        let of_edge = marks_of(&facts, 5);
        assert_eq!(of_edge.iter().map(|mark| mark.turn).collect::<Vec<_>>(), [1]);
        let edge = &facts[0].edges[0];
        assert_eq!((&of_edge[0].by, of_edge[0].later_value.as_str()), (&edge.later, "Ritz"));
        assert_eq!((of_edge[0].known_turn, of_edge[0].valid_from), (3, edge.valid_from));
        forget(&[new.id], &mut facts);
        let erased = marks_of(&facts, Sequence::MAX);
        let said: Vec<_> = erased.iter().map(|mark| (mark.turn, &*mark.later_value)).collect();
        assert_eq!(said, [(1, "")], "its words are gone");
    }

    #[test]
    fn a_turn_goes_with_the_fact_that_repeats_it() {
        let replaces = Some(EdgeKind::Supersedes);
        let old = || pinned("a", "Hilton", &[(1, None), (2, None)]);
        assert_eq!(marked(vec![old()]), []);
        let new = |links: &[_]| pinned("b", "Ritz", links);
        let (ritz, in_part) = (|turn| (turn, "Ritz"), |turn| (turn, "Ritz, in part"));
        assert_eq!(marked(vec![old(), new(&[])]), [ritz(1), ritz(2)]);
        let both = marked(vec![old(), new(&[(2, None)])]);
        assert_eq!(both, [ritz(1), in_part(2)], "2 says the new as well");
        let back = pinned("a", "Hilton", &[(1, None), (4, None)]);
        assert_eq!(marked(vec![back, new(&[(3, None)])]), [ritz(1)], "4 goes back");
        let (mut old_half, mut new_half) = (old(), new(&[(2, None)]));
        old_half.turns[1].covers.0 = vec![1, 2, 3];
        new_half.turns[0].covers.0 = vec![3, 4, 5];
        let both = |old: &Fact, new: &Fact| marked(vec![old.clone(), new.clone()]);
        assert_eq!(both(&old_half, &new_half), [ritz(1), in_part(2)]);
        new_half.turns[0].covers.0.push(6);
        assert_eq!(both(&old_half, &new_half), [ritz(1), ritz(2)], "facts say nearly all of 2");
        assert_eq!(marked(vec![new(&[(4, replaces)])]), [ritz(4)]);
        let mut rejected = new(&[(4, replaces)]);
        rejected.rejected.push(Cause::Turn(4));
        assert_eq!(marked(vec![rejected]), []);
        let mut unclear = old();
        unclear.says.additive = true;
        assert_eq!(marked(vec![unclear, new(&[])]), []);
    }
}
