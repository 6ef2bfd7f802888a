//! Okapi BM25 exactly as the data sets' READMEs define it, to show that the
//! readers and the scorer are right: with it the runner reproduces their
//! reference rows. It is no part of the service.
//!
//! b = 0.75; tokens `[a-z0-9]+` of the lower-cased text; no stemming, no stop
//! words; IDF = ln(1 + (N - df + 0.5) / (df + 0.5)); ties in favour of the
//! earlier document. k1 = 1.2 with each different query token counted once;
//! the rows of QMSum and DevMemBench were made with k1 = 1.5 and every token counted.

use std::collections::{BTreeMap, HashMap, HashSet};

const B: f64 = 0.75;

/// Which rows are reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// As the READMEs define it.
    Defined,
    /// What gives the rows of the READMEs that do not define it: QMSum, DevMemBench.
    EveryWord,
}

impl Variant {
    fn k1(self) -> f64 {
        match self {
            Self::Defined => 1.2,
            Self::EveryWord => 1.5,
        }
    }
}

/// An index over documents in order.
pub(crate) struct Bm25 {
    variant: Variant,
    lengths: Vec<f64>,
    mean_length: f64,
    postings: HashMap<String, Vec<(usize, f64)>>,
}

impl Bm25 {
    /// Indexes the documents.
    pub(crate) fn new<I: IntoIterator<Item: AsRef<str>>>(documents: I, variant: Variant) -> Self {
        let mut lengths = Vec::new();
        let mut postings: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        for (index, document) in documents.into_iter().enumerate() {
            let mut counts: BTreeMap<String, f64> = BTreeMap::new();
            let mut length = 0.0;
            for token in tokens(document.as_ref()) {
                *counts.entry(token).or_default() += 1.0;
                length += 1.0;
            }
            lengths.push(length);
            for (token, count) in counts {
                postings.entry(token).or_default().push((index, count));
            }
        }
        let mean_length = lengths.iter().sum::<f64>() / (lengths.len().max(1) as f64);
        Self { variant, lengths, mean_length, postings }
    }

    /// All documents, best first.
    pub(crate) fn rank(&self, query: &str) -> Vec<usize> {
        let mut scores = vec![0.0; self.lengths.len()];
        let n = self.lengths.len() as f64;
        let k1 = self.variant.k1();
        let repeats = self.variant == Variant::EveryWord;
        let mut seen = HashSet::new();
        // In the order of the query: sums of floats must not depend on hashing.
        for token in tokens(query) {
            if !seen.insert(token.clone()) && !repeats {
                continue;
            }
            let Some(postings) = self.postings.get(&token) else { continue };
            let df = postings.len() as f64;
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            for &(index, count) in postings {
                let length = self.lengths.get(index).copied().unwrap_or(0.0);
                let norm = k1 * (1.0 - B + B * length / self.mean_length);
                if let Some(score) = scores.get_mut(index) {
                    *score += idf * count * (k1 + 1.0) / (count + norm);
                }
            }
        }
        let mut order: Vec<(f64, usize)> =
            scores.into_iter().enumerate().map(|(index, score)| (score, index)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.into_iter().map(|(_, index)| index).collect()
    }
}

fn tokens(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_small_collections() {
        for (documents, query, expected) in [
            (vec!["the cat", "the dog", "a cat in a hat on a mat"], "cat", vec![0, 2, 1]),
            (vec!["x", "y", "z"], "none", vec![0, 1, 2]),
            (vec!["the cat", "the dog", "a cat, cat"], "cat", vec![2, 0, 1]),
            // Shorter wins at the same count, the earlier at the same score.
            (vec!["red car and more words", "red car", "Red-CAR!"], "red", vec![1, 2, 0]),
            // A rare word beats a common one.
            (vec!["tea", "tea", "coffee", "tea"], "tea coffee", vec![2, 0, 1, 3]),
            (vec![], "q", vec![]),
        ] {
            assert_eq!(
                Bm25::new(&documents, Variant::Defined).rank(query),
                expected,
                "{query} in {documents:?}"
            );
        }
    }

    #[test]
    fn a_repeated_query_word_counts_once() {
        let documents = ["one", "two two", "six"];
        let rank = |variant, query| Bm25::new(documents, variant).rank(query);
        assert_eq!(rank(Variant::Defined, "one one two"), [1, 0, 2]);
        assert_eq!(rank(Variant::EveryWord, "one one two"), [0, 1, 2]);
    }

    #[test]
    fn tokens_are_ascii_letters_and_digits() {
        assert_eq!(tokens("Don't, 3rd-É x_y"), ["don", "t", "3rd", "x", "y"]);
    }
}
