//! Values from 0 to 1 in a fixed number of bins: mean, quantiles and ranks without
//! keeping the values.

/// Bins; a value is known to half a hundredth.
const BINS: usize = 101;

/// A histogram of values from 0 to 1. The mean is exact, the rest to half a bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    counts: [u64; BINS],
    count: u64,
    /// Values that are neither 0 nor 1.
    between: u64,
    sum: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BINS], count: 0, between: 0, sum: 0.0 }
    }
}

impl Histogram {
    /// Takes a value in, clipped to 0 to 1; what is no number is left out.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let value = value.clamp(0.0, 1.0);
        let bin = (value * (BINS - 1) as f64).round() as usize;
        if let Some(count) = self.counts.get_mut(bin) {
            *count += 1;
            self.count += 1;
            self.between += u64::from(value > 0.0 && value < 1.0);
            self.sum += value;
        }
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many are 1, if all are 0 or 1.
    pub fn ones(&self) -> Option<u64> {
        let ones = self.counts.last().copied().unwrap_or(0);
        (self.between == 0).then_some(ones)
    }

    /// Their mean, if there are any.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The value below which a share (0 to 1) of the values lies: the lower one
    /// between two.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let found = self.bins().find(|(_, count)| {
            below += count;
            below >= rank
        });
        found.map(|(value, _)| value)
    }

    /// Values with their counts, in order.
    pub fn bins(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let value = |bin: usize| bin as f64 / (BINS - 1) as f64;
        self.counts.iter().enumerate().map(move |(bin, count)| (value(bin), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.mean(), histogram.quantile(0.5)), (None, None));
        for n in 1..=10 {
            histogram.add(f64::from(n) / 10.0);
        }
        histogram.add(f64::NAN);
        assert_eq!(histogram.count(), 10);
        assert!((histogram.mean().unwrap() - 0.55).abs() < 1e-12);
        for (share, value) in [(0.0, 0.1), (0.1, 0.1), (0.5, 0.5), (0.9, 0.9), (1.0, 1.0)] {
            assert_eq!(histogram.quantile(share), Some(value), "{share}");
        }
        histogram.add(7.0);
        assert_eq!(histogram.quantile(1.0), Some(1.0), "clipped");
    }

    #[test]
    fn near_one_is_not_one() {
        let mut histogram = Histogram::default();
        [0.0, 1.0, 1.0].into_iter().for_each(|value| histogram.add(value));
        assert_eq!(histogram.ones(), Some(2));
        histogram.add(0.998);
        assert_eq!(histogram.ones(), None);
    }
}
