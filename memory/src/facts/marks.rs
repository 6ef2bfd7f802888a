//! What facts do to the turns before them: a turn that says what a fact
//! replaced goes with it, unless it says the new as well.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Cause, Fact, Retirement, Standing};
use crate::{
    staleness::{EdgeKind, SHOWN_CONFIDENCE},
    turn::{FactId, Sequence},
};

/// A fact that took the place of what a turn says.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnMark {
    /// The turn.
    pub turn: Sequence,
    /// The fact.
    pub by: FactId,
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
}

/// The turns that facts have replaced, by turn; `standing` is that of `facts`.
pub fn turn_marks(facts: &[Fact], standing: &[Option<Standing>]) -> Vec<TurnMark> {
    let by_id: HashMap<&FactId, &Fact> = facts.iter().map(|fact| (&fact.id, fact)).collect();
    let known = || facts.iter().zip(standing).filter_map(|(f, s)| Some((f, s.as_ref()?)));
    let mut marks: Vec<TurnMark> = Vec::new();
    for (fact, standing) in known() {
        for link in &fact.turns {
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
                    if let Some(Cause::Fact(by)) = retired.and_then(|end| end.by.as_ref())
                        && let Some(by) = by_id.get(by)
                    {
                        mark(by);
                    }
                }
            }
        }
    }
    // A turn that says what still holds is current, whatever else it says.
    let says_current = |turn: Sequence| {
        known().any(|(fact, standing)| {
            standing.retired.is_none()
                && (fact.source == Some(turn)
                    || fact.turns.iter().any(|link| link.turn == turn && link.bears.is_none()))
        })
    };
    marks.retain(|mark| !says_current(mark.turn));
    marks.sort_by(|a, b| {
        (a.turn, a.known_turn, a.known_at).cmp(&(b.turn, b.known_turn, b.known_at))
    });
    marks.dedup_by_key(|mark| mark.turn);
    marks
}

fn mark_of(turn: Sequence, span: (u32, u32), confidence: f32, by: &Fact) -> TurnMark {
    let value = if by.says.value.trim().is_empty() { &by.text } else { &by.says.value };
    TurnMark {
        turn,
        by: by.id.clone(),
        span,
        confidence,
        later_value: super::edge::short(value),
        valid_from: by.valid_from,
        known_at: by.created_at,
        known_turn: by.known_turn,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::retirement::{AsOf, standing, testing::fact},
        *,
    };
    use crate::facts::{TurnLink, draw::draw};

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
            })
            .collect();
        pinned
    }

    fn marked(all: Vec<Fact>) -> Vec<(Sequence, String)> {
        let mut facts: Vec<Fact> = Vec::new();
        for mut fact in all {
            draw(&mut fact, &mut facts);
            facts.push(fact);
        }
        let standing = standing(&facts, &AsOf::now(None));
        let marks = turn_marks(&facts, &standing);
        marks.into_iter().map(|mark| (mark.turn, mark.later_value)).collect()
    }

    #[test]
    fn a_turn_goes_with_the_fact_that_repeats_it() {
        let replaces = Some(EdgeKind::Supersedes);
        let old = || pinned("a", "Hilton", &[(1, None), (2, None)]);
        assert_eq!(marked(vec![old()]), []);
        let new = |links: &[_]| pinned("b", "Ritz", links);
        let ritz = |turn| (turn, "Ritz".to_owned());
        assert_eq!(marked(vec![old(), new(&[])]), [ritz(1), ritz(2)]);
        assert_eq!(marked(vec![old(), new(&[(2, None)])]), [ritz(1)], "2 says the new as well");
        assert_eq!(marked(vec![new(&[(4, replaces)])]), [ritz(4)]);
        let mut rejected = new(&[(4, replaces)]);
        rejected.rejected.push(Cause::Turn(4));
        assert_eq!(marked(vec![rejected]), []);
        let mut unclear = old();
        unclear.says.additive = true;
        assert_eq!(marked(vec![unclear, new(&[])]), []);
    }
}
