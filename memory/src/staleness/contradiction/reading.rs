//! A turn read for contradiction: its pieces, and in each piece which content
//! words are asserted, denied or only wished for.
//!
//! A piece is a sentence or a part of one ("I recently did 15 of them" in "…,
//! but I recently did 15 of them"). Built once for a turn and compared with
//! many; needs no vector and keeps no text.

use std::collections::HashSet;

use super::lexicon::{Class, Pole, classes, poles, undenied};
use crate::staleness::{
    statement::Said,
    text::{
        Span,
        words::{Lexed, hash},
    },
};

/// Pieces of a turn that are looked at: about the first 40 sentences.
pub const MAX_PIECES: usize = 40;
/// A piece has at least this many words before a comma or "but" ends it.
const MIN_PIECE_WORDS: usize = 4;
/// Words back to which a "not" or a "should" reaches.
const REACH: usize = 6;
/// Content words of a piece that are kept.
const MAX_TERMS: usize = 24;

/// A content word in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) stem: u32,
    /// Stem without a denying prefix, or 0.
    pub(super) undenied: u32,
    /// A negation reaches it.
    pub(super) denied: bool,
    /// Only wished, possible, planned or required.
    pub(super) unreal: bool,
}

/// A sentence or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) span: Span,
    /// Bits of [`Class`] of its words.
    pub(super) classes: u32,
    /// Negations.
    pub(super) negations: u8,
    /// A question mark or question word.
    pub(super) asks: bool,
    /// Class bits of the first three words: who or what it speaks of.
    pub(super) opening: u32,
    /// Content words, sorted by stem, each stem once.
    pub(super) terms: Vec<Term>,
    /// Poles of its content words.
    pub(super) poles: Vec<(u32, Pole)>,
}

impl Piece {
    pub(super) fn has(&self, class: Class) -> bool {
        self.classes & class.bit() != 0
    }

    pub(super) fn denies(&self) -> bool {
        self.negations % 2 == 1
    }

    /// Says "I have never".
    pub(super) fn swears(&self) -> bool {
        self.has(Class::Never) && self.has(Class::First) && !self.asks
    }
}

/// A turn as it is read for contradiction.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub(super) pieces: Vec<Piece>,
    /// Class bits anywhere.
    pub(super) classes: u32,
    /// Negations anywhere.
    pub(super) negations: u16,
    /// Words bound by `_`, as one hash each: identifiers and their like.
    pub(super) marks: HashSet<u32>,
    /// Pairs of neighbouring content words.
    pub(super) bigrams: HashSet<u64>,
}

impl Reading {
    /// Reads a turn.
    pub fn of(said: &Said) -> Self {
        let mut reading = Self::default();
        for clause in &said.clauses {
            let (start, to) = (clause.words.0 as usize, clause.words.1 as usize);
            let mut from = start;
            for at in start..to {
                if at - from >= MIN_PIECE_WORDS && to - at >= 3 && parts(said, at) {
                    reading.push(said, from, at, to);
                    from = at;
                }
            }
            reading.push(said, from, to, to);
        }
        reading.classes = reading.pieces.iter().fold(0, |all, piece| all | piece.classes);
        reading.negations = reading.pieces.iter().map(|piece| u16::from(piece.negations)).sum();
        reading.marks = marks(said);
        let content: Vec<u32> = said.words.iter().filter(|w| w.content).map(|w| w.stem).collect();
        reading.bigrams = content
            .windows(2)
            .map(|two| two.iter().fold(0, |h, s| (h << 32) | u64::from(*s)))
            .collect();
        reading
    }

