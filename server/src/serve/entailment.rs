//! What judges entailment beside the check of summaries, if anything is configured: the
//! language model, or a cross-encoder whose files are looked for before anything is
//! fetched and which is opened after what fetches ONNX Runtime.

use std::{sync::Arc, time::Duration};

use throughline_memory::rerank::{
    CrossEncoder, CrossEncoderFiles, RerankOptions, RerankService, entailment,
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

/// Makes the judge ready; `model` is the language model that there is.
pub(super) async fn open(
    config: &Config,
    files: Option<CrossEncoderFiles>,
    model: Option<&Arc<dyn ChatModel>>,
) -> Result<Option<Arc<dyn Entailment>>, ServeError> {
    let Some(files) = files else {
        // The configuration asks for it only where there is one.
        let asked = config.entailment == Some(EntailmentSettings::Llm);
        let model = model.filter(|_| asked).map(Arc::clone);
        return Ok(
            model.map(|model| -> Arc<dyn Entailment> { Arc::new(ModelEntailment::new(model)) })
        );
    };
    let options = RerankOptions { deadline: DEADLINE, ..RerankOptions::default() };
    let (models_dir, models_file) = (config.models_dir.clone(), config.models_file.clone());
    blocking(move || {
        let registry = models::registry_of(models_file.as_deref())?;
        let library = models::runtime_library(&registry, &models_dir);
        let engine = entailment::open(&files, library.as_deref(), options.threads)?;
        let service = RerankService::start(Arc::new(engine), options)?;
        let judge: Arc<dyn Entailment> = Arc::new(EncoderEntailment::new(Arc::new(service)));
        Ok(Some(judge))
    })
    .await
}
