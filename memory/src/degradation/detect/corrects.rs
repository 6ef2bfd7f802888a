//! The user corrects the assistant: says that an answer is wrong, or sets
//! something right in its place. A change of the user's own mind is no
//! correction, and neither is "no" to a question.

use super::{
    SaidTurn,
    language::is_readable,
    last_of,
    phrases::{around, own_words, phrase},
};
use crate::{
    degradation::{Evidence, Finding, Reason, Signal},
    staleness::{statement::Said, text::Cue},
    turn::Role,
};

/// How sure each rule is; an order, not a measurement.
const SAYS_WRONG: f32 = 0.9;
const SETS_RIGHT: f32 = 0.8;
/// Content words that a statement must share with the answer that it mends, of a short
/// one half of them.
const SHARED_STEMS: usize = 2;

phrase!(
    /// "That's wrong", "this is not what I asked for".
    WRONG,
    r"\b(?:that|this|it|which|these|those|they|you|your\s+(?:\w+\s+)?(?:answer|response|summary|list|code|calculation|math|result|reply|output|version|translation|example|date|name|number))
      (?:'s|'re|\s+is|\s+are|\s+was|\s+were|\s+looks|\s+seems)\s*
      (?:(?:still|just|also|completely|totally|simply|actually|all|clearly|definitely|so|again)\s+)*
      (?:n't\s+)?
      (?:not\s+(?:quite\s+|exactly\s+|really\s+|at\s+all\s+)?(?:right|correct|true|accurate|what\s+(?:i|we)\b|how\s+i\b|the\s+one\s+i\b)
        |wrong|incorrect|inaccurate|mistaken|untrue|mixed\s+up|a\s+mistake|an\s+error|nonsense)\b
      | \b(?:that|this|it)\s*(?:isn't|ain't|wasn't)\s+(?:quite\s+|exactly\s+|really\s+)?(?:right|correct|true|accurate|what\s+(?:i|we)\b|how\s+i\b)
      | \bthat's\s+(?:a\s+)?(?:wrong|incorrect|false)\b"
);
phrase!(
    /// Opens with the verdict.
    WRONG_OPEN,
    r"^\s*(?:no+[,.!\s]+|nope[,.!\s]+|sorry[,.!\s]+|hmm+[,.!\s]+)*(?:wrong|incorrect|not\s+(?:quite|correct|right|true)|that's\s+not\s+(?:it|right|true|correct)|false)\s*(?:[.,!:;]|$|again\b|answer\b)"
);
phrase!(
    /// "You misunderstood", "you got my name wrong", "you left out".
    YOU_ERRED,
    r"\byou(?:'ve|\s+have|\s+had)?\s+(?:(?:just|also|still|again|clearly|completely|totally|probably|seem\s+to\s+have|must\s+have)\s+)*
      (?:misunderst(?:ood|and)|misread|misheard|misspell?ed|misinterpreted|mixed\s+up|confused|miscounted|miscalculated
        |got\s+(?:it|that|this|my|the|his|her|their|one)\b[^.?!\n]{0,30}\bwrong
        |(?:made|have|had)\s+(?:a|an|another|the\s+same|some)\s+(?:mistake|error|typo)s?
        |missed\s+(?:the|a|my|one|some|that|this|what)|skipped|left\s+out|ignored|overlooked|dropped\s+the
        |(?:didn't|did\s+not|haven't|have\s+not|don't|do\s+not)\s+(?:answer|include|follow|listen|understand|mention|address|finish|read|do\s+what)
        |forgot\s+(?:to|the|a|an|one|some|half)|contradict(?:ed)?\s+yourself|made\s+(?:that|this|it)\s+up|hallucinat\w+)\b"
);
phrase!(
    /// "I meant the blue one", "I said red, not blue", "I asked for".
    MEANT,
    r"(?:^|[.!?;,\n]\s*|\b(?:no|but|sorry|actually)\s+)(?:i|we)\s+(?:actually\s+|really\s+)?(?:meant|was\s+(?:asking|talking|referring)\b|were\s+(?:asking|talking|referring)\b|am\s+(?:asking|talking|referring)\s+(?:about|to))
      | \b(?:i|we)\s+(?:said|asked\s+for|asked\s+about|wanted|told\s+you|requested)\b[^.?!\n]{1,60}[,\s-]+(?:and\s+)?not\s+(?:\w+)
      | \bnot\s+[^.?!\n,]{1,40},\s*(?:but\s+)?i\s+(?:said|asked|meant|wanted)\b
      | \bno\b[,.!\s]+i\s+(?:said|meant|asked|mean|wanted)\b"
);
phrase!(
    /// "I never said that", "I didn't ask for".
    NEVER_SAID,
    r"\bi\s+(?:never|didn't|did\s+not)\s+(?:said|say|asked|ask|told\s+you|tell\s+you|mentioned|mention|mean|meant|requested|request)\b
      | \bwho\s+(?:said|told\s+you)\s+(?:that\s+)?i\b
      | \bwhere\s+did\s+(?:you\s+get\s+(?:that|this)|that\s+come\s+from)\b"
);
phrase!(
    /// "Stop calling me Bob", "you keep using".
    STOP,
    r"\b(?:stop|quit)\s+(?:saying|using|calling|adding|asking|repeating|doing|making|apologi[sz]ing|ignoring|suggesting|giving|telling|writing|including|changing)\b
      | \byou\s+(?:keep|kept)\s+(?:\w+ing)\b
      | \bplease\s+(?:correct\s+(?:that|this|it|yourself|your)|fix\s+your)\b
      | \bcorrect\s+yourself\b"
);
phrase!(
    /// Opens with "no".
    NO_OPEN,
    r"^\s*(?:no+|nope|nah)\b[,.!;:\s-]+(?:that's|that|it's|its|it|the|my|you|you're|this|he|she|they|there|i'm|i\s+am|we|not)\b"
);
phrase!(
    /// Opens with "actually".
    ACTUALLY_OPEN,
    r"^\s*(?:well|um|hmm|but|sorry)?[,.!\s]*actually\b[,\s]+(?:it's|it|he|she|they|that's|that|there|the)\b"
);
phrase!(
    /// "It's X, not Y": the second group is what is wrong.
    X_NOT_Y,
    r"\b(?:it's|it\s+is|is|was|are|i'm|i\s+am|in|on|at|called|named)\s+([\w'\s-]{1,40}?)\s*,?\s+(?:and\s+)?not\s+(?:in\s+|on\s+|at\s+|the\s+|a\s+|an\s+)?([\w'-]{2,30})"
);
phrase!(
    /// A general truth and no verdict: "it is wrong to steal".
    MORAL,
    r"\b(?:wrong|incorrect|right|not\s+right|mistake|error)\s+(?:to|for|of|if|when|that|in\s+my\s+(?:code|life))\b|\b(?:if|whether|when|is|was|what's|what\s+is|why)\s+(?:that|this|it|they|you)(?:'s|\s+is|\s+are|'re)?\s*(?:still\s+)?(?:wrong|incorrect|not)\b"
);
phrase!(
    /// Somebody else is meant.
    ELSEWHERE,
    r"\b(?:to|told|asked)\s+(?:him|her|them|my|his|their|everyone|anyone|anybody|someone)\b"
);
phrase!(
    /// A question to the user ends it.
    ENDS_ASKING,
    r"\?[\s\W]*$"
);

/// Whether a user's turn corrects what the assistant said before it.
///
/// `earlier` are the turns before it, in order. Not measurable without an answer
/// to correct, or in another language than English.
pub fn corrects(turn: &SaidTurn, earlier: &[SaidTurn]) -> Signal {
    let answer = last_of(earlier, Role::Assistant).filter(|_| turn.role == Role::User);
    let Some(answer) = answer.filter(|_| is_readable(turn.text())) else {
        return Signal::NotMeasurable;
    };
    let own = own_words(turn.text());
    let reason = if says_wrong(&own) {
        Some((SAYS_WRONG, Reason::SaysWrong))
    } else if sets_right(&own, turn.said(), answer.said()) {
        Some((SETS_RIGHT, Reason::SetsRight))
    } else {
        None
    };
    Signal::measured(reason.map(|(confidence, reason)| Finding {
        confidence,
        reason,
        evidence: Evidence::Earlier(answer.sequence),
    }))
}

fn says_wrong(own: &str) -> bool {
    let verdicts = [&*WRONG, &*YOU_ERRED, &*NEVER_SAID, &*STOP];
    let found = verdicts.into_iter().flat_map(|phrase| phrase.places(own)).any(|found| {
        let near = around(own, &found, 12, 16);
        !MORAL.is_match(&near) && !ELSEWHERE.is_match(&around(own, &found, 0, 20))
    });
    found || WRONG_OPEN.is_match(own)
}

/// Something is set in place of what the answer says.
fn sets_right(own: &str, turn: &Said, answer: &Said) -> bool {
    let meant = MEANT.places(own).any(|found| !ELSEWHERE.is_match(&around(own, &found, 0, 20)));
    if meant {
        return true;
    }
    let answered = answer.text.to_lowercase();
    let named = X_NOT_Y.groups(own).any(|found| {
        let wrong = found.get(2).map(|wrong| wrong.as_str().to_lowercase());
        wrong.is_some_and(|wrong| wrong.len() > 2 && has_word(&answered, &wrong))
    });
    if named {
        return true;
    }
    // "No" answers a question, unless none was asked.
    let asked = ENDS_ASKING.is_match(&answer.text);
    let wants = turn.has(Cue::Asks) || turn.has(Cue::Requests);
    let opens = NO_OPEN.is_match(own) || (ACTUALLY_OPEN.is_match(own) && !turn.has(Cue::Changes));
    !asked && !wants && opens && shares(turn, answer)
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-').any(|other| other == word)
}

fn shares(turn: &Said, answer: &Said) -> bool {
    let mut stems: Vec<u32> = turn.stems.iter().map(|(stem, _)| *stem).collect();
    stems.dedup();
    let known = |stem: &&u32| answer.stems.binary_search_by_key(*stem, |(known, _)| *known).is_ok();
    let needed = SHARED_STEMS.min(stems.len().div_ceil(2).max(1));
    stems.iter().filter(known).count() >= needed
}

#[cfg(test)]
#[path = "corrects_tests.rs"]
mod tests;
