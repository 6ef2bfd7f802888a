//! A chat request from its arrival to the head of its answer.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body as HttpBody,
    extract::Request as HttpRequest,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header::CONTENT_TYPE},
};
use bytes::Bytes;
use reqwest::Response as Answered;
use throughline_memory::turn::{ConversationId, TenantId};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Dialect, Proxy, ProxyError,
    admit::{Admitted, admit, read_body},
    answering::Exchange,
    body::Body,
    headers::{self, CONVERSATION, HISTORY_TOKENS, MEMORY, UPSTREAM_KEY, WINDOW_TOKENS},
    options::Options,
    placing::{Place, Placing},
    readings::Reader,
    refusal::Refusal,
    relay::{Relay, Whole},
    request::Request,
    upstream::secret,
    window::{self, Built, WindowOptions},
};
use crate::auth::Scope;

/// Larger bodies are read beside the async threads.
const LARGE_BODY: usize = 1 << 20;

/// A request as it was read.
struct Read {
    /// As it came, if nothing of it was ours.
    untouched: Option<Bytes>,
    body: Body,
    options: Options,
    request: Option<Request>,
}

/// A request with its window, ready for the upstream.
struct Prepared {
    body: Bytes,
    remembered: Option<(Exchange, Built)>,
}

/// Answers.
pub(super) async fn answer(
    proxy: &Proxy,
    dialect: Dialect,
    request: HttpRequest,
) -> Result<Response<HttpBody>, ProxyError> {
    let (parts, body) = request.into_parts();
    let admitted = admit(proxy, &parts.headers, Scope::Write)?;
    let bytes = read_body(proxy, &parts.headers, body).await?;
    let key = own_key(dialect, &parts.headers)?;
    let has_own_key = key.is_some();
    let read = read(proxy, dialect, &admitted.tenant, parts.headers.clone(), bytes).await?;
    let Prepared { body, remembered } = prepare(proxy, dialect, &admitted, read).await?;
    let up = headers::upward(&parts.headers);
    let (exchange, built) = remembered.unzip();
    let relay = relay(proxy, dialect, exchange, admitted.room);
    let path = with_query(dialect.path(), &parts.uri);
    let sent = proxy.upstreams.send(dialect, (Method::POST, &path), up, key, Some(body));
    let response = tokio::select! {
        response = sent => response?,
        () = proxy.cut.cancelled() => {
            return Err(ProxyError::Unavailable("the server is shutting down"));
        }
    };
    let place = relay.exchange.as_ref().map(|exchange| exchange.place.conversation.clone());
    let (mut answer, stands) = if response.status().is_success() {
        passed_on(proxy, relay, response).await?
    } else {
        (refused(proxy, dialect, response, has_own_key).await?, None)
    };
    note(answer.headers_mut(), stands.or(place).as_ref(), built.as_ref());
    Ok(answer)
}

