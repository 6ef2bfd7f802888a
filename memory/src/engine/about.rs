//! What an engine is and does, for whoever shows it: limits in force, kinds of store and
//! index, what waits.

use super::{Engine, Limits};
use crate::{
    degradation::Tally, retrieval::RankingWeights, store::StoreHealth, summary::fold::FoldRules,
};

impl Engine {
    /// When and how much is folded.
    pub fn fold_rules(&self) -> &FoldRules {
        &self.fold_rules
    }

    /// Limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What hybrid ranking weighs by.
    pub fn ranking_weights(&self) -> &RankingWeights {
        &self.ranking
    }

    /// How often signals of degradation were found since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the store takes writes.
    pub fn store_health(&self) -> StoreHealth {
        self.store.health()
    }

    /// `sled` or `redb`.
    pub fn store_kind(&self) -> &'static str {
        self.store.kind()
    }

    /// What the store has committed since the start.
    pub fn commit_counts(&self) -> crate::store::CommitCounts {
        self.store.commit_counts()
    }

    /// `exact` or `qdrant`.
    pub fn index_kind(&self) -> &'static str {
        self.index.kind()
    }

    /// The embedding model in use.
    pub fn embedding_model(&self) -> &crate::embed::EmbeddingModel {
        self.embed.model()
    }

    /// Turns and items that are not searchable by meaning yet, and what else waits to be
    /// derived; not those that wait to be measured.
    pub fn outbox_backlog(&self) -> u64 {
        self.outbox.backlog()
    }

    /// Names that a context request may use.
    pub fn tokenizer_names(&self) -> Vec<String> {
        self.tokenizers.names().map(str::to_owned).collect()
    }

    /// Commits that may wait to be written; one more is `Store(Overloaded)`.
    pub fn max_waiting_commits(&self) -> usize {
        self.store.max_waiting_commits()
    }

    /// Texts that may wait to be embedded; one more is `Embed(Overloaded)`.
    pub fn max_waiting_texts(&self) -> usize {
        self.embed.max_waiting_texts()
    }
}
