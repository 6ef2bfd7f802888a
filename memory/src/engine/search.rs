//! Search: gather what the index says of one or several branches, rank it, have the
//! best reordered where there is a reranker, and check every hit against the store.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{
    Engine, EngineError, SearchHit, SearchOutcome, SearchRequest, SearchScope, Shortfall,
    TurnFilter,
    records::{Derived, decode},
    scopes::Scope,
    source::{indexed, scan_sequences},
    turns::{scan_turns, segment_of},
};
use crate::{
    index::{Branch, BranchMatches, IndexError, IndexQuery, Segment},
    retrieval::{self, Candidates, Ranking},
    store::{Direction, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
    usage::Usage,
};

/// Turns at the newest end that are searched by words while they wait to be
/// embedded; a longer backlog is named as a shortfall.
const FRESH_TURNS: u64 = 1_000;
/// How long a search waits for those turns to be taken in.
const REFRESH_WAIT: Duration = Duration::from_millis(250);

/// What the index says of the scopes.
pub(super) struct Gathered {
    pub(super) scopes: Vec<Scope>,
    pub(super) matches: Vec<BranchMatches>,
    pub(super) shortfalls: Vec<Shortfall>,
    /// What embedding the query took.
    pub(super) embedding: Duration,
}

impl Gathered {
    /// Nothing was asked of the index.
    pub(super) fn nothing(scopes: Vec<Scope>) -> Self {
        Self { scopes, matches: Vec::new(), shortfalls: Vec::new(), embedding: Duration::ZERO }
    }
}

impl Engine {
    /// Searches one conversation or all of a user's.
    ///
    /// # Errors
    /// `Invalid` for an empty query, `NotFound`, `Store`. An index that is down or
    /// refuses is named in the answer as a shortfall.
    pub async fn search(
        self: &Arc<Self>,
        tenant: &TenantId,
        request: SearchRequest,
    ) -> Result<SearchOutcome, EngineError> {
        if request.query.trim().is_empty() {
            return Err(EngineError::invalid("query", "is required"));
        }
        let (scopes, revision) = match &request.scope {
            SearchScope::Conversation(id) => {
                self.wait_searchable(tenant, id, request.min_revision).await?;
                let scope = self.scope(tenant, id)?;
                let revision = scope.head.revision;
                (vec![scope], revision)
            }
            SearchScope::User(user_id) => (self.user_scopes(tenant, user_id)?, 0),
        };
        let query = self.clip_query(&request.query);
        // The other methods are there to compare with.
        let hybrid = request.method == super::SearchMethod::Hybrid;
        let mut limit = request.offset.saturating_add(request.limit);
        if hybrid {
            // Every page has to see the same best ones.
            limit = limit.max(self.rerank_top());
        }
        let mut gathered = self.gather(scopes, query, limit).await?;
        let mut ranking = self.ranking(&gathered, query, request.method, &[], usize::MAX)?;
        if hybrid {
            let missing = self.rerank(&gathered, query, &request.filter, &mut ranking).await?;
            gathered.shortfalls.extend(missing);
        }
        if hybrid && !request.ignore_staleness {
            self.newer_first(&gathered, query, &mut ranking)?;
            self.current_first(&gathered, &mut ranking)?;
        }
        let mut outcome = SearchOutcome {
            hits: Vec::new(),
            more: false,
            revision,
            shortfalls: gathered.shortfalls.clone(),
            items: Vec::new(),
        };
        self.fill_hits(&gathered, &ranking, &request, &mut outcome)?;
        if !request.items_below.is_empty() && request.offset == 0 {
            self.items_beside(tenant, request, &mut outcome).await?;
        }
        Ok(outcome)
    }

    /// Reads the hits of the page, leaving out what the store does not have any
    /// more, what the filter excludes, and what forks show twice.
    fn fill_hits(
        &self,
        gathered: &Gathered,
        ranking: &Ranking,
        request: &SearchRequest,
        outcome: &mut SearchOutcome,
    ) -> Result<(), EngineError> {
        let mut seen: HashSet<(&ConversationId, Sequence)> = HashSet::new();
        let mut skipped = 0;
        for ranked in ranking.order() {
            let Some(scope) = gathered.scopes.get(ranked.conversation) else { continue };
            // The catalog may know turns that came after this branch was looked at.
            let known = ranked.sequence <= scope.head.last_sequence;
            let segment = segment_of(&scope.branch, ranked.sequence).filter(|_| known);
            let Some(segment) = segment else { continue };
            if !seen.insert((&segment.conversation, ranked.sequence)) {
                continue;
            }
            if !within(&request.filter, ranked.sequence) {
                continue;
            }
            let Some(turn) = self.read_turn(&scope.branch, ranked.sequence)? else { continue };
            if turn.forgotten || !passes(&request.filter, &turn) {
                continue;
            }
            if skipped < request.offset {
                skipped += 1;
                continue;
            }
            if outcome.hits.len() == request.limit {
                outcome.more = true;
                break;
            }
            let mut turn = turn;
            if request.omit_parts {
                turn.parts.clear();
            }
            outcome.hits.push(SearchHit {
                conversation: scope.branch.conversation.clone(),
                turn: Arc::new(turn),
                score: ranked.score,
                components: ranking.components(ranked),
                passage: ranked.passage,
            });
        }
        Ok(())
    }

    /// Asks the index. An index that is down or refuses, and an embedder that is
    /// down, become shortfalls.
    pub(super) async fn gather(
        &self,
        scopes: Vec<Scope>,
        query: &str,
        limit: usize,
    ) -> Result<Gathered, EngineError> {
        let mut shortfalls = Vec::new();
        // The search of a user belongs to no conversation.
        let own = scopes.first().map(|scope| scope.branch.conversation.clone());
        let own = own.as_ref().filter(|_| scopes.len() == 1);
        let Some(tenant) = scopes.first().map(|scope| scope.branch.tenant.clone()) else {
            return Ok(Gathered::nothing(scopes));
        };
        let branches: Vec<Branch> = scopes.iter().map(|scope| scope.branch.clone()).collect();
        let asked = Instant::now();
        let embed = async {
            let vector = self.embed.query(&tenant, query).await;
            (vector, asked.elapsed())
        };
        // What needs no vector is done while it is made: the embedder runs elsewhere.
        let beside = async {
            let embedded_tokens = u64::from(self.counter.count_again(query));
            self.meter.add(&tenant, own, &Usage { embedded_tokens, ..Usage::default() });
            let mut waiting = 0;
            for scope in &scopes {
                waiting += self.refresh(scope).await?;
            }
            self.cover(&scopes, &self.counter).await?;
            // The search says what is wrong with the index.
            let prepared = self.index.prepare(&branches, query).await.unwrap_or_default();
            Ok::<_, EngineError>((waiting, prepared))
        };
        let ((vector, embedding), beside) = tokio::join!(embed, beside);
        let (waiting, prepared) = beside?;
        let vector = match vector {
            Ok(vector) => Some(vector),
            Err(error) => {
                shortfalls.push(Shortfall::EmbeddingUnavailable(error.to_string()));
                None
            }
        };
        if waiting > 0 {
            shortfalls.push(Shortfall::NotIndexed(waiting));
        }
        let query = IndexQuery { text: query.to_owned(), vector, limit, prepared };
        let matches = match self.index.search(&branches, &query).await {
            Ok(matches) => matches,
            Err(error) => {
                shortfalls.push(Shortfall::IndexUnavailable(missing(error)?));
                Vec::new()
            }
        };
        Ok(Gathered { scopes, matches, shortfalls, embedding })
    }

    /// Lets turns that wait to be embedded be found by their words. Returns how
    /// many wait.
    pub(super) async fn refresh(&self, scope: &Scope) -> Result<u64, EngineError> {
        let cell = self.heads.cell(&scope.branch.tenant, &scope.branch.conversation)?;
        let last = scope.head.last_sequence;
        let waiting = last - self.indexed_sequence(&cell, &scope.head).min(last);
        if waiting == 0 {
            return Ok(0);
        }
        let from = last + 1 - waiting.min(FRESH_TURNS);
        for segment in &scope.branch.segments {
            let (low, high) = (segment.from.max(from), segment.until.min(last));
            if low > high {
                continue;
            }
            let part = Branch {
                segments: vec![Segment { from: low, until: high, ..segment.clone() }],
                ..scope.branch.clone()
            };
            // An index that does not answer goes on with it by itself.
            let refresh = self.refresh_part(&part, &scope.head.user_id);
            timeout(REFRESH_WAIT, refresh).await.unwrap_or(Ok(()))?;
        }
        Ok(waiting)
    }

    /// Gives the index the turns of one segment that have no vectors.
    async fn refresh_part(&self, part: &Branch, user_id: &str) -> Result<(), EngineError> {
        let Some(segment) = part.segments.first() else { return Ok(()) };
        let (tenant, owner) = (&part.tenant, &segment.conversation);
        let _order = self.derivations.lock(&keys::head(tenant, owner)).await;
        let version = self.embed.version();
        let mut embedded = HashSet::new();
        scan_sequences(&self.store, part, Kind::Derived, &mut |sequence, key, value| {
            if decode::<Derived>(key, value)?.embedding == version {
                embedded.insert(sequence);
            }
            Ok(())
        })?;
        let (low, high) = (segment.from, segment.until);
        let mut fresh = Vec::new();
        scan_turns(&self.store, part, low, high, Direction::Forward, &mut |turn| {
            if !turn.forgotten && !embedded.contains(&turn.sequence) {
                fresh.push(indexed(&turn, Vec::new()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if fresh.is_empty() {
            return Ok(());
        }
        match self.index.upsert(tenant, owner, user_id, fresh).await {
            Ok(()) => Ok(()),
            Err(error) => missing(error).map(drop),
        }
    }

    /// Ranks what was gathered, the best `wanted`. `excluded` are sequences of the first scope that
    /// must not be proposed.
    pub(super) fn ranking(
        &self,
        gathered: &Gathered,
        query: &str,
        method: super::SearchMethod,
        excluded: &[Sequence],
        wanted: usize,
    ) -> Result<Ranking, EngineError> {
        let covered = gathered.scopes.iter().map(|scope| {
            let last = scope.head.last_sequence;
            scope.catalog.covering(&self.store, last, self.counter.as_ref())
        });
        let covered: Vec<_> = covered.collect::<Result<_, _>>()?;
        let candidates: Vec<Candidates<'_>> = gathered
            .matches
            .iter()
            .zip(&covered)
            .zip(&gathered.scopes)
            .map(|((of_branch, state), scope)| {
                // Turns that came after the state that is looked at are not there.
                let last = usize::try_from(scope.head.last_sequence).unwrap_or(usize::MAX);
                let traits = state.traits();
                Candidates {
                    traits: traits.get(..last).unwrap_or(traits),
                    matches: of_branch.matches.until(scope.head.last_sequence),
                }
            })
            .collect();
        let mut ranking = retrieval::rank(method, query, &candidates, &self.ranking, wanted);
        if !excluded.is_empty() {
            ranking
                .retain(|ranked| ranked.conversation != 0 || !excluded.contains(&ranked.sequence));
        }
        Ok(ranking)
    }

    /// Cuts a query at a word, at the limit: for turns, which may be longer; what a
    /// caller asks with is refused before.
    pub(super) fn clip_query<'q>(&self, query: &'q str) -> &'q str {
        let max = self.limits.query_bytes as usize;
        if query.len() <= max {
            return query;
        }
        let cut = (0..=max).rev().find(|end| query.is_char_boundary(*end)).unwrap_or(0);
        let head = &query[..cut];
        head.rfind(char::is_whitespace).map_or(head, |end| &head[..end])
    }
}

/// Why a read goes on without the index: it is down, or it refused, which the
/// operator has to mend and no caller can. What the store says is no shortfall.
fn missing(error: IndexError) -> Result<String, EngineError> {
    match error {
        IndexError::Unavailable(reason) => Ok(reason),
        IndexError::Refused(reason) => {
            tracing::error!(%reason, "the vector index refuses; reads go on without it");
            // Its words are the operator's: they name keys and collections.
            Ok("it refused the request".to_owned())
        }
        error @ IndexError::Store(_) => Err(error.into()),
    }
}

pub(super) fn within(filter: &TurnFilter, sequence: Sequence) -> bool {
    sequence >= filter.from_sequence
        && (filter.until_sequence == 0 || sequence <= filter.until_sequence)
}

pub(super) fn passes(filter: &TurnFilter, turn: &crate::turn::Turn) -> bool {
    (filter.roles.is_empty() || filter.roles.contains(&turn.role))
        && (filter.speaker.is_empty() || filter.speaker == turn.speaker)
        && filter.from_time.is_none_or(|from| turn.said_at >= from)
        && filter.until_time.is_none_or(|until| turn.said_at < until)
}
