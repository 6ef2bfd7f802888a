//! What the settings become, and what is refused.

use super::*;

fn settings(toml: &str) -> Settings {
    toml::from_str::<Settings>(toml).unwrap()
}

fn config(toml: &str) -> Result<Config, ConfigError> {
    let places = settings("data-dir = '/d'\nmodels-dir = '/m'");
    Config::new(settings(toml).over(places))
}

fn check_refused(toml: &str, words: &str) {
    let error = config(toml).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(words), "{toml}: {error:?}");
}

#[test]
fn defaults_are_loopback_and_embedded() {
    let config = config("").unwrap();
    assert_eq!(config.listen, [DEFAULT_LISTEN.parse().unwrap()]);
    assert_eq!(config.store, StoreKind::Sled);
    assert!(matches!(config.index, IndexSettings::Exact { .. }));
    assert_eq!(config.embedding.model, DEFAULT_EMBEDDING_MODEL);
    assert_eq!(config.limits, Limits::default());
    assert!(config.pull && !config.dev && config.degradation);
    assert_eq!(config.reranker, None);
    assert_eq!(config.entailment, None);
    assert_eq!(config.auth().err(), Some(KeyError::None));
}

#[test]
fn the_file_is_read_by_the_names_of_the_flags() {
    let config = config(
        "listen = ['0.0.0.0:1', '[::1]:2']\nstore = 'redb'\nno-pull = true\ndrain = 3\n\
         embedding-engine = 'candle'\nreranker = 'r'\n[limits]\nturn_bytes = 9\n[[keys]]\ntenant = 'acme'\n\
         sha256 = '0000000000000000000000000000000000000000000000000000000000000000'\n\
         scopes = ['read', 'admin']\n",
    )
    .unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.store, StoreKind::Redb);
    assert_eq!(config.embedding.engine, EmbeddingEngine::Candle);
    assert_eq!(config.limits.turn_bytes, 9);
    assert_eq!(config.reranker, Some(RerankSettings { dir: "r".into(), top: 32 }));
    assert_eq!(config.wire.drain, Duration::from_secs(3));
    assert!(!config.pull);
    assert!(config.auth().is_ok());
}

#[test]
fn unknown_keys_are_refused() {
    for toml in ["lissen = ['x']", "[[keys]]\nname = 'x'", "[limit]\na = 1"] {
        let error = toml::from_str::<Settings>(toml).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}

#[test]
fn values_that_cannot_be_used_are_named() {
    check_refused("listen = ['localhost']", "IP:PORT");
    check_refused("listen = []", "at least one");
    check_refused("dev = true\nlisten = ['127.0.0.1:1', '0.0.0.0:2']", "0.0.0.0:2");
    check_refused("dev = true\nlisten = ['[::]:1']", "loopback");
    check_refused("embedding-threads = 0", "embedding-threads");
    check_refused("embedding-engine = 'candle'\nembedding-precision = 'int8'", "fastembed");
    check_refused("index-memory-mb = 0", "index-memory-mb");
    check_refused("max-streams = 0", "max-streams");
    check_refused("reranker = '/r'\nrerank-top = 0", "1 to 256");
    check_refused("reranker = '/r'\nrerank-top = 257", "1 to 256");
    check_refused("rerank-top = 3", "needs reranker");
    check_refused("entailment = 'llm'", "--llm");
    check_refused("llm = 'q'\nentailment = 'llm'\nno-summaries = true", "no-summaries");
    check_refused("drain = 0", "drain");
    check_refused("qdrant-url = 'localhost:6334'", "http://");
    check_refused("qdrant-api-key-file = '/k'", "needs qdrant-url");
    check_refused("[limits]\nturns = 1", "turn_bytes");
    check_refused("[pins]\nmax_per_conversation = 0", "enabled = false");
    let proxy = "dev = true\n[proxy]\nupstream = 'http://u/v1'\nlisten = ";
    check_refused(&format!("{proxy}'0.0.0.0:2'"), "loopback");
    check_refused(&format!("{proxy}'7422'"), "IP:PORT");
    check_refused("[pins]\nmin_probability = 1.5", "0 to 1");
    check_refused("[probes]\nshare = 1.5", "0 to 1");
    check_refused("[probes]\nevery = 0", "share = 0");
    check_refused("[drift]\nevery_minutes = 20000", "0 to 10080");
}

#[test]
fn flags_beat_the_file() {
    let flags = settings("listen = ['127.0.0.1:1']");
    let file = settings("listen = ['127.0.0.1:2']\nstore = 'redb'");
    let merged = flags.over(file);
    assert_eq!(merged.listen.as_deref(), Some(&["127.0.0.1:1".to_owned()][..]));
    assert_eq!(merged.store, Some(StoreKind::Redb));
}

#[test]
fn every_setting_of_the_file_survives_merging() {
    let all = "listen = ['127.0.0.1:1']\nhttp-listen = '127.0.0.1:2'\ndev = true\ndata-dir = 'd'\nstore = 'redb'\n\
        models-dir = 'm'\nno-pull = true\nembedding-model = 'e'\nembedding-engine = 'candle'\n\
        embedding-precision = 'int8'\nembedding-threads = 1\nindex-memory-mb = 2\n\
        qdrant-url = 'http://q'\nqdrant-api-key-file = 'k'\nranking-weights = 'w'\n\
        reranker = 'r'\nrerank-top = 9\nentailment = 'n'\nstaleness-weights = 's'\npin-weights = 'p'\nno-pins = true\nno-degradation = true\ntokenizers-dir = 't'\ndefault-deadline = 1\ndrain = 2\nmax-message-bytes = 3\n\
        max-streams = 4\nmax-in-flight = 5\nlog = 'debug'\nlog-format = 'json'\n\
        [limits]\nlabels = 1\n[pins]\nenabled = true\nmax_per_conversation = 3\nmin_probability = 0.5\n\
        [proxy]\nlisten = '127.0.0.1:3'\nupstream = 'u'\nupstream_key_file = 'k'\nupstream_key_env = 'e'\n\
        anthropic_upstream = 'a'\nanthropic_key_file = 'k'\nanthropic_key_env = 'e'\ntoken_budget = 1\n\
        create_conversations = false\nconnect_timeout = 1\nanswer_timeout = 1\nidle_timeout = 1\n\
        max_body_bytes = 1\ntokenizers = { m = 't' }\n[summaries]\nkeep_tokens = 900\n[probes]\nshare = 0.5\nevery = 4\n[drift]\nevery_minutes = 5\nversions = 2\n[prices]\ncurrency = 'EUR'\nper_gigabyte = 1.5\n[[keys]]\ntenant = 't'\nsha256 = ''\nscopes = []\n";
    let all = settings(all);
    assert_eq!(Settings::default().over(all.clone()), all);
    assert_eq!(all.clone().over(Settings::default()), all);
    let shown = toml::to_string(&all).unwrap();
    assert_eq!(shown.matches('=').count(), 63, "a setting is missing in:\n{shown}");
}
