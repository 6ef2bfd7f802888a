//! What a fact is to the turns before it: a turn may say the same, or what the
//! fact replaces. So a turn goes with the fact that repeats it, and a fact with
//! the turn that it repeats.
//!
//! Invariant: a turn's question says nothing.

use super::{
    Claim, TurnLink,
    claim::Words,
    edge::MAX_COVERED,
    relation::{Likeness, common},
    supersession,
};
use crate::{
    staleness::{
        EdgeKind,
        text::{Cue, Kind, Span, Value, words::hash},
    },
    turn::{Role, Sequence},
};

/// Replacing a turn by a fact needs more than replacing a fact.
const LEAST_CONFIDENCE: f32 = 0.8;
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
    let covers = covers(claim, &turn);
    let clauses = clauses(&turn, text);
    let whole = Span { start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) };
    if !claim.text.stems.is_empty()
        && common(&claim.text.stems, &turn.stems) == claim.text.stems.len()
        && !text.contains('?')
        && negated(&turn) == negated(&claim.text)
        && same_values(claim, &turn)
    {
        let span = clauses.iter().find(|(_, words)| says_the_same(claim, words));
        let span = span.map_or(whole, |(span, _)| *span);
        let span = (span.start, span.end);
        return Some(TurnLink { turn: sequence, bears: None, span, confidence: 0.9, covers });
    }
    let same = clauses.iter().find(|(_, words)| says_the_same(claim, words));
    let link = |bears, span: &Span, confidence| {
        let span = (span.start, span.end);
        Some(TurnLink { turn: sequence, bears, span, confidence, covers })
    };
    if let Some((span, _)) = same {
        return link(None, span, 0.9);
    }
    let is_statement = matches!(role, Role::User | Role::Assistant);
    if !is_statement || claim.additive || is_own_text(claim, &turn) {
        return None;
    }
    let replaced = clauses.iter().find_map(|(span, words)| Some((span, replaces(claim, words)?)));
    replaced.and_then(|(span, confidence)| link(Some(EdgeKind::Supersedes), span, confidence))
}

/// The link of a fact to the turn that it was pinned from.
pub fn link_source(
    claim: &Claim,
    sequence: Sequence,
    text: &str,
    span: Option<(u32, u32)>,
) -> TurnLink {
    let whole = (0, u32::try_from(text.len()).unwrap_or(u32::MAX));
    let read = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or("");
    TurnLink {
        turn: sequence,
        bears: None,
        span: span.unwrap_or(whole),
        confidence: 1.0,
        covers: covers(claim, &Words::of(read)),
    }
}

/// See [`TurnLink::covers`].
fn covers(claim: &Claim, turn: &Words) -> (Vec<u32>, u32) {
    let shared = turn.stems.iter().filter(|stem| claim.text.stems.binary_search(stem).is_ok());
    let named = |stem: &&u32| {
        turn.said.words.iter().any(|word| {
            word.stem == **stem && claim.name.tokens().iter().any(|t| hash(t) == word.hash)
        })
    };
    let by_name = turn.stems.iter().filter(named);
    let mut shared: Vec<u32> = shared.chain(by_name).copied().take(MAX_COVERED).collect();
    shared.sort_unstable();
    shared.dedup();
    (shared, u32::try_from(turn.stems.len()).unwrap_or(u32::MAX))
}

/// The clauses that state something, with their places.
fn clauses(turn: &Words, text: &str) -> Vec<(Span, Words)> {
    let clauses = turn.said.clauses.iter();
    clauses
        .filter_map(|clause| {
            let first = turn.said.words.get(usize::from(clause.words.0))?;
            let last = turn.said.words.get(usize::from(clause.words.1).checked_sub(1)?)?;
            let span = first.span.to(last.span);
            let asks = text.get(span.end as usize..).is_some_and(|rest| rest.starts_with('?'));
            (!asks).then(|| (span, Words::of(span.of(text))))
        })
        .collect()
}

fn shared_name(claim: &Claim, words: &Words) -> usize {
    let has = |token: &&String| words.said.words.iter().any(|word| word.hash == hash(token));
    claim.name.tokens().iter().filter(has).count()
}

/// The clause has the fact's value, and enough of what it is about.
fn says_the_same(claim: &Claim, clause: &Words) -> bool {
    if negated(clause) != negated(&claim.text) {
        return false;
    }
    let stems = &claim.text.stems;
    let shared = common(stems, &clause.stems) as f32 / stems.len().max(1) as f32;
    let whole = !stems.is_empty() && shared >= SAYS_THE_SAME && same_values(claim, clause);
    let by_value = claim.value.as_ref().is_some_and(|value| has_value(clause, value));
    whole || by_value && (shared_name(claim, clause) > 0 || about(claim, clause))
}

/// The turn has the words of the fact and little else: pinned from it, whatever
/// its negations and questions are, and nothing that the fact replaces.
fn is_own_text(claim: &Claim, turn: &Words) -> bool {
    const OF_THE_TURN: f32 = 0.75;
    let stems = &claim.text.stems;
    let shared = common(stems, &turn.stems);
    shared == stems.len() && shared as f32 >= OF_THE_TURN * turn.stems.len() as f32
}

/// Whether it says that something is not, or not any more.
fn negated(text: &Words) -> bool {
    text.has_any(&[Cue::Negates, Cue::Ended]) || text.voids()
}

/// All words of a value are there, a typed one perhaps in another form.
fn has_value(clause: &Words, value: &Words) -> bool {
    let agrees = |typed: &Value| {
        typed.kind != Kind::Name
            && clause.said.values.iter().any(|other| typed.agrees(other) == Some(true))
    };
    let typed: Vec<&Value> = value.said.values.iter().filter(|typed| agrees(typed)).collect();
    let there = |at: usize, stem: u32| {
        let within = |typed: &&Value| (typed.words.0..typed.words.1).contains(&(at as u16));
        typed.iter().any(within) || clause.stems.binary_search(&stem).is_ok()
    };
    let mut words = value.said.words.iter().enumerate().filter(|(_, word)| word.content).peekable();
    words.peek().is_some() && words.all(|(at, word)| there(at, word.stem))
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
    fn a_turn_is_not_replaced_by_what_was_pinned_from_it() {
        for text in [
            "Fine, basic login by Friday. But single sign-on MUST be there next Wednesday. No later.",
            "The vendor is at $150K, over budget now. Can you negotiate them down to $140K?",
            "Stop all new work. All logins must use a second factor. Not negotiable.",
        ] {
            let mut pinned = fact("a");
            pinned.says.attribute = "fact_7".to_owned();
            pinned.text = format!("fact 7: {text}");
            let said = format!("[Ann (lead)]: {text}");
            let found = link(&Claim::of(&pinned), 1, Role::User, &said);
            assert!(found.is_none_or(|link| link.bears.is_none()), "{text}");
        }
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
