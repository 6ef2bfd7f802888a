//! What a message of a request says, whatever its format: a role and pieces, with
//! the print by which it is recognised when it is sent again ([`super::print`]).

use std::{borrow::Cow, sync::OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use throughline_memory::turn::{OpaqueSource, Part, Role, Turn};

use super::{
    error::ProxyError,
    print::{Print, hash_urn, print},
};

/// Tokens that an image or another attachment costs in a window: what an image of
/// a million pixels costs at the hosted models.
const MEDIA_TOKENS: u32 = 1_000;
/// Largest attachment that is stored itself, in bytes; of a larger one the hash is.
const MAX_KEPT_MEDIA: usize = 256 << 10;
/// Attachments of one message that are stored themselves, in bytes: with texts they
/// stay far below the usual limit of a turn.
const MAX_KEPT_OF_TURN: usize = 512 << 10;

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Words.
    Text(Cow<'a, str>),
    /// A call of a tool; `arguments` is JSON.
    Call { id: Cow<'a, str>, name: Cow<'a, str>, arguments: Cow<'a, str> },
    /// What a tool answered.
    Result { id: Cow<'a, str>, content: Cow<'a, str> },
    /// An image, sound or file: an address, or a `data:` URL.
    Media { media_type: Cow<'a, str>, url: Cow<'a, str> },
}

/// A message of a request.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// The message as it came.
    pub(super) raw: Bytes,
    /// Who says it.
    pub(super) role: Role,
    /// What it says.
    pub(super) print: Print,
    is_empty: bool,
    content: OnceLock<Content>,
    /// Reads the content, of a message that was read before.
    parse: Option<Parse>,
}

/// Reads a message at a place in the request.
pub(super) type Parse = fn(&Bytes, usize) -> Result<Said, ProxyError>;

/// What of a message is kept, to recognise it when it is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    role: Role,
    print: Print,
    is_empty: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    speaker: String,
    parts: Vec<Part>,
}

impl Said {
    /// A message with its pieces.
    pub(super) fn new(raw: Bytes, role: Role, speaker: String, pieces: &[Piece<'_>]) -> Self {
        let (print, parts) = (print(role, pieces), parts(pieces));
        let (is_empty, content) = (parts.is_empty(), Content { speaker, parts });
        Self { raw, role, print, is_empty, content: content.into(), parse: None }
    }

    /// A message that was read before, from the same bytes by the same function.
    pub(super) fn again(raw: Bytes, reading: Reading, parse: Parse) -> Self {
        let Reading { role, print, is_empty } = reading;
        Self { raw, role, print, is_empty, content: OnceLock::new(), parse: Some(parse) }
    }

    /// What of it is kept.
    pub(super) fn reading(&self) -> Reading {
        Reading { role: self.role, print: self.print, is_empty: self.is_empty }
    }

    /// Whether it says nothing that is stored.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Name of the speaker, or empty.
    pub(super) fn speaker(&self) -> &str {
        &self.content().speaker
    }

    /// Its parts as they are stored; empty if it says nothing that is.
    pub(super) fn parts(&self) -> &[Part] {
        &self.content().parts
    }

    fn content(&self) -> &Content {
        self.content.get_or_init(|| {
            // The same bytes could be read before.
            let read = self.parse.and_then(|parse| parse(&self.raw, 0).ok());
            read.and_then(|said| said.content.into_inner()).unwrap_or_default()
        })
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        text_of(self.parts())
    }

    /// Bytes that it takes as a turn.
    pub(super) fn bytes(&self) -> usize {
        self.parts().iter().map(part_bytes).sum()
    }

    /// Ids of the tool calls that it makes.
    pub(super) fn calls(&self) -> impl Iterator<Item = &str> {
        self.parts().iter().filter_map(|part| match part {
            Part::ToolCall { call_id, .. } => Some(call_id.as_str()),
            _ => None,
        })
    }

    /// Ids of the tool calls that it answers.
    pub(super) fn results(&self) -> impl Iterator<Item = &str> {
        self.parts().iter().filter_map(|part| match part {
            Part::ToolResult { call_id, .. } => Some(call_id.as_str()),
            _ => None,
        })
    }
}

fn part_bytes(part: &Part) -> usize {
    match part {
        Part::Text(text) => text.len(),
        Part::ToolCall { call_id, name, arguments_json } => {
            call_id.len() + name.len() + arguments_json.len()
        }
        Part::ToolResult { call_id, content } => call_id.len() + content.len(),
        Part::Opaque { source: OpaqueSource::Data(data), .. } => data.len(),
        Part::Opaque { source: OpaqueSource::Uri(uri), .. } => uri.len(),
    }
}

/// The texts of a turn as one.
pub(super) fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The print of a stored turn.
pub(super) fn print_of(turn: &Turn) -> Print {
    print_of_parts(turn.role, &turn.parts)
}

/// The print of stored parts.
pub(super) fn print_of_parts(role: Role, parts: &[Part]) -> Print {
    let pieces: Vec<Piece<'_>> = parts.iter().map(piece_of).collect();
    print(role, &pieces)
}

fn piece_of(part: &Part) -> Piece<'_> {
    match part {
        Part::Text(text) => Piece::Text(text.into()),
        Part::ToolCall { call_id, name, arguments_json } => {
            Piece::Call { id: call_id.into(), name: name.into(), arguments: arguments_json.into() }
        }
        Part::ToolResult { call_id, content } => {
            Piece::Result { id: call_id.into(), content: content.into() }
        }
        Part::Opaque { media_type, source, .. } => {
            let url = match source {
                OpaqueSource::Uri(uri) => Cow::Borrowed(uri.as_str()),
                OpaqueSource::Data(data) => Cow::Owned(data_url(media_type, data)),
            };
            Piece::Media { media_type: media_type.into(), url }
        }
    }
}

