//! A proxy for programs that speak to a model by themselves: the chat completions of
//! OpenAI and the messages of Anthropic, with a memory behind them (`docs/proxy.md`).
//!
//! A request passes [`admit`] (key, scope, room, size), is read as what it says
//! ([`readings`], [`said`], [`print`], [`request`], `openai/`, `anthropic/`), is
//! recognised on what is stored ([`placing`], [`recognise`]) and stored as far as it is
//! new ([`storing`]); its history gives way to the window ([`window`]); the answer of the
//! upstream ([`upstream`]) passes through ([`relay`], [`held`], [`sse`]) and is stored
//! ([`answering`]).
//!
//! Invariants: what is not about the history goes through byte for byte, up and
//! down; the engine is asked as the services ask it, for the tenant of the key; no
//! key and no text stands in a log.

mod admit;
mod anew;
mod answer;
mod answering;
mod anthropic;
mod body;
mod branch;
mod chat;
mod contents;
mod dialect;
mod error;
pub mod headers;
mod held;
mod models;
mod naming;
mod openai;
mod options;
mod placing;
mod print;
mod readings;
mod recognise;
mod refusal;
mod relay;
mod request;
mod said;
mod sse;
mod storing;
mod upstream;
mod window;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::Response,
    routing::{get, post},
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use dialect::Dialect;
pub use error::ProxyError;
pub use upstream::UpstreamError;

use crate::{auth::Auth, config::ProxySettings, grpc::ApiState};

/// What the requests of a proxy share.
pub struct Proxy {
    state: Arc<ApiState>,
    auth: Auth,
    settings: ProxySettings,
    upstreams: upstream::Upstreams,
    places: Arc<placing::Places>,
    readings: Arc<readings::Readings>,
    room: Arc<Semaphore>,
    max_in_flight: usize,
    tracker: TaskTracker,
    cut: CancellationToken,
}

impl Proxy {
    /// Of its settings. `max_in_flight`: requests that are worked on at the same time.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub fn new(
        state: Arc<ApiState>,
        auth: Auth,
        settings: ProxySettings,
        max_in_flight: usize,
    ) -> Result<Arc<Self>, UpstreamError> {
        Ok(Arc::new(Self {
            state,
            auth,
            upstreams: upstream::Upstreams::new(&settings)?,
            settings,
            places: Arc::default(),
            readings: Arc::default(),
            room: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight,
            tracker: TaskTracker::new(),
            cut: CancellationToken::new(),
        }))
    }

    /// The paths that are answered.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/v1/chat/completions", post(chat_completions))
            .route("/v1/messages", post(messages))
            .route("/v1/models", get(list_models))
            .fallback(unknown)
            .method_not_allowed_fallback(unknown)
            .with_state(Arc::clone(self))
    }

    /// Breaks the answers off that are still coming; what came of them is stored.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Returns when nothing is left to store.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

async fn chat_completions(State(proxy): State<Arc<Proxy>>, request: HttpRequest) -> Response<Body> {
    told(Dialect::OpenAi, chat::answer(&proxy, Dialect::OpenAi, request).await)
}

async fn messages(State(proxy): State<Arc<Proxy>>, request: HttpRequest) -> Response<Body> {
    told(Dialect::Anthropic, chat::answer(&proxy, Dialect::Anthropic, request).await)
}

async fn list_models(State(proxy): State<Arc<Proxy>>, request: HttpRequest) -> Response<Body> {
    let is_anthropic = request.headers().contains_key(headers::ANTHROPIC_VERSION);
    let dialect = if is_anthropic { Dialect::Anthropic } else { Dialect::OpenAi };
    told(dialect, models::answer(&proxy, dialect, request).await)
}

async fn unknown(request: HttpRequest) -> Response<Body> {
    let is_anthropic = request.uri().path().starts_with("/v1/messages");
    let dialect = if is_anthropic { Dialect::Anthropic } else { Dialect::OpenAi };
    ProxyError::NoPath.response(dialect)
}

/// The answer, or the error in the shape of the API.
fn told(dialect: Dialect, answer: Result<Response<Body>, ProxyError>) -> Response<Body> {
    answer.unwrap_or_else(|error| {
        let response = error.response(dialect);
        tracing::info!(?dialect, status = response.status().as_u16(), "refused");
        response
    })
}
