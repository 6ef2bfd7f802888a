//! What the chat proxy adds: each question is asked of the upstream directly and
//! through the proxy, in turns, with the same body. The upstream is in this process
//! and writes the time beside every token, so that both ways are measured by one clock.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use axum::{Router, body::Body, extract::State, http::Response, routing::post};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::text::Texts;
use crate::{
    cli::LoadArgs,
    client::describe,
    metrics::{
        Figures,
        bootstrap::{Estimate, percentile},
    },
    report::Report,
    runner::{ingest::wait_indexed, pass::Opened, progress::Progress},
};

/// Text bytes of a turn: about 60 tokens.
const TURN_BYTES: usize = 300;
/// Tokens of an answer.
const ANSWER_TOKENS: u32 = 60;
/// Seed of their words.
const ANSWERS: u64 = 0x61;
/// Between two tokens of an answer: 100 tokens a second.
const TOKEN_PAUSE: Duration = Duration::from_millis(10);
/// Between two questions: somebody reads the answer.
const THINKING: Duration = Duration::from_millis(400);
/// Questions before the clock counts.
const WARM_UP: u32 = 5;
/// Field of a token's event: when it was sent, in nanoseconds since the start.
const SENT: &str = "sent_ns";

/// What a client sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    Whole,
    Newest,
}

impl Habit {
    fn id(self) -> &'static str {
        if self == Self::Whole { "chats-whole" } else { "chats-newest" }
    }

    fn of(self, history: &[Value]) -> &[Value] {
        let from = if self == Self::Whole { 0 } else { history.len().saturating_sub(1) };
        history.get(from..).unwrap_or_default()
    }
}

/// Times of one answer.
struct Heard {
    first_ms: f64,
    tokens_ms: Vec<f64>,
    text: String,
}

/// Differences, through the proxy less directly.
#[derive(Default)]
struct Added {
    first_ms: Vec<f64>,
    tokens_ms: Vec<f64>,
    direct_first_ms: Vec<f64>,
}

/// Runs the measurement and delivers its result.
///
/// # Errors
/// The server does not start or answer.
pub(super) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    if args.server.server.is_some() {
        bail!("--chats: starts its own server, in front of its own upstream");
    }
    let turns = args.turns.iter().copied().max().unwrap_or(5_000);
    let start = Instant::now();
    let upstream = upstream(start).await?;
    let proxy = free_address().await?;
    let flags = [
        "--proxy".to_owned(),
        proxy.to_string(),
        "--proxy-upstream".to_owned(),
        format!("http://{upstream}/v1"),
        "--proxy-token-budget".to_owned(),
        args.budget.to_string(),
    ];
    let opened = Opened::new(&args.server, &flags).await?;
    let mut report = Report::new(
        "load",
        json!({
            "chats": true,
            "turns": turns,
            "questions": args.windows,
            "budget": args.budget,
            "turn_bytes": TURN_BYTES,
            "answer_tokens": ANSWER_TOKENS,
            "seed": args.seed,
            "servers": [describe(&opened.info)],
        }),
    );
    report.split = Some("chats".to_owned());
    report.model_sha256 = opened.model_sha256();
    let progress = Progress::new(2 * turns as usize, 2 * args.windows as usize, "questions");
    for (habit, title) in [(Habit::Whole, "whole history"), (Habit::Newest, "newest message")] {
        let client = Client { http: http()?, start, direct: upstream, proxy, habit };
        let mut history = history(turns, args.seed);
        let first = client.ask(&history, true).await.context("the history")?;
        history.push(message("assistant", &first.text));
        let api = &opened.api;
        let name = format!("conversations/{}", habit.id());
        wait_indexed(api, &name, 0..u64::from(turns) + 2, &progress).await?;
        let added = measure(&client, &mut history, args, &progress).await?;
        let figures = figures(added);
        report.n += args.windows as usize;
        if habit == Habit::Whole {
            report.metrics.clone_from(&figures);
        }
        report.breakdown.insert(title.to_owned(), figures);
    }
    drop(progress);
    opened.close().await?;
    report.deliver(args.out.out.as_deref())
}

/// A conversation of so many turns, and a question.
fn history(turns: u32, seed: u64) -> Vec<Value> {
    let mut texts = Texts::new(seed, u64::from(turns));
    let role = |at: u32| if at.is_multiple_of(2) { "user" } else { "assistant" };
    let said = (0..turns).map(|at| (role(at), texts.of_bytes(TURN_BYTES)));
    let mut said: Vec<Value> = said.map(|(role, text)| message(role, &text)).collect();
    said.push(message("user", &texts.question()));
    said
}

fn message(role: &str, text: &str) -> Value {
    json!({ "role": role, "content": text })
}

