//! The two APIs that are spoken, and where their formats are read and written.

use axum::http::HeaderName;

use super::{
    answer::Answer, anthropic, body::Body, error::ProxyError, headers::X_API_KEY, openai,
    readings::Reader, request::Request, window::Placed,
};

/// An API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Chat completions of OpenAI, and of what speaks like it.
    OpenAi,
    /// Messages of Anthropic.
    Anthropic,
}

impl Dialect {
    /// Behind the upstream's base address.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// Where the models are listed, behind the upstream's base address.
    pub(super) fn models_path(self) -> &'static str {
        match self {
            Self::OpenAi => "/models",
            Self::Anthropic => "/v1/models",
        }
    }

    /// The setting that names the upstream.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::OpenAi => "--proxy-upstream",
            Self::Anthropic => "--proxy-anthropic-upstream",
        }
    }

    /// The setting that gives the upstream's key.
    pub(super) fn key_setting(self) -> &'static str {
        match self {
            Self::OpenAi => "--proxy-upstream-key-file or proxy.upstream_key_env",
            Self::Anthropic => "--proxy-anthropic-key-file or proxy.anthropic_key_env",
        }
    }

    /// How a key is sent: the header, and what stands before the key.
    pub(super) fn key_header(self) -> (HeaderName, &'static str) {
        match self {
            Self::OpenAi => (axum::http::header::AUTHORIZATION, "Bearer "),
            Self::Anthropic => (X_API_KEY, ""),
        }
    }

    /// The messages of a request.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`].
    pub(super) fn read(self, body: &Body, reader: Reader<'_>) -> Result<Request, ProxyError> {
        match self {
            Self::OpenAi => openai::read(body, reader),
            Self::Anthropic => anthropic::read(body, reader),
        }
    }

    /// Puts what goes to the model in the place of a request's messages.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`].
    pub(super) fn write(
        self,
        body: &mut Body,
        instructions: &[bytes::Bytes],
        messages: Vec<Placed>,
    ) -> Result<(), ProxyError> {
        match self {
            Self::OpenAi => openai::write(body, instructions, messages),
            Self::Anthropic => anthropic::write(body, messages)?,
        }
        Ok(())
    }

    /// Takes a whole answer in.
    pub(super) fn read_answer(self, json: &[u8], answer: &mut Answer) {
        let Ok(value) = serde_json::from_slice(json) else { return };
        match self {
            Self::OpenAi => openai::read_answer(&value, answer),
            Self::Anthropic => anthropic::read_answer(&value, answer),
        }
    }

    /// Takes an event of a streamed answer in.
    pub(super) fn read_event(self, data: &[u8], answer: &mut Answer) {
        // What cannot be read goes on to the client all the same.
        let Ok(value) = serde_json::from_slice(data) else { return };
        match self {
            Self::OpenAi => openai::read_answer(&value, answer),
            Self::Anthropic => anthropic::read_event(&value, answer),
        }
    }

    /// Whether a line of a stream begins its last event.
    pub(super) fn is_end(self, line: &[u8]) -> bool {
        let (name, value) = match self {
            Self::OpenAi => (&b"data:"[..], &b"[DONE]"[..]),
            Self::Anthropic => (&b"event:"[..], &b"message_stop"[..]),
        };
        line.strip_prefix(name).is_some_and(|rest| rest.trim_ascii() == value)
    }

    /// How an answer ends where its upstream gives no reason.
    pub(super) fn usual_end(self) -> &'static str {
        match self {
            Self::OpenAi => "stop",
            Self::Anthropic => "end_turn",
        }
    }

    /// An error as an event of a stream, also behind half a line of an event that was
    /// too long to wait for its end.
    pub(super) fn error_event(self, error: &ProxyError) -> String {
        let shaped = error.shaped(self);
        match self {
            Self::OpenAi => format!("\n\ndata: {shaped}\n\n"),
            Self::Anthropic => format!("\n\nevent: error\ndata: {shaped}\n\n"),
        }
    }

    /// Whether the model ended its answer by itself.
    pub(super) fn is_whole(self, finish: &str) -> bool {
        match self {
            Self::OpenAi => ["stop", "tool_calls", "function_call"].contains(&finish),
            Self::Anthropic => ["end_turn", "tool_use", "stop_sequence"].contains(&finish),
        }
    }
}
