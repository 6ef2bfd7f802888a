//! Text to terms for BM25: words in lower case, stemmed by language, without
//! stop words; overlapping pairs of characters for scripts that do not put
//! spaces between words.
//!
//! Both backends analyse turns and queries here, and a term means the same in
//! both. Pure and deterministic: the same text and language give the same
//! terms in the same order.

mod characters;
mod language;
mod stop_words;
mod words;

pub use language::{Language, LanguageSample};

use characters::{clean, is_unspaced};
use unicode_segmentation::UnicodeSegmentation;
use words::WordAnalyser;

/// Longest term, in bytes; a longer one is cut.
pub const MAX_TERM_BYTES: usize = 64;
/// Most terms of one text; what follows is not found by its words.
pub const MAX_TERMS: usize = 65_536;

/// What a text is analysed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A turn: gives also what a query may ask for, such as single characters
    /// of Chinese.
    Turn,
    /// A query: gives only what it asks for.
    Query,
}

/// A term of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// The term.
    pub text: &'a str,
    /// Whether it counts for the length of the turn. A code such as
    /// `2024-05-01` is there whole beside its parts; only the parts count.
    pub counted: bool,
}

/// Gives the terms of a text one after the other, at most [`MAX_TERMS`].
pub fn analyse(text: &str, language: Language, purpose: Purpose, visit: &mut dyn FnMut(Term<'_>)) {
    let cleaned = clean(text);
    let words = WordAnalyser::new(language);
    let mut left = MAX_TERMS;
    let mut emit = |text: &str, counted: bool| {
        if left > 0 && !text.is_empty() {
            left -= 1;
            visit(Term { text: cut(text), counted });
        }
    };
    for chunk in cleaned.split_whitespace() {
        let mut rest = chunk;
        while !rest.is_empty() {
            let unspaced = rest.find(|c| !is_unspaced(c)).unwrap_or(rest.len());
            let (run, after) = rest.split_at(unspaced);
            pairs(run, purpose, &mut emit);
            let spaced = after.find(is_unspaced).unwrap_or(after.len());
            let (stretch, next) = after.split_at(spaced);
            compound(stretch, &mut emit);
            for word in stretch.unicode_words() {
                words.analyse(word, &mut emit);
            }
            rest = next;
        }
    }
}

/// The terms of a text as owned strings: for tests and for what is not hot.
pub fn terms(text: &str, language: Language, purpose: Purpose) -> Vec<String> {
    let mut terms = Vec::new();
    analyse(text, language, purpose, &mut |term| terms.push(term.text.to_owned()));
    terms
}

/// Pairs of neighbouring characters; a single character stands for itself. In
/// a turn, single Han characters too: many are words.
fn pairs(run: &str, purpose: Purpose, emit: &mut dyn FnMut(&str, bool)) {
    let starts: Vec<usize> = run.char_indices().map(|(at, _)| at).chain([run.len()]).collect();
    if let [start, end] = starts.as_slice() {
        emit(&run[*start..*end], true);
        return;
    }
    for three in starts.windows(3) {
        if let [start, _, end] = three {
            emit(&run[*start..*end], true);
        }
    }
    if purpose == Purpose::Turn {
        for (at, character) in run.char_indices() {
            if characters::is_han(character) {
                emit(&run[at..at + character.len_utf8()], false);
            }
        }
    }
}

/// A code, time or date that word rules take apart (`3:30`, `AB-1729`,
/// `2024-05-01`), whole.
fn compound(stretch: &str, emit: &mut dyn FnMut(&str, bool)) {
    let code = stretch.trim_matches(|c: char| !c.is_alphanumeric());
    let joined = code.len() <= MAX_TERM_BYTES
        && code.bytes().any(|b| b.is_ascii_digit())
        && code.bytes().any(|b| matches!(b, b':' | b'-' | b'/' | b'#' | b'@' | b'+'))
        && code.chars().all(|c| c.is_alphanumeric() || "-:./_#@+,".contains(c));
    if joined {
        emit(code, false);
    }
}

/// Cuts a term to [`MAX_TERM_BYTES`] at a character boundary.
fn cut(term: &str) -> &str {
    &term[..term.floor_char_boundary(MAX_TERM_BYTES)]
}

#[cfg(test)]
mod tests;
