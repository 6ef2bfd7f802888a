//! The reliability diagram of a result: what its scores promise, and what was so.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    metrics::bootstrap::Estimate,
    plot::{Curve, CurveLine, Point},
    report::number,
};

/// The line of what was so.
const FOUND: &str = "labelled so (share)";
/// The line where that would be if every score were kept: the diagonal.
const PROMISED: &str = "promised (mean score)";

/// Items whose scores lie in a tenth.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Bin {
    /// Lower end of their scores.
    from: f64,
    /// Weight of the items.
    n: f64,
    mean_score: f64,
    share_positive: f64,
}

/// The tenths that hold items; none in results without a diagram.
pub(super) fn bins(details: &Value) -> Vec<Bin> {
    let told = details.get("reliability").cloned().unwrap_or_default();
    let mut bins: Vec<Bin> = serde_json::from_value(told).unwrap_or_default();
    bins.retain(|bin| bin.n > 0.0);
    bins
}

/// The diagram as a curve over the tenths, with what is promised beside what was so.
pub(super) fn curve(bins: &[Bin]) -> Option<Curve> {
    let line = |strategy: &str, value: fn(&Bin) -> f64| {
        let point = |bin: &Bin| Point {
            x: (bin.from * 100.0).round() as u64,
            figure: Estimate::exact(value(bin), bin.n.round() as usize),
        };
        CurveLine { strategy: strategy.to_owned(), points: bins.iter().map(point).collect() }
    };
    (!bins.is_empty()).then(|| Curve {
        name: "reliability".to_owned(),
        axis: "score from, in hundredths".to_owned(),
        lines: vec![line(FOUND, |bin| bin.share_positive), line(PROMISED, |bin| bin.mean_score)],
    })
}

/// The diagram as a table of Markdown.
pub(super) fn table(page: &mut String, bins: &[Bin]) {
    if bins.is_empty() {
        return;
    }
    let _ = write!(page, "\n| reliability: score | {PROMISED} | {FOUND} | n |\n");
    page.push_str("| --- | --: | --: | --: |\n");
    for bin in bins {
        let (promised, found) = (number(bin.mean_score), number(bin.share_positive));
        let (from, until) = (bin.from, bin.from + 0.1);
        let _ = writeln!(page, "| {from:.1} – {until:.1} | {promised} | {found} | {:.0} |", bin.n);
    }
}
