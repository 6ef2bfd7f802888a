//! What a fact is to the turns before it: a turn may say the same, or what the
//! fact replaces. So a turn goes with the fact that repeats it, and a fact with
//! the turn that it repeats.
//!
//! Invariant: a turn's question says nothing.

use super::{
    Claim, TurnLink,
    choice::chooses_value,
    claim::Words,
    edge::MAX_COVERED,
    heard::Heard,
    relation::{Likeness, common},
    supersession,
};
use crate::{
    staleness::{
        EdgeKind,
        text::{
            Cue, Kind, Span, Value,
            words::{Word, hash},
        },
    },
    turn::Role,
};

/// Replacing a turn by a fact needs more than replacing a fact.
const LEAST_CONFIDENCE: f32 = 0.8;
/// Words of a bare value that anybody may mention for another reason.
const BARE_VALUE: usize = 2;
/// Words of the fact that a turn must have to say the same, 0 to 1.
const SAYS_THE_SAME: f32 = 0.75;

/// What a fact is to an earlier turn; nothing if they are about other things.
/// A turn that says the fact's value and, in another clause, what was before
/// says the same; see [`outdated`].
pub fn link(claim: &Claim, heard: &Heard) -> Option<TurnLink> {
    let turn = &heard.words;
    if common(&turn.stems, &claim.text.stems) == 0 && shared_name(claim, turn) == 0 {
        return None;
    }
    let covers = covers(claim, turn);
    let same = heard.clauses.iter().find(|clause| says_the_same(claim, &clause.words));
    let link = |bears, span: Span, confidence| {
        let span = (span.start, span.end);
        Some(TurnLink { turn: heard.sequence, bears, span, confidence, covers })
    };
    let whole = !claim.text.stems.is_empty()
        && !is_bare(claim)
        && common(&claim.text.stems, &turn.stems) == claim.text.stems.len()
        && !heard.text().contains('?')
        && negated(turn) == negated(&claim.text)
        && (same_values(claim, turn) || repeats_values(claim, turn));
    if whole || same.is_some() {
        return link(None, same.map_or(heard.whole(), |clause| clause.span), 0.9);
    }
    let is_statement = matches!(heard.role, Role::User | Role::Assistant);
    if !is_statement || claim.additive || is_own_text(claim, turn) {
        return None;
    }
    let replaced = heard.clauses.iter();
    let mut replaced = replaced.filter_map(|c| Some((c.span, replaces(claim, &c.words)?)));
    replaced
        .next()
        .and_then(|(span, confidence)| link(Some(EdgeKind::Supersedes), span, confidence))
}

/// The place where a turn says what was before a fact, and elsewhere what the
/// fact says: "at first it was May 3, now it is May 17".
fn outdated(claim: &Claim, heard: &Heard) -> Option<(u32, u32)> {
    const TOLD_APART: [Kind; 3] = [Kind::Money, Kind::Date, Kind::Time];
    let value = claim.value.as_ref().filter(|_| !claim.additive)?;
    let typed = || value.said.values.iter().filter(|value| TOLD_APART.contains(&value.kind));
    let says = |words: &Words, agrees: bool| {
        let other = |value: &Value| {
            words.said.values.iter().any(|other| value.agrees(other) == Some(agrees))
        };
        typed().any(other)
    };
    let now = |words: &Words| says(words, true) && !said_of_the_past(words);
    heard.clauses.iter().find(|clause| now(&clause.words))?;
    let before = |words: &Words| said_of_the_past(words) && says(words, false);
    let clause = heard.clauses.iter().find(|clause| before(&clause.words))?;
    Some((clause.span.start, clause.span.end))
}

/// The links of a fact to a turn that says it and, in another clause, what was
/// before it.
pub fn link_outdated(claim: &Claim, heard: &Heard) -> Option<[TurnLink; 2]> {
    let span = outdated(claim, heard)?;
    let whole = heard.whole();
    let link = |bears, span| TurnLink {
        turn: heard.sequence,
        bears,
        span,
        confidence: 0.9,
        covers: covers(claim, &heard.words),
    };
    Some([link(None, (whole.start, whole.end)), link(Some(EdgeKind::Supersedes), span)])
}

