//! How items match a query: cosine of the best passage and BM25 of their words,
//! joined by a fixed weight. BM25 counts as a share of the most that the query's
//! words can score, so that a total means the same in every search (a convex
//! combination with a theoretical bound: Bruch, Gai and Ingber, *An Analysis of
//! Fusion Functions for Hybrid Retrieval*, 2023).

use std::collections::HashMap;

use crate::index::{
    analyse::{Language, Purpose, analyse},
    bm25,
};

/// What the cosine weighs in the total; the words weigh the rest.
const COSINE_WEIGHT: f32 = 0.8;
/// Distinct terms of a query; what a longer one says later is left out.
const MAX_TERMS: usize = 512;

/// The total of an item: -0.8 to 1.
pub(crate) fn total(cosine: Option<f32>, words: f32) -> f32 {
    COSINE_WEIGHT * cosine.unwrap_or_default() + (1.0 - COSINE_WEIGHT) * words
}

/// The cosine of unit vectors; one of them as it is stored.
pub(crate) fn cosine(query: &[f32], stored: &[u8]) -> f32 {
    let stored = stored.as_chunks::<4>().0.iter().map(|le| f32::from_le_bytes(*le));
    let product: f32 = query.iter().zip(stored).map(|(a, b)| a * b).sum();
    product.clamp(-1.0, 1.0)
}

/// The words of a query, analysed in every language that items turn out to be
/// in. A term that two languages share has one place.
pub(crate) struct Asked<'q> {
    query: &'q str,
    places: HashMap<String, usize>,
    /// Places of the query's terms in a language.
    languages: HashMap<Language, Vec<usize>>,
}

/// The words of an item that were asked for.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    language: Language,
    /// Counted terms.
    length: u32,
    /// Place and number of the terms that were asked for.
    found: Vec<(usize, u32)>,
}

impl<'q> Asked<'q> {
    pub(crate) fn new(query: &'q str) -> Self {
        Self { query, places: HashMap::new(), languages: HashMap::new() }
    }

    /// What an item's texts hold of the query's words.
    pub(crate) fn words(&mut self, texts: &[String]) -> Words {
        let sample = texts.first().map_or("", String::as_str);
        let language = Language::ENGLISH.of_turn(sample);
        self.learn(language);
        let mut length = 0;
        let mut counts: HashMap<usize, u32> = HashMap::new();
        for text in texts {
            analyse(text, language, Purpose::Turn, &mut |term| {
                length += u32::from(term.counted);
                if let Some(place) = self.places.get(term.text) {
                    *counts.entry(*place).or_default() += 1;
                }
            });
        }
        let wanted = self.languages.get(&language).map(Vec::as_slice).unwrap_or_default();
        // Terms of the query in another language are not this item's words.
        let found = counts.into_iter().filter(|(place, _)| wanted.contains(place)).collect();
        Words { language, length, found }
    }

    fn learn(&mut self, language: Language) {
        if self.languages.contains_key(&language) {
            return;
        }
        let mut wanted = Vec::new();
        analyse(self.query, language, Purpose::Query, &mut |term| {
            let place = match self.places.get(term.text) {
                Some(place) => *place,
                None if self.places.len() >= MAX_TERMS => return,
                None => {
                    let place = self.places.len();
                    self.places.insert(term.text.to_owned(), place);
                    place
                }
            };
            if !wanted.contains(&place) {
                wanted.push(place);
            }
        });
        self.languages.insert(language, wanted);
    }
}

/// What the weights of terms are computed from: all items of a search.
#[derive(Default)]
pub(crate) struct Corpus {
    items: usize,
    length: u64,
    /// Items that hold a term, by its place.
    df: HashMap<usize, usize>,
}

impl Corpus {
    /// Takes in an item.
    pub(crate) fn add(&mut self, words: &Words) {
        self.items += 1;
        self.length += u64::from(words.length);
        for (place, _) in &words.found {
            *self.df.entry(*place).or_default() += 1;
        }
    }

    /// BM25 of an item, and the share that it is of the most that the query's
    /// words can score, 0 to 1.
    pub(crate) fn score(&self, asked: &Asked<'_>, words: &Words) -> (f32, f32) {
        let average = self.length as f32 / self.items.max(1) as f32;
        let idf =
            |place: &usize| bm25::idf(self.items, self.df.get(place).copied().unwrap_or_default());
        let worth = |(place, tf): &(usize, u32)| {
            idf(place) * bm25::saturation(*tf as f32, words.length as f32, average)
        };
        let score: f32 = words.found.iter().map(worth).sum();
        let wanted = asked.languages.get(&words.language).map(Vec::as_slice).unwrap_or_default();
        let most: f32 = wanted.iter().map(|place| idf(place) * (bm25::K1 + 1.0)).sum();
        (score, if most > 0.0 { (score / most).min(1.0) } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(query: &str, items: &[&str]) -> Vec<f32> {
        let mut asked = Asked::new(query);
        let mut corpus = Corpus::default();
        let words: Vec<Words> =
            items.iter().map(|text| asked.words(&[(*text).to_owned()])).collect();
        words.iter().for_each(|words| corpus.add(words));
        words.iter().map(|words| corpus.score(&asked, words).1).collect()
    }

    #[test]
    fn items_with_the_words_come_first_and_none_scores_over_1() {
        let shares = shares(
            "red cars",
            &["She drives a red car", "The car is blue", "It rains", "red red red red car car car"],
        );
        assert!(shares[0] > shares[1] && shares[1] > shares[2], "{shares:?}");
        assert_eq!(shares[2], 0.0);
        assert!(shares[3] <= 1.0, "{shares:?}");
    }

    #[test]
    fn a_query_without_words_scores_nothing() {
        assert_eq!(shares("?!", &["anything"]), [0.0]);
        assert_eq!(shares("word", &[]), Vec::<f32>::new());
    }

    #[test]
    fn words_are_found_in_their_language() {
        let german = "Die Nachbarin fährt jeden Morgen mit dem Fahrrad zur Arbeit in die Stadt";
        let shares = shares("Fahrräder", &[german, "nothing of the kind"]);
        assert!(shares[0] > 0.0, "{shares:?}");
    }

    #[test]
    fn the_cosine_weighs_most() {
        assert_eq!(total(Some(1.0), 1.0), 1.0);
        assert!(total(Some(0.9), 0.0) > total(Some(0.5), 1.0));
        assert!(total(None, 0.5) > 0.0);
        let bytes: Vec<u8> = [0.6_f32, 0.8].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!((cosine(&[0.6, 0.8], &bytes) - 1.0).abs() < 1e-6);
    }
}
