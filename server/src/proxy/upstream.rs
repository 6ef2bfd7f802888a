//! Calls the upstreams: the model servers behind the proxy.
//!
//! Invariants: nothing is followed elsewhere; keys are marked as secret and stand in
//! no error and no log.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method};
use bytes::Bytes;
use reqwest::{Client, Response, redirect::Policy};

use super::{dialect::Dialect, error::ProxyError};
use crate::config::{ProxySettings, UpstreamSettings};

/// One upstream.
struct Upstream {
    base: String,
    key: Option<HeaderValue>,
    client: Client,
}

/// The upstreams of a proxy.
pub(super) struct Upstreams {
    openai: Option<Upstream>,
    anthropic: Option<Upstream>,
    answer_timeout: Duration,
}

/// Upstreams that cannot be made: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The client does not start.
    #[error("the client of the upstream cannot be made: {0}")]
    Client(String),
    /// The key holds what no header may.
    #[error("the key of {0} cannot be sent in a header")]
    Key(&'static str),
}

impl Upstreams {
    /// Of the settings.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub(super) fn new(settings: &ProxySettings) -> Result<Self, UpstreamError> {
        let make = |given: &Option<UpstreamSettings>, dialect: Dialect| {
            given.as_ref().map(|given| Upstream::new(given, dialect, settings)).transpose()
        };
        Ok(Self {
            openai: make(&settings.openai, Dialect::OpenAi)?,
            anthropic: make(&settings.anthropic, Dialect::Anthropic)?,
            answer_timeout: settings.answer_timeout,
        })
    }

    fn of(&self, dialect: Dialect) -> Option<&Upstream> {
        match dialect {
            Dialect::OpenAi => self.openai.as_ref(),
            Dialect::Anthropic => self.anthropic.as_ref(),
        }
    }

    /// Whether this server has a key for the upstream.
    pub(super) fn has_key(&self, dialect: Dialect) -> bool {
        self.of(dialect).is_some_and(|upstream| upstream.key.is_some())
    }

    /// Sends a request and waits for the head of its answer, whatever its status.
    /// `key` is the caller's own.
    ///
    /// # Errors
    /// [`ProxyError::NoUpstream`], [`ProxyError::Unreachable`], [`ProxyError::Late`].
    pub(super) async fn send(
        &self,
        dialect: Dialect,
        (method, path): (Method, &str),
        mut headers: HeaderMap,
        key: Option<HeaderValue>,
        body: Option<Bytes>,
    ) -> Result<Response, ProxyError> {
        let upstream = self.of(dialect).ok_or(ProxyError::NoUpstream(dialect.setting()))?;
        if let Some(key) = key.or_else(|| upstream.key.clone()) {
            headers.insert(dialect.key_header().0, key);
        }
        let mut request =
            upstream.client.request(method, format!("{}{path}", upstream.base)).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        match tokio::time::timeout(self.answer_timeout, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(ProxyError::Unreachable(cause(&error))),
            Err(_) => Err(ProxyError::Late(self.answer_timeout.as_secs())),
        }
    }
}

impl Upstream {
    fn new(
        given: &UpstreamSettings,
        dialect: Dialect,
        settings: &ProxySettings,
    ) -> Result<Self, UpstreamError> {
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(settings.connect_timeout)
            .tcp_nodelay(true);
        if given.is_local {
            // A proxy of the environment is for what is far.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| UpstreamError::Client(cause(&error)))?;
        let key = given.key.as_ref().map(|key| secret(dialect, key.expose()));
        let key = key.transpose().map_err(|()| UpstreamError::Key(dialect.setting()))?;
        Ok(Self { base: given.base.clone(), key, client })
    }
}

/// A key as the value of its header, marked so that nothing prints it.
pub(super) fn secret(dialect: Dialect, key: &str) -> Result<HeaderValue, ()> {
    let (_, scheme) = dialect.key_header();
    let mut value = HeaderValue::try_from(format!("{scheme}{key}")).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why a call failed, without the address.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "it took too long"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the call failed"
    };
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut last = None;
    while let Some(inner) = source {
        last = Some(inner.to_string());
        source = inner.source();
    }
    last.map_or_else(|| what.to_owned(), |last| format!("{what} ({last})"))
}
