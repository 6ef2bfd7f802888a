//! `retrieval`: is the labelled evidence among the first hits of a search?

use serde_json::{Value, json};

use crate::{
    cli::{Method, RetrievalArgs},
    dataset::Dataset,
    folds::Kind,
    metrics::{Samples, question::figures},
    report::Report,
};

use super::{
    asking::{Asked, Outcome, Plan, collect},
    ingest::Layout,
    pass::{Opened, passes, read},
    progress::Progress,
    reference::{Reference, recency},
};

/// Runs the command and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &RetrievalArgs) -> anyhow::Result<()> {
    let dataset = read(&args.data)?;
    let mut samples = Samples::default();
    let mut report = Report::new("retrieval", Value::Null);
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
        collect(answer_here(&dataset, args.method), &mut samples);
    }
    report.config = json!({
        "method": args.method,
        "per_session": args.per_session,
        "depth": args.depth,
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
    args: &RetrievalArgs,
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
    plan.ask_all(dataset, async |asked: Asked<'_>| {
        let found = asked.search(args.method, usize::from(args.depth)).await?;
        let ranked = asked.ranked(&found.hits, args.method);
        let figures = figures(asked.question, &ranked, asked.scoring);
        Ok(asked.outcome(figures, found.shortfalls))
    })
    .await
}

/// Ranks in this program, without a server.
pub(super) fn answer_here(dataset: &Dataset, method: Method) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(dataset.questions.len());
    let by_conversation = dataset.questions_by_conversation();
    for (conversation, questions) in dataset.conversations.iter().zip(by_conversation) {
        let reference = (method == Method::Bm25Reference)
            .then(|| Reference::new(conversation, dataset.scoring));
        for question in questions.into_iter().filter_map(|at| dataset.questions.get(at)) {
            let ranked = match &reference {
                Some(reference) => reference.rank(question),
                None => recency(conversation),
            };
            outcomes.push(Outcome {
                cluster: conversation.id.clone(),
                group: question.group.clone(),
                figures: figures(question, &ranked, dataset.scoring),
                shortfalls: 0,
            });
        }
    }
    outcomes
}
