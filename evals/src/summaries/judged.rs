//! The check against people's judgement: SummEdits (a summary agrees with its
//! dialogue or was edited so that it does not) and DiaSumFact (sentences of
//! models, each with the errors that people found).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use throughline_summarizer::{
    check::{Checked, Checker, Verdict},
    source::SourceTurn,
    text::sentences,
};

use super::{
    Checkers, Findings,
    args::SummariesArgs,
    items::{dialogue, turn},
    judge::{EvalJudge, verdict},
};
use crate::{
    dataset::read,
    staleness::metrics::{Item, Measure, Pool},
};

#[derive(Deserialize)]
struct Edited {
    id: String,
    doc: String,
    summary: String,
    label: u8,
    edit_types: Vec<String>,
}

#[derive(Deserialize)]
struct Judged {
    utterances: Vec<String>,
    annotations: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    sentence_annotations: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    sentence: String,
    annotation: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    error_class: String,
}

fn line(verdict: &Verdict) -> serde_json::Value {
    let reasons = verdict.reasons.iter().map(|reason| [reason.kind.name(), &reason.words]);
    json!({
        "probability": verdict.probability, "supported": verdict.supported,
        "entailed": verdict.entailed, "reasons": reasons.collect::<Vec<_>>(),
    })
}

/// A summary is as faithful as its least faithful sentence.
async fn least(
    checker: &Checker,
    source: &Checked,
    summary: &str,
    judge: Option<&EvalJudge>,
) -> anyhow::Result<(f64, bool, Vec<serde_json::Value>)> {
    let (mut least, mut supported, mut lines) = (1.0_f32, true, Vec::new());
    for sentence in sentences(summary) {
        let verdict = verdict(checker, sentence, source, judge).await?;
        least = least.min(verdict.probability);
        supported &= verdict.supported;
        lines.push(line(&verdict));
    }
    Ok((f64::from(least), supported, lines))
}

/// SummEdits: both domains, or the one that `--split` names.
///
/// # Errors
/// The data cannot be read, or embedding or the judge fails.
pub(super) async fn summedits(
    args: &SummariesArgs,
    checkers: &Checkers,
    judge: Option<&EvalJudge>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let domains = match args.split() {
        "all" => vec!["sales_call", "qmsumm"],
        one => vec![one],
    };
    let (mut odds, mut verdicts) = (Pool::default(), Pool::default());
    for domain in domains {
        let mut rows: Vec<Edited> = read::items(&read::find_file(&args.folder(), domain)?)?;
        rows.truncate(args.limit.unwrap_or(usize::MAX));
        let mut last: Option<(String, Checked)> = None;
        for row in rows {
            let document = row.id.rsplit_once('_').map_or(row.id.as_str(), |(name, _)| name);
            let checker = checkers.of(document);
            if last.as_ref().is_none_or(|(doc, _)| *doc != row.doc) {
                last = Some((row.doc.clone(), checker.read(&dialogue(row.doc.trim()))?));
            }
            let Some((_, source)) = &last else { continue };
            let (score, supported, lines) = least(checker, source, &row.summary, judge).await?;
            let label = row.label == 1;
            odds.add(document, domain, Item::new(score, label));
            verdicts.add(document, domain, Item::new(f64::from(u8::from(supported)), label));
            findings.n += 1;
            findings.lines.push(json!({
                "id": row.id, "consistent": label, "score": score, "supported": supported,
                "summary": row.summary, "edits": row.edit_types, "sentences": lines,
            }));
        }
    }
    pools(findings, odds, verdicts, f64::from(checkers.of("").threshold()));
    Ok(())
}

/// DiaSumFact, sentence by sentence.
///
/// # Errors
/// The data cannot be read, or embedding or the judge fails.
pub(super) async fn diasumfact(
    args: &SummariesArgs,
    checkers: &Checkers,
    judge: Option<&EvalJudge>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let path = read::find_file(&args.folder(), args.split())?;
    let mut all: Vec<BTreeMap<String, Judged>> = read::items(&path)?;
    let (mut odds, mut verdicts) = (Pool::default(), Pool::default());
    let rows = all.pop().unwrap_or_default();
    for (id, row) in rows.into_iter().take(args.limit.unwrap_or(usize::MAX)) {
        let meeting = id.split('-').next().unwrap_or(&id);
        let checker = checkers.of(meeting);
        let said = (1..).zip(&row.utterances).map(|(at, line)| {
            let (speaker, text) = line.split_once(": ").unwrap_or(("", line));
            turn(speaker, "", text, at)
        });
        let turns: Vec<SourceTurn> = said.collect();
        let source = checker.read(&turns)?;
        for (model, written) in &row.annotations {
            for sentence in &written.sentence_annotations {
                let verdict = verdict(checker, &sentence.sentence, &source, judge).await?;
                let faithful =
                    sentence.annotation.iter().all(|found| found.error_class == "No Error");
                let supported = f64::from(u8::from(verdict.supported));
                odds.add(meeting, model, Item::new(f64::from(verdict.probability), faithful));
                verdicts.add(meeting, model, Item::new(supported, faithful));
                findings.n += 1;
                let classes: Vec<&str> =
                    sentence.annotation.iter().map(|found| found.error_class.as_str()).collect();
                findings.lines.push(json!({
                    "id": id, "model": model, "sentence": sentence.sentence,
                    "classes": classes, "verdict": line(&verdict),
                }));
            }
        }
    }
    pools(findings, odds, verdicts, f64::from(checkers.of("").threshold()));
    Ok(())
}

/// `balanced_accuracy` is that of the probability at the check's threshold,
/// `balanced_accuracy_verdict` that of the verdict, hard checks included.
fn pools(findings: &mut Findings, odds: Pool, verdicts: Pool, threshold: f64) {
    let by_odds = vec![
        ("auroc", Measure::Auroc),
        ("balanced_accuracy", Measure::Balanced(threshold)),
        ("ece", Measure::Ece),
    ];
    findings.pools.push((odds, by_odds));
    findings.pools.push((verdicts, vec![("balanced_accuracy_verdict", Measure::Balanced(0.5))]));
}
