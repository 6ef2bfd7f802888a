//! Summaries by the library against people's: ROUGE, how many sentences the check does
//! not support, and of a language model's what became of its sentences.

use std::sync::Arc;

use anyhow::{bail, ensure};
use serde_json::json;
use throughline_memory::embed::Embedder;
use throughline_summarizer::{
    check::{Reason, Verdict},
    compose::{Composer, Order, Origin, Summary, Writer},
    extractive::Extractive,
    source::SourceTurn,
};

use super::{
    Checkers, Findings,
    args::{LEAD, SummariesArgs},
    by_hand::Shown,
    items::Item,
    judge::{EvalJudge, verdict},
    model::{Asked, WritingModel},
    rouge::{rouge_l, rouge1},
};
use crate::{metrics::ranking::truth, runner::progress::bar};

/// Bounds of a summary without `--budget`: a quarter of what was said.
const SHARE: usize = 4;
const LEAST: usize = 120;
const MOST: usize = 1_200;

/// Characters of a summary of these turns, if none are asked for.
fn budget(turns: &[SourceTurn]) -> usize {
    let said: usize = turns.iter().map(|turn| turn.text.chars().count()).sum();
    (said / SHARE).clamp(LEAST, MOST)
}

/// What summaries are written and checked with.
pub(super) struct Tools<'a> {
    pub(super) checkers: &'a Checkers,
    pub(super) embedder: &'a Arc<dyn Embedder>,
    /// Who writes; without, sentences are taken from the turns.
    pub(super) model: Option<&'a WritingModel>,
    /// What judges entailment beside the check, if anything does.
    pub(super) judge: Option<&'a EvalJudge>,
}

/// A summary and what is known of it.
struct Written {
    text: String,
    /// Nothing for the first three turns, which are not composed.
    composed: Option<Summary>,
    /// Sentences of a model's first answer that were rejected.
    rejected: usize,
    /// What the check says of the sentences that stand.
    verdicts: Vec<(String, Verdict)>,
}

/// Summarises each item and scores it.
///
/// # Errors
/// Embedding fails, a model wrote nothing at all, or the judge failed.
pub(super) async fn measure(
    args: &SummariesArgs,
    items: &[Item],
    tools: &Tools<'_>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.n = items.len();
    let bar = bar(items.len(), "summaries");
    let (mut fell_back, mut why) = (0, String::new());
    for item in items {
        let written = write(args, item, tools).await?;
        if tools.model.is_some()
            && let Some(summary) = &written.composed
        {
            add_origins(&written, summary, item, findings);
            if let Some(error) = &summary.writer_error {
                fell_back += 1;
                why.clone_from(error);
            }
        }
        let shown = written.composed.as_ref().filter(|_| args.dump.is_some());
        findings.shown.extend(shown.map(|summary| Shown::new(item, summary)));
        score(&written, item, findings);
        bar.inc(1);
    }
    bar.finish_and_clear();
    // Else figures of extracts would stand under the model's name.
    ensure!(fell_back < items.len().max(1), "{} wrote nothing: {why}", args.model);
    Ok(())
}

async fn write(args: &SummariesArgs, item: &Item, tools: &Tools<'_>) -> anyhow::Result<Written> {
    if args.model == LEAD {
        let lead = item.turns.iter().take(3).map(|turn| turn.led(&turn.text));
        let text = lead.collect::<Vec<_>>().join(" ");
        return Ok(Written { text, composed: None, rejected: 0, verdicts: Vec::new() });
    }
    let checker = tools.checkers.of(&item.cluster);
    let budget = args.budget.map_or_else(|| budget(&item.turns), |budget| budget as usize);
    let composer = Composer::new(checker.clone(), Extractive::new(Arc::clone(tools.embedder)));
    let order = Order { turns: &item.turns, budget, pins: &[], below: &[] };
    let writer = tools.model.map(WritingModel::writer);
    let asked = writer.as_ref().map(|writer| -> &dyn Writer { writer });
    let judge = tools.judge.map(EvalJudge::judge);
    let summary = composer.compose_judged(order, asked, judge).await?;
    if let Some(error) = &summary.judge_error {
        bail!("the judge of entailment failed: {error}");
    }
    let source = checker.read(&item.turns)?;
    let mut verdicts = Vec::new();
    for sentence in &summary.sentences {
        let verdict = verdict(checker, &sentence.text, &source, tools.judge).await?;
        verdicts.push((sentence.text.clone(), verdict));
    }
    Ok(Written {
        text: summary.text(),
        rejected: writer.as_ref().map_or(0, Asked::rejected),
        composed: Some(summary),
        verdicts,
    })
}

