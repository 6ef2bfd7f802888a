//! The index on a Qdrant server or cluster.
//!
//! A turn is one point for its words (a sparse vector) and one for each of its
//! passages (a dense vector); see [`points`]. A search asks for the best turns
//! by each, within the segments of the branches. Turns that the server has not
//! acknowledged are kept in [`pending`] and scored here, so that a turn is
//! found as soon as [`TurnIndex::upsert`] has begun.
//!
//! Invariants: every filter names the tenant; every write waits until it is
//! applied; changes to one conversation reach the server in the order in which
//! they were asked for.
//!
//! BM25 here differs from the exact index's in the average length of a turn,
//! which is assumed (see [`QdrantOptions::average_length`]), and in IDF, which
//! a server that does not know the search parameter `idf` counts over the whole
//! collection.

mod answers;
mod calls;
mod filters;
mod languages;
mod pending;
mod points;
mod schema;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard};

use self::{
    answers::Found, calls::Server, languages::Languages, pending::Pending, schema::Collection,
};
use super::{
    Branch, BranchMatches, IndexError, IndexQuery, IndexedTurn, Matches, TurnIndex, TurnSource,
    exact::terms::QueryTerms,
};
use crate::{
    embed::EmbeddingModel,
    turn::{ConversationId, Sequence, TenantId},
};

/// Locks that keep changes to a conversation in order.
const STRIPES: usize = 64;
/// Sequences that one delete names.
const SEQUENCES_PER_DELETE: usize = 1_000;

/// How the server is used.
#[derive(Clone, Debug)]
pub struct QdrantOptions {
    /// First part of the collection's name; set apart installations that share
    /// a server.
    pub collection_prefix: String,
    /// How long one attempt of a call may take.
    pub attempt_timeout: Duration,
    /// How long a search may take with all its attempts.
    pub search_deadline: Duration,
    /// How long a write may take with all its attempts.
    pub write_deadline: Duration,
    /// Attempts of a call, the first included.
    pub max_attempts: u32,
    /// Pause before the second attempt at most; doubled for each further one,
    /// up to 2 s, and drawn at random below that.
    pub backoff: Duration,
    /// How long a failure to find or make the collection stands for the calls
    /// after it, which are answered at once.
    pub pause_after_failure: Duration,
    /// Turns that are kept until the server acknowledges them. Those beyond are
    /// found only when it has.
    pub max_pending: usize,
    /// Terms that a turn is assumed to have on average. The weights that the
    /// server stores must not change with the corpus.
    pub average_length: f32,
}

impl Default for QdrantOptions {
    fn default() -> Self {
        Self {
            collection_prefix: "throughline".to_owned(),
            attempt_timeout: Duration::from_secs(5),
            search_deadline: Duration::from_secs(2),
            write_deadline: Duration::from_secs(30),
            max_attempts: 5,
            backoff: Duration::from_millis(50),
            pause_after_failure: Duration::from_secs(1),
            max_pending: 10_000,
            average_length: 40.0,
        }
    }
}

/// An index on a Qdrant server.
pub struct QdrantIndex {
    server: Server,
    collection: Collection,
    languages: Languages,
    pending: Pending,
    stripes: Vec<Mutex<()>>,
    average_length: f32,
}

impl QdrantIndex {
    /// Connects to the server at `url` (its gRPC port) and makes the model's
    /// collection if it is not there. A server that does not answer is no
    /// error: the collection is seen to before the first call that needs it.
    ///
    /// # Errors
    /// [`IndexError::Refused`] for a wrong address or key, or a collection of
    /// other dimensions.
    pub async fn connect(
        url: &str,
        api_key: Option<&str>,
        model: &EmbeddingModel,
        source: Arc<dyn TurnSource>,
        options: QdrantOptions,
    ) -> Result<Self, IndexError> {
        let index = Self {
            server: Server::new(url, api_key, &options)?,
            collection: Collection::new(
                &options.collection_prefix,
                model,
                options.pause_after_failure,
            ),
            languages: Languages::new(source),
            pending: Pending::new(options.max_pending),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            average_length: options.average_length.max(1.0),
        };
        match index.collection.ensure(&index.server).await {
            Err(IndexError::Unavailable(cause)) => {
                tracing::warn!(%cause, "the vector index does not answer; going on without it");
            }
            outcome => outcome?,
        }
        Ok(index)
    }

    /// Name of the collection that it uses.
    pub fn collection(&self) -> &str {
        self.collection.name()
    }

