//! A chat model as the writer of one conversation's summaries, or of something else
//! that is as short.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use throughline_memory::turn::{ConversationId, Role, TenantId};

use super::{PROMPT_VERSION, Writer, WriterError};
use crate::llm::{ChatModel, ChatRequest, Message, Options};

/// Tokens of an answer at most: a summary is far shorter.
const MAX_TOKENS: usize = 320;
/// How long an answer may take, waiting for its turn included: on a processor a
/// long segment takes a minute to read.
const PATIENCE: Duration = Duration::from_secs(600);

/// See the module.
pub struct ModelWriter {
    model: Arc<dyn ChatModel>,
    tenant: TenantId,
    conversation: ConversationId,
    erasures: u64,
    prompt_version: String,
    max_tokens: usize,
}

impl ModelWriter {
    /// For a tenant's conversation: shares of the queue and erasure go by them.
    pub fn new(model: Arc<dyn ChatModel>, tenant: TenantId, conversation: ConversationId) -> Self {
        let prompt_version = format!("summary {PROMPT_VERSION}");
        let (erasures, max_tokens) = (0, MAX_TOKENS);
        Self { model, tenant, conversation, erasures, prompt_version, max_tokens }
    }

    /// The same for turns that were read after so many erasures, see
    /// [`ChatRequest::erasures`].
    #[must_use]
    pub fn after(self, erasures: u64) -> Self {
        Self { erasures, ..self }
    }

    /// The same for other prompts, named by their version, with answers of so many tokens
    /// at most.
    #[must_use]
    pub fn of(self, prompt_version: &str, max_tokens: usize) -> Self {
        Self { prompt_version: prompt_version.to_owned(), max_tokens, ..self }
    }
}

#[async_trait]
impl Writer for ModelWriter {
    fn model(&self) -> &str {
        &self.model.info().name
    }

    async fn write(&self, prompt: &str) -> Result<String, WriterError> {
        let messages = vec![Message::new(Role::User, prompt)];
        let request = ChatRequest {
            conversation: Some(self.conversation.clone()),
            erasures: self.erasures,
            options: Options {
                max_tokens: self.max_tokens,
                deadline: Some(Instant::now() + PATIENCE),
                ..Options::default()
            },
            ..ChatRequest::new(self.tenant.clone(), &self.prompt_version, messages)
        };
        let answer = self.model.generate(&request, None).await;
        let answer = answer.map_err(|error| {
            let kind = if error.is_passing() { WriterError::Passing } else { WriterError::Lasting };
            kind(error.to_string())
        })?;
        if answer.finish.is_whole() {
            Ok(answer.text)
        } else {
            Err(WriterError::Passing(format!("it did not finish: {:?}", answer.finish)))
        }
    }
}
