//! `compare`: which figures of a later result are worse than an earlier one's?
//! A figure has changed if the intervals do not overlap; what was counted once
//! has no interval and is compared as it is, with a tolerance. Times, rates and memory
//! have a tolerance of their own, and may be missing: two runs of one program differ there.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use super::{
    comparable::differences,
    direction::{Direction, direction, is_of_machine},
    result::Outcome,
};
use crate::{
    metrics::{Figures, bootstrap::Estimate},
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
    /// The same of times, rates and memory, which differ from run to run.
    #[arg(long, default_value_t = 0.25)]
    pub(crate) machine_tolerance: f64,
    /// Compare although budget, reader, number of questions or data differ.
    #[arg(long)]
    pub(crate) force: bool,
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
    /// Gone, and no matter: of a machine.
    Unmeasured,
}

impl Change {
    /// How it is named; nothing for what is the same.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Same => None,
            Self::Better => Some("better"),
            Self::Worse => Some("WORSE"),
            Self::Other => Some("other"),
            Self::Gone => Some("GONE"),
            Self::Unmeasured => Some("absent"),
        }
    }
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
    let differing = differences(&before, &after);
    let told = differing.join("; ");
    ensure!(
        differing.is_empty() || args.force,
        "the results cannot be compared: {told}; --force compares them all the same"
    );
    if !differing.is_empty() {
        print(&format!("the results do not measure the same: {told}"));
    }
    let mut good = true;
    for (row, old, new) in rows(&before, &after) {
        for (name, old) in old.iter().filter(|(name, _)| args.wants(name)) {
            let new = new.and_then(|new| new.get(name));
            let change = args.change(name, old, new);
            let Some(word) = change.word() else { continue };
            good &= !matches!(change, Change::Worse | Change::Gone);
            let new = new.map_or_else(|| "–".to_owned(), show);
            print(&format!("{word:6} {row}{name}: {} → {new}", show(old)));
        }
    }
    print(if good { "nothing is worse" } else { "there are regressions" });
    Ok(good)
}

/// What is compared, before and after: the figures over all, and the rows of the
/// breakdown that are the service's own beside them (`sharded_throughline`). Other rows
/// are groups of questions and other strategies.
fn rows<'a>(
    before: &'a Outcome,
    after: &'a Outcome,
) -> Vec<(String, &'a Figures, Option<&'a Figures>)> {
    let own = before.breakdown.iter().filter(|(row, _)| row.ends_with("_throughline"));
    let own = own.map(|(row, figures)| (format!("{row} "), figures, after.breakdown.get(row)));
    std::iter::once((String::new(), &before.metrics, Some(&after.metrics))).chain(own).collect()
}

fn show(figure: &Estimate) -> String {
    let (value, lo, hi) = (number(figure.value), number(figure.lo), number(figure.hi));
    format!("{value} ({lo} – {hi}, n={})", figure.n)
}

impl CompareArgs {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part))
    }

    fn change(&self, name: &str, old: &Estimate, new: Option<&Estimate>) -> Change {
        let of_machine = is_of_machine(name);
        let Some(new) = new else {
            return if of_machine { Change::Unmeasured } else { Change::Gone };
        };
        let tolerance = if of_machine { self.machine_tolerance } else { self.tolerance };
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::outcome;

    fn args() -> CompareArgs {
        CompareArgs {
            before: PathBuf::new(),
            after: PathBuf::new(),
            only: Vec::new(),
            tolerance: 0.02,
            machine_tolerance: 0.25,
            force: false,
        }
    }

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
            assert_eq!(args().change(name, &old, Some(&new)), expected, "{name} {old:?} {new:?}");
        }
    }

    #[test]
    fn a_machine_is_not_the_same_twice() {
        let old = Estimate::exact(100.0, 1);
        for (name, new, expected) in [
            ("peak_memory_bytes", Some(102.5), Change::Same),
            ("peak_memory_bytes", Some(130.0), Change::Worse),
            ("peak_memory_bytes", None, Change::Unmeasured),
            ("window_ms/400", Some(120.0), Change::Same),
            ("appends_per_second", Some(70.0), Change::Worse),
            ("window_tokens", Some(102.5), Change::Worse),
            ("window_tokens", None, Change::Gone),
        ] {
            let new = new.map(|value| Estimate::exact(value, 1));
            assert_eq!(args().change(name, &old, new.as_ref()), expected, "{name} {new:?}");
        }
    }

    #[test]
    fn the_services_other_rows_are_compared_too() {
        let (mut before, after) = (outcome(0.8), outcome(0.5));
        let figures = before.metrics.clone();
        before.breakdown.insert("sharded_throughline".to_owned(), figures);
        let compared = rows(&before, &after);
        let named: Vec<_> = compared.iter().map(|(row, _, new)| (&**row, new.is_some())).collect();
        assert_eq!(named, [("", true), ("sharded_throughline ", false)]);
    }
}
