//! What a request has to bring: a key with the scope, room, and a body that is not
//! too large and does not pause for too long. The same keys, tenants and scopes as
//! over gRPC.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use throughline_memory::{engine::Engine, turn::TenantId};
use tokio::sync::OwnedSemaphorePermit;

use super::{Proxy, ProxyError, headers};
use crate::auth::Scope;

/// A request that may come in.
pub(super) struct Admitted {
    pub(super) engine: Arc<Engine>,
    pub(super) tenant: TenantId,
    pub(super) room: OwnedSemaphorePermit,
}

/// Lets a request in, or not.
///
/// # Errors
/// [`ProxyError::Key`], [`ProxyError::Scope`], [`ProxyError::Unavailable`],
/// [`ProxyError::Busy`].
pub(super) fn admit(
    proxy: &Proxy,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Admitted, ProxyError> {
    let caller = proxy.auth.authenticate(headers)?;
    if !caller.may(scope) {
        return Err(ProxyError::Scope(scope));
    }
    // Both are needed: the window is read, the turns are written.
    if scope == Scope::Write && !caller.may(Scope::Read) {
        return Err(ProxyError::Scope(Scope::Read));
    }
    let opened = proxy.state.opened();
    let opened = opened.map_err(|_| ProxyError::Unavailable("the server is not ready"))?;
    let room = Arc::clone(&proxy.room).try_acquire_owned();
    let room = room.map_err(|_| ProxyError::Busy(proxy.max_in_flight))?;
    Ok(Admitted { engine: Arc::clone(&opened.engine), tenant: caller.tenant, room })
}

/// The body, of the size, with the pauses and in the time that the settings allow: a
/// client that sends a byte now and then would keep its room.
///
/// # Errors
/// [`ProxyError::TooLarge`], [`ProxyError::BrokenBody`], [`ProxyError::SlowBody`],
/// [`ProxyError::LateBody`], [`ProxyError::Unavailable`].
pub(super) async fn read_body(
    proxy: &Proxy,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ProxyError> {
    let (limit, idle) = (proxy.settings.max_body_bytes, proxy.settings.idle_timeout);
    let told = headers::text(headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if told.is_some_and(|length: usize| length > limit) {
        return Err(ProxyError::TooLarge { limit });
    }
    let mut read = BytesMut::with_capacity(told.unwrap_or(0).min(limit));
    let mut chunks = body.into_data_stream();
    let whole = proxy.settings.answer_timeout;
    let late = tokio::time::sleep(whole);
    tokio::pin!(late);
    loop {
        let chunk = tokio::select! {
            chunk = tokio::time::timeout(idle, chunks.next()) => chunk,
            () = &mut late => return Err(ProxyError::LateBody(whole.as_secs())),
            () = proxy.cut.cancelled() => {
                return Err(ProxyError::Unavailable("the server is shutting down"));
            }
        };
        let Some(chunk) = chunk.map_err(|_| ProxyError::SlowBody(idle.as_secs()))? else { break };
        let chunk = chunk.map_err(|_| ProxyError::BrokenBody)?;
        if read.len() + chunk.len() > limit {
            return Err(ProxyError::TooLarge { limit });
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}
