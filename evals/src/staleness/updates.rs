//! `longmemeval` and `beam`: a search must put the current statement above the
//! one it replaced, without losing either and without losing anything else.
//! Every question is searched twice, with staleness and without
//! (`ignore_staleness`); `without_*` are the figures of the second search. BEAM
//! also asks for the windows of its contradictions.
//!
//! LongMemEval labels sessions; here the turns with evidence in the later
//! session stand for the update, those in the earlier for the original.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::json;

use super::{
    args::{StalenessArgs, StalenessSet},
    case::Case,
    contradictions::{Contradiction, look},
    findings::Findings,
    play::{Played, play},
};
use crate::{
    cli::Method,
    dataset::{Dataset, DatasetName, Pair, Question, Scoring},
    metrics::{
        Samples,
        ranking::{first_rank, ranks_above, recall, reciprocal_rank, truth},
    },
    runner::{asking::Asked, reference::Reference},
};

/// Hits asked for each question; what lies deeper counts as not found.
const DEPTH: usize = 200;
/// Within how many turns both statements must be.
const PAIR_CUTOFF: usize = 10;

/// The questions of one conversation, in order.
type Questions = Vec<Question>;

fn read(args: &StalenessArgs) -> anyhow::Result<(Vec<Case<Questions>>, Scoring)> {
    let name = match args.dataset {
        StalenessSet::Longmemeval => DatasetName::Longmemeval,
        _ => DatasetName::Beam,
    };
    let data = args.data.clone().unwrap_or_default();
    let mut dataset = Dataset::read(name, &data, Some(args.split()))?;
    if let Some(limit) = args.limit {
        dataset.retain(|question| question.conversation < limit);
    }
    if dataset.questions.is_empty() {
        bail!("{} {} has no questions to ask", name.folder(), args.split());
    }
    let by_conversation = dataset.questions_by_conversation();
    let cases = dataset.conversations.iter().zip(by_conversation).filter_map(|(talk, places)| {
        let label: Questions =
            places.into_iter().filter_map(|at| dataset.questions.get(at).cloned()).collect();
        let fold_id = label.first()?.fold_id.clone();
        Some(Case { conversation: talk.clone(), fold_id, label })
    });
    Ok((cases.collect(), dataset.scoring))
}

/// The positions of the original and of the update, where a question has both.
fn update(question: &Question, session_of: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    match &question.pair {
        Some(Pair::Update { older, newer }) => Some((older.clone(), newer.clone())),
        Some(Pair::LaterSession { earlier, later }) => {
            let of = |sessions: &[usize]| -> Vec<usize> {
                let evidence = question.evidence.iter().copied();
                let stands = |at: &usize| session_of.get(*at).is_some_and(|s| sessions.contains(s));
                evidence.filter(stands).collect()
            };
            let (older, newer) = (of(earlier), of(&[*later]));
            (!older.is_empty() && !newer.is_empty()).then_some((older, newer))
        }
        Some(Pair::Contradiction { .. }) | None => None,
    }
}

/// The figures of one ranking.
fn figures(
    question: &Question,
    ranking: &[usize],
    session_of: &[usize],
) -> Vec<(&'static str, f64)> {
    let mut figures = Vec::new();
    if !question.evidence.is_empty() {
        figures.push(("recall@5", recall(ranking, &question.evidence, 5)));
        figures.push(("recall@10", recall(ranking, &question.evidence, 10)));
        figures.push(("mrr", reciprocal_rank(ranking, &question.evidence)));
    }
    if let Some((older, newer)) = update(question, session_of) {
        let within =
            |items: &[usize]| first_rank(ranking, items).is_some_and(|place| place < PAIR_CUTOFF);
        let above = ranks_above(ranking, &newer, &older);
        figures.push(("updated_above_original", truth(above)));
        figures.push(("both_in_10", truth(within(&newer) && within(&older))));
        figures.push(("updated_in_10", truth(within(&newer))));
    }
    figures
}

/// What a question came to.
struct Searched {
    with: Vec<usize>,
    without: Vec<usize>,
    /// The edge between original and update, as the service drew it.
    edge: Option<f64>,
    contradiction: Option<Contradiction>,
}

/// Runs it through the server.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let (cases, scoring) = read(args)?;
    let ask = async |played: Played<'_, Questions>| search(args, scoring, &played).await;
    let out = play(args, &cases, "conversations", ask).await?;
    let mut findings = Findings { asked: out.asked, ..Findings::default() };
    for (case, searched) in cases.iter().zip(&out.answers) {
        for (question, searched) in case.label.iter().zip(searched) {
            findings.n += 1;
            add(&mut findings, case, question, searched)?;
        }
    }
    Ok(findings)
}

