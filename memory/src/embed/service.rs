//! The face of embedding: cache, splitter and the two lanes in one.
//!
//! A query has its own engine and thread and never stands behind bulk work.
//! Bulk waits for room in a bounded queue; a query that finds the queue full is
//! refused at once, because its caller is waiting.

use std::{ops::Range, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    EmbedError, Embedder, EmbeddingModel, Splitter, Vector,
    cache::VectorCache,
    lanes::{Job, Lane, Priority, Urgent},
    passages::SPLITTER_VERSION,
    unhurried::Unhurried,
};
use crate::turn::TenantId;

/// Texts in one run of the query engine: a batch delays its first text.
const QUERY_BATCH: usize = 8;

/// Passages that are embedded ahead of bulk work at a time: a turn of usual length,
/// whole and by sentences. More would hold up queries.
const AHEAD: usize = 2 * QUERY_BATCH;

/// Characters of the weights' hash in a version.
const VERSION_HASH_CHARS: usize = 16;

/// Passages of a query that are embedded; what a longer one says later is found
/// by its words alone.
pub const MAX_QUERY_PASSAGES: usize = 8;

/// How much embedding may take. The thread counts are for whoever opens the
/// engines; they are here so that one place sizes both lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedConfig {
    /// Texts in one run of the bulk engine, 1 or more. Larger fills a GPU
    /// better; queries wait for at most one run.
    pub bulk_batch: usize,
    /// Threads of the bulk engine, 1 or more.
    pub bulk_threads: usize,
    /// Threads of the query engine, 1 or more.
    pub query_threads: usize,
    /// Texts that may wait in each lane, 1 or more. Bulk then waits for room,
    /// a query gets [`EmbedError::Overloaded`].
    pub max_waiting_texts: usize,
    /// Bytes of the vector cache; 0 turns it off.
    pub cache_bytes: u64,
}

impl Default for EmbedConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            bulk_batch: 16,
            // Half for ingestion leaves the other half to queries and requests.
            bulk_threads: (cores / 2).max(1),
            query_threads: cores.min(4),
            max_waiting_texts: 8_192,
            cache_bytes: 64 << 20,
        }
    }
}

/// Embeds texts for everybody.
pub struct EmbedService {
    model: EmbeddingModel,
    version: String,
    splitter: Splitter,
    cache: Arc<VectorCache>,
    bulk: Lane,
    bulk_engine: Arc<dyn Embedder>,
    query: Lane,
    bulk_room: Arc<Semaphore>,
    query_room: Arc<Semaphore>,
    max_waiting: usize,
    /// Queries and commits: before bulk work.
    priority: Arc<Priority>,
    /// Passages: before what is unhurried.
    turns: Arc<Priority>,
}

