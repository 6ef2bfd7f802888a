//! A turn as facts are compared with it: read once, compared with many.

use super::claim::{PLAN, Words, is_plan};
use crate::{
    staleness::text::{Cue, Span, words::hash},
    turn::{Role, Sequence},
};

/// Bytes of a turn that are looked at.
const LOOKED_AT: usize = 4_096;

/// Words of a clause by which a fact is found again.
const SKETCHED_WORDS: usize = 24;

/// Words that leave open whether what is said is so.
const OPEN_WORDS: [&str; 18] = [
    "if",
    "whether",
    "unless",
    "might",
    "maybe",
    "perhaps",
    "considering",
    "thinking",
    "suppose",
    "supposing",
    "wondering",
    "wonder",
    "hypothetically",
    "could",
    "should",
    "imagine",
    "assuming",
    "propose",
];

/// A turn, read.
#[derive(Debug)]
pub struct Heard {
    /// Its place.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    pub(super) words: Words,
    /// The clauses that state something.
    pub(super) clauses: Vec<Clause>,
    sketch: Vec<u32>,
}

/// A clause that states something.
#[derive(Debug)]
pub(super) struct Clause {
    /// Its place in the turn.
    pub(super) span: Span,
    pub(super) words: Words,
}

impl Heard {
    /// Reads the searchable text of a turn.
    pub fn of(sequence: Sequence, role: Role, text: &str) -> Self {
        let text = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or("");
        let words = Words::of(text);
        let clauses = clauses(&words, text);
        let mut sketch = sketch(&words, words.said.words.len());
        if words.stems.iter().any(|stem| is_plan(*stem)) {
            sketch.push(hash(PLAN));
            sketch.sort_unstable();
        }
        Self { sequence, role, words, clauses, sketch }
    }

    /// Whether it states something: a turn that only asks changes no fact.
    pub fn states(&self) -> bool {
        !self.clauses.is_empty()
    }

    /// Hashes of its words and stems, sorted: it says nothing of a fact whose
    /// sketch has none of them.
    pub fn sketch(&self) -> &[u32] {
        &self.sketch
    }

    /// The same of the clause at a place, or of the beginning of the turn.
    pub fn sketch_at(&self, span: (u32, u32)) -> Vec<u32> {
        let clause = self.clauses.iter().find(|c| (c.span.start, c.span.end) == span);
        sketch(clause.map_or(&self.words, |clause| &clause.words), SKETCHED_WORDS)
    }

    /// The text that was read.
    pub(super) fn text(&self) -> &str {
        &self.words.said.text
    }

    /// All of it.
    pub(super) fn whole(&self) -> Span {
        Span { start: 0, end: u32::try_from(self.text().len()).unwrap_or(u32::MAX) }
    }
}

impl Clause {
    /// Whether it has a word, lower case.
    pub(super) fn has_word(&self, word: &str) -> bool {
        let wanted = hash(word);
        self.words.said.words.iter().any(|word| word.hash == wanted)
    }

    /// Whether it only weighs or asks.
    pub(super) fn leaves_open(&self) -> bool {
        let wishes = self.has_word("like") || self.has_word("prefer");
        self.words.said.has(Cue::Asks)
            || OPEN_WORDS.iter().any(|word| self.has_word(word))
            || self.has_word("would") && !wishes
    }

    /// Its text.
    pub(super) fn text(&self) -> &str {
        &self.words.said.text
    }
}

fn sketch(words: &Words, at_most: usize) -> Vec<u32> {
    let content = words.said.words.iter().filter(|word| word.content).take(at_most);
    let mut sketch: Vec<u32> = content.flat_map(|word| [word.hash, word.stem]).collect();
    sketch.sort_unstable();
    sketch.dedup();
    sketch
}

fn clauses(turn: &Words, text: &str) -> Vec<Clause> {
    let words = &turn.said.words;
    let clauses = turn.said.clauses.iter();
    clauses
        .filter_map(|clause| {
            let first = words.get(usize::from(clause.words.0))?;
            let last = words.get(usize::from(clause.words.1).checked_sub(1)?)?;
            let next = words.get(usize::from(clause.words.1));
            let asks = text.get(last.span.end as usize..).is_some_and(|r| r.starts_with('?'));
            // Signs that are no words belong to it: "10 %".
            let end = next.map_or(text.len(), |next| next.span.start as usize);
            let kept = text.get(first.span.start as usize..end)?;
            let kept = kept.trim_end_matches(|c: char| c.is_whitespace() || ENDS.contains(&c));
            let end = first.span.start + u32::try_from(kept.len()).ok()?;
            let span = Span { start: first.span.start, end };
            (!asks).then(|| Clause { span, words: Words::of(span.of(text)) })
        })
        .collect()
}

/// Stand behind a clause.
const ENDS: [char; 11] = ['.', '!', ';', ',', ':', '"', '\'', '(', '[', '?', '-'];
