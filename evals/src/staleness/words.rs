//! Content words, to find the statement that a label describes in other words.

use std::collections::BTreeSet;

/// Words too common to tell statements apart.
const STOP: [&str; 48] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "had", "has", "have",
    "he", "her", "his", "i", "in", "is", "it", "its", "m", "my", "no", "not", "now", "of", "on",
    "or", "s", "she", "so", "that", "the", "their", "they", "this", "to", "user", "was", "we",
    "were", "will", "with", "you", "your", "ve",
];

/// The different content words of a text, in lower case.
pub(crate) fn content(text: &str) -> BTreeSet<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !STOP.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Share of the words of `label` that `text` has; 0 without any.
pub(crate) fn covered(label: &str, text: &str) -> f64 {
    let (label, text) = (content(label), content(text));
    if label.is_empty() {
        return 0.0;
    }
    label.intersection(&text).count() as f64 / label.len() as f64
}

/// The item of the highest coverage, the earliest of equal ones; nothing if
/// none shares a word.
pub(crate) fn nearest<'a>(
    label: &str,
    items: impl Iterator<Item = (usize, &'a str)>,
) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (at, text) in items {
        let score = covered(label, text);
        if score > best.map_or(0.0, |(score, _)| score) {
            best = Some((score, at));
        }
    }
    best.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_with_most_of_the_words_is_found() {
        let texts = ["I live in Boston.", "My dog is called Max.", "Max lives in Boston"];
        let all = || texts.iter().copied().enumerate();
        for (label, expected) in [
            ("dog Max", Some(1)),
            ("Boston", Some(0)),
            ("lives in Boston", Some(2)),
            ("cat", None),
            ("the", None),
        ] {
            assert_eq!(nearest(label, all()), expected, "{label}");
        }
    }
}
