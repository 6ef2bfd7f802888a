//! An upstream that does what the header `x-script` of each request says.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use throughline::proxy::Dialect;
use tokio::sync::{Mutex, watch};

use crate::words::{blocks, three};

/// The key that the proxy has at the upstream.
pub(crate) const UPSTREAM_KEY: &str = "sk-of-the-server-4711";

/// When it may be asked again, in seconds.
pub(crate) const RETRY_AFTER: &str = "17";

/// What the upstream does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Script {
    /// It says this.
    pub(crate) answer: String,
    /// It answers with this status.
    pub(crate) fails: u16,
    /// Body of that answer, instead of an error in the API's shape.
    pub(crate) error_body: Option<String>,
    /// The connection is lost behind what it says.
    pub(crate) cut: bool,
    /// Nothing comes behind what it says.
    pub(crate) hangs: bool,
    /// It never answers at all.
    pub(crate) silent: bool,
    /// It sends these bytes as they are, as a stream.
    pub(crate) bytes: Option<String>,
    /// It sends this many times 1 MiB of comments behind what it says, as a stream.
    pub(crate) comments: usize,
    /// It sends the second half of an answer that is not streamed when this many are
    /// let go.
    pub(crate) halves: u64,
    /// It waits until this many are let go.
    pub(crate) gate: u64,
}

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    seen: watch::Sender<u64>,
    let_go: watch::Sender<u64>,
}

/// The upstream, on a free port.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    /// The newest request.
    pub(crate) async fn last(&self) -> Asked {
        self.shared.asked.lock().await.last().unwrap().clone()
    }

    /// How many requests came.
    pub(crate) fn seen(&self) -> u64 {
        *self.shared.seen.borrow()
    }

    /// Waits until so many requests came.
    pub(crate) async fn wait_seen(&self, count: u64) {
        let mut seen = self.shared.seen.subscribe();
        let reached = seen.wait_for(|seen| *seen >= count);
        tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap().unwrap();
    }

    /// Lets those with a gate up to this go.
    pub(crate) fn let_go(&self, gate: u64) {
        self.shared.let_go.send_replace(gate);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path().to_owned();
    let script = parts.headers.get("x-script").map_or("{}", |script| script.to_str().unwrap());
    let script: Script = serde_json::from_str(script).unwrap();
    let dialect = if path == "/v1/messages" { Dialect::Anthropic } else { Dialect::OpenAi };
    shared.asked.lock().await.push(Asked {
        path: path.clone(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body: body.clone(),
    });
    shared.seen.send_modify(|seen| *seen += 1);
    if script.gate > 0 {
        let mut let_go = shared.let_go.subscribe();
        let_go.wait_for(|gate| *gate >= script.gate).await.unwrap();
    }
    if script.silent {
        std::future::pending::<()>().await;
    }
    if path.ends_with("/models") {
        return json_response(200, models());
    }
    if script.fails > 0 {
        let shaped = json!({ "error": { "message": "no", "type": "server_error" } });
        let body = script.error_body.clone().unwrap_or_else(|| shaped.to_string());
        return json_response(script.fails, body);
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    if asked["stream"] == true || script.bytes.is_some() {
        return streamed(dialect, script);
    }
    let whole = whole(dialect, &script.answer);
    if script.cut {
        let half = Bytes::from(whole[..whole.len() / 2].to_owned());
        let broken = stream::iter([Ok(half), Err(io::Error::other("cut"))]);
        return respond(200, "application/json", Body::from_stream(paced(broken)));
    }
    if script.halves > 0 {
        return in_halves(whole, script.halves, &shared);
    }
    json_response(200, whole)
}

fn in_halves(whole: String, gate: u64, shared: &Shared) -> Response<Body> {
    let (first, second) = whole.split_at(whole.len() / 2);
    let (first, second) = (Bytes::from(first.to_owned()), Bytes::from(second.to_owned()));
    let mut let_go = shared.let_go.subscribe();
    let rest = stream::once(async move {
        let_go.wait_for(|open| *open >= gate).await.unwrap();
        Ok::<_, Infallible>(second)
    });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    respond(200, "application/json", body)
}

pub(crate) fn models() -> String {
    json!({ "object": "list", "data": [{ "id": "m", "object": "model" }] }).to_string()
}

fn streamed(dialect: Dialect, script: Script) -> Response<Body> {
    let events = match &script.bytes {
        Some(bytes) => vec![bytes.clone()],
        None => events(dialect, &script.answer, !script.cut && !script.hangs),
    };
    let comment = format!(": {}\n\n", "x".repeat((1 << 20) - 4));
    let events = events.into_iter().chain(std::iter::repeat_n(comment, script.comments));
    let sent = stream::iter(events.map(|event| Ok(Bytes::from(event))));
    let body = if script.cut {
        Body::from_stream(paced(sent.chain(stream::iter([Err(io::Error::other("cut"))]))))
    } else if script.hangs {
        Body::from_stream(paced(sent.chain(stream::pending())))
    } else {
        Body::from_stream(paced(sent))
    };
    respond(200, "text/event-stream", body)
}

/// Each piece in a chunk of its own.
fn paced(
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    pieces.then(|piece| async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        piece
    })
}

fn respond(status: u16, kind: &str, body: Body) -> Response<Body> {
    let response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("retry-after", RETRY_AFTER)
        .header("content-type", kind)
        .header("location", "http://127.0.0.1:9/elsewhere")
        .header("x-request-id", "up-1")
        .header("set-cookie", "session=secret");
    response.body(body).unwrap()
}

fn json_response(status: u16, body: String) -> Response<Body> {
    respond(
        status,
        "application/json",
        Body::from_stream(stream::iter([Ok::<_, Infallible>(body)])),
    )
}

/// An answer that is not streamed.
pub(crate) fn whole(dialect: Dialect, answer: &str) -> String {
    if let Some(custom) = answer.strip_prefix("custom:").map(three) {
        return custom_whole(custom).to_string();
    }
    let call = answer.strip_prefix("call:").map(three);
    match (dialect, call) {
        (Dialect::OpenAi, None) => json!({ "id": "x", "model": "m-1", "choices": [{ "index": 0,
            "message": { "role": "assistant", "content": answer }, "finish_reason": "stop" }] }),
        (Dialect::OpenAi, Some([id, name, arguments])) => {
            let function = json!({ "name": name, "arguments": arguments });
            let call = json!({ "id": id, "type": "function", "function": function });
            json!({ "id": "x", "model": "m-1", "choices": [{ "index": 0, "message":
                { "role": "assistant", "content": null, "tool_calls": [call] },
                "finish_reason": "tool_calls" }] })
        }
        (Dialect::Anthropic, None) => json!({ "id": "x", "type": "message", "model": "m-1",
            "content": blocks(answer), "stop_reason": "end_turn" }),
        (Dialect::Anthropic, Some([id, name, arguments])) => {
            let input: Value = serde_json::from_str(arguments).unwrap();
            json!({ "id": "x", "type": "message", "model": "m-1", "stop_reason": "tool_use",
                "content": [{ "type": "tool_use", "id": id, "name": name, "input": input }] })
        }
    }
    .to_string()
}

/// A call of a custom tool, which OpenAI's API has: its input is no JSON.
fn custom_whole([id, name, input]: [&str; 3]) -> Value {
    let custom = json!({ "name": name, "input": input });
    let call = json!({ "id": id, "type": "custom", "custom": custom });
    json!({ "id": "x", "model": "m-1", "choices": [{ "index": 0, "message":
        { "role": "assistant", "content": null, "tool_calls": [call] },
        "finish_reason": "tool_calls" }] })
}

/// The events of a streamed answer.
pub(crate) fn events(dialect: Dialect, answer: &str, ends: bool) -> Vec<String> {
    match dialect {
        Dialect::OpenAi => openai_events(answer, ends),
        Dialect::Anthropic => anthropic_events(answer, ends),
    }
}

fn pieces(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(3).map(|piece| piece.iter().collect()).collect()
}

fn openai_events(answer: &str, ends: bool) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        format!("data: {}\n\n", json!({ "id": "x", "model": "m-1", "choices": [choice] }))
    };
    let mut events = vec![chunk(json!({ "role": "assistant" }), Value::Null)];
    let mut finish = "stop";
    if let Some([id, name, arguments]) = answer.strip_prefix("call:").map(three) {
        finish = "tool_calls";
        let first = json!({ "index": 0, "id": id, "type": "function",
            "function": { "name": name, "arguments": "" } });
        events.push(chunk(json!({ "tool_calls": [first] }), Value::Null));
        events.extend(pieces(arguments).into_iter().map(|arguments| {
            let more = json!({ "index": 0, "function": { "arguments": arguments } });
            chunk(json!({ "tool_calls": [more] }), Value::Null)
        }));
    } else if let Some([id, name, input]) = answer.strip_prefix("custom:").map(three) {
        finish = "tool_calls";
        let first = json!({ "index": 0, "id": id, "type": "custom",
            "custom": { "name": name, "input": "" } });
        events.push(chunk(json!({ "tool_calls": [first] }), Value::Null));
        events.extend(pieces(input).into_iter().map(|input| {
            let more = json!({ "index": 0, "custom": { "input": input } });
            chunk(json!({ "tool_calls": [more] }), Value::Null)
        }));
    } else {
        let text = pieces(answer).into_iter();
        events.extend(text.map(|content| chunk(json!({ "content": content }), Value::Null)));
    }
    if ends {
        events.push(chunk(json!({}), finish.into()));
        events.push("data: [DONE]\n\n".to_owned());
    }
    events
}

