//! A conversation that grows on the server while windows are asked of it, as a
//! chat does.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use throughline_proto::v1::{
    BuildContextRequest, ContextOptions, ContextWindow, ListFactsRequest, SearchMethod,
    SearchTurnsRequest, search_turns_request::Scope,
};
use tokio::time::Instant;

use crate::{
    client::{Api, query_head, retry},
    dataset::{Message, Placed},
    runner::{
        ingest::{create, delete, extend, wait_indexed},
        progress::Progress,
        window::TOKENIZER,
    },
};

/// Nearest turns that are asked for; more never fit a usual budget.
const NEAREST: i32 = 200;
/// Facts of one page, the most that there may be.
const FACTS: i32 = 1_000;
/// Deadline of a question: it may wait behind the embedding of other
/// conversations' turns, longer than the server's default of 30 seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// A conversation on the server.
pub(crate) struct Live<'a> {
    api: &'a Api,
    progress: &'a Progress,
    name: String,
    sent: usize,
}

/// A window of the service, and how long it took.
pub(crate) struct Built {
    /// The window.
    pub(crate) window: ContextWindow,
    /// Milliseconds from call to answer.
    pub(crate) millis: f64,
}

impl<'a> Live<'a> {
    /// Creates it, empty.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn new(
        api: &'a Api,
        id: &str,
        progress: &'a Progress,
    ) -> anyhow::Result<Self> {
        let name = create(api, id, id).await?;
        Ok(Self { api, progress, name, sent: 0 })
    }

    /// Appends turns and waits until they are searchable.
    ///
    /// # Errors
    /// A call failed, or nothing was indexed for ten minutes.
    pub(crate) async fn say(&mut self, turns: &[Message]) -> anyhow::Result<()> {
        if turns.is_empty() {
            return Ok(());
        }
        let place =
            |(at, message)| Placed { position: self.sent + at, session: 0, message, said_at: None };
        let placed: Vec<Placed<'_>> = turns.iter().enumerate().map(place).collect();
        extend(self.api, &self.name, self.sent, &placed).await?;
        let before = self.sent as u64;
        self.sent += turns.len();
        wait_indexed(self.api, &self.name, before..self.sent as u64, self.progress).await
    }

    /// Has the service build a window; for the last user turn if the query is
    /// empty.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn window(&self, query: &str, budget: u32) -> anyhow::Result<Built> {
        build(self.api, &self.name, query, budget, 0).await
    }

    /// Its name on the server.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sequences of the turns whose pins hold now.
    ///
    /// # Errors
    /// A call failed.
    pub(crate) async fn pinned(&self) -> anyhow::Result<BTreeSet<u64>> {
        let mut pinned = BTreeSet::new();
        let mut page_token = String::new();
        loop {
            let call = async || {
                let request = ListFactsRequest {
                    conversation: self.name.clone(),
                    page_size: FACTS,
                    page_token: page_token.clone(),
                    ..ListFactsRequest::default()
                };
                self.api.memory.clone().list_facts(request).await
            };
            let reply = retry("ListFacts", call).await?.into_inner();
            pinned.extend(reply.facts.iter().map(|fact| fact.source_sequence));
            if reply.next_page_token.is_empty() {
                return Ok(pinned);
            }
            page_token = reply.next_page_token;
        }
    }

    /// Positions of the turns nearest to a text by the embedding alone.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn nearest(&self, query: &str) -> anyhow::Result<Vec<usize>> {
        let call = async || {
            let mut request = tonic::Request::new(SearchTurnsRequest {
                scope: Some(Scope::Conversation(self.name.clone())),
                query: query_head(query).to_owned(),
                page_size: NEAREST,
                method: SearchMethod::Dense as i32,
                omit_parts: true,
                ignore_staleness: true,
                ..SearchTurnsRequest::default()
            });
            request.set_timeout(DEADLINE);
            self.api.memory.clone().search_turns(request).await
        };
        let hits = retry("SearchTurns", call).await?.into_inner().hits;
        let position = |name: &str| {
            let (_, sequence) = name.rsplit_once("/turns/")?;
            sequence.parse::<usize>().ok()?.checked_sub(1)
        };
        Ok(hits.iter().filter_map(|hit| position(&hit.turn.as_ref()?.name)).collect())
    }

    /// Removes it.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn delete(self) -> anyhow::Result<()> {
        delete(self.api, &self.name).await
    }
}

/// Has the service build a window of a conversation, as it would have been after
/// the turn `as_of`; now if 0.
///
/// # Errors
/// The call failed.
pub(crate) async fn build(
    api: &Api,
    name: &str,
    query: &str,
    budget: u32,
    as_of: u64,
) -> anyhow::Result<Built> {
    let call = async || {
        let options = ContextOptions {
            token_budget: i32::try_from(budget).unwrap_or(i32::MAX),
            tokenizer: TOKENIZER.to_owned(),
            ..ContextOptions::default()
        };
        let mut request = tonic::Request::new(BuildContextRequest {
            conversation: name.to_owned(),
            query: query.to_owned(),
            options: Some(options),
            as_of_turn: as_of,
            ..BuildContextRequest::default()
        });
        request.set_timeout(DEADLINE);
        api.context.clone().build_context(request).await
    };
    let begun = Instant::now();
    let reply = retry("BuildContext", call).await?.into_inner();
    let millis = begun.elapsed().as_secs_f64() * 1e3;
    let window = reply.window.context("BuildContext answered without a window")?;
    Ok(Built { window, millis })
}
