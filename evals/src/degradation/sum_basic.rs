//! SumBasic (Nenkova and Vanderwende, 2005): the plainest extractive summary
//! that is still a summary. Sentences are taken by the mean probability of
//! their words, and a word that was used counts its probability squared, so
//! that the next sentence says something else. It stands for the "rolling
//! summary" of the usual advice where no language model writes one.

use std::collections::{BTreeSet, HashMap};

use unicode_segmentation::UnicodeSegmentation as _;

use crate::runner::window::count;

/// Words of a sentence that can say something alone.
const LEAST_WORDS: usize = 4;
/// Longest sentence that is taken, in words: tables and code are none.
const MOST_WORDS: usize = 60;

struct Sentence<'a> {
    text: &'a str,
    words: Vec<usize>,
}

/// A summary of texts that costs at most `room` tokens (cl100k_base), its
/// sentences in the order in which they were said; empty if none fits.
pub(crate) fn summarize(texts: &[&str], room: usize) -> String {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut frequency: Vec<f64> = Vec::new();
    let mut sentences: Vec<Sentence<'_>> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split_sentence_bounds()) {
        let words: Vec<usize> = text
            .unicode_words()
            .map(|word| {
                let next = numbers.len();
                *numbers.entry(word.to_lowercase()).or_insert(next)
            })
            .collect();
        frequency.resize(numbers.len(), 0.0);
        for &word in &words {
            if let Some(count) = frequency.get_mut(word) {
                *count += 1.0;
            }
        }
        if (LEAST_WORDS..=MOST_WORDS).contains(&words.len()) {
            sentences.push(Sentence { text: text.trim(), words });
        }
    }
    let all: f64 = frequency.iter().sum();
    for share in &mut frequency {
        *share /= all.max(1.0);
    }
    choose(&sentences, frequency, room)
}

fn choose(sentences: &[Sentence<'_>], mut probability: Vec<f64>, mut room: usize) -> String {
    let mut left: BTreeSet<usize> = (0..sentences.len()).collect();
    let mut chosen = BTreeSet::new();
    while !left.is_empty() {
        let weight = |at: &usize| {
            let words = sentences.get(*at).map_or(&[][..], |sentence| sentence.words.as_slice());
            let sum: f64 = words.iter().filter_map(|&word| probability.get(word)).sum();
            sum / words.len().max(1) as f64
        };
        // The earlier one of equals.
        let best = left.iter().rev().map(|at| (weight(at), *at)).max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, best)) = best else { break };
        left.remove(&best);
        let Some(sentence) = sentences.get(best) else { break };
        // A separator beside the sentence.
        let Some(rest) = room.checked_sub(count(sentence.text) + 1) else { break };
        room = rest;
        chosen.insert(best);
        for &word in &sentence.words {
            if let Some(share) = probability.get_mut(word) {
                *share *= *share;
            }
        }
    }
    let texts = chosen.iter().filter_map(|&at| sentences.get(at)).map(|sentence| sentence.text);
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_are_said_once() {
        let texts = [
            "The ferry leaves at nine. The ferry is the only way. The ferry is the only way.",
            "Purple elephants rarely whistle.",
        ];
        let summary = summarize(&texts, 8);
        assert_eq!(summary, "The ferry is the only way.");
        // What was said has lost its weight: the repetition comes after the rest.
        let summary = summarize(&texts, 16);
        assert_eq!(summary, "The ferry is the only way.\nPurple elephants rarely whistle.");
    }

    #[test]
    fn it_fits_or_is_empty() {
        let text = "One two three four five six seven. Eight nine ten eleven twelve.";
        for room in [0, 5, 9, 20, 100] {
            assert!(count(&summarize(&[text], room)) <= room, "{room}");
        }
        assert_eq!(summarize(&["No."], 100), "");
        assert_eq!(summarize(&[], 100), "");
    }
}
