//! Tokens of a sentence: the words of `memory`'s reading with what checking
//! asks of each: its stem, its sense, whether it counts or denies.

use std::{collections::HashSet, sync::LazyLock};

use throughline_memory::staleness::text::{Lexed, Sense, words::hash};

use super::numbers;

/// Words that deny.
const NEGATIONS: &str = "not no never none nobody nothing neither nor nowhere without cannot can't \
    cant don't dont doesn't doesnt didn't didnt isn't isnt aren't wasn't weren't won't wont \
    wouldn't couldn't shouldn't haven't hasn't hadn't ain't mustn't hardly barely fail fails \
    failed failing lack lacks lacking refuse refuses refused deny denies denied unable impossible \
    unlikely";

static NEGATES: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(NEGATIONS));

/// Hashes of words that are separated by spaces.
pub(crate) fn hashes(words: &str) -> HashSet<u32> {
    words.split_whitespace().map(hash).collect()
}

/// A word in its place.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Lower-cased, with plain apostrophes.
    pub(crate) lower: String,
    /// Hash of that.
    pub(crate) hash: u32,
    /// Hash of its stem.
    pub(crate) stem: u32,
    /// Carries content.
    pub(crate) content: bool,
    /// Begins with a capital.
    pub(crate) capital: bool,
    /// What it counts.
    pub(crate) number: Option<f64>,
    /// Denies something.
    pub(crate) negates: bool,
    /// What it means, as far as is known.
    pub(crate) sense: Sense,
    /// First byte in the sentence.
    pub(crate) start: usize,
    /// One past its last byte.
    pub(crate) end: usize,
}

impl Token {
    /// Without a possessive ending.
    pub(crate) fn bare(&self) -> &str {
        self.lower.strip_suffix("'s").unwrap_or(&self.lower)
    }
}

/// The tokens of a sentence.
pub(crate) fn tokens(sentence: &str) -> Vec<Token> {
    let lexed = Lexed::of(sentence);
    let read = |(at, word): (usize, &throughline_memory::staleness::text::Word)| {
        let lower = lexed.lower(at).to_owned();
        let number = numbers::number(&lower);
        let single = lower.chars().count() < 2;
        Token {
            hash: word.hash,
            stem: word.stem,
            content: word.content && (!single || number.is_some()),
            capital: word.capital,
            negates: NEGATES.contains(&word.hash),
            sense: word.sense,
            start: word.span.start as usize,
            end: word.span.end as usize,
            number,
            lower,
        }
    };
    lexed.words.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_say_what_they_are() {
        let found = tokens("Anna's 3 dogs don't bark");
        let is = |at: usize| found.get(at).unwrap();
        assert!(is(0).capital && is(0).content && is(0).bare() == "anna");
        assert_eq!(is(1).number, Some(3.0));
        assert!(is(3).negates && !is(4).negates);
    }
}
