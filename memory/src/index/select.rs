//! The score that the best of many reach, found in one pass without sorting them.

/// The score at place `n` (0 for the best) of those that are numbers; nothing
/// if there are not so many.
///
/// Keeps the best seen so far, up to twice as many as are asked for; when they
/// are full only the better half stays, and its least is what others must pass.
pub(crate) fn nth_best(scores: &[f32], n: usize) -> Option<f32> {
    let wanted = n.checked_add(1).filter(|wanted| *wanted <= scores.len())?;
    let room = scores.len().min(2 * wanted);
    let mut best: Vec<f32> = Vec::with_capacity(room);
    let mut passed = f32::NAN;
    for score in scores.iter().copied() {
        // No number is at most one that is none: nothing has to be passed at first.
        if score <= passed || score.is_nan() {
            continue;
        }
        best.push(score);
        if best.len() == room && room > wanted {
            passed = nth_of(&mut best, n)?;
            best.truncate(wanted);
        }
    }
    nth_of(&mut best, n)
}

/// The same by ordering: the best come to stand up to place `n`.
fn nth_of(scores: &mut [f32], n: usize) -> Option<f32> {
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
        let rising: Vec<f32> = (0..2_000_u16).map(f32::from).collect();
        let lowest = vec![f32::NEG_INFINITY; 300];
        for scores in [
            vec![],
            draw(3),
            draw(256),
            draw(257),
            draw(5_000),
            with_gaps,
            few_values,
            far,
            rising,
            lowest,
            vec![0.5; 1_000],
            vec![f32::NAN; 1_000],
        ] {
            check(&scores);
        }
    }
}
