//! The clauses of a sentence, and whether each denies what it says.

use std::{collections::HashSet, ops::Range, sync::LazyLock};

use crate::text::{Token, hashes};

/// Words that begin a clause.
const LINKS: &str = "and but because so if when while since although though or that which who \
    unless until whether then";
/// Auxiliaries before a subject.
const AUXILIARIES: &str = "do does did are is am was were can could would will should shall may \
    might must have has had don't doesn't didn't aren't isn't can't couldn't won't wouldn't \
    shouldn't haven't hasn't";
/// Words of the content reading's stop list that say what is meant all the same.
pub(super) const LIGHT: &str = "want need love find get give know think go see make help tell show \
    like thank thanks sorry good great agree look fine nice wrong right sure instead again same \
    something nothing anything more better going got gave went found made knew thought told \
    how what when where why who which much many";

pub(super) static LIGHT_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(LIGHT));
static LINK_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(LINKS));
static AUXILIARY_WORDS: LazyLock<HashSet<u32>> = LazyLock::new(|| hashes(AUXILIARIES));

/// Whether a token says something of its own.
pub(super) fn tells(word: &Token) -> bool {
    (word.content && !word.negates) || LIGHT_WORDS.contains(&word.hash)
}

/// Whether a token is an auxiliary.
pub(super) fn is_auxiliary(word: &Token) -> bool {
    AUXILIARY_WORDS.contains(&word.hash)
}

/// Whether a word links a clause to the one before it.
pub(super) fn links(word: &Token) -> bool {
    LINK_WORDS.contains(&word.hash)
}

/// The clauses of a sentence: what stands between marks and linking words, three
/// words or more; a "no" or "yes" that answers is left out.
pub(super) fn clause_ranges(text: &str, words: &[Token]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = usize::from(answers(text, words));
    while start < words.len() {
        let mut end = start + 1;
        while end < words.len() && !(end - start > 2 && begins(text, words, end)) {
            end += 1;
        }
        // What is left over joins the clause.
        if words.len() - end < 2 {
            end = words.len();
        }
        out.push(start..end);
        start = end;
    }
    out
}

/// "No, I have to work": the sentence begins with an answer.
fn answers(text: &str, words: &[Token]) -> bool {
    let (Some(first), Some(second)) = (words.first(), words.get(1)) else { return false };
    let gap = text.get(first.end..second.start).unwrap_or("");
    matches!(first.lower.as_str(), "no" | "nope" | "yes" | "oh" | "well")
        && gap.contains([',', '.', '!'])
}

/// Whether each clause denies what it says. "I don't think" denies what follows;
/// "can't wait" and "don't you" deny nothing.
pub(super) fn denials(words: &[Token], ranges: &[Range<usize>], asks: bool) -> Vec<bool> {
    let mut carried = false;
    let mut out = Vec::with_capacity(ranges.len());
    for range in ranges {
        let clause = words.get(range.clone()).unwrap_or_default();
        let opens = asks && clause.iter().take(2).any(|word| word.negates && is_auxiliary(word));
        let denies = clause.iter().enumerate().filter(|(at, word)| {
            let next = clause.get(at + 1).map_or("", |next| next.lower.as_str());
            let before = at.checked_sub(1).and_then(|at| clause.get(at)).map_or("", |b| b.lower.as_str());
            word.negates
                && !matches!(
                    (word.lower.as_str(), next),
                    ("no", "problem" | "doubt" | "wonder" | "matter" | "longer") | ("not", "only" | "just")
                        | ("don't", "forget" | "worry" | "hesitate" | "mind")
                        | ("couldn't", "agree")
                )
                && !(word.lower == "not" && matches!(before, "why" | "or" | "if"))
                // "can't wait to see it", "without a receipt I can't".
                && !(word.lower.starts_with("can") && next == "wait"
                    && clause.get(at + 2).is_some_and(|to| matches!(to.lower.as_str(), "to" | "for")))
                && !(word.lower == "without" && clause.iter().filter(|word| word.negates).count() > 1)
        });
        let longer = clause
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.lower == "no" && b.lower == "longer"));
        let mut denied = (denies.count() + usize::from(longer)) % 2 == 1;
        if opens {
            denied = false;
        }
        out.push(denied != carried);
        carried = denied && raises(clause);
    }
    out
}

/// Whether a clause begins at a token.
fn begins(text: &str, words: &[Token], at: usize) -> bool {
    let (Some(before), Some(word)) = (words.get(at - 1), words.get(at)) else { return false };
    let gap = text.get(before.end..word.start).unwrap_or("");
    gap.contains([',', ';', ':', '—', '–', '(', ')']) || links(word)
}

/// Verbs whose denial is meant of what follows: "I don't think so".
fn raises(part: &[Token]) -> bool {
    let last = part.iter().rev().find(|word| tells(word));
    last.is_some_and(|word| {
        let verb = word.lower.strip_suffix('s').unwrap_or(&word.lower);
        matches!(verb, "think" | "believe" | "suppose" | "guess" | "expect" | "want")
    })
}

/// Whether a part of a clause denies: the whole clause's reading where it has one
/// part, else by its own words or by a denied "think" before it.
pub(super) fn denied_part(clause: &[Token], part: Range<usize>, denied: bool) -> bool {
    if part.len() == clause.len() || !denied {
        return denied;
    }
    let own =
        |range: Range<usize>| clause.get(range).unwrap_or_default().iter().any(|word| word.negates);
    let before = 0..part.start;
    own(part) || (own(before.clone()) && raises(clause.get(before).unwrap_or_default()))
}
