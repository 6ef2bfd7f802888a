//! Figures of a segmentation. A segmentation of `n` turns is told by the class
//! of each turn: equal classes in a row are one segment.
//!
//! Pk (Beeferman et al. 1999): over all pairs of turns `k` apart, how often
//! reference and hypothesis disagree on whether both lie in one segment.
//! WindowDiff (Pevzner and Hearst 2002): over the same windows, how often the
//! numbers of cuts differ. `k` is half the mean length of the reference's
//! segments, rounded to the nearest number, even where it lies between two.

/// Numbers the segments: turn for turn the index of its segment.
pub(crate) fn segments(cuts: &[bool]) -> Vec<usize> {
    let mut segment = 0;
    let number = |(at, &cut): (usize, &bool)| {
        // A cut before the first turn opens no further segment.
        segment += usize::from(cut && at > 0);
        segment
    };
    cuts.iter().enumerate().map(number).collect()
}

/// For each turn whether a segment begins with it, the first turn left out.
pub(crate) fn cuts_of<T: PartialEq>(classes: &[T]) -> Vec<bool> {
    let changes = classes.windows(2).map(|pair| matches!(pair, [a, b] if a != b));
    let first = (!classes.is_empty()).then_some(false);
    first.into_iter().chain(changes).collect()
}

/// As many segments as told, of equal length.
pub(crate) fn even(turns: usize, count: usize) -> Vec<usize> {
    (0..turns).map(|turn| turn * count / turns.max(1)).collect()
}

/// Half the mean length of the segments, at least 1.
fn window(reference: &[usize]) -> usize {
    let count = reference.last().map_or(1, |last| last + 1);
    let half = reference.len() as f64 / count as f64 / 2.0;
    (half.round_ties_even() as usize).max(1)
}

/// Pk of a hypothesis against a reference, both as numbered segments; nothing
/// where the talk is not longer than the window.
pub(crate) fn pk(reference: &[usize], hypothesis: &[usize]) -> Option<f64> {
    over_windows(reference, hypothesis, |reference, hypothesis| {
        (reference == 0) != (hypothesis == 0)
    })
}

/// WindowDiff of a hypothesis against a reference.
pub(crate) fn window_diff(reference: &[usize], hypothesis: &[usize]) -> Option<f64> {
    over_windows(reference, hypothesis, |reference, hypothesis| reference != hypothesis)
}

/// Share of windows whose numbers of cuts `differ`.
fn over_windows(
    reference: &[usize],
    hypothesis: &[usize],
    differ: impl Fn(usize, usize) -> bool,
) -> Option<f64> {
    let k = window(reference);
    let spans = |segments: &[usize]| -> Vec<usize> {
        let ends = segments.iter().skip(k);
        ends.zip(segments).map(|(end, start)| end.saturating_sub(*start)).collect()
    };
    let (reference, hypothesis) = (spans(reference), spans(hypothesis));
    let windows = reference.len();
    let wrong = reference.iter().zip(&hypothesis).filter(|(r, h)| differ(**r, **h)).count();
    (windows > 0).then(|| wrong as f64 / windows as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segmentations_are_told_apart() {
        // Two segments of four: the window spans two turns, six windows.
        let reference = [0, 0, 0, 0, 1, 1, 1, 1];
        for (hypothesis, expected_pk, expected_diff) in [
            ([0, 0, 0, 0, 1, 1, 1, 1], 0.0, 0.0),
            // No cut: the two windows across it are wrong.
            ([0, 0, 0, 0, 0, 0, 0, 0], 2.0 / 6.0, 2.0 / 6.0),
            // One turn late: one window on each side.
            ([0, 0, 0, 0, 0, 1, 1, 1], 2.0 / 6.0, 2.0 / 6.0),
            // Two cuts for one: Pk forgives it, WindowDiff does not.
            ([0, 0, 0, 0, 1, 2, 2, 2], 1.0 / 6.0, 2.0 / 6.0),
            // A cut at every turn.
            ([0, 1, 2, 3, 4, 5, 6, 7], 4.0 / 6.0, 6.0 / 6.0),
        ] {
            let got = (pk(&reference, &hypothesis).unwrap(), window_diff(&reference, &hypothesis));
            assert!((got.0 - expected_pk).abs() < 1e-12, "{hypothesis:?}: {got:?}");
            assert!((got.1.unwrap() - expected_diff).abs() < 1e-12, "{hypothesis:?}: {got:?}");
        }
    }

    #[test]
    fn cuts_and_segments_are_the_same_told_twice() {
        assert_eq!(cuts_of(&["a", "a", "b", "a"]), [false, false, true, true]);
        assert_eq!(segments(&[false, false, true, true]), [0, 0, 1, 2]);
        assert_eq!(segments(&[true, false]), [0, 0]);
        assert_eq!(cuts_of::<u8>(&[]), Vec::<bool>::new());
        assert_eq!(even(5, 2), [0, 0, 0, 1, 1]);
    }

    #[test]
    fn short_talk_has_no_figure() {
        assert_eq!(pk(&[0], &[0]), None);
        assert_eq!(pk(&[], &[]), None);
        assert_eq!(pk(&[0, 1], &[0, 1]), Some(0.0));
    }
}
