//! Plays cases to a server, with cross-validation to one server for each fold,
//! and asks about each of them.

use std::{collections::BTreeSet, sync::Mutex};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use throughline_proto::v1::{BuildContextRequest, ContextOptions, ContextWindow};

use super::{
    args::StalenessArgs,
    case::{Case, unseen},
    state::{self, State},
};
use crate::{
    client::{Api, retry},
    folds::{Fold, Kind},
    runner::{
        ingest::{Ingested, Layout, ingest},
        pass::Opened,
        progress::Progress,
        window::TOKENIZER,
    },
};

/// The server that a case goes to.
#[derive(Clone, Copy)]
pub(crate) struct There<'a> {
    /// Its services.
    pub(crate) api: &'a Api,
    /// Bars.
    pub(crate) progress: &'a Progress,
    scorers: &'a Mutex<BTreeSet<String>>,
}

/// A case that stands on a server.
pub(crate) struct Played<'a, L> {
    /// The server.
    pub(crate) there: There<'a>,
    /// The conversation there.
    pub(crate) ingested: &'a Ingested,
    /// The case.
    pub(crate) case: &'a Case<L>,
}

impl<L> Played<'_, L> {
    /// The staleness of its turns now.
    ///
    /// # Errors
    /// A call failed.
    pub(crate) async fn state(&self) -> anyhow::Result<State> {
        let state = state::read(self.there.api, self.ingested, 0).await?;
        if let Ok(mut scorers) = self.there.scorers.lock() {
            scorers.insert(state.scorer.clone());
        }
        Ok(state)
    }

    /// The staleness as it stood after the turn at a position.
    ///
    /// # Errors
    /// A call failed, or the turn was not sent.
    pub(crate) async fn state_after(&self, position: usize) -> anyhow::Result<State> {
        let sequence = self.ingested.sequence(position).context("a turn that was not sent")?;
        state::read(self.there.api, self.ingested, sequence).await
    }

    /// A window for a query.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn window(&self, query: &str, budget: u32) -> anyhow::Result<ContextWindow> {
        let name = self.ingested.whole().context("no conversation to ask")?;
        window(self.there.api, name, query, budget).await
    }
}

/// Has the server build a window.
///
/// # Errors
/// The call failed.
pub(crate) async fn window(
    api: &Api,
    conversation: &str,
    query: &str,
    budget: u32,
) -> anyhow::Result<ContextWindow> {
    let call = async || {
        let options = ContextOptions {
            token_budget: i32::try_from(budget).unwrap_or(i32::MAX),
            tokenizer: TOKENIZER.to_owned(),
            ..ContextOptions::default()
        };
        let request = BuildContextRequest {
            conversation: conversation.to_owned(),
            query: query.to_owned(),
            options: Some(options),
            ..BuildContextRequest::default()
        };
        api.context.clone().build_context(request).await
    };
    let reply = retry("BuildContext", call).await?.into_inner();
    reply.window.context("BuildContext answered without a window")
}

/// What all cases gave, in their order, and which servers were asked.
pub(crate) struct Answers<T> {
    /// One for each case.
    pub(crate) answers: Vec<T>,
    /// What the servers say of themselves.
    pub(crate) asked: Asked,
}

/// Which servers were asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// What each says of itself.
    pub(crate) servers: Vec<Value>,
    /// SHA-256 of the embedding model's weights.
    pub(crate) model_sha256: Option<String>,
    /// Names and versions of the scorers.
    pub(crate) scorers: BTreeSet<String>,
}

/// Plays every case and asks about it; `unit` names the second bar.
///
/// # Errors
/// The first that a server, ingestion or `ask` gives.
pub(crate) async fn play<L: Clone, T>(
    args: &StalenessArgs,
    cases: &[Case<L>],
    unit: &str,
    ask: impl AsyncFn(Played<'_, L>) -> anyhow::Result<T>,
) -> anyhow::Result<Answers<T>> {
    let work = async |there: There<'_>, case: &Case<L>| {
        let api = there.api;
        let ingested = ingest(api, &case.conversation, Layout::Whole, there.progress).await?;
        let answer = ask(Played { there, ingested: &ingested, case }).await?;
        if args.server.deletes() {
            ingested.delete(api).await?;
        }
        Ok(answer)
    };
    each(args, cases, unit, work).await
}

/// As [`play`], for cases that are brought to the server by `work` itself.
///
/// # Errors
/// The first that a server or `work` gives.
pub(crate) async fn each<L: Clone, T>(
    args: &StalenessArgs,
    cases: &[Case<L>],
    unit: &str,
    work: impl AsyncFn(There<'_>, &Case<L>) -> anyhow::Result<T>,
) -> anyhow::Result<Answers<T>> {
    let mut out = Answers { answers: Vec::new(), asked: Asked::default() };
    let folds = args.folds.open(Kind::Staleness)?;
    args.folds.warn_of_seen(Kind::Staleness, args.dataset.folder());
    if folds.is_empty() {
        on_one(args, None, cases, unit, &work, &mut out).await?;
        return Ok(out);
    }
    let mut answers: Vec<(usize, T)> = Vec::new();
    for fold in &folds {
        let (places, unseen) = unseen(cases, fold);
        if unseen.is_empty() {
            continue;
        }
        on_one(args, Some(fold), &unseen, unit, &work, &mut out).await?;
        answers.extend(places.into_iter().zip(out.answers.drain(..)));
    }
    answers.sort_by_key(|(place, _)| *place);
    out.answers = answers.into_iter().map(|(_, answer)| answer).collect();
    Ok(out)
}

async fn on_one<L, T>(
    args: &StalenessArgs,
    fold: Option<&Fold>,
    cases: &[Case<L>],
    unit: &str,
    work: &impl AsyncFn(There<'_>, &Case<L>) -> anyhow::Result<T>,
    out: &mut Answers<T>,
) -> anyhow::Result<()> {
    let opened = Opened::for_fold(&args.server, fold).await?;
    let turns = cases.iter().map(|case| case.conversation.len()).sum();
    let progress = &Progress::new(turns, cases.len(), unit);
    let (api, scorers) = (&opened.api, &Mutex::default());
    let mut answers: Vec<(usize, T)> = futures::stream::iter(cases.iter().enumerate())
        .map(async |(index, case)| {
            let answer = work(There { api, progress, scorers }, case)
                .await
                .with_context(|| format!("conversation {}", case.conversation.id))?;
            progress.question();
            anyhow::Ok((index, answer))
        })
        .buffer_unordered(usize::from(args.server.in_flight))
        .try_collect()
        .await?;
    answers.sort_by_key(|(index, _)| *index);
    out.answers.extend(answers.into_iter().map(|(_, answer)| answer));
    if let Ok(mut scorers) = scorers.lock() {
        out.asked.scorers.append(&mut scorers);
    }
    out.asked.servers.push(opened.describe(fold, "cases", cases.len()));
    out.asked.model_sha256 = opened.model_sha256();
    opened.close().await
}
