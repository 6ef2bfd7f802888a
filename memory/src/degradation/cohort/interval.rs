//! Intervals: Wilson's for proportions, Newcombe's for the difference of two, the
//! bootstrap's for means and the difference of two.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::Histogram;

/// Standard deviations of a two-sided interval of 95 %.
const Z_95: f64 = 1.959_963_984_540_054;
/// Resamples of a bootstrap.
const RESAMPLES: usize = 400;
/// Counts from which a Poisson draw is that of the normal law.
const NORMAL_FROM: f64 = 50.0;

/// An interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Wilson's interval of a proportion (E. B. Wilson, JASA 22, 1927), which holds near
/// 0 and 1 and for few trials; nothing without trials.
pub fn wilson(successes: u64, trials: u64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let (n, z) = (trials as f64, Z_95);
    let p = successes.min(trials) as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let reach = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    let low = ((middle - reach) / scale).max(0.0);
    Some(Interval { low, high: ((middle + reach) / scale).min(1.0) })
}

/// Newcombe's interval of the difference of two independent proportions, each as
/// successes of trials, the second taken from the first (R. G. Newcombe, Statistics in
/// Medicine 17, 1998, method 10: made of Wilson's intervals); nothing without trials.
pub fn newcombe(one: (u64, u64), other: (u64, u64)) -> Option<Interval> {
    let of = |(successes, trials): (u64, u64)| {
        let share = successes.min(trials) as f64 / trials as f64;
        wilson(successes, trials).map(|interval| (share, interval))
    };
    let ((p, own), (q, others)) = (of(one)?, of(other)?);
    Some(Interval {
        low: p - q - (p - own.low).hypot(others.high - q),
        high: p - q + (own.high - p).hypot(q - others.low),
    })
}

/// The percentile interval of a mean by the Poisson bootstrap (each value counts a
/// Poisson(1) number of times; N. Chamandy et al., 2012), from a fixed seed; nothing
/// without values. A single one says nothing of its spread: anything from 0 to 1.
pub fn bootstrap_mean(values: &Histogram) -> Option<Interval> {
    match values.count() {
        0 => return None,
        1 => return Some(Interval { low: 0.0, high: 1.0 }),
        _ => {}
    }
    let mut rng = StdRng::seed_from_u64(values.count());
    percentiles(resampled(values, &mut rng)?)
}

/// The same of the difference of two means of independent values, the second taken from
/// the first; nothing where one of them has a single value, which says nothing of its
/// spread.
pub fn bootstrap_difference(one: &Histogram, other: &Histogram) -> Option<Interval> {
    if one.count() < 2 || other.count() < 2 {
        return None;
    }
    let mut rng = StdRng::seed_from_u64(one.count() ^ other.count().rotate_left(32));
    let own = resampled(one, &mut rng)?;
    let others = resampled(other, &mut rng)?;
    percentiles(own.into_iter().zip(others).map(|(own, other)| own - other).collect())
}

/// Means of resamples; nothing without values. Bins are half a hundredth wide, the mean
/// is known exactly: resamples lie around the latter.
fn resampled(values: &Histogram, rng: &mut StdRng) -> Option<Vec<f64>> {
    let bins: Vec<(f64, u64)> = values.bins().filter(|(_, count)| *count > 0).collect();
    let binned: f64 = bins.iter().map(|(value, count)| value * *count as f64).sum();
    let shift = values.mean()? - binned / values.count() as f64;
    let mean = |_| {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (value, count) in &bins {
            let drawn = poisson(rng, *count as f64);
            sum += value * drawn;
            weight += drawn;
        }
        (weight > 0.0).then(|| (sum / weight + shift).clamp(0.0, 1.0))
    };
    Some((0..RESAMPLES).filter_map(mean).collect())
}

/// What lies between the percentiles 2.5 and 97.5.
fn percentiles(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * (values.len().saturating_sub(1)) as f64).round() as usize;
        values.get(place).copied()
    };
    Some(Interval { low: at(0.025)?, high: at(0.975)? })
}

