//! What retrieval proposes to context assembly, with what it costs, and what the
//! chosen are told of their scores.

use super::{
    ContextRequest, Engine, EngineError, SearchMethod, TurnFilter, asked::query_sequence,
    search::Gathered,
};
use crate::{
    context::{Query, RetrievedTurn, Section, TokenCounter, Window},
    retrieval::Ranking,
    turn::Sequence,
};

/// Proposals given to assembly: so many for so many tokens of the budget, since
/// an excerpt takes about 20 at least, within these bounds.
const PROPOSALS: std::ops::RangeInclusive<usize> = 256..=2_000;
const TOKENS_PER_PROPOSAL: u32 = 12;

/// How many proposals a request gets.
pub(super) fn proposals(request: &ContextRequest) -> usize {
    let wanted = (request.budget / TOKENS_PER_PROPOSAL) as usize;
    wanted.clamp(*PROPOSALS.start(), *PROPOSALS.end())
}

impl Engine {
    /// The order of what was gathered for a window. A reranker that is missing is
    /// added to the shortfalls.
    pub(super) async fn ordered(
        &self,
        gathered: &mut Gathered,
        request: &ContextRequest,
        query: &Query,
        search_query: &str,
    ) -> Result<Ranking, EngineError> {
        let excluded: Vec<Sequence> = query_sequence(query).into_iter().collect();
        let (method, wanted) = (SearchMethod::Hybrid, proposals(request));
        let mut ranking = self.ranking(gathered, search_query, method, &excluded, wanted)?;
        let all = TurnFilter::default();
        let missing = self.rerank(gathered, search_query, &all, &mut ranking).await?;
        gathered.shortfalls.extend(missing);
        Ok(ranking)
    }

    /// The proposals, best first.
    pub(super) fn proposed(
        &self,
        gathered: &Gathered,
        ranking: &Ranking,
        counter: &dyn TokenCounter,
    ) -> Result<Vec<RetrievedTurn>, EngineError> {
        let last = gathered.scopes.first().map(|own| own.head.last_sequence);
        let mut retrieved = Vec::with_capacity(ranking.order().len());
        // One at a time: who holds a catalog must not wait for another.
        let mut held = None;
        for ranked in ranking.order() {
            let Some(scope) = gathered.scopes.get(ranked.conversation) else { continue };
            if ranked.conversation == 0 && Some(ranked.sequence) > last {
                continue;
            }
            let until = scope.head.last_sequence;
            if held.as_ref().is_none_or(|(of, _)| *of != ranked.conversation) {
                drop(held.take());
                let state = scope.catalog.covering(&self.store, until, counter)?;
                held = Some((ranked.conversation, state));
            }
            let costs = held.as_ref().map_or(&[][..], |(_, state)| state.costs(counter.name()));
            let place = usize::try_from(ranked.sequence).unwrap_or(usize::MAX) - 1;
            let Some(cost) = costs.get(place).copied() else { continue };
            retrieved.push(RetrievedTurn {
                conversation: (ranked.conversation != 0).then(|| scope.branch.conversation.clone()),
                cost,
                score: ranked.score,
                // Filled in for those that are chosen.
                components: Vec::new(),
            });
        }
        drop(held);
        Ok(retrieved)
    }
}

/// Gives the retrieved items of a window the components of their scores.
pub(super) fn name_components(window: &mut Window, gathered: &Gathered, ranking: &Ranking) {
    for item in &mut window.items {
        if item.section != Section::Retrieved || item.score.is_none() {
            continue;
        }
        let scope = match &item.conversation {
            None => Some(0),
            Some(other) => {
                gathered.scopes.iter().position(|scope| scope.branch.conversation == *other)
            }
        };
        let ranked = ranking.order().iter().find(|ranked| {
            Some(ranked.conversation) == scope && Some(ranked.sequence) == item.sequence
        });
        if let Some(ranked) = ranked {
            item.components = ranking.components(ranked);
        }
    }
}
