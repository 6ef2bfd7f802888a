//! Whether a line keeps what a pin must not lose: its numbers, identifiers and names, as
//! many denials as it has, the words that bound it, and half of what it says at least.
//! Found by looking, not learnt; a line that adds something is the faithfulness check's
//! matter.
//!
//! Invariants: what denies becomes nothing that does not, nor the other way round; what is
//! said elsewhere in the conversation does not become the line of a pin that says something
//! else.

use std::{collections::HashSet, fmt, sync::LazyLock};

use crate::text::{Token, hashes, is_vague, tokens};

/// Version of the rules below; lines are checked by it.
pub(super) const KEEPS_VERSION: u32 = 1;

/// Words that forbid or take back, beside those that deny: one may stand for another.
const FORBIDS: &str = "avoid avoids avoiding avoided stop stops stopping stopped forbid forbids \
    forbidden prohibit prohibits prohibited ban bans banned refrain refrains skip skips exclude \
    excludes excluding revoke revokes revoked withdraw withdraws withdrew withdrawn cancel cancels \
    cancelled canceled opted opt hate hates dislike dislikes disliked allergic";
/// Words that bound what is said.
const BOUNDS: &str = "only unless except until always every all";

static FORBIDDING: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(FORBIDS));
static BOUNDING: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(BOUNDS));

/// Content words from which on a pin says enough for half of them to be asked for.
const MIN_CONTENT: usize = 3;

/// What a line has lost of its pin, or brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// A number of the pin is not in it.
    Number(String),
    /// A code, address or time of the pin is not in it, letter for letter.
    Identifier(String),
    /// A name of the pin is not in it.
    Name(String),
    /// A word that bounds the pin is not in it.
    Bound(String),
    /// So many of the pin's content words are in it, of so many.
    Words(usize, usize),
    /// It denies or forbids so often, the pin so often.
    Denial(usize, usize),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(word) => write!(f, "number left out: {word}"),
            Self::Identifier(word) => write!(f, "left out or changed: {word}"),
            Self::Name(word) => write!(f, "name left out: {word}"),
            Self::Bound(word) => write!(f, "word left out: {word}"),
            Self::Words(kept, all) => {
                write!(f, "it says something else: {kept} of {all} words of the note are in it")
            }
            Self::Denial(line, pin) => {
                write!(f, "it denies or forbids {line} times, the note {pin} times")
            }
        }
    }
}

/// What a line has lost of a pin's words; nothing for one that keeps it all.
pub(super) fn lost(line: &str, words: &str) -> Vec<Lost> {
    let (told, said) = (tokens(line), tokens(words));
    let mut lost = Vec::new();
    let literal = identifiers(words);
    lost.extend(
        literal
            .iter()
            .filter(|word| !line.contains(**word))
            .map(|word| Lost::Identifier((*word).to_owned())),
    );
    let covered = |word: &Token| {
        let of_word = words.get(word.start..word.end).unwrap_or("");
        literal.iter().any(|literal| literal.contains(of_word))
    };
    for (at, word) in said.iter().enumerate() {
        let as_said = || words.get(word.start..word.end).unwrap_or("").to_owned();
        if let Some(number) = word.number {
            let is_there = told.iter().any(|other| other.number == Some(number));
            if !is_there && !is_vague(&word.lower) && !covered(word) {
                lost.push(Lost::Number(as_said()));
            }
        } else if is_name(at, word, &said, words) {
            if !told.iter().any(|other| other.bare() == word.bare()) {
                lost.push(Lost::Name(as_said()));
            }
        } else if BOUNDING.contains(&word.hash) && !told.iter().any(|other| other.hash == word.hash)
        {
            lost.push(Lost::Bound(as_said()));
        }
    }
    let (in_line, in_pin) = (content(&told), content(&said));
    let kept = in_pin.intersection(&in_line).count();
    if in_pin.len() >= MIN_CONTENT && 2 * kept < in_pin.len() {
        lost.push(Lost::Words(kept, in_pin.len()));
    }
    let (line, pin) = (denials(&told), denials(&said));
    if line != pin {
        lost.push(Lost::Denial(line, pin));
    }
    lost
}

