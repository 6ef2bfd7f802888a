//! A cross-encoder as a judge (NLI): the sentence beside all of the evidence, and beside
//! each piece of it.
//!
//! The best of these counts. Such models were trained on premises of a sentence or two
//! and lose the point in longer ones, but a sentence may also stand on several turns; and
//! what one piece entails no other takes back: whether it still holds is not asked here.

use std::sync::Arc;

use async_trait::async_trait;
use throughline_memory::rerank::RerankService;
use tokio::time::timeout_at;

use super::{Case, Entailment, JudgeError, JudgeInfo};

/// Of how premises are made and scores are put together.
const VERSION: u32 = 1;

/// See the module.
pub struct EncoderEntailment {
    service: Arc<RerankService>,
    info: JudgeInfo,
}

impl EncoderEntailment {
    /// By a service over a model of `throughline_memory::rerank::entailment`.
    pub fn new(service: Arc<RerankService>) -> Self {
        let info = JudgeInfo {
            kind: "nli",
            name: service.name().to_owned(),
            sha256: service.version().to_owned(),
            version: VERSION,
        };
        Self { service, info }
    }
}

#[async_trait]
impl Entailment for EncoderEntailment {
    fn info(&self) -> &JudgeInfo {
        &self.info
    }

    async fn entailed(&self, case: &Case<'_>) -> Result<f32, JudgeError> {
        let mut premises = case.premise.to_vec();
        if premises.len() > 1 {
            premises.push(premises.join("\n"));
        }
        let scores = self.service.scores(case.hypothesis.to_owned(), premises);
        let scores = timeout_at(case.deadline.into(), scores).await;
        let scores = scores.map_err(|_| JudgeError::Late)??;
        Ok(scores.into_iter().fold(0.0, f32::max))
    }
}
