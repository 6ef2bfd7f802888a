//! Cuts a text into overlapping passages that the model reads whole.
//!
//! A passage ends where a line or sentence ends if one does in its last
//! quarter, else between words, else between word pieces; the next begins about
//! [`OVERLAP`] pieces before that end, again at the best border. Passages follow
//! each other without a gap. All work is bounded: by [`MAX_PASSAGES`] and
//! [`MAX_PASSAGE_BYTES`], however long the text.

use std::ops::Range;

use tokenizers::Tokenizer;

use super::{EmbedError, ModelFiles};

/// Passages of one text; what comes after them is left out.
pub const MAX_PASSAGES: usize = 64;

/// Bytes of one passage: for text that has many bytes and few word pieces
/// (white space, zero-width characters, one endless word).
pub const MAX_PASSAGE_BYTES: usize = 8 * 1024;

/// Changes whenever the same text may be cut otherwise.
pub(super) const SPLITTER_VERSION: u32 = 2;

/// Word pieces of a passage at most, though a model may read more: a vector of
/// less text says more of each part of it, and a speaker's name before it fits.
const PASSAGE_PIECES: usize = 200;

/// Word pieces that a passage shares with the one before.
const OVERLAP: usize = 50;

/// Bytes given to the tokenizer at a time.
const SEGMENT_BYTES: usize = 16 * 1024;

/// A word piece's place in the text, in bytes.
type Piece = (usize, usize);

/// Cuts texts by the model's own tokenizer.
#[derive(Clone)]
pub struct Splitter {
    tokenizer: Tokenizer,
    /// Word pieces of one passage, without special ones and the prefix.
    budget: usize,
    query_prefix: String,
    passage_prefix: String,
}

impl Splitter {
    /// Reads the tokenizer of a model.
    ///
    /// # Errors
    /// [`EmbedError::Model`] for a missing or damaged tokenizer, or for a prefix
    /// that leaves no room for the text.
    pub fn open(files: &ModelFiles) -> Result<Self, EmbedError> {
        let mut splitter = Self::new(files.open_tokenizer()?, files.max_tokens);
        splitter.query_prefix.clone_from(&files.query_prefix);
        splitter.passage_prefix.clone_from(&files.passage_prefix);
        let prefix = splitter.count(&files.passage_prefix);
        splitter.budget = splitter.budget.saturating_sub(prefix).min(PASSAGE_PIECES);
        if splitter.budget <= 2 * OVERLAP {
            return Err(files.error(format_args!(
                "{} word pieces are too few for a passage",
                files.max_tokens
            )));
        }
        Ok(splitter)
    }

    /// For a tokenizer without padding and truncation; `max_tokens` counts
    /// special tokens.
    pub(super) fn new(tokenizer: Tokenizer, max_tokens: usize) -> Self {
        // As the engines count them: with nothing but special tokens.
        let special = tokenizer.encode_fast("", true).map_or(2, |encoding| encoding.len());
        Self {
            tokenizer,
            budget: max_tokens.saturating_sub(special),
            query_prefix: String::new(),
            passage_prefix: String::new(),
        }
    }

    /// What to set before a query.
    pub fn query_prefix(&self) -> &str {
        &self.query_prefix
    }

    /// What to set before a passage.
    pub fn passage_prefix(&self) -> &str {
        &self.passage_prefix
    }

    /// The passages of a text as byte ranges on character borders, in order,
    /// at least one and at most [`MAX_PASSAGES`]. A text that fits is one
    /// passage. The last one ends before the text does if the text is longer
    /// than that: its end is what is left out.
    pub fn split(&self, text: &str) -> Vec<Range<usize>> {
        let pieces = self.pieces(text);
        if pieces.len() <= self.budget && text.len() <= MAX_PASSAGE_BYTES {
            return std::iter::once(0..text.len()).collect();
        }
        let mut passages = Vec::new();
        let mut start = 0;
        while start < text.len() && passages.len() < MAX_PASSAGES {
            let end = self.end(text, &pieces, start);
            passages.push(start..end);
            start = if end < text.len() { next_start(text, &pieces, start, end) } else { end };
        }
        passages
    }

