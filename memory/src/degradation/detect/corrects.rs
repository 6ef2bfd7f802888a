//! The user corrects the assistant: says that an answer is wrong, or sets
//! something right in its place. A change of the user's own mind is no
//! correction, and neither is "no" to a question.

use super::{
    SaidTurn,
    language::is_readable,
    last_of,
    likeness::{Request, share},
    model::{Features, Model},
    phrases::{Phrase, around, own_words, phrase},
    talk,
};
use crate::{
    degradation::{Evidence, Finding, Reason, Signal},
    staleness::{
        statement::Said,
        text::{Cue, Kind},
    },
    turn::Role,
};

/// Requests of the user that are read for what was said before, the newest.
const RECENT: usize = 6;
/// Sentences that are read: half of them from the beginning, half from the end.
const SENTENCES: usize = 8;
/// Features by which the words of a sentence say that something is wrong.
const VERDICTS: [&str; 2] = ["verdict", "opens with wrong"];

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
    /// "X, not Y": the group is what is wrong.
    NOT_Y,
    r"\bnot\s+(?:in\s+|on\s+|at\s+|by\s+)?(?:the\s+|a\s+|an\s+)?([\w'-]{2,30})"
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

phrase!(
    /// Doubts it: "are you sure", "I don't think so".
    DOUBTS,
    r"\bare\s+you\s+(?:really\s+)?sure\b
      | \bi(?:'m)?\s+(?:really\s+|highly\s+|kind\s+of\s+)?(?:don't\s+(?:think|believe|see|agree)|doubt|disagree|pretty\s+sure|fairly\s+sure|quite\s+sure|certain|confused|surprised)
      | \bisn't\s+(?:it|that|this|he|she)\b | \b(?:that|this|it)\s+can(?:'t|not)\s+be\b
      | \b(?:no|little|any)\s+sense\b | \bsurely\b | \bmade\s+(?:that|this|it)?\s*up\b | \bmaking\s+(?:this|that|it|things)\s+up\b
      | \bdoubt\s+(?:that|it)\b | \bi\s+don't\s+think\s+(?:so|that)\b"
);
phrase!(
    /// Names a fault: "too long", "is missing", "doesn't work", "there is no".
    FAULTS,
    r"\b(?:too|way\s+over|way\s+too|over\s+the|much\s+too|more\s+than|less\s+than|even)\s+(?:\w+\s+)?(?:long|short|longer|shorter|many|few|much|vague|generic|general|formal|big|small|limit|top|complicated|simple|broad)\b
      | \bmissing\b | \bfails?\b | \blacks?\b | \b(?:is|are|was|were|'s|'re)\s+(?:still\s+)?(?:off|gone|empty|broken|swapped|backwards|duplicated|repeated|slightly\s+over|over\s+the|longer|shorter|illegal|impossible|useless|unclear|vague)\b
      | \b(?:doesn't|does\s+not|don't|do\s+not|didn't|did\s+not|won't|wouldn't|isn't|hasn't)\s+(?:even\s+|really\s+|actually\s+|seem\s+to\s+)?(?:work\w*|exist|fit|help\w*|answer|match|reflect|mention|include|show|make\s+sense|sound|belong|have\s+(?:a|an|any)|look\s+right|apply|change|contain|cover|run|compile|do)\b
      | \bthere(?:'s|\s+is|\s+are|\s+was)\s+(?:no|already|still|only|a\s+mistake|an\s+error|something\s+(?:wrong|off|missing)|nothing)\b
      | \b(?:leaves?|left)\s+out\b | \bstill\s+(?:not|get\w*|the\s+same|in|has|have|is|are|shows?|see\w*|wrong|too|slightly)\b
      | \byou\s+(?:only|just)\s+\w+ed\b | \byou\s+(?:haven't|have\s+not|didn't|did\s+not|don't|do\s+not)\b
      | \b(?:illegal|invalid|impossible)\b | \bno\s+such\b | \bwhat\s+happened\s+to\b"
);
phrase!(
    /// Says how it ought to be: "it should be", "is supposed to".
    OUGHT,
    r"\bshould(?:n't|\s+not)?\s+(?:be|have|end|already)\b | \bsupposed\s+to\b | \bmeant\s+to\s+be\b
      | \b(?:has|have|had|needs?|must)\s+(?:to\s+)?(?:be|stay)\b | \bnot\s+(?:the|a|an|in|on|by|for|from|with)\s+\w+\s*[.!]?\s*$
      | \b(?:don't|doesn't|do\s+not|does\s+not)\s+(?:have|need)\s+to\s+be\b"
);
phrase!(
    /// Loses patience.
    REBUKES,
    r"\b(?:useless|ridiculous|horrible|terrible|awful|annoying|disappoint\w+|seriously|come\s+on|wtf|lol\s+no|no\s+way|ugh|dude|bozo|stupid|dumb|bad\s+job|not\s+doing|nonsense|be\s+serious|realistic|do\s+better|something\s+better|you\s+tried|dodging|try\s+harder)\b
      | \bno\s+no\b|\bnono\b | !!"
);
phrase!(
    /// Wants it done over: "check again", "fix that".
    REDO,
    r"\b(?:check|look|try|count|read|do|calculate|think|search)\s+(?:it\s+|that\s+|this\s+)?(?:again|better|harder|once\s+more)\b
      | \b(?:redo|fix|rewrite|correct)\s+(?:it|that|this|the|your|them)\b | \bcome\s+up\s+with\b | \b(?:change|put|move)\s+(?:this|that|it)\s*(?:back|please|[.!]|$)
      | \bdouble[\s-]check\b | \bcan\s+you\s+check\s+that\b"
);
phrase!(
    /// Forbids what was done.
    FORBIDS,
    r"(?:^|[.!,;\n]\s*|\band\s+|\bplease\s+)(?:please\s+)?(?:(?:don't|do\s+not|no\s+more|drop)\s+\w+|(?:stop|quit)\s+\w+ing\b) | \bcan\s+you\s+(?:stop|drop)\b"
);
phrase!(
    /// Says what was wanted: "I need two", "I asked for".
    WANTED,
    r"(?:^|[.!,;:\n]\s*|\b(?:no|wrong|but|because|so|and)\s+)(?:i|we)\s+(?:clearly\s+|only\s+|actually\s+|specifically\s+|just\s+)?(?:need|want|wanted|asked|said|ordered|requested|wrote|specified|told)\b"
);
phrase!(
    /// Contradicts what is taken for granted: "I don't have", "she is not".
    DENIES,
    r"\b(?:i|he|she|it|we|they|there|that|this|my\s+\w+|the\s+\w+)(?:'m|'s|'re|\s+am|\s+is|\s+are|\s+was|\s+were|\s+do|\s+does|\s+did|\s+have|\s+has|\s+can|\s+could|\s+would)?\s*(?:actually\s+)?(?:n't|not|never|cannot)\b
      | \b(?:isn't|aren't|wasn't|weren't|don't|doesn't|didn't|haven't|hasn't|can't|couldn't)\s+(?:actually\s+)?\w+"
);
phrase!(
    /// Adds a contrast: "but", "though".
    CONTRASTS,
    r"^\s*(?:but|however|hmm|well|okay\s+but)\b | [,.;]\s*(?:but|however|though|although)\b | \bthough\s*[.,!?]"
);
phrase!(
    /// A mind that changed: "on second thought", "I've decided".
    CHANGED_MIND,
    r"\bchange(?:d)?\s+(?:my|our)\s+mind | \bsecond\s+thoughts?\b | \breconsider\w* | \bon\s+reflection\b | \bnever\s*mind\b
      | \b(?:i|we)(?:'ve|\s+have)?\s+(?:just\s+)?(?:decided|realised|realized|remembered|noticed)\b | \bafter\s+(?:all|thinking|reading|reconsidering)\b
      | \bnot\s+any\s*more\b | \bright\s+any\s*more\b | \bcancel(?:led|ed)\b | \b(?:has|have)\s+(?:moved|changed)\b | \brevert\b | \bsomething\s+came\s+up\b | \bnow\s+that\s+i\s+think\b"
);
phrase!(
    /// Another wish, with or without a reason: "make it", "instead".
    WISHES,
    r"\b(?:i|we)(?:'d|\s+would)\s+(?:rather|prefer)\b | \blet's\s+(?:make|rename|change|do|have)\b | \bmake\s+(?:it|that|them)\b | \b(?:could|can)\s+(?:i|we|it)\b | \byou\s+know\s+what\b | \binstead\b | \b(?:what|how)\s+about\b | \bany\s*more\b"
);
phrase!(
    /// Takes the fault: "my mistake", "I had it wrong".
    OWN_FAULT,
    r"\bmy\s+(?:bad|mistake|error|fault|apologies)\b | \boops\b | \bcorrection\b | \bi\s+misspoke\b | \bi\s+was\s+wrong\b | \bi\s+(?:forgot|should\s+have\s+(?:said|told|mentioned))\b
      | \bi(?:'ve|\s+have)?\s+(?:made|make)\s+a\w*\s+(?:\w+\s+)?(?:mistake|error|typo)
      | \bi(?:\s+must(?:'ve|\s+have)|\s+might\s+have|'ve)?\s+(?:got|had|gave|gotten|have|put|wrote|remembered)\b[^.?!\n]{0,40}\bwrong\b | \bmy\s+(?:own\s+)?(?:mistake|error) | \bwires\s+crossed\b
      | \bsorry\b[,.!\s]+(?:i\s+(?:meant|said|gave|mean)|it's|that's|not)\b"
);
phrase!(SENTENCE, r"[^.!?\n]+(?:\.\w[^.!?\n]*)*[.!?]*");
phrase!(
    /// An answer that gives in.
    GIVES_IN,
    r"\b(?:apolog\w+|sorry|my\s+mistake|oversight|confusion|misunderst\w+|you're\s+(?:absolutely\s+)?right)\b"
);
phrase!(
    /// Speaks well of it.
    PRAISES,
    r"^\W*(?:\w+\W+){0,4}?(?:great|thanks|thank|perfect|love|nice|helpful|awesome|good|wonderful|cool|interesting|fine|appreciate|glad|excellent|amazing|yum|yes|yeah|sure)\b"
);

/// Phrases of a verdict or of its opposite, by the names of their features.
fn phrases() -> [(&'static str, &'static Phrase); 17] {
    [
        ("opens with wrong", &WRONG_OPEN),
        ("has meant", &MEANT),
        ("opens with no", &NO_OPEN),
        ("opens with actually", &ACTUALLY_OPEN),
        ("doubts", &DOUBTS),
        ("faults", &FAULTS),
        ("ought", &OUGHT),
        ("rebukes", &REBUKES),
        ("redo", &REDO),
        ("forbids", &FORBIDS),
        ("was wanted", &WANTED),
        ("denies", &DENIES),
        ("contrasts", &CONTRASTS),
        ("changed mind", &CHANGED_MIND),
        ("wishes", &WISHES),
        ("own fault", &OWN_FAULT),
        ("praises", &PRAISES),
    ]
}

/// Whether a user's turn corrects what the assistant said before it: one of its
/// sentences does.
///
/// `earlier` are the turns before it, in order. Not measurable without an answer
/// to correct, or in another language than English.
pub fn corrects(turn: &SaidTurn, earlier: &[SaidTurn]) -> Signal {
    let answer = last_of(earlier, Role::Assistant).filter(|_| turn.role == Role::User);
    let Some(answer) = answer.filter(|_| is_readable(turn.text())) else {
        return Signal::NotMeasurable;
    };
    let sentences = features(turn, answer, earlier);
    let found = sentences.iter().filter_map(|seen| {
        let reason = if says_wrong(seen) { Reason::SaysWrong } else { Reason::SetsRight };
        Model::corrects().finds(seen).map(|confidence| Finding {
            confidence,
            reason,
            evidence: Evidence::Earlier(answer.sequence),
        })
    });
    Signal::measured(found.max_by(|a, b| a.confidence.total_cmp(&b.confidence)))
}

/// Whether the words give a verdict, apart from what is set right.
fn says_wrong(seen: &Features) -> bool {
    VERDICTS.iter().any(|name| seen.has(name))
}

/// Whether a turn says in so many words that something is wrong.
pub(super) fn has_verdict(own: &str) -> bool {
    let verdicts: [&Phrase; 5] = [&WRONG, &WRONG_OPEN, &YOU_ERRED, &MEANT, &NO_OPEN];
    verdicts.into_iter().any(|phrase| speaks_of_answer(own, phrase))
}

/// What is seen of each sentence of a turn that may correct.
pub(super) fn features(turn: &SaidTurn, answer: &SaidTurn, earlier: &[SaidTurn]) -> Vec<Features> {
    let own = own_words(turn.text());
    let users = earlier.iter().filter(|other| other.role == Role::User);
    let context = Context {
        that: Request::of(answer.said()),
        answer,
        before: users.rev().take(RECENT).map(|other| Request::of(other.said())).collect(),
        changed_mind: CHANGED_MIND.is_match(&own),
        own_fault: OWN_FAULT.is_match(&own),
    };
    let sentences = sentences(&own);
    let all = sentences.len();
    let of = |(index, sentence): (usize, &str)| {
        let mut features = Features::default();
        let said = Said::of(sentence, None);
        talk::features(sentence, &said, &mut features);
        features.mark("first", index == 0);
        features.mark("last", index + 1 == all);
        let verdicts: [&Phrase; 4] = [&WRONG, &YOU_ERRED, &NEVER_SAID, &STOP];
        let verdict = verdicts.into_iter().any(|phrase| speaks_of_answer(sentence, phrase));
        features.mark("verdict", verdict);
        for (name, phrase) in phrases() {
            features.mark(name, speaks_of_answer(sentence, phrase));
        }
        context.features(sentence, &said, &mut features);
        features
    };
    sentences.into_iter().enumerate().map(of).collect()
}

/// The sentences of a text, of a long one the first and the last.
fn sentences(own: &str) -> Vec<&str> {
    let places = SENTENCE.places(own).filter_map(|place| own.get(place));
    let mut all: Vec<&str> = places.filter(|one| one.contains(char::is_alphanumeric)).collect();
    if all.len() > SENTENCES {
        all.drain(SENTENCES / 2..all.len() - SENTENCES / 2);
    }
    if all.is_empty() { vec![own] } else { all }
}

/// A verdict that is no general truth and speaks of nobody else.
fn speaks_of_answer(own: &str, phrase: &Phrase) -> bool {
    phrase.places(own).any(|found| {
        let near = around(own, &found, 12, 16);
        !MORAL.is_match(&near) && !ELSEWHERE.is_match(&around(own, &found, 0, 20))
    })
}

/// What a sentence is held against.
struct Context<'a> {
    answer: &'a SaidTurn,
    that: Request<'a>,
    /// What the user said before, the newest first.
    before: Vec<Request<'a>>,
    /// Anywhere in the turn.
    changed_mind: bool,
    own_fault: bool,
}

impl Context<'_> {
    fn features(&self, sentence: &str, said: &Said, features: &mut Features) {
        let told = self.answer.said();
        let asked = ENDS_ASKING.is_match(self.answer.text());
        let confirms = told.has(Cue::Confirms);
        features.mark("changed mind in turn", self.changed_mind);
        features.mark("own fault in turn", self.own_fault);
        features.mark("answer asks", asked);
        features.mark("answer asks to confirm", asked && confirms);
        features.mark("answer confirms", confirms);
        features.mark("answer fails", told.has(Cue::Fails));
        features.mark("answer gives in", GIVES_IN.is_match(self.answer.text()));
        features.value("answer long", (told.words.len() as f32 + 1.0).ln() / 6.0);
        let denied = NOT_Y.groups(sentence).any(|found| {
            let wrong = found.get(1).map(|wrong| wrong.as_str().to_lowercase());
            let answer = self.answer.text().to_lowercase();
            wrong.is_some_and(|wrong| has_word(&answer, &wrong))
        });
        features.mark("not what was said", denied);
        let this = Request::of(said);
        let of_answer = share(this.stems(), self.that.stems());
        let of_users = self.before.iter().map(|other| share(this.stems(), other.stems()));
        let of_users = of_users.fold(0.0, f32::max);
        features.value("of answer", of_answer);
        features.value("of users", of_users);
        features.value("only of answer", (of_answer - of_users).max(0.0));
        let (against, kept) = against(said, told, &self.before);
        features.mark("against value", against);
        features.mark("against value of users", against && kept);
        features.mark("against value, new", against && !kept);
        let negates = said.has(Cue::Negates);
        features.value("denies of answer", if negates { of_answer } else { 0.0 });
        features.value("denies of users", if negates { of_users } else { 0.0 });
        let opens_no = features.has("opens no");
        features.mark("no to a question", opens_no && asked && !confirms);
        features.mark("no to a confirmation", opens_no && asked && confirms);
        features.mark("no to a statement", opens_no && !asked);
        let asks = said.has(Cue::Asks) || sentence.contains('?');
        let wants = said.has(Cue::Requests);
        features.mark("states", !asks && !wants);
        features.mark("states, not an answer", !asks && !wants && !asked);
        features.mark("states to a confirmation", !asks && !wants && asked && confirms);
        features.value("states of answer", if asks || wants || asked { 0.0 } else { of_answer });
        features.value("states of users", if asks || wants || asked { 0.0 } else { of_users });
        features.mark("denies, states", negates && !asks && !wants && !asked);
        features.mark("fault, not asked", features.has("faults") && !asks);
        features.mark("wanted before", features.has("was wanted") && of_users > 0.4);
        features.mark("ought, not asked", features.has("ought") && !asks);
    }
}

/// Whether a value is another than the answer's of its kind, and whether the user had
/// said it.
fn against(said: &Said, told: &Said, before: &[Request<'_>]) -> (bool, bool) {
    let mut found = (false, false);
    for value in said.values.iter().filter(|value| value.kind != Kind::Name) {
        let agreements: Vec<bool> =
            told.values.iter().filter_map(|other| value.agrees(other)).collect();
        if agreements.is_empty() || agreements.contains(&true) {
            continue;
        }
        let kept = before
            .iter()
            .any(|other| other.said().values.iter().any(|known| known.agrees(value) == Some(true)));
        found = (true, found.1 || kept);
    }
    found
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-').any(|other| other == word)
}

#[cfg(test)]
#[path = "corrects_tests.rs"]
mod tests;
