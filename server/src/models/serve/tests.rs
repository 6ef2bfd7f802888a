//! The endpoint with a model that says what it is told to.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::http::HeaderMap;
use throughline_summarizer::llm::{ChatRequest, Finish, Generation, LlmError, ModelInfo, Pieces};
use tokio::sync::Notify;
use tonic::async_trait;

use super::*;

/// Answers with the words of the last message, "wait" with nothing until it is dropped,
/// "long" not at all, and breaks off behind "break".
struct Echo {
    info: ModelInfo,
    begun: Notify,
    ended: AtomicBool,
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl ChatModel for Echo {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn generate(
        &self,
        request: &ChatRequest,
        pieces: Option<Pieces>,
    ) -> Result<Generation, LlmError> {
        let _ends = Ends(&self.ended);
        let asked = request.messages.last().map(|last| last.content.clone()).unwrap_or_default();
        if asked == "long" {
            return Err(LlmError::PromptTooLong { tokens: 9_000, limit: 8_000 });
        }
        if asked == "busy" {
            let retry_after = Duration::from_secs(3);
            return Err(LlmError::Overloaded { waiting: 64, retry_after });
        }
        for piece in asked.split_inclusive(' ').take(request.options.max_tokens) {
            if let Some(pieces) = &pieces {
                let _ = pieces.send(piece.to_owned());
            }
        }
        self.begun.notify_one();
        match asked.as_str() {
            "wait for it" => std::future::pending().await,
            "break off" => return Err(LlmError::Engine("broken".to_owned())),
            _ => {}
        }
        let text: String = asked.split_inclusive(' ').take(request.options.max_tokens).collect();
        let finish = if text == asked { Finish::Stop } else { Finish::Length };
        let generated_tokens = text.split_whitespace().count();
        Ok(Generation { text, generated_tokens, prompt_tokens: 7, ..nothing(finish) })
    }

    async fn score(&self, _: &ChatRequest, _: &[String]) -> Result<Vec<f64>, LlmError> {
        Err(LlmError::Cannot("no scores".to_owned()))
    }
}

fn nothing(finish: Finish) -> Generation {
    Generation {
        text: String::new(),
        prompt_tokens: 0,
        generated_tokens: 0,
        cached_prompt_tokens: 0,
        finish,
    }
}

async fn started() -> (Arc<Echo>, String) {
    let model = Arc::new(Echo {
        info: ModelInfo {
            name: "echo".to_owned(),
            sha256: String::new(),
            engine: "none".to_owned(),
            device: "cpu".to_owned(),
            context_tokens: None,
            threads: None,
        },
        begun: Notify::new(),
        ended: AtomicBool::new(false),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = axum::serve(listener, router(Arc::clone(&model) as Arc<dyn ChatModel>));
    tokio::spawn(async move { served.await });
    (model, base)
}

async fn ask(base: &str, body: &Value) -> (StatusCode, HeaderMap, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client.post(format!("{base}/chat/completions")).body(body.to_string());
    let answer = sent.send().await.unwrap();
    (answer.status(), answer.headers().clone(), answer.text().await.unwrap())
}

fn body(text: &str, more: &Value) -> Value {
    let messages = json!([
        { "role": "developer", "content": "Be short." },
        { "role": "user", "content": [{ "type": "text", "text": text }] },
    ]);
    let mut body = json!({ "model": "echo", "messages": messages });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The events of a stream; the end is `None`.
fn events(text: &str) -> Vec<Option<Value>> {
    let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).ok()).collect()
}

#[tokio::test]
async fn an_answer_comes_whole_with_its_counts() {
    let (_, base) = started().await;
    let (status, _, text) = ask(&base, &body("one two three", &json!({ "max_tokens": 2 }))).await;
    assert_eq!(status, StatusCode::OK);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(
        answer["choices"][0]["message"],
        json!({ "role": "assistant", "content": "one two " })
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["total_tokens"], 9);
}

#[tokio::test]
async fn pieces_come_as_events() {
    let (_, base) = started().await;
    let more = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let (status, headers, text) = ask(&base, &body("one two three", &more)).await;
    assert_eq!(
        (status, &headers["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    let events = events(&text);
    let (end, events) = events.split_last().unwrap();
    assert_eq!(*end, None, "[DONE]");
    let of = |event: &Option<Value>| event.clone().unwrap();
    let said: String = events
        .iter()
        .filter_map(|event| of(event)["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(said, "one two three");
    assert_eq!(of(&events[0])["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(of(&events[4])["choices"][0]["finish_reason"], "stop");
    assert_eq!(of(&events[5])["usage"]["completion_tokens"], 3);
    assert_eq!(events.len(), 6);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_the_protocols_shape() {
    let (_, base) = started().await;
    let nothing = json!({});
    for (body, status, code) in [
        (body("hi", &json!({ "model": "other" })), 404, "model_not_found"),
        (body("long", &nothing), 400, "context_length_exceeded"),
        (body("long", &json!({ "stream": true })), 400, "context_length_exceeded"),
        (body("busy", &nothing), 429, "overloaded"),
        (body("hi", &json!({ "n": 2 })), 400, "invalid_request"),
        (body("hi", &json!({ "tools": [{}] })), 400, "invalid_request"),
        (
            body("hi", &json!({ "response_format": { "type": "json_object" } })),
            400,
            "invalid_request",
        ),
        (body("hi", &json!({ "messages": [{ "role": "tool" }] })), 400, "invalid_request"),
        (body("hi", &json!({ "messages": 3 })), 400, "invalid_request"),
    ] {
        let (got, headers, text) = ask(&base, &body).await;
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((got.as_u16(), error["error"]["code"].as_str()), (status, Some(code)), "{text}");
        assert!(!error["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!(headers.get("retry-after").is_some(), code == "overloaded");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let models = client.get(format!("{base}/models")).send().await.unwrap().text().await.unwrap();
    let models: Value = serde_json::from_str(&models).unwrap();
    assert_eq!(models["data"][0]["id"], "echo");
    let lost = client.get(format!("{base}/completions")).send().await.unwrap();
    assert_eq!(lost.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_fault_behind_the_first_words_is_told_in_the_stream() {
    let (_, base) = started().await;
    let (status, _, text) = ask(&base, &body("break off", &json!({ "stream": true }))).await;
    assert_eq!(status, StatusCode::OK);
    let events = events(&text);
    let error = events[events.len() - 2].clone().unwrap();
    assert_eq!(error["error"]["code"], "internal_error");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_generation() {
    let (model, base) = started().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = body("wait for it", &json!({ "stream": true }));
    let sent = client.post(format!("{base}/chat/completions")).body(body.to_string());
    let answer = sent.send().await.unwrap();
    model.begun.notified().await;
    assert!(!model.ended.load(Ordering::SeqCst));
    drop(answer);
    drop(client);
    let ended = async {
        while !model.ended.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ended");
}