/// "The first date was May 3".
pub(super) fn said_of_the_past(words: &Words) -> bool {
    const PAST: [&str; 4] = ["original", "initial", "previous", "old"];
    const BEING: [&str; 2] = ["was", "were"];
    // "I was wrong": of the speaker, not of what is spoken of.
    const OF_THE_SPEAKER: [&str; 4] = ["wrong", "mistaken", "confused", "right"];
    let all = &words.said.words;
    let is = |word: &Word, wanted: &[&str]| wanted.iter().any(|one| word.hash == hash(one));
    let past = |(at, word): (usize, &Word)| {
        let of_speaker = all.get(at + 1).is_some_and(|next| is(next, &OF_THE_SPEAKER));
        is(word, &PAST) || is(word, &BEING) && !of_speaker
    };
    words.said.has(Cue::Ended) || all.iter().enumerate().any(past)
}

/// The link of a fact to an assistant's answer to a turn that says it, if the
/// answer takes up its value: "I'll prepare the papers for Hilton".
pub fn echo(claim: &Claim, heard: &Heard) -> Option<TurnLink> {
    const ECHOED: f32 = 0.7;
    let value = claim.value.as_ref()?;
    let takes_up = heard.role == Role::Assistant
        && !heard.text().contains('?')
        && !negated(&heard.words)
        && has_value(&heard.words, value);
    let whole = heard.whole();
    takes_up.then(|| TurnLink {
        turn: heard.sequence,
        bears: None,
        span: (whole.start, whole.end),
        confidence: ECHOED,
        covers: covers(claim, &heard.words),
    })
}

/// The link of a fact to the turn that it was pinned from.
pub fn link_source(claim: &Claim, heard: &Heard, span: Option<(u32, u32)>) -> TurnLink {
    let whole = heard.whole();
    TurnLink {
        turn: heard.sequence,
        bears: None,
        span: span.unwrap_or((whole.start, whole.end)),
        confidence: 1.0,
        covers: covers(claim, &heard.words),
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

fn shared_name(claim: &Claim, words: &Words) -> usize {
    let has = |token: &&String| words.said.words.iter().any(|word| word.hash == hash(token));
    claim.name.tokens().iter().filter(has).count()
}

/// The text is a short value: "I ate at the Hilton" does not say which hotel was
/// taken.
fn is_bare(claim: &Claim) -> bool {
    claim.text.stems.len() <= BARE_VALUE
        && claim.value.as_ref().is_some_and(|value| value.stems == claim.text.stems)
}

/// The clause has the fact's value, and enough of what it is about.
pub(super) fn says_the_same(claim: &Claim, clause: &Words) -> bool {
    if negated(clause) != negated(&claim.text) {
        return false;
    }
    let stems = &claim.text.stems;
    let shared = common(stems, &clause.stems) as f32 / stems.len().max(1) as f32;
    let whole = !stems.is_empty() && !is_bare(claim) && shared >= SAYS_THE_SAME;
    let whole = whole && same_values(claim, clause);
    let by_value = claim.value.as_ref().is_some_and(|value| has_value(clause, value));
    let chosen = || claim.value.as_ref().is_some_and(|value| chooses_value(clause, value));
    whole || by_value && (shared_name(claim, clause) > 0 || about(claim, clause) || chosen())
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
pub(super) fn negated(text: &Words) -> bool {
    text.has_any(&[Cue::Negates, Cue::Ended]) || text.voids
}

/// All words of a value are there, a typed one perhaps in another form.
pub(super) fn has_value(clause: &Words, value: &Words) -> bool {
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

/// Every value of the fact is there; names are words, and other capitals may
/// stand beside them.
fn repeats_values(claim: &Claim, turn: &Words) -> bool {
    let mut typed = claim.text.said.values.iter().filter(|value| value.kind != Kind::Name);
    typed.all(|value| turn.said.values.iter().any(|other| value.agrees(other) == Some(true)))
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
        let found = link(&Claim::of(&pinned), &Heard::of(1, Role::User, text));
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
            let found = link(&Claim::of(&pinned), &Heard::of(1, Role::User, &said));
            assert!(found.is_none_or(|link| link.bears.is_none()), "{text}");
        }
    }

    #[test]
    fn the_place_that_is_meant_is_kept() {
        let mut pinned = fact("a");
        pinned.text = "Order 4521 cancelled".to_owned();
        let text = "Hello there. Order 4521 approved for $50! Thanks.";
        let found = link(&Claim::of(&pinned), &Heard::of(4, Role::User, text)).unwrap();
        assert_eq!(found.turn, 4);
        assert_eq!(
            text.get(found.span.0 as usize..found.span.1 as usize),
            Some("Order 4521 approved for $50")
        );
    }
}
