//! Reads a chat completions request into what a model is asked. What a small model
//! cannot do, such as tools, is refused by name instead of left out.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use throughline_memory::turn::{Role, TenantId};
use throughline_summarizer::llm::{ChatRequest, Message, Options, Sampling};

use super::Refusal;

/// Tokens of an answer where the request names no number.
const DEFAULT_TOKENS: usize = 1_024;
/// Names the prompts of others; nothing that is generated here is recorded.
const PROMPT_VERSION: &str = "endpoint";
/// Who asks: there is one tenant.
const TENANT: &str = "local";

/// What was asked, and how the answer is wanted.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: ChatRequest,
    pub(super) stream: bool,
    /// Token counts at the end of a stream.
    pub(super) include_usage: bool,
}

#[derive(Deserialize)]
struct Given {
    model: String,
    messages: Vec<GivenMessage>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<i64>,
    stop: Option<Stop>,
    n: Option<u32>,
    tools: Option<Vec<Value>>,
    response_format: Option<ResponseFormat>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct ResponseFormat {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct GivenMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
}

/// Reads a body for the one model there is.
pub(super) fn read(body: &[u8], model: &str) -> Result<Asked, Refusal> {
    let given: Given = serde_json::from_slice(body)
        .map_err(|error| Refusal::of_caller(format!("the body: {error}")))?;
    if given.model != model {
        let message = format!("the only model is {model}");
        return Err(Refusal::new(StatusCode::NOT_FOUND, "model_not_found", message));
    }
    if given.n.is_some_and(|n| n != 1) {
        return Err(Refusal::of_caller("n: one answer at a time"));
    }
    if given.tools.as_ref().is_some_and(|tools| !tools.is_empty()) {
        return Err(Refusal::of_caller("tools: this model calls none"));
    }
    if given.response_format.as_ref().is_some_and(|format| format.r#type != "text") {
        return Err(Refusal::of_caller("response_format: this model answers with text alone"));
    }
    let messages = given.messages.iter().enumerate().map(|(at, given)| message(at, given));
    let messages = messages.collect::<Result<Vec<Message>, Refusal>>()?;
    let tenant = TenantId::new(TENANT).map_err(|error| Refusal::of_caller(error.to_string()))?;
    let mut request = ChatRequest::new(tenant, PROMPT_VERSION, messages);
    request.options = Options {
        max_tokens: given.max_completion_tokens.or(given.max_tokens).unwrap_or(DEFAULT_TOKENS),
        deadline: None,
        sampling: sampling(&given),
        stop: match given.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Several(stops)) => stops,
        },
    };
    let include_usage = given.stream_options.is_some_and(|options| options.include_usage);
    Ok(Asked { request, stream: given.stream, include_usage })
}

fn message(at: usize, given: &GivenMessage) -> Result<Message, Refusal> {
    let role = match given.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => {
            let known = "system, developer, user and assistant are read";
            return Err(Refusal::of_caller(format!("messages[{at}].role: {other:?}; {known}")));
        }
    };
    let content = match &given.content {
        None => String::new(),
        Some(Content::Text(text)) => text.clone(),
        Some(Content::Parts(parts)) => {
            let texts = parts.iter().map(|part| match (part.r#type.as_str(), &part.text) {
                ("text", Some(text)) => Ok(text.as_str()),
                (other, _) => Err(Refusal::of_caller(format!(
                    "messages[{at}].content: {other:?}; this model reads text alone"
                ))),
            });
            texts.collect::<Result<Vec<&str>, Refusal>>()?.join("\n")
        }
    };
    Ok(Message::new(role, content))
}

/// Greedy where no temperature is asked for: the same question gets the same answer.
fn sampling(given: &Given) -> Sampling {
    match given.temperature {
        None | Some(0.0) => Sampling::Greedy,
        Some(temperature) => Sampling::Seeded {
            seed: given
                .seed
                .map_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1, i64::cast_unsigned),
            temperature,
            top_p: given.top_p.unwrap_or(1.0),
        },
    }
}
