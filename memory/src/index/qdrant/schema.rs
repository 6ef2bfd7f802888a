//! The collection: one for each embedding model, because vectors of different
//! models cannot be compared. Made on first use.
//!
//! Invariants: a server that does not answer is asked for the collection by one
//! caller at a time, and again only after a pause; a search waits for nobody
//! else's asking; a collection that was made here is told of, because it is
//! empty.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use qdrant_client::qdrant::{
    CreateCollection, CreateFieldIndexCollection, Distance, FieldType, HnswConfigDiff,
    IntegerIndexParams, KeywordIndexParams, Modifier, PayloadIndexParams, SparseVectorConfig,
    SparseVectorParams, VectorParams, VectorParamsMap, VectorsConfig,
    payload_index_params::IndexParams, vectors_config::Config,
};
use tokio::{
    sync::{Mutex, MutexGuard, Notify},
    time::Instant,
};

use super::{calls::Server, filters};
use crate::{embed::EmbeddingModel, index::IndexError};

/// Name of the dense vector.
pub(super) const DENSE: &str = "dense";
/// Name of the sparse vector.
pub(super) const SPARSE: &str = "sparse";
/// Links of a node in the graph of each tenant. There is none over all tenants
/// (`m` = 0): no search crosses them.
const LINKS_PER_TENANT: u64 = 16;

/// A model's collection.
pub(super) struct Collection {
    name: String,
    dimensions: u64,
    ready: AtomicBool,
    making: Mutex<Making>,
    /// How long a failure to make it stands for the next attempts.
    pause: Duration,
    /// It was made here, with nothing in it.
    made: Notify,
}

/// What became of the last attempt to make the collection.
#[derive(Default)]
struct Making {
    failed: Option<(Instant, IndexError)>,
}

