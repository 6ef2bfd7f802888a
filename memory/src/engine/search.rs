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
    catalog::Catalog,
    records::{Derived, Head, decode},
    source::{indexed, scan_sequences},
    staleness::as_of,
    turns::{scan_turns, segment_of},
};
use crate::{
    context::TokenCounter,
    index::{Branch, BranchMatches, IndexError, IndexQuery, Segment},
    retrieval::{self, Candidates, Ranking},
    store::{Direction, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
    usage::Usage,
};

/// Turns at the newest end that are searched by words while they wait to be
/// embedded; a longer backlog is named as a shortfall.
const FRESH_TURNS: u64 = 1_000;
/// Turns of a catalog that are read on the caller's own thread: well under 1 ms.
const READ_INLINE: u64 = 64;
/// How long a search waits for those turns to be taken in.
const REFRESH_WAIT: Duration = Duration::from_millis(250);

/// A branch that is searched.
pub(super) struct Scope {
    pub(super) branch: Branch,
    pub(super) head: Arc<Head>,
    pub(super) catalog: Arc<Catalog>,
}

impl Scope {
    /// As it was after a turn; as it is now for 0.
    ///
    /// # Errors
    /// `Invalid` beyond the last turn.
    pub(super) fn stood_after(mut self, turn: Sequence) -> Result<Self, EngineError> {
        let last_sequence = as_of(turn, self.head.last_sequence)?;
        if last_sequence != self.head.last_sequence {
            self.head = Arc::new(Head { last_sequence, ..Head::clone(&self.head) });
        }
        Ok(self)
    }
}

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

    /// The branch of one conversation as it is now.
    pub(super) fn scope(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Scope, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let head = cell.head()?;
        let branch = cell.branch(&head);
        let catalog = self.catalogs.of(&branch);
        // Erased since, and perhaps made anew: the catalog is not to be kept.
        if !cell.head().is_ok_and(|now| now.revision >= head.revision) {
            self.catalogs.invalidate(tenant, id);
            return Err(EngineError::conversation_not_found(id));
        }
        Ok(Scope { branch, head, catalog })
    }

    /// The branches of a user, newest first.
    pub(super) fn user_scopes(
        &self,
        tenant: &TenantId,
        user_id: &str,
    ) -> Result<Vec<Scope>, EngineError> {
        if user_id.is_empty() {
            return Err(EngineError::invalid("user_id", "is required"));
        }
        let limit = self.limits.conversations_per_user_search as usize;
        let ids = self.conversation_ids(tenant, Some(user_id), None, limit)?;
        // One that was deleted since the scan is left out.
        Ok(ids.iter().filter_map(|id| self.scope(tenant, id).ok()).collect())
    }

    /// Those that are no branch of a conversation, nor itself: turns off a branch
    /// never reach its windows.
    pub(super) fn not_of_its_branches(
        &self,
        scopes: Vec<Scope>,
        id: &ConversationId,
    ) -> Result<Vec<Scope>, EngineError> {
        let mut others = Vec::with_capacity(scopes.len());
        for scope in scopes {
            let Branch { tenant, conversation, .. } = &scope.branch;
            if self.root_of(tenant, conversation)? != self.root_of(tenant, id)? {
                others.push(scope);
            }
        }
        Ok(others)
    }

    /// Other conversations as they were when a turn of the first scope was said,
    /// those of them that had begun; all as they are for 0.
    pub(super) fn said_by_then(
        &self,
        others: impl Iterator<Item = Scope>,
        own: &[Scope],
        as_of: Sequence,
    ) -> Result<Vec<Scope>, EngineError> {
        let own = own.first().filter(|_| as_of > 0);
        let said = match own {
            Some(own) => self.read_turn(&own.branch, as_of)?.map(|turn| turn.said_at),
            None => None,
        };
        let Some(said) = said else { return Ok(others.collect()) };
        let mut then = Vec::new();
        for other in others {
            let last = other.head.last_sequence;
            let state = other.catalog.covering(&self.store, last, self.counter.as_ref())?;
            // Times may be out of order: up to the first turn that came later.
            let later = state.traits().iter().position(|traits| traits.said_at > said);
            drop(state);
            match later {
                None => then.push(other),
                Some(0) => {}
                Some(known) => then.push(other.stood_after(known as Sequence)?),
            }
        }
        Ok(then)
    }

    /// Makes the catalogs of scopes long enough, with costs by `counter`: much that is
    /// missing is read where blocking is allowed.
    pub(super) async fn cover(
        &self,
        scopes: &[Scope],
        counter: &Arc<dyn TokenCounter>,
    ) -> Result<(), EngineError> {
        for scope in scopes {
            let last = scope.head.last_sequence;
            if scope.catalog.missing(last, counter.as_ref()) <= READ_INLINE {
                continue;
            }
            let (store, catalog) = (Arc::clone(&self.store), Arc::clone(&scope.catalog));
            let counter = Arc::clone(counter);
            let read = move || catalog.covering(&store, last, counter.as_ref()).map(drop);
            tokio::task::spawn_blocking(read).await.map_err(|_| EngineError::Closed)??;
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
        let embedded_tokens = u64::from(self.counter.count(query));
        self.meter.add(&tenant, own, &Usage { embedded_tokens, ..Usage::default() });
        let asked = Instant::now();
        let vector = match self.embed.query(&tenant, query).await {
            Ok(vector) => Some(vector),
            Err(error) => {
                shortfalls.push(Shortfall::EmbeddingUnavailable(error.to_string()));
                None
            }
        };
        let embedding = asked.elapsed();
        let mut waiting = 0;
        for scope in &scopes {
            waiting += self.refresh(scope).await?;
        }
        if waiting > 0 {
            shortfalls.push(Shortfall::NotIndexed(waiting));
        }
        self.cover(&scopes, &self.counter).await?;
        let branches: Vec<Branch> = scopes.iter().map(|scope| scope.branch.clone()).collect();
        let query = IndexQuery { text: query.to_owned(), vector, limit };
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
    async fn refresh(&self, scope: &Scope) -> Result<u64, EngineError> {
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
            ControlFlow::Continue(())
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

    /// Cuts a query at a word, at the limit.
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
