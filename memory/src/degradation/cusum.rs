//! The cumulative sum: evidence that a stream of values has left its level, added
//! up until it is enough.
//!
//! One-sided, after E. S. Page, "Continuous inspection schemes", Biometrika 41
//! (1954): `S = max(0, S + x - k)`, an alarm at `S >= h`. The sum is capped, so
//! that a level that returns is believed after a bounded time.

/// A one-sided cumulative sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cusum {
    sum: f64,
    allowance: f64,
    threshold: f64,
    cap: f64,
}

impl Cusum {
    /// `allowance` (k) is what a value may have without being evidence,
    /// `threshold` (h) the sum that is enough, `cap` the largest sum, at least
    /// `threshold`.
    pub const fn new(allowance: f64, threshold: f64, cap: f64) -> Self {
        Self { sum: 0.0, allowance, threshold, cap }
    }

    /// Takes a value in; what is no number counts as the allowance.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum = (self.sum + value - self.allowance).clamp(0.0, self.cap);
        }
    }

    /// The sum, in thresholds: 1 is enough.
    pub fn level(&self) -> f64 {
        self.sum / self.threshold
    }

    /// Whether the evidence is enough.
    pub fn alarms(&self) -> bool {
        self.sum >= self.threshold
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.sum = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_adds_up_and_goes_again() {
        let mut cusum = Cusum::new(0.5, 2.0, 4.0);
        for _ in 0..100 {
            cusum.add(0.4);
        }
        assert_eq!(cusum.level(), 0.0, "below the allowance nothing adds up");
        for at in 1..=4 {
            cusum.add(1.0);
            assert_eq!(cusum.alarms(), at == 4, "{at}");
        }
        for _ in 0..100 {
            cusum.add(1.0);
        }
        assert_eq!(cusum.level(), 2.0, "capped");
        cusum.add(f64::NAN);
        for _ in 0..8 {
            cusum.add(0.0);
        }
        assert_eq!(cusum.level(), 0.0);
        cusum.add(9.0);
        cusum.reset();
        assert!(!cusum.alarms());
    }
}
