//! The protocol's answers, as far as they are read: chunks of a stream, whole
//! answers, usage, log-probabilities, errors.

use serde::Deserialize;

use crate::llm::Finish;

/// A chunk of a stream, or a whole answer: they differ in `delta` and `message`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Usage>,
    pub(super) error: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(alias = "delta")]
    pub(super) message: Said,
    pub(super) finish_reason: Option<String>,
    pub(super) logprobs: Option<LogProbabilities>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) content: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) prompt_tokens: usize,
    pub(super) completion_tokens: usize,
    pub(super) prompt_tokens_details: Option<PromptTokens>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PromptTokens {
    pub(super) cached_tokens: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogProbabilities {
    pub(super) content: Option<Vec<Position>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Position {
    pub(super) top_logprobs: Vec<Candidate>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Candidate {
    pub(super) token: String,
    pub(super) logprob: f64,
}

impl Choice {
    /// Why it ended, if it did; an error for a reason that leaves no answer.
    pub(super) fn finish(&self) -> Result<Option<Finish>, String> {
        match self.finish_reason.as_deref() {
            None | Some("") => Ok(None),
            Some("stop" | "eos" | "stop_sequence") => Ok(Some(Finish::Stop)),
            Some("length") => Ok(Some(Finish::Length)),
            Some(other) => Err(format!("the answer ended for the reason {other:?}")),
        }
    }
}

/// How endpoints say that a prompt is longer than what their model reads: the code of
/// the protocol, llama-server's type and words, vLLM's, other endpoints'.
const TOO_LONG: [&str; 7] = [
    "context_length_exceeded",
    "exceed_context_size",
    "exceeds the available context size",
    "maximum context length",
    "longer than the maximum model length",
    "prompt is too long",
    "exceeds the context window",
];

/// Whether an error says that the prompt is too long.
pub(super) fn says_too_long(error: &str) -> bool {
    let error = error.to_lowercase();
    TOO_LONG.iter().any(|words| error.contains(words))
}

/// The data of one line of an event stream; `None` for any other line.
pub(super) fn data(line: &str) -> Option<&str> {
    let data = line.strip_prefix("data:")?;
    Some(data.strip_prefix(' ').unwrap_or(data).trim_end_matches('\r'))
}

/// Log-probability that an answer begins with `text`, by the candidates of its
/// first token. One that is not among them is at most as likely as the last.
pub(super) fn begins_with(text: &str, candidates: &[Candidate]) -> Option<f64> {
    let text = text.trim_start();
    let fits = |candidate: &&Candidate| {
        let token = candidate.token.trim_start();
        !token.is_empty() && text.starts_with(token)
    };
    let best = candidates.iter().filter(fits).map(|candidate| candidate.logprob);
    best.max_by(f64::total_cmp)
        .or_else(|| candidates.iter().map(|candidate| candidate.logprob).min_by(f64::total_cmp))
}