fn anthropic_events(answer: &str, ends: bool) -> Vec<String> {
    let event =
        |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    let start = json!({ "type": "message_start", "message": { "model": "m-1", "content": [] } });
    let mut events = vec![event(start)];
    let mut finish = "end_turn";
    let blocks: Vec<(Value, Vec<Value>)> = match answer.strip_prefix("call:").map(three) {
        Some([id, name, arguments]) => {
            finish = "tool_use";
            let delta = |json: String| json!({ "type": "input_json_delta", "partial_json": json });
            let block = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
            // The first piece is empty, and the only one of a call without arguments.
            let arguments = if arguments == "{}" { Vec::new() } else { pieces(arguments) };
            let deltas = [String::new()].into_iter().chain(arguments).map(delta);
            vec![(block, deltas.collect())]
        }
        None => answer.split("|a:").map(text_block).collect(),
    };
    for (index, (block, deltas)) in blocks.into_iter().enumerate() {
        let start =
            json!({ "type": "content_block_start", "index": index, "content_block": block });
        events.push(event(start));
        events.extend(deltas.into_iter().map(|delta| {
            event(json!({ "type": "content_block_delta", "index": index, "delta": delta }))
        }));
        // A stream that breaks off does so within a block.
        if ends {
            events.push(event(json!({ "type": "content_block_stop", "index": index })));
        }
    }
    if ends {
        events.push(event(json!({ "type": "message_delta", "delta": { "stop_reason": finish } })));
        events.push(event(json!({ "type": "message_stop" })));
    }
    events
}

/// A text block as it begins, and its pieces.
fn text_block(text: &str) -> (Value, Vec<Value>) {
    let delta = |text: String| json!({ "type": "text_delta", "text": text });
    (json!({ "type": "text", "text": "" }), pieces(text).into_iter().map(delta).collect())
}
