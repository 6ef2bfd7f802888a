//! A server for one test, and clients for each of its keys.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use throughline::{
    auth::{Auth, KeyEntry, Scope, key_sha256},
    config::{Prices, WireSettings},
    grpc::{About, Opened, Summaries},
    page_token::PageTokens,
    pb::{
        self, context_service_client::ContextServiceClient,
        conversation_service_client::ConversationServiceClient,
        degradation_service_client::DegradationServiceClient,
        item_service_client::ItemServiceClient, memory_service_client::MemoryServiceClient,
        server_service_client::ServerServiceClient, usage_service_client::UsageServiceClient,
    },
    serve::{LISTEN, Server, bind},
};
use throughline_memory::{
    context::Tokenizers,
    embed::{
        EmbedConfig, EmbedError, EmbedService, Embedder, EmbeddingModel, ModelFile, ModelFiles,
        Pooling, Precision, Splitter, Vector,
    },
    engine::{Engine, EngineParts, Limits, PinSettings, StoreTurnSource},
    facts::WriteLine,
    index::exact::ExactIndex,
    retrieval::RankingWeights,
    staleness::SignalWeights,
    store::{Store, StoreKind, StoreOptions},
    summary::generations::Generations,
};
use throughline_summarizer::{
    check::Checker, compose::Composer, extractive::Extractive, fold::Folder,
};
use tonic::{
    Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

#[path = "../../../memory/tests/engine/fixture/scripted.rs"]
mod scripted;
use scripted::Scripted;

const DIMENSIONS: usize = 64;
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// What a client sends as its key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// `authorization: Bearer KEY`.
    Bearer(&'static str),
    /// The whole `authorization` header.
    Raw(&'static str),
    None,
}

/// Reads and writes the data of the tenant `acme`.
pub(crate) const ACME: Key = Key::Bearer("acme-key");
/// Only reads.
pub(crate) const ACME_READ: Key = Key::Bearer("acme-read-key");
/// Only writes.
pub(crate) const ACME_WRITE: Key = Key::Bearer("acme-write-key");
/// Another tenant.
pub(crate) const GLOBEX: Key = Key::Bearer("globex-key");

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = match self {
            Self::Bearer(key) => format!("Bearer {key}"),
            Self::Raw(value) => (*value).to_owned(),
            Self::None => return Ok(request),
        };
        request.metadata_mut().insert("authorization", value.parse().unwrap());
        Ok(request)
    }
}

type Keyed = InterceptedService<Channel, Key>;

/// Calls with one key.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    key: Key,
}

impl Client {
    pub(crate) fn conversations(&self) -> ConversationServiceClient<Keyed> {
        ConversationServiceClient::with_interceptor(self.channel.clone(), self.key)
    }

    pub(crate) fn memory(&self) -> MemoryServiceClient<Keyed> {
        MemoryServiceClient::with_interceptor(self.channel.clone(), self.key)
    }

    pub(crate) fn items(&self) -> ItemServiceClient<Keyed> {
        ItemServiceClient::with_interceptor(self.channel.clone(), self.key)
    }

    pub(crate) fn context(&self) -> ContextServiceClient<Keyed> {
        ContextServiceClient::with_interceptor(self.channel.clone(), self.key)
    }

    pub(crate) fn degradation(&self) -> DegradationServiceClient<Keyed> {
        DegradationServiceClient::with_interceptor(self.channel.clone(), self.key)
    }

    pub(crate) fn server(&self) -> ServerServiceClient<Keyed> {
        ServerServiceClient::with_interceptor(self.channel.clone(), self.key)
    }

    pub(crate) fn usage(&self) -> UsageServiceClient<Keyed> {
        UsageServiceClient::with_interceptor(self.channel.clone(), self.key)
    }

    /// A conversation with this id; gives its name.
    pub(crate) async fn create(&self, id: &str) -> String {
        let request = pb::CreateConversationRequest {
            conversation: Some(pb::Conversation {
                user_id: "ada".to_owned(),
                ..pb::Conversation::default()
            }),
            conversation_id: id.to_owned(),
            request_id: String::new(),
        };
        let created = self.conversations().create_conversation(request).await.unwrap();
        created.into_inner().conversation.unwrap().name
    }

    pub(crate) async fn append(
        &self,
        conversation: &str,
        turns: Vec<pb::Turn>,
    ) -> Result<pb::AppendTurnsResponse, Status> {
        let request = pb::AppendTurnsRequest {
            conversation: conversation.to_owned(),
            turns,
            expected_last_sequence: None,
            wait_indexed: true,
        };
        Ok(self.conversations().append_turns(request).await?.into_inner())
    }

