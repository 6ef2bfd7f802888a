//! Turns and windows in the format of a chat completion, and back.
//!
//! Nothing is lost on the way in: text, tool calls, tool results and images become
//! parts of a turn, in their order.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use throughline_proto::v1::{
    ContextMessage, Opaque, Part, Role, ToolCall as ToolCallPart, ToolResult, Turn, opaque::Source,
    part::Content,
};

/// A message of a chat completion request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What is said.
    pub content: Option<MessageContent>,
    /// Who says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tools that the assistant calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Which call the content answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MessageContent {
    /// Text alone.
    Text(String),
    /// Text, images and files.
    Parts(Vec<ContentPart>),
}

/// A part of a message's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart {
    /// Text.
    Text {
        /// The words.
        text: String,
    },
    /// A picture.
    ImageUrl {
        /// Where it is.
        image_url: Url,
    },
}

/// An address, or the bytes themselves as a `data:` URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Url {
    /// The address.
    pub url: String,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// What the result refers to.
    pub id: String,
    /// `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is called.
    pub function: FunctionCall,
}

/// A function with its arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// Its name.
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// A role that no turn can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("role must be system, developer, user, assistant or tool, is {0:?}")]
pub struct RoleError(pub String);

impl ChatMessage {
    /// Text of the user.
    pub fn user(text: impl Into<String>) -> Self {
        Self::text("user", text.into())
    }

    /// Text of the assistant.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::text("assistant", text.into())
    }

    fn text(role: &str, text: String) -> Self {
        let content = Some(MessageContent::Text(text));
        Self { role: role.to_owned(), content, ..Self::default() }
    }
}

impl From<&str> for ChatMessage {
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl TryFrom<ChatMessage> for Turn {
    type Error = RoleError;

    fn try_from(message: ChatMessage) -> Result<Self, RoleError> {
        let role = match message.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            _ => return Err(RoleError(message.role)),
        };
        let mut contents: Vec<Content> = match message.content {
            None => Vec::new(),
            Some(MessageContent::Text(text)) if text.is_empty() => Vec::new(),
            Some(MessageContent::Text(text)) => vec![Content::Text(text)],
            Some(MessageContent::Parts(parts)) => parts.into_iter().map(content).collect(),
        };
        if role == Role::Tool {
            let texts = contents.iter().filter_map(|content| match content {
                Content::Text(text) => Some(text.as_str()),
                Content::ToolCall(_) | Content::ToolResult(_) | Content::Opaque(_) => None,
            });
            let content = texts.collect();
            let call_id = message.tool_call_id.unwrap_or_default();
            contents = vec![Content::ToolResult(ToolResult { call_id, content })];
        }
        contents.extend(message.tool_calls.into_iter().map(|call| {
            let FunctionCall { name, arguments: arguments_json } = call.function;
            Content::ToolCall(ToolCallPart { call_id: call.id, name, arguments_json })
        }));
        let parts = contents.into_iter().map(|content| Part { content: Some(content) }).collect();
        let speaker = message.name.unwrap_or_default();
        Ok(Self { role: role.into(), parts, speaker, ..Self::default() })
    }
}

/// The messages of a window, ready for a chat completion.
pub(crate) fn to_messages(window: &[ContextMessage]) -> Vec<ChatMessage> {
    window.iter().flat_map(messages).collect()
}

fn messages(message: &ContextMessage) -> Vec<ChatMessage> {
    let parts = || message.parts.iter().filter_map(|part| part.content.as_ref());
    let mut results = Vec::new();
    let (mut tool_calls, mut pictures) = (Vec::new(), Vec::new());
    for part in parts() {
        match part {
            Content::Text(_) => {}
            Content::ToolCall(call) => tool_calls.push(tool_call(call)),
            Content::ToolResult(result) => results.push(ChatMessage {
                tool_call_id: Some(result.call_id.clone()),
                ..ChatMessage::text("tool", result.content.clone())
            }),
            Content::Opaque(opaque) => pictures.push(picture(opaque)),
        }
    }
    if message.role() == Role::Tool && !results.is_empty() {
        return results;
    }
    // A tool's words without the id of a call cannot stand under `tool`.
    let role = match message.role() {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant | Role::Tool | Role::Unspecified => "assistant",
    };
    let mut chat = ChatMessage::text(role, message.content.clone());
    if !tool_calls.is_empty() && message.content.is_empty() {
        chat.content = None;
    }
    if !pictures.is_empty() && role == "user" {
        let words = Some(message.content.clone()).filter(|text| !text.is_empty());
        let words = words.map(|text| ContentPart::Text { text });
        chat.content = Some(MessageContent::Parts(words.into_iter().chain(pictures).collect()));
    }
    chat.tool_calls = tool_calls;
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = message.speaker.chars().take(64).map(allowed).collect();
    chat.name = Some(name).filter(|name| !name.is_empty());
    vec![chat]
}

fn tool_call(call: &ToolCallPart) -> ToolCall {
    let (name, arguments) = (call.name.clone(), call.arguments_json.clone());
    let function = FunctionCall { name, arguments };
    ToolCall { id: call.call_id.clone(), kind: "function".to_owned(), function }
}

fn content(part: ContentPart) -> Content {
    let url = match part {
        ContentPart::Text { text } => return Content::Text(text),
        ContentPart::ImageUrl { image_url } => image_url.url,
    };
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let inline = inline.and_then(|(kind, data)| Some((kind.to_owned(), BASE64.decode(data).ok()?)));
    let (media_type, source) = match inline {
        Some((media_type, data)) => (media_type, Source::Data(data.into())),
        None => ("image/*".to_owned(), Source::Uri(url)),
    };
    Content::Opaque(Opaque { media_type, source: Some(source), token_cost: 0 })
}

fn picture(opaque: &Opaque) -> ContentPart {
    let url = match &opaque.source {
        Some(Source::Uri(uri)) => uri.clone(),
        Some(Source::Data(data)) => {
            format!("data:{};base64,{}", opaque.media_type, BASE64.encode(data))
        }
        None => String::new(),
    };
    ContentPart::ImageUrl { image_url: Url { url } }
}