/// Words that hold a figure but are no plain number, and addresses: "A12-9", "7:30",
/// "a@b.com", "user_id".
fn identifiers(text: &str) -> Vec<&str> {
    let edges = |c: char| !c.is_alphanumeric();
    let is_one = |word: &&str| {
        let figures = word.contains(|c: char| c.is_ascii_digit());
        let is_plain = tokens(word).iter().all(|word| word.number.is_some());
        (figures && !is_plain) || word.contains(['@', '_']) || word.contains("://")
    };
    text.split_whitespace().map(|word| word.trim_matches(edges)).filter(is_one).collect()
}

/// A capitalised word of content that opens no sentence.
fn is_name(at: usize, word: &Token, all: &[Token], text: &str) -> bool {
    let before = at.checked_sub(1).and_then(|before| all.get(before));
    let gap = before.and_then(|before| text.get(before.end..word.start));
    let opens = gap.is_none_or(|gap| gap.contains(['.', '!', '?', ':', '"', '“', '\n']));
    word.capital && word.content && !opens
}

/// Stems of what words say, beside numbers and denials.
fn content(words: &[Token]) -> HashSet<u32> {
    let says = |word: &&Token| word.content && word.number.is_none() && !word.negates;
    words.iter().filter(says).map(|word| word.stem).collect()
}

fn denials(words: &[Token]) -> usize {
    words.iter().filter(|word| word.negates || FORBIDDING.contains(&word.hash)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, line: &str, expected: &[Lost]) {
        assert_eq!(lost(line, words), expected, "{words} / {line}");
    }

    #[test]
    fn a_line_that_keeps_all_has_lost_nothing() {
        for (words, line) in [
            ("I prefer that one.", "The user prefers the window seat."),
            ("Don't send it there.", "The user does not want the parcel sent to the office."),
            ("Never call me before 9.", "The user never wants to be called before nine."),
            ("My order is AB-1299x.", "The user's order at the book shop is AB-1299x."),
            ("It starts at 7:30, only on Fridays.", "The course starts at 7:30, only on Fridays."),
            ("I can't stand it.", "The user cannot stand loud music."),
            ("Avoid those.", "The user does not want nuts in recipes."),
            ("Call Anna about it.", "The user wants Anna called about the invoice."),
            ("Write to ben@example.org.", "Write to ben@example.org about the room."),
        ] {
            check(words, line, &[]);
        }
    }

    #[test]
    fn what_says_something_else_is_no_line_of_a_pin() {
        let line = "The user wants the account of Mallory to be credited.";
        let lost = lost(line, "I prefer quiet hotels near the old station.");
        assert!(lost.iter().any(|one| matches!(one, Lost::Words(0, all) if *all >= 4)), "{lost:?}");
    }

    #[test]
    fn what_is_lost_is_named() {
        let word = str::to_owned;
        check("I pay 40 a month.", "The user pays monthly.", &[Lost::Number(word("40"))]);
        check("Pay forty.", "The user pays 14.", &[Lost::Number(word("forty"))]);
        check(
            "My order is AB-1299x.",
            "The user's order is AB-1288x.",
            &[Lost::Identifier(word("AB-1299x"))],
        );
        check("At 7:30, please.", "At half past 8.", &[Lost::Identifier(word("7:30"))]);
        check("I fly with Condor.", "The user flies.", &[Lost::Name(word("Condor"))]);
        check("Only if asked.", "If the user asks.", &[Lost::Bound(word("Only"))]);
        check("I like it.", "The user does not like tea.", &[Lost::Denial(1, 0)]);
        check("Never do that.", "The user wants nuts.", &[Lost::Denial(0, 1)]);
        check("I opted out of it, not in.", "The user opted out of mails.", &[Lost::Denial(1, 2)]);
    }
}
