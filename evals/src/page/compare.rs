//! `compare`: which figures of a later result are worse than an earlier one's?
//! A figure has changed if the intervals do not overlap; what was counted once
//! has no interval and is compared as it is, with a tolerance.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use super::{
    direction::{Direction, direction},
    result::Outcome,
};
use crate::{
    metrics::bootstrap::Estimate,
    report::{number, print},
};

/// Arguments of `compare`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CompareArgs {
    /// The result that was there before.
    pub(crate) before: PathBuf,
    /// The result to judge.
    pub(crate) after: PathBuf,
    /// Only figures whose names contain one of these.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Relative change that does not count.
    #[arg(long, default_value_t = 0.02)]
    pub(crate) tolerance: f64,
}

/// How a figure changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Same,
    Better,
    Worse,
    /// Another value of a figure that is neither better nor worse.
    Other,
    Gone,
}

/// Compares two results; `false` if something is worse or gone.
///
/// # Errors
/// A result cannot be read, or they measure different things.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<bool> {
    let (before, after) = (Outcome::read(&args.before)?, Outcome::read(&args.after)?);
    ensure!(
        before.title() == after.title(),
        "{} and {} cannot be compared",
        before.title(),
        after.title()
    );
    let wanted =
        |name: &str| args.only.is_empty() || args.only.iter().any(|part| name.contains(part));
    let mut good = true;
    for (name, old) in before.metrics.iter().filter(|(name, _)| wanted(name)) {
        let new = after.metrics.get(name);
        let change = new.map_or(Change::Gone, |new| change(name, old, new, args.tolerance));
        let word = match change {
            Change::Same => continue,
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::Other => "other",
            Change::Gone => "GONE",
        };
        good &= !matches!(change, Change::Worse | Change::Gone);
        let new = new.map_or_else(|| "–".to_owned(), show);
        print(&format!("{word:6} {name}: {} → {new}", show(old)));
    }
    print(if good { "nothing is worse" } else { "there are regressions" });
    Ok(good)
}

fn show(figure: &Estimate) -> String {
    let (value, lo, hi) = (number(figure.value), number(figure.lo), number(figure.hi));
    format!("{value} ({lo} – {hi}, n={})", figure.n)
}

fn change(name: &str, old: &Estimate, new: &Estimate, tolerance: f64) -> Change {
    let apart = new.lo > old.hi || new.hi < old.lo;
    let enough = (new.value - old.value).abs() > tolerance * old.value.abs();
    if !apart || !enough {
        return Change::Same;
    }
    let more = new.value > old.value;
    match direction(name) {
        Direction::Neither => Change::Other,
        Direction::More if more => Change::Better,
        Direction::Less if !more => Change::Better,
        Direction::More | Direction::Less => Change::Worse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_apart_has_changed() {
        let figure = |value, lo, hi| Estimate { value, lo, hi, n: 100 };
        for (name, old, new, expected) in [
            ("coverage@2000", (0.8, 0.7, 0.9), (0.75, 0.65, 0.85), Change::Same),
            ("coverage@2000", (0.8, 0.75, 0.85), (0.6, 0.55, 0.65), Change::Worse),
            ("coverage@2000", (0.6, 0.55, 0.65), (0.8, 0.75, 0.85), Change::Better),
            ("window_tokens", (900.0, 890.0, 910.0), (1500.0, 1490.0, 1510.0), Change::Worse),
            ("stale_alone@8", (0.3, 0.2, 0.35), (0.1, 0.05, 0.15), Change::Better),
            ("searchable_lag_p50_s", (2.0, 2.0, 2.0), (3.0, 3.0, 3.0), Change::Worse),
            ("searchable_samples", (20.0, 20.0, 20.0), (9.0, 9.0, 9.0), Change::Worse),
            ("unsearchable_samples", (20.0, 20.0, 20.0), (9.0, 9.0, 9.0), Change::Better),
            ("ece", (0.1, 0.05, 0.15), (0.3, 0.25, 0.35), Change::Worse),
            ("assembly_p50_us", (90.0, 90.0, 90.0), (40.0, 40.0, 40.0), Change::Better),
            ("edges", (90.0, 90.0, 90.0), (40.0, 40.0, 40.0), Change::Other),
            ("n", (100.0, 100.0, 100.0), (101.0, 101.0, 101.0), Change::Same),
            ("n", (100.0, 100.0, 100.0), (90.0, 90.0, 90.0), Change::Worse),
        ] {
            let (old, new) = (figure(old.0, old.1, old.2), figure(new.0, new.1, new.2));
            assert_eq!(change(name, &old, &new, 0.02), expected, "{name} {old:?} {new:?}");
        }
    }
}
