//! What of an instruction is meant for every answer, and what only for some: under a
//! condition ("when I ask about taxes"), for one thing ("in emails"), for a part of an
//! answer ("end with one sentence"), or once ("this time").
//!
//! Invariant: in doubt it is not meant for every answer. What is left out is not
//! measured; what is kept wrongly makes each answer a broken one.

use super::phrases::{Phrase, phrase};

/// Things that are written to order: an instruction that names one is about these.
macro_rules! thing {
    () => {
        r"(?:e-?mails?|cover\s+letters?|(?:business|formal|love)\s+letters?|(?:text|commit|error)\s+messages?
          |slides?|decks?|presentations?|memos?|reports?|essays?|articles?|blogs?|posts?|tweets?|captions?
          |r[eé]sum[eé]s?|cvs?|summar(?:y|ies)|abstracts?|translations?|documents?|documentation|docs
          |spreadsheets?|charts?|code|scripts?|functions?|variables?|comments?|commits?|tickets?|quer(?:y|ies)|sql
          |names?|keywords?|acronyms?|abbreviations?|labels?|subject\s+lines?|headlines?|invoices?|contracts?|proposals?
          |newsletters?|recipes?|ingredients?|steps?|stor(?:y|ies)|poems?|lyrics|songs?|novels?|chapters?
          |quiz(?:zes)?|flashcards?|exams?|homework|assignments?|meetings?|agendas?|reviews?|descriptions?
          |itinerar(?:y|ies)|schedules?|examples?|definitions?|explanations?)"
    };
}

