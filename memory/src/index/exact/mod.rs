//! The embedded index: every turn of a branch is scored, in memory.
//!
//! Branches are read from the store when they are first searched, and kept up
//! to a number of bytes. What is not in memory needs no upkeep: the next load
//! reads it. So turns and vectors must be readable through the [`TurnSource`]
//! before [`TurnIndex::upsert`] hears of them, and gone from it before
//! [`TurnIndex::remove_turns`] does.

pub(super) mod branch;
mod cache;
mod dense;
pub(super) mod lexical;
mod neighbourhood;
mod pairs;
pub(super) mod terms;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::RwLockReadGuard;

use self::{
    branch::{LoadedBranch, Standing},
    cache::{Cache, MAX_LOADS, Shared},
    lexical::Corpus,
    terms::QueryTerms,
};
use super::{
    Branch, BranchMatches, IndexError, IndexQuery, IndexedTurn, Segment, TurnIndex, TurnSource,
    matches::WordScores,
};
use crate::{
    store::StoreError,
    turn::{ConversationId, Sequence, TenantId},
};

pub use terms::MAX_QUERY_TERMS;

/// Most turns that a search scores on the caller's own thread: under 1 ms.
const MAX_INLINE_TURNS: usize = 16_384;

/// Scores by words of the branches of a search, which need no vector.
#[derive(Clone, Debug)]
pub struct Prepared(Vec<Worded>);

/// Scores by words of one branch.
#[derive(Clone, Debug)]
struct Worded {
    branch: Shared,
    /// See [`branch::LoadedBranch::state`].
    state: u64,
    scores: Arc<WordScores>,
}

/// Exact search over branches in memory.
pub struct ExactIndex {
    cache: Arc<Cache>,
}

impl ExactIndex {
    /// An index over the turns of `source` that keeps branches in memory up to
    /// `capacity_bytes` (about 2.5 KB for a turn with one vector of 384
    /// dimensions). One branch stays even if it alone is larger, and a search
    /// holds all its branches while it runs.
    pub fn new(source: Arc<dyn TurnSource>, capacity_bytes: u64) -> Self {
        Self { cache: Arc::new(Cache::new(source, capacity_bytes)) }
    }

    /// Branches in memory, those that were not there read from the store.
    async fn loaded(&self, branches: &[Branch]) -> Result<Vec<Shared>, IndexError> {
        let loads: Vec<_> = branches.iter().map(|branch| self.cache.get(branch)).collect();
        stream::iter(loads).buffered(MAX_LOADS).try_collect().await
    }
}

#[async_trait]
impl TurnIndex for ExactIndex {
    fn kind(&self) -> &'static str {
        "exact"
    }

    async fn upsert(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        _user_id: &str,
        turns: Vec<IndexedTurn>,
    ) -> Result<(), IndexError> {
        let touches = |from, until| turns.iter().any(|t| (from..=until).contains(&t.sequence));
        self.cache
            .change(&(tenant.clone(), owner.clone()), touches, |branch, loaded| {
                let held = turns.iter().filter(|turn| holds(branch, owner, turn.sequence));
                // All are taken in before the first verdict counts.
                let standing =
                    held.map(|turn| loaded.upsert(turn)).fold(Standing::Current, |all, one| {
                        if one == Standing::Outdated { one } else { all }
                    });
                loaded.settle();
                standing
            })
            .await;
        Ok(())
    }

    async fn search(
        &self,
        branches: &[Branch],
        query: &IndexQuery,
    ) -> Result<Vec<BranchMatches>, IndexError> {
        let loaded = self.loaded(branches).await?;
        if turns_of(&loaded) <= MAX_INLINE_TURNS {
            return Ok(score(branches, &loaded, query));
        }
        let (branches, query) = (branches.to_vec(), query.clone());
        let scoring = tokio::task::spawn_blocking(move || score(&branches, &loaded, &query));
        scoring.await.map_err(|_| StoreError::Closed.into())
    }

    async fn prepare(
        &self,
        branches: &[Branch],
        text: &str,
    ) -> Result<Option<Prepared>, IndexError> {
        let loaded = self.loaded(branches).await?;
        if turns_of(&loaded) <= MAX_INLINE_TURNS {
            return Ok(Some(Prepared::of(&loaded, &read(&loaded), text)));
        }
        let text = text.to_owned();
        let scoring = move || Prepared::of(&loaded, &read(&loaded), &text);
        let scored = tokio::task::spawn_blocking(scoring).await;
        scored.map(Some).map_err(|_| StoreError::Closed.into())
    }

    async fn remove_turns(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<(), IndexError> {
        let touches = |from, until| sequences.iter().any(|s| (from..=until).contains(s));
        self.cache
            .change(&(tenant.clone(), owner.clone()), touches, |branch, loaded| {
                let standing = loaded.remove(|s| sequences.contains(&s) && holds(branch, owner, s));
                loaded.settle();
                standing
            })
            .await;
        Ok(())
    }

    async fn remove_conversation(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
    ) -> Result<(), IndexError> {
        let touches = |_, until| until >= from;
        self.cache
            .change(&(tenant.clone(), owner.clone()), touches, |branch, loaded| {
                let standing = loaded.remove(|s| s >= from && holds(branch, owner, s));
                loaded.settle();
                standing
            })
            .await;
        Ok(())
    }
}

