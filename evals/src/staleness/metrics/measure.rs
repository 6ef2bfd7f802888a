//! Figures of a list of scored and labelled items. Every figure is computed
//! from the items in the order of their scores, each with a weight, so that a
//! resample is the same list with other weights.
//!
//! Invariant: items with equal scores are never told apart by their order.

/// Bins of the reliability diagram, of equal width over 0 to 1.
pub(crate) const BINS: usize = 10;

/// A scored item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Item {
    /// The system's score; 0 to 1 where it is a probability.
    pub(crate) score: f64,
    /// Whether the label says yes.
    pub(crate) positive: bool,
    /// How much it counts, usually 1.
    pub(crate) weight: f64,
}

impl Item {
    /// An item of weight 1.
    pub(crate) fn new(score: f64, positive: bool) -> Self {
        Self { score, positive, weight: 1.0 }
    }
}

/// What is computed. Thresholds are inclusive: a score at the threshold is a
/// yes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measure {
    /// Area under the ROC curve; a tie counts one half.
    Auroc,
    /// Sum of precision times gain in recall over the different scores
    /// (scikit-learn's `average_precision_score`).
    AveragePrecision,
    /// Expected calibration error over [`BINS`] bins.
    Ece,
    /// Share of negatives at or above the highest threshold that reaches this
    /// recall of the positives.
    FalseAtRecall(f64),
    /// Mean of the recalls of both classes at a threshold.
    Balanced(f64),
    /// Harmonic mean of precision and recall at a threshold; 0 if nothing is
    /// found.
    F1(f64),
    /// The highest F1 over all thresholds: what a threshold chosen on the very
    /// items would give, an upper bound and no result.
    BestF1,
    /// Share of the yeses that are right at a threshold.
    Precision(f64),
    /// Share of the positives found at a threshold.
    Recall(f64),
    /// Share of the positives missed at a threshold.
    Missed(f64),
    /// Share of the negatives taken for positives at a threshold.
    FalseRate(f64),
    /// Share of all items whose yes or no is right at a threshold.
    Accuracy(f64),
    /// Yeses at a threshold over positives.
    Ratio(f64),
}

/// Weights on both sides of a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    found: f64,
    false_found: f64,
    positives: f64,
    negatives: f64,
}

impl Counts {
    fn at(items: &[Item], threshold: f64) -> Self {
        let mut counts = Self::default();
        for item in items {
            let yes = item.score >= threshold;
            counts.add(*item, yes);
        }
        counts
    }

    fn add(&mut self, item: Item, yes: bool) {
        let (all, found) = if item.positive {
            (&mut self.positives, &mut self.found)
        } else {
            (&mut self.negatives, &mut self.false_found)
        };
        *all += item.weight;
        if yes {
            *found += item.weight;
        }
    }

    fn f1(&self) -> Option<f64> {
        let yes = self.found + self.false_found;
        share(2.0 * self.found, yes + self.positives)
    }
}

impl Measure {
    /// How many items the figure is a share of.
    pub(crate) fn counted(self, items: &[Item]) -> usize {
        let of = |wanted: bool| items.iter().filter(|item| item.positive == wanted).count();
        match self {
            Self::Recall(_) | Self::Missed(_) => of(true),
            Self::FalseRate(_) | Self::FalseAtRecall(_) => of(false),
            Self::Precision(at) => items.iter().filter(|item| item.score >= at).count(),
            _ => items.len(),
        }
    }