/// Reads what came, beside the async threads if it is large.
async fn read(
    proxy: &Proxy,
    dialect: Dialect,
    tenant: &TenantId,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Read, ProxyError> {
    let is_large = bytes.len() > LARGE_BODY;
    let (readings, tenant) = (Arc::clone(&proxy.readings), tenant.clone());
    let work = move || {
        let reader = Reader { readings: &readings, tenant: &tenant };
        let mut body = Body::read(&bytes)?;
        let whole = body.clone();
        let options = Options::read(&headers, &mut body)?;
        let untouched = (whole == body).then(|| bytes.clone());
        let is_remembered = options.conversation.is_some();
        let request = is_remembered.then(|| dialect.read(&body, reader)).transpose()?;
        Ok(Read { untouched, body, options, request })
    };
    if !is_large {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(ProxyError::Unavailable("the server is shutting down")))
}

/// Stores what is new and puts the window in the place of the history. A request
/// without a conversation stays as it is.
async fn prepare(
    proxy: &Proxy,
    dialect: Dialect,
    admitted: &Admitted,
    read: Read,
) -> Result<Prepared, ProxyError> {
    let Read { untouched, mut body, options, request } = read;
    let (Some(root), Some(request)) = (&options.conversation, &request) else {
        let body = untouched.unwrap_or_else(|| body.write());
        return Ok(Prepared { body, remembered: None });
    };
    let place = place(proxy, admitted, root, request, &options).await?;
    let wanted = WindowOptions {
        budget: options.budget.unwrap_or(proxy.settings.token_budget),
        tokenizer: proxy.settings.tokenizers.of(&options.model).to_owned(),
    };
    let Admitted { engine, tenant, .. } = admitted;
    let mut built = window::build(engine, tenant, &place, request, &wanted).await?;
    let messages = std::mem::take(&mut built.messages);
    dialect.write(&mut body, &request.instructions, messages)?;
    let prefill = request.prefill.as_ref().map(|prefill| prefill.text()).unwrap_or_default();
    let exchange = Exchange {
        engine: Arc::clone(engine),
        places: Arc::clone(&proxy.places),
        tenant: tenant.clone(),
        place,
        prefill,
        model: options.model,
        prompt_version: options.prompt_version,
    };
    Ok(Prepared { body: body.write(), remembered: Some((exchange, built)) })
}

async fn place(
    proxy: &Proxy,
    admitted: &Admitted,
    root: &ConversationId,
    request: &Request,
    options: &Options,
) -> Result<Place, ProxyError> {
    let placing = Placing {
        engine: &admitted.engine,
        places: &proxy.places,
        tenant: &admitted.tenant,
        request,
        options,
        create: options.create.unwrap_or(proxy.settings.create_conversations),
    };
    placing.place(root).await
}

/// What passes an answer on.
pub(super) fn relay(
    proxy: &Proxy,
    dialect: Dialect,
    exchange: Option<Exchange>,
    room: OwnedSemaphorePermit,
) -> Relay {
    let most = exchange.as_ref().map_or(0, |exchange| exchange.engine.limits().turn_bytes);
    Relay {
        dialect,
        exchange,
        most: usize::try_from(most).unwrap_or(usize::MAX),
        max_bytes: proxy.settings.max_body_bytes,
        idle: proxy.settings.idle_timeout,
        started: Instant::now(),
        cut: proxy.cut.clone(),
        room,
    }
}

/// A success: streamed or whole, as the upstream sends it. Of a whole one also the
/// conversation that it is stored in.
async fn passed_on(
    proxy: &Proxy,
    relay: Relay,
    response: Answered,
) -> Result<(Response<HttpBody>, Option<ConversationId>), ProxyError> {
    let (status, head) = (response.status(), headers::downward(response.headers()));
    let kind = headers::text(&head, &CONTENT_TYPE).unwrap_or_default();
    let (body, stands) = if kind.starts_with("text/event-stream") {
        (relay.stream(&proxy.tracker, response), None)
    } else {
        let Whole { body, stands } = relay.whole(&proxy.tracker, response).await?;
        (HttpBody::from(body), stands)
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = head;
    Ok((answer, stands))
}

/// A path with what of the request stands behind `?`.
pub(super) fn with_query(path: &str, uri: &Uri) -> String {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{path}{query}")
}

/// An error of the upstream: in its own words, where they are meant for the caller.
/// Nothing is followed elsewhere, by the caller neither.
pub(super) async fn refused(
    proxy: &Proxy,
    dialect: Dialect,
    response: Answered,
    has_own_key: bool,
) -> Result<Response<HttpBody>, ProxyError> {
    let status = response.status();
    if !has_own_key && [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
        let status = status.as_u16();
        tracing::warn!(status, "an upstream refused the key");
        return Err(if proxy.upstreams.has_key(dialect) {
            ProxyError::KeyRefused(status)
        } else {
            ProxyError::KeyMissing { status, setting: dialect.key_setting() }
        });
    }
    if !status.is_client_error() && !status.is_server_error() {
        tracing::warn!(
            status = status.as_u16(),
            "an upstream answered with no error and no answer"
        );
        return Err(ProxyError::Upstream(status.as_u16()));
    }
    let head = headers::downward(response.headers());
    let refusal = Refusal::of(response, proxy.settings.idle_timeout).await;
    let code = status.as_u16();
    tracing::warn!(status = code, kind = refusal.kind(), "an upstream refused");
    let error = match refusal {
        Refusal::Shaped { body, .. } => {
            let mut answer = Response::new(HttpBody::from(body));
            *answer.status_mut() = status;
            *answer.headers_mut() = head;
            return Ok(answer);
        }
        Refusal::Words(words) => ProxyError::UpstreamSays { status: code, words },
        Refusal::Silent => ProxyError::Upstream(code),
    };
    let mut answer = error.response(dialect);
    // When it may be tried again, and what it is called at the upstream.
    for (name, value) in head.iter().filter(|(name, _)| headers::TELLS_OF_ERROR.contains(name)) {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(answer)
}

/// The caller's own key at the upstream, if it gives one.
///
/// # Errors
/// [`ProxyError::Header`].
pub(super) fn own_key(
    dialect: Dialect,
    headers: &HeaderMap,
) -> Result<Option<HeaderValue>, ProxyError> {
    let key = headers::text(headers, &UPSTREAM_KEY).map(|key| secret(dialect, key));
    key.transpose().map_err(|()| ProxyError::Header {
        name: "x-throughline-upstream-key",
        detail: "cannot be sent on".to_owned(),
    })
}

fn note(headers: &mut HeaderMap, stands: Option<&ConversationId>, built: Option<&Built>) {
    let memory = if stands.is_some() { "on" } else { "off" };
    headers.insert(MEMORY, HeaderValue::from_static(memory));
    if let Some(stands) = stands
        && let Ok(id) = HeaderValue::from_str(stands.as_str())
    {
        headers.insert(CONVERSATION, id);
    }
    if let Some(built) = built {
        headers.insert(WINDOW_TOKENS, HeaderValue::from(built.tokens));
        headers.insert(HISTORY_TOKENS, HeaderValue::from(built.history_tokens));
    }
}
