//! From rankings and windows to figures with intervals: `ranking` scores one
//! question, `question` names the figures of a data set, `bootstrap` makes the
//! intervals, and this file collects and groups.

pub(crate) mod bootstrap;
pub(crate) mod question;
pub(crate) mod ranking;
pub(crate) mod share;

use std::collections::BTreeMap;

use bootstrap::{Bootstrap, Estimate, Statistic, estimate};

/// Figures by name.
pub(crate) type Figures = BTreeMap<String, Estimate>;

struct Sample {
    cluster: String,
    group: String,
    value: f64,
}

impl Sample {
    fn new(cluster: &str, group: &str, value: f64) -> Self {
        Self { cluster: cluster.to_owned(), group: group.to_owned(), value }
    }
}

/// Values of named figures, one for each question that has the figure.
#[derive(Default)]
pub(crate) struct Samples {
    by_name: BTreeMap<String, (Statistic, Vec<Sample>)>,
}

impl Samples {
    /// Adds a value of a figure that is averaged over questions. `cluster` is
    /// the conversation, `group` the row of the breakdown.
    pub(crate) fn add(&mut self, name: &str, cluster: &str, group: &str, value: f64) {
        self.push(name, Statistic::Mean, Sample::new(cluster, group, value));
    }

    /// Adds a value of a figure of which the median counts.
    pub(crate) fn add_for_median(&mut self, name: &str, cluster: &str, group: &str, value: f64) {
        self.push(name, Statistic::Median, Sample::new(cluster, group, value));
    }

    fn push(&mut self, name: &str, statistic: Statistic, sample: Sample) {
        let entry = self.by_name.entry(name.to_owned()).or_default();
        entry.0 = statistic;
        entry.1.push(sample);
    }

    /// The figures over the samples whose group `keep` wants.
    pub(crate) fn figures(&self, bootstrap: Bootstrap, keep: impl Fn(&str) -> bool) -> Figures {
        let estimated = self.by_name.iter().filter_map(|(name, (statistic, samples))| {
            let mut clusters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for sample in samples.iter().filter(|sample| keep(&sample.group)) {
                clusters.entry(sample.cluster.as_str()).or_default().push(sample.value);
            }
            let clusters: Vec<Vec<f64>> = clusters.into_values().collect();
            (!clusters.is_empty())
                .then(|| (name.clone(), estimate(&clusters, *statistic, bootstrap)))
        });
        estimated.collect()
    }

    /// The figures of each group, and with `left_out` of all but that group.
    pub(crate) fn breakdown(
        &self,
        bootstrap: Bootstrap,
        left_out: Option<&str>,
    ) -> BTreeMap<String, Figures> {
        let samples = self.by_name.values().flat_map(|(_, samples)| samples);
        let mut groups: Vec<&str> = samples.map(|sample| sample.group.as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        let mut rows: BTreeMap<String, Figures> = BTreeMap::new();
        if let Some(left_out) = left_out.filter(|name| groups.contains(name)) {
            let others = self.figures(bootstrap, |group| group != left_out);
            rows.insert(format!("all but {left_out}"), others);
        }
        for group in groups {
            rows.insert(group.to_owned(), self.figures(bootstrap, |other| other == group));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_apart() {
        let mut samples = Samples::default();
        for (cluster, group, value) in
            [("x", "a", 1.0), ("x", "b", 0.0), ("y", "a", 0.5), ("y", "c", 0.1)]
        {
            samples.add("recall@5", cluster, group, value);
        }
        samples.add("only_b", "x", "b", 1.0);
        let value = |figures: &Figures, name: &str| figures.get(name).map(|f| (f.value, f.n));
        let all = samples.figures(Bootstrap::new(0), |_| true);
        assert_eq!(value(&all, "recall@5"), Some((0.4, 4)));
        let rows = samples.breakdown(Bootstrap::new(0), Some("c"));
        assert_eq!(rows.keys().collect::<Vec<_>>(), ["a", "all but c", "b", "c"]);
        assert_eq!(value(&rows["a"], "recall@5"), Some((0.75, 2)));
        assert_eq!(value(&rows["all but c"], "recall@5"), Some((0.5, 3)));
        assert_eq!(value(&rows["a"], "only_b"), None);
    }
}
