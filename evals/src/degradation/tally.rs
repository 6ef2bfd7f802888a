//! Collects what was seen of each strategy's windows, and makes the figures,
//! curves and heat maps of a result.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::strategy::Strategy;
use crate::{
    metrics::{
        Figures, Samples,
        bootstrap::{Bootstrap, Estimate, Statistic, estimate, ratio},
        ranking::truth,
    },
    plot::{Curve, CurveLine, Heat, HeatRow, Point},
    report::Report,
};

/// Evidence said fewer turns ago is near.
const NEAR: usize = 20;
/// Evidence said more turns ago is far.
const FAR: usize = 500;
/// Fifths of a window, by its tokens.
const PLACES: [&str; 5] = ["first fifth", "second", "middle", "fourth", "last fifth"];

/// Shares by distance that get a curve beside coverage: what a reader made of it.
const READ: [&str; 3] = ["answered", "judge_lenient", "judge_strict"];

/// What the axis of distance counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Exchanges between what is said and what is asked, as they were planted.
    Exchanges,
    /// Turns from the evidence to the question, in bins that grow by half a
    /// power of ten.
    TurnsAgo,
}

/// One piece of evidence and one window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Look {
    /// Whose window.
    pub(crate) strategy: String,
    /// What the pieces belong to: drawn together by the bootstrap.
    pub(crate) item: String,
    /// Kind of evidence or question.
    pub(crate) kind: String,
    /// Place on the axis.
    pub(crate) x: u64,
    /// Turns from the evidence to the question.
    pub(crate) ago: usize,
    /// Where it stands in the window, 0 to 1; nothing if it does not.
    pub(crate) place: Option<f64>,
}

/// What was seen.
pub(crate) struct Tally {
    axis: Axis,
    budget: u32,
    looks: Vec<Look>,
    others: BTreeMap<String, Samples>,
}

impl Axis {
    /// The bin of a distance in turns: its lower end.
    pub(crate) fn bin(ago: usize) -> u64 {
        let edges = [1, 4, 10, 32, 100, 316, 1_000, 3_162, 10_000];
        let below = edges.iter().rev().find(|&&edge| edge <= ago.max(1));
        below.copied().unwrap_or(1) as u64
    }

