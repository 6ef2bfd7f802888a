//! The words of a branch: an inverted index, scored by BM25.
//!
//! Statistics are asked for apart from the scores, so that several branches
//! can be scored as one corpus.

use std::collections::HashMap;

use super::{neighbourhood::Neighbourhood, pairs::Pairs, terms::QueryTerms};
use crate::index::{
    analyse::{Language, Purpose, analyse},
    bm25,
    matches::WordScores,
};

/// What an entry of the dictionary costs beside its text, in bytes.
const ENTRY_BYTES: usize = 64;

/// A term in a turn.
#[derive(Clone, Copy, Debug)]
struct Posting {
    slot: u32,
    tf: u32,
}

/// Which turns hold which terms. Turns are known by slot; a slot is never used
/// again, so that postings stay in ascending order.
#[derive(Debug, Default)]
pub(in crate::index) struct Words {
    dictionary: HashMap<Box<str>, u32>,
    postings: Vec<Vec<Posting>>,
    /// Counted terms of each slot.
    lengths: Vec<u32>,
    pairs: Pairs,
    turns: usize,
    total_length: u64,
    bytes: usize,
}

/// What the weights of terms are computed from, summed over all branches of a
/// search.
#[derive(Clone, Debug, Default)]
pub(in crate::index) struct Corpus {
    turns: usize,
    total_length: u64,
    /// Length of all turns with their neighbourhoods.
    window_length: f64,
    /// Turns that hold each term of the query.
    df: Vec<usize>,
}

impl Corpus {
    /// Takes the corpus to be larger than what was counted, with turns of
    /// `average_length` terms.
    pub(in crate::index) fn assume(&mut self, turns: usize, average_length: f32) {
        self.turns = self.turns.max(turns);
        self.total_length = (self.turns as f32 * average_length) as u64;
        self.window_length = self.total_length as f64;
    }
}

impl Words {
    /// Adds the words of a turn. Slots come in ascending order.
    pub(in crate::index) fn add(&mut self, slot: u32, language: Language, texts: [&str; 2]) {
        let mut ids = Vec::new();
        let mut running = Vec::new();
        for text in texts {
            analyse(text, language, Purpose::Turn, &mut |term| {
                let id = self.id(term.text);
                ids.push(id);
                if term.counted {
                    running.push(id);
                }
            });
        }
        let length = u32::try_from(running.len()).unwrap_or(u32::MAX);
        self.bytes += self.pairs.set(slot, &running);
        ids.sort_unstable();
        for same in ids.chunk_by(|a, b| a == b) {
            let posting = Posting { slot, tf: u32::try_from(same.len()).unwrap_or(u32::MAX) };
            let id = same.first().map_or(usize::MAX, |id| *id as usize);
            if let Some(postings) = self.postings.get_mut(id) {
                postings.push(posting);
                self.bytes += size_of::<Posting>();
            }
        }
        let slots = self.lengths.len().max(slot as usize + 1);
        self.lengths.resize(slots, 0);
        if let Some(place) = self.lengths.get_mut(slot as usize) {
            *place = length;
        }
        self.turns += 1;
        self.total_length += u64::from(length);
    }

    /// Takes out the words of a turn.
    pub(in crate::index) fn remove(&mut self, slot: u32) {
        for postings in &mut self.postings {
            if let Ok(at) = postings.binary_search_by_key(&slot, |posting| posting.slot) {
                postings.remove(at);
                self.bytes = self.bytes.saturating_sub(size_of::<Posting>());
            }
        }
        if let Some(length) = self.lengths.get_mut(slot as usize) {
            self.turns = self.turns.saturating_sub(1);
            self.total_length = self.total_length.saturating_sub(u64::from(*length));
            *length = 0;
        }
        self.bytes = self.bytes.saturating_sub(self.pairs.clear(slot));
    }

    /// Memory, in bytes.
    pub(in crate::index) fn bytes(&self) -> usize {
        self.bytes + self.lengths.len() * size_of::<u32>()
    }

