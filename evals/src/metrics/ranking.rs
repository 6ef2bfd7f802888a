//! Figures of one question from the order in which items came back. Pure
//! functions of positions; the definitions are those of the data sets'
//! READMEs.
//!
//! A ranking may be cut off: what is not in it counts as not found.

use std::collections::{BTreeMap, BTreeSet};

/// Place of the best ranked of some items, from 0.
pub(crate) fn first_rank(ranking: &[usize], items: &[usize]) -> Option<usize> {
    ranking.iter().position(|item| items.contains(item))
}

fn found(ranking: &[usize], gold: &BTreeSet<usize>, k: usize) -> usize {
    ranking.iter().take(k).filter(|item| gold.contains(item)).count()
}

/// Share of the gold items among the top `k`; 0 if there are none.
pub(crate) fn recall(ranking: &[usize], gold: &BTreeSet<usize>, k: usize) -> f64 {
    ratio(found(ranking, gold, k), gold.len())
}

/// Whether some gold item is among the top `k`, as 0 or 1.
pub(crate) fn any(ranking: &[usize], gold: &BTreeSet<usize>, k: usize) -> f64 {
    truth(found(ranking, gold, k) > 0)
}

/// Whether all gold items are among the top `k`, as 0 or 1.
pub(crate) fn all(ranking: &[usize], gold: &BTreeSet<usize>, k: usize) -> f64 {
    truth(!gold.is_empty() && found(ranking, gold, k) == gold.len())
}

/// Share of the top `k` that is gold.
pub(crate) fn precision(ranking: &[usize], gold: &BTreeSet<usize>, k: usize) -> f64 {
    ratio(found(ranking, gold, k), k)
}

/// One over the place of the first gold item; 0 if it is not found.
pub(crate) fn reciprocal_rank(ranking: &[usize], gold: &BTreeSet<usize>) -> f64 {
    let first = ranking.iter().position(|item| gold.contains(item));
    first.map_or(0.0, |place| 1.0 / (place as f64 + 1.0))
}

/// Normalised gain with the DCG of LongMemEval's own evaluation:
/// `rel_1 + sum over i >= 2 of rel_i / log2 i` (its second place is not
/// discounted), over the best that so many gold items allow.
pub(crate) fn ndcg(ranking: &[usize], gold: &BTreeSet<usize>, k: usize) -> f64 {
    let hits = ranking.iter().take(k).map(|item| gold.contains(item));
    let ideal = dcg((0..gold.len().min(k)).map(|_| true));
    if ideal == 0.0 { 0.0 } else { dcg(hits) / ideal }
}

fn dcg(hits: impl Iterator<Item = bool>) -> f64 {
    let gain = |(index, hit): (usize, bool)| match (hit, index) {
        (false, _) => 0.0,
        (true, 0) => 1.0,
        (true, index) => 1.0 / (index as f64 + 1.0).log2(),
    };
    hits.enumerate().map(gain).sum()
}

/// Whether some item of `above` stands before every item of `below`. Both not
/// found is a no.
pub(crate) fn ranks_above(ranking: &[usize], above: &[usize], below: &[usize]) -> bool {
    match (first_rank(ranking, above), first_rank(ranking, below)) {
        (Some(upper), Some(lower)) => upper < lower,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Groups in the order of their best item.
pub(crate) fn groups(ranking: &[usize], group_of: &[usize]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let grouped = ranking.iter().filter_map(|&item| group_of.get(item).copied());
    grouped.filter(|&group| seen.insert(group)).collect()
}

/// Groups by the product of their members' odds, best first; equal ones in
/// order.
pub(crate) fn by_joint_odds(odds: impl Iterator<Item = (usize, f64)>) -> Vec<usize> {
    let mut joint: BTreeMap<usize, f64> = BTreeMap::new();
    for (group, odds) in odds {
        *joint.entry(group).or_default() += odds.max(f64::MIN_POSITIVE).ln();
    }
    let mut groups: Vec<(usize, f64)> = joint.into_iter().collect();
    groups.sort_by(|a, b| b.1.total_cmp(&a.1));
    groups.into_iter().map(|(group, _)| group).collect()
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A yes as 1, a no as 0.
pub(crate) fn truth(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_of_a_group_multiply() {
        let odds = [(0, 0.9), (1, 0.5), (0, 0.1), (1, 0.4), (2, 0.0)];
        assert_eq!(by_joint_odds(odds.into_iter()), [1, 0, 2]);
    }

    #[test]
    fn figures_of_a_small_ranking() {
        let ranking = [7, 2, 9, 4];
        for (gold, k, expected) in [
            // recall, any, all, precision, reciprocal rank
            (vec![2, 4], 2, [0.5, 1.0, 0.0, 0.5, 0.5]),
            (vec![2, 4], 4, [1.0, 1.0, 1.0, 0.5, 0.5]),
            (vec![7], 1, [1.0, 1.0, 1.0, 1.0, 1.0]),
            (vec![3], 4, [0.0, 0.0, 0.0, 0.0, 0.0]),
            (vec![], 4, [0.0, 0.0, 0.0, 0.0, 0.0]),
            (vec![4], 10, [1.0, 1.0, 1.0, 0.1, 0.25]),
        ] {
            let gold = BTreeSet::from_iter(gold);
            let got = [
                recall(&ranking, &gold, k),
                any(&ranking, &gold, k),
                all(&ranking, &gold, k),
                precision(&ranking, &gold, k),
                reciprocal_rank(&ranking, &gold),
            ];
            assert_eq!(got, expected, "{gold:?} at {k}");
        }
    }

    #[test]
    fn gain_is_upstreams() {
        // numpy: rel[0] + sum(rel[1:] / log2(arange(2, size + 1)))
        for (ranking, gold, k, expected) in [
            (vec![1, 2, 3], vec![1], 3, 1.0),
            (vec![2, 1, 3], vec![1], 3, 1.0),
            (vec![2, 3, 1], vec![1], 3, 1.0 / 3f64.log2()),
            (vec![1, 3, 2], vec![1, 2], 3, (1.0 + 1.0 / 3f64.log2()) / 2.0),
            (vec![3, 4], vec![1, 2], 2, 0.0),
        ] {
            let got = ndcg(&ranking, &BTreeSet::from_iter(gold), k);
            assert!((got - expected).abs() < 1e-12, "{ranking:?}: {got} for {expected}");
        }
    }

    #[test]
    fn order_of_two_statements() {
        for (newer, older, expected) in [
            (vec![2], vec![9], true),
            (vec![9], vec![2], false),
            (vec![9], vec![100], true),
            (vec![100], vec![9], false),
            (vec![100], vec![101], false),
            (vec![4, 7], vec![2], true),
        ] {
            assert_eq!(ranks_above(&[7, 2, 9, 4], &newer, &older), expected, "{newer:?} {older:?}");
        }
    }

    #[test]
    fn sessions_follow_their_best_turn() {
        assert_eq!(groups(&[3, 2, 0, 1], &[0, 0, 1, 2]), [2, 1, 0]);
    }
}
