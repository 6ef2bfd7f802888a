//! The settings as they are given: one struct for flags, environment and file.
//! The comments are the manual.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    ConfigError, DEFAULT_LISTEN, DriftTable, EmbeddingEngine, LogFormat, PinTable, Precision,
    Prices, ProbeTable, ProxyTable, StoreKind, SummaryTable, bad,
};
use crate::auth::KeyEntry;

const DEFAULT_STREAMS: u32 = 256;

/// Settings of the server. A flag beats the environment, the environment beats
/// the file, the file beats the default.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Addresses to listen on, separated by commas [default: 127.0.0.1:7420].
    /// Port 0 takes a free one. Beyond loopback the connection is plain text:
    /// put a TLS proxy in front.
    #[arg(long, env = "THROUGHLINE_LISTEN", value_name = "ADDRESS", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Vec<String>>,

    /// Address to answer HTTP on, for `/metrics` [default: none]. It asks for no key
    /// and tells amounts by tenant: keep it on loopback or in a closed network.
    #[arg(long, env = "THROUGHLINE_HTTP_LISTEN", value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_listen: Option<String>,

    /// Let callers in without an API key, all as the tenant `dev`. Refused unless
    /// every listen address is loopback, and together with configured keys.
    #[arg(long, env = "THROUGHLINE_DEV", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev: Option<bool>,

    /// Directory for everything that must outlive a restart [default: the
    /// platform's data directory, `throughline`]. One server at a time.
    #[arg(long, env = "THROUGHLINE_DATA_DIR", value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,

    /// What holds the turns [default: sled]. A data directory keeps the kind that
    /// it was made with.
    #[arg(long, env = "THROUGHLINE_STORE", value_enum, value_name = "KIND")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreKind>,

    /// Directory of the models [default: the platform's data directory,
    /// `throughline/models`]. May be filled elsewhere and carried over to a
    /// machine without a network.
    #[arg(long, env = "THROUGHLINE_MODELS_DIR", value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_dir: Option<PathBuf>,

    /// Fetch no model at the start: a missing one ends it with an error.
    #[arg(long, env = "THROUGHLINE_NO_PULL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_pull: Option<bool>,

    /// A `models.toml` of your own instead of the built-in one: models that it does
    /// not know.
    #[arg(long, env = "THROUGHLINE_MODELS_FILE", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_file: Option<PathBuf>,

    /// Embedding model, a name of `throughline models list` [default:
    /// all-MiniLM-L6-v2]. Another one than before embeds every turn again.
    #[arg(long, env = "THROUGHLINE_EMBEDDING_MODEL", value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_model: Option<String>,

    /// What computes embeddings [default: fastembed].
    #[arg(long, env = "THROUGHLINE_EMBEDDING_ENGINE", value_enum, value_name = "ENGINE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_engine: Option<EmbeddingEngine>,

    /// How exact embeddings are [default: fp32]. int8 is about twice as fast and
    /// finds a little less.
    /// Another one than before embeds every turn again.
    #[arg(long, env = "THROUGHLINE_EMBEDDING_PRECISION", value_enum, value_name = "PRECISION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_precision: Option<Precision>,

    /// Threads of the embedding engine [default: by the number of cores]. More
    /// than there are idle cores makes it slower, not faster.
    #[arg(long, env = "THROUGHLINE_EMBEDDING_THREADS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_threads: Option<usize>,

    /// Megabytes that the embedded index may hold [default: 512]; a conversation
    /// of 1,000 turns takes about 2. Those that do not fit are loaded from the
    /// store when they are searched.
    #[arg(long, env = "THROUGHLINE_INDEX_MEMORY_MB", value_name = "MB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_memory_mb: Option<u64>,

    /// gRPC address of a Qdrant server, such as http://127.0.0.1:6334; the
    /// embedded index if absent.
    #[arg(long, env = "THROUGHLINE_QDRANT_URL", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qdrant_url: Option<String>,

    /// File that holds the API key of the Qdrant server.
    #[arg(long, env = "THROUGHLINE_QDRANT_API_KEY_FILE", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qdrant_api_key_file: Option<PathBuf>,

    /// Ranking weights instead of those that ship.
    #[arg(long, env = "THROUGHLINE_RANKING_WEIGHTS", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranking_weights: Option<PathBuf>,

    /// Directory of a reranker [default: none]: a cross-encoder as ONNX with its
    /// tokenizer (docs/ranking.md). It reads each question with the best of its
    /// ranking and reorders them: searches and windows take that much longer.
    #[arg(long, env = "THROUGHLINE_RERANKER", value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reranker: Option<PathBuf>,

    /// How many turns the reranker reorders, 1 to 256 [default: 32]. The time grows
    /// with it.
    #[arg(long, env = "THROUGHLINE_RERANK_TOP", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank_top: Option<usize>,

    /// Staleness weights instead of those that ship: a file with the weights of
    /// replacements, or a directory with `staleness.json` (the same),
    /// `contradiction.json`, or both. Other weights than before draw the staleness
    /// events of every turn again.
    #[arg(long, env = "THROUGHLINE_STALENESS_WEIGHTS", value_name = "FILE|DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staleness_weights: Option<PathBuf>,

    /// Language model that writes summaries, a name of `throughline models list`
    /// [default: none, summaries are extractive]. With --llm-endpoint its name there.
    #[arg(long, env = "THROUGHLINE_LLM", value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm: Option<String>,

    /// Where it computes: auto, cpu, cuda or metal [default: auto].
    #[arg(long, env = "THROUGHLINE_LLM_DEVICE", value_name = "DEVICE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_device: Option<String>,

    /// Take also a model that is for smoke tests only and invents facts: for tests, never
    /// where anybody reads its summaries.
    #[arg(long, env = "THROUGHLINE_LLM_FOR_TESTS", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_for_tests: Option<bool>,

    /// Threads that it computes with [default: half of the cores, at most 8].
    #[arg(long, env = "THROUGHLINE_LLM_THREADS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_threads: Option<usize>,

    /// Address of a chat completions service to ask instead, up to before
    /// /chat/completions: http://127.0.0.1:8080/v1.
    #[arg(long, env = "THROUGHLINE_LLM_ENDPOINT", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_endpoint: Option<String>,

    /// File that holds the API key of that service.
    #[arg(long, env = "THROUGHLINE_LLM_API_KEY_FILE", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub llm_api_key_file: Option<PathBuf>,

    /// What judges, beside the check, whether the sentences of summaries follow from
    /// their turns [default: none, the check alone]: `llm`, the language model of --llm by
    /// its logits, or the directory of an entailment model (NLI) as ONNX with its
    /// tokenizer (docs/summaries.md). Each sentence then costs a reading of its evidence.
    /// Such a model is also asked about pairs of turns that staleness is unsure of
    /// (docs/staleness.md): another one than before draws the events of every turn again.
    #[arg(long, env = "THROUGHLINE_ENTAILMENT", value_name = "llm|DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entailment: Option<String>,

    /// Fold no conversation into summaries.
    #[arg(long, env = "THROUGHLINE_NO_SUMMARIES", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_summaries: Option<bool>,

    /// Weights of what is pinned instead of those that ship: a file, or a
    /// directory with `pins.json`. Other weights than before draw the pins of every
    /// conversation again.
    #[arg(long, env = "THROUGHLINE_PIN_WEIGHTS", value_name = "FILE|DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_weights: Option<PathBuf>,

    /// Pin nothing but what the callers pin.
    #[arg(long, env = "THROUGHLINE_NO_PINS", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_pins: Option<bool>,

    /// Measure neither turns nor windows, and probe no conversation: of degradation
    /// nothing is known but the outcomes that the application records, health is that of
    /// a new conversation, and watchers of it hear nothing. Switched on again, the turns
    /// that are there are measured, beside the requests.
    #[arg(long, env = "THROUGHLINE_NO_DEGRADATION", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_degradation: Option<bool>,

    /// Directory of further tokenizers: NAME.json, or NAME/tokenizer.json, in the
    /// format of Hugging Face, known to requests as NAME.
    #[arg(long, env = "THROUGHLINE_TOKENIZERS_DIR", value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizers_dir: Option<PathBuf>,

    /// Deadline in seconds of calls that set none [default: 30].
    #[arg(long, env = "THROUGHLINE_DEFAULT_DEADLINE", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_deadline: Option<u64>,

    /// Seconds that open calls may take after SIGTERM [default: 10]; then they are
    /// cut off.
    #[arg(long, env = "THROUGHLINE_DRAIN", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<u64>,

    /// Largest request or answer in bytes [default: 67108864]. Each open call may
    /// hold one in memory.
    #[arg(long, env = "THROUGHLINE_MAX_MESSAGE_BYTES", value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_bytes: Option<usize>,

    /// Open calls of one connection [default: 256]; further ones wait.
    #[arg(long, env = "THROUGHLINE_MAX_STREAMS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_streams: Option<u32>,

    /// Open calls of all connections [default: 4096]; one more is refused with
    /// RESOURCE_EXHAUSTED and a delay.
    #[arg(long, env = "THROUGHLINE_MAX_IN_FLIGHT", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<usize>,

    /// What to log, in the directives of `tracing` [default: info]. Content of
    /// conversations is never logged.
    #[arg(long, env = "THROUGHLINE_LOG", value_name = "DIRECTIVES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,

    /// How log lines look [default: text].
    #[arg(long, env = "THROUGHLINE_LOG_FORMAT", value_enum, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// `[limits]`: limits of the domain by their names in `GetServerInfo`; file
    /// only.
    #[arg(skip)]
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub limits: std::collections::BTreeMap<String, u64>,

    /// `[pins]`: what the service pins by itself; file only.
    #[arg(skip)]
    #[serde(default)]
    pub pins: PinTable,

    /// `[summaries]`: what of a conversation is folded; file only.
    #[arg(skip)]
    #[serde(default)]
    pub summaries: SummaryTable,

    /// `[probes]`: which conversations ask their own windows for what was said;
    /// file only.
    #[arg(skip)]
    #[serde(default)]
    pub probes: ProbeTable,

    /// `[drift]`: how often the service looks by itself whether conversations became
    /// worse; file only.
    #[arg(skip)]
    #[serde(default)]
    pub drift: DriftTable,

    /// `[proxy]`: the chat proxy; in the file all of it, as flags what begins with
    /// `--proxy`.
    #[command(flatten)]
    pub proxy: ProxyTable,

    /// `[prices]`: what usage costs; file only.
    #[arg(skip)]
    #[serde(default)]
    pub prices: Prices,

    /// `[[keys]]`: API keys; file only.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyEntry>,
}

