//! From what a data set gave to the result: figures with intervals, details,
//! and a line for each case.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    args::StalenessArgs,
    metrics::{Measure, Pool},
    play::Asked,
};
use crate::{
    metrics::{Samples, bootstrap::Bootstrap},
    report::Report,
};

/// Figures with their names.
type Named = Vec<(&'static str, Measure)>;

/// What a data set gave.
#[derive(Default)]
pub(crate) struct Findings {
    /// Figures that are averaged over cases.
    pub(crate) samples: Samples,
    /// Figures over scored items, with their names.
    pub(crate) pools: Vec<(Pool, Named)>,
    /// Rows of the breakdown beside the groups of conversations: over all items of a
    /// pool.
    pub(crate) rows: Vec<(&'static str, Pool, Named)>,
    /// Items behind the figures.
    pub(crate) n: usize,
    /// What is no figure.
    pub(crate) details: Value,
    /// One for each case.
    pub(crate) lines: Vec<Value>,
    /// Which servers were asked.
    pub(crate) asked: Asked,
}

impl Findings {
    /// Adds a line about a case.
    ///
    /// # Errors
    /// It is no JSON.
    pub(crate) fn line(&mut self, line: impl Serialize) -> anyhow::Result<()> {
        self.lines.push(serde_json::to_value(line)?);
        Ok(())
    }

    /// Writes the lines and delivers the result.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn deliver(self, args: &StalenessArgs) -> anyhow::Result<()> {
        let bootstrap = Bootstrap::new(args.seed);
        let mut report = Report::new("staleness", Value::Null);
        report.metrics = self.samples.figures(bootstrap, |_| true);
        report.breakdown = self.samples.breakdown(bootstrap, None);
        for (pool, named) in &self.pools {
            pool.fill(named, bootstrap, &mut report.metrics, &mut report.breakdown);
        }
        for (row, pool, named) in &self.rows {
            pool.fill_row(named, bootstrap, report.breakdown.entry((*row).to_owned()).or_default());
        }
        report.dataset = Some(args.dataset.folder().to_owned());
        report.split = Some(args.split().to_owned());
        report.n = self.n;
        report.model_sha256 = self.asked.model_sha256;
        report.details = self.details;
        report.config = json!({
            "reference": args.reference,
            "threshold": args.threshold,
            "budget": args.budget,
            "without": args.without,
            "folds": args.folds.folds,
            "limit": args.limit,
            "seed": args.seed,
            "scorers": self.asked.scorers,
            "servers": self.asked.servers,
        });
        if let Some(path) = &args.cases {
            let fail = || format!("write {}", path.display());
            let mut file = BufWriter::new(File::create(path).with_context(fail)?);
            for line in &self.lines {
                writeln!(file, "{line}").with_context(fail)?;
            }
            file.flush().with_context(fail)?;
        }
        report.deliver(args.out.out.as_deref())
    }
}
