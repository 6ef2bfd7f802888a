//! The user says again what was said: in so many words ("I told you already"), or
//! by making nearly the same request again.

use std::{cmp::Ordering, collections::HashSet, ops::Range};

use super::{
    SaidTurn,
    afterwards::Again,
    language::is_readable,
    last_of,
    likeness::{Request, share},
    model::{Features, Model},
    phrases::{Phrase, around, own_words, phrase},
    talk,
};
use crate::{
    degradation::{Evidence, Finding, Reason, Signal},
    staleness::{statement::Said, text::Cue},
    turn::{Role, Sequence},
};

/// Features by which the words of a turn say that it was said before.
const SAYS_SO: [&str; 3] = ["says so", "as requested", "reminds"];
/// Content words that a clause needs to be found in an earlier turn.
const MIN_CONTENT: usize = 2;
/// Bytes around a reminder in which stands what it reminds of.
const BEFORE_REMINDER: usize = 60;
const BEHIND_REMINDER: usize = 90;

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

phrase!(
    /// "As instructed", "what I asked for", "I gave you that".
    REQUESTED,
    r"\bas\s+(?:(?:was|previously|already|originally|initially|i(?:'ve|\s+have)?)\s+)*(?:requested|instructed|mentioned|stated|said|asked|specified|noted|described|explained|told|discussed|agreed|wrote|written|you\s+know)\b
      | \bas\s+you\s+know\b | \bsince\s+i\s+(?:said|told|mentioned)\b | \bgiven\s+what\s+i\b | \bwhat\s+(?:did\s+i|i(?:\s+have|'ve)?(?:\s+\w+)?)\s+(?:say|said|told|asked|ask|wrote|instructed|requested)\b
      | \b(?:previous|last|earlier|first|original|initial)\s+(?:message|request|question|instructions?|prompt)\b | \b(?:i|we)\s+(?:\w+\s+)?(?:mentioned|instructed|specified|stated|told\s+you|gave\s+(?:it|you)|requested|asked\s+for|said)\b
      | \b(?:mentioned|instructed|requested|stated|said|specified)\s+(?:that\s+)?(?:before|above|earlier|previously|already)\b | \bpreviously\s+(?:mentioned|instructed|requested|stated|said|specified|asked)\b
      | \balready\s+(?:said|told|gave|mentioned|asked)\b | \b(?:you|u)\s+(?:already\s+)?know\s+(?:that\s+)?(?:i|my)\b | \b(?:a\s+minute|a\s+moment|just)\s+(?:ago|now|told|said)\b | ,\s*remember\s*[?.,!]
      | \bthe\s+part\s+(?:about|where)\b | \bbe\s+repetitive\b | \bi\s+repeat\b"
);
phrase!(
    /// Reminds: "remember", "don't forget", "again,", "stick to".
    REMINDS,
    r"\b(?:please\s+|and\s+|but\s+)?remember\b | \b(?:don't|do\s+not)\s+forget\b | \b(?:keep|bear|have)\s+in\s+mind\b | (?:^|[.!?;,:]\s*|\band\s+)(?:once\s+)?(?:again|once\s+more)\s*[,:]
      | \b(?:still|stick\s+to|sticking\s+to|stay\s+with(?:in)?|keep\s+(?:it|the|to|your|using)|continue\s+to|make\s+sure|supposed\s+to|same|ensure)\b"
);
phrase!(
    /// Asks to be reminded, or points to what stands above as material.
    REFERS,
    r"\b(?:remind|recall\w*)\s+(?:me|us|the|what|which|parts?)\b | \b(?:you|u)\s+(?:\w+\s+)?(?:mentioned|suggested|talked|recommended|gave|said|listed|provided|wrote|told)\b | \b(?:we|we've)\s+(?:discussed|talked|spoke)\b
      | \b(?:above|the\s+list|the\s+information|the\s+notes|the\s+plan)\b | \bbased\s+on\b | \busing\s+the\b | \bremember\s+(?:that|the|those|when|our)\b[^.!,]*\?"
);
phrase!(
    /// Wants the next piece, or another of the kind.
    NEXT,
    r"\b(?:another|more|next|other|others|else|alternatives?|continue|keep\s+going|go\s+on|also|too|as\s+well|additional|different|one\s+more|keep\s+it\s+going|new)\b"
);
phrase!(
    /// Insists: "but what about", "just tell me".
    INSISTS,
    r"^\W*(?:but|just|so|ok(?:ay)?|right|yes|and|that's\s+nice|no|please|still)\b[,\s]+(?:but\s+|just\s+|so\s+|please\s+|what|how|when|who|can|is|are|the|where|which|i)\b | \bi\s+still\s+(?:need|want|don't)\b | \bi\s+don't\s+get\b
      | \b(?:i'm|i\s+am|i\s+was)\s+asking\b | \bjust\s+(?:tell|give|show|play|answer|send|pick|take)\b | \bexplain\s+(?:it\s+|that\s+)?again\b"
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
    let answers = earlier.iter().any(|other| other.role == Role::Assistant);
    if turn.role != Role::User || !answers {
        return Signal::NotMeasurable;
    }
    let (seen, same) = features(turn, earlier, cosine);
    let Some(confidence) = Model::repeats().finds(&seen) else {
        return if is_readable(turn.text()) { Signal::Absent } else { Signal::NotMeasurable };
    };
    let (reason, evidence) = match same.filter(|_| !says_so(&seen)) {
        Some(other) => (Reason::SameRequest, Evidence::Earlier(other)),
        None => (Reason::SaysSoAgain, Evidence::Turn),
    };
    Signal::Present(Finding { confidence, reason, evidence })
}

/// Whether the words say that it was said before.
fn says_so(seen: &Features) -> bool {
    SAYS_SO.iter().any(|name| seen.has(name))
}

/// What is seen of a turn that may repeat, and the earlier turn that is most like it.
pub(super) fn features(
    turn: &SaidTurn,
    earlier: &[SaidTurn],
    cosine: &dyn Fn(Sequence, Sequence) -> Option<f32>,
) -> (Features, Option<Sequence>) {
    let own = own_words(turn.text());
    let mut features = Features::default();
    talk::features(&own, turn.said(), &mut features);
    let says: [&Phrase; 7] =
        [&TOLD, &TOLD_YOU, &AS_SAID, &SAID_EARLIER, &YOU_ASKED, &FORGOT, &REPEATED];
    features.mark("says so", says.into_iter().any(|phrase| speaks_of_talk(&own, phrase)));
    let marks: [(&'static str, &'static Phrase); 3] =
        [("as requested", &REQUESTED), ("refers", &REFERS), ("wants next", &NEXT)];
    for (name, phrase) in marks {
        features.mark(name, speaks_of_talk(&own, phrase));
    }
    features.mark("insists", INSISTS.is_match(&own));
    let this = Request::of(turn.said());
    // Between the two somebody must have answered.
    let answered = |other: &&SaidTurn| {
        let answers = earlier.iter().filter(|answer| answer.role == Role::Assistant);
        other.role == Role::User
            && answers.into_iter().any(|answer| answer.sequence > other.sequence)
    };
    let others: Vec<(&SaidTurn, Request<'_>)> = earlier
        .iter()
        .rev()
        .filter(answered)
        .map(|other| (other, Request::of(other.said())))
        .collect();
    features.value("reminds", reminded(&own, &this, &others));
    features.mark("has a reminder", REMINDS.is_match(&own));
    let near = |(other, _): &(&SaidTurn, _)| cosine(turn.sequence, other.sequence);
    let cosines: Vec<Option<f32>> = others.iter().map(near).collect();
    let like: Vec<f32> = others
        .iter()
        .zip(&cosines)
        .map(|((_, request), cosine)| likeness(&this, request, *cosine))
        .collect();
    let nearest = others.iter().zip(&cosines).enumerate().max_by(|(a, _), (b, _)| {
        like.get(*a).partial_cmp(&like.get(*b)).unwrap_or(Ordering::Equal)
    });
    let same = nearest.map(|(back, ((other, request), cosine))| {
        this.compare(request, *cosine, &mut features);
        features.mark("of last turn", back == 0);
        features.value("back", (back as f32).min(10.0) / 10.0);
        let all = this.stems().len();
        features.mark("short again", all <= 4 && this.overlap(request) > 0.7 && back == 0);
        features.mark("short again, later", all <= 4 && this.overlap(request) > 0.7 && back > 0);
        let again = Again { this: &this, others: &others, same: back, cosines: &cosines, earlier };
        again.features(&mut features);
        other.sequence
    });
    of_answer(&own, &this, earlier, &others, &mut features);
    (features, same)
}

/// Orders earlier requests; of two that are as like the older counts: it was made first.
fn likeness(this: &Request<'_>, other: &Request<'_>, cosine: Option<f32>) -> f32 {
    let near = cosine.map_or(0.0, |cosine| cosine.max(0.0));
    this.overlap(other) + 0.5 * share(this.stems(), other.stems()) + near
}

/// What the last answer has to do with it: whether it asked, and whether what is asked
/// now was asked before it and did not come.
fn of_answer(
    own: &str,
    this: &Request<'_>,
    earlier: &[SaidTurn],
    others: &[(&SaidTurn, Request<'_>)],
    features: &mut Features,
) {
    let Some(answer) = last_of(earlier, Role::Assistant) else { return };
    let told = answer.said();
    let asks = answer.text().trim_end().ends_with('?');
    let confirms = told.has(Cue::Confirms);
    features.mark("answer asks", asks && !confirms);
    features.mark("answer confirms", confirms && asks);
    features.mark("answer fails", told.has(Cue::Fails));
    let that = Request::of(told);
    let Some((_, last)) = others.first() else { return };
    let asked: HashSet<u32> = this.stems().intersection(last.stems()).copied().collect();
    let came = share(&asked, that.stems());
    features.value("did not come", if asked.is_empty() { 0.0 } else { 1.0 - came });
    let covered = share(this.stems(), last.stems());
    features.value("of last", covered);
    features.mark("part of last", covered > 0.99 && this.stems().len() < last.stems().len());
    let part = covered > 0.99 && !asked.is_empty() && came < 0.5;
    features.mark("part that did not come", part && !asks);
    features.mark("all of it, nothing new", covered > 0.99 && !asks && !asked.is_empty());
    features.value("of answer", share(this.stems(), that.stems()));
    features.mark("corrects", super::corrects::has_verdict(own));
}

/// Of a sentence that reminds, the part of its words that one earlier turn has.
fn reminded(own: &str, this: &Request<'_>, others: &[(&SaidTurn, Request<'_>)]) -> f32 {
    let of = |found: Range<usize>| {
        let near = Said::of(&around(own, &found, BEFORE_REMINDER, BEHIND_REMINDER), None);
        let near = Request::of(&near);
        let near: HashSet<u32> = near.stems().intersection(this.stems()).copied().collect();
        let best = others.iter().map(|(_, other)| share(&near, other.stems())).fold(0.0, f32::max);
        if near.len() < MIN_CONTENT { 0.0 } else { best }
    };
    REMINDS.places(own).map(of).fold(0.0, f32::max)
}

/// Said to the assistant, and as something that was.
fn speaks_of_talk(own: &str, phrase: &Phrase) -> bool {
    phrase.places(own).any(|found| {
        let before = around(own, &(found.start..found.start), 14, 0);
        !ELSEWHERE.is_match(&around(own, &found, 0, 24)) && !SUPPOSED.is_match(&before)
    })
}

#[cfg(test)]
#[path = "repeats_tests.rs"]
mod tests;
