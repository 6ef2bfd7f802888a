//! A share with Wilson's interval (E. B. Wilson, JASA 22, 1927): where nothing or all of
//! a few trials count, the bootstrap would be sure and this is not.

use super::bootstrap::Estimate;

/// Standard deviations of a two-sided interval of 95 %.
const Z_95: f64 = 1.959_963_984_540_054;

/// The share of `n` independent trials that count; 0 without trials.
pub(crate) fn share(hits: usize, n: usize) -> Estimate {
    if n == 0 {
        return Estimate::exact(0.0, 0);
    }
    let (trials, z) = (n as f64, Z_95);
    let value = hits.min(n) as f64 / trials;
    let middle = value + z * z / (2.0 * trials);
    let reach = z * (value * (1.0 - value) / trials + z * z / (4.0 * trials * trials)).sqrt();
    let scale = 1.0 + z * z / trials;
    let lo = ((middle - reach) / scale).clamp(0.0, value);
    let hi = ((middle + reach) / scale).clamp(value, 1.0);
    Estimate { value, lo, hi, n }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_trials_are_never_sure() {
        // 0 of 100 may be up to 3.7 in 100, by Wilson's own formula z²/(n + z²).
        for (hits, n, lo, hi) in
            [(0, 100, 0.0, 0.0370), (100, 100, 0.9630, 1.0), (50, 100, 0.4038, 0.5962)]
        {
            let got = share(hits, n);
            assert!((got.lo - lo).abs() < 5e-5 && (got.hi - hi).abs() < 5e-5, "{got:?}");
            assert_eq!((got.value, got.n), (hits as f64 / n as f64, n));
        }
        assert_eq!(share(0, 0), Estimate::exact(0.0, 0));
    }
}