    /// All turns, page by page.
    pub(crate) async fn turns(&self, conversation: &str) -> Vec<pb::Turn> {
        let mut request = pb::ListTurnsRequest {
            conversation: conversation.to_owned(),
            page_size: 1_000,
            ..pb::ListTurnsRequest::default()
        };
        let mut turns = Vec::new();
        loop {
            let page = self.conversations().list_turns(request.clone()).await.unwrap().into_inner();
            turns.extend(page.turns);
            if page.next_page_token.is_empty() {
                return turns;
            }
            request.page_token = page.next_page_token;
        }
    }

    pub(crate) async fn get(&self, name: &str) -> Result<pb::Conversation, Status> {
        let request = pb::GetConversationRequest { name: name.to_owned(), min_revision: 0 };
        let found = self.conversations().get_conversation(request).await?;
        Ok(found.into_inner().conversation.unwrap())
    }

    pub(crate) async fn pin(&self, conversation: &str, text: &str) -> pb::Fact {
        let request = pb::PinFactRequest {
            conversation: conversation.to_owned(),
            fact: Some(fact(text)),
            request_id: String::new(),
        };
        self.memory().pin_fact(request).await.unwrap().into_inner().fact.unwrap()
    }

    /// Texts of the turns that a search finds, best first.
    pub(crate) async fn search(&self, conversation: &str, query: &str) -> Vec<String> {
        let scope = pb::search_turns_request::Scope::Conversation(conversation.to_owned());
        let request = pb::SearchTurnsRequest {
            scope: Some(scope),
            query: query.to_owned(),
            ..pb::SearchTurnsRequest::default()
        };
        let found = self.memory().search_turns(request).await.unwrap().into_inner();
        found.hits.iter().map(|hit| text_of(hit.turn.as_ref().unwrap())).collect()
    }
}

pub(crate) fn turn(role: pb::Role, text: &str) -> pb::Turn {
    let content = Some(pb::part::Content::Text(text.to_owned()));
    pb::Turn { role: role.into(), parts: vec![pb::Part { content }], ..pb::Turn::default() }
}

pub(crate) fn user(text: &str) -> pb::Turn {
    turn(pb::Role::User, text)
}

pub(crate) fn with_id(id: &str, turn: pb::Turn) -> pb::Turn {
    pb::Turn { client_turn_id: id.to_owned(), ..turn }
}

pub(crate) fn fact(text: &str) -> pb::Fact {
    pb::Fact { kind: pb::FactKind::Preference.into(), text: text.to_owned(), ..pb::Fact::default() }
}