/// How the sentences of a model's summary came to stand in it, and how many of those
/// that it wrote at first were rejected.
fn add_origins(written: &Written, summary: &Summary, item: &Item, findings: &mut Findings) {
    let mut add = |name: &str, value: bool| {
        findings.samples.add(name, &item.cluster, &item.group, truth(value));
    };
    add("fell_back", summary.writer_error.is_some());
    if summary.writer_error.is_some() {
        // All of it is extracted: nothing is said of the model's sentences.
        return;
    }
    for sentence in &summary.sentences {
        let origin = sentence.origin;
        add("accepted", origin == Origin::Written);
        add("rewritten", origin == Origin::Rewritten);
        add("replaced", matches!(origin, Origin::Extracted | Origin::Retold));
        if origin == Origin::Written {
            add("rejected", false);
        }
    }
    (0..written.rejected).for_each(|_| add("rejected", true));
}

fn score(written: &Written, item: &Item, findings: &mut Findings) {
    let Written { text, verdicts, .. } = written;
    let mut add = |name: &str, value: f64| {
        findings.samples.add(name, &item.cluster, &item.group, value);
    };
    let mean = |score: fn(&str, &str) -> f64| {
        let scores = item.references.iter().map(|reference| score(text, reference));
        scores.sum::<f64>() / item.references.len().max(1) as f64
    };
    let (one, longest) = (mean(rouge1), mean(rouge_l));
    add("rouge1", one);
    add("rougeL", longest);
    add("characters", text.chars().count() as f64);
    for (_, verdict) in verdicts {
        add("unsupported", truth(!verdict.supported));
        add("unsupported_hard", truth(verdict.reasons.iter().any(|reason| reason.kind.is_hard())));
    }
    let reasons = |reasons: &[Reason]| -> Vec<[String; 2]> {
        reasons.iter().map(|one| [one.kind.name().to_owned(), one.words.clone()]).collect()
    };
    let composed = written.composed.as_ref();
    let rejected = composed.map_or(&[][..], |summary| summary.rejected.as_slice());
    findings.lines.push(json!({
        "id": item.id, "summary": text, "rouge1": one, "rougeL": longest,
        "references": item.references,
        "judged_by": composed.and_then(|summary| summary.judged_by.as_ref()),
        "writer": composed.map(|summary| &summary.model),
        "writer_error": composed.and_then(|summary| summary.writer_error.as_ref()),
        "rejected": rejected.iter().map(|one| json!({
            "text": one.text, "probability": one.faithful, "again": one.again,
            "entailed": one.entailed,
            "reasons": reasons(&one.reasons),
        })).collect::<Vec<_>>(),
        "unsupported": verdicts.iter().filter(|(_, verdict)| !verdict.supported)
            .map(|(text, verdict)| json!({
                "text": text, "probability": verdict.probability, "entailed": verdict.entailed,
                "reasons": reasons(&verdict.reasons),
            })).collect::<Vec<_>>(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summaries::items::turn;

    #[test]
    fn the_budget_is_a_quarter_within_bounds() {
        for (said, expected) in [(100, LEAST), (2_000, 500), (100_000, MOST)] {
            assert_eq!(budget(&[turn("A", "", &"x".repeat(said), 1)]), expected);
        }
    }
}
