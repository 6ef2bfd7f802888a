//! Last turns that say too little to search by: "what about the second one?".
//! They are searched together with the exchange before.
//!
//! The decision is by generic cues: how many words carry content, whether the
//! turn leans on something before it (a pronoun, an ordinal, a leading "and"),
//! and whether it names anything. The word lists are English, with the leading
//! conjunctions of some other languages; elsewhere shortness decides. To take a
//! full question for an elliptical one costs little: its own words come first.

use unicode_segmentation::UnicodeSegmentation;

/// Words beyond which a turn says enough by itself.
const MAX_WORDS: usize = 12;
/// Content words beyond which a turn with a leading "and" says enough.
const MAX_CONTENT_CONTINUED: usize = 3;
/// Content words beyond which a turn with a pronoun says enough.
const MAX_CONTENT_LEANING: usize = 2;
/// Width up to which a turn in a language that is not known here is too short;
/// a letter of a script without word spaces is worth two.
const MAX_SHORT_WIDTH: usize = 16;
/// Characters of the exchange before that are taken along, from its beginning:
/// about what the embedding model reads.
const MAX_EXCHANGE_CHARS: usize = 1_000;

/// Openings that continue what was said before.
const CONTINUING: &[&str] = &[
    "and",
    "but",
    "or",
    "so",
    "also",
    "then",
    "what about",
    "how about",
    "what if",
    "same for",
    "ok and",
    "und",
    "oder",
    "et",
    "ou",
    "y",
    "o",
    "e",
    "och",
    "og",
    "en",
    "ve",
    "и",
    "а",
    "или",
];

/// Words that stand for something said elsewhere.
const LEANING: &[&str] = &[
    "it", "its", "this", "that", "these", "those", "they", "them", "their", "he", "him", "his",
    "she", "her", "hers", "one", "ones", "there", "same", "other", "others", "another", "former",
    "latter", "first", "second", "third", "fourth", "fifth", "last", "next", "previous", "both",
    "either", "neither", "such", "it's", "that's", "else", "instead", "rest", "above", "earlier",
    "again", "more",
];

/// Words that carry no content of their own.
const EMPTY: &[&str] = &[
    "a", "about", "actually", "after", "all", "am", "an", "any", "are", "as", "at", "be", "been",
    "before", "by", "can", "can't", "come", "could", "detail", "details", "did", "didn't", "do",
    "does", "doesn't", "don't", "example", "exactly", "explain", "for", "from", "get", "give",
    "go", "got", "had", "has", "have", "hm", "hmm", "how", "how's", "i", "i'm", "if", "in", "into",
    "is", "isn't", "just", "know", "let", "like", "long", "many", "me", "mean", "might", "much",
    "my", "need", "no", "not", "of", "off", "oh", "ok", "okay", "on", "option", "our", "out",
    "part", "please", "point", "really", "reason", "say", "shall", "should", "show", "some",
    "sure", "tell", "than", "thanks", "thank", "the", "thing", "things", "think", "to", "too",
    "up", "us", "very", "was", "wasn't", "way", "we", "well", "were", "what", "what's", "when",
    "where", "which", "who", "who's", "whose", "why", "will", "with", "won't", "would", "yeah",
    "yep", "yes", "you", "your",
];

/// What to search for: the last turn, and if it is elliptical the exchange
/// before it too (empty for none).
pub fn search_text(query_turn_text: &str, previous_exchange: &str) -> String {
    let exchange = previous_exchange.trim();
    if exchange.is_empty() || !is_elliptical(query_turn_text) {
        return query_turn_text.to_owned();
    }
    let mut text = String::from(query_turn_text.trim());
    if !text.is_empty() {
        text.push('\n');
    }
    text.extend(exchange.chars().take(MAX_EXCHANGE_CHARS));
    text
}

/// Whether a turn says too little to search by.
pub fn is_elliptical(text: &str) -> bool {
    let words: Vec<&str> = text.unicode_words().take(MAX_WORDS + 1).collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let wide = text.chars().filter(|c| is_wide(*c)).count();
    if wide > 0 {
        // Words are not known here, only how much is said.
        return width(text) <= MAX_SHORT_WIDTH;
    }
    if words.len() > MAX_WORDS {
        return false;
    }
    let is = |list: &[&str], word: &String| list.contains(&word.as_str());
    let content = lower.iter().filter(|word| !is(LEANING, word) && !is(EMPTY, word)).count();
    if content == 0 || (continues(&lower) && content <= MAX_CONTENT_CONTINUED) {
        return true;
    }
    if lower.iter().any(|word| is(LEANING, word)) {
        return content <= MAX_CONTENT_LEANING && !names_something(&words);
    }
    let english = lower.iter().any(|word| is(EMPTY, word));
    if english || text.is_ascii() {
        return content == 1 && words.len() <= 3 && !names_something(&words);
    }
    width(text) <= MAX_SHORT_WIDTH
}

