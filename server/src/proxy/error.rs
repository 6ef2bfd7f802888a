//! What the proxy answers with when there is no answer of the upstream. Each
//! variant says who must act; [`ProxyError::response`] gives it the shape of the
//! API that was called.
//!
//! Invariant: no message holds a key, a header or a text of a conversation, but for the
//! words of an upstream, which are the caller's to read and are not logged.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::json;
use throughline_memory::engine::EngineError;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::dialect::Dialect;
use crate::{
    auth::{AuthError, Scope},
    grpc::status::engine_status,
};

/// No answer of the upstream.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The body is not what the API takes. Caller.
    #[error("{field} {detail}")]
    Malformed {
        /// Where, such as `messages[3].role`.
        field: String,
        /// What is wrong.
        detail: String,
    },
    /// A header cannot be used. Caller.
    #[error("header {name}: {detail}")]
    Header {
        /// Which.
        name: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The body is too large. Caller.
    #[error("the body is over {limit} bytes, the limit proxy.max_body_bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body did not come whole. Caller.
    #[error("the body broke off")]
    BrokenBody,
    /// The body paused for too long. Caller.
    #[error("nothing of the body came for {0} seconds")]
    SlowBody(u64),
    /// The body came too slowly. Caller.
    #[error("the body did not come whole within {0} seconds")]
    LateBody(u64),
    /// No usable key. Caller.
    #[error(transparent)]
    Key(#[from] AuthError),
    /// The key does not allow it. Caller.
    #[error("the API key lacks the scope {}", .0.as_str())]
    Scope(Scope),
    /// No such path. Caller.
    #[error(
        "no such path: the proxy answers POST /v1/chat/completions, POST /v1/messages and GET /v1/models"
    )]
    NoPath,
    /// Nothing to send it to. Operator.
    #[error("no upstream for this API is configured: set {0}")]
    NoUpstream(&'static str),
    /// Too much at once. Caller: later.
    #[error("{0} requests are in flight, the limit max_in_flight")]
    Busy(usize),
    /// Starting or shutting down. Caller: later.
    #[error("{0}")]
    Unavailable(&'static str),
    /// The conversation changed again and again while this request came in. Caller:
    /// later.
    #[error("the conversation changed while the request came in; send it again")]
    Contended,
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The upstream cannot be reached. Operator.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// The upstream did not answer in time. Caller: later.
    #[error("the upstream did not answer within {0} seconds")]
    Late(u64),
    /// The upstream refused the key that this server has. Operator.
    #[error("the upstream refused this server's key with status {0}")]
    KeyRefused(u16),
    /// The upstream wants a key, and this server has none. Operator.
    #[error(
        "the upstream refused a request without a key with status {status}, and this server has none for it: set {setting}"
    )]
    KeyMissing {
        /// The upstream's.
        status: u16,
        /// Where the key is set.
        setting: &'static str,
    },
    /// The upstream answered with an error that says nothing.
    #[error("the upstream answered with status {0}")]
    Upstream(u16),
    /// The upstream answered with an error in another shape than the API's.
    #[error("the upstream answered with status {status}: {words}")]
    UpstreamSays {
        /// The upstream's.
        status: u16,
        /// The upstream's.
        words: String,
    },
    /// The upstream's answer broke off. Caller: again.
    #[error("the upstream's answer broke off: {0}")]
    BrokeOff(&'static str),
}

/// Status, the caller's words for the kind, and a code.
struct Told {
    status: StatusCode,
    kind: &'static str,
    code: String,
    retry_after: Option<u64>,
}

impl ProxyError {
    /// A field that cannot be taken.
    pub(super) fn malformed(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Malformed { field: field.into(), detail: detail.into() }
    }

