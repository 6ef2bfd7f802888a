//! Asks an endpoint: one request at a time, on a thread that may block.

use std::{
    cell::Cell,
    io::{BufRead, BufReader, Read},
    time::{Duration, Instant},
};

use rand::Rng as _;
use serde_json::json;
use ureq::{
    Body,
    http::{Response, StatusCode, header},
};

use super::{
    Endpoint,
    answer::{Answer, begins_with, data, says_too_long},
};
use crate::llm::{
    ChatRequest, Finish, Generation, LlmError, Sampling,
    served::{Emit, Engine, Halt, Scored},
    stops::Stops,
};

/// Longest wait between two attempts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);

/// How often a wait looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// Longest line of a stream, and longest answer in one piece.
const MAX_BYTES: u64 = 4 << 20;

/// Bytes of an error's text that are shown.
const SHOWN_BYTES: usize = 300;

/// Candidates that are asked for when scoring: the most that the protocol has.
const CANDIDATES: usize = 20;

/// One thread's client.
#[derive(Clone)]
pub(super) struct Client {
    endpoint: Endpoint,
    agent: ureq::Agent,
    /// Time between attempts, since it was asked for.
    idle: Cell<Duration>,
}

/// Why an attempt gave no answer.
enum Failure {
    /// Another attempt may do better; not before this time, if it is said.
    Again(String, Option<Duration>),
    /// No attempt will.
    Final(LlmError),
}

impl Client {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("throughline/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(endpoint.silence))
            .timeout_connect(Some(endpoint.silence))
            .timeout_recv_response(Some(endpoint.silence))
            .timeout_per_read(Some(endpoint.silence))
            .http_status_as_error(false)
            .build();
        Self { endpoint, agent: config.into(), idle: Cell::default() }
    }

    fn error(&self, detail: impl Into<String>) -> LlmError {
        LlmError::Endpoint { url: self.endpoint.url.clone(), detail: detail.into() }
    }

    fn too_long(&self, detail: String) -> LlmError {
        LlmError::TooLongForEndpoint { url: self.endpoint.url.clone(), detail }
    }

