//! How turns match a query: one turn, and all of a branch in columns, since
//! ranking reads a few signals of thousands of turns and all of a few.

use std::sync::Arc;

use crate::turn::{ConversationId, Sequence};

/// How one turn matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The turn.
    pub sequence: Sequence,
    /// Cosine of its best passage, -1 to 1; absent if it is not embedded or the
    /// index did not return it.
    pub dense: Option<f32>,
    /// The same around the centre of the branch: with the mean of its passages
    /// taken off both, which tells turns of one topic apart.
    pub dense_centred: Option<f32>,
    /// Of the turn's first passage, around the centre.
    pub dense_first: Option<f32>,
    /// BM25 score, >= 0; 0 without a common term.
    pub bm25: f32,
    /// BM25 over the turn with its neighbourhood, >= 0: what was said just
    /// before and after counts the less the farther away it is.
    pub bm25_window: f32,
    /// IDF of the pairs of words that stand side by side in query and turn, >= 0.
    pub bigram: f32,
    /// Byte range of the best passage.
    pub passage: Option<(u32, u32)>,
}

impl Match {
    /// A turn that matches in nothing.
    pub fn none(sequence: Sequence) -> Self {
        Self {
            sequence,
            dense: None,
            dense_centred: None,
            dense_first: None,
            bm25: 0.0,
            bm25_window: 0.0,
            bigram: 0.0,
            passage: None,
        }
    }

    /// Lets the plain signals stand for those that need the whole branch: for an
    /// index that sees the best turns alone.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.dense_centred = self.dense;
        self.dense_first = self.dense;
        self.bm25_window = self.bm25;
        self
    }
}

/// Matches in ascending sequence, a column for each signal. A signal that a turn
/// does not have is no number (NaN) in its column.
///
/// Invariant: all columns have one entry for each turn, those of words may have more.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    pub(super) sequences: Arc<[Sequence]>,
    pub(super) dense: Vec<f32>,
    pub(super) dense_centred: Vec<f32>,
    pub(super) dense_first: Vec<f32>,
    pub(super) words: Arc<WordScores>,
    /// Byte ranges of the best passages, for turns with `dense`.
    pub(super) passages: Vec<(u32, u32)>,
}

/// Scores by words, by position in a branch; room may be left behind the last turn.
#[derive(Clone, Debug, Default)]
pub(in crate::index) struct WordScores {
    /// BM25 of the turn alone.
    pub(in crate::index) own: Vec<f32>,
    /// BM25 with its neighbourhood.
    pub(in crate::index) window: Vec<f32>,
    /// Of the pairs of words that stand side by side in query and turn.
    pub(in crate::index) bigram: Vec<f32>,
}

/// The signals of the first turns of [`Matches`].
#[derive(Clone, Copy, Debug)]
pub struct Signals<'a> {
    /// The turns.
    pub sequences: &'a [Sequence],
    /// See [`Match::dense`]; no number if absent, as in the two that follow.
    pub dense: &'a [f32],
    /// See [`Match::dense_centred`].
    pub dense_centred: &'a [f32],
    /// See [`Match::dense_first`].
    pub dense_first: &'a [f32],
    /// See [`Match::bm25`].
    pub bm25: &'a [f32],
    /// See [`Match::bm25_window`].
    pub bm25_window: &'a [f32],
    /// See [`Match::bigram`].
    pub bigram: &'a [f32],
    passages: &'a [(u32, u32)],
}

impl Matches {
    /// Turns.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// All of them, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Match> {
        let signals = self.until(Sequence::MAX);
        (0..self.len()).filter_map(move |at| signals.get(at))
    }

    /// The signals of the turns up to one.
    pub fn until(&self, last: Sequence) -> Signals<'_> {
        let known = self.sequences.partition_point(|sequence| *sequence <= last);
        fn head<T>(column: &[T], known: usize) -> &[T] {
            column.get(..known).unwrap_or_default()
        }
        Signals {
            sequences: head(&self.sequences, known),
            dense: head(&self.dense, known),
            dense_centred: head(&self.dense_centred, known),
            dense_first: head(&self.dense_first, known),
            bm25: head(&self.words.own, known),
            bm25_window: head(&self.words.window, known),
            bigram: head(&self.words.bigram, known),
            passages: head(&self.passages, known),
        }
    }
}

impl FromIterator<Match> for Matches {
    /// In the order given, which must be that of the sequences.
    fn from_iter<I: IntoIterator<Item = Match>>(matches: I) -> Self {
        let mut columns = Self::default();
        let mut sequences = Vec::new();
        let mut words = WordScores::default();
        let absent = |signal: Option<f32>| signal.unwrap_or(f32::NAN);
        for found in matches {
            sequences.push(found.sequence);
            columns.dense.push(absent(found.dense));
            columns.dense_centred.push(absent(found.dense_centred));
            columns.dense_first.push(absent(found.dense_first));
            words.own.push(found.bm25);
            words.window.push(found.bm25_window);
            words.bigram.push(found.bigram);
            columns.passages.push(found.passage.unwrap_or_default());
        }
        columns.sequences = sequences.into();
        columns.words = Arc::new(words);
        columns
    }
}

impl Signals<'_> {
    /// Turns.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// One turn with all that is known of its match.
    pub fn get(&self, at: usize) -> Option<Match> {
        let known = |column: &[f32]| column.get(at).copied().filter(|signal| !signal.is_nan());
        let count = |column: &[f32]| column.get(at).copied().unwrap_or_default();
        let dense = known(self.dense);
        // A turn without words has no best passage.
        let passage = self.passages.get(at).copied().filter(|range| range.1 > range.0);
        Some(Match {
            sequence: *self.sequences.get(at)?,
            dense,
            dense_centred: known(self.dense_centred),
            dense_first: known(self.dense_first),
            bm25: count(self.bm25),
            bm25_window: count(self.bm25_window),
            bigram: count(self.bigram),
            passage: passage.filter(|_| dense.is_some()),
        })
    }
}

/// The matches of one branch.
#[derive(Clone, Debug)]
pub struct BranchMatches {
    /// The conversation of the branch that was searched.
    pub conversation: ConversationId,
    /// Every turn (`exact`), or the best of each kind of score (`qdrant`).
    pub matches: Matches,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_back_what_they_took() {
        let all = [
            Match {
                dense: Some(0.5),
                dense_centred: Some(-0.1),
                dense_first: Some(0.2),
                bm25: 3.0,
                bm25_window: 4.0,
                bigram: 1.0,
                passage: Some((3, 9)),
                ..Match::none(2)
            },
            Match { bm25: 1.0, ..Match::none(5) }.plain(),
            Match { dense: Some(0.25), ..Match::none(9) }.plain(),
        ];
        let columns: Matches = all.into_iter().collect();
        assert_eq!(columns.iter().collect::<Vec<_>>(), all);
        for (last, known) in [(1, 0), (2, 1), (8, 2), (9, 3), (Sequence::MAX, 3)] {
            assert_eq!(columns.until(last).len(), known, "{last}");
        }
        assert_eq!(columns.until(5).get(2), None);
    }
}
