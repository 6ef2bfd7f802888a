//! Layers that fail when the test says so: a store, an index.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use throughline_memory::{
    index::{
        Branch, BranchMatches, IndexError, IndexQuery, IndexedTurn, TurnIndex, exact::ExactIndex,
    },
    store::{ConversationStore, Direction, StoreError, StoreHealth, VisitPair, Write},
    turn::{ConversationId, Sequence, TenantId},
};

use super::Controls;

/// A store that takes a number of commits more, then none.
pub struct FailingStore {
    inner: Arc<dyn ConversationStore>,
    controls: Arc<Controls>,
}

impl FailingStore {
    pub fn over(
        inner: Arc<dyn ConversationStore>,
        controls: &Arc<Controls>,
    ) -> Arc<dyn ConversationStore> {
        Arc::new(Self { inner, controls: Arc::clone(controls) })
    }
}

impl ConversationStore for FailingStore {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: VisitPair<'_>,
    ) -> Result<(), StoreError> {
        self.inner.scan(start, end, direction, visit)
    }

    fn commit(&self, batch: &[Write]) -> Result<(), StoreError> {
        if self.controls.counting.load(Ordering::SeqCst)
            && self.controls.commits_left.fetch_sub(1, Ordering::SeqCst) <= 0
        {
            return Err(StoreError::Poisoned { cause: "power is gone".into() });
        }
        self.inner.commit(batch)
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}

/// An index that can be switched off.
pub struct SwitchedIndex {
    inner: ExactIndex,
    controls: Arc<Controls>,
}

impl SwitchedIndex {
    pub fn over(inner: ExactIndex, controls: &Arc<Controls>) -> Self {
        Self { inner, controls: Arc::clone(controls) }
    }

    fn check(&self) -> Result<(), IndexError> {
        if self.controls.index_down.load(Ordering::SeqCst) {
            return Err(IndexError::Unavailable("switched off".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl TurnIndex for SwitchedIndex {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    async fn upsert(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        user_id: &str,
        turns: Vec<IndexedTurn>,
    ) -> Result<(), IndexError> {
        self.check()?;
        self.inner.upsert(tenant, owner, user_id, turns).await
    }

    async fn search(
        &self,
        branches: &[Branch],
        query: &IndexQuery,
    ) -> Result<Vec<BranchMatches>, IndexError> {
        self.check()?;
        self.inner.search(branches, query).await
    }

    async fn remove_turns(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<(), IndexError> {
        self.check()?;
        self.inner.remove_turns(tenant, owner, sequences).await
    }

    async fn remove_conversation(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
    ) -> Result<(), IndexError> {
        self.check()?;
        self.inner.remove_conversation(tenant, owner, from).await
    }
}
