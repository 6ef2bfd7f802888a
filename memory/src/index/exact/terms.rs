//! A query's words: its distinct terms, how often each is asked for, and which
//! stand side by side.

use std::collections::{BTreeSet, HashMap};

use crate::index::analyse::{Language, Purpose, analyse};

/// Most distinct terms of a query; what a longer one says later is left out.
pub const MAX_QUERY_TERMS: usize = 512;

/// The distinct terms of a query.
#[derive(Clone, Debug, Default)]
pub(in crate::index) struct QueryTerms {
    terms: Vec<(String, u32)>,
    pairs: BTreeSet<(usize, usize)>,
}

/// A term of a query with its place among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueryTerm<'a> {
    pub(super) text: &'a str,
    pub(super) place: usize,
}

impl QueryTerms {
    /// Analyses a query in every language that turns were analysed in. A term
    /// that two languages share is asked for once.
    pub(in crate::index) fn new(text: &str, languages: impl IntoIterator<Item = Language>) -> Self {
        let mut query = Self::default();
        let mut places: HashMap<String, usize> = HashMap::new();
        for language in languages {
            let mut counts: HashMap<usize, u32> = HashMap::new();
            let mut before = None;
            analyse(text, language, Purpose::Query, &mut |term| {
                let known = places.get(term.text).copied();
                if known.is_none() && query.terms.len() >= MAX_QUERY_TERMS {
                    return;
                }
                let place = known.unwrap_or_else(|| {
                    places.insert(term.text.to_owned(), query.terms.len());
                    query.terms.push((term.text.to_owned(), 0));
                    query.terms.len() - 1
                });
                *counts.entry(place).or_default() += 1;
                if term.counted {
                    query.pairs.extend(before.map(|before| (before, place)));
                    before = Some(place);
                }
            });
            for (place, count) in counts {
                if let Some((_, asked)) = query.terms.get_mut(place) {
                    *asked = count.max(*asked);
                }
            }
        }
        query
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.terms.len()
    }

    /// The terms with how often each is asked for.
    pub(in crate::index) fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.terms.iter().map(|(term, asked)| (term.as_str(), *asked))
    }

    /// The terms that stand side by side, each pair once.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (QueryTerm<'_>, QueryTerm<'_>)> {
        let term = |place: usize| {
            let (text, _) = self.terms.get(place)?;
            Some(QueryTerm { text, place })
        };
        self.pairs.iter().filter_map(move |(a, b)| Some((term(*a)?, term(*b)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_skip_stop_words_and_count_once() {
        let query = QueryTerms::new("the red car and the red car of Ann", [Language::ENGLISH]);
        let pairs: Vec<_> = query.pairs().map(|(a, b)| (a.text, b.text)).collect();
        assert_eq!(pairs, [("red", "car"), ("car", "red"), ("car", "ann")]);
        let asked: Vec<_> = query.iter().collect();
        assert_eq!(asked, [("red", 2), ("car", 2), ("ann", 1)]);
    }
}
