//! One word to its term or terms: apostrophes, stop words, numbers, stemming.
//! Used by [`super::analyse`] for scripts with spaces.

use std::borrow::Cow;

use rust_stemmers::Stemmer;

use super::{
    characters::fold,
    language::Language,
    stop_words::{self, StopWords},
};

/// Endings that English writes after an apostrophe.
const CLITICS: [&str; 8] = ["n't", "'s", "'ll", "'re", "'ve", "'d", "'m", "'"];
/// Longest unit that is taken off a number, as in `3pm` or `50kg`.
const MAX_UNIT_BYTES: usize = 3;

/// Analyses the words of one language.
pub(super) struct WordAnalyser {
    language: Language,
    stemmer: Option<Stemmer>,
    /// For Latin words in a text of another script: most are English.
    latin_stemmer: Option<Stemmer>,
    stop_words: &'static StopWords,
}

impl WordAnalyser {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            stemmer: language.stemmer(),
            latin_stemmer: if language.writes_latin() { None } else { Language::ENGLISH.stemmer() },
            stop_words: stop_words::of(language),
        }
    }

    /// Gives the terms of a lower-case word, with whether they count for the
    /// length.
    pub(super) fn analyse(&self, word: &str, emit: &mut dyn FnMut(&str, bool)) {
        if word.contains('\'') {
            return self.with_apostrophe(word, emit);
        }
        let has_digit = word.bytes().any(|b| b.is_ascii_digit());
        let has_letter = word.chars().any(char::is_alphabetic);
        if has_letter && word.contains(['.', '_', ':']) {
            emit(&fold(word), false);
            for part in word.split(['.', '_', ':']).filter(|part| !part.is_empty()) {
                self.plain(part, emit);
            }
        } else if has_digit {
            number(word, emit);
        } else {
            self.plain(word, emit);
        }
    }

    fn with_apostrophe(&self, word: &str, emit: &mut dyn FnMut(&str, bool)) {
        if self.stop_words.contains(fold(word).as_ref()) {
            return;
        }
        if self.language.elides() {
            for part in word.split('\'').filter(|part| !part.is_empty()) {
                self.plain(part, emit);
            }
            return;
        }
        let stem = CLITICS.iter().find_map(|clitic| word.strip_suffix(clitic)).unwrap_or(word);
        self.plain(stem.trim_matches('\''), emit);
    }

    fn plain(&self, word: &str, emit: &mut dyn FnMut(&str, bool)) {
        if word.bytes().any(|b| b.is_ascii_digit()) {
            return number(word, emit);
        }
        let folded = fold(word);
        if self.stop_words.contains(folded.as_ref()) {
            return;
        }
        let stemmer = if word.is_ascii() && self.latin_stemmer.is_some() {
            &self.latin_stemmer
        } else {
            &self.stemmer
        };
        match stemmer.as_ref().map(|stemmer| stemmer.stem(word)) {
            // A stemmer that takes all of a word away has not understood it.
            Some(stem) if !stem.is_empty() => match stem {
                Cow::Borrowed(stem) if stem == word => emit(&folded, true),
                stem => emit(&fold(&stem), true),
            },
            _ => emit(&folded, true),
        }
    }
}

/// A word with digits stays as it is, except that `10,000` is `10000`; a
/// number with a unit (`3pm`) is there in parts too.
fn number(word: &str, emit: &mut dyn FnMut(&str, bool)) {
    let digits: Cow<'_, str> =
        if word.contains(',') { word.replace(',', "").into() } else { word.into() };
    emit(&fold(&digits), true);
    let unit = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let value = &digits[..digits.len() - unit.len()];
    let is_unit = !unit.is_empty()
        && unit.len() <= MAX_UNIT_BYTES
        && unit.bytes().all(|b| b.is_ascii_lowercase());
    if is_unit && !value.is_empty() {
        emit(value, false);
        emit(unit, false);
    }
}
