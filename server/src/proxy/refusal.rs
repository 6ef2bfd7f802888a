//! What an upstream says when it answers with an error.
//!
//! Invariant: nothing of what it says is logged but a word for the kind: the rest may
//! repeat what was said to it, or a key.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use serde_json::Value;

/// Longest error of an upstream that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Longest words of an error in another shape that are passed on.
const MAX_WORDS_CHARS: usize = 2_000;
/// Longest word for the kind of an error that is logged.
const MAX_KIND_BYTES: usize = 64;

/// An upstream's error.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    /// In the API's shape: it passes as it is.
    Shaped {
        /// As it came.
        body: Bytes,
        /// What is logged of it.
        kind: String,
    },
    /// Words in another shape: `{"detail": …}`, `{"message": …}`, `{"error": "…"}`.
    Words(String),
    /// Nothing that could be read.
    Silent,
}

impl Refusal {
    /// Reads it, as far as it comes.
    pub(super) async fn of(mut response: Response, idle: Duration) -> Self {
        let mut body = Vec::new();
        while let Ok(Ok(Some(chunk))) = tokio::time::timeout(idle, response.chunk()).await {
            if body.len() + chunk.len() > MAX_ERROR_BYTES {
                return Self::Silent;
            }
            body.extend_from_slice(&chunk);
        }
        Self::read(body.into())
    }

    fn read(body: Bytes) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(&body) else { return Self::Silent };
        let error = &value["error"];
        if error.is_object() {
            let kind = [&error["type"], &error["code"]].into_iter().find_map(word);
            return Self::Shaped { body, kind: kind.unwrap_or_default() };
        }
        let said = [error, &value["detail"], &value["message"]];
        said.into_iter().find_map(words).map_or(Self::Silent, Self::Words)
    }

    /// What may be logged.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Shaped { kind, .. } => kind,
            Self::Words(_) => "words in another shape",
            Self::Silent => "nothing that could be read",
        }
    }
}

/// A word of the API, such as `rate_limit_error`; no text and no key looks like it.
fn word(value: &Value) -> Option<String> {
    let letters = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let word = value.as_str().filter(|word| word.len() <= MAX_KIND_BYTES).filter(letters)?;
    (!word.is_empty()).then(|| word.to_owned())
}

fn words(value: &Value) -> Option<String> {
    let words = match value {
        Value::Null => return None,
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    (!words.is_empty()).then(|| words.chars().take(MAX_WORDS_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_every_shape_are_read() {
        let read = |json: &'static str| Refusal::read(Bytes::from_static(json.as_bytes()));
        let words = |words: &str| Refusal::Words(words.to_owned());
        for (json, expected) in [
            (r#"{"error":"model not found"}"#, words("model not found")),
            (r#"{"detail":"Not Found"}"#, words("Not Found")),
            (
                r#"{"detail":[{"loc":["body"],"msg":"bad"}]}"#,
                words(r#"[{"loc":["body"],"msg":"bad"}]"#),
            ),
            (r#"{"object":"error","message":"too long","code":400}"#, words("too long")),
            (r#"{"error":""}"#, Refusal::Silent),
            (r#"{"error":null}"#, Refusal::Silent),
            ("[]", Refusal::Silent),
            ("<html>", Refusal::Silent),
        ] {
            assert_eq!(read(json), expected, "{json}");
        }
        for (json, kind) in [
            (r#"{"error":{"type":"rate_limit_error"}}"#, "rate_limit_error"),
            (r#"{"error":{"code":"overloaded"}}"#, "overloaded"),
            (r#"{"error":{"type":"sk-4711","code":7}}"#, ""),
            (r#"{"error":{"type":"what I said"}}"#, ""),
        ] {
            let refusal = read(json);
            assert!(matches!(&refusal, Refusal::Shaped { body, .. } if body == json), "{json}");
            assert_eq!(refusal.kind(), kind, "{json}");
        }
    }
}
