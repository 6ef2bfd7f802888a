//! Whether a text holds a phrase, as StateBench 2.0.0 decides it (its
//! `evaluation/rubric.py`, MIT): at word boundaries, in lower case, `a|b` for
//! alternatives, `regex:` for patterns, contracted negations as their long
//! forms; and, for phrases that must not be there, whether an occurrence stands
//! under a negation. `plain` is the substring test of version 1.

use regex::Regex;

/// Characters before an occurrence in which a negation covers it.
const NEGATION_WINDOW: usize = 40;
/// What turns the meaning of the words after it round (upstream's list).
const NEGATIONS: [&str; 26] = [
    "not ",
    "n't ",
    "no longer",
    "never",
    "cannot",
    "can not",
    "instead of",
    "rather than",
    "no more",
    "avoid ",
    "without ",
    "isn't",
    "wasn't",
    "aren't",
    "weren't",
    "don't",
    "doesn't",
    "didn't",
    "superseded",
    "outdated",
    "previously",
    "used to be",
    "was changed",
    "no longer valid",
    "not valid",
    "invalid",
];
/// Spellings that are tried for each other.
const SPELLINGS: [(&str, &str); 3] =
    [("do not ", "don't "), ("cannot ", "can't "), ("should not ", "shouldn't ")];

fn alternatives(phrase: &str) -> impl Iterator<Item = &str> {
    phrase.split('|').map(str::trim).filter(|alternative| !alternative.is_empty())
}

/// Version 1: the phrase, or one of its alternatives, as a substring.
pub(crate) fn plain(text: &str, phrase: &str) -> bool {
    let (text, phrase) = (text.to_lowercase(), phrase.to_lowercase());
    alternatives(&phrase).any(|alternative| text.contains(alternative))
}

/// Version 2: whether the text holds the phrase.
pub(crate) fn contains(text: &str, phrase: &str) -> bool {
    let (text, phrase) = (text.to_lowercase(), phrase.trim().to_lowercase());
    if let Some(pattern) = phrase.strip_prefix("regex:") {
        return Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(&text));
    }
    if alternatives(&phrase).any(|alternative| occurrences(&text, alternative).next().is_some()) {
        return true;
    }
    if phrase.contains('|') {
        return false;
    }
    SPELLINGS.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).any(|(from, to)| {
        phrase.contains(from) && occurrences(&text, &phrase.replace(from, to)).next().is_some()
    })
}

/// Version 2: whether the text holds the phrase at least once without a
/// negation in the 40 characters before it.
pub(crate) fn asserts(text: &str, phrase: &str) -> bool {
    let (text, phrase) = (text.to_lowercase(), phrase.trim().to_lowercase());
    if phrase.starts_with("regex:") {
        return contains(&text, &phrase);
    }
    let mut found = alternatives(&phrase).flat_map(|one| occurrences(&text, one)).peekable();
    if found.peek().is_none() {
        // Only another spelling of it may be there: upstream counts that.
        return contains(&text, &phrase);
    }
    found.any(|at| !negated(&text, at))
}

fn negated(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let window = before.char_indices().rev().take(NEGATION_WINDOW).last();
    let window = window.and_then(|(from, _)| before.get(from..)).unwrap_or_default();
    NEGATIONS.iter().any(|negation| window.contains(negation))
}

/// Bytes at which a phrase stands in a text, both in lower case. An end of the
/// phrase that is a word character needs the end of a word there.
fn occurrences<'a>(text: &'a str, phrase: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let opens = phrase.starts_with(is_word);
    let closes = phrase.ends_with(is_word);
    text.match_indices(phrase).map(|(at, _)| at).filter(move |&at| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + phrase.len()..).and_then(|tail| tail.chars().next());
        !(opens && before.is_some_and(is_word) || closes && after.is_some_and(is_word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_boundaries() {
        for (text, phrase, expected) in [
            ("It is nearby.", "by", false),
            ("Stand by me", "by", true),
            ("It costs $450.", "$45", false),
            ("It costs $45.", "$45", true),
            ("up 110%", "10%", false),
            ("up 10%!", "10%", true),
            ("Room 302", "room 302", true),
            ("We don't renew", "do not renew", true),
            ("We do not renew", "don't renew", true),
            ("renegotiate it", "do not renew|renegotiate", true),
            ("renegotiated", "do not renew|renegotiate", false),
            ("total 42 units", r"regex:\b4\d\b", true),
            ("total 52 units", r"regex:\b4\d\b", false),
            ("any", "regex:(", false),
            ("any", "", false),
        ] {
            assert_eq!(contains(text, phrase), expected, "{phrase:?} in {text:?}");
        }
        assert!(plain("It is nearby.", "BY") && plain("x", "y|x") && !plain("x", "y|z"));
    }

    #[test]
    fn a_negation_covers_forty_characters() {
        for (text, phrase, expected) in [
            ("not Friday, it moved to Thursday", "Friday", false),
            ("It is on Friday", "Friday", true),
            ("not Friday. That is what all of us have agreed on: Friday", "Friday", true),
            ("not Friday. Friday it is", "Friday", false),
            ("It isn't on Friday", "Friday", false),
            ("This is not what was meant with all of these words about Friday", "Friday", true),
            ("nothing about it", "Friday", false),
            ("Previously: Seattle. Now: Portland", "Seattle|Boston", false),
        ] {
            assert_eq!(asserts(text, phrase), expected, "{phrase:?} in {text:?}");
        }
    }
}