    /// Tries until there is an answer, attempts are used up or nobody waits.
    fn asked<T>(
        &self,
        halt: &Halt<'_>,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<Result<T, Finish>, LlmError> {
        let mut wait = self.endpoint.backoff;
        for number in 1..=self.endpoint.attempts {
            let (detail, after) = match attempt() {
                Ok(answer) => return Ok(Ok(answer)),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(detail, after)) => (detail, after),
            };
            if let Some(finish) = halt() {
                return Ok(Err(finish));
            }
            if number == self.endpoint.attempts {
                return Err(self.error(format!("{detail} ({number} attempts)")));
            }
            tracing::warn!(url = %self.endpoint.url, %detail, number, "LLM endpoint: once more");
            // A random part, so that many clients do not come back together.
            let drawn = wait.mul_f64(rand::rng().random_range(0.5..=1.0));
            let since = Instant::now();
            let paused = pause(after.unwrap_or(drawn).min(LONGEST_BACKOFF), halt);
            self.idle.set(self.idle.get() + since.elapsed());
            if let Some(finish) = paused {
                return Ok(Err(finish));
            }
            wait = wait.saturating_mul(2);
        }
        Err(self.error("no attempt was allowed"))
    }

    /// Sends a request; gives an answer that is one.
    fn send(
        &self,
        body: &serde_json::Value,
        deadline: Option<Instant>,
    ) -> Result<Response<Body>, Failure> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut request = self
            .agent
            .post(format!("{}/chat/completions", self.endpoint.url))
            .config()
            .timeout_global(left.map(|left| left.max(Duration::from_millis(1))))
            .build()
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream, application/json");
        if let Some(key) = &self.endpoint.api_key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", key.0));
        }
        let sent = request.send(body.to_string());
        let mut response = sent.map_err(|error| Failure::Again(error.to_string(), None))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let after = response.headers().get(header::RETRY_AFTER);
        let after = after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let text = response.body_mut().with_config().limit(MAX_BYTES).read_to_string();
        let text = text.unwrap_or_default();
        let too_long = status == StatusCode::PAYLOAD_TOO_LARGE || says_too_long(&text);
        let shown: String = text.chars().take(SHOWN_BYTES).collect();
        let detail = format!("{status}: {}", shown.trim());
        if too_long {
            return Err(Failure::Final(self.too_long(detail)));
        }
        let again = matches!(status.as_u16(), 408 | 429) || status.is_server_error();
        Err(if again {
            Failure::Again(detail, after.map(Duration::from_secs))
        } else {
            Failure::Final(self.error(detail))
        })
    }

    fn body(&self, request: &ChatRequest, max_tokens: usize) -> serde_json::Value {
        let messages: Vec<_> = request
            .messages
            .iter()
            .map(|message| json!({"role": message.role.as_str(), "content": message.content}))
            .collect();
        let mut body = json!({
            "model": self.endpoint.model,
            "messages": messages,
            "max_tokens": max_tokens,
        });
        match request.options.sampling {
            Sampling::Greedy => body["temperature"] = json!(0),
            Sampling::Seeded { seed, temperature, top_p } => {
                body["temperature"] = json!(temperature);
                body["top_p"] = json!(top_p);
                body["seed"] = json!(seed);
            }
        }
        if !request.options.stop.is_empty() {
            body["stop"] = json!(request.options.stop);
        }
        body
    }

    /// Reads an answer to its end.
    fn receive(
        &self,
        response: Response<Body>,
        out: &mut Text<'_, '_>,
        halt: &Halt<'_>,
    ) -> Result<Generation, Failure> {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let streamed = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let mut body = BufReader::new(response.into_body().into_reader());
        if !streamed {
            let mut text = String::new();
            let read = body.take(MAX_BYTES).read_to_string(&mut text);
            read.map_err(|error| Failure::Again(error.to_string(), None))?;
            let finish = self.take(&text, out)?.or(out.finish);
            return Ok(out.generation(finish.unwrap_or(Finish::Stop)));
        }
        let mut line = String::new();
        loop {
            if let Some(finish) = halt() {
                return Ok(out.generation(finish));
            }
            line.clear();
            let read = (&mut body).take(MAX_BYTES).read_line(&mut line);
            let ended = match read {
                Ok(0) => Some("the stream ended early".to_owned()),
                Ok(_) => None,
                Err(error) => Some(error.to_string()),
            };
            if let Some(detail) = ended {
                // A deadline ends a read as a silence does.
                return match (halt(), out.finish) {
                    (Some(finish), _) | (None, Some(finish)) => Ok(out.generation(finish)),
                    (None, None) if out.pieces == 0 => Err(Failure::Again(detail, None)),
                    (None, None) => Err(Failure::Final(self.error(detail))),
                };
            }
            match data(line.trim_end_matches('\n')) {
                None | Some("") => {}
                Some("[DONE]") => {
                    return Ok(out.generation(out.finish.unwrap_or(Finish::Stop)));
                }
                Some(chunk) => {
                    if let Some(finish) = self.take(chunk, out)? {
                        return Ok(out.generation(finish));
                    }
                }
            }
        }
    }

    /// Takes a chunk or a whole answer; why to stop reading, if it is to.
    fn take(&self, text: &str, out: &mut Text<'_, '_>) -> Result<Option<Finish>, Failure> {
        let wrong = |detail: String| Failure::Final(self.error(detail));
        let answer: Answer =
            serde_json::from_str(text).map_err(|error| wrong(format!("odd answer: {error}")))?;
        if let Some(error) = answer.error {
            let error = error.to_string();
            let shown = error.chars().take(SHOWN_BYTES).collect();
            return Err(match says_too_long(&error) {
                true => Failure::Final(self.too_long(shown)),
                false => wrong(shown),
            });
        }
        if let Some(usage) = answer.usage {
            out.usage = Some(usage);
        }
        let Some(choice) = answer.choices.first() else { return Ok(None) };
        if let Some(finish) = choice.finish().map_err(wrong)? {
            out.finish = Some(finish);
        }
        Ok(out.push(choice.message.content.as_deref().unwrap_or_default()))
    }
}

