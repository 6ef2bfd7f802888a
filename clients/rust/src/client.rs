//! The connection: address, API key, deadline and retries of every call.

use std::{env, fmt, time::Duration};

use throughline_proto::v1::{
    context_service_client::ContextServiceClient,
    conversation_service_client::ConversationServiceClient,
    degradation_service_client::DegradationServiceClient, item_service_client::ItemServiceClient,
    memory_service_client::MemoryServiceClient, server_service_client::ServerServiceClient,
    usage_service_client::UsageServiceClient,
};
use tokio::time::Instant;
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::{Error, RetryPolicy};

/// Where a server listens if nothing else is said.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7420";
/// Largest answer that is read: a page of turns, or a window.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Where the server is, who calls, and how patiently. Its debug form has no key.
#[derive(Clone)]
pub struct Settings {
    /// `host:port`, or an `http` or `https` URL. The certificates that the system
    /// trusts are trusted; `SSL_CERT_FILE` names others.
    pub address: String,
    /// None is sent if it is empty.
    pub api_key: String,
    /// What a call may take, retries included.
    pub timeout: Duration,
    /// When a call is sent again.
    pub retry: RetryPolicy,
}

impl Default for Settings {
    /// From `THROUGHLINE_ADDRESS` and `THROUGHLINE_API_KEY`, with 30 seconds a call.
    fn default() -> Self {
        Self {
            address: env::var("THROUGHLINE_ADDRESS").unwrap_or(DEFAULT_ADDRESS.to_owned()),
            api_key: env::var("THROUGHLINE_API_KEY").unwrap_or_default(),
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Named one by one: a new field does not compile until somebody has decided.
        let Self { address, api_key, timeout, retry } = self;
        let api_key = if api_key.is_empty() { "" } else { "(not shown)" };
        formatter
            .debug_struct("Settings")
            .field("address", address)
            .field("api_key", &api_key)
            .field("timeout", timeout)
            .field("retry", retry)
            .finish()
    }
}

/// Settings that no connection can be made of.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read.
    #[error("address must be host:port or a URL, is {address:?}: {cause}")]
    Address {
        /// What was given.
        address: String,
        /// Why.
        cause: tonic::transport::Error,
    },
    /// The key holds what no header may.
    #[error("the API key must be printable ASCII")]
    ApiKey,
}

/// A service whose calls carry the API key.
pub type Keyed = InterceptedService<Channel, ApiKey>;

/// Adds the API key to every call.
#[derive(Clone, Debug)]
pub struct ApiKey(Option<MetadataValue<Ascii>>);

impl Interceptor for ApiKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

/// Calls a Throughline server. Clones share one connection.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    key: ApiKey,
    timeout: Duration,
    retry: RetryPolicy,
}

impl Client {
    /// The connection is made by the first call, and again when it broke. Must be
    /// called within a Tokio runtime.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn new(settings: Settings) -> Result<Self, ConnectError> {
        let Settings { address, api_key, timeout, retry } = settings;
        let url =
            if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let tls = url.starts_with("https://");
        let endpoint = Endpoint::from_shared(url).and_then(|endpoint| {
            let roots = ClientTlsConfig::new().with_native_roots();
            if tls { endpoint.tls_config(roots) } else { Ok(endpoint) }
        });
        let endpoint = endpoint.map_err(|cause| ConnectError::Address { address, cause })?;
        let key = match api_key.as_str() {
            "" => None,
            key => {
                let mut value: MetadataValue<Ascii> =
                    format!("Bearer {key}").parse().map_err(|_| ConnectError::ApiKey)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self { channel: endpoint.connect_lazy(), key: ApiKey(key), timeout, retry })
    }

    /// The same connection with another deadline for calls.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The service as the protocol has it, for streams: no retries, no ids drawn.
    pub fn conversations(&self) -> ConversationServiceClient<Keyed> {
        ConversationServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// The service as the protocol has it, for streams: no retries, no ids drawn.
    pub fn degradation(&self) -> DegradationServiceClient<Keyed> {
        DegradationServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn usage(&self) -> UsageServiceClient<Keyed> {
        UsageServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn memory(&self) -> MemoryServiceClient<Keyed> {
        MemoryServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn items(&self) -> ItemServiceClient<Keyed> {
        ItemServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn context(&self) -> ContextServiceClient<Keyed> {
        ContextServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn server(&self) -> ServerServiceClient<Keyed> {
        ServerServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    /// Sends a request, and again while the policy says so.
    pub(crate) async fn send<Q, A, F>(
        &self,
        repeatable: bool,
        request: Q,
        // No `AsyncFn`: tasks could not be spawned of what waits for it.
        call: impl Fn(Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let deadline = Instant::now() + self.timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        let late = || Status::deadline_exceeded("the deadline passed");
        let mut attempt = 1;
        loop {
            let remaining = left();
            if remaining.is_zero() {
                return Err(late().into());
            }
            let mut attempted = Request::new(request.clone());
            attempted.set_timeout(remaining);
            let answer = tokio::time::timeout_at(deadline, call(attempted)).await;
            let error: Error = match answer.unwrap_or_else(|_| Err(late())) {
                Ok(answer) => return Ok(answer.into_inner()),
                // The channel keeps the same deadline, and calls it a cancellation.
                Err(status) if status.code() == Code::Cancelled && left().is_zero() => {
                    late().into()
                }
                Err(status) => status.into(),
            };
            let remaining = left();
            let Some(delay) = self.retry.delay(&error, attempt, repeatable, remaining) else {
                return Err(error);
            };
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