    fn push(&mut self, said: &Said, from: usize, to: usize, clause_end: usize) {
        let (Some(first), Some(last)) =
            (said.words.get(from), to.checked_sub(1).and_then(|last| said.words.get(last)))
        else {
            return;
        };
        if self.pieces.len() >= MAX_PIECES || from >= to {
            return;
        }
        let mut piece = Piece {
            span: first.span.to(last.span),
            classes: 0,
            negations: 0,
            asks: false,
            opening: 0,
            terms: Vec::new(),
            poles: Vec::new(),
        };
        let (mut denied_until, mut unreal_until) = (0, 0);
        for (offset, word) in said.words.iter().take(to).skip(from).enumerate() {
            let bits = classes(word.hash);
            piece.classes |= bits;
            if offset < 3 {
                piece.opening |= bits;
            }
            if bits & Class::Negates.bit() != 0 {
                piece.negations = piece.negations.saturating_add(1);
                denied_until = if denied_until > offset { 0 } else { offset + 1 + REACH };
            }
            if bits & UNREAL != 0 {
                unreal_until = offset + 1 + REACH;
            }
            let carries = word.content && bits & Class::Negates.bit() == 0;
            if carries && piece.terms.len() < MAX_TERMS {
                piece.terms.push(Term {
                    stem: word.stem,
                    undenied: undenied_stem(word.span.of(&said.text)),
                    denied: offset < denied_until,
                    unreal: offset < unreal_until,
                });
            }
            piece.poles.extend(poles(word.stem).iter().map(|pole| (word.stem, *pole)));
        }
        // Of "I've never been there, is it far?" only the last part asks.
        let tail = said.text.get(last.span.end as usize..).unwrap_or("");
        let mark = to == clause_end && tail.starts_with(['?', '？']);
        piece.asks = mark || piece.opening & Class::Asks.bit() != 0;
        piece.terms.sort_by_key(|term| term.stem);
        piece.terms.dedup_by_key(|term| term.stem);
        self.pieces.push(piece);
    }
}

/// Classes under which a thing is not said to be so.
const UNREAL: u32 = Class::Obliges.bit()
    | Class::Enables.bit()
    | Class::Hedges.bit()
    | Class::Future.bit()
    | Class::Wishes.bit()
    | Class::Conditional.bit();

/// Whether a new piece begins at a word.
fn parts(said: &Said, at: usize) -> bool {
    let (Some(before), Some(here)) = (said.words.get(at - 1), said.words.get(at)) else {
        return false;
    };
    let gap = Span { start: before.span.end, end: here.span.start }.of(&said.text);
    gap.contains([',', ':', '(', '—', '–']) || classes(here.hash) & Class::Splits.bit() != 0
}

/// Stem of a word without its denying prefix; 0 where it has none.
fn undenied_stem(word: &str) -> u32 {
    let lower = word.to_ascii_lowercase();
    undenied(&lower)
        .and_then(|rest| Lexed::of(rest).words.first().map(|word| word.stem))
        .unwrap_or(0)
}

/// Runs of words bound by `_`.
fn marks(said: &Said) -> HashSet<u32> {
    let mut found = HashSet::new();
    let mut run: Option<Span> = None;
    for pair in said.words.windows(2) {
        let [a, b] = pair else { continue };
        let gap = Span { start: a.span.end, end: b.span.start }.of(&said.text);
        let bound = gap.contains('_') && !gap.contains(char::is_whitespace);
        run = match run {
            Some(span) if bound => Some(span.to(b.span)),
            None if bound => Some(a.span.to(b.span)),
            Some(span) => {
                found.insert(hash(&span.of(&said.text).to_ascii_lowercase()));
                None
            }
            None => None,
        };
    }
    found.extend(run.map(|span| hash(&span.of(&said.text).to_ascii_lowercase())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let said = Said::of(text, None);
        Reading::of(&said).pieces.iter().map(|p| p.span.of(text).to_owned()).collect()
    }

    #[test]
    fn sentences_are_cut_at_turns() {
        assert_eq!(
            pieces("I've never tried that before, but I did it 15 times. Is it bad?"),
            ["I've never tried that before", "but I did it 15 times", "Is it bad"]
        );
        assert!(pieces("").is_empty());
        assert!(pieces(&"One more thing here. ".repeat(500)).len() <= MAX_PIECES);
    }

    #[test]
    fn negation_reaches_what_follows() {
        let said = Said::of("Dogs never eat the cake", None);
        let reading = Reading::of(&said);
        let denied: Vec<bool> = {
            let mut terms: Vec<(&str, bool)> = Vec::new();
            for word in said.words.iter().filter(|w| w.content) {
                let term =
                    reading.pieces.iter().flat_map(|p| &p.terms).find(|t| t.stem == word.stem);
                terms.extend(term.map(|t| (word.span.of(&said.text), t.denied)));
            }
            terms.iter().filter(|(w, _)| ["Dogs", "eat", "cake"].contains(w)).map(|t| t.1).collect()
        };
        assert_eq!(denied, [false, true, true]);
        assert!(reading.pieces.iter().any(Piece::denies));
    }

    #[test]
    fn identifiers_are_one_mark() {
        let reading = Reading::of(&Said::of("the clement_hotel is 4_miles away", None));
        assert_eq!(reading.marks.len(), 2);
    }
}
