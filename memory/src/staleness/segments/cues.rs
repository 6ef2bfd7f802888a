//! Words and word sequences that open, close or continue a topic. General
//! English, no wording of any data set; each family is one bit.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// Number of families.
pub(super) const CUES: usize = 14;

/// Families matched anywhere in the turn; a phrase is words in sequence.
const ANYWHERE: [&[&str]; 9] = [
    // Announces another topic.
    &[
        "by the way",
        "anyway",
        "anyways",
        "speaking of",
        "moving on",
        "move on",
        "lets talk",
        "how about",
        "what about",
        "another thing",
        "one more",
        "something else",
        "change of subject",
        "on another note",
        "turn to",
        "come to",
        "go to",
        "get back",
        "go on to",
        "start with",
        "next up",
    ],
    // Order of business.
    &[
        "agenda",
        "item",
        "topic",
        "issue",
        "issues",
        "discuss",
        "discussion",
        "presentation",
        "present",
        "meeting",
        "minutes",
        "report",
        "question",
        "questions",
        "point",
        "subject",
        "committee",
        "decide",
        "decision",
    ],
    // Closing.
    &[
        "thank",
        "thanks",
        "bye",
        "goodbye",
        "thats all",
        "thats it",
        "see you",
        "have a good",
        "have a great",
        "done",
    ],
    // Greeting.
    &[
        "hello",
        "hi",
        "hey",
        "welcome",
        "good morning",
        "good afternoon",
        "good evening",
        "my name is",
    ],
    // Sequence.
    &["now", "then", "first", "second", "third", "finally", "next", "last", "lastly", "also"],
    // Wants something.
    &[
        "i need",
        "i want",
        "i would like",
        "id like",
        "can you",
        "could you",
        "would you",
        "please",
        "find",
        "help",
        "looking for",
        "search",
    ],
    // Asks the other person about themselves.
    &[
        "do you",
        "are you",
        "have you",
        "did you",
        "what is your",
        "whats your",
        "your favorite",
        "you like",
        "you do",
    ],
    // Tells about oneself.
    &["i am", "im", "i have", "i love", "i like", "i just", "i work", "my", "ive"],
    // Proposes.
    &[
        "lets",
        "let us",
        "shall we",
        "should we",
        "we could",
        "we should",
        "why dont we",
        "going to",
        "gonna",
    ],
];

/// Families matched on the first word.
const FIRST_WORD: [&[&str]; 4] = [
    &[
        "ok", "okay", "alright", "right", "well", "so", "great", "cool", "nice", "oh", "wow",
        "awesome", "perfect",
    ],
    &["yes", "yeah", "yep", "yup", "no", "nope", "nah", "sure", "mm", "hmm", "uh", "um", "mhm"],
    // Leans on what was said before.
    &[
        "it", "that", "this", "thats", "they", "he", "she", "those", "these", "because", "but",
        "and", "or", "its",
    ],
    &[
        "what", "who", "where", "when", "why", "how", "which", "do", "does", "did", "is", "are",
        "can", "could", "any",
    ],
];

/// First word of a phrase -> the words behind it and the bit of its family.
type Phrases = HashMap<&'static str, Vec<(Vec<&'static str>, u16)>>;

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let mut phrases = Phrases::new();
    for (bit, family) in ANYWHERE.iter().enumerate() {
        for phrase in *family {
            let mut words = phrase.split(' ');
            if let Some(first) = words.next() {
                phrases.entry(first).or_default().push((words.collect(), 1 << bit));
            }
        }
    }
    phrases
});

/// The families found in the lower-case `words` of a turn, bit by bit;
/// the last bit is a question mark in the text.
pub(super) fn cues(words: &[String], question_mark: bool) -> u16 {
    let mut bits = 0u16;
    for (at, word) in words.iter().enumerate() {
        for (rest, bit) in PHRASES.get(word.as_str()).into_iter().flatten() {
            let behind = words.get(at + 1..).unwrap_or_default();
            if behind.len() >= rest.len() && rest.iter().zip(behind).all(|(a, b)| a == b) {
                bits |= bit;
            }
        }
    }
    let first = words.first().map_or("", String::as_str);
    for (bit, family) in FIRST_WORD.iter().enumerate() {
        if family.contains(&first) {
            bits |= 1 << (bit + ANYWHERE.len());
        }
    }
    if question_mark {
        bits |= 1 << (CUES - 1);
    }
    bits
}

/// Words too common to tell a topic.
const COMMON: &str = "the a an and or of to in is it that this i you we they he she was were be been are am do does \
    did have has had with for on at as but if so not no yes yeah okay ok um uh mm hmm right well just like what there \
    here then them our your my me us can could would should will from by about which who how when where why all some \
    any more very really think know mean got get go going one im ill id ive its thats dont cant youre were theyre \
    lets gonna mhm oh too also now his her their these those because up out into than yep sure good great cool nice \
    lol wow thing things kind lot want need please thank thanks make see say said let";

static COMMON_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.split(' ').collect());

/// Is the lower-case word a carrier of meaning?
pub(super) fn is_content(word: &str) -> bool {
    word.chars().nth(2).is_some() && !COMMON_WORDS.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(text: &str) -> u16 {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        cues(&words, false)
    }

    #[test]
    fn families_are_found_in_sequence_only() {
        for (text, bit, found) in [
            ("by the way i moved", 0, true),
            ("the way by", 0, false),
            ("good morning all", 3, true),
            ("good that morning", 3, false),
            ("so that works", 9, true),
            ("works so", 9, false),
            ("", 9, false),
        ] {
            assert_eq!(bits(text) >> bit & 1 == 1, found, "{text:?}");
        }
        assert_eq!(cues(&[], true), 1 << (CUES - 1));
    }

    #[test]
    fn short_and_common_words_carry_no_topic() {
        assert!(is_content("budget") && is_content("straße"));
        assert!(!is_content("the") && !is_content("ok") && !is_content("thanks"));
    }
}
