//! The reranker, if one is configured: its files looked for before anything is
//! fetched, its model opened after what fetches ONNX Runtime.

use std::sync::Arc;

use throughline_memory::rerank::{
    CrossEncoder, CrossEncoderFiles, RerankOptions, RerankService, fastembed,
};

use super::{ServeError, wiring::blocking};
use crate::{config::Config, grpc::Reranker, models};

/// Looks whether the directory holds a model.
pub(super) fn files(config: &Config) -> Result<Option<CrossEncoderFiles>, ServeError> {
    let dir = config.reranker.as_ref().map(|reranker| &reranker.dir);
    Ok(dir.map(|dir| CrossEncoderFiles::find(CrossEncoder::Reranker, dir)).transpose()?)
}

/// Makes it ready.
pub(super) async fn open(
    config: &Config,
    files: Option<CrossEncoderFiles>,
) -> Result<Option<Arc<RerankService>>, ServeError> {
    let (Some(files), Some(settings)) = (files, &config.reranker) else { return Ok(None) };
    let options = RerankOptions { top: settings.top, ..RerankOptions::default() };
    let (models_dir, models_file) = (config.models_dir.clone(), config.models_file.clone());
    blocking(move || {
        let registry = models::registry_of(models_file.as_deref())?;
        let library = models::runtime_library(&registry, &models_dir);
        let engine = fastembed::open(&files, library.as_deref(), options.threads)?;
        Ok(Some(Arc::new(RerankService::start(Arc::new(engine), options)?)))
    })
    .await
}

/// What is said of it.
pub(super) fn about(reranker: &RerankService) -> Reranker {
    Reranker {
        name: reranker.name().to_owned(),
        sha256: reranker.version().to_owned(),
        top: reranker.top(),
    }
}
