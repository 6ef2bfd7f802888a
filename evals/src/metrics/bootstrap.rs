//! Intervals by the bootstrap. Questions of one conversation are not
//! independent, so it has two stages: conversations are drawn with
//! replacement, then the questions of each drawn one. Where every question has
//! its own conversation, or there is only one conversation, this is the plain
//! bootstrap. Deterministic for a seed.

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// Resamples for an interval.
const RESAMPLES: usize = 2_000;

/// How intervals are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bootstrap {
    /// The same seed gives the same intervals.
    pub(crate) seed: u64,
    /// Resamples; without any, an interval is the value itself.
    pub(crate) resamples: usize,
}

impl Bootstrap {
    /// The usual number of resamples.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, resamples: RESAMPLES }
    }
}

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// The figure on all values.
    pub(crate) value: f64,
    /// Lower end of the interval; the value itself where there is none.
    pub(crate) lo: f64,
    /// Upper end of the interval; the value itself where there is none.
    pub(crate) hi: f64,
    /// Values behind it.
    pub(crate) n: usize,
}

impl Estimate {
    /// A figure that was counted or timed once: no interval.
    pub(crate) fn exact(value: f64, n: usize) -> Self {
        Self { value, lo: value, hi: value, n }
    }
}

/// What is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// Arithmetic mean.
    #[default]
    Mean,
    /// Middle value; the mean of the two middle ones of an even number.
    Median,
    /// Interpolated, as [`percentile`].
    NinetiethPercentile,
}

impl Statistic {
    fn of(self, values: &mut [f64]) -> f64 {
        if values.is_empty() {
            return 0.0;
        }
        match self {
            Self::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Self::Median => percentile(values, 0.5),
            Self::NinetiethPercentile => percentile(values, 0.9),
        }
    }
}

/// The value at `share` (0 to 1) of a list in any order, between two ranks in the
/// proportion of what lies on either side (numpy's default); 0 if the list is empty.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = share * values.len().saturating_sub(1) as f64;
    let at = |place: f64| values.get(place as usize).copied().unwrap_or(0.0);
    let (below, above) = (at(place.floor()), at(place.ceil()));
    below + (above - below) * place.fract()
}

/// Estimates a statistic of values that come in clusters.
pub(crate) fn estimate(
    clusters: &[Vec<f64>],
    statistic: Statistic,
    bootstrap: Bootstrap,
) -> Estimate {
    let clusters: Vec<&[f64]> =
        clusters.iter().map(Vec::as_slice).filter(|values| !values.is_empty()).collect();
    let mut all: Vec<f64> = clusters.concat();
    let n = all.len();
    let value = statistic.of(&mut all);
    if n < 2 || bootstrap.resamples == 0 {
        return Estimate::exact(value, n);
    }
    let mut random = StdRng::seed_from_u64(bootstrap.seed);
    let mut drawn = Vec::with_capacity(n);
    let mut resampled: Vec<f64> = (0..bootstrap.resamples)
        .map(|_| {
            drawn.clear();
            for _ in 0..clusters.len() {
                let picked = random.random_range(0..clusters.len());
                let values = clusters.get(picked).copied().unwrap_or_default();
                let draw = |_| values.get(random.random_range(0..values.len())).copied();
                drawn.extend((0..values.len()).filter_map(draw));
            }
            statistic.of(&mut drawn)
        })
        .collect();
    let lo = percentile(&mut resampled, 0.025);
    let hi = percentile(&mut resampled, 0.975);
    Estimate { value, lo, hi, n }
}

/// Estimates the mean of the upper values over that of the lower ones. Both
/// lists of a pair belong to one cluster and are drawn together, so what makes
/// a cluster easy or hard does not widen the interval. Nothing where the lower
/// mean is 0 or a side is empty.
pub(crate) fn ratio(clusters: &[(Vec<f64>, Vec<f64>)], bootstrap: Bootstrap) -> Option<Estimate> {
    ratio_of(clusters, bootstrap, &|values| Statistic::Mean.of(values))
}

