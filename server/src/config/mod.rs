//! Configuration: flags over environment over file over defaults, parsed once
//! into checked values. The manual of each setting is its comment in
//! [`Settings`]; flags, environment and file use the same names.

mod choices;
mod drift;
mod embedding;
mod entailment;
mod file;
mod index;
mod limits;
mod llm;
mod paths;
mod pins;
mod prices;
mod probes;
mod proxy;
mod rerank;
mod settings;
mod summaries;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use throughline_memory::{
    degradation::{DriftSettings, ProbeSettings},
    engine::Limits,
    summary::fold::FoldRules,
};

pub use choices::{LogFormat, StoreKind};
pub use drift::DriftTable;
pub use embedding::{EmbeddingEngine, EmbeddingSettings, Precision};
pub use entailment::EntailmentSettings;
pub use file::load;
pub use index::IndexSettings;
pub use limits::limits;
pub use llm::LlmSettings;
pub use pins::{PinOptions, PinTable};
pub use prices::Prices;
pub use probes::ProbeTable;
pub use proxy::{ModelTokenizers, ProxySettings, ProxyTable, UpstreamSettings};
pub use rerank::RerankSettings;
pub use settings::Settings;
pub use summaries::SummaryTable;

use crate::auth::{Auth, KeyEntry, KeyError};

/// Where the server listens if nothing is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7420";
/// The model that quality figures are measured with.
pub const DEFAULT_EMBEDDING_MODEL: &str = "all-MiniLM-L6-v2";

/// A configuration that cannot be used: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is not TOML, or has keys that do not exist.
    #[error("configuration file {path}: {detail}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        detail: String,
    },
    /// A value cannot be used.
    #[error("setting {name}: {detail}")]
    Value {
        /// Name of the setting.
        name: &'static str,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// The API keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

fn bad<T>(name: &'static str, detail: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Value { name, detail: detail.into() })
}

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// Where to answer HTTP, if at all.
    pub http_listen: Option<SocketAddr>,
    /// The chat proxy, if there is one.
    pub proxy: Option<ProxySettings>,
    /// Everybody is the tenant `dev`.
    pub dev: bool,
    /// API keys.
    pub keys: Vec<KeyEntry>,
    /// What must outlive a restart.
    pub data_dir: PathBuf,
    /// What holds it.
    pub store: StoreKind,
    /// What describes models; the built-in `models.toml` if absent.
    pub models_file: Option<PathBuf>,
    /// Where models are.
    pub models_dir: PathBuf,
    /// Fetch what is missing.
    pub pull: bool,
    /// What embeds.
    pub embedding: EmbeddingSettings,
    /// What searches.
    pub index: IndexSettings,
    /// Weights instead of those that ship.
    pub ranking_weights: Option<PathBuf>,
    /// The same for staleness: a file or a directory.
    pub staleness_weights: Option<PathBuf>,
    /// What reorders the best of a ranking, if anything does.
    pub reranker: Option<RerankSettings>,
    /// Conversations are folded into summaries.
    pub summaries: bool,
    /// When and how much is folded.
    pub fold_rules: FoldRules,
    /// What writes them, if it is a language model.
    pub llm: Option<LlmSettings>,
    /// What judges entailment beside their check, if anything does.
    pub entailment: Option<EntailmentSettings>,
    /// The same for what is pinned: a file or a directory.
    pub pin_weights: Option<PathBuf>,
    /// What the service pins by itself.
    pub pins: PinOptions,
    /// `NAME.json` or `NAME/tokenizer.json` of further tokenizers.
    pub tokenizers_dir: Option<PathBuf>,
    /// Turns and windows are measured.
    pub degradation: bool,
    /// Which conversations are probed, if any is measured.
    pub probes: ProbeSettings,
    /// How often cohorts are looked at without being asked for.
    pub drift: DriftSettings,
    /// What usage costs.
    pub prices: Prices,
    /// What a request may need.
    pub limits: Limits,
    /// What the wire may need.
    pub wire: WireSettings,
    /// `tracing` directives.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// What the wire may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireSettings {
    /// Deadline of calls that set none.
    pub default_deadline: Duration,
    /// How long open calls may take after a signal to end.
    pub drain: Duration,
    /// Largest message, in bytes.
    pub max_message_bytes: usize,
    /// Streams of one connection.
    pub max_streams: u32,
    /// Requests of all connections.
    pub max_in_flight: usize,
}