/// A `data:` URL of bytes.
pub(super) fn data_url(media_type: &str, data: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(data))
}

fn parts(pieces: &[Piece<'_>]) -> Vec<Part> {
    let mut kept = 0;
    let mut parts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        parts.push(match piece {
            Piece::Text(text) if text.is_empty() => continue,
            Piece::Text(text) => Part::Text(text.clone().into_owned()),
            Piece::Call { id, name, arguments } => Part::ToolCall {
                call_id: id.clone().into_owned(),
                name: name.clone().into_owned(),
                arguments_json: arguments.clone().into_owned(),
            },
            Piece::Result { id, content } => Part::ToolResult {
                call_id: id.clone().into_owned(),
                content: content.clone().into_owned(),
            },
            Piece::Media { media_type, url } => media(media_type, url, &mut kept),
        });
    }
    parts
}

/// An attachment as it is stored: small ones themselves, addresses as they are, of
/// large ones the hash.
fn media(media_type: &str, url: &str, kept: &mut usize) -> Part {
    let opaque = |media_type: &str, source| Part::Opaque {
        media_type: media_type.to_owned(),
        source,
        token_cost: MEDIA_TOKENS,
    };
    let Some(inline) = url.strip_prefix("data:") else {
        return opaque(media_type, OpaqueSource::Uri(url.to_owned()));
    };
    let (head, encoded) = inline.split_once(',').unwrap_or((inline, ""));
    let given = head.strip_suffix(";base64").unwrap_or(head);
    let media_type = if given.is_empty() { media_type } else { given };
    let most = MAX_KEPT_MEDIA.min(MAX_KEPT_OF_TURN.saturating_sub(*kept));
    if encoded.len() / 4 * 3 <= most
        && let Ok(data) = STANDARD.decode(encoded)
        // What would come back in another spelling would not be recognised.
        && data_url(media_type, &data) == url
    {
        *kept += data.len();
        return opaque(media_type, OpaqueSource::Data(data));
    }
    opaque(media_type, OpaqueSource::Uri(hash_urn(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: Role, pieces: &[Piece<'_>]) -> Said {
        Said::new(Bytes::new(), role, String::new(), pieces)
    }

    fn text(text: &str) -> Piece<'_> {
        Piece::Text(text.into())
    }

    #[test]
    fn form_and_white_space_change_no_print() {
        let call = |id: &'static str, arguments: &'static str| Piece::Call {
            id: id.into(),
            name: "look".into(),
            arguments: arguments.into(),
        };
        let same: [(&[Piece<'_>], &[Piece<'_>]); 4] = [
            (&[text("a\nb")], &[text("a"), text("b")]),
            (&[text(" a\n")], &[text("a")]),
            (&[text("a"), text(""), text("b")], &[text("a"), text("b")]),
            (&[call("1", "{\"b\":1,\"a\":2}")], &[call("2", "{ \"a\": 2, \"b\": 1 }")]),
        ];
        for (one, other) in same {
            assert_eq!(of(Role::User, one).print, of(Role::User, other).print, "{one:?}");
            assert_ne!(of(Role::User, one).print, of(Role::Assistant, other).print);
        }
        assert_ne!(of(Role::User, &[text("a")]).print, of(Role::User, &[text("b")]).print);
    }

    #[test]
    fn stored_turns_have_the_print_of_their_message() {
        let small = data_url("image/png", &[7; 100]);
        let large = data_url("image/png", &vec![7; 2 << 20]);
        for url in [small.as_str(), large.as_str(), "https://example.org/a.png", "data:,x"] {
            let media = Piece::Media { media_type: "image/*".into(), url: url.into() };
            let said = of(Role::User, &[text("look"), media]);
            assert_eq!(print_of_parts(Role::User, said.parts()), said.print, "{:.40}", url);
        }
    }

    #[test]
    fn only_small_attachments_are_stored_themselves() {
        let urls =
            [300 << 10, 200 << 10, 200 << 10, 200 << 10].map(|n| data_url("a/b", &vec![1; n]));
        let pieces: Vec<Piece<'_>> = urls
            .iter()
            .map(|url| Piece::Media { media_type: "a/b".into(), url: url.into() })
            .collect();
        let kept: Vec<bool> = parts(&pieces)
            .iter()
            .map(|part| matches!(part, Part::Opaque { source: OpaqueSource::Data(_), .. }))
            .collect();
        assert_eq!(kept, [false, true, true, false]);
    }
}
