//! Cuts a text into overlapping passages that the model reads whole.
//!
//! A passage ends where a line or sentence ends if one does in its last
//! quarter, else between words, else between word pieces; the next begins about
//! [`OVERLAP`] pieces before that end, again at the best border. Passages follow
//! each other without a gap, unless [`MAX_PASSAGES`] of them do not hold the
//! text: then so many stand evenly over the whole of it, with gaps, so that no
//! part of it is out of reach. All work is bounded: by [`MAX_PASSAGES`] and
//! [`MAX_PASSAGE_BYTES`], however long the text.

use std::ops::Range;

use tokenizers::Tokenizer;

use super::{EmbedError, ModelFiles};

/// Passages of one text; one that is longer has gaps between them.
pub const MAX_PASSAGES: usize = 64;

/// Bytes of one passage: for text that has many bytes and few word pieces
/// (white space, zero-width characters, one endless word).
pub const MAX_PASSAGE_BYTES: usize = 8 * 1024;

/// Changes whenever a text of at most [`MAX_PASSAGES`] may be cut otherwise; longer
/// ones keep the vectors that they have until they are embedded again.
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
    /// passage; one that is longer than all of them is covered from its beginning
    /// to its end with gaps between them.
    pub fn split(&self, text: &str) -> Vec<Range<usize>> {
        // A piece takes a byte at least, and one may stand for the beginning: most
        // queries need not be read for this.
        if text.is_ascii() && text.len() < self.budget {
            return std::iter::once(0..text.len()).collect();
        }
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
        if start < text.len() { self.spread(text) } else { passages }
    }

    /// [`MAX_PASSAGES`] passages at even distances over a text that they do not
    /// hold: the first begins with it, the last ends with it or nearly so.
    fn spread(&self, text: &str) -> Vec<Range<usize>> {
        let stride = text.len() / MAX_PASSAGES;
        let starts = (0..MAX_PASSAGES).map(|number| match number {
            0 => 0,
            // Not in the middle of a word if one begins near.
            _ => word_start(text, text.floor_char_boundary(number * stride), stride / 4),
        });
        let starts: Vec<usize> = starts.collect();
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let mut passages = Vec::new();
        for (start, until) in starts.iter().copied().zip(ends) {
            let until = until.min(text.floor_char_boundary(start + MAX_PASSAGE_BYTES));
            let Some(part) = text.get(start..until).filter(|part| !part.is_empty()) else {
                continue;
            };
            let end = start + self.end(part, &self.pieces(part), 0);
            passages.push(start..end);
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

/// The beginning of the first word at or behind a place, at most `within` bytes on;
/// the place itself if there is none.
fn word_start(text: &str, place: usize, within: usize) -> usize {
    let near = text.get(place..text.floor_char_boundary(place + within)).unwrap_or_default();
    let mut characters = near.char_indices();
    let space = characters.find(|(_, character)| character.is_whitespace());
    let word = space.and_then(|_| characters.find(|(_, character)| !character.is_whitespace()));
    word.map_or(place, |(offset, _)| place + offset)
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
#[path = "passages_tests.rs"]
mod tests;
