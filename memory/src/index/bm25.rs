//! The formulas of Okapi BM25 (Robertson and Zaragoza, *The Probabilistic
//! Relevance Framework*, 2009), with the IDF that is never negative. Shared by
//! the backends.

/// How fast further occurrences of a term stop counting.
pub(crate) const K1: f32 = 1.2;
/// How much long turns are held back, 0 to 1.
pub(super) const B: f32 = 0.75;

/// Weight of a term that `df` of `turns` turns hold:
/// `ln(1 + (N - df + 0.5) / (df + 0.5))`.
pub(crate) fn idf(turns: usize, df: usize) -> f32 {
    let (n, df) = (turns as f64, df as f64);
    (1.0 + ((n - df).max(0.0) + 0.5) / (df + 0.5)).ln() as f32
}

/// What `tf` occurrences in a turn of `length` terms are worth, 0 to
/// [`K1`] + 1.
pub(crate) fn saturation(tf: f32, length: f32, average_length: f32) -> f32 {
    saturated(tf, norm(length, average_length))
}

/// [`saturation`] with the turn's [`norm`] at hand.
#[inline(always)]
pub(super) fn saturated(tf: f32, norm: f32) -> f32 {
    tf * (K1 + 1.0) / (tf + norm)
}

/// The part of [`saturation`] that depends on the turn alone.
pub(super) fn norm(length: f32, average_length: f32) -> f32 {
    K1 * (1.0 - B + B * length / average_length.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_the_formulas_worked_by_hand() {
        // ln(1 + 9.5 / 1.5)
        assert!((idf(10, 1) - 1.992_43).abs() < 1e-4);
        // A term in every turn still weighs a little.
        assert!(idf(10, 10) > 0.0 && idf(10, 10) < 0.05);
        assert!(idf(0, 5).is_finite());
        // Average length, one occurrence: 2.2 / 2.2.
        assert!((saturation(1.0, 7.0, 7.0) - 1.0).abs() < 1e-6);
        // Twice the average length: 2.2 / (1 + 1.2 * 1.75).
        assert!((saturation(1.0, 14.0, 7.0) - 0.709_68).abs() < 1e-4);
        assert!(saturation(1e9, 1.0, 1.0) <= K1 + 1.0);
    }
}