impl Config {
    /// Checks settings and fills in the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] that names the setting.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let config = Self {
            listen: settings::listen(settings.listen.as_deref())?,
            http_listen: settings::http_listen(settings.http_listen.as_deref())?,
            proxy: proxy::proxy(settings.proxy)?,
            dev: settings.dev.unwrap_or(false),
            data_dir: paths::data_dir(settings.data_dir)?,
            store: settings.store.unwrap_or_default(),
            models_dir: paths::models_dir(settings.models_dir)?,
            models_file: settings.models_file,
            pull: !settings.no_pull.unwrap_or(false),
            embedding: embedding::embedding(
                settings.embedding_model,
                settings.embedding_engine,
                settings.embedding_precision,
                settings.embedding_threads,
            )?,
            index: index::index(
                settings.qdrant_url,
                settings.qdrant_api_key_file,
                settings.index_memory_mb,
            )?,
            ranking_weights: settings.ranking_weights,
            reranker: rerank::rerank(settings.reranker, settings.rerank_top)?,
            staleness_weights: settings.staleness_weights,
            summaries: !settings.no_summaries.unwrap_or(false),
            fold_rules: summaries::fold_rules(&settings.summaries)?,
            entailment: entailment::entailment(
                settings.entailment,
                settings.llm.is_some(),
                !settings.no_summaries.unwrap_or(false),
            )?,
            llm: llm::llm(llm::Given {
                name: settings.llm,
                device: settings.llm_device,
                for_tests: settings.llm_for_tests,
                endpoint: settings.llm_endpoint,
                api_key_file: settings.llm_api_key_file,
            })?,
            pin_weights: settings.pin_weights,
            pins: pins::pins(&settings.pins, settings.no_pins.unwrap_or(false))?,
            tokenizers_dir: settings.tokenizers_dir,
            degradation: !settings.no_degradation.unwrap_or(false),
            probes: probes::probes(&settings.probes)?,
            drift: drift::drift(&settings.drift)?,
            prices: settings.prices.checked()?,
            limits: limits(&settings.limits)?,
            wire: WireSettings {
                default_deadline: seconds("default-deadline", settings.default_deadline, 30)?,
                drain: seconds("drain", settings.drain, 10)?,
                max_message_bytes: positive("max-message-bytes", settings.max_message_bytes)?
                    .unwrap_or(64 << 20),
                max_streams: settings::streams(settings.max_streams)?,
                max_in_flight: positive("max-in-flight", settings.max_in_flight)?.unwrap_or(4_096),
            },
            log: settings.log.unwrap_or_else(|| "info".to_owned()),
            log_format: settings.log_format.unwrap_or_default(),
            keys: settings.keys,
        };
        config.check_access()?;
        Ok(config)
    }

    /// Without a key only this machine may come in.
    fn check_access(&self) -> Result<(), ConfigError> {
        let of_proxy = self.proxy.iter().map(|proxy| &proxy.listen);
        let open = self.listen.iter().chain(of_proxy).find(|address| !address.ip().is_loopback());
        if let (true, Some(address)) = (self.dev, open) {
            return bad(
                "dev",
                format!(
                    "lets callers in without a key, so every listen address must be loopback; \
                     {address} is not: configure [[keys]] instead, or listen on 127.0.0.1"
                ),
            );
        }
        Ok(())
    }

    /// Who may call.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn auth(&self) -> Result<Auth, KeyError> {
        if self.dev { Auth::dev(&self.keys) } else { Auth::keys(&self.keys) }
    }
}

fn positive(name: &'static str, value: Option<usize>) -> Result<Option<usize>, ConfigError> {
    if value == Some(0) { bad(name, "must be at least 1") } else { Ok(value) }
}

fn seconds(name: &'static str, value: Option<u64>, default: u64) -> Result<Duration, ConfigError> {
    match value.unwrap_or(default) {
        seconds @ 1..=86_400 => Ok(Duration::from_secs(seconds)),
        other => bad(name, format!("is {other}, must be 1 to 86400 seconds")),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
