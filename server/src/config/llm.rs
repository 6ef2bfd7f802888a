//! The language model of the configuration, if there is one.

use std::{fs, path::PathBuf};

use throughline_summarizer::llm::{ApiKey, DeviceChoice};

use super::{ConfigError, bad};

/// Which language model writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LlmSettings {
    /// One of `models.toml`, in this process.
    Local {
        /// Its name.
        name: String,
        /// Where it computes.
        device: DeviceChoice,
        /// It may be one that is good for smoke tests only.
        for_tests: bool,
    },
    /// One at an endpoint.
    Endpoint {
        /// Address up to before `/chat/completions`.
        url: String,
        /// Its name there.
        name: String,
        /// Sent as a bearer token.
        api_key: Option<ApiKey>,
    },
}

/// Settings as they were given.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) name: Option<String>,
    pub(super) device: Option<String>,
    pub(super) for_tests: Option<bool>,
    pub(super) endpoint: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
}

/// Checks them; nothing without a name.
pub(super) fn llm(given: Given) -> Result<Option<LlmSettings>, ConfigError> {
    let Given { name, device, for_tests, endpoint, api_key_file } = given;
    let Some(name) = name else {
        if endpoint.is_some() {
            return bad("llm-endpoint", "needs --llm, the name of the model there".to_owned());
        }
        return Ok(None);
    };
    let Some(url) = endpoint else {
        if api_key_file.is_some() {
            return bad("llm-api-key-file", "is of use with --llm-endpoint only".to_owned());
        }
        let device = match device.as_deref().unwrap_or("auto").parse() {
            Ok(device) => device,
            Err(error) => return bad("llm-device", format!("{error}")),
        };
        let for_tests = for_tests.unwrap_or(false);
        return Ok(Some(LlmSettings::Local { name, device, for_tests }));
    };
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return bad("llm-endpoint", format!("{url:?} is no http:// or https:// address"));
    }
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        text.and_then(|text| ApiKey::new(&text).map_err(|error| error.to_string()))
    };
    let api_key = match api_key_file.as_ref().map(read).transpose() {
        Ok(api_key) => api_key,
        Err(detail) => return bad("llm-api-key-file", detail),
    };
    Ok(Some(LlmSettings::Endpoint { url, name, api_key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_together_is_named() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(llm(Given::default()).unwrap(), None);
        let local = llm(Given { name: text("qwen"), ..Given::default() }).unwrap();
        let (name, device) = ("qwen".to_owned(), DeviceChoice::Auto);
        assert_eq!(local, Some(LlmSettings::Local { name, device, for_tests: false }));
        for (given, named) in [
            (Given { endpoint: text("http://x/v1"), ..Given::default() }, "llm-endpoint"),
            (Given { name: text("q"), endpoint: text("x/v1"), ..Given::default() }, "llm-endpoint"),
            (Given { name: text("q"), device: text("tpu"), ..Given::default() }, "llm-device"),
            (
                Given { name: text("q"), api_key_file: Some("k".into()), ..Given::default() },
                "llm-api-key-file",
            ),
            (
                Given {
                    name: text("q"),
                    endpoint: text("http://x/v1"),
                    api_key_file: Some("/nowhere".into()),
                    ..Given::default()
                },
                "llm-api-key-file",
            ),
        ] {
            let error = llm(given).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
