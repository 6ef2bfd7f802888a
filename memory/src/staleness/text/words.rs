//! Words of a text with their places: the first step of comparing two turns.
//!
//! A word is kept as two hashes, of its lower-cased form and of its stem, with
//! its byte span in the text. Hashes make comparing two turns a merge of sorted
//! numbers; a collision (32 bits) only blurs a feature. Texts are read up to
//! [`MAX_WORDS`] words in [`MAX_CLAUSES`] clauses; what follows is not compared.

use std::{collections::HashSet, sync::LazyLock};

use super::senses::Sense;

/// Words of a text that are looked at.
pub const MAX_WORDS: usize = 600;
/// Clauses of a text that are looked at.
pub const MAX_CLAUSES: usize = 48;
/// Words of a clause; a longer sentence is cut here.
const MAX_CLAUSE_WORDS: usize = 40;

/// A place in a text, in bytes, at character borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The text at this place; empty when it is not one of that text's.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    /// From the start of this to the end of `other`.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.end) }
    }
}

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it stands.
    pub span: Span,
    /// Hash of the lower-cased word.
    pub hash: u32,
    /// Hash of its stem.
    pub stem: u32,
    /// Index of its clause.
    pub clause: u16,
    /// Carries content: neither a function word nor a bare courtesy.
    pub content: bool,
    /// Begins with a capital.
    pub capital: bool,
    /// Has a digit.
    pub digit: bool,
    /// Ends like a plural.
    pub plural: bool,
    /// What it means, where it carries content and is known; else nothing.
    pub sense: Sense,
}

/// The words of a text and, while it is read, their lower-cased forms.
#[derive(Clone, Debug, Default)]
pub struct Lexed {
    /// The words in order.
    pub words: Vec<Word>,
    /// First word of each clause, and one past the last word at the end.
    pub clauses: Vec<u16>,
    /// For each clause: a question mark ends it.
    pub asks: Vec<bool>,
    lower: String,
    ranges: Vec<(u32, u32)>,
}

impl Lexed {
    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let mut out = Self::default();
        out.lower.reserve(text.len().min(MAX_WORDS * 8));
        out.clauses.push(0);
        let mut last_end = 0;
        for (start, end) in tokens(text).take(MAX_WORDS) {
            let gap = text.get(last_end..start).unwrap_or("");
            if !out.words.is_empty() && !out.border(gap) {
                break;
            }
            out.push(text, start, end);
            last_end = end;
        }
        let rest = text.get(last_end..).unwrap_or("");
        out.asks.push(rest.trim_start().starts_with(['?', '？']));
        out.clauses.push(out.words.len() as u16);
        out
    }

    /// The lower-cased word at an index; empty past the end.
    pub fn lower(&self, index: usize) -> &str {
        self.ranges
            .get(index)
            .and_then(|&(start, end)| self.lower.get(start as usize..end as usize))
            .unwrap_or("")
    }

    /// Begins a new clause where the gap before a word says so; false when
    /// there are too many.
    fn border(&mut self, gap: &str) -> bool {
        let ends = gap.contains(['.', '!', '?', ';', '\n', '？', '。', '！']);
        let begun = self.clauses.last().copied().unwrap_or(0) as usize;
        let long = self.words.len() - begun >= MAX_CLAUSE_WORDS;
        if ends || long {
            if self.clauses.len() >= MAX_CLAUSES {
                return false;
            }
            self.asks.push(gap.contains(['?', '？']));
            self.clauses.push(self.words.len() as u16);
        }
        true
    }

    fn push(&mut self, text: &str, start: usize, end: usize) {
        let word = text.get(start..end).unwrap_or("");
        let from = self.lower.len();
        for c in word.chars() {
            match c {
                '\u{2019}' => self.lower.push('\''),
                c if c.is_ascii() => self.lower.push(c.to_ascii_lowercase()),
                c => self.lower.extend(c.to_lowercase()),
            }
        }
        let lower = self.lower.get(from..).unwrap_or("");
        let hash = hash(lower);
        let first = word.chars().next().unwrap_or(' ');
        let (stem, content) = (stem_hash(lower), !STOP.contains(&hash));
        let sense = if content { Sense::of_stem(stem) } else { None };
        self.words.push(Word {
            span: Span { start: start as u32, end: end as u32 },
            hash,
            stem,
            clause: (self.clauses.len() - 1) as u16,
            content,
            capital: first.is_uppercase(),
            digit: word.bytes().any(|b| b.is_ascii_digit()),
            plural: lower.len() > 3 && lower.ends_with('s') && !lower.ends_with("ss"),
            sense: sense.unwrap_or_default(),
        });
        self.ranges.push((from as u32, self.lower.len() as u32));
    }
}

