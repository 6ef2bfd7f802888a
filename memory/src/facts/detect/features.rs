//! What is known of a sentence: which words of the vocabulary stand in it, in
//! which order, and of which form it is.
//!
//! Words outside of the vocabulary are all one word, so that what is learnt is
//! how something is said and not what about: `i prefer w over w`. A feature is
//! the FNV-1a hash, 64 bits, of its name; the weights name them in words.

use std::collections::HashSet;

use super::identifiers;
use crate::staleness::text::Span;

/// Words and marks of a sentence that are looked at.
const MAX_MARKS: usize = 80;
/// How far apart the two words of a pair may stand, counted in pair words.
const PAIR_REACH: usize = 9;
/// Lengths in words that are features.
const LENGTHS: [(usize, &str); 5] =
    [(4, "@len<=4"), (8, "@len<=8"), (14, "@len<=14"), (22, "@len<=22"), (32, "@len<=32")];
/// Sentences of a turn from which on it has many.
const MANY_SENTENCES: usize = 5;

/// The hash of a feature's name, as far as it is known.
#[derive(Clone, Copy)]
struct Name(u64);

impl Name {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn and(self, text: &str) -> Self {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(text.bytes().fold(self.0, fold))
    }
}

/// The hash of a feature's name.
pub(super) fn feature(name: &str) -> u64 {
    Name::new().and(name).0
}

/// The words that are told apart.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// All of them.
    pub(super) words: HashSet<String>,
    /// Those that make pairs with others further on.
    pub(super) pairing: HashSet<String>,
}

/// Where a sentence stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its number in the turn, from 0.
    pub(super) number: usize,
    /// Sentences of the turn.
    pub(super) of: usize,
}

/// The features of a sentence, sorted, each once.
pub(super) fn features(text: &str, span: Span, place: Place, vocabulary: &Vocabulary) -> Vec<u64> {
    let sentence = span.of(text);
    let mut words = 0;
    let marks = marks(sentence, vocabulary, &mut words);
    let mut found = Vec::with_capacity(marks.len() * 4);
    for (at, mark) in marks.iter().enumerate() {
        let one = Name::new().and(mark);
        if !matches!(mark.as_str(), "^" | "$") {
            found.push(one.0);
        }
        let Some(next) = marks.get(at + 1) else { continue };
        let two = one.and(" ").and(next);
        found.push(two.0);
        if let Some(third) = marks.get(at + 2) {
            found.push(two.and(" ").and(third).0);
        }
    }
    let pairing: Vec<&String> =
        marks.iter().filter(|mark| vocabulary.pairing.contains(*mark)).collect();
    for (at, first) in pairing.iter().enumerate() {
        let behind = pairing.iter().skip(at + 1).take(PAIR_REACH - 1);
        let behind = behind.filter(|second| second != &first);
        found.extend(behind.map(|second| Name::new().and(first).and(" .. ").and(second).0));
    }
    found.extend(form(sentence, words, place).map(feature));
    found.sort_unstable();
    found.dedup();
    found
}

/// The form of a sentence.
fn form(sentence: &str, words: usize, place: Place) -> impl Iterator<Item = &'static str> {
    let lengths = LENGTHS.into_iter().filter(move |(most, _)| words <= *most);
    let long = LENGTHS.iter().all(|(most, _)| words > *most);
    let quoted = sentence.matches('"').count() >= 2 || sentence.contains('“');
    let flags = [
        (long, "@long"),
        (sentence.trim_end().ends_with('?'), "@asks"),
        (place.number == 0, "@first"),
        (place.number > 0, "@later"),
        (place.of == 1, "@alone"),
        (place.of > MANY_SENTENCES, "@many"),
        (quoted, "@quoted"),
    ];
    let mut shapes: Vec<&'static str> = identifiers::words(sentence)
        .filter_map(identifiers::shape)
        .map(identifiers::Shape::feature)
        .collect();
    shapes.sort_unstable();
    shapes.dedup();
    lengths
        .map(|(_, name)| name)
        .chain(flags.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name))
        .chain(shapes)
}

/// The words of the vocabulary in order, with marks for the others, between the
/// marks of beginning and end; runs of one mark are one.
fn marks(sentence: &str, vocabulary: &Vocabulary, words: &mut usize) -> Vec<String> {
    let mut marks = vec!["^".to_owned()];
    for token in tokens(sentence) {
        let first = token.chars().next().unwrap_or(' ');
        *words += usize::from(first.is_alphanumeric());
        let lower = token.to_lowercase().replace('’', "'");
        let mark = if vocabulary.words.contains(&lower) {
            lower
        } else if token.contains(char::is_numeric) {
            "#".to_owned()
        } else if first.is_alphabetic() {
            "w".to_owned()
        } else if matches!(token, "," | "?" | "!" | ":" | "\"") {
            token.to_owned()
        } else {
            ",".to_owned()
        };
        let repeats = marks.last() == Some(&mark) && matches!(mark.as_str(), "w" | "," | "#");
        if !repeats {
            marks.push(mark);
        }
    }
    marks.push("$".to_owned());
    marks.truncate(MAX_MARKS);
    marks
}

/// Words (letters and digits, with apostrophes inside), and the signs that
/// part a sentence.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let first = rest.chars().next()?;
            let length = if first.is_alphanumeric() {
                word(rest)
            } else if matches!(
                first,
                ',' | ';' | ':' | '?' | '!' | '"' | '(' | ')' | '\n' | '–' | '—'
            ) {
                first.len_utf8()
            } else {
                let dashes = rest.len() - rest.trim_start_matches('-').len();
                if dashes < 2 {
                    at += first.len_utf8();
                    continue;
                }
                dashes
            };
            at += length;
            return rest.get(..length);
        }
    })
}

/// Length of the word that a text begins with, in bytes.
fn word(text: &str) -> usize {
    let run =
        |text: &str, takes: fn(char) -> bool| text.find(|c: char| !takes(c)).unwrap_or(text.len());
    let mut end = run(text, char::is_alphanumeric);
    while let Some(rest) = text.get(end..)
        && let Some(behind) = rest.strip_prefix(['\'', '’'])
    {
        let letters = run(behind, char::is_alphabetic);
        if letters == 0 {
            break;
        }
        end += rest.len() - behind.len() + letters;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let set = |words: &str| words.split_whitespace().map(str::to_owned).collect();
        Vocabulary { words: set("i prefer over it's a don't"), pairing: set("prefer over") }
    }

    #[test]
    fn words_are_told_apart_by_the_vocabulary_alone() {
        let mut words = 0;
        let found =
            marks("I prefer green tea over 3 coffees; it’s a -- don't?", &vocabulary(), &mut words);
        let expected =
            ["^", "i", "prefer", "w", "over", "#", "w", ",", "it's", "a", ",", "don't", "?", "$"];
        assert_eq!(found, expected);
        assert_eq!(words, 10);
    }

    #[test]
    fn features_are_of_runs_pairs_and_form() {
        let text = "I prefer tea over mate AB-12345.";
        let span = Span { start: 0, end: text.len() as u32 };
        let found = features(text, span, Place { number: 0, of: 1 }, &vocabulary());
        for name in [
            "prefer",
            "i prefer w",
            "^ i",
            "prefer .. over",
            "@first",
            "@alone",
            "@len<=8",
            "@id:mixed",
        ] {
            assert!(found.contains(&feature(name)), "{name}");
        }
        for name in ["^", "$", "tea", "@later", "@asks", "@len<=4"] {
            assert!(!found.contains(&feature(name)), "{name}");
        }
    }
}
