//! The judge of entailment beside the check: opened as the server opens it. A judge that
//! fails ends the run: no figure may be partly of the check alone.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use throughline_memory::{
    rerank::{CrossEncoder, CrossEncoderFiles, RerankOptions, RerankService, entailment},
    turn::{ConversationId, TenantId},
};
use throughline_summarizer::{
    check::{Checked, Checker, Verdict},
    entailment::{EncoderEntailment, Entailment, Judge, JudgeInfo, Judging, ModelEntailment},
};

use super::{args::SummariesArgs, embedder, model::WritingModel};

/// The judge of a run.
pub(super) struct EvalJudge {
    judge: Judge,
    info: JudgeInfo,
}

impl EvalJudge {
    /// Opens the judge of the arguments; nothing where none is named.
    ///
    /// # Errors
    /// The directory holds no entailment model, or there is no language model.
    pub(super) fn open(
        args: &SummariesArgs,
        model: Option<&WritingModel>,
    ) -> anyhow::Result<Option<Self>> {
        let entailment: Arc<dyn Entailment> = match &args.entailment {
            None => return Ok(None),
            Some(_) if args.is_judged_by_model() => {
                let model = model.context("--entailment llm needs --model, which judges")?;
                Arc::new(ModelEntailment::new(model.chat()))
            }
            Some(dir) => Arc::new(encoder(args, Path::new(dir))?),
        };
        let info = entailment.info().clone();
        let (tenant, conversation) = (TenantId::new("evals")?, ConversationId::new("summaries")?);
        Ok(Some(Self { judge: Judge::new(entailment, tenant, conversation), info }))
    }

    /// Which it is, for the result.
    pub(super) fn identity(&self) -> String {
        self.info.identity()
    }

    /// As composing takes it.
    pub(super) fn judge(&self) -> &Judge {
        &self.judge
    }
}

fn encoder(args: &SummariesArgs, dir: &Path) -> anyhow::Result<EncoderEntailment> {
    let files = CrossEncoderFiles::find(CrossEncoder::Entailment, dir)?;
    let library = embedder::runtime(&args.model_args.models_dir)?;
    let threads = usize::from(args.model_args.threads);
    let model = entailment::open(&files, library.as_deref(), threads)?;
    let deadline = throughline_summarizer::entailment::PATIENCE;
    let options = RerankOptions { deadline, threads, ..RerankOptions::default() };
    let service = RerankService::start(Arc::new(model), options)?;
    Ok(EncoderEntailment::new(Arc::new(service)))
}

/// The verdict on a sentence, the judge's weighed in if there is one.
///
/// # Errors
/// Embedding fails, or the judge.
pub(super) async fn verdict(
    checker: &Checker,
    sentence: &str,
    source: &Checked,
    judge: Option<&EvalJudge>,
) -> anyhow::Result<Verdict> {
    let mut judging = Judging::new(judge.map(EvalJudge::judge));
    let verdict = judging.weigh(checker.check(sentence, source)?, sentence, source).await;
    if let Some(error) = judging.error() {
        bail!("the judge of entailment failed: {error}");
    }
    Ok(verdict)
}
