//! What is asked of a chat model and what it answers: the one trait that the
//! rest of the crate knows, whichever engine stands behind it.

use std::time::Instant;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use throughline_memory::turn::{ConversationId, Role, TenantId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::LlmError;

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said. Control tokens spelt out in here stay plain text.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Sampling {
    /// Always the likeliest: same prompt, same text.
    #[default]
    Greedy,
    /// Drawn, by a seed: same prompt and seed, same text on one machine.
    Seeded {
        /// The seed.
        seed: u64,
        /// Above 0; 1 is the model's own distribution.
        temperature: f64,
        /// Draw from the likeliest tokens that together have this share, in (0, 1].
        top_p: f64,
    },
}

/// Bounds of one generation.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Most tokens of the answer, 1 or more.
    pub max_tokens: usize,
    /// When to stop at the latest; waiting for a turn counts.
    pub deadline: Option<Instant>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_tokens: 256, deadline: None, sampling: Sampling::Greedy, stop: Vec::new() }
    }
}

/// One piece of work for a model.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    /// Who pays; shares of the queue are by tenant.
    pub tenant: TenantId,
    /// The conversation that the prompt quotes, so that erasing it finds what was
    /// generated from it.
    pub conversation: Option<ConversationId>,
    /// The conversation's erasures before its turns were read
    /// (`throughline_memory::summary::generations::Generations::erasures`):
    /// what is generated is kept only while there were no more.
    pub erasures: u64,
    /// The prompt.
    pub messages: Vec<Message>,
    /// Name of the prompt's wording; another one generates anew.
    pub prompt_version: String,
    /// Bounds.
    pub options: Options,
    /// Ends the work, queued or running.
    pub cancel: CancellationToken,
}

impl ChatRequest {
    /// A request with default options that nobody can cancel.
    pub fn new(tenant: TenantId, prompt_version: &str, messages: Vec<Message>) -> Self {
        Self {
            tenant,
            conversation: None,
            erasures: 0,
            messages,
            prompt_version: prompt_version.to_owned(),
            options: Options::default(),
            cancel: CancellationToken::new(),
        }
    }

    /// Refuses bounds that mean nothing, before anything is queued.
    pub(crate) fn check(&self) -> Result<(), LlmError> {
        let wrong = |what: &str| Err(LlmError::Request(what.to_owned()));
        if self.messages.is_empty() {
            return wrong("a prompt has at least one message");
        }
        if self.options.max_tokens == 0 {
            return wrong("max_tokens is 1 or more");
        }
        if self.options.stop.iter().any(String::is_empty) {
            return wrong("a stop text is not empty");
        }
        if let Sampling::Seeded { temperature, top_p, .. } = self.options.sampling {
            if !(temperature.is_finite() && temperature > 0.0) {
                return wrong("a temperature is above 0; Sampling::Greedy stands for 0");
            }
            if !(top_p > 0.0 && top_p <= 1.0) {
                return wrong("top_p is above 0 and at most 1");
            }
        }
        Ok(())
    }
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// The model said that it is done, or a stop text came.
    Stop,
    /// `max_tokens`, or the end of the context.
    Length,
    /// The deadline came; the text is what there was.
    Deadline,
    /// It was cancelled; the text is what there was.
    Cancelled,
}

impl Finish {
    /// Whether the answer is all that the model would say within the bounds: only
    /// such a one is recorded.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Stop | Self::Length)
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// The answer, without stop texts and control tokens.
    pub text: String,
    /// Tokens of the rendered prompt.
    pub prompt_tokens: usize,
    /// Tokens generated, the ending one included.
    pub generated_tokens: usize,
    /// Prompt tokens that needed no computing, since an earlier prompt began alike.
    pub cached_prompt_tokens: usize,
    /// Why it ended.
    pub finish: Finish,
}

impl Generation {
    /// What a job gives that ended before it began.
    pub(crate) fn nothing(finish: Finish) -> Self {
        Self {
            text: String::new(),
            prompt_tokens: 0,
            generated_tokens: 0,
            cached_prompt_tokens: 0,
            finish,
        }
    }
}

/// Which model answers, for reports and for the key of what is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name in `models.toml`, or at the endpoint.
    pub name: String,
    /// SHA-256 of the weights, hex; for an endpoint, of its address and model name.
    pub sha256: String,
    /// `candle` or `endpoint`.
    pub engine: String,
    /// `cpu`, `cuda:0`, `metal:0`, or the endpoint's address.
    pub device: String,
    /// Most tokens of prompt and answer together; none if the engine does not say.
    pub context_tokens: Option<usize>,
    /// Threads that compute; none for an endpoint.
    pub threads: Option<usize>,
}

/// Where pieces of text go as they come. Never more than `max_tokens` of them.
pub type Pieces = mpsc::UnboundedSender<String>;

/// A model that answers messages.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Which model this is.
    fn info(&self) -> &ModelInfo;

    /// Answers. With `pieces`, the text also comes bit by bit; the bits joined are
    /// the text. Dropping the future ends the work.
    ///
    /// # Errors
    /// [`LlmError`]; a deadline or a cancelling is none, see [`Finish`].
    async fn generate(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<Generation, LlmError>;

    /// Natural logarithm of the probability that the answer begins with each of
    /// these texts. Nothing is generated.
    ///
    /// # Errors
    /// [`LlmError`]; here a deadline or a cancelling is [`LlmError::Halted`].
    async fn score(
        &self,
        request: &ChatRequest,
        continuations: &[String],
    ) -> Result<Vec<f64>, LlmError>;
}
