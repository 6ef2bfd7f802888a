//! A server with the proxy in front of the upstream, and a client of it.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use throughline::{
    config::{ModelTokenizers, ProxySettings, UpstreamSettings},
    pb,
    proxy::Dialect,
    serve::{PROXY, bind},
};
use throughline_memory::engine::Limits;
use throughline_summarizer::llm::ApiKey;

use crate::{
    harness::{self, ACME, Client, TestServer},
    upstream::{Script, UPSTREAM_KEY, Upstream},
    words,
};

/// A program of the tenant `acme`.
pub(crate) const KEY: &str = "acme-key";

/// Both servers.
pub(crate) struct Setup {
    pub(crate) server: TestServer,
    pub(crate) upstream: Upstream,
    pub(crate) base: String,
    http: reqwest::Client,
}

pub(crate) fn settings(upstream: &Upstream) -> ProxySettings {
    let at = |base: String| UpstreamSettings {
        base,
        is_local: true,
        key: Some(ApiKey::new(UPSTREAM_KEY).unwrap()),
    };
    ProxySettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        openai: Some(at(format!("http://{}/v1", upstream.address))),
        anthropic: Some(at(format!("http://{}", upstream.address))),
        token_budget: 2_000,
        tokenizers: ModelTokenizers::default(),
        create_conversations: true,
        connect_timeout: Duration::from_secs(2),
        answer_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        max_body_bytes: 40 << 20,
    }
}

impl Setup {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ProxySettings)) -> Self {
        Self::with_room(change, 64).await
    }

    pub(crate) async fn with_room(
        change: impl FnOnce(&mut ProxySettings),
        max_in_flight: usize,
    ) -> Self {
        Self::with_limits(change, max_in_flight, Limits::default()).await
    }

    pub(crate) async fn with_limits(
        change: impl FnOnce(&mut ProxySettings),
        max_in_flight: usize,
        limits: Limits,
    ) -> Self {
        let upstream = Upstream::start().await;
        let mut settings = settings(&upstream);
        change(&mut settings);
        let mut server = TestServer::starting().await;
        let listeners = bind(&[settings.listen], PROXY).await.unwrap();
        let auth = harness::auth();
        server.server.take_chats(listeners, auth, &settings, max_in_flight).unwrap();
        let opened = harness::opened(server.data.path(), limits).await;
        server.server.open(opened).await;
        let base = format!("http://{}", server.server.proxy_addresses()[0]);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { server, upstream, base, http }
    }

    /// A request with the key, not sent yet.
    pub(crate) fn post(&self, dialect: Dialect, script: &Script) -> RequestBuilder {
        let path = match dialect {
            Dialect::OpenAi => "/v1/chat/completions",
            Dialect::Anthropic => "/v1/messages",
        };
        self.post_to(path, dialect, script)
    }

    /// The same to a path.
    pub(crate) fn post_to(&self, path: &str, dialect: Dialect, script: &Script) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.base));
        let request = match dialect {
            Dialect::OpenAi => request.bearer_auth(KEY),
            Dialect::Anthropic => {
                request.header("x-api-key", KEY).header("anthropic-version", "2023-06-01")
            }
        };
        request.header("x-script", serde_json::to_string(script).unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base)).bearer_auth(KEY)
    }

    /// Sends words in a conversation.
    pub(crate) async fn say(
        &self,
        conversation: &str,
        said: &[&str],
        script: &Script,
        streams: bool,
    ) -> Response {
        let said: Vec<String> = said.iter().map(|words| (*words).to_owned()).collect();
        let request =
            self.post(Dialect::OpenAi, script).json(&body(Dialect::OpenAi, &said, streams));
        request.header("x-throughline-conversation", conversation).send().await.unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client(ACME)
    }

    /// What is stored of a conversation, in words; nothing if there is none.
    pub(crate) async fn stored(&self, conversation: &str) -> Vec<String> {
        let name = format!("conversations/{conversation}");
        if self.client().get(&name).await.is_err() {
            return Vec::new();
        }
        self.client().turns(&name).await.iter().map(words::of_turn).collect()
    }

    /// Waits until this is stored of a conversation.
    pub(crate) async fn wait_stored(&self, conversation: &str, expected: &[&str]) {
        let mut stored = Vec::new();
        for _ in 0..2_000 {
            stored = self.stored(conversation).await;
            if stored == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("stored is {stored:?}, not {expected:?}");
    }

    /// How many conversations the tenant has.
    pub(crate) async fn conversations(&self) -> usize {
        let request = pb::ListConversationsRequest { page_size: 1_000, ..Default::default() };
        let page = self.client().conversations().list_conversations(request).await.unwrap();
        page.into_inner().conversations.len()
    }
}

/// Requests with JSON.
pub(crate) trait WithJson {
    fn json(self, body: &Value) -> Self;
}

impl WithJson for RequestBuilder {
    fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }
}

/// A request's body.
pub(crate) fn body(dialect: Dialect, said: &[String], streams: bool) -> Value {
    let (messages, system) = words::messages(dialect, said);
    let mut body = json!({ "model": "gpt-test", "stream": streams, "messages": messages,
        "seed": 7, "vendor_field": { "kept": [1, 2.50, "x"] } });
    if let Some(system) = system {
        body["system"] = system;
    }
    if dialect == Dialect::Anthropic {
        body["max_tokens"] = 99.into();
    }
    body
}

/// The reply's conversation.
pub(crate) fn conversation_of(response: &Response) -> String {
    response.headers()["x-throughline-conversation"].to_str().unwrap().to_owned()
}
