//! Turns and windows in the format of a chat completion, and back.
//!
//! Text, tool calls, tool results, images, audio and files become parts of a turn, in
//! their order. The message that a window is for stands in it as the caller gave it.

use serde::{Deserialize, Serialize};
use throughline_proto::v1::{
    ContextMessage, ContextWindow, Part, Role, Section, ToolCall as ToolCallPart, ToolResult, Turn,
    part::Content,
};

use crate::media::{MediaOfTurn, content_of};

/// Longest name of a speaker that a chat completion takes.
const MAX_NAME_CHARS: usize = 64;

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
    /// What the assistant refuses to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
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
    /// Text, images, audio and files.
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
    /// Sound.
    InputAudio {
        /// The bytes.
        input_audio: Audio,
    },
    /// A file.
    File {
        /// Its bytes, or where they are.
        file: File,
    },
    /// What the assistant refuses to say.
    Refusal {
        /// The words.
        refusal: String,
    },
}

/// An address, or the bytes themselves as a `data:` URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Url {
    /// The address.
    pub url: String,
    /// How closely the model looks: `low`, `high` or `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Sound with its format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    /// The bytes, in base64.
    pub data: String,
    /// `wav`, `mp3`.
    pub format: String,
}

/// A file: the bytes themselves, or the id that the model's provider has for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// The bytes as a `data:` URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_data: Option<String>,
    /// The provider's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
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
            Some(MessageContent::Parts(parts)) => {
                let mut media = MediaOfTurn::default();
                parts.into_iter().map(|part| media.content(part)).collect()
            }
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
        let refusal = message.refusal.filter(|words| !words.is_empty());
        contents.extend(refusal.map(Content::Text));
        contents.extend(message.tool_calls.into_iter().map(|call| {
            let FunctionCall { name, arguments: arguments_json } = call.function;
            Content::ToolCall(ToolCallPart { call_id: call.id, name, arguments_json })
        }));
        let parts = contents.into_iter().map(|content| Part { content: Some(content) }).collect();
        let speaker = message.name.unwrap_or_default();
        Ok(Self { role: role.into(), parts, speaker, ..Self::default() })
    }
}

/// The messages of a window that was built for a message of the user: the window has it
/// as it is stored, or not at all if it had no room; the model gets it as it was given.
pub(crate) fn answering(window: &ContextWindow, mut asked: ChatMessage) -> Vec<ChatMessage> {
    asked.name = asked.name.as_deref().and_then(name_of);
    let query = |at: usize| {
        let mut items = window.items.iter();
        items.any(|item| item.section() == Section::Query && item.message_index as usize == at)
    };
    let mut chats = Vec::with_capacity(window.messages.len() + 1);
    let mut stands = false;
    for (at, message) in window.messages.iter().enumerate() {
        if query(at) {
            stands = true;
            chats.push(asked.clone());
        } else {
            chats.extend(messages(message));
        }
    }
    if !stands {
        chats.push(asked);
    }
    chats
}

fn messages(message: &ContextMessage) -> Vec<ChatMessage> {
    let parts = || message.parts.iter().filter_map(|part| part.content.as_ref());
    let mut results = Vec::new();
    let (mut tool_calls, mut media) = (Vec::new(), Vec::new());
    for part in parts() {
        match part {
            Content::Text(_) => {}
            Content::ToolCall(call) => tool_calls.push(tool_call(call)),
            Content::ToolResult(result) => results.push(ChatMessage {
                tool_call_id: Some(result.call_id.clone()),
                ..ChatMessage::text("tool", result.content.clone())
            }),
            Content::Opaque(opaque) => media.push(content_of(opaque)),
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
    if !media.is_empty() && role == "user" {
        let words = Some(message.content.clone()).filter(|text| !text.is_empty());
        let words = words.map(|text| ContentPart::Text { text });
        chat.content = Some(MessageContent::Parts(words.into_iter().chain(media).collect()));
    }
    chat.tool_calls = tool_calls;
    chat.name = name_of(&message.speaker);
    vec![chat]
}

/// A name that a chat completion takes; none if it is empty.
fn name_of(speaker: &str) -> Option<String> {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = speaker.chars().take(MAX_NAME_CHARS).map(allowed).collect();
    Some(name).filter(|name| !name.is_empty())
}

fn tool_call(call: &ToolCallPart) -> ToolCall {
    let (name, arguments) = (call.name.clone(), call.arguments_json.clone());
    let function = FunctionCall { name, arguments };
    ToolCall { id: call.call_id.clone(), kind: "function".to_owned(), function }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_content_of_a_chat_completion_is_read() {
        let parts = r#"{"role": "user", "refusal": null, "content": [
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "https://example.org/a", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "refusal", "refusal": "no"}]}"#;
        let message: ChatMessage = serde_json::from_str(parts).unwrap_or_default();
        let Some(MessageContent::Parts(parts)) = &message.content else {
            unreachable!("{message:?}")
        };
        assert_eq!(parts.len(), 5);
        let turn = Turn::try_from(message.clone()).unwrap_or_default();
        assert_eq!(turn.parts.len(), 5);
        let written = serde_json::to_string(&message).unwrap_or_default();
        assert_eq!(serde_json::from_str::<ChatMessage>(&written).ok(), Some(message));
    }

    #[test]
    fn a_refusal_is_part_of_the_answer() {
        let refused = ChatMessage {
            role: "assistant".to_owned(),
            refusal: Some("No.".to_owned()),
            ..ChatMessage::default()
        };
        let turn = Turn::try_from(refused).unwrap_or_default();
        assert_eq!(turn.parts[0].content, Some(Content::Text("No.".to_owned())));
    }
}
