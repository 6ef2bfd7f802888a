//! Whether two cohorts differ: the rank test of Mann and Whitney (1947) with ties,
//! and N. Cliff's delta (1993) as the size of the difference. Nothing is assumed of
//! how the values lie.

use super::{Histogram, Interval, bootstrap_difference, newcombe};

/// How one cohort stands to a baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Mean of the cohort less that of the baseline.
    pub difference: f64,
    /// 95 % interval of the difference: Newcombe's where every value is 0 or 1, else the
    /// bootstrap's, which needs two values of each. It takes the cohorts for independent:
    /// where conversations are in both it is, as a rule, wider than it need be.
    pub interval: Option<Interval>,
    /// Two-sided probability of ranks as different as these if there were no
    /// difference.
    pub p_value: f64,
    /// Cliff's delta, -1 to 1: how much more often a value of the cohort is above
    /// one of the baseline than below it. 0.147, 0.33 and 0.474 are the usual
    /// borders of small, medium and large.
    pub cliffs_delta: f64,
}

/// Compares a cohort with a baseline; nothing where one of them is empty.
pub fn compare(cohort: &Histogram, baseline: &Histogram) -> Option<Comparison> {
    let difference = cohort.mean()? - baseline.mean()?;
    let (n, m) = (cohort.count() as f64, baseline.count() as f64);
    let (mut above, mut ties, mut passed) = (0.0, 0.0, 0.0);
    for ((_, own), (_, other)) in cohort.bins().zip(baseline.bins()) {
        let (own, other) = (own as f64, other as f64);
        above += own * (passed + 0.5 * other);
        passed += other;
        let tied = own + other;
        ties += tied * (tied * tied - 1.0);
    }
    let all = n + m;
    let cliffs_delta = 2.0 * above / (n * m) - 1.0;
    let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)).max(1.0));
    let p_value = if variance > 0.0 {
        // Half a rank for continuity.
        let distance = ((above - n * m / 2.0).abs() - 0.5).max(0.0);
        two_sided(distance / variance.sqrt())
    } else {
        1.0
    };
    Some(Comparison { difference, interval: interval(cohort, baseline), p_value, cliffs_delta })
}

fn interval(cohort: &Histogram, baseline: &Histogram) -> Option<Interval> {
    match (cohort.ones(), baseline.ones()) {
        (Some(own), Some(others)) => newcombe((own, cohort.count()), (others, baseline.count())),
        _ => bootstrap_difference(cohort, baseline),
    }
}

/// Probability that a standard normal value is as far from 0 as `z`, by the formula
/// 7.1.26 of Abramowitz and Stegun, exact to 1.5e-7.
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (series * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Histogram {
        let mut histogram = Histogram::default();
        values.into_iter().for_each(|value| histogram.add(value));
        histogram
    }

    #[test]
    fn ranks_are_counted_with_ties() {
        let (a, b) = (of([0.5, 0.6, 0.7]), of([0.1, 0.2, 0.5]));
        let found = compare(&a, &b).unwrap();
        // Of nine pairs eight are above and one is even.
        assert!((found.cliffs_delta - 8.0 / 9.0).abs() < 1e-12, "{found:?}");
        assert!((found.difference - 1.0 / 3.0).abs() < 1e-12);
        let same = compare(&a, &a).unwrap();
        assert!(same.cliffs_delta == 0.0 && (same.p_value - 1.0).abs() < 1e-6, "{same:?}");
        assert_eq!(compare(&of([0.5; 9]), &of([0.5; 9])).unwrap().p_value, 1.0);
        assert_eq!(compare(&a, &Histogram::default()), None);
    }

    #[test]
    fn the_interval_holds_the_difference_and_goes_with_the_values() {
        let (a, b) = (of([0.5, 0.6, 0.7]), of([0.1, 0.2, 0.5]));
        let found = compare(&a, &b).unwrap();
        let interval = found.interval.unwrap();
        assert!(interval.low <= found.difference && found.difference <= interval.high);
        assert!(interval.low < interval.high, "{interval:?}");
        let turned = compare(&b, &a).unwrap().interval.unwrap();
        assert!((turned.low + interval.high).abs() < 0.15, "{turned:?} {interval:?}");
        // Where everything went well there are still few of them.
        let (all, some) = (of([1.0; 10]), of([0.0, 1.0, 1.0, 1.0]));
        let found = compare(&all, &some).unwrap();
        assert_eq!(found.interval, newcombe((10, 10), (3, 4)));
        assert!(found.interval.is_some_and(|one| one.low < 0.0), "{found:?}");
        assert_eq!(compare(&of([0.5]), &b).unwrap().interval, None);
        assert!(compare(&of([1.0]), &of([0.0])).unwrap().interval.is_some());
    }

    #[test]
    fn the_normal_law_is_that_of_the_tables() {
        for (z, p) in [(0.0, 1.0), (1.0, 0.317_310), (1.959_964, 0.05), (3.290_527, 0.001)] {
            assert!((two_sided(z) - p).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn equal_cohorts_are_rarely_told_apart_and_other_ones_nearly_always() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut run = |shift: f64| {
            let mut draw = |shift: f64| {
                of((0..150).map(|_| shift + 0.6 * rng.random::<f64>()).collect::<Vec<_>>())
            };
            let (a, b) = (draw(0.3 + shift), draw(0.3));
            compare(&a, &b).unwrap().p_value < 0.05
        };
        let wrong = (0..200).filter(|_| run(0.0)).count();
        let right = (0..200).filter(|_| run(-0.1)).count();
        assert!(wrong <= 18, "{wrong} of 200 equal pairs");
        assert!(right >= 190, "{right} of 200 different pairs");
    }
}
