//! The embedding model: fetched if it is missing, verified, opened twice, so
//! that queries never wait behind ingestion.

use std::{path::Path, sync::Arc};

use throughline_memory::embed::{
    EmbedConfig, EmbedService, Embedder, ModelFiles, Precision as WeightPrecision, Splitter,
    candle, fastembed,
};

use super::{ServeError, wiring::blocking};
use crate::{
    config::{Config, EmbeddingEngine, EmbeddingSettings, EntailmentSettings, Precision},
    models::{self, ModelsError, Progress, PullOptions, Registry},
};

/// Makes the model ready, behind its lanes.
pub(super) async fn open(config: &Config) -> Result<Arc<EmbedService>, ServeError> {
    let (settings, dir, pull) = (config.embedding.clone(), config.models_dir.clone(), config.pull);
    let models_file = config.models_file.clone();
    // Cross-encoders run on ONNX Runtime too.
    let judged = matches!(config.entailment, Some(EntailmentSettings::Encoder { .. }));
    let encoders = config.reranker.is_some() || judged;
    let onnx = settings.engine == EmbeddingEngine::Fastembed || encoders;
    blocking(move || {
        let registry = models::registry_of(models_file.as_deref())?;
        let files = files(&registry, &settings, &dir, pull, onnx)?;
        start(&settings, &files).map(Arc::new)
    })
    .await
}

fn files(
    registry: &Registry,
    settings: &EmbeddingSettings,
    dir: &Path,
    pull: bool,
    onnx: bool,
) -> Result<ModelFiles, ModelsError> {
    let name = settings.model.as_str();
    // int8 loses more of retrieval than its speed is worth
    // (`docs/decisions/0002-embedding.md`).
    let precision = match settings.precision.unwrap_or(Precision::Fp32) {
        Precision::Fp32 => WeightPrecision::Fp32,
        Precision::Int8 => WeightPrecision::Int8,
    };
    if pull {
        let precision = Some(precision);
        let options = PullOptions { onnx, precision, ..PullOptions::default() };
        models::pull(registry, &[name], dir, &options, &Progress::auto())?;
    } else {
        verified(registry, name, dir)?;
    }
    models::embedding_files(registry, name, precision, dir)
}

/// Nothing is fetched, but what is there must be whole.
fn verified(registry: &Registry, name: &str, dir: &Path) -> Result<(), ModelsError> {
    for file in models::verify(registry, &[name], dir)? {
        file.state?;
    }
    Ok(())
}

fn start(settings: &EmbeddingSettings, files: &ModelFiles) -> Result<EmbedService, ServeError> {
    let mut sizes = EmbedConfig::default();
    if let Some(threads) = settings.threads {
        (sizes.bulk_threads, sizes.query_threads) = (threads, threads);
    }
    let splitter = Splitter::open(files)?;
    let (bulk, query): (Arc<dyn Embedder>, Arc<dyn Embedder>) = match settings.engine {
        EmbeddingEngine::Fastembed => (
            Arc::new(fastembed::open(files, sizes.bulk_threads)?),
            Arc::new(fastembed::open(files, sizes.query_threads)?),
        ),
        EmbeddingEngine::Candle => {
            let device = candle::ComputeDevice::best();
            (
                Arc::new(candle::open(files, device, sizes.bulk_threads)?),
                Arc::new(candle::open(files, device, sizes.query_threads)?),
            )
        }
    };
    Ok(EmbedService::start(bulk, query, splitter, &sizes)?)
}
