//! `features`: for each question a JSON line of the candidate turns with the
//! score components that the server gives and the label, to learn the fusion
//! from. The fold is marked, so that learning can leave it out.
//!
//! A set whose licence allows evaluation only must not be learnt from; the
//! command refuses it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
};

use anyhow::{Context as _, bail};
use serde::Serialize;
use throughline_proto::v1::SearchHit;

use crate::{
    cli::{FeaturesArgs, Method},
    dataset::{Conversation, DatasetName},
    folds::fold_of,
    report,
};

use super::{
    asking::{Asked, Plan},
    ingest::Layout,
    pass::{Opened, read},
    progress::Progress,
};

#[derive(Serialize)]
struct Line<'a> {
    dataset: DatasetName,
    split: &'a str,
    conversation: &'a str,
    question: &'a str,
    group: &'a str,
    fold: u64,
    /// Turns in the conversation, found or not.
    turns: usize,
    /// Evidence turns, found or not.
    evidence: usize,
    weights_sha256: &'a str,
    candidates: Vec<Candidate>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Candidate {
    turn: usize,
    role: &'static str,
    bytes: usize,
    label: bool,
    total: f32,
    components: BTreeMap<String, f32>,
}

/// Runs the command.
///
/// # Errors
/// The data must not be learnt from or cannot be read, the server does not
/// start or answer, or the file cannot be written.
pub(crate) async fn run(args: &FeaturesArgs) -> anyhow::Result<()> {
    if args.data.dataset == DatasetName::Locomo {
        bail!("locomo is licensed for evaluation only (CC BY-NC): nothing may be learnt from it");
    }
    let dataset = read(&args.data)?;
    let file = File::create(&args.out).with_context(|| format!("write {}", args.out.display()))?;
    let opened = Opened::new(&args.server, &[]).await?;
    let weights = opened.info.ranking.clone().unwrap_or_default().weights_sha256;
    let turns = dataset.conversations.iter().map(Conversation::len).sum();
    let progress = Progress::new(turns, dataset.questions.len(), "questions");
    let plan =
        Plan { api: &opened.api, layout: Layout::Whole, server: &args.server, progress: &progress };
    let mut lines = plan
        .ask_all(&dataset, async |asked: Asked<'_>| {
            let found = asked.search(Method::Hybrid, usize::from(args.depth)).await?;
            let line = Line {
                dataset: dataset.name,
                split: &dataset.split,
                conversation: &asked.conversation.id,
                question: &asked.question.id,
                group: &asked.question.group,
                fold: fold_of(&asked.question.fold_id, args.folds),
                turns: asked.conversation.len(),
                evidence: asked.question.evidence.len(),
                weights_sha256: &weights,
                candidates: candidates(&asked, &found.hits),
            };
            Ok(serde_json::to_string(&line)?)
        })
        .await?;
    // Conversations end in any order.
    lines.sort_unstable();
    let mut writer = BufWriter::new(file);
    for line in &lines {
        writeln!(writer, "{line}").with_context(|| format!("write {}", args.out.display()))?;
    }
    writer.flush().with_context(|| format!("write {}", args.out.display()))?;
    drop(progress);
    opened.close().await?;
    report::print(&format!("{} questions in {}", lines.len(), args.out.display()));
    Ok(())
}

fn candidates(asked: &Asked<'_>, hits: &[SearchHit]) -> Vec<Candidate> {
    let history: Vec<_> = asked.conversation.turns().map(|turn| turn.message).collect();
    let one = |hit: &SearchHit| {
        let position = asked.ingested.position(&hit.turn.as_ref()?.name)?;
        let message = history.get(position)?;
        let score = hit.score.clone().unwrap_or_default();
        Some(Candidate {
            turn: position,
            role: message.role.as_str(),
            bytes: message.text.len(),
            label: asked.question.evidence.contains(&position),
            total: score.total,
            components: score.components.into_iter().collect(),
        })
    };
    hits.iter().filter_map(one).collect()
}
