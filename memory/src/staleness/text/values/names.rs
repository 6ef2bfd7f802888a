//! Names: capitalised spans such as "New York", "Bank of America", "Dr. Lee".
//! A capital at the start of a sentence counts only before another capital or
//! on a word that is no plain English opener.

use super::{Kind, Read, Reading};
use crate::staleness::text::words::fold;

/// Words of a name.
const MAX_NAME_WORDS: usize = 7;

/// Reads a name at a word.
pub(super) fn read(at: Reading<'_>) -> Option<Read> {
    let first = at.lexed.words.get(at.index)?;
    if !first.capital || !first.content || is_month_or_title(at.word(0)) {
        return None;
    }
    let opens = at.lexed.clauses.get(first.clause as usize) == Some(&(at.index as u16));
    let mut words = 1;
    while words < MAX_NAME_WORDS {
        let capital = |offset: usize| {
            at.lexed.words.get(at.index + offset).is_some_and(|word| {
                word.capital && (word.content || offset > 1) && word.clause == first.clause
            })
        };
        let joined = |offset: usize| matches!(at.gap(offset), " " | "-" | " & " | ". ");
        if capital(words) && joined(words) && at.word(words) != "i" {
            words += 1;
        } else if matches!(at.word(words), "of" | "the" | "de" | "la" | "and" | "vs" | "at")
            && at.word(words) != "and"
            && capital(words + 1)
            && joined(words)
            && joined(words + 1)
        {
            words += 2;
        } else {
            break;
        }
    }
    if opens && words == 1 && opener(at) {
        return None;
    }
    let normal = (0..words).fold(0x811c_9dc5, |hash, k| fold(hash, bare(at.word(k)).as_bytes()));
    Some(Read { kind: Kind::Name, words, normal: u64::from(normal), unit: 0 })
}

fn bare(word: &str) -> &str {
    word.strip_suffix("'s").unwrap_or(word)
}

/// A first word that is an ordinary one: followed by a plain word, as verbs
/// ("Book a table") and adverbs are, and not alone.
fn opener(at: Reading<'_>) -> bool {
    let alone = at.word(1).is_empty();
    let verb = matches!(
        at.word(1),
        "is" | "sounds" | "would" | "works" | "seems" | "looks" | "was" | "please" | "and" | "or"
    );
    !(alone || verb) || at.word(0).ends_with("ing") || at.word(0).ends_with("ly")
}

fn is_month_or_title(word: &str) -> bool {
    matches!(word, "monday" | "mr" | "mrs" | "ms")
}
