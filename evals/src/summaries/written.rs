//! Summaries by the library against people's: ROUGE, and how many sentences the
//! check does not support.

use std::sync::Arc;

use serde_json::json;
use throughline_memory::embed::Embedder;
use throughline_summarizer::{
    compose::{Composer, Order},
    extractive::Extractive,
    source::SourceTurn,
};

use super::{
    Checkers, Findings,
    args::SummariesArgs,
    items::Item,
    rouge::{rouge_l, rouge1},
};

/// Bounds of a summary without `--budget`: a quarter of what was said.
const SHARE: usize = 4;
const LEAST: usize = 120;
const MOST: usize = 1_200;

/// Characters of a summary of these turns, if none are asked for.
fn budget(turns: &[SourceTurn]) -> usize {
    let said: usize = turns.iter().map(|turn| turn.text.chars().count()).sum();
    (said / SHARE).clamp(LEAST, MOST)
}

/// Summarises each item and scores it.
///
/// # Errors
/// Embedding fails.
pub(super) async fn measure(
    args: &SummariesArgs,
    items: &[Item],
    checkers: &Checkers,
    embedder: &Arc<dyn Embedder>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    findings.n = items.len();
    for item in items {
        let checker = checkers.of(&item.cluster);
        let budget = args.budget.map_or_else(|| budget(&item.turns), |budget| budget as usize);
        let mut unsupported = Vec::new();
        let text = if args.model == "lead3" {
            let lead = item.turns.iter().take(3).map(|turn| turn.led(&turn.text));
            lead.collect::<Vec<_>>().join(" ")
        } else {
            let composer = Composer::new(checker.clone(), Extractive::new(Arc::clone(embedder)));
            let order = Order { turns: &item.turns, budget, pins: &[], below: &[] };
            let summary = composer.compose(order, None).await?;
            let source = checker.read(&item.turns)?;
            for sentence in &summary.sentences {
                let verdict = checker.check(&sentence.text, &source)?;
                unsupported.push((sentence.text.clone(), verdict));
            }
            summary.text()
        };
        let mut add = |name: &str, value: f64| {
            findings.samples.add(name, &item.cluster, &item.group, value);
        };
        let mean = |score: fn(&str, &str) -> f64| {
            let scores = item.references.iter().map(|reference| score(&text, reference));
            scores.sum::<f64>() / item.references.len().max(1) as f64
        };
        let (one, longest) = (mean(rouge1), mean(rouge_l));
        add("rouge1", one);
        add("rougeL", longest);
        add("characters", text.chars().count() as f64);
        for (_, verdict) in &unsupported {
            add("unsupported", f64::from(u8::from(!verdict.supported)));
            let hard = verdict.reasons.iter().any(|reason| reason.kind.is_hard());
            add("unsupported_hard", f64::from(u8::from(hard)));
        }
        findings.lines.push(json!({
            "id": item.id, "summary": text, "rouge1": one, "rougeL": longest,
            "references": item.references,
            "unsupported": unsupported.iter().filter(|(_, verdict)| !verdict.supported)
                .map(|(text, verdict)| json!({
                    "text": text, "probability": verdict.probability,
                    "reasons": verdict.reasons.iter()
                        .map(|reason| [reason.kind.name(), &reason.words]).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
        }));
    }
    Ok(())
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
