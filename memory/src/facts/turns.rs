//! What a fact is to the turns before it: a turn may say the same, or what the
//! fact replaces. So a turn goes with the fact that repeats it, and a fact with
//! the turn that it repeats.
//!
//! Invariant: a turn's question says nothing.

use super::{
    Claim, TurnLink,
    claim::Words,
    relation::{Likeness, common},
    supersession,
};
use crate::{
    staleness::{
        EdgeKind,
        text::{Cue, Span},
    },
    turn::{Role, Sequence},
};

/// Replacing a turn by a fact needs more than replacing a fact.
const LEAST_CONFIDENCE: f32 = 0.7;
/// Words of the fact that a turn must have to say the same, 0 to 1.
const SAYS_THE_SAME: f32 = 0.75;
/// Bytes of a turn that are looked at.
const LOOKED_AT: usize = 4_096;

/// What a fact is to an earlier turn; nothing if they are about other things.
pub fn link(claim: &Claim, sequence: Sequence, role: Role, text: &str) -> Option<TurnLink> {
    let text = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or("");
    let turn = Words::of(text);
    if common(&turn.stems, &claim.text.stems) == 0 && shared_name(claim, &turn) == 0 {
        return None;
    }
    let clauses = clauses(&turn, text);
    let same = clauses.iter().find(|(_, words)| says_the_same(claim, words));
    let link = |bears, span: &Span, confidence| {
        Some(TurnLink { turn: sequence, bears, span: (span.start, span.end), confidence })
    };
    if let Some((span, _)) = same {
        return link(None, span, 0.9);
    }
    if !matches!(role, Role::User | Role::Assistant) || claim.additive {
        return None;
    }
    let replaced = clauses.iter().find_map(|(span, words)| Some((span, replaces(claim, words)?)));
    replaced.and_then(|(span, confidence)| link(Some(EdgeKind::Supersedes), span, confidence))
}

/// The clauses that state something, with their places.
fn clauses(turn: &Words, text: &str) -> Vec<(Span, Words)> {
    let clauses = turn.said.clauses.iter().filter(|clause| !clause.cues.has(Cue::Asks));
    clauses
        .filter_map(|clause| {
            let first = turn.said.words.get(usize::from(clause.words.0))?;
            let last = turn.said.words.get(usize::from(clause.words.1).checked_sub(1)?)?;
            let span = first.span.to(last.span);
            Some((span, Words::of(span.of(text))))
        })
        .collect()
}

fn shared_name(claim: &Claim, words: &Words) -> usize {
    let has = |token: &&String| {
        words.said.words.iter().any(|word| word.hash == crate::staleness::text::words::hash(token))
    };
    claim.name.tokens().iter().filter(has).count()
}

/// The clause has the fact's value, and enough of what it is about.
fn says_the_same(claim: &Claim, clause: &Words) -> bool {
    let value = claim.value_or_text();
    let agrees = |value: &Words| {
        let held = |x: &crate::staleness::text::Value| {
            clause.said.values.iter().any(|y| x.agrees(y) == Some(true))
        };
        !value.said.values.is_empty() && value.said.values.iter().all(held)
    };
    let words = |of: &Words| common(&of.stems, &clause.stems) as f32 / of.stems.len().max(1) as f32;
    let negated = |of: &Words| of.has_any(&[Cue::Negates, Cue::Ended]);
    if negated(clause) != negated(&claim.text) {
        return false;
    }
    let whole = !claim.text.stems.is_empty() && words(&claim.text) >= SAYS_THE_SAME;
    let by_value = claim.value.is_some()
        && (agrees(value) || !value.stems.is_empty() && words(value) >= 1.0)
        && (shared_name(claim, clause) > 0 || about(claim, clause));
    whole && same_values(claim, clause) || by_value
}

/// No value of the clause differs from the fact's.
fn same_values(claim: &Claim, clause: &Words) -> bool {
    Likeness::of(&claim.text, clause).differs.is_none()
}

/// The clause has a word of the fact beside its value.
fn about(claim: &Claim, clause: &Words) -> bool {
    let value = &claim.value_or_text().stems;
    let beside = claim.text.stems.iter().filter(|stem| value.binary_search(stem).is_err());
    beside.into_iter().any(|stem| clause.stems.binary_search(stem).is_ok())
}

/// How sure it is that the fact replaces what the clause says.
fn replaces(claim: &Claim, clause: &Words) -> Option<f32> {
    let by_words = supersession::by_words_of(clause, &claim.text);
    by_words.filter(|confidence| *confidence >= LEAST_CONFIDENCE)
}

#[cfg(test)]
mod tests {
    use super::{super::retirement::testing::fact, *};

    fn check(text: &str, expected: Option<Option<EdgeKind>>) {
        let mut pinned = fact("a");
        pinned.says.attribute = "launch_date".to_owned();
        pinned.says.value = "May 17".to_owned();
        pinned.text = "The launch date is now May 17".to_owned();
        let found = link(&Claim::of(&pinned), 1, Role::User, text);
        assert_eq!(found.map(|link| link.bears), expected, "{text}");
    }

    #[test]
    fn a_turn_says_the_same_or_what_was_before_or_something_else() {
        check("Good news: the launch is on May 17, everybody.", Some(None));
        check("Fine. The launch date is May 3. Tell them.", Some(Some(EdgeKind::Supersedes)));
        check("Is the launch date May 3?", None);
        check("The weather in May is fine", None);
        check("The review date is May 3", None);
        check("", None);
    }

    #[test]
    fn the_place_that_is_meant_is_kept() {
        let mut pinned = fact("a");
        pinned.text = "Order 4521 cancelled".to_owned();
        let text = "Hello there. Order 4521 approved for $50! Thanks.";
        let found = link(&Claim::of(&pinned), 4, Role::User, text).unwrap();
        assert_eq!(found.turn, 4);
        assert_eq!(
            text.get(found.span.0 as usize..found.span.1 as usize),
            Some("Order 4521 approved for $50")
        );
    }
}