impl Collection {
    pub(super) fn new(prefix: &str, model: &EmbeddingModel, pause: Duration) -> Self {
        Self {
            name: name(prefix, model),
            dimensions: model.dimensions as u64,
            ready: AtomicBool::new(false),
            making: Mutex::default(),
            pause,
            made: Notify::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the collection and its indexes where they are missing. Waits for
    /// whoever is about it.
    pub(super) async fn ensure(&self, server: &Server) -> Result<(), IndexError> {
        if self.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        self.ensure_holding(self.making.lock().await, server).await
    }

    /// The same for a search: while somebody else is about it the index is
    /// unavailable, so that searches do not queue behind a server that is down.
    pub(super) async fn ensure_now(&self, server: &Server) -> Result<(), IndexError> {
        if self.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.making.try_lock() {
            Ok(making) => self.ensure_holding(making, server).await,
            Err(_) => Err(IndexError::Unavailable("its collection is being looked for".to_owned())),
        }
    }

    async fn ensure_holding(
        &self,
        mut making: MutexGuard<'_, Making>,
        server: &Server,
    ) -> Result<(), IndexError> {
        if self.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Some((at, error)) = &making.failed
            && at.elapsed() < self.pause
        {
            return Err(error.clone());
        }
        let outcome = self.make(server).await;
        making.failed = outcome.as_ref().err().map(|error| (Instant::now(), error.clone()));
        self.ready.store(outcome.is_ok(), Ordering::Release);
        outcome
    }

    async fn make(&self, server: &Server) -> Result<(), IndexError> {
        if !server.collection_exists(&self.name).await? {
            let made = server.create(self.definition()).await;
            // An answer that was lost, or another server of ours that was
            // quicker. It is as new then.
            if made.is_err() && !server.collection_exists(&self.name).await? {
                return made;
            }
            self.made.notify_one();
        }
        self.check_dimensions(server).await?;
        for index in self.indexes() {
            server.create_index(index).await?;
        }
        Ok(())
    }

    /// Returns when the collection had to be made.
    pub(super) async fn made(&self) {
        self.made.notified().await;
    }

    /// After a refusal the collection is looked at again: it may have been
    /// dropped under us.
    pub(super) fn note<T>(&self, outcome: &Result<T, IndexError>) {
        if matches!(outcome, Err(IndexError::Refused(_))) {
            self.ready.store(false, Ordering::Release);
        }
    }

    async fn check_dimensions(&self, server: &Server) -> Result<(), IndexError> {
        let info = server.collection(&self.name).await?;
        let params = info.config.and_then(|config| config.params);
        let vectors = params.and_then(|params| params.vectors_config).and_then(|c| c.config);
        let size = match vectors {
            Some(Config::ParamsMap(vectors)) => vectors.map.get(DENSE).map(|vector| vector.size),
            Some(Config::Params(_)) | None => None,
        };
        if size == Some(self.dimensions) {
            return Ok(());
        }
        Err(IndexError::Refused(format!(
            "collection {} has vectors {DENSE:?} of {size:?} dimensions, the model has {}: \
             delete it and run `throughline rebuild`",
            self.name, self.dimensions
        )))
    }

    fn definition(&self) -> CreateCollection {
        let hnsw = HnswConfigDiff {
            m: Some(0),
            payload_m: Some(LINKS_PER_TENANT),
            ..HnswConfigDiff::default()
        };
        let dense = VectorParams {
            size: self.dimensions,
            distance: Distance::Cosine.into(),
            ..VectorParams::default()
        };
        let sparse = SparseVectorParams { modifier: Some(Modifier::Idf.into()), index: None };
        CreateCollection {
            collection_name: self.name.clone(),
            hnsw_config: Some(hnsw),
            vectors_config: Some(VectorsConfig {
                config: Some(Config::ParamsMap(VectorParamsMap {
                    map: HashMap::from([(DENSE.to_owned(), dense)]),
                })),
            }),
            sparse_vectors_config: Some(SparseVectorConfig {
                map: HashMap::from([(SPARSE.to_owned(), sparse)]),
            }),
            ..CreateCollection::default()
        }
    }

    fn indexes(&self) -> impl Iterator<Item = CreateFieldIndexCollection> {
        let keyword = |is_tenant: bool| {
            let params = KeywordIndexParams {
                is_tenant: is_tenant.then_some(true),
                ..KeywordIndexParams::default()
            };
            (FieldType::Keyword, IndexParams::KeywordIndexParams(params))
        };
        let integer = || {
            let params = IntegerIndexParams {
                lookup: Some(true),
                range: Some(true),
                ..IntegerIndexParams::default()
            };
            (FieldType::Integer, IndexParams::IntegerIndexParams(params))
        };
        let fields = [
            (filters::TENANT, keyword(true)),
            (filters::CONVERSATION, keyword(false)),
            (filters::USER, keyword(false)),
            (filters::TURN, keyword(false)),
            (filters::SEQUENCE, integer()),
        ];
        fields.into_iter().map(|(field, (kind, params))| CreateFieldIndexCollection {
            collection_name: self.name.clone(),
            wait: Some(true),
            field_name: field.to_owned(),
            field_type: Some(kind.into()),
            field_index_params: Some(PayloadIndexParams { index_params: Some(params) }),
            ..CreateFieldIndexCollection::default()
        })
    }
}

/// `prefix_model_hash`. What is left out of the hash, engine and device, does
/// not change the vectors.
fn name(prefix: &str, model: &EmbeddingModel) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [&model.name, &model.sha256, &model.precision, &model.dimensions.to_string()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let model: String = model.name.chars().map(plain).take(64).collect();
    format!("{prefix}_{model}_{}", hash.as_str().get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, precision: &str, device: &str) -> EmbeddingModel {
        EmbeddingModel {
            name: name.to_owned(),
            sha256: "00".to_owned(),
            dimensions: 384,
            max_tokens: 256,
            engine: "candle".to_owned(),
            precision: precision.to_owned(),
            device: device.to_owned(),
        }
    }

    #[test]
    fn a_collection_is_for_one_kind_of_vectors() {
        let of = |model: EmbeddingModel| name("throughline", &model);
        let base = of(model("all-MiniLM-L6-v2", "fp32", "cpu"));
        assert!(base.starts_with("throughline_all_minilm_l6_v2_"), "{base}");
        assert_eq!(base, of(model("all-MiniLM-L6-v2", "fp32", "cuda:0")));
        assert_ne!(base, of(model("all-MiniLM-L6-v2", "int8", "cpu")));
        assert_ne!(base, of(model("all-MiniLM-L6.v2", "fp32", "cpu")));
    }
}
