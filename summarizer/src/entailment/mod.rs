//! Whether a sentence follows from what was said, judged by a model that reads both:
//! one trait ([`Entailment`]), the language model's own logits ([`ModelEntailment`]) and
//! a cross-encoder made for it ([`EncoderEntailment`]) behind it.
//!
//! The check of `check/` judges alone where none is configured. With one, each of its
//! verdicts that is open goes through a [`Judging`], which asks and weighs the answer
//! (`check/judged.rs` has the rule). Invariants: a judge never makes good what a hard
//! check found missing; one that fails or is late ends judging for this summary, and the
//! check goes on alone and says so.

mod encoder;
mod judging;
mod model;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use throughline_memory::{
    rerank::RerankError,
    turn::{ConversationId, TenantId},
};

pub use encoder::EncoderEntailment;
pub use judging::{Judge, Judging};
pub use model::{ENTAILMENT_PROMPT_VERSION, ModelEntailment};

use crate::llm::LlmError;

/// How long one sentence may be judged, waiting for its turn included: on a processor a
/// language model reads the evidence for half a minute.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeInfo {
    /// `llm` or `nli`.
    pub kind: &'static str,
    /// Name of the model.
    pub name: String,
    /// SHA-256 of its weights, hex; of an endpoint, of its address and model name.
    pub sha256: String,
    /// Of what it is asked, and how its answer is read.
    pub version: u32,
}

impl JudgeInfo {
    /// All that a judgement depends on, in one line: kept with what was judged.
    pub fn identity(&self) -> String {
        let hash = self.sha256.get(..12).unwrap_or(&self.sha256);
        format!("{} {} {hash} v{}", self.kind, self.name, self.version)
    }
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Who pays.
    pub tenant: &'a TenantId,
    /// The conversation that is quoted: what is recorded of it goes with it.
    pub conversation: &'a ConversationId,
    /// Its erasures before its turns were read: see
    /// [`ChatRequest::erasures`](crate::llm::ChatRequest::erasures).
    pub erasures: u64,
    /// What was said, piece by piece in order, each led by its speaker; at least one.
    pub premise: &'a [String],
    /// The sentence.
    pub hypothesis: &'a str,
    /// When an answer is of no use any more.
    pub deadline: Instant,
}

/// Judges whether sentences follow from what was said. The same case gives the same
/// answer.
#[async_trait]
pub trait Entailment: Send + Sync {
    /// What judges.
    fn info(&self) -> &JudgeInfo;

    /// The probability, 0 to 1, that the premise says what the hypothesis says. Not
    /// calibrated. Dropping the future ends the work.
    ///
    /// # Errors
    /// [`JudgeError`]; the check then goes on without it.
    async fn entailed(&self, case: &Case<'_>) -> Result<f32, JudgeError>;
}

/// A judge that did not answer.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The language model was busy, late, away, or cannot score: as its error says.
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// The cross-encoder was busy, late or failed: as its error says.
    #[error(transparent)]
    Encoder(#[from] RerankError),
    /// The model would begin its answer with something else. Operator: choose another.
    #[error("the model says neither Yes nor No")]
    Undecided,
    /// Its answer is no probability: a fault of the judge.
    #[error("its answer {0} is no probability")]
    Odd(f32),
    /// The deadline came first.
    #[error("it did not answer in time")]
    Late,
}