/// Whether the branch reads `owner`'s turn at `sequence`.
fn holds(branch: &Branch, owner: &ConversationId, sequence: Sequence) -> bool {
    let covers = |segment: &Segment| {
        segment.conversation == *owner && (segment.from..=segment.until).contains(&sequence)
    };
    branch.segments.iter().any(covers)
}

/// Turns of all of them.
fn turns_of(loaded: &[Shared]) -> usize {
    loaded.iter().map(|branch| branch.read().len()).sum()
}

/// All at once, so that statistics and scores are of the same state. A branch may
/// be named twice: plain reads could wait for each other then.
fn read(loaded: &[Shared]) -> Vec<RwLockReadGuard<'_, LoadedBranch>> {
    loaded.iter().map(|branch| branch.read_recursive()).collect()
}

/// Scores all branches as one corpus.
fn score(branches: &[Branch], loaded: &[Shared], query: &IndexQuery) -> Vec<BranchMatches> {
    let guards = read(loaded);
    let prepared = query.prepared.clone().filter(|prepared| prepared.holds(loaded, &guards));
    let prepared = prepared.unwrap_or_else(|| Prepared::of(loaded, &guards, &query.text));
    let scored = branches.iter().zip(&guards).zip(prepared.0);
    scored
        .map(|((branch, loaded), words)| BranchMatches {
            conversation: branch.conversation.clone(),
            matches: loaded.matches(words.scores, query.vector.as_ref()),
        })
        .collect()
}

impl Prepared {
    /// Scores the words of branches that are read.
    fn of(loaded: &[Shared], guards: &[RwLockReadGuard<'_, LoadedBranch>], text: &str) -> Self {
        let languages: BTreeSet<_> = guards.iter().flat_map(|branch| branch.languages()).collect();
        let terms = QueryTerms::new(text, languages);
        let mut corpus = Corpus::default();
        for branch in guards {
            branch.count(&terms, &mut corpus);
        }
        let worded = loaded.iter().zip(guards).map(|(shared, branch)| Worded {
            branch: Arc::clone(shared),
            state: branch.state(),
            scores: Arc::new(branch.words(&terms, &corpus)),
        });
        Self(worded.collect())
    }

    /// Whether they are of these branches as they stand.
    fn holds(&self, loaded: &[Shared], guards: &[RwLockReadGuard<'_, LoadedBranch>]) -> bool {
        self.0.len() == loaded.len()
            && self.0.iter().zip(loaded).zip(guards).all(|((words, shared), branch)| {
                Arc::ptr_eq(&words.branch, shared) && words.state == branch.state()
            })
    }
}

#[cfg(test)]
mod tests;