/// [`ratio`] of another statistic than the mean, such as a percentile.
pub(crate) fn ratio_of(
    clusters: &[(Vec<f64>, Vec<f64>)],
    bootstrap: Bootstrap,
    statistic: &dyn Fn(&mut [f64]) -> f64,
) -> Option<Estimate> {
    let n = clusters.len();
    let (mut upper, mut lower) = (Vec::<f64>::new(), Vec::<f64>::new());
    let mut of = |drawn: &mut dyn Iterator<Item = usize>| {
        upper.clear();
        lower.clear();
        for (above, below) in drawn.filter_map(|at| clusters.get(at)) {
            upper.extend_from_slice(above);
            lower.extend_from_slice(below);
        }
        if upper.is_empty() || lower.is_empty() {
            return None;
        }
        let value = statistic(&mut upper) / statistic(&mut lower);
        value.is_finite().then_some(value)
    };
    let value = of(&mut (0..n))?;
    let mut random = StdRng::seed_from_u64(bootstrap.seed);
    let draw = |_| {
        let drawn: Vec<usize> = (0..n).map(|_| random.random_range(0..n)).collect();
        of(&mut drawn.into_iter())
    };
    let mut resampled: Vec<f64> = (0..bootstrap.resamples).filter_map(draw).collect();
    if n < 2 || resampled.is_empty() {
        return Some(Estimate::exact(value, n));
    }
    let lo = percentile(&mut resampled, 0.025);
    let hi = percentile(&mut resampled, 0.975);
    Some(Estimate { value, lo, hi, n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_pairs_its_sides() {
        let even = vec![(vec![0.5], vec![1.0]); 20];
        let got = ratio(&even, Bootstrap::new(1)).unwrap();
        assert_eq!((got.value, got.lo, got.hi, got.n), (0.5, 0.5, 0.5, 20));
        // Hard and easy items, the same loss on each: drawn in pairs it is sure.
        let mixed: Vec<_> =
            (1..=20u32).map(|i| (vec![0.5 * f64::from(i)], vec![f64::from(i)])).collect();
        let got = ratio(&mixed, Bootstrap::new(1)).unwrap();
        assert!((got.hi - got.lo).abs() < 1e-9, "{got:?}");
        let noisy: Vec<_> = (0..20).map(|i| (vec![f64::from(i % 2)], vec![1.0])).collect();
        let got = ratio(&noisy, Bootstrap::new(1)).unwrap();
        assert!(got.lo < 0.4 && 0.6 < got.hi && got.value == 0.5, "{got:?}");
        assert_eq!(ratio(&[(vec![1.0], vec![0.0])], Bootstrap::new(1)), None);
        assert_eq!(ratio(&[], Bootstrap::new(1)), None);
        assert_eq!(ratio(&[(vec![1.0], vec![])], Bootstrap::new(1)), None);
    }

    #[test]
    fn a_ratio_of_percentiles_is_that_of_all_values() {
        // One slow value of a round moves the mean and not the median.
        let rounds: Vec<_> = (0..20)
            .map(|_| (vec![2.1, 2.2, 2.3, 90.0, 2.0], vec![2.0, 1.0, 2.0, 3.0, 2.0]))
            .collect();
        let median = |values: &mut [f64]| percentile(values, 0.5);
        let got = ratio_of(&rounds, Bootstrap::new(1), &median).unwrap();
        assert_eq!((got.value, got.lo, got.hi, got.n), (1.1, 1.1, 1.1, 20));
        assert!(ratio(&rounds, Bootstrap::new(1)).unwrap().value > 5.0);
    }

    #[test]
    fn the_value_lies_in_its_interval() {
        let clusters: Vec<Vec<f64>> =
            (0..40).map(|i| vec![f64::from(i % 2), f64::from(i % 4 / 2)]).collect();
        let got = estimate(&clusters, Statistic::Mean, Bootstrap::new(1));
        assert_eq!((got.value, got.n), (0.5, 80));
        assert!(got.lo < 0.45 && 0.3 < got.lo && 0.55 < got.hi && got.hi < 0.7, "{got:?}");
        assert_eq!(got, estimate(&clusters, Statistic::Mean, Bootstrap::new(1)));
        let uneven: Vec<Vec<f64>> = (1..40u32).map(|i| vec![1.0 / f64::from(i)]).collect();
        let by_seed = |seed| estimate(&uneven, Statistic::Mean, Bootstrap::new(seed));
        assert_eq!(by_seed(1), by_seed(1));
        assert_ne!(by_seed(1), by_seed(2));
    }

    #[test]
    fn conversations_that_differ_widen_the_interval() {
        let mixed: Vec<Vec<f64>> = (0..6).map(|_| [0.0, 1.0].repeat(50)).collect();
        let apart: Vec<Vec<f64>> = (0..6).map(|i| vec![f64::from(i % 2); 100]).collect();
        let width = |clusters: &[Vec<f64>]| {
            let got = estimate(clusters, Statistic::Mean, Bootstrap::new(3));
            got.hi - got.lo
        };
        assert!(width(&apart) > 3.0 * width(&mixed), "{} {}", width(&apart), width(&mixed));
    }

    #[test]
    fn few_values_have_no_interval() {
        let draw = Bootstrap::new(0);
        for (clusters, expected) in
            [(vec![], Estimate::exact(0.0, 0)), (vec![vec![], vec![0.3]], Estimate::exact(0.3, 1))]
        {
            assert_eq!(estimate(&clusters, Statistic::Median, draw), expected);
        }
    }

    #[test]
    fn medians_and_percentiles() {
        for (mut values, median) in
            [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 3.0, 2.0], 2.5), (vec![], 0.0)]
        {
            assert_eq!(Statistic::Median.of(&mut values), median);
        }
        let mut values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.99), 99.0);
        // Of ten runs of which one failed nine tenths lie between two ranks.
        let mut runs = vec![0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        assert!((percentile(&mut runs, 0.1) - 0.9).abs() < 1e-12);
        let mut two = [1.0, 2.0];
        assert_eq!([0.0, 0.25, 1.0].map(|share| percentile(&mut two, share)), [1.0, 1.25, 2.0]);
        assert_eq!(percentile(&mut [0.3], 0.9), 0.3);
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }
}
