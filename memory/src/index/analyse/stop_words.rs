//! Words too common to find anything by. Short lists of function words of our
//! own for the languages most spoken; the lists of `stop-words` for others.
//! Those of `stop-words` go too far where there is a choice: they hold "hour",
//! "computer" and "home".

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::{characters::fold, language::Language};

/// The stop words of one language, in lower case and without accents.
pub(super) type StopWords = HashSet<String>;

static NONE: LazyLock<StopWords> = LazyLock::new(HashSet::new);

/// By ISO 639-1 code.
static LISTS: LazyLock<HashMap<&'static str, StopWords>> = LazyLock::new(|| {
    let own = include_str!("stop_words.txt").lines().filter_map(|line| line.split_once(' '));
    let mut lists: HashMap<&'static str, StopWords> =
        own.map(|(code, words)| (code, words.split(' ').map(folded).collect())).collect();
    for code in stop_words::available_languages() {
        lists.entry(code).or_insert_with(|| {
            stop_words::lookup(code).unwrap_or_default().iter().map(|word| folded(word)).collect()
        });
    }
    lists
});

fn folded(word: &str) -> String {
    fold(word).into_owned()
}

/// The list of a language; empty if there is none.
pub(super) fn of(language: Language) -> &'static StopWords {
    language.stop_words_code().and_then(|code| LISTS.get(code)).unwrap_or(&NONE)
}