    fn label(self, x: u64) -> String {
        match self {
            Self::Exchanges => format!("{x} exchanges"),
            Self::TurnsAgo => format!("{x} turns ago or more"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges in between",
            Self::TurnsAgo => "turns ago",
        }
    }
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new(axis: Axis, budget: u32) -> Self {
        Self { axis, budget, looks: Vec::new(), others: BTreeMap::new() }
    }

    /// Adds a look.
    pub(crate) fn look(&mut self, look: Look) {
        self.looks.push(look);
    }

    /// Adds a figure of a strategy that is averaged over questions.
    pub(crate) fn add(&mut self, strategy: &str, name: &str, item: &str, kind: &str, value: f64) {
        let samples = self.others.entry(strategy.to_owned()).or_default();
        samples.add(name, item, kind, value);
    }

    /// Adds a figure of a strategy of which the median counts.
    pub(crate) fn add_time(&mut self, strategy: &str, name: &str, item: &str, value: f64) {
        let samples = self.others.entry(strategy.to_owned()).or_default();
        samples.add_for_median(name, item, "", value);
    }

    /// Fills a result: the breakdown has a row for each strategy, the metrics
    /// are those of `ours`.
    pub(crate) fn fill(&self, report: &mut Report, ours: &str, bootstrap: Bootstrap) {
        let strategies: BTreeSet<&str> = self.strategies();
        for &strategy in &strategies {
            let figures = self.figures(strategy, bootstrap);
            if strategy == ours {
                report.metrics.clone_from(&figures);
            }
            report.breakdown.insert(strategy.to_owned(), figures);
        }
        let heat: Vec<Heat> = strategies.iter().map(|strategy| self.heat(strategy)).collect();
        let mut curves = self.curves(&strategies, bootstrap);
        curves.extend(READ.iter().filter_map(|name| self.read_curve(name, &report.breakdown)));
        report.details = json!({ "curves": curves, "heat": heat });
    }

    /// The curve of the figures `NAME/DISTANCE`; nothing where there are none.
    fn read_curve(&self, name: &str, breakdown: &BTreeMap<String, Figures>) -> Option<Curve> {
        let point = |(figure, value): (&String, &Estimate)| {
            let x = figure.strip_prefix(name)?.strip_prefix('/')?.parse().ok()?;
            Some(Point { x, figure: *value })
        };
        let line = |(strategy, figures): (&String, &Figures)| {
            let mut points: Vec<Point> = figures.iter().filter_map(point).collect();
            points.sort_by_key(|point| point.x);
            (!points.is_empty()).then(|| CurveLine { strategy: strategy.clone(), points })
        };
        let lines: Vec<CurveLine> = breakdown.iter().filter_map(line).collect();
        let curve = Curve { name: name.to_owned(), axis: self.axis.name().to_owned(), lines };
        (!curve.lines.is_empty()).then_some(curve)
    }

    fn strategies(&self) -> BTreeSet<&str> {
        let looks = self.looks.iter().map(|look| look.strategy.as_str());
        looks.chain(self.others.keys().map(String::as_str)).collect()
    }

    fn figures(&self, strategy: &str, bootstrap: Bootstrap) -> Figures {
        let mut samples = Samples::default();
        let mut sides: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        let best = self.kept_by_oracle();
        let coverage = format!("coverage@{}", self.budget);
        for look in self.looks.iter().filter(|look| look.strategy == strategy) {
            let kept = truth(look.place.is_some());
            let mut add = |name: &str| samples.add(name, &look.item, &look.kind, kept);
            add(&coverage);
            add(&format!("{coverage}/{}", look.x));
            if self.axis == Axis::Exchanges {
                add(&format!("{}_kept@{}", look.kind, look.x));
            }
            if let Some((kept_there, n)) = best.get(&(look.item.as_str(), look.x, look.ago)) {
                let loss = kept_there / *n as f64 - kept;
                samples.add("memory_loss", &look.item, &look.kind, loss);
            }
            let (far, near) = sides.entry(&look.item).or_default();
            if look.ago > FAR {
                far.push(kept);
            } else if look.ago < NEAR {
                near.push(kept);
            }
        }
        let mut figures = samples.figures(bootstrap, |_| true);
        if let Some(others) = self.others.get(strategy) {
            figures.extend(others.figures(bootstrap, |_| true));
        }
        let sides: Vec<(Vec<f64>, Vec<f64>)> = sides.into_values().collect();
        figures.extend(ratio(&sides, bootstrap).map(|ratio| ("far_over_near".to_owned(), ratio)));
        figures
    }

    /// What the window with the evidence alone holds: sum and number of looks.
    fn kept_by_oracle(&self) -> BTreeMap<(&str, u64, usize), (f64, usize)> {
        let mut kept = BTreeMap::new();
        let oracle = Strategy::Oracle.name();
        for look in self.looks.iter().filter(|look| look.strategy == oracle) {
            let entry: &mut (f64, usize) =
                kept.entry((look.item.as_str(), look.x, look.ago)).or_default();
            *entry = (entry.0 + truth(look.place.is_some()), entry.1 + 1);
        }
        kept
    }

    fn curves(&self, strategies: &BTreeSet<&str>, bootstrap: Bootstrap) -> Vec<Curve> {
        let kinds: BTreeSet<&str> = self.looks.iter().map(|look| look.kind.as_str()).collect();
        let name = format!("coverage@{}", self.budget);
        let mut curves = vec![self.curve(&name, strategies, bootstrap, |_| true)];
        if kinds.len() > 1 {
            for kind in kinds {
                let name = format!("{name}, {kind}");
                curves.push(self.curve(&name, strategies, bootstrap, |look| look.kind == kind));
            }
        }
        curves.retain(|curve| curve.lines.iter().any(|line| !line.points.is_empty()));
        curves
    }

    fn curve(
        &self,
        name: &str,
        strategies: &BTreeSet<&str>,
        bootstrap: Bootstrap,
        keep: impl Fn(&Look) -> bool,
    ) -> Curve {
        let line = |strategy: &&str| {
            let mut at: BTreeMap<u64, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
            for look in self.looks.iter().filter(|look| look.strategy == *strategy && keep(look)) {
                let items = at.entry(look.x).or_default();
                items.entry(&look.item).or_default().push(truth(look.place.is_some()));
            }
            let point = |(x, items): (u64, BTreeMap<&str, Vec<f64>>)| {
                let clusters: Vec<Vec<f64>> = items.into_values().collect();
                Point { x, figure: estimate(&clusters, Statistic::Mean, bootstrap) }
            };
            let points = at.into_iter().map(point).collect();
            CurveLine { strategy: (*strategy).to_owned(), points }
        };
        let lines = strategies.iter().map(line).collect();
        Curve { name: name.to_owned(), axis: self.axis.name().to_owned(), lines }
    }

    fn heat(&self, strategy: &str) -> Heat {
        let mut at: BTreeMap<u64, ([usize; PLACES.len()], usize)> = BTreeMap::new();
        for look in self.looks.iter().filter(|look| look.strategy == strategy) {
            let (places, n) = at.entry(look.x).or_default();
            *n += 1;
            let fifth = look.place.map(|place| (place * PLACES.len() as f64) as usize);
            let slot = fifth.and_then(|fifth| places.get_mut(fifth.min(PLACES.len() - 1)));
            if let Some(slot) = slot {
                *slot += 1;
            }
        }
        let row = |(x, (places, n)): (u64, ([usize; PLACES.len()], usize))| HeatRow {
            label: self.axis.label(x),
            shares: places.iter().map(|&count| count as f64 / n.max(1) as f64).collect(),
            n,
        };
        Heat {
            name: strategy.to_owned(),
            columns: PLACES.map(str::to_owned).to_vec(),
            rows: at.into_iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn look(item: &str, x: u64, place: Option<f64>) -> Look {
        let ago = 2 + 2 * x as usize;
        Look {
            strategy: "throughline".into(),
            item: item.into(),
            kind: "fact".into(),
            x,
            ago,
            place,
        }
    }

    #[test]
    fn far_is_divided_by_near() {
        let mut tally = Tally::new(Axis::Exchanges, 2_000);
        for item in ["a", "b"] {
            tally.look(look(item, 0, Some(0.1)));
            tally.look(look(item, 28, Some(0.5)));
            tally.look(look(item, 400, (item == "a").then_some(1.0)));
        }
        tally.look(Look { strategy: "last_n".into(), ..look("a", 400, None) });
        for (name, value) in [("answered/8", 0.0), ("answered/400", 1.0), ("answered", 0.5)] {
            tally.add("throughline", name, "a", "fact", value);
        }
        let mut report = Report::new("degradation", Value::Null);
        tally.fill(&mut report, "throughline", Bootstrap::new(1));
        let value = |name: &str| report.metrics[name].value;
        assert_eq!(value("far_over_near"), 0.5);
        assert_eq!((value("coverage@2000/0"), value("coverage@2000/400")), (1.0, 0.5));
        assert_eq!(value("fact_kept@400"), 0.5);
        assert_eq!(report.breakdown.len(), 2);
        assert!(!report.breakdown["last_n"].contains_key("far_over_near"));
        let heat: Vec<Heat> = serde_json::from_value(report.details["heat"].clone()).unwrap();
        let ours = heat.iter().find(|heat| heat.name == "throughline").unwrap();
        assert_eq!(ours.rows[2].shares, [0.0, 0.0, 0.0, 0.0, 0.5]);
        let curves: Vec<Curve> = serde_json::from_value(report.details["curves"].clone()).unwrap();
        assert_eq!((curves.len(), curves[0].lines.len()), (2, 2));
        let read: Vec<_> =
            curves[1].lines[0].points.iter().map(|p| (p.x, p.figure.value)).collect();
        assert_eq!((curves[1].lines.len(), read), (1, vec![(8, 0.0), (400, 1.0)]));
        let points: Vec<_> = curves[0].lines[1].points.iter().map(|p| (p.x, p.figure.n)).collect();
        assert_eq!(points, [(0, 2), (28, 2), (400, 2)]);
    }

    #[test]
    fn bins_grow_by_half_a_power_of_ten() {
        for (ago, bin) in [(0, 1), (1, 1), (3, 1), (4, 4), (31, 10), (32, 32), (5_000, 3_162)] {
            assert_eq!(Axis::bin(ago), bin, "{ago}");
        }
    }
}
