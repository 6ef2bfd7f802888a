//! `summaries`: how near summaries come to people's, extractive ones or those of a
//! language model, whether the faithfulness check agrees with people, and which seeded
//! changes it catches.
//!
//! Flow: `items` and `judged` read a data set, `written` runs the library's composing
//! and check over it (`model` opens who writes, `judge` what judges entailment), `rouge`
//! and the figures of staleness score, `changes` seeds one change into a sentence. This
//! command measures the library itself (`throughline-summarizer` with the default embedding
//! model), without a server.

pub(crate) mod args;
pub(crate) mod by_hand;
mod changes;
mod embedder;
mod items;
mod judge;
mod judged;
mod model;
mod rouge;
pub(crate) mod rows;
mod seeded;
mod written;

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use throughline_memory::embed::Embedder;
use throughline_summarizer::check::{CheckWeights, Checker};

use crate::{
    folds,
    metrics::{
        Samples,
        bootstrap::{Bootstrap, Estimate},
    },
    report::Report,
    staleness::metrics::{Measure, Pool},
};
use args::{SummariesArgs, SummarySet};
use judge::EvalJudge;
use model::WritingModel;

/// Checkers by fold; one for all without folds.
pub(crate) struct Checkers(Vec<Checker>);

impl Checkers {
    fn open(args: &SummariesArgs, embedder: &Arc<dyn Embedder>) -> anyhow::Result<Self> {
        let read = |path: &Path| -> anyhow::Result<Checker> {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let weights = CheckWeights::read(&text).with_context(|| path.display().to_string())?;
            Ok(Checker::new(weights, Arc::clone(embedder)))
        };
        let checkers = match (args.folds, &args.fold_weights, &args.weights) {
            (Some(folds), Some(folder), _) => {
                (0..folds).map(|fold| read(&folds::file(folder, fold))).collect::<Result<_, _>>()?
            }
            (_, _, Some(path)) => vec![read(path)?],
            _ => vec![Checker::bundled(Arc::clone(embedder))?],
        };
        Ok(Self(checkers))
    }

    /// The checker that did not learn from a document.
    pub(crate) fn of(&self, document: &str) -> &Checker {
        // There is one for each fold: `open` made them so.
        &self.0[folds::fold_of(document, self.0.len() as u64) as usize]
    }
}

/// What a data set gave.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) samples: Samples,
    pub(crate) pools: Vec<(Pool, Vec<(&'static str, Measure)>)>,
    pub(crate) n: usize,
    pub(crate) lines: Vec<Value>,
    /// Summaries to be read by hand.
    shown: Vec<by_hand::Shown>,
}

/// Measures.
///
/// # Errors
/// The data or the model cannot be read, or embedding fails.
pub(crate) async fn run(args: &SummariesArgs) -> anyhow::Result<()> {
    // First: it may be refused.
    let model = WritingModel::open(args)?;
    let judge = EvalJudge::open(args, model.as_ref())?;
    let embedder = embedder::open(&args.model_args)?;
    let checkers = Checkers::open(args, &embedder)?;
    let mut findings = Findings::default();
    match args.dataset {
        SummarySet::Summedits => {
            judged::summedits(args, &checkers, judge.as_ref(), &mut findings).await?
        }
        SummarySet::Diasumfact => {
            judged::diasumfact(args, &checkers, judge.as_ref(), &mut findings).await?
        }
        SummarySet::Dialogsum | SummarySet::Qmsum | SummarySet::Beam | SummarySet::Locomo => {
            let items = items::read(args)?;
            let tools = written::Tools {
                checkers: &checkers,
                embedder: &embedder,
                model: model.as_ref(),
                judge: judge.as_ref(),
            };
            written::measure(args, &items, &tools, &mut findings).await?;
            if matches!(args.dataset, SummarySet::Dialogsum | SummarySet::Beam) {
                let some = items.get(..args.changes.min(items.len())).unwrap_or_default();
                seeded::measure(args, some, &tools, &mut findings).await?;
            }
        }
    }
    let identity = judge.as_ref().map(EvalJudge::identity);
    deliver(args, &embedder, model.as_ref(), identity, findings)
}

fn deliver(
    args: &SummariesArgs,
    embedder: &Arc<dyn Embedder>,
    model: Option<&WritingModel>,
    judge: Option<String>,
    findings: Findings,
) -> anyhow::Result<()> {
    // Elsewhere it only judges.
    let model = model.filter(|_| args.dataset.is_written());
    let bootstrap = Bootstrap::new(args.seed);
    let config = json!({
        "model": args.model, "budget": args.budget, "folds": args.folds, "seed": args.seed,
        "limit": args.limit, "changes": args.changes,
        "writer": model.map(WritingModel::describe), "entailment": judge,
    });
    let mut report = Report::new("summaries", config);
    report.dataset = Some(args.dataset.folder().to_owned());
    report.split = Some(args.split().to_owned());
    report.n = findings.n;
    report.model_sha256 = Some(embedder.model().sha256.clone());
    report.metrics = findings.samples.figures(bootstrap, |_| true);
    report.breakdown = findings.samples.breakdown(bootstrap, None);
    for (pool, named) in &findings.pools {
        pool.fill(named, bootstrap, &mut report.metrics, &mut report.breakdown);
    }
    if let Some(spent) = model.map(WritingModel::spent) {
        let speed = spent.generated_tokens as f64 / spent.seconds.max(f64::MIN_POSITIVE);
        let speed = Estimate::exact(speed, spent.requests as usize);
        report.metrics.insert("tokens_per_second".to_owned(), speed);
        report.details = json!({ "writer": spent });
    }
    if let Some(path) = &args.cases {
        let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        for line in &findings.lines {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
    }
    if let Some(path) = &args.dump {
        by_hand::dump(path, &findings.shown, args.dump_count)?;
    }
    report.deliver(args.out.out.as_deref())
}
