//! What a server says of a conversation's staleness, by the positions of the
//! data set.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use throughline_proto::v1::{
    self as wire, EdgeKind, GetConversationRequest, GetStalenessRequest, GetStalenessResponse,
    StalenessKind,
};
use tokio::time::Instant;

use crate::{
    client::{Api, retry},
    runner::ingest::Ingested,
};

/// Turns of a page.
const PAGE: i32 = 1000;
/// Deadline of one call.
const DEADLINE: Duration = Duration::from_secs(120);
/// Longest wait for turns to be scored.
const STALL_LIMIT: Duration = Duration::from_secs(600);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// The staleness of one turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Judged {
    /// The whole.
    pub(crate) score: f64,
    /// What it is made of.
    pub(crate) components: Vec<Component>,
}

/// A component of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Component {
    /// What kind.
    pub(crate) kind: StalenessKind,
    /// 0 to 1.
    pub(crate) score: f64,
    /// Position of the turn that caused it.
    pub(crate) cause: Option<usize>,
    /// Why, in words.
    pub(crate) reason: String,
}

/// An edge between two turns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawn {
    /// What kind.
    pub(crate) kind: EdgeKind,
    /// Position of the earlier turn.
    pub(crate) earlier: usize,
    /// Position of the later turn.
    pub(crate) later: usize,
    /// 0 to 1.
    pub(crate) confidence: f64,
    /// Why, in words.
    pub(crate) reason: String,
}

/// A run of turns on one topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Topic {
    /// Position of its first turn.
    pub(crate) first: usize,
    /// Probability that a topic begins there.
    pub(crate) confidence: f64,
}

/// The staleness of a conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// By position.
    pub(crate) turns: BTreeMap<usize, Judged>,
    /// Between turns; those of facts are left out.
    pub(crate) edges: Vec<Drawn>,
    /// In order.
    pub(crate) topics: Vec<Topic>,
    /// Name and version of the scorer.
    pub(crate) scorer: String,
}

impl State {
    /// The score of a turn; 0 where the server says nothing.
    pub(crate) fn score(&self, position: usize) -> f64 {
        self.turns.get(&position).map_or(0.0, |judged| judged.score)
    }

    /// The highest score of some kinds of components of a turn.
    pub(crate) fn component(&self, position: usize, kinds: &[StalenessKind]) -> f64 {
        let of = self.turns.get(&position).into_iter().flat_map(|judged| &judged.components);
        of.filter(|c| kinds.contains(&c.kind)).map(|c| c.score).fold(0.0, f64::max)
    }

    /// The edges of some kinds that are drawn at a confidence.
    pub(crate) fn drawn(&self, kinds: &[EdgeKind], threshold: f64) -> impl Iterator<Item = &Drawn> {
        let wanted = move |edge: &&Drawn| {
            // The wire carries single precision.
            edge.confidence + 1e-6 >= threshold && kinds.contains(&edge.kind)
        };
        self.edges.iter().filter(wanted)
    }

    /// Takes a page in.
    fn add(&mut self, page: GetStalenessResponse, ingested: &Ingested) {
        for turn in page.turns {
            let Some(position) = ingested.position(&turn.turn) else { continue };
            let component = |c: wire::StalenessComponent| Component {
                kind: c.kind(),
                score: f64::from(c.score),
                cause: ingested.position(&c.cause),
                reason: c.reason,
            };
            let components = turn.components.into_iter().map(component).collect();
            self.turns.insert(position, Judged { score: f64::from(turn.score), components });
        }
        for edge in page.edges {
            let ends = ingested.position(&edge.earlier).zip(ingested.position(&edge.later));
            let Some((earlier, later)) = ends else { continue };
            let drawn = Drawn {
                kind: edge.kind(),
                earlier,
                later,
                confidence: f64::from(edge.confidence),
                reason: edge.reason,
            };
            // An edge between turns of two pages comes with both.
            if !self.edges.contains(&drawn) {
                self.edges.push(drawn);
            }
        }
        for segment in page.segments {
            let name =
                ingested.whole().map(|name| format!("{name}/turns/{}", segment.first_sequence));
            if let Some(first) = name.and_then(|name| ingested.position(&name)) {
                self.topics.push(Topic { first, confidence: f64::from(segment.confidence) });
            }
        }
        self.scorer = page.scorer;
    }
}

/// Reads the state as of a turn (now if 0), when all turns up to now are
/// scored.
///
/// # Errors
/// A call failed, or turns were not scored for ten minutes.
pub(crate) async fn read(api: &Api, ingested: &Ingested, as_of: u64) -> anyhow::Result<State> {
    let name = ingested.whole().context("staleness is that of one conversation")?;
    let revision = revision(api, name).await?;
    let since = Instant::now();
    loop {
        let mut state = State::default();
        let mut page_token = String::new();
        let mut unscored = 0;
        loop {
            let page = page(api, name, as_of, revision, &page_token).await?;
            unscored += page.unscored_turns;
            page_token.clone_from(&page.next_page_token);
            state.add(page, ingested);
            if page_token.is_empty() {
                break;
            }
        }
        if unscored == 0 {
            return Ok(state);
        }
        pause(name, unscored, since).await?;
    }
}

/// Waits until every turn of a conversation is scored.
///
/// # Errors
/// A call failed, or turns were not scored for ten minutes.
pub(crate) async fn wait_scored(api: &Api, name: &str) -> anyhow::Result<()> {
    let revision = revision(api, name).await?;
    let since = Instant::now();
    loop {
        let unscored = page(api, name, 0, revision, "").await?.unscored_turns;
        if unscored == 0 {
            return Ok(());
        }
        pause(name, unscored, since).await?;
    }
}

/// The score of every turn as of one of them, by sequence. Ask when all are scored
/// ([`wait_scored`]).
///
/// # Errors
/// A call failed.
pub(crate) async fn scores(
    api: &Api,
    name: &str,
    as_of: u64,
) -> anyhow::Result<BTreeMap<u64, f64>> {
    let revision = revision(api, name).await?;
    let mut scores = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let page = page(api, name, as_of, revision, &page_token).await?;
        scores.extend(page.turns.iter().filter_map(|turn| {
            let (_, sequence) = turn.turn.rsplit_once("/turns/")?;
            Some((sequence.parse().ok()?, f64::from(turn.score)))
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(scores);
        }
    }
}

async fn revision(api: &Api, name: &str) -> anyhow::Result<u64> {
    let call = async || {
        let request = GetConversationRequest { name: name.to_owned(), min_revision: 0 };
        api.conversations.clone().get_conversation(request).await
    };
    let reply = retry("GetConversation", call).await?.into_inner();
    Ok(reply.conversation.map_or(0, |conversation| conversation.revision))
}

async fn pause(name: &str, unscored: u64, since: Instant) -> anyhow::Result<()> {
    if since.elapsed() > STALL_LIMIT {
        bail!("{name}: {unscored} turns not scored in {STALL_LIMIT:?}");
    }
    tokio::time::sleep(POLL).await;
    Ok(())
}

async fn page(
    api: &Api,
    name: &str,
    as_of: u64,
    revision: u64,
    page_token: &str,
) -> anyhow::Result<GetStalenessResponse> {
    let call = async || {
        let mut request = tonic::Request::new(GetStalenessRequest {
            conversation: name.to_owned(),
            sequences: Vec::new(),
            as_of_turn: as_of,
            page_size: PAGE,
            page_token: page_token.to_owned(),
            min_revision: revision,
        });
        request.set_timeout(DEADLINE);
        api.memory.clone().get_staleness(request).await
    };
    Ok(retry("GetStaleness", call).await?.into_inner())
}