/// Byte ranges of the words: runs of letters and digits, with apostrophes
/// inside, and with `.`, `,` and `:` between digits.
fn tokens(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while let Some(&(_, c)) = chars.peek() {
            if c.is_alphanumeric() {
                break;
            }
            chars.next();
        }
        let (start, first) = chars.next()?;
        let (mut end, mut last) = (start + first.len_utf8(), first);
        while let Some(&(at, c)) = chars.peek() {
            let joins = c.is_alphanumeric() || {
                let next = text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
                match c {
                    '\'' | '\u{2019}' => {
                        last.is_alphabetic() && next.is_some_and(char::is_alphabetic)
                    }
                    '.' | ',' | ':' => {
                        last.is_ascii_digit() && next.is_some_and(|n| n.is_ascii_digit())
                    }
                    _ => false,
                }
            };
            if !joins {
                break;
            }
            (end, last) = (at + c.len_utf8(), c);
            chars.next();
        }
        Some((start, end))
    })
}

/// FNV-1a, 32 bits, of a lower-cased word.
pub fn hash(lower: &str) -> u32 {
    fold(0x811c_9dc5, lower.as_bytes())
}

/// Goes on with a hash.
pub(super) fn fold(hash: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(hash, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}

/// Hash of the stem: plural, possessive, past and progressive endings go.
fn stem_hash(lower: &str) -> u32 {
    let word = lower.strip_suffix("'s").unwrap_or(lower);
    if !word.is_ascii() || word.len() < 4 {
        return hash(word);
    }
    if let Some(base) = word.strip_suffix("ies") {
        return fold(hash(base), b"y");
    }
    for (ending, least) in [("ing", 3), ("ed", 3), ("es", 3), ("s", 3), ("e", 3)] {
        let Some(base) = word.strip_suffix(ending) else { continue };
        if base.len() < least || (ending == "s" && base.ends_with(['s', 'u', 'i'])) {
            continue;
        }
        let base = base.strip_suffix('e').unwrap_or(base);
        return hash(undoubled(base, ending));
    }
    hash(word)
}

/// "plann" of "planned" becomes "plan".
fn undoubled<'a>(base: &'a str, ending: &str) -> &'a str {
    let mut back = base.bytes().rev();
    let doubled =
        matches!((back.next(), back.next()), (Some(a), Some(b)) if a == b && !b"lsz".contains(&a));
    let short = base.get(..base.len().saturating_sub(1)).unwrap_or(base);
    if doubled && matches!(ending, "ing" | "ed") { short } else { base }
}

/// Function words and bare courtesies: they carry no content of their own.
const STOP_WORDS: &str = "a an the this that these those there here it its it's that's there's \
    i i'm i'd i'll i've me my mine myself we we're we'd we'll we've us our ours you you're you'd \
    you'll you've your yours he she they them their theirs his her him hers who whom whose which \
    what what's where when why how and or but nor so if then than as of at by for from in into on \
    onto to with without about over under up down out off near around between during after before \
    is am are was were be been being do does did doing done don't doesn't didn't have has had \
    having haven't hasn't hadn't can could can't couldn't will would won't wouldn't shall should \
    shouldn't may might must isn't aren't wasn't weren't not no nope yes yeah yep yup ok okay sure \
    please thanks thank hi hello hey bye goodbye well oh um uh just really very much more most \
    some any all every each few lot bit also too as well like want need would love looking look \
    find get got give let let's know think go going see make great good nice perfect fine sounds \
    sorry actually maybe perhaps instead rather now again still already yet only even while \
    because since until through such same own per etc one's something anything nothing everything \
    someone anyone way thing things kind kinds sort right correct help tell show me'd im ive";

static STOP: LazyLock<HashSet<u32>> =
    LazyLock::new(|| STOP_WORDS.split_whitespace().map(hash).collect());

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        Lexed::of(text).words.iter().map(|word| word.span.of(text)).collect()
    }

    #[test]
    fn words_keep_apostrophes_and_numbers_whole() {
        for (text, expected) in [
            ("I'd pay $1,200.50, at 7:30pm.", vec!["I'd", "pay", "1,200.50", "at", "7:30pm"]),
            ("Zoë’s café—open?", vec!["Zoë’s", "café", "open"]),
            ("", vec![]),
            ("'quoted' 3.", vec!["quoted", "3"]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn clauses_end_at_sentence_marks() {
        let lexed = Lexed::of("No. Is it far? It's 3.5 miles\nfine");
        assert_eq!(lexed.clauses, [0, 1, 4, 7, 8]);
        assert_eq!(lexed.asks, [false, true, false, false]);
    }

    #[test]
    fn forms_of_a_word_share_a_stem() {
        for (a, b) in [
            ("tickets", "ticket"),
            ("moved", "move"),
            ("moving", "move"),
            ("cities", "city"),
            ("changes", "changed"),
            ("planned", "plan"),
            ("sister's", "sister"),
        ] {
            assert_eq!(stem_hash(a), stem_hash(b), "{a} {b}");
        }
        assert_ne!(stem_hash("bus"), stem_hash("bu"));
    }

    #[test]
    fn long_texts_are_cut() {
        let text = "word. ".repeat(5_000);
        let lexed = Lexed::of(&text);
        assert!(lexed.words.len() <= MAX_WORDS && lexed.clauses.len() <= MAX_CLAUSES + 1);
        assert_eq!(lexed.asks.len() + 1, lexed.clauses.len());
    }
}