    /// Where the passage that begins at `start` ends: after it, at most
    /// `budget` pieces and [`MAX_PASSAGE_BYTES`] on.
    fn end(&self, text: &str, pieces: &[Piece], start: usize) -> usize {
        let first = pieces.partition_point(|piece| piece.0 < start);
        let limit = floor(text, start.saturating_add(MAX_PASSAGE_BYTES).min(text.len()), start);
        // The first piece that is too much; none if the rest fits.
        let over = pieces.get(first.saturating_add(self.budget));
        let mut end = match over {
            Some(piece) if piece.0 < limit => {
                let window = first + self.budget * 3 / 4;
                let candidates = pieces.get(window..=first + self.budget).unwrap_or_default();
                best_border(text, candidates.iter().rev())
                    .unwrap_or(piece.0)
                    .clamp(start + 1, limit)
            }
            _ => limit,
        };
        // A cut inside a word may give its parts more pieces than they had.
        loop {
            end = ceil(text, end);
            let passage = text.get(start..end).unwrap_or_default();
            let excess = self.count(passage).saturating_sub(self.budget);
            if excess == 0 {
                return end;
            }
            let shorter = (end - start) * self.budget / (self.budget + excess);
            let shorter = floor(text, start + shorter.min(end - start - 1), start);
            if shorter <= start {
                return end;
            }
            end = shorter;
        }
    }

    /// Where the word pieces of a text lie; at most about those of
    /// [`MAX_PASSAGES`] passages.
    fn pieces(&self, text: &str) -> Vec<Piece> {
        let wanted = self.budget.saturating_mul(MAX_PASSAGES);
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < text.len() && pieces.len() <= wanted {
            let end = segment_end(text, start);
            let Some(segment) = text.get(start..end) else { break };
            if let Ok(encoding) = self.tokenizer.encode(segment, false) {
                let offsets = encoding.get_offsets().iter();
                pieces.extend(offsets.map(|&(from, to)| {
                    (floor(text, start + from, start), floor(text, start + to, start))
                }));
            }
            start = end;
        }
        // Normalisation may report places out of order; searching needs order.
        if !pieces.is_sorted() {
            pieces.sort_unstable();
        }
        pieces
    }

    /// Word pieces of a text, without special ones.
    fn count(&self, text: &str) -> usize {
        self.tokenizer.encode_fast(text, false).map_or(0, |encoding| encoding.len())
    }
}

/// The start of the passage after `start..end`: [`OVERLAP`] pieces back, at the
/// best border of the older half of these, and always later than `start`.
fn next_start(text: &str, pieces: &[Piece], start: usize, end: usize) -> usize {
    let first = pieces.partition_point(|piece| piece.0 < start);
    let after = pieces.partition_point(|piece| piece.0 < end);
    // At most half of the passage, so that there is progress in every one.
    let overlap = OVERLAP.min((after - first) / 2);
    let candidates = pieces.get(after - overlap..after - overlap / 2).unwrap_or_default();
    match best_border(text, candidates.iter()) {
        Some(border) if border > start && border < end => border,
        _ => end,
    }
}

/// The beginning of the piece with the strongest border before it; of equals
/// the first.
fn best_border<'a>(text: &str, pieces: impl Iterator<Item = &'a Piece>) -> Option<usize> {
    let mut best = None;
    for piece in pieces {
        let strength = border(text, piece.0);
        if best.is_none_or(|(strongest, _)| strength > strongest) {
            best = Some((strength, piece.0));
        }
    }
    best.map(|(_, place)| place)
}

/// What ends at a place: 3 a line, 2 a sentence, 1 a word, 0 nothing.
fn border(text: &str, place: usize) -> u8 {
    let Some(before) = text.get(..place) else { return 0 };
    let mut spaced = false;
    for character in before.chars().rev() {
        match character {
            '\n' => return 3,
            '。' | '！' | '？' | '｡' | '।' | '۔' => return 2,
            '.' | '!' | '?' | '…' if spaced => return 2,
            '"' | '\'' | ')' | ']' | '”' | '’' if spaced => {}
            _ if character.is_whitespace() => spaced = true,
            _ => break,
        }
    }
    u8::from(spaced)
}

/// Where a segment for the tokenizer ends: after white space if there is some
/// in its last quarter.
fn segment_end(text: &str, start: usize) -> usize {
    let end = start.saturating_add(SEGMENT_BYTES);
    if end >= text.len() {
        return text.len();
    }
    let end = floor(text, end, start);
    let earliest = floor(text, end.saturating_sub(SEGMENT_BYTES / 4), start);
    let tail = text.get(earliest..end).unwrap_or_default();
    match tail.char_indices().rev().find(|(_, character)| character.is_whitespace()) {
        Some((place, space)) => earliest + place + space.len_utf8(),
        None => end,
    }
}