async fn measure(
    client: &Client,
    history: &mut Vec<Value>,
    args: &LoadArgs,
    progress: &Progress,
) -> anyhow::Result<Added> {
    // Other questions than the other habit's: those are embedded already.
    let mut texts = Texts::new(!args.seed, u64::from(client.habit == Habit::Newest));
    let mut added = Added::default();
    for number in 0..WARM_UP + args.windows {
        tokio::time::sleep(THINKING).await;
        history.push(message("user", &texts.question()));
        let sent = client.habit.of(history);
        let (direct, through) = if number.is_multiple_of(2) {
            let direct = client.ask(sent, false).await?;
            (direct, client.ask(sent, true).await?)
        } else {
            let through = client.ask(sent, true).await?;
            (client.ask(sent, false).await?, through)
        };
        history.push(message("assistant", &through.text));
        if number >= WARM_UP {
            added.first_ms.push(through.first_ms - direct.first_ms);
            added.direct_first_ms.push(direct.first_ms);
            let tokens = through.tokens_ms.iter().zip(&direct.tokens_ms);
            // The first is told by itself.
            added.tokens_ms.extend(tokens.skip(1).map(|(through, direct)| through - direct));
            progress.question();
        }
    }
    Ok(added)
}

fn figures(mut added: Added) -> Figures {
    let mut figures = Figures::new();
    for (name, values) in [
        ("first_token_added", &mut added.first_ms),
        ("token_added", &mut added.tokens_ms),
        ("first_token_direct", &mut added.direct_first_ms),
    ] {
        for (percent, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            if !values.is_empty() {
                let value = percentile(values, share);
                figures
                    .insert(format!("{name}_{percent}_ms"), Estimate::exact(value, values.len()));
            }
        }
    }
    figures
}

struct Client {
    http: reqwest::Client,
    start: Instant,
    direct: SocketAddr,
    proxy: SocketAddr,
    habit: Habit,
}

fn http() -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy().tcp_nodelay(true);
    builder.build().context("an HTTP client")
}

impl Client {
    /// Asks the last of these messages.
    async fn ask(&self, messages: &[Value], through: bool) -> anyhow::Result<Heard> {
        let body = json!({ "model": "m", "stream": true, "messages": messages }).to_string();
        let address = if through { self.proxy } else { self.direct };
        let mut request = self
            .http
            .post(format!("http://{address}/v1/chat/completions"))
            .header("content-type", "application/json");
        if through {
            request = request.header("x-throughline-conversation", self.habit.id());
            if messages.len() == 1 {
                request = request.header("x-throughline-history", "newest");
            }
        }
        let asked = Instant::now();
        let mut response = request.body(body).send().await?;
        if !response.status().is_success() {
            bail!("{}: {}", response.status(), response.text().await?);
        }
        let mut heard = Heard { first_ms: 0.0, tokens_ms: Vec::new(), text: String::new() };
        let mut seen = String::new();
        while let Some(chunk) = response.chunk().await? {
            let now = self.start.elapsed();
            if heard.tokens_ms.is_empty() {
                heard.first_ms = asked.elapsed().as_secs_f64() * 1_000.0;
            }
            seen.push_str(&String::from_utf8_lossy(&chunk));
            while let Some(end) = seen.find("\n\n") {
                let event: String = seen.drain(..end + 2).collect();
                let Some(data) = event.trim().strip_prefix("data: {") else { continue };
                let value: Value = serde_json::from_str(&format!("{{{data}"))?;
                let text = value["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
                heard.text.push_str(text);
                if let Some(sent) = value[SENT].as_u64() {
                    let late = now.saturating_sub(Duration::from_nanos(sent));
                    heard.tokens_ms.push(late.as_secs_f64() * 1_000.0);
                }
            }
        }
        Ok(heard)
    }
}

async fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
    listener.local_addr().context("a free port")
}

/// A model server that says what time it is.
async fn upstream(start: Instant) -> anyhow::Result<SocketAddr> {
    use axum::serve::ListenerExt as _;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
    let address = listener.local_addr().context("a free port")?;
    let listener = listener.tap_io(|connection| {
        // Without it tokens would only come later; the measurement shows it.
        let _ = connection.set_nodelay(true);
    });
    let limit = axum::extract::DefaultBodyLimit::disable();
    let router = Router::new().route("/v1/chat/completions", post(say)).layer(limit);
    let model = Arc::new(Model { start, answers: AtomicU64::new(0) });
    let serving = axum::serve(listener, router.with_state(model));
    tokio::spawn(async move { serving.await });
    Ok(address)
}

/// What the upstream answers with: words, no two answers alike.
struct Model {
    start: Instant,
    answers: AtomicU64,
}

async fn say(State(model): State<Arc<Model>>, _body: bytes::Bytes) -> Response<Body> {
    let mut texts = Texts::new(ANSWERS, model.answers.fetch_add(1, Ordering::Relaxed));
    let start = model.start;
    let tokens = stream::iter(0..=ANSWER_TOKENS).then(move |number| {
        let word = texts.word();
        async move {
            if number > 0 {
                tokio::time::sleep(TOKEN_PAUSE).await;
            }
            let choice = |delta: Value, finish: Value| {
                json!([{ "index": 0, "delta": delta, "finish_reason": finish }])
            };
            let text = if number == ANSWER_TOKENS {
                let end = json!({ "choices": choice(json!({}), "stop".into()) });
                format!("data: {end}\n\ndata: [DONE]\n\n")
            } else {
                let choices = choice(json!({ "content": format!("{word} ") }), Value::Null);
                let sent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                format!("data: {}\n\n", json!({ "choices": choices, SENT: sent }))
            };
            Ok::<_, std::convert::Infallible>(text)
        }
    });
    let mut response = Response::new(Body::from_stream(tokens));
    let kind = axum::http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert("content-type", kind);
    response
}
