//! Works through a data set: ingests each conversation, asks its questions,
//! removes it again, with a bounded number of conversations at a time.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use throughline_proto::v1::{SearchHit, SearchMethod, SearchTurnsRequest, search_turns_request};

use crate::{
    cli::{Method, ServerArgs},
    client::{Api, query_head, retry},
    dataset::{Conversation, Dataset, Question, Scoring},
    metrics::{
        Samples,
        question::Ranked,
        ranking::{by_joint_odds, groups},
    },
};

use super::{
    ingest::{Ingested, Layout, ingest},
    progress::Progress,
};

/// Deadline of a question; the server answers in milliseconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// A question at the moment of asking.
pub(crate) struct Asked<'a> {
    /// The server.
    pub(crate) api: &'a Api,
    /// The history on the server.
    pub(crate) ingested: &'a Ingested,
    /// The history itself.
    pub(crate) conversation: &'a Conversation,
    /// What is asked.
    pub(crate) question: &'a Question,
    /// How it is scored.
    pub(crate) scoring: Scoring,
}

/// How conversations are worked through.
pub(crate) struct Plan<'a> {
    /// The server.
    pub(crate) api: &'a Api,
    /// How histories are laid out.
    pub(crate) layout: Layout,
    /// How many at a time, and whether they stay.
    pub(crate) server: &'a ServerArgs,
    /// Bars.
    pub(crate) progress: &'a Progress,
}

impl Plan<'_> {
    /// Asks every question; the answers of one conversation stand together in
    /// the order of its questions.
    ///
    /// # Errors
    /// The first that ingestion or `ask` gives.
    pub(crate) async fn ask_all<T>(
        &self,
        dataset: &Dataset,
        ask: impl AsyncFn(Asked<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let by_conversation = dataset.questions_by_conversation();
        let work = dataset.conversations.iter().zip(by_conversation);
        let ask = &ask;
        let answers: Vec<Vec<T>> = futures::stream::iter(work)
            .map(|(conversation, questions)| async move {
                let ingested = ingest(self.api, conversation, self.layout, self.progress).await?;
                let mut answers = Vec::with_capacity(questions.len());
                for question in questions.iter().filter_map(|&at| dataset.questions.get(at)) {
                    let (api, scoring) = (self.api, dataset.scoring);
                    let ingested = &ingested;
                    let asked = Asked { api, ingested, conversation, question, scoring };
                    answers.push(ask(asked).await?);
                    self.progress.question();
                }
                if self.server.deletes() {
                    ingested.delete(self.api).await?;
                }
                anyhow::Ok(answers)
            })
            .buffer_unordered(usize::from(self.server.in_flight))
            .try_collect()
            .await?;
        Ok(answers.into_iter().flatten().collect())
    }
}

/// What a question came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Conversation, for the bootstrap.
    pub(crate) cluster: String,
    /// Row of the breakdown.
    pub(crate) group: String,
    /// Named figures.
    pub(crate) figures: Vec<(String, f64)>,
    /// Shortfalls that the server reported.
    pub(crate) shortfalls: usize,
}

/// Collects outcomes; returns how many shortfalls there were.
pub(crate) fn collect(outcomes: Vec<Outcome>, samples: &mut Samples) -> usize {
    let mut shortfalls = 0;
    for outcome in outcomes {
        shortfalls += outcome.shortfalls;
        for (name, value) in outcome.figures {
            samples.add(&name, &outcome.cluster, &outcome.group, value);
        }
    }
    shortfalls
}

/// The hits of a search and the number of its shortfalls.
pub(crate) struct Found {
    /// Best first.
    pub(crate) hits: Vec<SearchHit>,
    /// Shortfalls that the server reported.
    pub(crate) shortfalls: usize,
}

impl Asked<'_> {
    /// Searches for the question; pages until `depth` hits or the end.
    ///
    /// # Errors
    /// A call failed.
    pub(crate) async fn search(&self, method: Method, depth: usize) -> anyhow::Result<Found> {
        self.search_with(method, depth, false).await
    }

    /// As [`Self::search`], with superseded turns ranked like all others if
    /// `ignore_staleness`.
    ///
    /// # Errors
    /// A call failed.
    pub(crate) async fn search_with(
        &self,
        method: Method,
        depth: usize,
        ignore_staleness: bool,
    ) -> anyhow::Result<Found> {
        let scope = match self.ingested.whole() {
            Some(name) => search_turns_request::Scope::Conversation(name.to_owned()),
            None => search_turns_request::Scope::UserId(self.ingested.user_id.clone()),
        };
        let mut found = Found { hits: Vec::new(), shortfalls: 0 };
        let mut page_token = String::new();
        loop {
            let call = async || {
                let left = depth.saturating_sub(found.hits.len()).min(1000);
                let mut request = tonic::Request::new(SearchTurnsRequest {
                    scope: Some(scope.clone()),
                    query: query_head(&self.question.text).to_owned(),
                    page_size: i32::try_from(left).unwrap_or(1000),
                    page_token: page_token.clone(),
                    method: wire_method(method) as i32,
                    omit_parts: true,
                    ignore_staleness,
                    ..SearchTurnsRequest::default()
                });
                request.set_timeout(DEADLINE);
                self.api.memory.clone().search_turns(request).await
            };
            let reply = retry("SearchTurns", call).await?.into_inner();
            found.shortfalls += reply.shortfalls.len();
            found.hits.extend(reply.hits);
            if reply.next_page_token.is_empty() || found.hits.len() >= depth {
                return Ok(found);
            }
            page_token = reply.next_page_token;
        }
    }

    /// Positions of hits, best first.
    pub(crate) fn ranked(&self, hits: &[SearchHit], method: Method) -> Ranked {
        let position = |hit: &SearchHit| self.ingested.position(&hit.turn.as_ref()?.name);
        let turns: Vec<usize> = hits.iter().filter_map(position).collect();
        let session_of = self.conversation.session_of();
        let sessions = groups(&turns, &session_of);
        // A hybrid score is the odds of a turn: those of an exchange multiply.
        let exchanges = (method == Method::Hybrid).then(|| {
            let odds = hits.iter().filter_map(|hit| {
                let session = session_of.get(position(hit)?)?;
                Some((*session, f64::from(hit.score.as_ref()?.total)))
            });
            by_joint_odds(odds)
        });
        Ranked { turns, sessions, sessions_by_user: None, exchanges }
    }

    /// An outcome of this question.
    pub(crate) fn outcome(&self, figures: Vec<(String, f64)>, shortfalls: usize) -> Outcome {
        let cluster = self.conversation.id.clone();
        Outcome { cluster, group: self.question.group.clone(), figures, shortfalls }
    }
}

fn wire_method(method: Method) -> SearchMethod {
    match method {
        Method::Dense => SearchMethod::Dense,
        Method::Bm25 => SearchMethod::Bm25,
        Method::Rrf => SearchMethod::Rrf,
        Method::Hybrid | Method::Bm25Reference | Method::Recency => SearchMethod::Hybrid,
    }
}