/// Whether words leave something to what was said before them: by a word that stands for
/// it, or by saying too little. True for a language that is not known here.
pub(super) fn leans(text: &str) -> bool {
    let lower: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    let has = |list: &[&str]| lower.iter().any(|word| list.contains(&word.as_str()));
    is_elliptical(text) || has(LEANING) || !has(EMPTY)
}

fn continues(words: &[String]) -> bool {
    CONTINUING.iter().any(|opening| {
        let mut opening = opening.split(' ');
        let mut words = words.iter();
        opening.all(|part| words.next().is_some_and(|word| word == part))
    })
}

/// A number, or a capital letter behind the first word that is not "I".
fn names_something(words: &[&str]) -> bool {
    let named = |word: &&&str| {
        word.starts_with(|c: char| c.is_uppercase()) && **word != "I" && !word.starts_with("I'")
    };
    words.iter().skip(1).any(|word| named(&word))
        || words.iter().any(|word| word.starts_with(|c: char| c.is_numeric()))
}

/// Scripts that write a word in a letter or two, without spaces.
fn is_wide(c: char) -> bool {
    matches!(
        c,
        '\u{0E00}'..='\u{0E7F}'
            | '\u{3040}'..='\u{30FF}'
            | '\u{3400}'..='\u{9FFF}'
            | '\u{AC00}'..='\u{D7AF}'
            | '\u{20000}'..='\u{3FFFF}'
    )
}

fn width(text: &str) -> usize {
    let letters = text.chars().filter(|c| !c.is_whitespace());
    letters.map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(elliptical: bool, turns: &[&str]) {
        for turn in turns {
            assert_eq!(is_elliptical(turn), elliptical, "{turn:?}");
        }
    }

    #[test]
    fn turns_that_lean_on_what_was_said() {
        check(
            true,
            &[
                "what about the second one?",
                "and in Paris?",
                "why?",
                "How come?",
                "And how much did the hotel cost?",
                "but why not?",
                "what if it rains?",
                "Can you explain it again?",
                "why did she do that?",
                "tell me more",
                "more details please",
                "the other one",
                "the price?",
                "And the red car?",
                "how about tomorrow?",
                "Which one was better?",
                "How much does it cost in winter?",
                "who said that?",
                "ok",
                "yes please",
                "?!",
                "",
                "same for Berlin",
                "When did they leave?",
                "Und in Berlin?",
                "¿Y en París?",
                "et à Lyon ?",
                "А в Москве?",
                "Où ?",
                "你呢？",
                "第二個呢？",
                "それはなぜ？",
                "두 번째는?",
            ],
        );
    }

    #[test]
    fn turns_that_speak_for_themselves() {
        check(
            false,
            &[
                "When did Caroline go to the LGBTQ support group?",
                "What is the name of Melanie's dog?",
                "How many kilometres did I run in March?",
                "Paris weather tomorrow?",
                "Plan a three day trip to Lisbon",
                "Which database did we choose for the billing service?",
                "Write a function that reverses a linked list",
                "What did Anna say about it?",
                "Who won the 1998 world cup?",
                "Is Rust faster than Python?",
                "Book a table for Friday evening",
                "What was that restaurant in Rome called?",
                "Summarise the meeting notes from last week",
                "the second world war started in 1939",
                "And now write a complete test plan for the payment gateway migration",
                "My sister moved to Oslo",
                "What's my dentist's phone number?",
                "Does the reactor need cooling water?",
                "Wann hat Anna ihre Prüfung in Hamburg bestanden?",
                "¿Cuándo viajó Carolina a Barcelona con su hermana?",
                "Quel est le numéro de téléphone du médecin ?",
                "Когда Анна переехала в Петербург?",
                "我妹妹的生日是什麼時候？",
                "東京タワーの高さは何メートルですか？",
                "it was a long day at the office with meetings and then more meetings and dinner",
                "Remember that I am allergic to peanuts",
            ],
        );
    }

    #[test]
    fn exchange_is_added_only_where_it_is_needed() {
        let exchange = "Which hotels are in Lyon? Two: the Globe and the Carlton.";
        for (turn, before, expected) in [
            ("Which hotels are in Lyon?", "Hello!", "Which hotels are in Lyon?".to_owned()),
            ("the second one?", exchange, format!("the second one?\n{exchange}")),
            ("the second one?", " ", "the second one?".to_owned()),
            (" ", exchange, exchange.to_owned()),
        ] {
            assert_eq!(search_text(turn, before), expected);
        }
        let long = "長".repeat(5_000);
        assert_eq!(search_text("why?", &long).chars().count(), 5 + MAX_EXCHANGE_CHARS);
    }
}
