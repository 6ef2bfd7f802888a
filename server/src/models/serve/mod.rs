//! `throughline models serve`: a local language model behind the chat completions
//! protocol, for programs and examples that want a model without a service around it.
//!
//! A body is read into what a model is asked ([`request`]), and what the model says goes
//! out whole or as events ([`answer`]). Requests share the model's one queue; a client
//! that goes away ends its generation. There are no keys: it listens on loopback alone.

mod answer;
mod request;
#[cfg(test)]
mod tests;

use std::{io::Write as _, net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{
        HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    routing::{get, post},
};
use serde_json::{Value, json};
use throughline_summarizer::llm::{ChatModel, DeviceChoice, LocalModel, QueueLimits};
use tokio::net::TcpListener;

use super::{Progress, PullOptions, Purpose, Registry, llm_file, pull};

/// Bytes of a body; a prompt that fits the model is far smaller.
const MAX_BODY: usize = 8 << 20;

/// What is served, and where.
pub(super) struct Serving<'a> {
    pub(super) registry: &'a Registry,
    pub(super) name: &'a str,
    pub(super) dir: &'a Path,
    pub(super) device: DeviceChoice,
    pub(super) context_tokens: usize,
    pub(super) listen: SocketAddr,
}

impl Serving<'_> {
    /// Fetches and loads the model, prints `listening on ADDRESS` and answers until
    /// Ctrl-C.
    ///
    /// # Errors
    /// The error names its mend.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        ensure!(
            self.listen.ip().is_loopback(),
            "{} is not loopback, and this has no keys: listen on 127.0.0.1 and put a gateway \
             before it",
            self.listen
        );
        self.registry.purposed(self.name, Purpose::Llm)?;
        pull(self.registry, &[self.name], self.dir, &PullOptions::default(), &Progress::auto())?;
        let file = llm_file(self.registry, self.name, self.dir)?;
        let model = LocalModel {
            name: self.name.to_owned(),
            path: file.path,
            sha256: file.sha256,
            device: self.device,
            context_tokens: self.context_tokens,
        };
        let model = model.open(QueueLimits::default())?;
        let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
        runtime.block_on(answer_until_ctrl_c(self.listen, Arc::new(model)))
    }
}

async fn answer_until_ctrl_c(listen: SocketAddr, model: Arc<dyn ChatModel>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another with --listen"))?;
    let info = model.info();
    let (name, device) = (info.name.clone(), info.device.clone());
    let address = listener.local_addr().context("an address to listen on")?;
    writeln!(std::io::stdout(), "{name} on {device}, listening on {address}")?;
    let ends = async {
        // Without signals only the end of the process ends it.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, router(model)).with_graceful_shutdown(ends).await?;
    Ok(())
}

/// The paths that are answered.
fn router(model: Arc<dyn ChatModel>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(list))
        .fallback(unknown)
        .with_state(model)
}

async fn complete(
    State(model): State<Arc<dyn ChatModel>>,
    http_request: HttpRequest,
) -> Response<Body> {
    let body = axum::body::to_bytes(http_request.into_body(), MAX_BODY).await;
    let Ok(body) = body else {
        return Refusal::of_caller("the body broke off, or is over 8 MiB").response();
    };
    let asked = match request::read(&body, &model.info().name) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.response(),
    };
    answer::answer(model, asked).await.unwrap_or_else(Refusal::response)
}

async fn list(State(model): State<Arc<dyn ChatModel>>) -> Response<Body> {
    let id = &model.info().name;
    let model = json!({ "id": id, "object": "model", "created": 0, "owned_by": "throughline" });
    respond(StatusCode::OK, &json!({ "object": "list", "data": [model] }))
}

async fn unknown() -> Response<Body> {
    let message = "no such path: POST /v1/chat/completions and GET /v1/models are answered";
    Refusal::new(StatusCode::NOT_FOUND, "no_such_path", message).response()
}

/// Why a request gets no answer, in the shape of the protocol.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Seconds after which it may go better.
    retry_after: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// The request is wrong.
    fn of_caller(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    fn body(&self) -> Value {
        let kind =
            if self.status.is_client_error() { "invalid_request_error" } else { "api_error" };
        let error =
            json!({ "message": self.message, "type": kind, "param": null, "code": self.code });
        json!({ "error": error })
    }

    fn response(self) -> Response<Body> {
        let mut response = respond(self.status, &self.body());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn respond(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
