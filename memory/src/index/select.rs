//! The score that the best of many reach, found without sorting them: only
//! those near it are put in order.
//!
//! Invariant: exact. Counting by bins only narrows down where the score lies;
//! the map from scores to bins never turns two around.

/// Bins that scores are counted by.
const BINS: usize = 1_024;
/// Fewer scores are ordered at once.
const FEW: usize = 256;

/// The score at place `n` (0 for the best) of those that are numbers; nothing
/// if there are not so many.
pub(crate) fn nth_best(scores: &[f32], n: usize) -> Option<f32> {
    if scores.len() <= FEW {
        return nth_of(scores.iter().copied().filter(|score| !score.is_nan()).collect(), n);
    }
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for score in scores {
        // Both keep what they have over what is no number.
        low = low.min(*score);
        high = high.max(*score);
    }
    let scale = (BINS - 1) as f32 / (high - low);
    if !scale.is_finite() || !low.is_finite() {
        return nth_of(scores.iter().copied().filter(|score| !score.is_nan()).collect(), n);
    }
    // A cast of what is no number gives 0; it is left out of the count.
    let bin = |score: f32| ((score - low) * scale) as usize;
    let mut counts = [0_u32; BINS];
    for score in scores.iter().copied().filter(|score| !score.is_nan()) {
        if let Some(count) = counts.get_mut(bin(score)) {
            *count += 1;
        }
    }
    let mut better = 0;
    let found = counts.iter().enumerate().rev().find(|(_, count)| {
        let here = better + **count as usize > n;
        better += if here { 0 } else { **count as usize };
        here
    });
    let (found, _) = found?;
    let near = scores.iter().copied().filter(|score| !score.is_nan() && bin(*score) == found);
    nth_of(near.collect(), n - better)
}

fn nth_of(mut scores: Vec<f32>, n: usize) -> Option<f32> {
    if n >= scores.len() {
        return None;
    }
    let (_, nth, _) = scores.select_nth_unstable_by(n, |a, b| b.total_cmp(a));
    Some(*nth)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    fn check(scores: &[f32]) {
        let mut sorted: Vec<f32> = scores.iter().copied().filter(|s| !s.is_nan()).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        for n in [0, 1, 5, 100, 255, 300, 999, sorted.len().saturating_sub(1), sorted.len()] {
            assert_eq!(nth_best(scores, n), sorted.get(n).copied(), "{n} of {}", scores.len());
        }
    }

    #[test]
    fn it_is_what_sorting_gives() {
        let mut random = StdRng::seed_from_u64(7);
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| random.random_range(-1.0..1.0_f32).powi(3)).collect()
        };
        let mut with_gaps = draw(2_000);
        with_gaps.iter_mut().step_by(3).for_each(|score| *score = f32::NAN);
        let few_values: Vec<f32> = draw(2_000).iter().map(|score| (score * 4.0).round()).collect();
        let mut far = draw(2_000);
        far[17] = f32::MAX;
        far[99] = f32::MIN;
        for scores in [
            vec![],
            draw(3),
            draw(256),
            draw(257),
            draw(5_000),
            with_gaps,
            few_values,
            far,
            vec![0.5; 1_000],
            vec![f32::NAN; 1_000],
        ] {
            check(&scores);
        }
    }
}
