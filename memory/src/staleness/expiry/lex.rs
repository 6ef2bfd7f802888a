//! Tokens of lower-cased text with their bytes: words, numbers and single
//! marks. Spaces are left out, a line break is a mark.

use super::MAX_TOKENS;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters and apostrophes.
    Word,
    /// Up to nine digits.
    Number(u32),
    /// Any other character.
    Mark,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    /// The bytes themselves, in lower case.
    pub(super) word: &'a str,
    /// First byte.
    pub(super) start: usize,
    /// Byte behind the last.
    pub(super) end: usize,
    pub(super) kind: Kind,
}

/// The first [`MAX_TOKENS`] tokens. Letters behind digits are a token of their
/// own ("3rd" is `3`, `rd`; "5pm" is `5`, `pm`).
pub(super) fn tokens(lower: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = lower.char_indices().peekable();
    while let Some((start, first)) = rest.next() {
        if tokens.len() >= MAX_TOKENS {
            break;
        }
        if first.is_whitespace() && first != '\n' {
            continue;
        }
        let joins = |symbol: char| match first {
            '0'..='9' => symbol.is_ascii_digit(),
            _ if first.is_alphabetic() => symbol.is_alphabetic() || matches!(symbol, '\'' | '’'),
            _ => false,
        };
        let mut end = start + first.len_utf8();
        while let Some((at, symbol)) = rest.next_if(|(_, symbol)| joins(*symbol)) {
            end = at + symbol.len_utf8();
        }
        let Some(word) = lower.get(start..end) else { continue };
        let kind = match word.parse::<u32>() {
            Ok(number) if word.len() <= 9 => Kind::Number(number),
            _ if first.is_alphabetic() => Kind::Word,
            _ => Kind::Mark,
        };
        tokens.push(Token { word, start, end, kind });
    }
    tokens
}

/// The word at `at`; empty behind the end.
pub(super) fn word<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.word)
}

/// The number at `at`.
pub(super) fn number(tokens: &[Token<'_>], at: usize) -> Option<u32> {
    match tokens.get(at)?.kind {
        Kind::Number(number) => Some(number),
        Kind::Word | Kind::Mark => None,
    }
}

/// Does no space stand before the token at `at`?
pub(super) fn joined(tokens: &[Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    before.zip(tokens.get(at)).is_some_and(|(before, token)| before.end == token.start)
}
