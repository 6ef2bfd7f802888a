//! The gate that every request passes first: access by its path, key, scope,
//! deadline, room. Behind it a panic is one INTERNAL answer, and every error
//! that leaves carries its reason.
//!
//! Logs hold method, tenant, code and time; never content, never a key.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::FutureExt as _;
use tokio::{sync::Semaphore, time::Instant};
use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderMap, Request, Response},
};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{
    access::{Access, Method, access},
    deadline::Deadline,
    status::{Failure, MAX_IN_FLIGHT},
};
use crate::auth::{Auth, Caller};

/// What the gate holds requests to.
pub struct Gate {
    auth: Auth,
    default_deadline: Duration,
    room: Arc<Semaphore>,
    max_in_flight: usize,
}

impl Gate {
    /// `max_in_flight`: requests that are worked on at the same time; one more
    /// is OVERLOADED.
    pub fn new(auth: Auth, default_deadline: Duration, max_in_flight: usize) -> Self {
        let room = Arc::new(Semaphore::new(max_in_flight));
        Self { auth, default_deadline, room, max_in_flight }
    }

    fn admit(&self, headers: &HeaderMap, method: Method) -> Result<Caller, Status> {
        let caller = self.auth.authenticate(headers).map_err(|error| {
            Failure::new(Code::Unauthenticated, "API_KEY_REFUSED", error.to_string()).status()
        })?;
        if caller.may(method.scope) {
            return Ok(caller);
        }
        let scope = method.scope.as_str();
        let message = format!(
            "the API key lacks the scope {scope}: send one that has it, or have it added to this \
             one's scopes in the server's configuration"
        );
        let about = [("scope", scope.to_owned())];
        Err(Failure::with(Code::PermissionDenied, "SCOPE_MISSING", message, &about).status())
    }

    fn overloaded(&self) -> Status {
        let max = self.max_in_flight;
        let message =
            format!("{max} requests are in flight, the limit {MAX_IN_FLIGHT}: retry later");
        let about = [("limit", MAX_IN_FLIGHT.to_owned()), ("max", max.to_string())];
        Failure::with(Code::ResourceExhausted, "OVERLOADED", message, &about)
            .retry_overload()
            .status()
    }
}

/// Puts a [`Gate`] in front of the services.
#[derive(Clone)]
pub struct GateLayer(Arc<Gate>);

impl GateLayer {
    /// In front of every service of a server.
    pub fn new(gate: Gate) -> Self {
        Self(Arc::new(gate))
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService { gate: Arc::clone(&self.0), inner }
    }
}

/// The services behind the gate.
#[derive(Clone)]
pub struct GateService<S> {
    gate: Arc<Gate>,
    inner: S,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S, B> Service<Request<B>> for GateService<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        // The clone was not polled ready; the service that was takes the call.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let gate = Arc::clone(&self.gate);
        Box::pin(pass(gate, inner, request).map(Ok))
    }
}

async fn pass<S, B>(gate: Arc<Gate>, inner: S, mut request: Request<B>) -> Response<Body>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    let method = match access(request.uri().path()) {
        Access::Public => return answer(inner, request).await,
        Access::Key(method) => method,
        Access::Unknown => return unknown().into_http(),
    };
    let caller = match gate.admit(request.headers(), method) {
        Ok(caller) => caller,
        Err(status) => {
            tracing::info!(method = method.path, code = ?status.code(), "refused");
            return status.into_http();
        }
    };
    let Ok(_room) = Arc::clone(&gate.room).try_acquire_owned() else {
        tracing::warn!(method = method.path, "overloaded");
        return gate.overloaded().into_http();
    };
    let start = Instant::now();
    let deadline = Deadline::of(request.headers(), method.streams, gate.default_deadline, start);
    let span = tracing::info_span!("request", method = method.path, tenant = %caller.tenant);
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(deadline);
    async {
        let response = match tokio::time::timeout_at(deadline.answer, answer(inner, request)).await
        {
            Ok(response) => response,
            Err(_) => late(method).into_http(),
        };
        log(&response, start.elapsed());
        response
    }
    .instrument(span)
    .await
}

/// Calls the service; a panic ends this request alone.
async fn answer<S, B>(mut inner: S, request: Request<B>) -> Response<Body>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    match AssertUnwindSafe(inner.call(request)).catch_unwind().await {
        Ok(Ok(response)) => with_reason(response),
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!("a handler panicked");
            let message = "an error of the server; its log says more";
            Failure::new(Code::Internal, "PANIC", message).status().into_http()
        }
    }
}

fn unknown() -> Status {
    let message = "no such method; the server's reflection service lists those that are";
    Failure::new(Code::Unimplemented, "UNKNOWN_METHOD", message).status()
}

fn late(method: Method) -> Status {
    let message = "the deadline passed; a change may have been made: repeat it under the same \
                   client turn id or request id";
    let about = [("method", method.path.to_owned())];
    Failure::with(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message, &about).status()
}

/// Statuses that the transport made itself (a message that is too large or that
/// cannot be decoded) get a reason too, and the code of a caller's fault.
fn with_reason(response: Response<Body>) -> Response<Body> {
    let bare = response.headers().contains_key(Status::GRPC_STATUS)
        && !response.headers().contains_key(Status::GRPC_STATUS_DETAILS);
    match Status::from_header_map(response.headers()).filter(|_| bare) {
        Some(status) if status.code() != Code::Ok => transport_status(&status).into_http(),
        _ => response,
    }
}

/// The same for a message in the midst of a stream.
pub(super) fn transport_status(status: &Status) -> Status {
    if !status.details().is_empty() {
        return status.clone();
    }
    let (code, reason, mend) = match status.code() {
        Code::OutOfRange => (
            Code::InvalidArgument,
            "MESSAGE_TOO_LARGE",
            ": send less in one call; the operator can raise max-message-bytes",
        ),
        Code::Internal => (
            Code::InvalidArgument,
            "MALFORMED_MESSAGE",
            ": make the message with the protocol's own definition",
        ),
        Code::Unimplemented => (Code::Unimplemented, "UNKNOWN_METHOD", ""),
        Code::Cancelled => (Code::Cancelled, "CANCELLED", ""),
        other => (other, "TRANSPORT", ""),
    };
    Failure::new(code, reason, format!("{}{mend}", status.message())).status()
}

fn log(response: &Response<Body>, elapsed: Duration) {
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    match code {
        Code::Internal | Code::DataLoss | Code::Unknown => {
            tracing::error!(?code, micros, "answered");
        }
        _ => tracing::debug!(?code, micros, "answered"),
    }
}
