//! The print of a message: by what it is recognised when it is sent again.
//!
//! Invariants: a print is a function of role and content alone. White space around
//! texts, the form of a content (text or parts), ids of tool calls, names, the
//! spelling of JSON and what the model thought before it spoke do not change it.

use std::borrow::Cow;

use serde_json::{Number, Value};
use throughline_memory::turn::Role;

use super::said::Piece;

/// Half of a BLAKE3 hash: what a message says.
pub(super) type Print = [u8; 16];

/// Begins the address of what is not stored itself.
const HASH_URN: &str = "urn:blake3:";
/// Arguments of a call without any: some APIs send nothing, some this.
const NO_ARGUMENTS: &str = "{}";
/// What the model thinks, where it stands in its text.
const THOUGHT: [&str; 2] = ["<think>", "</think>"];
/// Longest name of a type that is not known.
const MAX_TYPE_CHARS: usize = 64;

/// The print of what somebody says.
pub(super) fn print(role: Role, pieces: &[Piece<'_>]) -> Print {
    let mut hasher = blake3::Hasher::new();
    let mut add = |kind: &str, content: &[u8]| {
        hasher.update(kind.as_bytes());
        hasher.update(&(content.len() as u64).to_le_bytes());
        hasher.update(content);
    };
    add("role", role.as_str().as_bytes());
    // Empty ones are not stored.
    let texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) if !text.is_empty() => Some(text.as_ref()),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().join("\n");
    add("text", spoken(role, &text).as_bytes());
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Call { name, arguments, .. } => {
                add("call", name.as_bytes());
                add("arguments", canonical(arguments).as_bytes());
            }
            Piece::Result { content, .. } => add("result", content.trim().as_bytes()),
            Piece::Media { url, .. } => add("media", hash_urn(url).as_bytes()),
        }
    }
    let mut print = Print::default();
    hasher.finalize_xof().fill(&mut print);
    print
}

/// A text as it is compared. Programs that show answers take what the model thought
/// off them before they send them again.
pub(super) fn spoken(role: Role, text: &str) -> &str {
    let text = text.trim();
    let [begins, ends] = THOUGHT;
    let thought = text.strip_prefix(begins).filter(|_| role == Role::Assistant);
    match thought.and_then(|rest| rest.split_once(ends)) {
        Some((_, spoken)) => spoken.trim(),
        None => text,
    }
}

/// A part of a type that is not known here: its type, and the hash of its content.
pub(super) fn unknown(kind: &str, json: &str) -> Piece<'static> {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "_-./+".contains(*c);
    let kind: String = kind.chars().filter(allowed).take(MAX_TYPE_CHARS).collect();
    let media_type = if kind.is_empty() { "unknown".to_owned() } else { kind };
    Piece::Media { media_type: media_type.into(), url: hash_urn(&canonical(json)).into() }
}

/// JSON in one spelling; what is no JSON as it is.
fn canonical(json: &str) -> Cow<'_, str> {
    let json = json.trim();
    if json.is_empty() {
        return NO_ARGUMENTS.into();
    }
    match serde_json::from_str::<Value>(json) {
        Ok(mut value) => {
            as_doubles(&mut value);
            value.to_string().into()
        }
        Err(_) => json.into(),
    }
}

/// Numbers as programs in JavaScript have them: with a point or without, 1 is 1.
fn as_doubles(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // There is no negative zero there.
            let double = number.as_f64().and_then(|double| Number::from_f64(double + 0.0));
            if let Some(double) = double {
                *number = double;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(as_doubles),
        Value::Object(fields) => fields.values_mut().for_each(as_doubles),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Whether an address stands for bytes that are not kept here.
pub(super) fn is_hash(url: &str) -> bool {
    url.starts_with(HASH_URN)
}

/// The address of bytes that are not kept here.
pub(super) fn hash_urn(url: &str) -> String {
    if is_hash(url) {
        return url.to_owned();
    }
    format!("{HASH_URN}{}", blake3::hash(url.as_bytes()).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &str) -> Print {
        let (id, name) = ("c".into(), "f".into());
        print(Role::Assistant, &[Piece::Call { id, name, arguments: arguments.into() }])
    }

    fn text(role: Role, text: &str) -> Print {
        print(role, &[Piece::Text(text.into())])
    }

    #[test]
    fn arguments_are_what_they_mean() {
        for (one, other) in [
            ("", "{}"),
            (" ", "{ }"),
            (r#"{"a":1.0,"b":[1e2,-0.0]}"#, r#"{"b":[100,0],"a":1}"#),
            (r#"{"id":12345678901234567891}"#, r#"{"id":12345678901234567000}"#),
        ] {
            assert_eq!(call(one), call(other), "{one} {other}");
        }
        for (one, other) in [
            ("", "null"),
            ("{}", "[]"),
            (r#"{"a":1}"#, r#"{"a":1.5}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":true}"#),
        ] {
            assert_ne!(call(one), call(other), "{one} {other}");
        }
    }

    #[test]
    fn what_the_model_thought_first_is_not_compared() {
        let said = text(Role::Assistant, "hello");
        for thought in ["<think>hm</think>hello", " <think>\nhm\n</think>\n\nhello\n"] {
            assert_eq!(text(Role::Assistant, thought), said, "{thought}");
            assert_ne!(text(Role::User, thought), text(Role::User, "hello"), "{thought}");
        }
        for other in ["hello<think>hm</think>", "<think>hello", "<think>hm</think>bye"] {
            assert_ne!(text(Role::Assistant, other), said, "{other}");
        }
    }

    #[test]
    fn what_is_not_known_is_compared_by_its_content() {
        let of = |kind: &str, json: &str| print(Role::User, &[unknown(kind, json)]);
        assert_eq!(of("v", r#"{"a":1,"b":2}"#), of("v", r#"{ "b": 2, "a": 1 }"#));
        assert_ne!(of("v", r#"{"a":1}"#), of("v", r#"{"a":2}"#));
        let Piece::Media { media_type, url } = unknown("video_url\n", "{}") else { panic!() };
        assert!(media_type == "video_url" && is_hash(&url), "{media_type} {url}");
        let Piece::Media { media_type, .. } = unknown("\u{0}", "{}") else { panic!() };
        assert_eq!(media_type, "unknown");
    }
}
