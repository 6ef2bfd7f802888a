//! What the model says, as one body or as server-sent events.
//!
//! Invariant: a request that is refused, such as one that is too long, gets a status; only
//! what goes wrong after the first words is told within the stream.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE},
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use throughline_summarizer::llm::{ChatModel, Finish, Generation, LlmError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use super::{Refusal, request::Asked, respond};

/// What every event and the body have in common.
struct Head {
    id: String,
    created: i64,
    model: String,
}

/// Asks the model and answers.
pub(super) async fn answer(
    model: Arc<dyn ChatModel>,
    asked: Asked,
) -> Result<Response<Body>, Refusal> {
    let head = Head {
        id: format!("chatcmpl-{}", uuid::Uuid::now_v7().simple()),
        created: jiff::Timestamp::now().as_second(),
        model: model.info().name.clone(),
    };
    if !asked.stream {
        let said = model.generate(&asked.request, None).await.map_err(refused)?;
        return Ok(respond(StatusCode::OK, &head.whole(&said)));
    }
    let (pieces, mut said) = mpsc::unbounded_channel();
    let work = async move { model.generate(&asked.request, Some(pieces)).await };
    // A client that goes away drops the stream, and the generation with it.
    let mut work = AbortOnDropHandle::new(tokio::spawn(work));
    let Some(first) = said.recv().await else {
        let done = joined((&mut work).await).map_err(refused)?;
        let events = head.begin() + &head.end(&done, asked.include_usage);
        return Ok(events_of(Body::from(events)));
    };
    let begin = head.begin() + &head.piece(&first);
    let head = Arc::new(head);
    let of_pieces = Arc::clone(&head);
    let rest = UnboundedReceiverStream::new(said).map(move |piece| of_pieces.piece(&piece));
    let end = async move {
        match joined(work.await) {
            Ok(done) => head.end(&done, asked.include_usage),
            Err(error) => event(&refused(error).body()) + DONE,
        }
    };
    let events = stream::iter([begin]).chain(rest).chain(stream::once(end));
    Ok(events_of(Body::from_stream(events.map(Ok::<_, Infallible>))))
}

fn joined(
    done: Result<Result<Generation, LlmError>, tokio::task::JoinError>,
) -> Result<Generation, LlmError> {
    done.unwrap_or(Err(LlmError::Closed))
}

const DONE: &str = "data: [DONE]\n\n";

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn events_of(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

impl Head {
    fn with(&self, object: &str, choices: Value) -> Value {
        let Self { id, created, model } = self;
        json!({
            "id": id, "object": object, "created": created, "model": model, "choices": choices,
        })
    }

    fn chunk(&self, delta: Value, finish: Option<&str>) -> String {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        event(&self.with("chat.completion.chunk", json!([choice])))
    }

    fn begin(&self) -> String {
        self.chunk(json!({ "role": "assistant", "content": "" }), None)
    }

    fn piece(&self, text: &str) -> String {
        self.chunk(json!({ "content": text }), None)
    }

    fn end(&self, done: &Generation, include_usage: bool) -> String {
        let mut events = self.chunk(json!({}), Some(finish(done.finish)));
        if include_usage {
            let mut last = self.with("chat.completion.chunk", json!([]));
            last["usage"] = usage(done);
            events += &event(&last);
        }
        events + DONE
    }

    fn whole(&self, said: &Generation) -> Value {
        let message = json!({ "role": "assistant", "content": said.text });
        let choice =
            json!({ "index": 0, "message": message, "finish_reason": finish(said.finish) });
        let mut whole = self.with("chat.completion", json!([choice]));
        whole["usage"] = usage(said);
        whole
    }
}

fn usage(said: &Generation) -> Value {
    let (prompt, completion) = (said.prompt_tokens, said.generated_tokens);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": { "cached_tokens": said.cached_prompt_tokens },
    })
}

fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length | Finish::Deadline | Finish::Cancelled => "length",
    }
}

fn refused(error: LlmError) -> Refusal {
    let (status, code) = match &error {
        LlmError::PromptTooLong { .. } | LlmError::TooLongForEndpoint { .. } => {
            (StatusCode::BAD_REQUEST, "context_length_exceeded")
        }
        LlmError::Request(_) | LlmError::Template(_) => {
            (StatusCode::BAD_REQUEST, "invalid_request")
        }
        LlmError::Overloaded { .. } => (StatusCode::TOO_MANY_REQUESTS, "overloaded"),
        LlmError::Closed => (StatusCode::SERVICE_UNAVAILABLE, "closing"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    };
    let retry_after = match &error {
        LlmError::Overloaded { retry_after, .. } => Some(retry_after.as_secs().max(1)),
        _ => None,
    };
    Refusal { retry_after, ..Refusal::new(status, code, error.to_string()) }
}
