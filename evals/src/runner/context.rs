//! `context`: does the window hold the labelled evidence, and keep its budget?
//!
//! `hybrid` scores the windows that the server builds. Every other method
//! fills a window by its ranking in this program: what an application would do
//! with a plain search, or with the last turns alone.

use anyhow::Context as _;
use serde_json::{Value, json};
use throughline_proto::v1::{
    BuildContextRequest, ContextOptions, ContextWindow, DeleteConversationRequest,
};

use crate::{
    cli::{ContextArgs, Method},
    client::retry,
    dataset::{Dataset, Question},
    folds::Kind,
    metrics::{Samples, ranking::truth},
    report::Report,
};

use super::{
    asking::{Asked, Outcome, Plan, collect},
    ingest::{Layout, create},
    pass::{Opened, passes, read},
    progress::Progress,
    reference::{Reference, recency},
    window::{Costs, TOKENIZER, named, recount},
};

/// Hits that a ranked window is filled from; more never fit a usual budget.
const FILL_DEPTH: usize = 400;

/// Runs the command and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &ContextArgs) -> anyhow::Result<()> {
    let mut dataset = read(&args.data)?;
    dataset.label_turns_of_sessions();
    let mut samples = Samples::default();
    let mut report = Report::new("context", Value::Null);
    let mut servers = Vec::new();
    let mut shortfalls = 0;
    if args.method.needs_server() {
        for pass in passes(&dataset, &args.folds, Kind::Ranking)? {
            let opened = Opened::for_pass(&args.server, &pass).await?;
            servers.push(opened.describe_pass(&pass));
            report.model_sha256 = opened.model_sha256();
            let outcomes = ask(args, &opened, &pass.dataset).await?;
            shortfalls += collect(outcomes, &mut samples);
            opened.close().await?;
        }
    } else {
        collect(fill_here(args, &dataset), &mut samples);
    }
    report.config = json!({
        "method": args.method,
        "window": if args.method == Method::Hybrid { "BuildContext" } else { "filled by rank" },
        "per_session": args.per_session,
        "budgets": args.budget,
        "tokenizer": TOKENIZER,
        "folds": args.folds.folds,
        "limit": args.data.limit,
        "seed": args.data.seed,
        "shortfalls": shortfalls,
        "servers": servers,
    });
    report.fill(&dataset, &samples, args.data.seed);
    report.deliver(args.out.out.as_deref())
}

async fn ask(
    args: &ContextArgs,
    opened: &Opened,
    dataset: &Dataset,
) -> anyhow::Result<Vec<Outcome>> {
    let turns = dataset.conversations.iter().map(|conversation| conversation.len()).sum();
    let progress = Progress::new(turns, dataset.questions.len(), "questions");
    let plan = Plan {
        api: &opened.api,
        layout: if args.per_session { Layout::PerSession } else { Layout::Whole },
        server: &args.server,
        progress: &progress,
    };
    plan.ask_all(dataset, async |asked: Asked<'_>| match args.method {
        Method::Hybrid => built(args, &asked).await,
        method => {
            let found = asked.search(method, FILL_DEPTH).await?;
            let ranking = asked.ranked(&found.hits, method).turns;
            let costs = Costs::of(asked.conversation);
            let figures = filled(args, &costs, &ranking, asked.question, false);
            Ok(asked.outcome(figures, found.shortfalls))
        }
    })
    .await
}

/// Has the server build windows at each budget, and reads them.
async fn built(args: &ContextArgs, asked: &Asked<'_>) -> anyhow::Result<Outcome> {
    let fresh = match asked.ingested.whole() {
        Some(_) => None,
        None => {
            let id = blake3::hash(asked.question.id.as_bytes()).to_hex();
            let id = id.chars().take(32).collect::<String>();
            Some(create(asked.api, &format!("q{id}"), &asked.ingested.user_id).await?)
        }
    };
    let name = fresh.as_deref().or(asked.ingested.whole()).context("no conversation to ask")?;
    let mut figures = Vec::new();
    let mut shortfalls = 0;
    for &budget in &args.budget {
        let window = build(asked, name, budget, fresh.is_some()).await?;
        shortfalls += window.shortfalls.len();
        let named = named(&window, asked.ingested, asked.conversation);
        let evidence = &asked.question.evidence;
        let tokens = recount(&window);
        let covered = evidence.intersection(&named.positions).count();
        let cut = evidence.intersection(&named.cut).count();
        figures.extend(figures_at(budget, asked.question, covered, tokens));
        if covered > 0 {
            figures.push((format!("named_but_cut@{budget}"), cut as f64 / covered as f64));
        }
        let full = window.full_history_tokens as f64;
        figures.push((format!("full_history_tokens@{budget}"), full));
    }
    if let Some(name) = fresh {
        let call = async || {
            let request = DeleteConversationRequest { name: name.clone() };
            asked.api.conversations.clone().delete_conversation(request).await
        };
        retry("DeleteConversation", call).await?;
    }
    Ok(asked.outcome(figures, shortfalls))
}

