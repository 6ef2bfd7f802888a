//! Headers: what callers ask of the proxy with, and what goes on to the upstream and
//! back.
//!
//! Invariant: no credential of the caller goes upstream but the one that is meant
//! for it, and none of the upstream comes back.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT,
        HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RETRY_AFTER, SET_COOKIE, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    },
};

/// The conversation; in answers, the one that the exchange stands in.
pub const CONVERSATION: HeaderName = HeaderName::from_static("x-throughline-conversation");
/// Whose conversation it is, when it is created.
pub const USER: HeaderName = HeaderName::from_static("x-throughline-user");
/// Tokens of the window.
pub const BUDGET: HeaderName = HeaderName::from_static("x-throughline-budget");
/// `never`: an unknown conversation is an error.
pub const CREATE: HeaderName = HeaderName::from_static("x-throughline-create");
/// `whole`: every request holds the history. `newest`: none does.
pub const HISTORY: HeaderName = HeaderName::from_static("x-throughline-history");
/// Version of the application's prompt, for the degradation metrics.
pub const PROMPT_VERSION: HeaderName = HeaderName::from_static("x-throughline-prompt-version");
/// The caller's own key at the upstream, instead of the server's.
pub const UPSTREAM_KEY: HeaderName = HeaderName::from_static("x-throughline-upstream-key");
/// In answers: `on`, or `off` for a request without a conversation.
pub const MEMORY: HeaderName = HeaderName::from_static("x-throughline-memory");
/// In answers: tokens of the window.
pub const WINDOW_TOKENS: HeaderName = HeaderName::from_static("x-throughline-window-tokens");
/// In answers: tokens that the whole history would have cost.
pub const HISTORY_TOKENS: HeaderName = HeaderName::from_static("x-throughline-history-tokens");

/// Of Anthropic's API.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The same.
pub(super) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

const OWN_PREFIX: &str = "x-throughline-";
const RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What goes back with an error that the upstream told in another shape.
pub(super) const TELLS_OF_ERROR: [HeaderName; 5] = [
    RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-should-retry"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
];

/// Headers of one connection.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
];

/// A header as text, white space around it left out; none if it is empty.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then_some(value)
}

/// Whether the client says that it sends a request again: the SDKs of OpenAI and
/// Anthropic count.
pub(super) fn is_retry(headers: &HeaderMap) -> bool {
    text(headers, &RETRY_COUNT).is_some_and(|count| count != "0")
}

/// What of a request's headers goes upstream. The answer must come as it is, so no
/// encoding is accepted.
pub(super) fn upward(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let dropped = HOP_BY_HOP.contains(name)
            || named.contains(name)
            || [AUTHORIZATION, X_API_KEY, COOKIE, HOST, CONTENT_LENGTH, ACCEPT_ENCODING]
                .contains(name)
            || name.as_str().starts_with(OWN_PREFIX);
        if !dropped {
            passed.append(name, value.clone());
        }
    }
    passed.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    passed.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    passed
}

/// What of an answer's headers goes back.
pub(super) fn downward(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let dropped = HOP_BY_HOP.contains(name)
            || named.contains(name)
            || [SET_COOKIE, CONTENT_LENGTH].contains(name)
            || name.as_str().starts_with(OWN_PREFIX);
        if !dropped {
            passed.append(name, value.clone());
        }
    }
    passed
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn no_credential_and_nothing_of_the_connection_goes_up() {
        let passed = upward(&map(&[
            ("authorization", "Bearer k"),
            ("x-api-key", "k"),
            ("cookie", "k"),
            ("x-throughline-upstream-key", "k"),
            ("x-throughline-conversation", "c"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "k"),
            ("te", "k"),
            ("host", "h"),
            ("accept-encoding", "gzip"),
            ("openai-organization", "org"),
            ("anthropic-beta", "b"),
        ]));
        let shown = format!("{passed:?}");
        assert!(!shown.contains("\"k\"") && !shown.contains("Bearer"), "{shown}");
        assert_eq!(passed.len(), 4, "{shown}");
        assert_eq!(passed["accept-encoding"], "identity");
    }

    #[test]
    fn nothing_of_the_upstreams_session_comes_back() {
        let passed = downward(&map(&[
            ("set-cookie", "s"),
            ("transfer-encoding", "chunked"),
            ("content-length", "7"),
            ("x-request-id", "r"),
            ("content-type", "text/event-stream"),
        ]));
        assert_eq!(passed.len(), 2, "{passed:?}");
    }

    #[test]
    fn retries_are_told_by_the_count() {
        assert!(!is_retry(&map(&[])));
        assert!(!is_retry(&map(&[("x-stainless-retry-count", "0")])));
        assert!(is_retry(&map(&[("x-stainless-retry-count", "2")])));
    }
}