/// The text so far.
struct Text<'a, 'e> {
    text: String,
    stops: Stops<'a>,
    emit: &'a mut Emit<'e>,
    pieces: usize,
    most: usize,
    usage: Option<super::answer::Usage>,
    finish: Option<Finish>,
}

impl Text<'_, '_> {
    /// Takes a piece; why to stop, if a stop text or the bound was met.
    fn push(&mut self, piece: &str) -> Option<Finish> {
        if piece.is_empty() {
            return None;
        }
        self.pieces += 1;
        let (safe, stopped) = self.stops.push(piece);
        self.hand_out(&safe);
        if stopped {
            return Some(Finish::Stop);
        }
        // A stream of more pieces than tokens were allowed is cut off.
        (self.pieces > self.most).then_some(Finish::Length)
    }

    fn hand_out(&mut self, piece: &str) {
        if !piece.is_empty() {
            self.text.push_str(piece);
            (self.emit)(piece);
        }
    }

    fn generation(&mut self, finish: Finish) -> Generation {
        let rest = std::mem::replace(&mut self.stops, Stops::new(&[])).rest();
        self.hand_out(&rest);
        let usage = self.usage.take().unwrap_or_default();
        Generation {
            text: std::mem::take(&mut self.text),
            prompt_tokens: usage.prompt_tokens,
            // One piece is about one token where the endpoint does not count.
            generated_tokens: if usage.completion_tokens > 0 {
                usage.completion_tokens
            } else {
                self.pieces
            },
            cached_prompt_tokens: usage
                .prompt_tokens_details
                .and_then(|details| details.cached_tokens)
                .unwrap_or(0),
            finish,
        }
    }
}

/// Waits, unless there is no reason to any more.
fn pause(time: Duration, halt: &Halt<'_>) -> Option<Finish> {
    let end = Instant::now() + time;
    loop {
        if let Some(finish) = halt() {
            return Some(finish);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left.min(LOOK));
    }
}

impl Engine for Client {
    fn generate(
        &mut self,
        request: &ChatRequest,
        emit: &mut Emit<'_>,
        halt: &Halt<'_>,
    ) -> Result<Generation, LlmError> {
        let options = &request.options;
        let mut body = self.body(request, options.max_tokens);
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
        let mut out = Text {
            text: String::new(),
            stops: Stops::new(&options.stop),
            emit,
            pieces: 0,
            most: options.max_tokens,
            usage: None,
            finish: None,
        };
        let asked = self.asked(halt, || {
            let response = self.send(&body, options.deadline)?;
            self.receive(response, &mut out, halt)
        })?;
        Ok(asked.unwrap_or_else(Generation::nothing))
    }

    fn score(
        &mut self,
        request: &ChatRequest,
        continuations: &[String],
        halt: &Halt<'_>,
    ) -> Result<Scored, LlmError> {
        let mut body = self.body(request, 1);
        body["logprobs"] = json!(true);
        body["top_logprobs"] = json!(CANDIDATES);
        let asked = self.asked(halt, || {
            let mut response = self.send(&body, request.options.deadline)?;
            let text = response.body_mut().with_config().limit(MAX_BYTES).read_to_string();
            text.map_err(|error| Failure::Again(error.to_string(), None))
        })?;
        let text = asked.map_err(LlmError::Halted)?;
        let answer: Answer = serde_json::from_str(&text)
            .map_err(|error| self.error(format!("odd answer: {error}")))?;
        let usage = answer.usage.unwrap_or_default();
        let positions = answer.choices.into_iter().next().and_then(|choice| choice.logprobs);
        let position = positions.and_then(|all| all.content?.into_iter().next());
        let candidates = position.map(|position| position.top_logprobs).unwrap_or_default();
        let scores = continuations.iter().map(|text| {
            begins_with(text, &candidates).ok_or_else(|| {
                LlmError::Cannot(format!(
                    "the endpoint {} gives no log-probabilities: it cannot score",
                    self.endpoint.url
                ))
            })
        });
        Ok(Scored {
            scores: scores.collect::<Result<_, _>>()?,
            prompt_tokens: usage.prompt_tokens,
            generated_tokens: usage.completion_tokens,
        })
    }

    fn idled(&mut self) -> Duration {
        self.idle.take()
    }
}
