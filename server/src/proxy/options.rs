//! What a request asks of the memory: by headers, or by `metadata` of its body where
//! a program cannot set headers.

use axum::http::{HeaderMap, HeaderName};
use throughline_memory::turn::ConversationId;

use super::{
    body::Body,
    error::ProxyError,
    headers::{self, BUDGET, CONVERSATION, CREATE, HISTORY, PROMPT_VERSION, USER},
    recognise::Habit,
};

/// Begins the names under `metadata`.
const METADATA_PREFIX: &str = "throughline_";

/// What is asked.
#[derive(Debug)]
pub(super) struct Options {
    /// The conversation; without one nothing is remembered.
    pub(super) conversation: Option<ConversationId>,
    /// Whose it is when it is created.
    pub(super) user_id: String,
    /// Tokens of the window, if not the server's default.
    pub(super) budget: Option<i32>,
    /// Create the conversation if there is none, if the caller says.
    pub(super) create: Option<bool>,
    /// What the client sends, if it says.
    pub(super) habit: Option<Habit>,
    /// Version of the prompt, for the metrics.
    pub(super) prompt_version: String,
    /// The request is sent again.
    pub(super) retry: bool,
    /// Model of the request, or empty.
    pub(super) model: String,
}

impl Options {
    /// Reads headers, then metadata, which are taken out of the body.
    ///
    /// # Errors
    /// [`ProxyError::Header`] for a value that cannot be used, [`ProxyError::Malformed`]
    /// for metadata that are no text.
    pub(super) fn read(headers: &HeaderMap, body: &mut Body) -> Result<Self, ProxyError> {
        let metadata = body.take_metadata(METADATA_PREFIX)?;
        let given = |name: &HeaderName, key: &str| {
            let of_metadata = || metadata.iter().find(|(known, _)| known == key);
            match headers.get(name) {
                // Not empty and not text: told, not passed over.
                Some(value) => Some(value.to_str().unwrap_or("\u{fffd}").trim().to_owned()),
                None => of_metadata().map(|(_, value)| value.trim().to_owned()),
            }
            .filter(|value| !value.is_empty())
        };
        let conversation = given(&CONVERSATION, "conversation").map(|id| {
            ConversationId::new(id.strip_prefix("conversations/").unwrap_or(&id))
                .map_err(|error| bad("x-throughline-conversation", error.to_string()))
        });
        let budget = given(&BUDGET, "budget").map(|budget| {
            let budget = budget.parse::<i32>().ok().filter(|budget| *budget > 0);
            budget.ok_or_else(|| bad("x-throughline-budget", "must be a number of tokens".into()))
        });
        let create = given(&CREATE, "create").map(|create| match create.as_str() {
            "never" => Ok(false),
            "always" => Ok(true),
            _ => Err(bad("x-throughline-create", "must be always or never".into())),
        });
        let habit = given(&HISTORY, "history").map(|history| match history.as_str() {
            "whole" => Ok(Habit::History),
            "newest" => Ok(Habit::Newest),
            _ => Err(bad("x-throughline-history", "must be whole or newest".into())),
        });
        Ok(Self {
            conversation: conversation.transpose()?,
            user_id: given(&USER, "user").unwrap_or_default(),
            budget: budget.transpose()?,
            create: create.transpose()?,
            habit: habit.transpose()?,
            prompt_version: given(&PROMPT_VERSION, "prompt_version").unwrap_or_default(),
            retry: headers::is_retry(headers),
            model: body.text("model").unwrap_or_default(),
        })
    }
}

fn bad(name: &'static str, detail: String) -> ProxyError {
    ProxyError::Header { name, detail }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn read(headers: &[(&'static str, &str)], body: &str) -> Result<Options, ProxyError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let mut body = Body::read(&Bytes::copy_from_slice(body.as_bytes())).unwrap();
        Options::read(&map, &mut body)
    }

    #[test]
    fn headers_come_before_metadata() {
        let body =
            r#"{"model":"m","metadata":{"throughline_conversation":"b","throughline_user":"u"}}"#;
        let options = read(&[("x-throughline-conversation", "a")], body).unwrap();
        assert_eq!(options.conversation, ConversationId::new("a").ok());
        assert_eq!((options.user_id.as_str(), options.model.as_str()), ("u", "m"));
        let options = read(&[], body).unwrap();
        assert_eq!(options.conversation, ConversationId::new("b").ok());
        let options = read(&[], "{}").unwrap();
        assert!(options.conversation.is_none() && options.budget.is_none());
        let named = read(&[("x-throughline-conversation", "conversations/c")], "{}").unwrap();
        assert_eq!(named.conversation, ConversationId::new("c").ok());
    }

    #[test]
    fn values_that_cannot_be_used_name_their_header() {
        for (name, value) in [
            ("x-throughline-conversation", "My Trip"),
            ("x-throughline-budget", "-3"),
            ("x-throughline-budget", "many"),
            ("x-throughline-create", "maybe"),
            ("x-throughline-history", "some"),
        ] {
            let error = read(&[(name, value)], "{}").unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
