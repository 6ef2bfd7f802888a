//! `GET /v1/models`: the upstream's.

use axum::{
    body::Body,
    extract::Request,
    http::{Method, Response},
};

use super::{Dialect, Proxy, ProxyError, admit::admit, chat, headers};
use crate::auth::Scope;

/// Asks the upstream.
pub(super) async fn answer(
    proxy: &Proxy,
    dialect: Dialect,
    request: Request,
) -> Result<Response<Body>, ProxyError> {
    let admitted = admit(proxy, request.headers(), Scope::Read)?;
    let path = chat::with_query(dialect.models_path(), request.uri());
    let key = chat::own_key(dialect, request.headers())?;
    let has_own_key = key.is_some();
    let up = headers::upward(request.headers());
    let response = proxy.upstreams.send(dialect, (Method::GET, &path), up, key, None).await?;
    if !response.status().is_success() {
        return chat::refused(proxy, dialect, response, has_own_key).await;
    }
    let head = headers::downward(response.headers());
    let relay = chat::relay(proxy, dialect, None, admitted.room);
    let whole = relay.whole(&proxy.tracker, response).await?;
    let mut answer = Response::new(Body::from(whole.body));
    *answer.headers_mut() = head;
    Ok(answer)
}
