//! Figures over the items of all conversations together, with intervals by a
//! bootstrap over conversations: whole conversations are drawn with
//! replacement, their items keep together. Deterministic for a seed.

use std::collections::BTreeMap;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{
    Item, Measure,
    measure::{Bin, reliability},
};
use crate::metrics::{
    Figures,
    bootstrap::{Bootstrap, Estimate, percentile},
};

struct Pooled {
    item: Item,
    cluster: usize,
    group: String,
}

/// Scored items of many conversations.
#[derive(Default)]
pub(crate) struct Pool {
    clusters: BTreeMap<String, usize>,
    items: Vec<Pooled>,
}

impl Pool {
    /// Adds an item of a conversation; `group` is its row of the breakdown.
    pub(crate) fn add(&mut self, cluster: &str, group: &str, item: Item) {
        let next = self.clusters.len();
        let cluster = *self.clusters.entry(cluster.to_owned()).or_insert(next);
        self.items.push(Pooled { item, cluster, group: group.to_owned() });
    }

    /// The reliability diagram over all items.
    pub(crate) fn reliability(&self) -> Vec<Bin> {
        let items: Vec<Item> = self.items.iter().map(|pooled| pooled.item).collect();
        reliability(&items)
    }

    /// Adds the named figures, over all and of each group.
    pub(crate) fn fill(
        &self,
        named: &[(&str, Measure)],
        bootstrap: Bootstrap,
        all: &mut Figures,
        breakdown: &mut BTreeMap<String, Figures>,
    ) {
        self.estimate(named, bootstrap, |_| true, all);
        let mut groups: Vec<&str> = self.items.iter().map(|i| i.group.as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let row = breakdown.entry(group.to_owned()).or_default();
            self.estimate(named, bootstrap, |other| other == group, row);
        }
    }

    /// Adds the named figures over all items to one row of a breakdown.
    pub(crate) fn fill_row(
        &self,
        named: &[(&str, Measure)],
        bootstrap: Bootstrap,
        row: &mut Figures,
    ) {
        self.estimate(named, bootstrap, |_| true, row);
    }

    fn estimate(
        &self,
        named: &[(&str, Measure)],
        bootstrap: Bootstrap,
        keep: impl Fn(&str) -> bool,
        figures: &mut Figures,
    ) {
        let mut kept: Vec<(Item, usize)> = self
            .items
            .iter()
            .filter(|pooled| keep(&pooled.group))
            .map(|pooled| (pooled.item, pooled.cluster))
            .collect();
        kept.sort_by(|a, b| b.0.score.total_cmp(&a.0.score));
        let items: Vec<Item> = kept.iter().map(|(item, _)| *item).collect();
        let mut drawn: Vec<Vec<f64>> = vec![Vec::new(); named.len()];
        let mut clusters: Vec<usize> = kept.iter().map(|(_, cluster)| *cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        let resamples = if clusters.len() < 2 { 0 } else { bootstrap.resamples };
        let mut random = StdRng::seed_from_u64(bootstrap.seed);
        let mut times = vec![0.0; self.clusters.len()];
        let mut resampled = Vec::with_capacity(items.len());
        for _ in 0..resamples {
            times.fill(0.0);
            for _ in 0..clusters.len() {
                let picked = clusters.get(random.random_range(0..clusters.len()));
                if let Some(count) = picked.and_then(|&cluster| times.get_mut(cluster)) {
                    *count += 1.0;
                }
            }
            resampled.clear();
            resampled.extend(kept.iter().filter_map(|(item, cluster)| {
                let weight = item.weight * times.get(*cluster).copied().unwrap_or(0.0);
                (weight > 0.0).then_some(Item { weight, ..*item })
            }));
            for ((_, measure), values) in named.iter().zip(&mut drawn) {
                values.extend(measure.of(&resampled));
            }
        }
        for ((name, measure), values) in named.iter().zip(&mut drawn) {
            let Some(value) = measure.of(&items) else { continue };
            let (lo, hi) = if values.is_empty() {
                (value, value)
            } else {
                (percentile(values, 0.025), percentile(values, 0.975))
            };
            figures
                .insert((*name).to_owned(), Estimate { value, lo, hi, n: measure.counted(&items) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pool: &Pool, seed: u64) -> (Figures, BTreeMap<String, Figures>) {
        let mut out = (Figures::new(), BTreeMap::new());
        let named = [("auroc", Measure::Auroc), ("ece", Measure::Ece)];
        pool.fill(&named, Bootstrap::new(seed), &mut out.0, &mut out.1);
        out
    }

    #[test]
    fn intervals_hold_the_value_and_follow_the_seed() {
        let mut pool = Pool::default();
        for n in 0..60u32 {
            let (score, positive) = (f64::from(n * 37 % 60) / 60.0, n * 37 % 60 + n % 30 > 45);
            let group = if n % 2 == 0 { "even" } else { "odd" };
            pool.add(&format!("c{}", n / 4), group, Item::new(score, positive));
        }
        let (all, groups) = figures(&pool, 1);
        let auroc = all["auroc"];
        assert!(auroc.lo < auroc.value && auroc.value < auroc.hi && auroc.n == 60, "{auroc:?}");
        assert_eq!(groups["even"]["auroc"].n + groups["odd"]["auroc"].n, 60);
        assert_eq!(figures(&pool, 1), figures(&pool, 1));
        assert_ne!(figures(&pool, 1).0, figures(&pool, 2).0);
    }

    #[test]
    fn one_conversation_has_no_interval() {
        let mut pool = Pool::default();
        pool.add("c", "g", Item::new(0.9, true));
        pool.add("c", "g", Item::new(0.1, false));
        let auroc = figures(&pool, 1).0["auroc"];
        assert_eq!((auroc.value, auroc.lo, auroc.hi), (1.0, 1.0, 1.0));
    }
}