phrase!(QUOTED, r#""[^"\n]{1,80}" | (?:^|[\s(:])'[^'\n]{1,60}'(?:[\s.,;:!?)]|$)"#);
// The word that is forbidden is none of the instruction's own.
phrase!(WORD_NAMED, r"\b(?:word|phrase|term|expression)s?\s+[\w'-]+");
// Once, and not from now on.
phrase!(
    ONCE,
    r"\b(?:this|that|next)\s+(?:time|once|one|question|answer|reply|response|message|request|task)\b
      | \bjust\s+(?:this\s+)?once\b
      | \bquestions?\s+(?:on|of|that|which|like|from)\b"
);
// What sounds like a condition, and is meant for every answer.
phrase!(
    ALWAYS,
    concat!(
        r"\b(?:for|in|during|throughout|within|over)\s+(?:(?:the|all|rest|remainder|duration|of|this|our|my|whole|entire|these|future)\s+){0,6}
            (?:chat|conversation|session|discussion|dialog(?:ue)?|talk|thread|exchange)s?\b
          | \bfor\s+the\s+rest\s+of\s+(?:the|this)\s+(?:day|time)\b
          | \bfrom\s+today\s+on(?:wards?)?\b
          | \bfor\s+(?:now|good|me|ever|example|instance|brevity|clarity|readability|simplicity|accessibility|all\s+time
              |the\s+moment|the\s+time\s+being|the\s+future)\b
          | \b(?:for|in|to|with|of)\s+(?:(?:all|each|every|any|of|my|your|the|future|further|following|single)\s+){0,5}
              (?:answers?|repl(?:y|ies)|responses?|messages?|questions?|prompts?|turns?)\b
          | \b(?:all|each|every|any)\s+(?:(?:of|my|your|the|future|single)\s+){0,4}
              (?:answers?|repl(?:y|ies)|responses?|messages?|questions?|prompts?|turns?)\b
          | \bwhen(?:ever)?\s+(?:you(?:\s+are|'re)?\s+)?(?:answer|reply|respond|writ|talk|speak|chat|communicat)(?:e|ing)?
              (?:\s+(?:to\s+|with\s+)?me|\s+my\s+questions?)?\s*(?:[,.;:!]|$|\bplease\b)
          | \b(?:each|every)\s+(?:single\s+)?time\s*(?:[,.;:!]|$)
          | \buntil\s+further\s+notice\b
          | \bcode\s+blocks?\b
          | \b(?:no|without(?:\s+any)?|nor|avoid|(?:don't|do\s+not|never)\s+use)\s+(?:\w+\s+)?",
        thing!(),
        r"\b"
    )
);
phrase!(
    SCOPE,
    concat!(
        r"\b(?:when(?:ever)?|if|unless|while|whilst|where(?:ver)?|until|till|once|except(?:ing)?|provided|providing
            |assuming|depending|otherwise|during|as\s+(?:long|soon|far)\s+as|as\s+needed|in\s+(?:any\s+|that\s+|the\s+)?(?:case|event)
            |(?:each|every|any)\s+time|sometimes|occasionally|preferably|ideally|possibly|maybe|perhaps
            |about|regarding|concerning|relat(?:ed|ing)\s+to|with\s+(?:respect|regard)s?\s+to|for|each|every|per)\b
          | \b(?:begin|start|open|end|finish|close|conclude)(?:s|ning|ing)?\s+(?:\w+\s+){0,3}(?:with|by)\b
          | \bat\s+the\s+(?:end|start|beginning|top|bottom)\b
          | \b(?:today|tonight|tomorrow)\b
          | \b(?:first|last|final|opening|closing)\s+(?:line|sentence|paragraph|word|part)\b
          | \b(?:on|at)\s+(?:weekdays?|weekends?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|work|home|night|school)\b
          | \b(?:to|with)\s+(?:my|our|his|her|their|clients?|customers?|colleagues?|students?|others)\b
          | (?:^|[,:]|\b(?:please|always|and|then))\s*list\s+\w+
          | \b",
        thing!(),
        r"\b"
    )
);

// An instruction that names every answer, whatever part of it it is about; or what no
// subject decides: whether the one who answers knows.
phrase!(
    EVERY_ANSWER,
    r"\b(?:all|each|every)\s+(?:(?:of|my|your|the|future|single)\s+){0,4}
          (?:answers?|repl(?:y|ies)|responses?|messages?|questions?|prompts?|turns?)\b
      | \bwhat(?:so)?ever\s+i\s+(?:ask|say|write|want)\b
      | \b(?:if|when(?:ever)?|where(?:ver)?)\s+you(?:\s+are|'re)?\s+
          (?:not\s+(?:sure|certain)|unsure|uncertain|guess(?:ing)?|(?:do\s+not|don't)\s+know)\b"
);
// Which of the answers.
phrase!(
    WHICH,
    r"^\s+(?:about|on|of|regarding|concerning|that|which|where|like|from|when|if
          |to\s+(?:my|our|his|her|their|the|clients?|customers?))\b"
);

/// An instruction without the sentences that are not meant for every answer. Quotation
/// marks and apostrophes are plain ones.
pub(super) fn for_every_answer(instruction: &str) -> String {
    let mut kept = String::with_capacity(instruction.len());
    // What stands below "In emails:" belongs to it.
    let mut is_below = false;
    for sentence in sentences(instruction) {
        let words = sentence.trim();
        if words.is_empty() {
            is_below = false;
        } else if is_below || is_scoped(words) {
            is_below |= words.ends_with(':');
            kept.push('\n');
            continue;
        }
        kept.push_str(sentence);
    }
    kept
}

/// Whether something of an instruction is meant for every answer.
fn is_for_every_answer(instruction: &str) -> bool {
    !for_every_answer(&plain(instruction)).trim().is_empty()
}

/// Whether an instruction is to be kept in mind for every answer: it is meant for every
/// one, or names all of them though it is about a part of each ("Start every answer with
/// ..").
pub fn concerns_every_answer(instruction: &str) -> bool {
    let text = plain(instruction);
    let mut named = EVERY_ANSWER.places(&text);
    is_for_every_answer(instruction)
        || named.any(|place| !WHICH.is_match(text.get(place.end..).unwrap_or_default()))
}

/// A text with plain quotation marks and apostrophes.
pub(super) fn plain(text: &str) -> String {
    text.replace(['\u{2019}', '\u{2018}'], "'").replace(['\u{201c}', '\u{201d}'], "\"")
}

/// Whether a sentence is meant for some answers alone.
fn is_scoped(sentence: &str) -> bool {
    let own = without(&WORD_NAMED, &without(&QUOTED, sentence));
    ONCE.is_match(&own) || SCOPE.is_match(&without(&ALWAYS, &own))
}

/// A text with another word in the places of a phrase.
fn without(phrase: &Phrase, text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for place in phrase.places(text) {
        kept.push_str(text.get(from..place.start).unwrap_or_default());
        kept.push_str(" it ");
        from = place.end;
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    kept
}

/// The sentences of a text with what ends them.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let is_last = signs.peek().is_none_or(|(_, next)| next.is_whitespace());
        if matches!(sign, '\n' | ';') || (matches!(sign, '.' | '!' | '?') && is_last) {
            let end = at + sign.len_utf8();
            found.extend(text.get(from..end));
            from = end;
        }
    }
    found.extend(text.get(from..).filter(|rest| !rest.is_empty()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_every_answer_is_kept() {
        for (instruction, kept) in [
            ("Answer in verse.", "Answer in verse."),
            ("If I am tired, be brief. Answer in verse.", "\n Answer in verse."),
            ("In emails:\n- no emojis\n- be brief\n\nBe honest.", "\n\n\n\nBe honest."),
            ("Never say \"if\".", "Never say \"if\"."),
            ("Never use the word unless", "Never use the word unless"),
            ("It costs 5.30, at most", "It costs 5.30, at most"),
        ] {
            assert_eq!(for_every_answer(instruction), kept, "{instruction:?}");
            assert_eq!(is_for_every_answer(instruction), !kept.trim().is_empty());
        }
    }

    #[test]
    fn a_rule_for_a_part_of_every_answer_concerns_all_of_them() {
        for (instruction, expected) in [
            ("Answer in verse.", true),
            ("Start every answer with a greeting.", true),
            ("End each of your replies with a proverb.", true),
            ("Put the sources at the bottom, whatever I ask.", true),
            ("If you\u{2019}re not sure, tell me how sure you are.", true),
            ("When you are done, tell me if you have any questions.", false),
            ("When I ask about taxes, cite the law.", false),
            ("Cite the law in all answers about taxes.", false),
            ("Put my title into every message to my clients.", false),
            ("Put the date at the top of every invoice.", false),
        ] {
            assert_eq!(concerns_every_answer(instruction), expected, "{instruction}");
        }
    }
}
