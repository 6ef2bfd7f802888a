//! What the looks at an item come to.
//!
//! Invariant: whether an item was once pinned is decided by the looks before the last
//! one. A pin that was there and got lost stays in the figures, as a loss.

use serde::{Deserialize, Serialize};

use crate::metrics::{Samples, ranking::truth};

/// What one look at the window showed of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Look {
    /// All its pieces stand for its turn.
    pub(super) held: bool,
    /// A pin of its turn stands in the window.
    pub(super) pinned: bool,
}

/// Whether a pin of the item stood in a window before the last look.
pub(super) fn once_pinned(looks: &[Look]) -> bool {
    looks.split_last().is_some_and(|(_, before)| before.iter().any(|look| look.pinned))
}

/// Adds what the looks at an item, one for each number of turns in `at`, came to.
pub(super) fn add(samples: &mut Samples, name: &str, kind: &str, at: &[usize], looks: &[Look]) {
    for (until, look) in at.iter().zip(looks) {
        samples.add(&format!("survived@{until}"), name, kind, truth(look.held));
    }
    let Some(last) = looks.last() else { return };
    samples.add("survived", name, kind, truth(last.held));
    if once_pinned(looks) {
        samples.add("survived_once_pinned", name, kind, truth(last.held));
        samples.add("still_pinned_once_pinned", name, kind, truth(last.pinned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::bootstrap::Bootstrap;

    const BOTH: Look = Look { held: true, pinned: true };
    const TOLD: Look = Look { held: true, pinned: false };
    const GONE: Look = Look { held: false, pinned: false };

    #[test]
    fn a_lost_pin_is_a_loss() {
        let mut samples = Samples::default();
        // Kept; lost; lost, and told by a summary; never pinned; pinned at last alone.
        for (name, looks) in [
            ("kept", [BOTH, BOTH]),
            ("lost", [BOTH, GONE]),
            ("told", [BOTH, TOLD]),
            ("never", [TOLD, GONE]),
            ("late", [GONE, BOTH]),
        ] {
            add(&mut samples, name, "number", &[25, 50], &looks);
        }
        let figures = samples.figures(Bootstrap { seed: 0, resamples: 0 }, |_| true);
        let of = |name: &str| figures.get(name).map(|figure| (figure.value, figure.n));
        assert_eq!(of("survived@25"), Some((0.8, 5)));
        assert_eq!(of("survived@50"), Some((0.6, 5)));
        assert_eq!(of("survived"), Some((0.6, 5)));
        assert_eq!(of("survived_once_pinned"), Some((2.0 / 3.0, 3)));
        assert_eq!(of("still_pinned_once_pinned"), Some((1.0 / 3.0, 3)));
    }

    #[test]
    fn one_look_says_nothing_of_before() {
        assert!(!once_pinned(&[BOTH]) && !once_pinned(&[]));
        assert!(once_pinned(&[BOTH, GONE]) && once_pinned(&[BOTH, GONE, GONE]));
    }
}
