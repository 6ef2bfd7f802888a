//! The patterns behind [`super::cues`]: general English cues, each with the
//! words that it stands for.

use std::sync::LazyLock;

use regex::Regex;

/// Compiles a pattern of ours. All are covered by a test; one that does not
/// compile matches nothing.
macro_rules! pattern {
    ($(#[$doc:meta])* $name:ident, $pattern:expr) => {
        $(#[$doc])*
        pub(super) static $name: LazyLock<Cue> = LazyLock::new(|| Cue(Regex::new($pattern).ok()));
    };
}

/// A compiled pattern.
pub(super) struct Cue(Option<Regex>);

impl Cue {
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }

    /// Matches, at most `most`.
    pub(super) fn count(&self, text: &str, most: usize) -> usize {
        self.0.as_ref().map_or(0, |pattern| pattern.find_iter(text).take(most).count())
    }
}

pattern!(
    /// Somebody speaks of themself.
    FIRST_PERSON,
    r"(?i)\b(?:i|i'm|i've|i'd|i'll|im|my|me|mine|we|our)\b"
);
pattern!(
    /// A date, or a time relative to the turn's own.
    DATED,
    r"(?ix)\b(?:
        yesterday | today | tomorrow | tonight | ago
        | last\s(?:night|week|weekend|month|year|[a-z]+day|summer|winter|fall|autumn|spring)
        | next\s(?:week|weekend|month|year|[a-z]+day)
        | this\s(?:week|weekend|month|year|morning)
        | (?:january|february|march|april|may|june|july|august|september|october|november|december
            |jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?\s*\d
        | \d{1,2}(?:st|nd|rd|th) | (?:19|20)\d\d | \d{1,2}/\d{1,2}
        | monday | tuesday | wednesday | thursday | friday | saturday | sunday
    )\b"
);
pattern!(
    /// A standing instruction.
    INSTRUCTS,
    r"(?ix)(?:^|[.!?\n]\s*)(?:please\s+)?(?:always|never|from\snow\son|going\sforward
        |in\s(?:the\s)?future|remember\s(?:to|that)|make\ssure\s(?:to|you)\salways
        |don't\sever|do\snot\sever)\b
    | \bwhen(?:ever)?\si\sask\b | \b(?:every|any)\s?time\si\s(?:ask|mention)\b"
);
pattern!(
    /// What somebody likes or dislikes.
    PREFERS,
    r"(?ix)\bi(?:'d|\swould)?(?:\sreally|\susually|\sgenerally|\salways|\salso|\smuch|\spersonally|'m)?\s?
        (?:prefer|rather|like|love|enjoy|hate|dislike|tend\sto|can't\sstand|value
            |am\s(?:(?:a\s(?:big\s)?)?fan|into|allergic))\b
    | \bi(?:'ve|\shave)\s(?:always\s)?(?:been\s)?(?:prefer|lov|enjoy|us)(?:ing|ed)\b
    | \bmy\s(?:favou?rite|preferred|go-to|usual)\b
    | \bi\s(?:do\snot|don't)\s(?:like|want|eat|drink)\b"
);
pattern!(
    /// The question is about what the assistant said.
    OF_ASSISTANT,
    r"(?ix)\b(?:you(?:'ve|'d)?\s?(?:(?:have|had|just|also|previously|earlier|once|already)\s)*
        (?:said|mentioned|recommended|suggested|told|gave|given|provided|listed|explained|described
            |advised|shared|outlined|wrote|written|came\sup\swith|created|generated|showed|shown|used)
    | did\syou\s(?:say|mention|recommend|suggest|tell|give|provide|list|explain|describe|advise|share
            |outline|write|create|generate|show|use)
    | remind\sme
    | our\s(?:last|previous|earlier|past|prior)\s(?:conversation|chat|discussion|session)s?
    | your\s(?:previous|earlier|recommendations?|suggestions?|advice|answer|response|explanation))\b"
);
pattern!(
    /// The question asks for a summary.
    SUMMARY,
    r"(?i)\b(?:summar(?:y|ies|i[sz]e)|overview|recap)\b"
);
pattern!(
    /// A question of time or order.
    WHEN,
    r"(?ix)\b(?:when|what\s(?:date|day|month|year|time)
        |how\s(?:long|many\s(?:days|weeks|months|years|hours))
        |ago|first|before|after|since|order|earliest|latest|last)\b"
);
pattern!(
    /// A request for advice or for work.
    WANTS_ADVICE,
    r"(?ix)\b(?:suggest|suggestions?|recommend|recommendations?|advice|tips|ideas?
        |how\s(?:should|can|could|do|would)\s(?:i|you|we)|(?:can|could|would|will)\syou
        |help\sme|what\s(?:should|could|would)|i'm\s(?:planning|looking|thinking|trying|about)|any)\b"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile_and_tell_apart() {
        let table: [(&Cue, &[&str], &[&str]); 8] = [
            (&FIRST_PERSON, &["I went home", "It is my cat"], &["It is in Rome"]),
            (&SUMMARY, &["Give me an overview", "summarise it"], &["the summit"]),
            (&DATED, &["see you next Friday", "May 3", "in 2021"], &["at some point"]),
            (
                &INSTRUCTS,
                &["Always answer in French.", "Hm. Please never use emojis"],
                &["I have always lived here", "It never rains"],
            ),
            (
                &PREFERS,
                &["I'd rather walk", "my favourite colour", "I don't eat meat"],
                &["They prefer tea"],
            ),
            (
                &OF_ASSISTANT,
                &["What did you recommend?", "in our last chat", "you'd already told me"],
                &["I told him", "can you list them"],
            ),
            (&WHEN, &["How many days passed?", "When did she go?"], &["Why did she go?"]),
            (&WANTS_ADVICE, &["Can you suggest a book?", "any tips"], &["Who is Ann?"]),
        ];
        for (cue, yes, no) in table {
            for text in yes {
                assert!(cue.is_match(text), "{text}");
            }
            for text in no {
                assert!(!cue.is_match(text), "{text}");
            }
        }
        assert_eq!(FIRST_PERSON.count("I, me, my, mine", 3), 3);
    }
}