/// A Poisson draw: Knuth's for small means, the normal law for large ones.
fn poisson(rng: &mut StdRng, mean: f64) -> f64 {
    if mean >= NORMAL_FROM {
        // Box and Muller.
        let (a, b): (f64, f64) = (rng.random_range(f64::MIN_POSITIVE..1.0), rng.random());
        let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        return (mean + mean.sqrt() * normal).round().max(0.0);
    }
    let limit = (-mean).exp();
    let (mut product, mut drawn) = (rng.random::<f64>(), 0.0);
    while product > limit {
        product *= rng.random::<f64>();
        drawn += 1.0;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_gives_the_values_of_the_tables() {
        for (successes, trials, low, high) in [
            (0, 10, 0.0, 0.2775),
            (5, 10, 0.2366, 0.7634),
            (10, 10, 0.7225, 1.0),
            (81, 263, 0.2553, 0.3662),
        ] {
            let interval = wilson(successes, trials).unwrap();
            assert!((interval.low - low).abs() < 5e-5, "{interval:?}");
            assert!((interval.high - high).abs() < 5e-5, "{interval:?}");
        }
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn the_bootstrap_covers_the_mean_as_often_as_it_says() {
        let mut rng = StdRng::seed_from_u64(11);
        let covered = (0..200).filter(|_| {
            let mut sample = Histogram::default();
            (0..80).for_each(|_| sample.add(rng.random::<f64>()));
            let interval = bootstrap_mean(&sample).unwrap();
            (interval.low..=interval.high).contains(&0.5)
        });
        let covered = covered.count();
        assert!((182..=198).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn newcombe_gives_the_values_of_the_tables() {
        for (one, other, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((10, 10), (0, 10), 0.6075, 1.0),
        ] {
            let interval = newcombe(one, other).unwrap();
            assert!((interval.low - low).abs() < 5e-5, "{one:?} {other:?} {interval:?}");
            assert!((interval.high - high).abs() < 5e-5, "{one:?} {other:?} {interval:?}");
        }
        assert_eq!((newcombe((1, 2), (0, 0)), newcombe((0, 0), (1, 2))), (None, None));
    }

    fn of(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.add(*value));
        histogram
    }

    #[test]
    fn a_difference_is_covered_as_often_as_is_said() {
        let mut rng = StdRng::seed_from_u64(12);
        let mut draw = |count: usize, from: f64| -> Vec<f64> {
            (0..count).map(|_| from + 0.5 * rng.random::<f64>()).collect()
        };
        let covered = (0..200).filter(|_| {
            let (one, other) = (draw(60, 0.3), draw(150, 0.4));
            let interval = bootstrap_difference(&of(&one), &of(&other)).unwrap();
            (interval.low..=interval.high).contains(&-0.1)
        });
        let covered = covered.count();
        assert!((182..=198).contains(&covered), "{covered} of 200");
    }

    /// Values drawn again one by one, with replacement.
    #[test]
    fn the_interval_of_a_difference_is_that_of_plain_resampling() {
        let mut rng = StdRng::seed_from_u64(13);
        let one: Vec<f64> = (0..80).map(|_| rng.random::<f64>().powi(2)).collect();
        let other: Vec<f64> = (0..40).map(|_| rng.random::<f64>()).collect();
        let mut mean = |values: &[f64]| {
            let drawn = (0..values.len()).map(|_| values[rng.random_range(0..values.len())]);
            drawn.sum::<f64>() / values.len() as f64
        };
        let mut plain: Vec<f64> = (0..20_000).map(|_| mean(&one) - mean(&other)).collect();
        plain.sort_by(f64::total_cmp);
        let interval = bootstrap_difference(&of(&one), &of(&other)).unwrap();
        let width = plain[19_500] - plain[500];
        assert!((interval.low - plain[500]).abs() < 0.15 * width, "{interval:?} {}", plain[500]);
        assert!((interval.high - plain[19_500]).abs() < 0.15 * width, "{interval:?}");
    }

    #[test]
    fn the_same_values_give_the_same_interval() {
        let mut values = Histogram::default();
        (0..100).for_each(|n| values.add(f64::from(n) / 100.0));
        assert_eq!(bootstrap_mean(&values), bootstrap_mean(&values.clone()));
        assert_eq!(bootstrap_mean(&Histogram::default()), None);
        assert_eq!(bootstrap_mean(&of(&[0.6])), Some(Interval { low: 0.0, high: 1.0 }));
        let other = of(&[0.25; 9]);
        let twice = [(); 2].map(|()| bootstrap_difference(&values, &other).unwrap());
        assert_eq!(twice[0], twice[1]);
        for few in [of(&[]), of(&[0.5])] {
            assert_eq!(bootstrap_difference(&few, &values), None);
            assert_eq!(bootstrap_difference(&values, &few), None);
        }
    }

    #[test]
    fn a_mean_lies_within_its_interval_wherever_its_bin_lies() {
        let (one, other) = (of(&[0.123; 40]), of(&[0.4567; 40]));
        let interval = bootstrap_mean(&one).unwrap();
        assert!((interval.low - 0.123).abs() < 1e-9 && (interval.high - 0.123).abs() < 1e-9);
        let interval = bootstrap_difference(&one, &other).unwrap();
        assert!((interval.low + 0.3337).abs() < 1e-9, "{interval:?}");
    }
}