    async fn in_order(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
    ) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        (tenant, owner).hash(&mut hasher);
        let stripe = (hasher.finish() % STRIPES as u64) as usize;
        match self.stripes.get(stripe) {
            Some(stripe) => Some(stripe.lock().await),
            None => None,
        }
    }

    async fn write(&self, request: points::Write) -> Result<(), IndexError> {
        self.collection.ensure(&self.server).await?;
        let outcome = match request {
            points::Write::Batch(batch) => self.server.update(batch).await,
            points::Write::Delete(delete) => self.server.delete(delete).await,
        };
        self.collection.note(&outcome);
        outcome
    }

    /// Searches the branches of one tenant.
    async fn search_tenant(
        &self,
        tenant: &TenantId,
        branches: &[&Branch],
        query: &IndexQuery,
    ) -> Result<Vec<BranchMatches>, IndexError> {
        if branches.iter().all(|branch| branch.segments.is_empty()) {
            // No condition at all would let everything of the tenant through.
            let nothing = |branch: &&Branch| BranchMatches {
                conversation: branch.conversation.clone(),
                matches: Matches::default(),
            };
            return Ok(branches.iter().map(nothing).collect());
        }
        let languages = self.languages.of_query(branches, &query.text).await?;
        let terms = QueryTerms::new(&query.text, languages.iter().copied());
        let filter = filters::branches(tenant, branches);
        let name = self.collection.name();
        let limit = query.limit.max(1) as u64;
        let by_words = points::sparse_query(name, &terms, filter.clone(), limit);
        let by_meaning =
            query.vector.as_ref().map(|vector| points::dense_query(name, vector, filter, limit));
        let (words, meaning) =
            tokio::join!(self.server.query_if_any(by_words), self.server.query_if_any(by_meaning));
        let outcome = words.and_then(|words| Ok((words, meaning?)));
        self.collection.note(&outcome);
        let (words, meaning) = outcome?;
        let mut found = Found::default();
        found.add_words(words);
        found.add_meaning(meaning);
        let found = branches.iter().map(|branch| {
            let mut matches = found.of(branch);
            for pending in self.pending.score(branch, query, &languages, self.average_length) {
                matches.insert(pending.sequence, pending);
            }
            BranchMatches {
                conversation: branch.conversation.clone(),
                matches: matches.into_values().collect(),
            }
        });
        Ok(found.collect())
    }
}

#[async_trait]
impl TurnIndex for QdrantIndex {
    fn kind(&self) -> &'static str {
        "qdrant"
    }

    fn place(&self) -> Option<String> {
        Some(format!("qdrant/{}", self.collection.name()))
    }

    async fn emptied(&self) {
        self.collection.made().await;
    }

    async fn upsert(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        user_id: &str,
        turns: Vec<IndexedTurn>,
    ) -> Result<(), IndexError> {
        let accepted = self.pending.add(tenant, owner, &turns);
        let _in_order = self.in_order(tenant, owner).await;
        let language = self.languages.of_conversation(tenant, owner, &turns).await?;
        let context = points::Context {
            tenant,
            owner,
            user_id,
            language,
            average_length: self.average_length,
            collection: self.collection.name(),
        };
        for batch in points::batches(&context, &turns) {
            self.write(batch).await?;
        }
        // What failed stays, until the caller tries again.
        self.pending.acknowledge(accepted);
        Ok(())
    }

    async fn search(
        &self,
        branches: &[Branch],
        query: &IndexQuery,
    ) -> Result<Vec<BranchMatches>, IndexError> {
        if branches.is_empty() {
            return Ok(Vec::new());
        }
        self.collection.ensure_now(&self.server).await?;
        let mut tenants: BTreeMap<&TenantId, Vec<(usize, &Branch)>> = BTreeMap::new();
        for (at, branch) in branches.iter().enumerate() {
            tenants.entry(&branch.tenant).or_default().push((at, branch));
        }
        let mut found: BTreeMap<usize, BranchMatches> = BTreeMap::new();
        for (tenant, branches) in tenants {
            let (places, branches): (Vec<_>, Vec<_>) = branches.into_iter().unzip();
            let matches = self.search_tenant(tenant, &branches, query).await?;
            found.extend(places.into_iter().zip(matches));
        }
        Ok(found.into_values().collect())
    }

    async fn remove_turns(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        sequences: &[Sequence],
    ) -> Result<(), IndexError> {
        self.pending.remove(tenant, owner, |sequence| sequences.contains(&sequence));
        let _in_order = self.in_order(tenant, owner).await;
        for some in sequences.chunks(SEQUENCES_PER_DELETE) {
            let filter = filters::turns(tenant, owner, some);
            self.write(points::delete(self.collection.name(), filter)).await?;
        }
        Ok(())
    }

    async fn remove_conversation(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        from: Sequence,
    ) -> Result<(), IndexError> {
        self.pending.remove(tenant, owner, |sequence| sequence >= from);
        let _in_order = self.in_order(tenant, owner).await;
        let filter = filters::conversation(tenant, owner, from);
        self.write(points::delete(self.collection.name(), filter)).await
    }
}
