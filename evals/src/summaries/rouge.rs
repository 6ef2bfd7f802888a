//! ROUGE-1 and ROUGE-L (Lin 2004), F1, on lower-cased `[a-z0-9]+` tokens without
//! stemming: the tokens of the data sets' READMEs and of the PyPI package
//! `rouge-score`, whose values the test holds it to. A page of code; no crate
//! for it is kept up.

use std::collections::HashMap;

fn tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn f1(shared: usize, summary: usize, reference: usize) -> f64 {
    if shared == 0 {
        return 0.0;
    }
    // 2PR / (P + R) with P = shared / summary and R = shared / reference.
    2.0 * shared as f64 / (summary + reference) as f64
}

/// F1 of shared words.
pub(super) fn rouge1(summary: &str, reference: &str) -> f64 {
    let (summary, reference) = (tokens(summary), tokens(reference));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in &reference {
        *counts.entry(word).or_default() += 1;
    }
    let mut shared = 0;
    for word in &summary {
        if let Some(left) = counts.get_mut(word.as_str()).filter(|left| **left > 0) {
            *left -= 1;
            shared += 1;
        }
    }
    f1(shared, summary.len(), reference.len())
}

/// F1 of the longest common subsequence of words.
pub(super) fn rouge_l(summary: &str, reference: &str) -> f64 {
    let (summary, reference) = (tokens(summary), tokens(reference));
    let mut row = vec![0_usize; reference.len() + 1];
    for word in &summary {
        let mut diagonal = 0;
        for (at, other) in reference.iter().enumerate() {
            let above = row.get(at + 1).copied().unwrap_or(0);
            let left = row.get(at).copied().unwrap_or(0);
            let best = if word == other { diagonal + 1 } else { above.max(left) };
            diagonal = above;
            if let Some(cell) = row.get_mut(at + 1) {
                *cell = best;
            }
        }
    }
    f1(row.last().copied().unwrap_or(0), summary.len(), reference.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `rouge_score.rouge_scorer.RougeScorer(["rouge1", "rougeL"])`
    /// (0.1.2), fmeasure.
    const KNOWN: &[(&str, &str, f64, f64)] = &[
        (
            "Anna wants a small car.",
            "Anna rents a small red car for $20 a day.",
            0.5333333333333333,
            0.5333333333333333,
        ),
        ("the cat sat on the mat", "on the mat the cat sat", 1.0, 0.5),
        (
            "It costs 3.50, she says: don't!",
            "She says it's 3.5 and doesn't cost more",
            0.5263157894736842,
            0.3157894736842105,
        ),
        ("same words here", "same words here", 1.0, 1.0),
        ("nothing", "else entirely", 0.0, 0.0),
        ("a a a b", "a b b", 0.5714285714285715, 0.5714285714285715),
    ];

    #[test]
    fn values_are_those_of_the_reference_implementation() {
        for (summary, reference, one, longest) in KNOWN {
            assert!((rouge1(summary, reference) - one).abs() < 1e-9, "{summary}");
            assert!((rouge_l(summary, reference) - longest).abs() < 1e-9, "{summary}");
        }
    }
}