/// The character border at or before `place`, but not before `least`.
fn floor(text: &str, place: usize, least: usize) -> usize {
    text.floor_char_boundary(place).max(least)
}

/// The character border at or after `place`.
fn ceil(text: &str, place: usize) -> usize {
    text.ceil_char_boundary(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::testing::word_tokenizer;

    const MAX_TOKENS: usize = 256;

    fn splitter() -> Splitter {
        Splitter::new(word_tokenizer(), MAX_TOKENS)
    }

    /// Whatever the text: ranges on character borders, inside it, without a
    /// gap, with progress, each readable whole by the model.
    fn check(text: &str) -> Vec<Range<usize>> {
        let splitter = splitter();
        let passages = splitter.split(text);
        assert!((1..=MAX_PASSAGES).contains(&passages.len()));
        assert_eq!(passages.first().map(|passage| passage.start), Some(0));
        for passage in &passages {
            let part = text.get(passage.clone()).expect("on character borders");
            assert!(part.len() <= MAX_PASSAGE_BYTES);
            assert!(splitter.count(part) <= splitter.budget, "{} pieces", splitter.count(part));
        }
        for (earlier, later) in passages.iter().zip(passages.iter().skip(1)) {
            assert!(later.start <= earlier.end, "gap");
            assert!(later.start > earlier.start && later.end > earlier.end, "progress");
        }
        if passages.len() < MAX_PASSAGES {
            assert_eq!(passages.last().map(|passage| passage.end), Some(text.len()));
        }
        passages
    }

    #[test]
    fn a_text_that_fits_is_one_passage() {
        for text in ["", " ", "word", "two words\n", &"word ".repeat(250)] {
            assert_eq!(check(text), vec![0..text.len()]);
        }
    }

    #[test]
    fn every_kind_of_long_text_is_cut_into_readable_parts() {
        let texts = [
            "a ".repeat(100_000),
            "x".repeat(1 << 20),
            "你好世界".repeat(5_000),
            "今日は。".repeat(5_000),
            "สวัสดี".repeat(5_000),
            "\u{200b}".repeat(300_000),
            "👩‍👩‍👧‍👦 ".repeat(3_000),
            "e\u{301}".repeat(20_000),
            " \n\t".repeat(50_000),
            "Zeile eins.\r\nZeile zwei! ".repeat(2_000),
            format!("{} {}", "y".repeat(9_000), "word ".repeat(2_000)),
        ];
        for text in texts {
            assert!(check(&text).len() > 1);
        }
    }

    #[test]
    fn a_passage_ends_and_begins_where_a_sentence_does() {
        let sentence = "One two three four five six seven eight nine ten. ";
        let text = sentence.repeat(60);
        let passages = check(&text);
        assert!(passages.len() > 2);
        for passage in &passages {
            let part = text.get(passage.clone()).unwrap_or_default();
            assert!(part.starts_with("One") && part.ends_with(". "), "{part:?}");
        }
    }

    #[test]
    fn a_line_border_wins_over_a_sentence_border() {
        let head = "word ".repeat(220);
        let text = format!("{head}\n{}", "A b. ".repeat(100));
        let passages = check(&text);
        assert_eq!(passages.first().map(|passage| passage.end), Some(head.len() + 1));
    }

    #[test]
    fn neighbours_share_about_fifty_pieces() {
        let text = "word ".repeat(1_000);
        let splitter = splitter();
        let passages = splitter.split(&text);
        for (earlier, later) in passages.iter().zip(passages.iter().skip(1)) {
            let shared = text.get(later.start..earlier.end).unwrap_or_default();
            assert_eq!(splitter.count(shared), OVERLAP);
        }
    }

    #[test]
    fn beyond_the_cap_the_beginning_is_kept() {
        let text = "word ".repeat(40_000);
        let passages = check(&text);
        assert_eq!(passages.len(), MAX_PASSAGES);
        let end = passages.last().map_or(0, |passage| passage.end);
        assert!(end > 60_000 && end < text.len());
    }

    #[test]
    fn random_texts_keep_the_invariants() {
        use rand::{Rng, SeedableRng, rngs::StdRng};
        let alphabet: Vec<char> = "ab .\n!你。ก\u{200b}\u{301}👩\u{200d}é".chars().collect();
        let mut random = StdRng::seed_from_u64(7);
        for _ in 0..60 {
            let length = random.random_range(0..6_000);
            let text: String = (0..length)
                .filter_map(|_| alphabet.get(random.random_range(0..alphabet.len())))
                .collect();
            check(&text);
        }
    }
}
