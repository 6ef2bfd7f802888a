//! What writes summaries and lines of pins: extractive code, or a language model whose
//! sentences are checked.

use std::sync::Arc;

use throughline_memory::{
    embed::Embedder,
    facts::WriteLine,
    summary::{Summarize, generations::Generations},
    usage::Meter,
};
use throughline_summarizer::{
    check::Checker, compose::Composer, entailment::Entailment, extractive::Extractive,
    fold::Folder, lines::LineWriter, llm::ChatModel,
};

use super::{ServeError, llm};
use crate::{config::Config, grpc::Summaries};

/// Those that are switched on.
#[derive(Default)]
pub(super) struct Writers {
    pub(super) summarizer: Option<Arc<dyn Summarize>>,
    pub(super) lines: Option<Arc<dyn WriteLine>>,
    /// What is said of the first.
    pub(super) summaries: Summaries,
}

/// The language model, where anything is written.
///
/// # Errors
/// It cannot be fetched or opened.
pub(super) async fn model(
    config: &Config,
    generations: &Generations,
    meter: &Arc<Meter>,
) -> Result<Option<Arc<dyn ChatModel>>, ServeError> {
    let written = config.summaries || config.pins.enabled;
    if written { llm::open(config, generations, meter).await } else { Ok(None) }
}

impl Writers {
    /// Writers with a model and a judge of summaries, where there are such.
    ///
    /// # Errors
    /// The check that ships cannot be read.
    pub(super) fn new(
        config: &Config,
        embedder: Arc<dyn Embedder>,
        model: Option<Arc<dyn ChatModel>>,
        judge: Option<Arc<dyn Entailment>>,
    ) -> Result<Self, ServeError> {
        let mut writers = Self::default();
        let of_lines = model.clone().filter(|_| config.pins.enabled);
        if !config.summaries && of_lines.is_none() {
            return Ok(writers);
        }
        let checker = Checker::bundled(Arc::clone(&embedder)).map_err(|error| {
            let (setting, path) = ("check-weights", "(built in)".into());
            ServeError::File { setting, path, detail: error.to_string() }
        })?;
        if let Some(model) = of_lines {
            writers.lines = Some(Arc::new(LineWriter::new(checker.clone(), model)));
        }
        if config.summaries {
            writers.summaries = Summaries {
                enabled: true,
                model: model.as_ref().map(|model| model.info().clone()),
                check_version: checker.version().to_owned(),
                entailment: judge.as_ref().map(|judge| judge.info().clone()),
            };
            let composer = Composer::new(checker, Extractive::new(embedder));
            writers.summarizer = Some(Arc::new(Folder::new(composer, model).judged_by(judge)));
        }
        Ok(writers)
    }
}
