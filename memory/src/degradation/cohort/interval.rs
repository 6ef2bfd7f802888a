//! Intervals: Wilson's for proportions, the bootstrap's for means.

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

/// The percentile interval of a mean by the Poisson bootstrap (each value counts a
/// Poisson(1) number of times; N. Chamandy et al., 2012), from a fixed seed; nothing
/// without values.
pub fn bootstrap_mean(values: &Histogram) -> Option<Interval> {
    if values.count() == 0 {
        return None;
    }
    let mut rng = StdRng::seed_from_u64(values.count());
    let bins: Vec<(f64, u64)> = values.bins().filter(|(_, count)| *count > 0).collect();
    let mut means: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for (value, count) in &bins {
                let drawn = poisson(&mut rng, *count as f64);
                sum += value * drawn;
                weight += drawn;
            }
            (weight > 0.0).then(|| sum / weight)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * (means.len().saturating_sub(1)) as f64).round() as usize;
        means.get(place).copied()
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
    fn the_same_values_give_the_same_interval() {
        let mut values = Histogram::default();
        (0..100).for_each(|n| values.add(f64::from(n) / 100.0));
        assert_eq!(bootstrap_mean(&values), bootstrap_mean(&values.clone()));
        assert_eq!(bootstrap_mean(&Histogram::default()), None);
    }
}
