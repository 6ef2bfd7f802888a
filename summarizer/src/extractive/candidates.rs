//! The sentences that a summary may be made of.

use std::collections::HashMap;

use crate::{
    source::SourceTurn,
    text::{sentences, tokens},
};

/// Sentences that are embedded at most; of longer ranges those whose words are
/// said most often.
const MAX_CANDIDATES: usize = 400;
/// Content words of a sentence that says something by itself.
pub(super) const SUBSTANTIAL: usize = 3;

/// A sentence of a turn.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Index of its turn.
    pub(super) turn: usize,
    /// As it was said.
    pub(super) said: String,
    /// Content words and numbers, each once.
    pub(super) substance: usize,
    /// Ends with a question mark.
    pub(super) asks: bool,
    /// A pinned span is in it.
    pub(super) pinned: bool,
    /// Mean logarithm of how often its content words are said.
    common: f32,
}

/// Sentences with a word, in the order of the turns.
pub(super) fn candidates(turns: &[SourceTurn], pins: &[(u64, String)]) -> Vec<Candidate> {
    let mut counts: HashMap<u32, f32> = HashMap::new();
    let mut found = Vec::new();
    let mut stems_of = Vec::new();
    for (turn, source) in turns.iter().enumerate() {
        for said in sentences(&source.text) {
            let mut stems: Vec<u32> = tokens(said)
                .iter()
                .filter(|word| word.content || word.number.is_some())
                .map(|word| word.stem)
                .collect();
            stems.sort_unstable();
            stems.dedup();
            for stem in &stems {
                *counts.entry(*stem).or_default() += 1.0;
            }
            let pinned = pins.iter().any(|(sequence, span)| {
                *sequence == source.sequence && (said.contains(span) || span.contains(said))
            });
            let asks = said.trim_end().ends_with('?');
            let (said, substance) = (said.to_owned(), stems.len());
            found.push(Candidate { turn, said, substance, asks, pinned, common: 0.0 });
            stems_of.push(stems);
        }
    }
    for (candidate, stems) in found.iter_mut().zip(&stems_of) {
        let sum: f32 = stems.iter().filter_map(|stem| counts.get(stem)).map(|n| n.ln_1p()).sum();
        candidate.common = sum / (stems.len() as f32).sqrt().max(1.0);
    }
    if found.len() > MAX_CANDIDATES {
        let mut order: Vec<usize> = (0..found.len()).collect();
        let key = |at: usize| found.get(at).map_or((false, 0.0), |one| (one.pinned, one.common));
        order.sort_by(|a, b| {
            let (a_key, b_key) = (key(*a), key(*b));
            b_key.0.cmp(&a_key.0).then(b_key.1.total_cmp(&a_key.1)).then(a.cmp(b))
        });
        order.truncate(MAX_CANDIDATES);
        order.sort_unstable();
        return order.into_iter().filter_map(|at| found.get(at).cloned()).collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_found_and_long_ranges_cut_to_the_common() {
        let turn = |sequence: u64, text: &str| SourceTurn {
            speaker: "A".into(),
            role: "user".into(),
            text: text.into(),
            sequence,
            date: None,
        };
        let mut turns = vec![turn(1, "Never call me. Why?")];
        turns.extend((2..500).map(|n| turn(n, "The garden needs water and care.")));
        turns.push(turn(500, "Zebra quux."));
        let pins = [(1, "Never call me".to_owned())];
        let found = candidates(&turns, &pins);
        assert_eq!(found.len(), MAX_CANDIDATES);
        assert!(
            found.first().unwrap().pinned && !found.iter().any(|one| one.said == "Zebra quux.")
        );
    }
}