async fn search(
    args: &StalenessArgs,
    scoring: Scoring,
    played: &Played<'_, Questions>,
) -> anyhow::Result<Vec<Searched>> {
    let state = played.state().await?;
    let conversation = &played.case.conversation;
    let session_of = conversation.session_of();
    let mut all = Vec::new();
    for question in &played.case.label {
        let (api, ingested) = (played.there.api, played.ingested);
        let asked = Asked { api, ingested, conversation, question, scoring };
        let mut rankings = [true, false].map(|_| Vec::new());
        for (ignore, ranking) in [false, true].into_iter().zip(&mut rankings) {
            let found = asked.search_with(Method::Hybrid, DEPTH, ignore).await?;
            *ranking = asked.ranked(&found.hits, Method::Hybrid).turns;
        }
        let [with, without] = rankings;
        let edge = update(question, &session_of).map(|(older, newer)| {
            let of_pair = state
                .edges
                .iter()
                .filter(|edge| older.contains(&edge.earlier) && newer.contains(&edge.later));
            of_pair.map(|edge| edge.confidence).fold(0.0, f64::max)
        });
        let contradiction = match &question.pair {
            Some(Pair::Contradiction { first, second }) => {
                Some(look(args, played, question, &state, [first, second]).await?)
            }
            _ => None,
        };
        all.push(Searched { with, without, edge, contradiction });
    }
    Ok(all)
}

fn add(
    findings: &mut Findings,
    case: &Case<Questions>,
    question: &Question,
    searched: &Searched,
) -> anyhow::Result<()> {
    let session_of = case.conversation.session_of();
    let with = figures(question, &searched.with, &session_of);
    let without = figures(question, &searched.without, &session_of);
    sample(&mut findings.samples, case, question, "", &with);
    sample(&mut findings.samples, case, question, "without_", &without);
    if let Some(confidence) = searched.edge {
        let found = truth(confidence > 0.0);
        sample(&mut findings.samples, case, question, "", &[("update_edge", found)]);
    }
    if let Some(contradiction) = &searched.contradiction {
        sample(&mut findings.samples, case, question, "", &contradiction.figures());
    }
    let Some((older, newer)) = pair(question, &session_of) else { return Ok(()) };
    let turns: BTreeMap<usize, &str> =
        case.conversation.turns().map(|t| (t.position, t.message.text.as_str())).collect();
    let texts =
        |at: &[usize]| -> Vec<&str> { at.iter().filter_map(|at| turns.get(at).copied()).collect() };
    findings.line(json!({
        "question": question.id, "group": question.group, "text": question.text,
        "older": older, "newer": newer, "older_texts": texts(&older), "newer_texts": texts(&newer),
        "top_10": searched.with.iter().take(PAIR_CUTOFF).collect::<Vec<_>>(),
        "top_10_without": searched.without.iter().take(PAIR_CUTOFF).collect::<Vec<_>>(),
        "edge": searched.edge,
        "contradiction": searched.contradiction,
    }))
}

/// The two statements of an update or a contradiction.
fn pair(question: &Question, session_of: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    match &question.pair {
        Some(Pair::Contradiction { first, second }) => Some((first.clone(), second.clone())),
        _ => update(question, session_of),
    }
}

fn sample(
    samples: &mut Samples,
    case: &Case<Questions>,
    question: &Question,
    prefix: &str,
    figures: &[(&'static str, f64)],
) {
    for (name, value) in figures {
        let name = format!("{prefix}{name}");
        samples.add(&name, &case.conversation.id, &question.group, *value);
    }
}

/// The READMEs' BM25.
///
/// # Errors
/// The data cannot be read.
pub(crate) fn reference(args: &StalenessArgs) -> anyhow::Result<Findings> {
    let (cases, scoring) = read(args)?;
    let mut findings = Findings::default();
    for case in &cases {
        let session_of = case.conversation.session_of();
        let reference = Reference::new(&case.conversation, scoring);
        for question in &case.label {
            findings.n += 1;
            let ranking = reference.rank(question).turns;
            let figures = figures(question, &ranking, &session_of);
            sample(&mut findings.samples, case, question, "", &figures);
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn evidence_of_each_session_makes_the_pair() {
        let session_of = [0, 0, 1, 1, 2];
        for (evidence, expected) in [
            (vec![0, 3], Some((vec![0], vec![3]))),
            (vec![0, 1, 2, 4], Some((vec![0, 1], vec![2]))),
            // One side is not labelled at turn grain.
            (vec![0], None),
        ] {
            let question = Question {
                id: "q".into(),
                conversation: 0,
                fold_id: "q".into(),
                text: "?".into(),
                group: "knowledge-update".into(),
                evidence: BTreeSet::from_iter(evidence.clone()),
                evidence_sessions: BTreeSet::new(),
                pair: Some(Pair::LaterSession { earlier: vec![0], later: 1 }),
            };
            assert_eq!(update(&question, &session_of), expected, "{evidence:?}");
        }
    }
}
