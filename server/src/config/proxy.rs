//! `[proxy]` of the configuration file, and the flags that begin with `--proxy`: where
//! chat requests are taken in, and where they go.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use serde::{Deserialize, Serialize};
use throughline_memory::context::{CL100K_BASE, O200K_BASE};
use throughline_summarizer::llm::ApiKey;

use super::{ConfigError, bad};

/// Tokens of a window, as `BuildContext` has them.
const DEFAULT_BUDGET: u32 = 4_096;
/// Holds an image of 20 MB in base64, and the messages around it.
const DEFAULT_BODY_BYTES: usize = 64 << 20;
const DEFAULT_CONNECT_SECONDS: u64 = 10;
/// What the clients of OpenAI wait.
const DEFAULT_ANSWER_SECONDS: u64 = 600;
const DEFAULT_IDLE_SECONDS: u64 = 300;
const LONGEST_SECONDS: u64 = 86_400;
/// Models of OpenAI that count by `o200k_base`, by the beginning of their names.
const O200K_MODELS: [&str; 9] =
    ["gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "chatgpt-4o", "o1", "o3", "o4", "gpt-oss"];

/// The proxy as it is given.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyTable {
    /// Address to take chat requests in on, for programs that speak to a model by
    /// themselves [default: none]: their base URL is http://ADDRESS/v1. Needs an
    /// upstream. Beyond loopback the connection is plain text: put a TLS proxy in
    /// front.
    #[arg(id = "proxy_listen", long = "proxy", env = "THROUGHLINE_PROXY", value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,

    /// Where chat completions are answered, up to before /chat/completions:
    /// http://127.0.0.1:8000/v1, https://api.openai.com/v1.
    #[arg(
        id = "proxy_upstream",
        long = "proxy-upstream",
        env = "THROUGHLINE_PROXY_UPSTREAM",
        value_name = "URL"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,

    /// File that holds the API key of that service.
    #[arg(
        id = "proxy_upstream_key_file",
        long = "proxy-upstream-key-file",
        env = "THROUGHLINE_PROXY_UPSTREAM_KEY_FILE",
        value_name = "FILE"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_key_file: Option<PathBuf>,

    /// Where messages of Anthropic's API are answered, up to before /v1/messages:
    /// https://api.anthropic.com.
    #[arg(
        id = "proxy_anthropic_upstream",
        long = "proxy-anthropic-upstream",
        env = "THROUGHLINE_PROXY_ANTHROPIC_UPSTREAM",
        value_name = "URL"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anthropic_upstream: Option<String>,

    /// File that holds the API key of that service.
    #[arg(
        id = "proxy_anthropic_key_file",
        long = "proxy-anthropic-key-file",
        env = "THROUGHLINE_PROXY_ANTHROPIC_KEY_FILE",
        value_name = "FILE"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anthropic_key_file: Option<PathBuf>,

    /// Tokens of a window through the proxy [default: 4096]. The instructions of the
    /// application, the tool calls in progress and the answer come on top: together
    /// they must fit the model.
    #[arg(
        id = "proxy_token_budget",
        long = "proxy-token-budget",
        env = "THROUGHLINE_PROXY_TOKEN_BUDGET",
        value_name = "TOKENS"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_budget: Option<u32>,

    /// Environment variable that holds the key of the upstream, instead of a file.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_key_env: Option<String>,

    /// The same for Anthropic's API.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anthropic_key_env: Option<String>,

    /// Tokenizers by the beginning of the model's name; the longest counts [default:
    /// o200k_base for the models of OpenAI that have it, else cl100k_base].
    #[arg(skip)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tokenizers: BTreeMap<String, String>,

    /// Create a conversation at its first request [default: true]. Otherwise one that
    /// does not exist is an error.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_conversations: Option<bool>,

    /// Seconds to connect to an upstream [default: 10].
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<u64>,

    /// Seconds until an answer begins [default: 600]. One that is not streamed begins
    /// when it is whole.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_timeout: Option<u64>,

    /// Longest pause in the midst of an answer, or of a client that sends a request
    /// or takes an answer, in seconds [default: 300].
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<u64>,

    /// Largest request, and largest answer that is not streamed, in bytes [default:
    /// 67108864]. Each open one is held in memory.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<usize>,
}

