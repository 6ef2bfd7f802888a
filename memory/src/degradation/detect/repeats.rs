//! The user says again what was said: in so many words ("I told you already"), or
//! by making nearly the same request again.

use super::{
    SaidTurn,
    language::is_readable,
    phrases::{around, own_words, phrase},
};
use crate::{
    degradation::{Evidence, Finding, Reason, Signal},
    staleness::{
        statement::Said,
        text::{Cue, Kind},
    },
    turn::{Role, Sequence},
};

/// Content words that a request needs before two can be the same.
const MIN_CONTENT: usize = 4;
/// Shared content words, of all of both, from which two requests are the same.
const SAME_WORDS: f32 = 0.75;
/// The same where the vectors are as near as [`NEAR`].
const SAME_NEAR_WORDS: f32 = 0.5;
const NEAR: f32 = 0.9;
/// From so many content words on a small change is what the message is about.
const LONG_CONTENT: usize = 60;
const SAME_LONG_WORDS: f32 = 0.97;
/// How sure each rule is; measured by nobody yet, so no more than an order.
const SAID_SO: f32 = 0.9;
const SAME: f32 = 0.8;

phrase!(
    /// "I already told you", "I have said that twice".
    TOLD,
    r"\b(?:i|we)(?:'ve|\s+have|\s+had|\s+did)?\s+
      (?:(?:just|already|literally|clearly|explicitly|specifically|repeatedly|have)\s+)+
      (?:(?:told|asked|informed|reminded|sent|gave|given|shown|showed)\s+(?:you|u|this|that|it|about)
        |(?:said|mentioned|explained|stated|specified|answered|provided|described|covered|confirmed|clarified)
         (?:\s+(?:that|this|it|so|my|what|how|why|i|the|to\s+you)\b|\s*[.,;:!?]|\s*$))"
);
phrase!(
    /// "I told you", without more.
    TOLD_YOU,
    r"\b(?:i|we)(?:'ve|\s+have|\s+did)?\s+(?:told|tell|warned|reminded)\s+(?:you|u)
      (?:\s+(?:that|this|it|so|my|i|i'm|we|not|to|the|what|how|before|earlier|twice|again|already|many|multiple|several|\w+\s+times)\b|\s*[.,;:!?]|\s*$)"
);
phrase!(
    /// "As I said", "like I mentioned".
    AS_SAID,
    r"\b(?:as|like)\s+i(?:'ve)?\s+(?:(?:have|had|already|just|previously|also)\s+)*
      (?:said|told\s+you|mentioned|stated|explained|asked|wrote|specified|noted|indicated|pointed\s+out)\b"
);
phrase!(
    /// "I said that earlier", "I mentioned it above".
    SAID_EARLIER,
    r"\bi(?:'ve)?\s+(?:said|mentioned|told\s+you|specified|stated|wrote|asked\s+you|gave\s+you|provided|explained)\b
      [^.?!\n]{0,60}\b(?:earlier|above|previously|at\s+the\s+(?:beginning|start)|in\s+my\s+(?:first|last|previous|earlier)\s+(?:message|question|prompt|post)|already|twice|(?:many|several|multiple|a\s+few|three|\d+)\s+times)\b"
);
phrase!(
    /// "You already asked me that".
    YOU_ASKED,
    r"\byou(?:'ve|\s+have)?\s+(?:already|just)\s+(?:asked|said|told\s+me|suggested|recommended|gave\s+me|mentioned|answered)\b
      | \byou\s+asked\s+(?:me\s+)?(?:that|this|the\s+same)\b[^.?!\n]{0,30}\b(?:already|before|earlier|again)\b
      | \b(?:we|we've|we\s+have)\s+already\s+(?:discussed|talked|covered|established|agreed|decided|been\s+(?:over|through)|gone\s+over|went\s+over)\b
      | \bwe\s+(?:just\s+)?(?:discussed|talked\s+about|went\s+over|covered)\s+(?:this|that)\s+(?:already|before|earlier)\b"
);
phrase!(
    /// "Did you forget", "don't you remember".
    FORGOT,
    r"\b(?:did|have)\s+you\s+(?:already\s+)?(?:forget|forgotten)\b
      | \byou(?:'ve|\s+have)?\s+(?:already\s+|just\s+|completely\s+|clearly\s+)*(?:forgot|forgotten)\s+(?:what|that\s+i|my|our|who|where|about|everything|already|again)\b
      | \b(?:don't|do|can't)\s+you\s+(?:not\s+|even\s+)*remember\s+(?:what\s+i|that\s+i|i\s+(?:said|told)|me\s+(?:saying|telling))
      | \bdon't\s+you\s+(?:even\s+)?remember\b
      | \b(?:are|were)n't\s+you\s+(?:even\s+)?(?:listening|paying\s+attention|reading)\b
      | \b(?:scroll\s+up|read\s+(?:back|above|my\s+(?:message|question|prompt|last\s+message)\s+again|what\s+i\s+(?:said|wrote)))\b"
);
phrase!(
    /// "How many times do I have to", "for the third time", "I repeat".
    REPEATED,
    r"\bhow\s+(?:many\s+times|often)\s+(?:do|must|have|did|should|will)\s+(?:i|we)\s+(?:(?:have|need)\s+to\s+)?(?:tell|told|say|said|repeat|ask|asked|explain|mention)\b
      | (?:^|[.!?;:\n]\s*|,\s*)for\s+the\s+(?:second|third|fourth|fifth|sixth|tenth|last|hundredth|umpteenth|millionth|nth|\d+(?:nd|rd|th))\s+time\s*[,:.!]
      | \b(?:tell(?:ing)?|ask(?:ing|ed)?|say(?:ing)?|said|repeat(?:ing)?|told)\b[^.?!\n]{0,30}\bfor\s+the\s+(?:second|third|fourth|fifth|sixth|tenth|last|hundredth|umpteenth|millionth|nth|\d+(?:nd|rd|th))\s+time\b
      | \bi\s+(?:repeat\s*[,:;.!]|(?:have|had|need)\s+to\s+repeat\b|keep\s+(?:repeating|telling\s+you|saying|asking\s+you|having\s+to)|kept\s+(?:telling|asking)\s+you|hate\s+(?:to\s+repeat|repeating|having\s+to\s+repeat))
      | \b(?:let\s+me|i'll|i\s+will)\s+(?:repeat\b|say\s+(?:it|this|that)\s+(?:again|once\s+more|one\s+more\s+time))
      | ^\s*(?:to\s+repeat|(?:so\s+)?(?:once\s+)?again|once\s+more|same\s+(?:question|request)\s+(?:again|as\s+before))\s*[,:]\s*(?:i|i'm|my|the|it|we|what|how|please|can|don't|do|you|no)\b
      | \b(?:asking|asked)\s+(?:you\s+)?(?:the\s+same|this|that)\s+(?:question|thing)?\s*(?:again|twice|over\s+and\s+over)\b"
);
phrase!(
    /// Said to somebody else.
    ELSEWHERE,
    r"\b(?:told|asked|said\s+to|mentioned\s+(?:\w+\s+)?to|explained\s+(?:\w+\s+)?to)\s+(?:him|her|them|my|his|their|everyone|everybody|people|someone|somebody|the\s+(?:doctor|boss|manager|teacher|team|client|landlord|nurse|police))\b
      | \b(?:said|say)\s+(?:yes|no|goodbye|hello|hi|sorry|thanks)\b"
);
phrase!(
    /// Not so, or not yet.
    SUPPOSED,
    r"\b(?:if|what\s+if|once|until|unless|when|whenever|pretend|imagine|suppose|before|after|say\s+that)\s*$
      | \b(?:have|had|did)\s*$"
);

/// Whether a user's turn repeats what was said in the turns before it.
///
/// `earlier` are these turns, in order; `cosine` is how near the vectors of two of
/// them are, if it is known. Not measurable where nobody answers, and where the
/// words are of another language, unless the request is the same.
pub fn repeats(
    turn: &SaidTurn,
    earlier: &[SaidTurn],
    cosine: &dyn Fn(Sequence, Sequence) -> Option<f32>,
) -> Signal {
    if turn.role != Role::User || !earlier.iter().any(|other| other.role == Role::Assistant) {
        return Signal::NotMeasurable;
    }
    let is_readable = is_readable(turn.text());
    if is_readable && says_so(turn.text()) {
        return Signal::Present(Finding {
            confidence: SAID_SO,
            reason: Reason::SaysSoAgain,
            evidence: Evidence::Turn,
        });
    }
    let same = earlier.iter().rev().filter(|other| other.role == Role::User);
    // Between the two somebody must have answered.
    let answered = |other: &&SaidTurn| {
        let answers = earlier.iter().filter(|answer| answer.role == Role::Assistant);
        answers.into_iter().any(|answer| answer.sequence > other.sequence)
    };
    let near = |other: &SaidTurn| {
        cosine(turn.sequence, other.sequence).is_some_and(|cosine| cosine >= NEAR)
    };
    let is_again = |other: &&SaidTurn| is_same(turn.said(), other.said(), &|| near(other));
    match same.filter(answered).find(is_again) {
        Some(other) => Signal::Present(Finding {
            confidence: SAME,
            reason: Reason::SameRequest,
            evidence: Evidence::Earlier(other.sequence),
        }),
        None if is_readable => Signal::Absent,
        None => Signal::NotMeasurable,
    }
}

/// Whether the words say that it was said before.
fn says_so(text: &str) -> bool {
    let own = own_words(text);
    [&*TOLD, &*TOLD_YOU, &*AS_SAID, &*SAID_EARLIER, &*YOU_ASKED, &*FORGOT, &*REPEATED]
        .into_iter()
        .flat_map(|phrase| phrase.places(&own))
        .any(|found| {
            let before = around(&own, &(found.start..found.start), 14, 0);
            !ELSEWHERE.is_match(&around(&own, &found, 0, 24)) && !SUPPOSED.is_match(&before)
        })
}

/// Whether two requests are nearly the same: the same words, and no value (name,
/// number, date) that only one has.
fn is_same(one: &Said, other: &Said, near: &dyn Fn() -> bool) -> bool {
    let (shared, all) = overlap(one, other);
    let smaller = distinct(one).min(distinct(other));
    if smaller < MIN_CONTENT || all == 0 || !is_request(one) {
        return false;
    }
    let words = shared as f32 / all as f32;
    let is_long = smaller >= LONG_CONTENT;
    let enough = if is_long { SAME_LONG_WORDS } else { SAME_WORDS };
    let in_words = words >= enough || (!is_long && words >= SAME_NEAR_WORDS && near());
    in_words && same_values(one, other)
}

fn is_request(said: &Said) -> bool {
    said.has(Cue::Asks) || said.has(Cue::Requests) || said.text.contains('?')
}

/// Distinct stems of both: shared, all.
fn overlap(one: &Said, other: &Said) -> (usize, usize) {
    let stems = |said: &Said| {
        let mut stems: Vec<u32> = said.stems.iter().map(|(stem, _)| *stem).collect();
        stems.dedup();
        stems
    };
    let (a, b) = (stems(one), stems(other));
    let shared = a.iter().filter(|stem| b.binary_search(stem).is_ok()).count();
    (shared, a.len() + b.len() - shared)
}

fn distinct(said: &Said) -> usize {
    overlap(said, said).0
}

/// Every value of either has one that agrees in the other.
fn same_values(one: &Said, other: &Said) -> bool {
    let covers = |these: &Said, those: &Said| {
        let counted = these.values.iter().filter(|value| value.kind != Kind::Name);
        counted
            .into_iter()
            .all(|value| those.values.iter().any(|known| value.agrees(known) == Some(true)))
    };
    let names = |these: &Said, those: &Said| {
        let text = those.text.to_lowercase();
        these
            .of_kind(Kind::Name)
            .all(|name| text.contains(&name.span.of(&these.text).to_lowercase()))
    };
    covers(one, other) && covers(other, one) && names(one, other) && names(other, one)
}

#[cfg(test)]
#[path = "repeats_tests.rs"]
mod tests;