async fn build(
    asked: &Asked<'_>,
    name: &str,
    budget: u32,
    include_user_history: bool,
) -> anyhow::Result<ContextWindow> {
    let call = async || {
        let options = ContextOptions {
            token_budget: i32::try_from(budget).unwrap_or(i32::MAX),
            tokenizer: TOKENIZER.to_owned(),
            include_user_history,
            ..ContextOptions::default()
        };
        let request = BuildContextRequest {
            conversation: name.to_owned(),
            query: asked.question.text.clone(),
            options: Some(options),
            min_revision: 0,
            as_of_turn: 0,
        };
        asked.api.context.clone().build_context(request).await
    };
    let reply = retry("BuildContext", call).await?.into_inner();
    reply.window.context("BuildContext answered without a window")
}

/// Fills windows without a server.
fn fill_here(args: &ContextArgs, dataset: &Dataset) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(dataset.questions.len());
    let by_conversation = dataset.questions_by_conversation();
    for (conversation, questions) in dataset.conversations.iter().zip(by_conversation) {
        let costs = Costs::of(conversation);
        let reference = (args.method == Method::Bm25Reference)
            .then(|| Reference::new(conversation, dataset.scoring));
        for question in questions.into_iter().filter_map(|at| dataset.questions.get(at)) {
            let ranked = match &reference {
                Some(reference) => reference.rank(question),
                None => recency(conversation),
            };
            let stop = args.method == Method::Recency;
            outcomes.push(Outcome {
                cluster: conversation.id.clone(),
                group: question.group.clone(),
                figures: filled(args, &costs, &ranked.turns, question, stop),
                shortfalls: 0,
            });
        }
    }
    outcomes
}

fn filled(
    args: &ContextArgs,
    costs: &Costs,
    ranking: &[usize],
    question: &Question,
    stop: bool,
) -> Vec<(String, f64)> {
    let at = |&budget: &u32| {
        let filled = costs.fill(ranking, &question.text, budget as usize, stop);
        let covered = question.evidence.intersection(&filled.positions).count();
        figures_at(budget, question, covered, filled.tokens)
    };
    args.budget.iter().flat_map(at).collect()
}

/// The figures of one window. Coverage needs labelled turns.
fn figures_at(
    budget: u32,
    question: &Question,
    covered: usize,
    tokens: usize,
) -> Vec<(String, f64)> {
    let mut figures = vec![
        (format!("window_tokens@{budget}"), tokens as f64),
        (format!("over_budget@{budget}"), truth(tokens > budget as usize)),
    ];
    let evidence = question.evidence.len();
    if evidence > 0 {
        figures.push((format!("coverage@{budget}"), covered as f64 / evidence as f64));
        figures.push((format!("all_evidence@{budget}"), truth(covered == evidence)));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn figures_of_a_window() {
        let question = |evidence: &[usize]| Question {
            id: "q".into(),
            conversation: 0,
            fold_id: "c".into(),
            text: "?".into(),
            group: "g".into(),
            evidence: evidence.iter().copied().collect(),
            evidence_sessions: BTreeSet::new(),
            pair: None,
        };
        for (evidence, covered, tokens, expected) in [
            (vec![1, 2], 1, 90, vec![("coverage@100", 0.5), ("all_evidence@100", 0.0)]),
            (vec![1, 2], 2, 101, vec![("coverage@100", 1.0), ("over_budget@100", 1.0)]),
            (vec![], 0, 100, vec![("window_tokens@100", 100.0), ("over_budget@100", 0.0)]),
        ] {
            let got = figures_at(100, &question(&evidence), covered, tokens);
            for (name, value) in expected {
                let found = got.iter().find(|(n, _)| n == name).map(|(_, value)| *value);
                assert_eq!(found, Some(value), "{name} of {evidence:?}");
            }
            let labelled = got.iter().any(|(name, _)| name.starts_with("coverage"));
            assert_eq!(labelled, !evidence.is_empty());
        }
    }
}
