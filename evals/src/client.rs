//! The wire: typed clients with the API key, and retries of what the server
//! says may be tried again.

use std::{fmt, time::Duration};

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use throughline_proto::v1::{
    GetServerInfoRequest, GetServerInfoResponse, context_service_client::ContextServiceClient,
    conversation_service_client::ConversationServiceClient,
    degradation_service_client::DegradationServiceClient,
    memory_service_client::MemoryServiceClient, server_service_client::ServerServiceClient,
    usage_service_client::UsageServiceClient,
};
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

/// Largest reply: a page of 1,000 hits with long component maps stays below.
const MAX_REPLY_BYTES: usize = 64 << 20;
/// Attempts of a call that may be retried.
const MAX_ATTEMPTS: u32 = 10;
/// Longest pause between attempts.
const MAX_PAUSE: Duration = Duration::from_secs(5);

type Authorized = InterceptedService<Channel, Key>;

/// Adds the API key to every request.
#[derive(Clone)]
pub(crate) struct Key(Option<MetadataValue<Ascii>>);

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// The services of one server over one connection.
#[derive(Clone)]
pub(crate) struct Api {
    /// Conversations and turns.
    pub(crate) conversations: ConversationServiceClient<Authorized>,
    /// Search.
    pub(crate) memory: MemoryServiceClient<Authorized>,
    /// Windows.
    pub(crate) context: ContextServiceClient<Authorized>,
    /// What is measured.
    pub(crate) degradation: DegradationServiceClient<Authorized>,
    /// What was used.
    pub(crate) usage: UsageServiceClient<Authorized>,
    server: ServerServiceClient<Authorized>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

impl Api {
    /// Connects to `HOST:PORT` or a whole URL.
    ///
    /// # Errors
    /// The address or key has the wrong form, or nobody listens there.
    pub(crate) async fn connect(address: &str, api_key: Option<&str>) -> anyhow::Result<Self> {
        let url =
            if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let endpoint = Endpoint::from_shared(url.clone())
            .with_context(|| format!("{address} is no address"))?
            .tcp_nodelay(true);
        let channel = endpoint.connect().await.with_context(|| format!("connect to {url}"))?;
        let key = match api_key {
            Some(key) => Some(format!("Bearer {key}").parse().context("the API key")?),
            None => None,
        };
        let authorized = || InterceptedService::new(channel.clone(), Key(key.clone()));
        let limit = MAX_REPLY_BYTES;
        Ok(Self {
            conversations: ConversationServiceClient::new(authorized())
                .max_decoding_message_size(limit),
            memory: MemoryServiceClient::new(authorized()).max_decoding_message_size(limit),
            context: ContextServiceClient::new(authorized()).max_decoding_message_size(limit),
            degradation: DegradationServiceClient::new(authorized())
                .max_decoding_message_size(limit),
            usage: UsageServiceClient::new(authorized()),
            server: ServerServiceClient::new(authorized()),
        })
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn server_info(&self) -> anyhow::Result<GetServerInfoResponse> {
        let call = || async { self.server.clone().get_server_info(GetServerInfoRequest {}).await };
        Ok(retry("GetServerInfo", call).await?.into_inner())
    }
}

/// The server's own words for the result's `config`.
pub(crate) fn describe(info: &GetServerInfoResponse) -> Value {
    let model = info.embedding_model.clone().unwrap_or_default();
    let ranking = info.ranking.clone().unwrap_or_default();
    let scorer = info.staleness.clone().unwrap_or_default();
    let pins = info.pins.clone().unwrap_or_default();
    json!({
        "version": info.version,
        "store": info.store,
        "index": info.index,
        "embedding_model": {
            "name": model.name,
            "sha256": model.sha256,
            "dimensions": model.dimensions,
            "engine": model.engine,
            "precision": model.precision,
            "device": model.device,
        },
        "ranking": {
            "version": ranking.version,
            "weights_sha256": ranking.weights_sha256,
            "trained_on": ranking.trained_on,
        },
        "reranker": info.reranker.as_ref().map(|reranker| json!({
            "name": reranker.name,
            "sha256": reranker.sha256,
            "top": reranker.top,
        })),
        "staleness": {
            "scorer": scorer.scorer,
            "version": scorer.version,
            "weights_sha256": scorer.weights_sha256,
        },
        "pins": {
            "enabled": pins.enabled,
            "version": pins.version,
            "weights_sha256": pins.weights_sha256,
        },
    })
}

/// Calls again while the server is overloaded or not there, after the pause
/// that it asks for.
///
/// # Errors
/// Any other status, or the last one after ten attempts, with its details.
pub(crate) async fn retry<T>(
    what: &str,
    call: impl AsyncFn() -> Result<Response<T>, Status>,
) -> anyhow::Result<Response<T>> {
    let mut attempt = 1;
    loop {
        let status = match call().await {
            Ok(response) => return Ok(response),
            Err(status) => status,
        };
        let pause = pause_after(&status, attempt);
        let Some(pause) = pause.filter(|_| attempt < MAX_ATTEMPTS) else {
            return Err(explain(what, &status));
        };
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// How long to wait before the next attempt; nothing if it would not help.
fn pause_after(status: &Status, attempt: u32) -> Option<Duration> {
    let asked = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    let own = Duration::from_millis(50) * 2u32.pow(attempt.min(7));
    match status.code() {
        Code::Unavailable => Some(asked.unwrap_or(own).min(MAX_PAUSE)),
        // Without a delay it is no overload: waiting would not help.
        Code::ResourceExhausted => asked.map(|delay| delay.max(own).min(MAX_PAUSE)),
        _ => None,
    }
}

/// A status as an error for people, its reason included.
pub(crate) fn explain(what: &str, status: &Status) -> anyhow::Error {
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
    let reason = reason.map(|reason| format!(" [{reason}]")).unwrap_or_default();
    anyhow!("{what}: {:?}{reason}: {}", status.code(), status.message())
}

/// The head of a text that a search takes as its query (limit `query_bytes`, 8 KiB), cut
/// at a word.
pub(crate) fn query_head(text: &str) -> &str {
    const MOST: usize = 8 << 10;
    if text.len() <= MOST {
        return text;
    }
    let cut = (0..=MOST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let head = text.get(..cut).unwrap_or_default();
    let word = head.rfind(char::is_whitespace).unwrap_or(head.len());
    head.get(..word).unwrap_or(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let with_delay = |code, seconds| {
            let delay = Some(Duration::from_secs(seconds));
            Status::with_error_details(code, "", ErrorDetails::with_retry_info(delay))
        };
        for (status, expected) in [
            (Status::unavailable(""), Some(Duration::from_millis(100))),
            (with_delay(Code::Unavailable, 2), Some(Duration::from_secs(2))),
            (with_delay(Code::ResourceExhausted, 60), Some(MAX_PAUSE)),
            (Status::resource_exhausted("disk full"), None),
            (Status::not_found(""), None),
        ] {
            assert_eq!(pause_after(&status, 1), expected, "{status:?}");
        }
    }

    #[tokio::test]
    async fn attempts_end() {
        let calls = std::cell::Cell::new(0);
        let call = async || {
            calls.set(calls.get() + 1);
            let at_once = ErrorDetails::with_retry_info(Some(Duration::ZERO));
            Err::<Response<()>, _>(Status::with_error_details(
                Code::Unavailable,
                "draining",
                at_once,
            ))
        };
        let error = retry("Ping", call).await.unwrap_err().to_string();
        assert_eq!(calls.get(), MAX_ATTEMPTS);
        assert!(error.contains("Ping") && error.contains("draining"), "{error}");
    }

    #[test]
    fn a_long_query_is_cut_at_a_word() {
        let long = "éa ".repeat(3_000);
        let head = query_head(&long);
        assert!(head.len() <= 8 << 10 && head.len() > (8 << 10) - 5, "{}", head.len());
        assert!(long.starts_with(head) && head.ends_with('a'));
        assert_eq!(query_head("short"), "short");
        assert_eq!(query_head(&"é".repeat(5_000)).len(), 8 << 10);
    }
}