impl EmbedService {
    /// Starts both lanes. The engines may be one and the same (on a GPU), or
    /// two of the same model.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] if the engines hold different models, or no
    /// thread can be had.
    pub fn start(
        bulk: Arc<dyn Embedder>,
        query: Arc<dyn Embedder>,
        splitter: Splitter,
        config: &EmbedConfig,
    ) -> Result<Self, EmbedError> {
        let model = bulk.model().clone();
        let version = version_of(&model, &splitter);
        let asked = version_of(query.model(), &splitter);
        if version != asked {
            return Err(EmbedError::Engine(format!(
                "the bulk engine runs {version}, the query engine {asked}"
            )));
        }
        let cache = Arc::new(VectorCache::new(version.clone(), config.cache_bytes));
        let priority = Arc::<Priority>::default();
        let max_waiting = config.max_waiting_texts.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            bulk: Lane::start(
                "bulk",
                Arc::clone(&bulk),
                Arc::clone(&cache),
                config.bulk_batch,
                Some(Arc::clone(&priority)),
            )?,
            bulk_engine: bulk,
            query: Lane::start("query", query, Arc::clone(&cache), QUERY_BATCH, None)?,
            model,
            version,
            splitter,
            cache,
            bulk_room: Arc::new(Semaphore::new(max_waiting)),
            query_room: Arc::new(Semaphore::new(max_waiting)),
            max_waiting,
            priority,
            turns: Arc::default(),
        })
    }

    /// Texts that may wait before [`EmbedError::Overloaded`].
    pub fn max_waiting_texts(&self) -> usize {
        self.max_waiting
    }

    /// Which model.
    pub fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    /// Names everything that a vector depends on: model, weights, precision,
    /// prefixes and splitter. Vectors of another version must be made anew.
    pub fn version(&self) -> String {
        self.version.clone()
    }

    /// See [`Splitter::split`].
    pub fn split(&self, text: &str) -> Vec<Range<usize>> {
        self.splitter.split(text)
    }

    /// Embeds a query, ahead of all bulk work. One that is longer than the model
    /// reads is embedded by passages: the mean of the first
    /// [`MAX_QUERY_PASSAGES`] stands for it.
    ///
    /// # Errors
    /// [`EmbedError::Overloaded`] if too many queries wait,
    /// [`EmbedError::Engine`], [`EmbedError::Closed`].
    pub async fn query(&self, tenant: &TenantId, text: &str) -> Result<Vector, EmbedError> {
        let passages = self.split(text).into_iter().take(MAX_QUERY_PASSAGES);
        let passages = passages.filter_map(|range| text.get(range));
        let vectors = passages.map(|passage| self.query_passage(tenant, passage));
        Ok(mean_direction(&futures::future::try_join_all(vectors).await?))
    }

    /// Embeds passages that somebody waits for ahead of all bulk work, at most
    /// [`AHEAD`]: whoever asks for them next finds them known.
    pub async fn passages_ahead(&self, tenant: &TenantId, texts: Vec<String>) {
        let texts = texts.into_iter().take(AHEAD).map(|text| self.with_passage_prefix(text));
        // What fails or finds no room is told to those who ask for it.
        futures::future::join_all(texts.map(|text| self.at_once(tenant, text))).await;
    }

    async fn query_passage(&self, tenant: &TenantId, text: &str) -> Result<Vector, EmbedError> {
        self.at_once(tenant, format!("{}{text}", self.splitter.query_prefix())).await
    }

    /// Embeds a text in the lane of queries.
    async fn at_once(&self, tenant: &TenantId, text: String) -> Result<Vector, EmbedError> {
        let key = self.cache.key(tenant, &text);
        if let Some(vector) = self.cache.get(&key) {
            return Ok(vector);
        }
        let room = Arc::clone(&self.query_room);
        let permit = room.try_acquire_owned().map_err(|_| self.overloaded())?;
        let _ahead = self.priority.enter();
        let (answer, vector) = oneshot::channel();
        self.query.push(vec![Job { text, key, answer, permit }]);
        vector.await.unwrap_or(Err(EmbedError::Closed))
    }

    /// Embeds passages; one vector for each, in order. Waits for room.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] if one of them fails, [`EmbedError::Closed`].
    pub async fn passages(
        &self,
        tenant: &TenantId,
        texts: Vec<String>,
    ) -> Result<Vec<Vector>, EmbedError> {
        let mut vectors: Vec<Option<Vector>> = Vec::with_capacity(texts.len());
        let mut waiting = Vec::new();
        for (place, text) in texts.into_iter().enumerate() {
            let text = self.with_passage_prefix(text);
            let key = self.cache.key(tenant, &text);
            let known = self.cache.get(&key);
            if known.is_none() {
                waiting.push((place, text, key));
            }
            vectors.push(known);
        }
        let mut waiting = waiting.into_iter();
        let mut answers = Vec::new();
        let _first = self.turns.enter();
        while waiting.len() > 0 {
            // As many at once as there is room for, so that they can share a
            // batch; at least one, so that a large request gets through.
            let mut permits = self.room(waiting.len()).await?;
            let mut jobs = Vec::with_capacity(permits.num_permits());
            while let Some(permit) = permits.split(1) {
                let Some((place, text, key)) = waiting.next() else { break };
                let (answer, vector) = oneshot::channel();
                jobs.push(Job { text, key, answer, permit });
                answers.push((place, vector));
            }
            self.bulk.push(jobs);
        }
        for (place, vector) in answers {
            let vector = vector.await.unwrap_or(Err(EmbedError::Closed))?;
            if let Some(slot) = vectors.get_mut(place) {
                *slot = Some(vector);
            }
        }
        vectors.into_iter().collect::<Option<Vec<_>>>().ok_or(EmbedError::Closed)
    }

    /// The bulk engine for work that nobody waits for: it lets everything else go first.
    /// What it embeds goes by the cache.
    pub fn unhurried(&self) -> Arc<dyn Embedder> {
        Arc::new(Unhurried {
            engine: Arc::clone(&self.bulk_engine),
            urgent: Arc::clone(&self.priority),
            turns: Arc::clone(&self.turns),
        })
    }

    /// Lets something else that is urgent, such as a commit, go before bulk work while
    /// what comes back is held.
    pub fn urgent(&self) -> Urgent {
        self.priority.enter()
    }

    /// Drops what the cache knows of texts, as passages and as queries.
    pub fn forget(&self, tenant: &TenantId, texts: &[&str]) {
        for text in texts {
            for prefix in [self.splitter.query_prefix(), self.splitter.passage_prefix()] {
                self.cache.forget(&self.cache.key(tenant, &format!("{prefix}{text}")));
            }
        }
    }

    /// Texts given to the engines so far: queries and passages that no cache
    /// answered.
    pub fn embedded(&self) -> usize {
        self.bulk.embedded() + self.query.embedded()
    }

    /// Stops both lanes after their runs under way (blocking until then); what
    /// waits and what comes later gets [`EmbedError::Closed`].
    pub fn close(&self) {
        self.bulk_room.close();
        self.query_room.close();
        self.query.close();
        self.bulk.close();
    }

    fn with_passage_prefix(&self, text: String) -> String {
        match self.splitter.passage_prefix() {
            "" => text,
            prefix => format!("{prefix}{text}"),
        }
    }

    /// Room for up to `wanted` texts: what is free now, else for the first one.
    async fn room(&self, wanted: usize) -> Result<OwnedSemaphorePermit, EmbedError> {
        let first = Arc::clone(&self.bulk_room).acquire_owned().await;
        let mut permits = first.map_err(|_| EmbedError::Closed)?;
        let more = self.bulk_room.available_permits().min(wanted.saturating_sub(1));
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.bulk_room).try_acquire_many_owned(more) {
            permits.merge(more);
        }
        Ok(permits)
    }

    fn overloaded(&self) -> EmbedError {
        if self.query_room.is_closed() {
            return EmbedError::Closed;
        }
        let waiting = self.max_waiting - self.query_room.available_permits().min(self.max_waiting);
        EmbedError::Overloaded { waiting, limit: self.max_waiting }
    }
}

impl Drop for EmbedService {
    fn drop(&mut self) {
        self.close();
    }
}

/// `name:weights:precision:splitter[:prefixes]`.
fn version_of(model: &EmbeddingModel, splitter: &Splitter) -> String {
    let hash: String = model.sha256.chars().take(VERSION_HASH_CHARS).collect();
    let mut version = format!("{}:{hash}:{}:s{SPLITTER_VERSION}", model.name, model.precision);
    let (query, passage) = (splitter.query_prefix(), splitter.passage_prefix());
    if !query.is_empty() || !passage.is_empty() {
        version.push_str(&format!(":{query}|{passage}"));
    }
    version
}

/// The direction of the mean of unit vectors; of a single one, itself.
fn mean_direction(vectors: &[Vector]) -> Vector {
    let Some((first, rest)) = vectors.split_first() else { return Vector::default() };
    if rest.is_empty() {
        return Arc::clone(first);
    }
    let mut sum = first.to_vec();
    for vector in rest {
        for (sum, value) in sum.iter_mut().zip(vector.iter()) {
            *sum += value;
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    sum.iter().map(|value| value / length).collect()
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