impl ProxyTable {
    /// These settings, and `lower` where they say nothing.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            listen: self.listen.or(lower.listen),
            upstream: self.upstream.or(lower.upstream),
            upstream_key_file: self.upstream_key_file.or(lower.upstream_key_file),
            anthropic_upstream: self.anthropic_upstream.or(lower.anthropic_upstream),
            anthropic_key_file: self.anthropic_key_file.or(lower.anthropic_key_file),
            token_budget: self.token_budget.or(lower.token_budget),
            upstream_key_env: self.upstream_key_env.or(lower.upstream_key_env),
            anthropic_key_env: self.anthropic_key_env.or(lower.anthropic_key_env),
            tokenizers: if self.tokenizers.is_empty() { lower.tokenizers } else { self.tokenizers },
            create_conversations: self.create_conversations.or(lower.create_conversations),
            connect_timeout: self.connect_timeout.or(lower.connect_timeout),
            answer_timeout: self.answer_timeout.or(lower.answer_timeout),
            idle_timeout: self.idle_timeout.or(lower.idle_timeout),
            max_body_bytes: self.max_body_bytes.or(lower.max_body_bytes),
        }
    }
}

/// The proxy, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where chat completions are answered.
    pub openai: Option<UpstreamSettings>,
    /// Where messages of Anthropic's API are answered.
    pub anthropic: Option<UpstreamSettings>,
    /// Tokens of a window.
    pub token_budget: i32,
    /// What counts them.
    pub tokenizers: ModelTokenizers,
    /// Conversations that do not exist are created.
    pub create_conversations: bool,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take to begin.
    pub answer_timeout: Duration,
    /// How long it may pause.
    pub idle_timeout: Duration,
    /// Largest request, in bytes.
    pub max_body_bytes: usize,
}

/// An upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Its address, without a slash at the end.
    pub base: String,
    /// It is on this machine.
    pub is_local: bool,
    /// Its key.
    pub key: Option<ApiKey>,
}

/// Which tokenizer counts for a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTokenizers(BTreeMap<String, String>);

impl ModelTokenizers {
    /// The tokenizer of a model, by the name that a request gives it.
    pub fn of(&self, model: &str) -> &str {
        let given = self.0.iter().filter(|(prefix, _)| model.starts_with(prefix.as_str()));
        if let Some((_, tokenizer)) = given.max_by_key(|(prefix, _)| prefix.len()) {
            return tokenizer;
        }
        let name = model.rsplit('/').next().unwrap_or(model);
        let is_o200k = O200K_MODELS.iter().any(|prefix| name.starts_with(prefix));
        if is_o200k { O200K_BASE } else { CL100K_BASE }
    }
}

/// Checks the proxy; none if it has no address.
pub(super) fn proxy(given: ProxyTable) -> Result<Option<ProxySettings>, ConfigError> {
    let Some(listen) = &given.listen else {
        if given.upstream.is_some() || given.anthropic_upstream.is_some() {
            return bad("proxy-upstream", "needs --proxy, the address to take requests in on");
        }
        return Ok(None);
    };
    let listen = listen
        .trim()
        .parse()
        .or_else(|_| bad("proxy", format!("{listen:?} is not IP:PORT, such as 127.0.0.1:7422")))?;
    let openai = upstream("proxy-upstream", given.upstream.as_deref(), || {
        key("proxy-upstream-key-file", given.upstream_key_file, given.upstream_key_env)
    })?;
    let anthropic =
        upstream("proxy-anthropic-upstream", given.anthropic_upstream.as_deref(), || {
            key("proxy-anthropic-key-file", given.anthropic_key_file, given.anthropic_key_env)
        })?;
    if openai.is_none() && anthropic.is_none() {
        return bad("proxy", "needs --proxy-upstream or --proxy-anthropic-upstream");
    }
    let budget = given.token_budget.unwrap_or(DEFAULT_BUDGET);
    let token_budget = match i32::try_from(budget) {
        Ok(budget) if budget > 0 => budget,
        _ => return bad("proxy-token-budget", format!("is {budget}, must be at least 1")),
    };
    let max_body_bytes = given.max_body_bytes.unwrap_or(DEFAULT_BODY_BYTES);
    if max_body_bytes == 0 {
        return bad("proxy", "max_body_bytes must be at least 1");
    }
    Ok(Some(ProxySettings {
        listen,
        openai,
        anthropic,
        token_budget,
        tokenizers: ModelTokenizers(given.tokenizers),
        create_conversations: given.create_conversations.unwrap_or(true),
        connect_timeout: seconds(
            "connect_timeout",
            given.connect_timeout,
            DEFAULT_CONNECT_SECONDS,
        )?,
        answer_timeout: seconds("answer_timeout", given.answer_timeout, DEFAULT_ANSWER_SECONDS)?,
        idle_timeout: seconds("idle_timeout", given.idle_timeout, DEFAULT_IDLE_SECONDS)?,
        max_body_bytes,
    }))
}

