//! What judges entailment beside the check of summaries, if anything is configured: the
//! language model, or a cross-encoder. The files of one are looked for before anything is
//! fetched, and it is opened after what fetches ONNX Runtime; the same one is asked about
//! the pairs that staleness is unsure of.

use std::{sync::Arc, time::Duration};

use throughline_memory::{
    rerank::{
        CrossEncoder, CrossEncoderFiles, RerankOptions, RerankService,
        entailment::{self, EntailmentModel},
    },
    staleness::unsure::PairJudge,
};
use throughline_summarizer::{
    entailment::{EncoderEntailment, Entailment, ModelEntailment},
    llm::ChatModel,
};

use super::{ServeError, wiring::blocking};
use crate::{
    config::{Config, EntailmentSettings},
    models,
};

/// How long a sentence with its evidence may take: nobody waits for it but the folding.
const DEADLINE: Duration = Duration::from_secs(30);

/// Looks whether the directory holds a model.
pub(super) fn files(config: &Config) -> Result<Option<CrossEncoderFiles>, ServeError> {
    match &config.entailment {
        Some(EntailmentSettings::Encoder { dir }) => {
            Ok(Some(CrossEncoderFiles::find(CrossEncoder::Entailment, dir)?))
        }
        Some(EntailmentSettings::Llm) | None => Ok(None),
    }
}

/// Opens the cross-encoder, if there is one.
pub(super) async fn encoder(
    config: &Config,
    files: Option<CrossEncoderFiles>,
) -> Result<Option<Arc<EntailmentModel>>, ServeError> {
    let Some(files) = files else { return Ok(None) };
    let (models_dir, models_file) = (config.models_dir.clone(), config.models_file.clone());
    blocking(move || {
        let registry = models::registry_of(models_file.as_deref())?;
        let library = models::runtime_library(&registry, &models_dir);
        let threads = RerankOptions::default().threads;
        Ok(Some(Arc::new(entailment::open(&files, library.as_deref(), threads)?)))
    })
    .await
}

/// What is asked about unsure pairs of turns: a cross-encoder that knows contradictions.
pub(super) fn of_pairs(encoder: Option<&Arc<EntailmentModel>>) -> Option<Arc<dyn PairJudge>> {
    let encoder = Arc::clone(encoder?);
    if encoder.knows_contradiction() {
        return Some(encoder);
    }
    tracing::info!(
        "the entailment model has no label \"contradiction\": it judges summaries alone"
    );
    None
}

/// What judges summaries: the cross-encoder, or `model`, the language model that there is.
pub(super) fn of_summaries(
    config: &Config,
    encoder: Option<Arc<EntailmentModel>>,
    model: Option<&Arc<dyn ChatModel>>,
) -> Result<Option<Arc<dyn Entailment>>, ServeError> {
    if let Some(encoder) = encoder {
        let options = RerankOptions { deadline: DEADLINE, ..RerankOptions::default() };
        let service = Arc::new(RerankService::start(encoder, options)?);
        return Ok(Some(Arc::new(EncoderEntailment::new(service))));
    }
    // The configuration asks for it only where there is one.
    let asked = config.entailment == Some(EntailmentSettings::Llm);
    let model = model.filter(|_| asked).map(Arc::clone);
    Ok(model.map(|model| -> Arc<dyn Entailment> { Arc::new(ModelEntailment::new(model)) }))
}
