//! A model at any endpoint that speaks the chat completions protocol
//! (`POST …/chat/completions`, answers as server-sent events): llama.cpp, vLLM,
//! Ollama, hosted services.
//!
//! What it answers is recorded like a local model's (`recorded`), since the
//! same prompt need not give the same answer.

mod answer;
mod client;

use std::{fmt, time::Duration};

use super::{LlmError, ModelInfo, QueueLimits, ServedModel};
use client::Client;

/// Which endpoint, and how it is asked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Address up to before `/chat/completions`, such as
    /// `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// Name of the model there.
    pub model: String,
    /// Sent as a bearer token.
    pub api_key: Option<ApiKey>,
    /// Longest silence: to connect, before an answer, between two pieces.
    pub silence: Duration,
    /// Attempts at one request, the first included, 1 or more. Only what failed
    /// before any text came is tried again.
    pub attempts: u32,
    /// Wait before the second attempt; each further one waits twice as long, less
    /// a random part, or as long as the endpoint asks for.
    pub backoff: Duration,
    /// Requests at the same time, 1 or more.
    pub parallel: usize,
}

impl Endpoint {
    /// An endpoint with the usual patience.
    pub fn new(url: &str, model: &str) -> Self {
        Self {
            url: url.to_owned(),
            model: model.to_owned(),
            api_key: None,
            silence: Duration::from_secs(60),
            attempts: 4,
            backoff: Duration::from_millis(500),
            parallel: 4,
        }
    }

    /// Starts its threads. Nothing is asked of the endpoint yet.
    ///
    /// # Errors
    /// [`LlmError::Settings`].
    pub fn open(&self, limits: QueueLimits) -> Result<ServedModel, LlmError> {
        let wrong = |what: String| Err(LlmError::Settings(what));
        if !(self.url.starts_with("http://") || self.url.starts_with("https://")) {
            return wrong(format!("endpoint {:?} is no http:// or https:// address", self.url));
        }
        if self.model.is_empty() {
            return wrong("an endpoint needs the name of a model".to_owned());
        }
        if self.attempts == 0 {
            return wrong("attempts at an endpoint are 1 or more".to_owned());
        }
        let url = self.url.trim_end_matches('/').to_owned();
        let mut hash = blake3::Hasher::new();
        hash.update(url.as_bytes()).update(b"\0").update(self.model.as_bytes());
        let info = ModelInfo {
            name: self.model.clone(),
            sha256: hash.finalize().to_hex().to_string(),
            engine: "endpoint".to_owned(),
            device: url.clone(),
            context_tokens: None,
            threads: None,
        };
        let client = Client::new(Self { url, ..self.clone() });
        ServedModel::start(info, vec![client; self.parallel], limits)
    }
}

/// A secret that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key as it stands in its file; white space around it is not part of it.
    ///
    /// # Errors
    /// [`LlmError::Settings`] if it cannot be sent in a header.
    pub fn new(key: &str) -> Result<Self, LlmError> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(LlmError::Settings(
                "an API key is one line of printable characters".to_owned(),
            ));
        }
        Ok(Self(key.to_owned()))
    }

    /// The key itself, for the header that carries it and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