    fn told(&self) -> Told {
        let told = |status: StatusCode, kind, code: &str| Told {
            status,
            kind,
            code: code.to_owned(),
            retry_after: None,
        };
        let invalid = "invalid_request_error";
        match self {
            Self::Malformed { .. } => told(StatusCode::BAD_REQUEST, invalid, "invalid_request"),
            Self::Header { .. } => told(StatusCode::BAD_REQUEST, invalid, "invalid_header"),
            Self::TooLarge { .. } => {
                told(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "request_too_large")
            }
            Self::BrokenBody => told(StatusCode::BAD_REQUEST, invalid, "body_broke_off"),
            Self::SlowBody(_) | Self::LateBody(_) => {
                told(StatusCode::REQUEST_TIMEOUT, "timeout_error", "body_too_slow")
            }
            Self::Key(_) => {
                told(StatusCode::UNAUTHORIZED, "authentication_error", "invalid_api_key")
            }
            Self::Scope(_) => told(StatusCode::FORBIDDEN, "permission_error", "scope_missing"),
            Self::NoPath => told(StatusCode::NOT_FOUND, "not_found_error", "unknown_path"),
            Self::NoUpstream(_) => told(StatusCode::NOT_IMPLEMENTED, "api_error", "no_upstream"),
            Self::Busy(_) => Told {
                retry_after: Some(1),
                ..told(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "overloaded")
            },
            Self::Unavailable(_) => Told {
                retry_after: Some(2),
                ..told(StatusCode::SERVICE_UNAVAILABLE, "api_error", "unavailable")
            },
            Self::Contended => told(StatusCode::CONFLICT, "api_error", "contended"),
            Self::Engine(error) => of_engine(error),
            Self::Unreachable(_) => {
                told(StatusCode::BAD_GATEWAY, "api_error", "upstream_unreachable")
            }
            Self::Late(_) => told(StatusCode::GATEWAY_TIMEOUT, "timeout_error", "upstream_late"),
            Self::KeyRefused(_) => {
                told(StatusCode::BAD_GATEWAY, "api_error", "upstream_refused_key")
            }
            Self::KeyMissing { .. } => {
                told(StatusCode::BAD_GATEWAY, "api_error", "upstream_key_missing")
            }
            Self::Upstream(status) | Self::UpstreamSays { status, .. } => {
                let is_error =
                    |status: &StatusCode| status.is_client_error() || status.is_server_error();
                let status = StatusCode::from_u16(*status).ok().filter(is_error);
                told(status.unwrap_or(StatusCode::BAD_GATEWAY), "api_error", "upstream_error")
            }
            Self::BrokeOff(_) => told(StatusCode::BAD_GATEWAY, "api_error", "upstream_broke_off"),
        }
    }

    /// The error object of an API.
    pub(super) fn shaped(&self, dialect: Dialect) -> serde_json::Value {
        let Told { kind, code, .. } = self.told();
        let message = match self {
            // What only the operator should read is in the log.
            Self::Engine(error) => engine_status(error.clone()).message().to_owned(),
            other => other.to_string(),
        };
        let param = match self {
            Self::Malformed { field, .. } => Some(field.as_str()),
            _ => None,
        };
        match dialect {
            Dialect::OpenAi => json!({
                "error": { "message": message, "type": kind, "param": param, "code": code }
            }),
            Dialect::Anthropic => json!({
                "type": "error", "error": { "type": kind, "message": message }
            }),
        }
    }

    /// The answer.
    pub(super) fn response(&self, dialect: Dialect) -> Response<Body> {
        let Told { status, retry_after, .. } = self.told();
        let mut response = Response::new(Body::from(self.shaped(dialect).to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The engine's errors by the gRPC status that they have elsewhere.
fn of_engine(error: &EngineError) -> Told {
    let status = engine_status(error.clone());
    let details = status.get_error_details();
    let code = details.error_info().map_or_else(String::new, |info| info.reason.to_lowercase());
    let (status, kind) = match status.code() {
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            (StatusCode::BAD_REQUEST, "invalid_request_error")
        }
        Code::NotFound => (StatusCode::NOT_FOUND, "not_found_error"),
        Code::AlreadyExists | Code::Aborted => (StatusCode::CONFLICT, "api_error"),
        Code::ResourceExhausted if code == "storage_full" => {
            (StatusCode::SERVICE_UNAVAILABLE, "api_error")
        }
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "api_error"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "timeout_error"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
    };
    let retry = details.retry_info().and_then(|info| info.retry_delay);
    let retry_after = retry.map(|delay| delay.as_secs().max(1));
    Told { status, kind, code, retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_api_gets_its_own_shape() {
        let error = ProxyError::malformed("messages[1].role", "is unknown");
        let openai = error.shaped(Dialect::OpenAi);
        assert_eq!(openai["error"]["param"], "messages[1].role");
        assert_eq!(openai["error"]["type"], "invalid_request_error");
        let anthropic = error.shaped(Dialect::Anthropic);
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["message"], "messages[1].role is unknown");
    }

    #[test]
    fn the_engines_errors_keep_their_reason() {
        let absent = EngineError::NotFound { kind: "conversation", id: "c".to_owned() };
        let error = ProxyError::Engine(absent);
        assert_eq!(error.response(Dialect::OpenAi).status(), StatusCode::NOT_FOUND);
        assert_eq!(error.shaped(Dialect::OpenAi)["error"]["code"], "conversation_not_found");
        let full = EngineError::LimitReached {
            limit: "outbox_turns",
            max: 1,
            detail: String::new(),
            retry: true,
        };
        let response = ProxyError::Engine(full).response(Dialect::Anthropic);
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn what_is_neither_an_answer_nor_an_error_is_a_bad_gateway() {
        for (status, expected) in [(200, 502), (302, 502), (503, 503), (429, 429)] {
            let response = ProxyError::Upstream(status).response(Dialect::OpenAi);
            assert_eq!(response.status().as_u16(), expected);
        }
    }
}