fn seconds(name: &str, given: Option<u64>, default: u64) -> Result<Duration, ConfigError> {
    match given.unwrap_or(default) {
        seconds @ 1..=LONGEST_SECONDS => Ok(Duration::from_secs(seconds)),
        other => bad("proxy", format!("{name} is {other}, must be 1 to {LONGEST_SECONDS} seconds")),
    }
}

fn upstream(
    name: &'static str,
    base: Option<&str>,
    key: impl FnOnce() -> Result<Option<ApiKey>, ConfigError>,
) -> Result<Option<UpstreamSettings>, ConfigError> {
    let Some(base) = base else { return Ok(None) };
    let base = base.trim().trim_end_matches('/');
    let Some(rest) = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://")) else {
        return bad(name, format!("{base:?} is no http:// or https:// address"));
    };
    if rest.contains('@') {
        return bad(name, "must hold no user and no key: give the key in a file");
    }
    let is_local = ["127.", "localhost", "[::1]"].iter().any(|local| rest.starts_with(local));
    Ok(Some(UpstreamSettings { base: base.to_owned(), is_local, key: key()? }))
}

fn key(
    name: &'static str,
    file: Option<PathBuf>,
    variable: Option<String>,
) -> Result<Option<ApiKey>, ConfigError> {
    let text = match (file, variable) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return bad(name, "a file and a variable are given: drop one"),
        (Some(path), None) => fs::read_to_string(&path)
            .or_else(|cause| bad(name, format!("cannot read {}: {cause}", path.display())))?,
        (None, Some(variable)) => std::env::var(&variable)
            .or_else(|_| bad(name, format!("the environment variable {variable} is not set")))?,
    };
    ApiKey::new(&text).map(Some).or_else(|error| bad(name, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(toml: &str) -> Result<Option<ProxySettings>, ConfigError> {
        proxy(toml::from_str(toml).unwrap())
    }

    #[test]
    fn the_address_and_an_upstream_are_enough() {
        assert_eq!(of("").unwrap(), None);
        let settings = of("listen = '127.0.0.1:7422'\nupstream = 'http://localhost:8000/v1/'");
        let settings = settings.unwrap().unwrap();
        let upstream = settings.openai.unwrap();
        assert_eq!((upstream.base.as_str(), upstream.is_local), ("http://localhost:8000/v1", true));
        assert!(settings.create_conversations && settings.max_body_bytes > 27_000_000);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let at = "listen = '127.0.0.1:1'\nupstream = 'http://u/v1'\n";
        for (toml, words) in [
            ("upstream = 'http://u'", "needs --proxy"),
            ("listen = 'here'", "IP:PORT"),
            ("listen = '127.0.0.1:1'", "needs --proxy-upstream"),
            ("listen = '127.0.0.1:1'\nupstream = 'u/v1'", "http://"),
            ("listen = '127.0.0.1:1'\nupstream = 'http://k:v@u/v1'", "key in a file"),
            (&format!("{at}token_budget = 0"), "proxy-token-budget"),
            (&format!("{at}idle_timeout = 0"), "idle_timeout"),
            (&format!("{at}max_body_bytes = 0"), "max_body_bytes"),
            (&format!("{at}upstream_key_file = '/nowhere'"), "proxy-upstream-key-file"),
            (&format!("{at}upstream_key_env = 'NO_SUCH_VARIABLE'"), "NO_SUCH_VARIABLE"),
        ] {
            let error = of(toml).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(words), "{toml}: {error:?}");
        }
    }

    #[test]
    fn the_model_decides_the_tokenizer() {
        let tokenizers = ModelTokenizers([("qwen".to_owned(), "qwen".to_owned())].into());
        for (model, expected) in [
            ("gpt-4o-mini", O200K_BASE),
            ("openai/gpt-5", O200K_BASE),
            ("gpt-4", CL100K_BASE),
            ("llama3.2", CL100K_BASE),
            ("", CL100K_BASE),
            ("qwen2.5", "qwen"),
        ] {
            assert_eq!(tokenizers.of(model), expected, "{model}");
        }
    }
}