impl Settings {
    /// These settings, and `lower` where they say nothing.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            listen: self.listen.or(lower.listen),
            http_listen: self.http_listen.or(lower.http_listen),
            dev: self.dev.or(lower.dev),
            data_dir: self.data_dir.or(lower.data_dir),
            store: self.store.or(lower.store),
            models_dir: self.models_dir.or(lower.models_dir),
            no_pull: self.no_pull.or(lower.no_pull),
            models_file: self.models_file.or(lower.models_file),
            embedding_model: self.embedding_model.or(lower.embedding_model),
            embedding_engine: self.embedding_engine.or(lower.embedding_engine),
            embedding_precision: self.embedding_precision.or(lower.embedding_precision),
            embedding_threads: self.embedding_threads.or(lower.embedding_threads),
            index_memory_mb: self.index_memory_mb.or(lower.index_memory_mb),
            qdrant_url: self.qdrant_url.or(lower.qdrant_url),
            qdrant_api_key_file: self.qdrant_api_key_file.or(lower.qdrant_api_key_file),
            ranking_weights: self.ranking_weights.or(lower.ranking_weights),
            reranker: self.reranker.or(lower.reranker),
            rerank_top: self.rerank_top.or(lower.rerank_top),
            staleness_weights: self.staleness_weights.or(lower.staleness_weights),
            llm: self.llm.or(lower.llm),
            llm_device: self.llm_device.or(lower.llm_device),
            llm_for_tests: self.llm_for_tests.or(lower.llm_for_tests),
            llm_threads: self.llm_threads.or(lower.llm_threads),
            llm_endpoint: self.llm_endpoint.or(lower.llm_endpoint),
            llm_api_key_file: self.llm_api_key_file.or(lower.llm_api_key_file),
            entailment: self.entailment.or(lower.entailment),
            no_summaries: self.no_summaries.or(lower.no_summaries),
            pin_weights: self.pin_weights.or(lower.pin_weights),
            no_pins: self.no_pins.or(lower.no_pins),
            no_degradation: self.no_degradation.or(lower.no_degradation),
            tokenizers_dir: self.tokenizers_dir.or(lower.tokenizers_dir),
            default_deadline: self.default_deadline.or(lower.default_deadline),
            drain: self.drain.or(lower.drain),
            max_message_bytes: self.max_message_bytes.or(lower.max_message_bytes),
            max_streams: self.max_streams.or(lower.max_streams),
            max_in_flight: self.max_in_flight.or(lower.max_in_flight),
            log: self.log.or(lower.log),
            log_format: self.log_format.or(lower.log_format),
            limits: if self.limits.is_empty() { lower.limits } else { self.limits },
            pins: if self.pins == PinTable::default() { lower.pins } else { self.pins },
            summaries: if self.summaries == SummaryTable::default() {
                lower.summaries
            } else {
                self.summaries
            },
            probes: if self.probes == ProbeTable::default() { lower.probes } else { self.probes },
            drift: if self.drift == DriftTable::default() { lower.drift } else { self.drift },
            proxy: self.proxy.over(lower.proxy),
            prices: if self.prices == Prices::default() { lower.prices } else { self.prices },
            keys: if self.keys.is_empty() { lower.keys } else { self.keys },
        }
    }
}

/// Where to listen.
pub(super) fn listen(given: Option<&[String]>) -> Result<Vec<SocketAddr>, ConfigError> {
    let default = [DEFAULT_LISTEN.to_owned()];
    let given = given.unwrap_or(&default);
    if given.is_empty() {
        return bad("listen", "at least one address is needed");
    }
    let parse = |address: &String| {
        address.trim().parse().or_else(|_| {
            bad("listen", format!("{address:?} is not IP:PORT, such as {DEFAULT_LISTEN}"))
        })
    };
    given.iter().map(parse).collect()
}

/// Where to answer HTTP.
pub(super) fn http_listen(given: Option<&str>) -> Result<Option<SocketAddr>, ConfigError> {
    let parse = |address: &str| {
        let what =
            || bad("http-listen", format!("{address:?} is not IP:PORT, such as 127.0.0.1:7421"));
        address.trim().parse().or_else(|_| what())
    };
    given.map(parse).transpose()
}

/// Streams of one connection.
pub(super) fn streams(given: Option<u32>) -> Result<u32, ConfigError> {
    match given.unwrap_or(DEFAULT_STREAMS) {
        0 => bad("max-streams", "must be at least 1"),
        streams => Ok(streams),
    }
}
