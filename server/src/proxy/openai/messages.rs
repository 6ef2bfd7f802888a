//! The messages of a request.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use throughline_memory::turn::Role;

use super::answer::FUNCTION_CALL;
use crate::proxy::{
    body::Body,
    contents::{Contents, unreadable},
    dialect::Dialect,
    error::ProxyError,
    readings::Reader,
    request::{MAX_MESSAGES, Request},
    said::{Piece, Said},
};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow, default)]
    tool_call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
    #[serde(borrow, default)]
    custom: Option<Custom<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Custom<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    input: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content<'a> {
    Text {
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    Refusal {
        #[serde(borrow)]
        refusal: Cow<'a, str>,
    },
    ImageUrl {
        #[serde(borrow)]
        image_url: Image<'a>,
    },
    InputAudio {
        #[serde(borrow)]
        input_audio: Audio<'a>,
    },
    File {
        #[serde(borrow)]
        file: File<'a>,
    },
    /// Goes on untouched, and is stored only where nothing else is.
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Address<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
}

/// An image: its address by name, or alone, as Mistral has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Image<'a> {
    #[serde(borrow)]
    Named(Address<'a>),
    #[serde(borrow)]
    Plain(Text<'a>),
}

#[derive(Deserialize)]
struct Audio<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    format: Cow<'a, str>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, default)]
    file_data: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    file_id: Option<Cow<'a, str>>,
}

/// Reads the messages of a body.
///
/// # Errors
/// [`ProxyError::Malformed`] with the message.
pub(in crate::proxy) fn read(body: &Body, reader: Reader<'_>) -> Result<Request, ProxyError> {
    let (list, messages) = body.list("messages")?;
    if messages.len() > MAX_MESSAGES {
        let why = format!("holds {} messages, at most {MAX_MESSAGES} are taken", messages.len());
        return Err(ProxyError::malformed("messages", why));
    }
    if body.number("n").is_some_and(|n| n > 1) {
        return Err(ProxyError::malformed(
            "n",
            "must be 1: a conversation goes on with one answer",
        ));
    }
    let mut said = reader.read(Dialect::OpenAi, list, &messages, message)?;
    let leading = said.iter().take_while(|said| said.role == Role::System).count();
    let instructions = said.drain(..leading).map(|said| said.raw).collect();
    Request::new(instructions, said)
}

fn message(raw: &Bytes, at: usize) -> Result<Said, ProxyError> {
    let bad =
        |field: &str, why: String| ProxyError::malformed(format!("messages[{at}]{field}"), why);
    let message: Message<'_> =
        serde_json::from_slice(raw).map_err(|error| bad("", format!("cannot be read: {error}")))?;
    let role = match message.role.as_ref() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        other => {
            let shown: String = other.chars().take(40).collect();
            let known = "system, developer, user, assistant, tool";
            return Err(bad(".role", format!("is {shown:?}, must be one of {known}")));
        }
    };
    let contents = contents(message.content).map_err(|why| bad(".content", why))?;
    let mut pieces = contents.pieces(role);
    if role == Role::Tool {
        let id = match (message.role.as_ref(), message.tool_call_id) {
            ("function", _) => FUNCTION_CALL.into(),
            (_, Some(id)) if !id.is_empty() => id,
            _ => return Err(bad(".tool_call_id", "is required".to_owned())),
        };
        let texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_ref()),
            _ => None,
        });
        pieces = vec![Piece::Result { id, content: texts.collect::<String>().into() }];
    }
    pieces.extend(message.refusal.filter(|refusal| !refusal.is_empty()).map(Piece::Text));
    for (index, call) in message.tool_calls.into_iter().flatten().enumerate() {
        let (name, arguments) = match (call.function, call.custom) {
            (Some(function), _) => (function.name, function.arguments),
            (None, Some(custom)) => (custom.name, custom.input),
            (None, None) => {
                return Err(bad(".tool_calls", "holds one of no known type".to_owned()));
            }
        };
        let id = if call.id.is_empty() { format!("call_{index}").into() } else { call.id };
        pieces.push(Piece::Call { id, name, arguments });
    }
    if let Some(Function { name, arguments }) = message.function_call {
        pieces.push(Piece::Call { id: FUNCTION_CALL.into(), name, arguments });
    }
    let speaker = if role == Role::Tool { None } else { message.name };
    Ok(Said::new(raw.clone(), role, speaker.unwrap_or_default().into_owned(), &pieces))
}