    /// Adds what this branch knows of the query's terms.
    pub(in crate::index) fn count(
        &self,
        query: &QueryTerms,
        near: &Neighbourhood,
        corpus: &mut Corpus,
    ) {
        corpus.turns += self.turns;
        corpus.total_length += self.total_length;
        corpus.window_length += near.total_length();
        corpus.df.resize(query.len(), 0);
        for (df, (term, _)) in corpus.df.iter_mut().zip(query.iter()) {
            *df += self.postings_of(term).len();
        }
    }

    /// The scores of every turn, 0 without a common term.
    pub(in crate::index) fn score(
        &self,
        query: &QueryTerms,
        near: &Neighbourhood,
        corpus: &Corpus,
    ) -> WordScores {
        let mut scores = WordScores {
            own: vec![0.0; near.room()],
            window: vec![0.0; near.room()],
            bigram: self.bigrams(query, near, corpus),
        };
        let turns = corpus.turns.max(1) as f64;
        let average = (corpus.total_length as f64 / turns) as f32;
        let window_average = (corpus.window_length / turns) as f32;
        let mut spread = near.spread();
        // Once for a turn, and not once for each of its terms.
        let norms = near.norms(average, window_average);
        for ((term, asked), df) in query.iter().zip(&corpus.df) {
            let weight = bm25::idf(corpus.turns, *df) * asked as f32;
            let postings = self.postings_of(term);
            let places =
                postings.iter().filter_map(|p| Some((near.position(p.slot)?, p.tf as f32)));
            if near.is_common(postings.len()) {
                places.for_each(|(at, tf)| spread.add_own(at, tf));
                let both = (&mut scores.own[..], &mut scores.window[..]);
                near.spread_own(&mut spread, weight, &norms, both);
                continue;
            }
            for (at, tf) in places {
                add(&mut scores.own, &norms.own, at, weight, tf);
                near.add(&mut spread, at, tf);
            }
            spread.drain(|at, tf| add(&mut scores.window, &norms.window, at, weight, tf));
        }
        scores
    }

    /// For every turn, the IDF of the query's pairs that stand in it, each pair
    /// at its commoner term's.
    fn bigrams(&self, query: &QueryTerms, near: &Neighbourhood, corpus: &Corpus) -> Vec<f32> {
        let mut scores = vec![0.0; near.turns()];
        for (first, second) in query.pairs() {
            let (Some(a), Some(b)) = (self.known(first.text), self.known(second.text)) else {
                continue;
            };
            let df = |place: usize| corpus.df.get(place).copied().unwrap_or_default();
            let weight = bm25::idf(corpus.turns, df(first.place).max(df(second.place)));
            for slot in self.pairs.slots(a, b) {
                if let Some(score) = near.position(slot).and_then(|at| scores.get_mut(at)) {
                    *score += weight;
                }
            }
        }
        scores
    }

    fn known(&self, term: &str) -> Option<u32> {
        self.dictionary.get(term).copied()
    }

    /// Counted terms of a slot.
    pub(super) fn length(&self, slot: u32) -> u32 {
        self.lengths.get(slot as usize).copied().unwrap_or_default()
    }

    fn id(&mut self, term: &str) -> u32 {
        if let Some(id) = self.dictionary.get(term) {
            return *id;
        }
        let id = u32::try_from(self.postings.len()).unwrap_or(u32::MAX);
        self.dictionary.insert(term.into(), id);
        self.postings.push(Vec::new());
        self.bytes += term.len() + ENTRY_BYTES;
        id
    }

    fn postings_of(&self, term: &str) -> &[Posting] {
        let id = self.dictionary.get(term).map(|id| *id as usize);
        id.and_then(|id| self.postings.get(id)).map_or(&[], Vec::as_slice)
    }
}

/// Adds what `tf` occurrences are worth to the score at a position.
fn add(scores: &mut [f32], norms: &[f32], at: usize, weight: f32, tf: f32) {
    if let (Some(score), Some(norm)) = (scores.get_mut(at), norms.get(at)) {
        *score += weight * bm25::saturated(tf, *norm);
    }
}