pub(crate) fn text_of(turn: &pb::Turn) -> String {
    match turn.parts.first().and_then(|part| part.content.as_ref()) {
        Some(pb::part::Content::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// A server on a free port of the loopback.
pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) channel: Channel,
    pub(crate) data: tempfile::TempDir,
}

/// Requests that a server of a test works on at the same time.
const MAX_IN_FLIGHT: usize = 64;

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let mut starting = Self::starting().await;
        let opened = opened(starting.data.path(), limits).await;
        starting.server.open(opened).await;
        starting
    }

    /// With something that writes the lines of pins.
    pub(crate) async fn with_lines(limits: Limits, lines: Arc<dyn WriteLine>) -> Self {
        let mut starting = Self::starting().await;
        let data = starting.data.path();
        let store = Store::open(&StoreOptions::new(StoreKind::Sled, data.join("store"))).unwrap();
        let opened = opened_with(store, data, limits, Some(lines)).await;
        starting.server.open(opened).await;
        starting
    }

    /// Listens, but is not open yet.
    pub(crate) async fn starting() -> Self {
        Self::with_room(MAX_IN_FLIGHT).await
    }

    /// Listens, is not open yet, and works on so many requests at a time.
    pub(crate) async fn with_room(max_in_flight: usize) -> Self {
        let listeners = bind(&["127.0.0.1:0".parse().unwrap()], LISTEN).await.unwrap();
        let wire = WireSettings {
            default_deadline: Duration::from_secs(20),
            drain: DRAIN,
            max_message_bytes: 8 << 20,
            max_streams: 64,
            max_in_flight,
        };
        let server = Server::listen(listeners, auth(), &wire).await.unwrap();
        let address = server.addresses()[0];
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { server, channel, data: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn client(&self, key: Key) -> Client {
        Client { channel: self.channel.clone(), key }
    }

    pub(crate) async fn stop(self) {
        self.server.stop(DRAIN).await;
    }
}

pub(crate) fn auth() -> Auth {
    let entry = |tenant: &str, key: &str, scopes: &[Scope]| KeyEntry {
        tenant: tenant.to_owned(),
        sha256: key_sha256(key),
        scopes: scopes.to_vec(),
    };
    Auth::keys(&[
        entry("acme", "acme-key", &[Scope::Read, Scope::Write]),
        entry("acme", "acme-read-key", &[Scope::Read]),
        entry("acme", "acme-write-key", &[Scope::Write]),
        entry("globex", "globex-key", &[Scope::Read, Scope::Write]),
    ])
    .unwrap()
}

pub(crate) async fn opened(data: &Path, limits: Limits) -> Opened {
    let store = Store::open(&StoreOptions::new(StoreKind::Sled, data.join("store"))).unwrap();
    opened_over(store, data, limits).await
}

pub(crate) async fn opened_over(store: Store, data: &Path, limits: Limits) -> Opened {
    opened_with(store, data, limits, None).await
}

async fn opened_with(
    store: Store,
    data: &Path,
    limits: Limits,
    lines: Option<Arc<dyn WriteLine>>,
) -> Opened {
    let store = Arc::new(store);
    let embedder: Arc<dyn Embedder> = Arc::new(HashEmbedder::new());
    let embed = Arc::new(embed_service(data, Arc::clone(&embedder)));
    let checker = Checker::bundled(Arc::clone(&embedder)).unwrap();
    let check_version = checker.version().to_owned();
    let composer = Composer::new(checker, Extractive::new(embedder));
    let source = StoreTurnSource::new(Arc::clone(&store), embed.version());
    let index = Arc::new(ExactIndex::new(Arc::new(source), 64 << 20));
    let embedding = embed.model().clone();
    let parts = EngineParts {
        summarizer: Some(Arc::new(Folder::new(composer, None))),
        fold_rules: throughline_memory::summary::fold::FoldRules::default(),
        lines,
        generations: Generations::new(Arc::clone(&store)),
        store,
        embed,
        index,
        tokenizers: Arc::new(Tokenizers::builtin()),
        ranking: RankingWeights::built_in().unwrap(),
        reranker: None,
        detector: Arc::new(Scripted(Arc::default())),
        order: SignalWeights::built_in().order_model().unwrap(),
        pins: PinSettings::off(),
        degradation: true,
        probes: Default::default(),
        drift: throughline_memory::degradation::DriftSettings::OFF,
        limits,
        meter: Arc::default(),
        clock: Arc::new(Timestamp::now),
    };
    let engine = Engine::start(parts).await.unwrap();
    let (ranking, scorer, pins) = Default::default();
    let summaries = Summaries { enabled: true, check_version, ..Summaries::default() };
    let about = About { embedding, ranking, reranker: None, scorer, pins, summaries };
    Opened { engine, pages: PageTokens::new([3; 32]), about, prices: prices() }
}

fn prices() -> Prices {
    let (currency, per_million_chat_tokens) = ("EUR".to_owned(), 2.0);
    Prices { currency, per_million_chat_tokens, ..Prices::default() }
}

fn embed_service(data: &Path, embedder: Arc<dyn Embedder>) -> EmbedService {
    let tokenizer = data.join("tokenizer.json");
    std::fs::write(&tokenizer, tokenizer_json()).unwrap();
    let file = |path: &Path| ModelFile { path: path.to_owned(), sha256: String::new() };
    let files = ModelFiles {
        name: "hash".to_owned(),
        dimensions: DIMENSIONS,
        max_tokens: 256,
        precision: Precision::Fp32,
        pooling: Pooling::Mean,
        onnx: None,
        safetensors: None,
        tokenizer: file(&tokenizer),
        config: file(&tokenizer),
        runtime_library: None,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    };
    let splitter = Splitter::open(&files).unwrap();
    EmbedService::start(Arc::clone(&embedder), embedder, splitter, &EmbedConfig::default()).unwrap()
}

/// Word pieces are single letters.
fn tokenizer_json() -> String {
    let mut vocabulary = serde_json::json!({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3});
    let pieces = ('a'..='z').flat_map(|letter| [letter.to_string(), format!("##{letter}")]);
    for (piece, id) in pieces.zip(4..) {
        vocabulary[piece] = id.into();
    }
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary}
    })
    .to_string()
}

/// Hashes words into a vector: equal words are near, meaning is not known.
struct HashEmbedder(EmbeddingModel);

impl HashEmbedder {
    fn new() -> Self {
        Self(EmbeddingModel {
            name: "hash".to_owned(),
            sha256: "0123456789abcdef0123456789abcdef".to_owned(),
            dimensions: DIMENSIONS,
            max_tokens: 256,
            engine: "test".to_owned(),
            precision: "fp32".to_owned(),
            device: "cpu".to_owned(),
        })
    }
}

impl Embedder for HashEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        Ok(texts.iter().map(|text| hashed(text)).collect())
    }
}

fn hashed(text: &str) -> Vector {
    let mut vector = [1e-3_f32; DIMENSIONS];
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = blake3::hash(word.to_lowercase().as_bytes());
        vector[usize::from(hash.as_bytes()[0]) % DIMENSIONS] += 1.0;
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter().map(|value| value / length).collect()
}
