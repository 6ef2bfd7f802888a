//! Which sentences make the summary: scores, then a choice one by one within
//! the budget, what repeats the chosen marked down (maximal marginal relevance,
//! Carbonell and Goldstein 1998).

use throughline_memory::embed::Vector;

use super::candidates::{Candidate, SUBSTANTIAL};

/// What counts how much. Set by principle and looked at on QMSum; never on the
/// sets that summaries are scored with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Of the cosine to the centroid, against likeness to the chosen.
    pub relevance: f32,
    /// What the first sentence has more than the last: openings say the purpose.
    pub early: f32,
    /// Taken off a question: its answer says more.
    pub question: f32,
    /// Taken off a sentence of fewer than three content words.
    pub slight: f32,
    /// Given to a sentence with a pinned span; above all else by default.
    pub pinned: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { relevance: 0.75, early: 0.10, question: 0.10, slight: 0.30, pinned: 10.0 }
    }
}

/// Indices of the chosen with their scores, in the order of choice.
pub(super) fn select(
    candidates: &[Candidate],
    told: &[String],
    vectors: &[Vector],
    budget: usize,
    weights: &Weights,
) -> Vec<(usize, f32)> {
    let centroid = centroid(candidates, vectors);
    let count = candidates.len().max(2) as f32;
    let scores: Vec<f32> = candidates
        .iter()
        .zip(vectors)
        .enumerate()
        .map(|(at, (candidate, vector))| {
            let mut score = weights.relevance * dot(&centroid, vector);
            score += weights.early * (1.0 - at as f32 / (count - 1.0));
            if candidate.asks {
                score -= weights.question;
            }
            if candidate.substance < SUBSTANTIAL {
                score -= weights.slight;
            }
            if candidate.pinned { score + weights.pinned } else { score }
        })
        .collect();
    let mut chosen: Vec<(usize, f32)> = Vec::new();
    let mut left = budget;
    let mut alike = vec![0.0_f32; candidates.len()];
    loop {
        let open = (0..candidates.len()).filter(|at| {
            let size = told.get(*at).map_or(usize::MAX, |text| cost(text));
            size <= left && !chosen.iter().any(|(taken, _)| taken == at)
        });
        let marginal = |at: usize| {
            let score = scores.get(at).copied().unwrap_or(0.0);
            score - (1.0 - weights.relevance) * alike.get(at).copied().unwrap_or(0.0)
        };
        let best = open.max_by(|a, b| marginal(*a).total_cmp(&marginal(*b)).then(b.cmp(a)));
        let Some(best) = best else { break };
        left -= told.get(best).map_or(0, |text| cost(text));
        chosen.push((best, scores.get(best).copied().unwrap_or(0.0)));
        for (to, vector) in alike.iter_mut().zip(vectors) {
            *to = to.max(vectors.get(best).map_or(0.0, |taken| dot(taken, vector)));
        }
    }
    chosen
}

/// Characters of a sentence with the space before the next.
fn cost(text: &str) -> usize {
    text.chars().count() + 1
}

/// The mean of the sentences' vectors, each by how much it says.
fn centroid(candidates: &[Candidate], vectors: &[Vector]) -> Vec<f32> {
    let mut sum = vec![0.0_f32; vectors.first().map_or(0, |vector| vector.len())];
    for (candidate, vector) in candidates.iter().zip(vectors) {
        let weight = (candidate.substance as f32).ln_1p();
        for (to, from) in sum.iter_mut().zip(vector.iter()) {
            *to += weight * from;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
    sum.into_iter().map(|x| x / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{extractive::candidates::candidates, source::SourceTurn};

    fn turns(texts: &[&str]) -> Vec<SourceTurn> {
        let turn = |(sequence, text): (u64, &&str)| SourceTurn {
            speaker: "A".into(),
            role: "user".into(),
            text: (*text).to_owned(),
            sequence,
            date: None,
        };
        (1..).zip(texts).map(turn).collect()
    }

    /// Unit vectors in a plane, by angles in degrees.
    fn at(angles: &[f32]) -> Vec<Vector> {
        angles.iter().map(|a| [a.to_radians().cos(), a.to_radians().sin()].into()).collect()
    }

    #[test]
    fn repetition_yields_and_the_budget_holds() {
        let turns = turns(&[
            "The garden gate needs new paint.",
            "The garden gate really needs new paint.",
            "The water pump lost its pressure.",
        ]);
        let found = candidates(&turns, &[]);
        let told: Vec<String> = found.iter().map(|one| one.said.clone()).collect();
        let vectors = at(&[0.0, 1.0, 80.0]);
        let places = |budget: usize| -> Vec<usize> {
            let chosen = select(&found, &told, &vectors, budget, &Weights::default());
            chosen.into_iter().map(|(place, _)| place).collect()
        };
        assert_eq!(places(70), [0, 2]);
        assert_eq!(places(34), [0]);
        assert!(places(10).is_empty());
    }

    #[test]
    fn pinned_sentences_come_first() {
        let turns = turns(&["The garden gate needs new paint.", "Never ring before noon."]);
        let pins = [(2, "Never ring before noon.".to_owned())];
        let found = candidates(&turns, &pins);
        let told: Vec<String> = found.iter().map(|one| one.said.clone()).collect();
        let chosen = select(&found, &told, &at(&[0.0, 90.0]), 40, &Weights::default());
        assert_eq!(chosen.first().unwrap().0, 1);
    }
}
