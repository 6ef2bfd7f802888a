//! Counts what a language model does, for whom.

use std::{sync::Arc, time::Instant};

use throughline_memory::usage::{Meter, Usage};
use throughline_summarizer::llm::{
    ChatModel, ChatRequest, Generation, LlmError, ModelInfo, Pieces,
};
use tonic::async_trait;

/// A model whose work is counted.
pub(super) struct Metered<M> {
    pub(super) model: M,
    pub(super) meter: Arc<Meter>,
}

impl<M> Metered<M> {
    fn count(&self, request: &ChatRequest, started: Instant, answer: Option<&Generation>) {
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let amounts = Usage {
            llm_prompt_tokens: answer.map_or(0, |answer| answer.prompt_tokens as u64),
            llm_generated_tokens: answer.map_or(0, |answer| answer.generated_tokens as u64),
            llm_micros: micros,
            ..Usage::default()
        };
        self.meter.add(&request.tenant, request.conversation.as_ref(), &amounts);
    }
}

#[async_trait]
impl<M: ChatModel> ChatModel for Metered<M> {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn generate(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<Generation, LlmError> {
        let started = Instant::now();
        let generated = self.model.generate(request, pieces).await;
        self.count(request, started, generated.as_ref().ok());
        generated
    }

    async fn score(
        &self,
        request: &ChatRequest,
        continuations: &[String],
    ) -> Result<Vec<f64>, LlmError> {
        let started = Instant::now();
        let scores = self.model.score(request, continuations).await;
        self.count(request, started, None);
        scores
    }
}