    /// The figure of items in the order of falling scores; nothing where it is
    /// not defined (no positives, no negatives, no items).
    pub(crate) fn of(self, items: &[Item]) -> Option<f64> {
        match self {
            Self::Auroc => auroc(items),
            Self::AveragePrecision => average_precision(items),
            Self::Ece => ece(items),
            Self::FalseAtRecall(recall) => false_at_recall(items, recall),
            Self::BestF1 => best_f1(items),
            Self::Balanced(at) => {
                let counts = Counts::at(items, at);
                let rejected = counts.negatives - counts.false_found;
                let recalls =
                    (share(counts.found, counts.positives)?, share(rejected, counts.negatives)?);
                Some(f64::midpoint(recalls.0, recalls.1))
            }
            Self::F1(at) => Counts::at(items, at).f1(),
            Self::Precision(at) => {
                let counts = Counts::at(items, at);
                share(counts.found, counts.found + counts.false_found)
            }
            Self::Recall(at) => {
                let counts = Counts::at(items, at);
                share(counts.found, counts.positives)
            }
            Self::Missed(at) => {
                let counts = Counts::at(items, at);
                share(counts.positives - counts.found, counts.positives)
            }
            Self::FalseRate(at) => {
                let counts = Counts::at(items, at);
                share(counts.false_found, counts.negatives)
            }
            Self::Accuracy(at) => {
                let counts = Counts::at(items, at);
                let right = counts.found + counts.negatives - counts.false_found;
                share(right, counts.positives + counts.negatives)
            }
            Self::Ratio(at) => {
                let counts = Counts::at(items, at);
                share(counts.found + counts.false_found, counts.positives)
            }
        }
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Runs of equal score, highest first, as weights of positives and negatives.
fn runs(items: &[Item]) -> impl Iterator<Item = (f64, f64)> {
    items.chunk_by(|a, b| a.score == b.score).map(|run| {
        let weigh = |wanted: bool| {
            run.iter().filter(|item| item.positive == wanted).map(|item| item.weight).sum()
        };
        (weigh(true), weigh(false))
    })
}

fn auroc(items: &[Item]) -> Option<f64> {
    let (mut above, mut won, mut negatives) = (0.0, 0.0, 0.0);
    for (positive, negative) in runs(items) {
        won += negative * (above + positive / 2.0);
        above += positive;
        negatives += negative;
    }
    share(won, above * negatives)
}

fn average_precision(items: &[Item]) -> Option<f64> {
    let (mut found, mut seen, mut area) = (0.0, 0.0, 0.0);
    for (positive, negative) in runs(items) {
        found += positive;
        seen += positive + negative;
        if seen > 0.0 {
            area += positive * found / seen;
        }
    }
    share(area, found)
}

fn false_at_recall(items: &[Item], recall: f64) -> Option<f64> {
    let all = Counts::at(items, f64::NEG_INFINITY);
    // A hair below, so that rounding does not ask for one more positive.
    let wanted = recall * all.positives - 1e-9;
    let (mut found, mut taken) = (0.0, 0.0);
    for (positive, negative) in runs(items) {
        if found >= wanted {
            break;
        }
        found += positive;
        taken += negative;
    }
    share(all.positives, all.positives)?;
    share(taken, all.negatives)
}

fn best_f1(items: &[Item]) -> Option<f64> {
    let mut counts = Counts::at(items, f64::INFINITY);
    let mut best: f64 = 0.0;
    for (positive, negative) in runs(items) {
        counts.found += positive;
        counts.false_found += negative;
        best = best.max(counts.f1()?);
    }
    (counts.positives > 0.0).then_some(best)
}

/// A bin of the reliability diagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct Bin {
    /// Lower end of the scores in it; the upper is a tenth above.
    pub(crate) from: f64,
    /// Weight of the items in it.
    pub(crate) n: f64,
    /// Mean of their scores: what was promised.
    pub(crate) mean_score: f64,
    /// Share of positives among them: what was so.
    pub(crate) share_positive: f64,
}

/// The reliability diagram.
pub(crate) fn reliability(items: &[Item]) -> Vec<Bin> {
    let mut sums = [(0.0, 0.0, 0.0); BINS];
    for item in items {
        let bin = ((item.score.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1);
        if let Some((weight, score, positive)) = sums.get_mut(bin) {
            *weight += item.weight;
            *score += item.weight * item.score;
            *positive += if item.positive { item.weight } else { 0.0 };
        }
    }
    let bin = |(index, &(n, score, positive)): (usize, &(f64, f64, f64))| Bin {
        from: index as f64 / BINS as f64,
        n,
        mean_score: share(score, n).unwrap_or(0.0),
        share_positive: share(positive, n).unwrap_or(0.0),
    };
    sums.iter().enumerate().map(bin).collect()
}

/// Mean distance of promise and truth over the bins, by their weights.
fn ece(items: &[Item]) -> Option<f64> {
    let bins = reliability(items);
    let n: f64 = bins.iter().map(|bin| bin.n).sum();
    share(bins.iter().map(|bin| bin.n * (bin.mean_score - bin.share_positive).abs()).sum(), n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(scored: &[(f64, bool)]) -> Vec<Item> {
        let mut items: Vec<Item> = scored.iter().map(|&(s, p)| Item::new(s, p)).collect();
        items.sort_by(|a, b| b.score.total_cmp(&a.score));
        items
    }

    #[test]
    fn shares_say_of_how_many() {
        let items = items(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true), (0.9, true)]);
        for (measure, expected) in [
            (Measure::Recall(0.5), 3),
            (Measure::FalseRate(0.5), 2),
            (Measure::Precision(0.8), 2),
            (Measure::Auroc, 5),
        ] {
            assert_eq!(measure.counted(&items), expected, "{measure:?}");
        }
    }

    fn check(scored: &[(f64, bool)], expected: &[(Measure, Option<f64>)]) {
        let items = items(scored);
        for &(measure, expected) in expected {
            match (measure.of(&items), expected) {
                (Some(got), Some(expected)) => {
                    assert!((got - expected).abs() < 1e-9, "{measure:?}: {got} for {expected}");
                }
                (got, expected) => assert_eq!(got, expected, "{measure:?}"),
            }
        }
    }

    #[test]
    fn figures_of_a_small_list() {
        use Measure::*;
        // scikit-learn: roc_auc_score .75, average_precision_score .8333.
        check(
            &[(0.1, false), (0.4, false), (0.35, true), (0.8, true)],
            &[
                (Auroc, Some(0.75)),
                (AveragePrecision, Some(5.0 / 6.0)),
                (FalseAtRecall(0.5), Some(0.0)),
                (FalseAtRecall(0.8), Some(0.5)),
                (Balanced(0.4), Some(0.5)),
                (F1(0.4), Some(0.5)),
                (F1(0.35), Some(0.8)),
                (BestF1, Some(0.8)),
                (Precision(0.35), Some(2.0 / 3.0)),
                (Recall(0.4), Some(0.5)),
                (Missed(0.4), Some(0.5)),
                (FalseRate(0.4), Some(0.5)),
                (Accuracy(0.5), Some(0.75)),
                (Ratio(0.35), Some(1.5)),
                (Ece, Some((0.1 + 0.4 + 0.65 + 0.2) / 4.0)),
            ],
        );
    }

    #[test]
    fn ties_count_one_half() {
        use Measure::*;
        check(&[(0.5, true), (0.5, false)], &[(Auroc, Some(0.5)), (AveragePrecision, Some(0.5))]);
        check(
            &[(0.9, true), (0.5, true), (0.5, false), (0.5, false), (0.1, false)],
            &[(Auroc, Some(5.0 / 6.0)), (FalseAtRecall(0.8), Some(2.0 / 3.0))],
        );
    }

    #[test]
    fn what_is_not_defined_is_absent() {
        use Measure::*;
        check(&[], &[(Auroc, None), (Ece, None), (F1(0.5), None), (BestF1, None)]);
        check(
            &[(0.9, true)],
            &[(Auroc, None), (AveragePrecision, Some(1.0)), (Ratio(0.5), Some(1.0))],
        );
        check(
            &[(0.1, false)],
            &[(FalseAtRecall(0.8), None), (AveragePrecision, None), (Precision(0.5), None)],
        );
    }

    #[test]
    fn a_calibrated_score_has_no_error() {
        let scored: Vec<(f64, bool)> =
            (0..100).map(|n| (if n < 40 { 0.25 } else { 0.75 }, !(10..55).contains(&n))).collect();
        check(&scored, &[(Measure::Ece, Some(0.0))]);
        let bins = reliability(&items(&scored));
        assert_eq!((bins[2].n, bins[2].share_positive), (40.0, 0.25));
        assert_eq!((bins[7].n, bins[7].mean_score), (60.0, 0.75));
        // The highest score has its bin, not one of its own.
        assert_eq!(reliability(&items(&[(1.0, true)]))[9].n, 1.0);
    }

    #[test]
    fn weights_are_repeats() {
        let twice = [(0.2, false), (0.7, true), (0.7, true), (0.6, false), (0.3, true)];
        let mut weighted = items(&[(0.2, false), (0.7, true), (0.6, false), (0.3, true)]);
        weighted[0].weight = 2.0;
        for measure in [Measure::Auroc, Measure::AveragePrecision, Measure::Ece, Measure::F1(0.5)] {
            let (got, expected) = (measure.of(&weighted), measure.of(&items(&twice)));
            assert!((got.unwrap() - expected.unwrap()).abs() < 1e-9, "{measure:?}");
        }
    }
}