fn contents(content: Option<&RawValue>) -> Result<Contents<'_>, String> {
    let Some(content) = content.map(RawValue::get) else { return Ok(Contents::default()) };
    if content.starts_with('[') {
        return Contents::read(content, piece, |kind| !["text", "refusal"].contains(&kind));
    }
    let text: Option<Text<'_>> = serde_json::from_str(content).map_err(unreadable)?;
    Ok(Contents::of(text.map(|Text(text)| Piece::Text(text))))
}

/// Text that is borrowed where JSON allows it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn piece(content: Content<'_>) -> Option<Piece<'_>> {
    let media = |media_type: &'static str, url| Piece::Media { media_type: media_type.into(), url };
    Some(match content {
        Content::Text { text } | Content::Refusal { refusal: text } => Piece::Text(text),
        Content::ImageUrl {
            image_url: Image::Named(Address { url }) | Image::Plain(Text(url)),
        } => media("image/*", url),
        Content::InputAudio { input_audio: Audio { data, format } } => Piece::Media {
            media_type: format!("audio/{format}").into(),
            url: format!("data:audio/{format};base64,{data}").into(),
        },
        Content::File { file } => {
            media("application/*", file.file_data.or(file.file_id).unwrap_or_default())
        }
        Content::Unknown => return None,
    })
}

#[cfg(test)]
mod tests {
    use throughline_memory::turn::{Part, TenantId};

    use super::*;
    use crate::proxy::readings::Readings;

    fn of(json: &str) -> Result<Request, ProxyError> {
        let (readings, tenant) = (Readings::default(), TenantId::new("acme").unwrap());
        let reader = Reader { readings: &readings, tenant: &tenant };
        read(&Body::read(&Bytes::copy_from_slice(json.as_bytes()))?, reader)
    }

    #[test]
    fn messages_become_what_they_say() {
        let request = of(r#"{"messages":[
            {"role":"developer","content":"Be brief."},
            {"role":"user","name":"ada","content":[{"type":"text","text":"look"},{"type":"new","x":1},
              {"type":"image_url","image_url":{"url":"https://example.org/a.png","detail":"low"}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",
              "function":{"name":"f","arguments":"{\"a\": 1}"}}]},
            {"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"ok"}]}]}"#)
        .unwrap();
        assert_eq!((request.instructions.len(), request.user, request.said.len()), (1, 0, 3));
        assert_eq!(request.said[0].speaker(), "ada");
        assert_eq!(request.said[0].parts().len(), 2);
        assert!(matches!(request.said[1].parts(), [Part::ToolCall { arguments_json, .. }]
            if arguments_json == "{\"a\": 1}"));
        assert!(matches!(request.said[2].parts(), [Part::ToolResult { content, .. }]
            if content == "ok"));
    }

    #[test]
    fn parts_of_other_forms_pass() {
        let of_content = |content: &str| {
            let json = format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#);
            let request = of(&json).unwrap();
            request.check_order(0, &Default::default()).unwrap();
            request.said[0].clone()
        };
        let plain =
            of_content(r#"[{"type":"image_url","image_url":"https://example.org/\u0061.png"}]"#);
        let named =
            of_content(r#"[{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]"#);
        assert_eq!((plain.print, plain.parts()), (named.print, named.parts()));
        for content in [
            r#"[{"type":"video_url","video_url":{"url":"https://example.org/a.mp4"}}]"#,
            r#"[{"type":"input_audio","input_audio":"AQ=="}]"#,
            r#"[{"type":"image_url","image_url":7}]"#,
        ] {
            let said = of_content(content);
            assert!(
                matches!(said.parts(), [Part::Opaque { media_type, .. }]
                if content.contains(media_type.as_str())),
                "{content}"
            );
        }
        // Beside others they are not stored.
        let beside = of_content(r#"[{"type":"text","text":"look"},{"type":"video_url"}]"#);
        assert_eq!(beside.print, of_content("\"look\"").print);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (json, words) in [
            (r#"{"messages":7}"#, "messages"),
            (
                r#"{"messages":[{"content":"x"}]}"#,
                "messages[0] cannot be read: missing field `role`",
            ),
            (r#"{"messages":[{"role":"robot"}]}"#, "messages[0].role is \"robot\""),
            (r#"{"messages":[{"role":"user","content":7}]}"#, "messages[0].content"),
            (r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#, "messages[0].content"),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":7}]}]}"#,
                "messages[0].content",
            ),
            (r#"{"messages":[{"role":"tool","content":"x"}]}"#, "messages[0].tool_call_id"),
            (r#"{"n":2,"messages":[]}"#, "n must be 1"),
        ] {
            let error = of(json).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
