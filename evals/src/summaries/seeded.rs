//! Which seeded changes the check catches, and how often it objects to the
//! sentences as people wrote them.

use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::json;
use throughline_summarizer::text::sentences;

use super::{
    Findings,
    args::SummariesArgs,
    changes::{Change, changed, names_of},
    items::Item,
    judge::verdict,
    written::Tools,
};
use crate::staleness::metrics::{Item as Scored, Measure, Pool};

/// Changes each sentence of the references once in each way that it allows.
/// `caught_*`: rejected; `false_alarms`: rejected as people wrote it;
/// `caught_*_auroc`: changed against unchanged by the probability.
///
/// # Errors
/// Embedding or the judge fails.
pub(super) async fn measure(
    args: &SummariesArgs,
    items: &[Item],
    tools: &Tools<'_>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(args.seed);
    let mut names: Vec<String> = items
        .iter()
        .flat_map(|item| {
            let all = item.references.iter().flat_map(|text| names_of(text, &item.turns));
            all.map(|(_, name)| name.to_owned()).collect::<Vec<_>>()
        })
        .collect();
    names.sort();
    names.dedup();
    let mut pools = Change::ALL.map(|_| Pool::default());
    for item in items {
        let checker = tools.checkers.of(&item.cluster);
        let source = checker.read(&item.turns)?;
        for sentence in item.references.iter().flat_map(|text| sentences(text)) {
            let whole = verdict(checker, sentence, &source, tools.judge).await?;
            let cluster = item.cluster.as_str();
            let flag = |holds: bool| f64::from(u8::from(holds));
            let alarm = flag(!whole.supported);
            findings.samples.add("false_alarms", cluster, &item.group, alarm);
            let hard = whole.reasons.iter().any(|reason| reason.kind.is_hard());
            findings.samples.add("false_alarms_hard", cluster, &item.group, flag(hard));
            for (change, pool) in Change::ALL.into_iter().zip(&mut pools) {
                let Some(text) = changed(change, sentence, &item.turns, &names, &mut random) else {
                    continue;
                };
                let verdict = verdict(checker, &text, &source, tools.judge).await?;
                let name = format!("caught_{}", change.name());
                let caught = flag(!verdict.supported);
                findings.samples.add(&name, cluster, &item.group, caught);
                // The sentence as it was and as it was made, side by side.
                let doubt = |probability: f32| f64::from(1.0 - probability);
                pool.add(cluster, &item.group, Scored::new(doubt(whole.probability), false));
                pool.add(cluster, &item.group, Scored::new(doubt(verdict.probability), true));
                findings.lines.push(json!({
                    "id": item.id, "change": change.name(), "sentence": sentence, "changed": text,
                    "probability": [whole.probability, verdict.probability],
                    "supported": [whole.supported, verdict.supported],
                    "reasons": verdict.reasons.iter()
                        .map(|reason| [reason.kind.name(), &reason.words]).collect::<Vec<_>>(),
                }));
            }
        }
    }
    let names = ["number_auroc", "name_auroc", "negation_auroc", "speaker_auroc"];
    for (pool, name) in pools.into_iter().zip(names) {
        findings.pools.push((pool, vec![(name, Measure::Auroc)]));
    }
    Ok(())
}
