//! Against a server in this process that answers by script: a double of an
//! endpoint, not one.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Instant,
};

use throughline_memory::turn::{Role, TenantId};

use super::*;
use crate::llm::{ChatModel, ChatRequest, Finish, Message, Sampling};

/// What was asked: authorization header and body.
type Seen = Arc<Mutex<Vec<(String, serde_json::Value)>>>;

/// Answers the nth request with the nth answer (the last one again and again),
/// as it stands; `hold` keeps the connection open after it.
fn double(answers: Vec<String>, hold: bool) -> (Endpoint, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let seen = Seen::default();
    let asked = Arc::clone(&seen);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let answer = answers.get(number).or(answers.last()).unwrap();
            let _ = serve(&stream, &asked, answer);
            if hold {
                kept.push(stream);
            }
        }
    });
    let endpoint = Endpoint { backoff: Duration::from_millis(5), ..Endpoint::new(&url, "m") };
    (endpoint, seen)
}

fn serve(mut stream: &TcpStream, seen: &Seen, answer: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key, mut first) = (0, String::new(), String::new());
    reader.read_line(&mut first)?;
    assert!(first.starts_with("POST /v1/chat/completions "), "{first}");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_owned();
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                key = value.to_owned();
            }
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    seen.lock().unwrap().push((key, serde_json::from_slice(&body).unwrap()));
    stream.write_all(answer.as_bytes())?;
    stream.flush()
}

fn stream(chunks: &[&str]) -> String {
    let events: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n\
         : a comment\n\n{events}"
    )
}

fn status(line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {line}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

fn piece(text: &str) -> String {
    serde_json::json!({"choices": [{"delta": {"content": text}}]}).to_string()
}

fn request() -> ChatRequest {
    let messages = vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, "Hi")];
    ChatRequest::new(TenantId::new("a").unwrap(), "v1", messages)
}

fn hello() -> String {
    stream(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
        &piece("Hel"),
        &piece("lo ü"),
        r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,
            "prompt_tokens_details":{"cached_tokens":4}}}"#
            .replace('\n', " ")
            .as_str(),
        "[DONE]",
    ])
}

#[tokio::test]
async fn a_stream_becomes_pieces_and_a_generation() {
    let (mut endpoint, seen) = double(vec![hello()], false);
    endpoint.api_key = Some(ApiKey::new(" secret\n").unwrap());
    let model = endpoint.open(QueueLimits::default()).unwrap();
    let (send, mut pieces) = tokio::sync::mpsc::unbounded_channel();
    let mut request = request();
    request.options.sampling = Sampling::Seeded { seed: 7, temperature: 0.5, top_p: 0.9 };
    request.options.stop = vec!["END".into()];
    let done = model.generate(&request, Some(send)).await.unwrap();
    assert_eq!((done.text.as_str(), done.finish), ("Hello ü", Finish::Length));
    assert_eq!((done.prompt_tokens, done.generated_tokens, done.cached_prompt_tokens), (9, 3, 4));
    assert_eq!(pieces.recv().await.as_deref(), Some("Hel"));
    assert_eq!(pieces.recv().await.as_deref(), Some("lo ü"));
    let (key, body) = seen.lock().unwrap().remove(0);
    assert_eq!(key, "Bearer secret");
    assert!(!format!("{endpoint:?}").contains("secret"));
    assert_eq!(
        body,
        serde_json::json!({
            "model": "m", "max_tokens": 256, "temperature": 0.5, "top_p": 0.9, "seed": 7,
            "stop": ["END"], "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"}],
        })
    );
}

#[tokio::test]
async fn overload_and_faults_are_tried_again() {
    let answers = vec![
        status("429 Too Many Requests", "Retry-After: 0\r\n", "slow down"),
        status("503 Service Unavailable", "", ""),
        stream(&[]),
        hello(),
    ];
    let (endpoint, seen) = double(answers, false);
    let model = endpoint.open(QueueLimits::default()).unwrap();
    assert_eq!(model.generate(&request(), None).await.unwrap().text, "Hello ü");
    assert_eq!(seen.lock().unwrap().len(), 4);
    assert_eq!(seen.lock().unwrap()[0].1["temperature"], 0, "greedy");
}

#[tokio::test]
async fn what_another_attempt_would_not_mend_is_said_at_once() {
    let cases = [
        (vec![status("401 Unauthorized", "", "no such key")], 1, "no such key"),
        (vec![status("500 Internal Server Error", "", "boom")], 4, "boom (4 attempts)"),
        (vec![stream(&[&piece("begun")])], 1, "ended early"),
        (vec![stream(&["{nonsense"])], 1, "odd answer"),
        (vec![stream(&[r#"{"error":{"message":"bad model"}}"#])], 1, "bad model"),
        (
            vec![stream(&[r#"{"choices":[{"finish_reason":"content_filter"}]}"#])],
            1,
            "content_filter",
        ),
    ];
    for (answers, attempts, said) in cases {
        let (endpoint, seen) = double(answers, false);
        let model = endpoint.open(QueueLimits::default()).unwrap();
        let error = model.generate(&request(), None).await.unwrap_err();
        assert!(matches!(error, LlmError::Endpoint { .. }), "{error:?}");
        assert!(error.to_string().contains(said), "{error}, expected {said}");
        assert_eq!(seen.lock().unwrap().len(), attempts, "{said}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_told_from_other_refusals() {
    let openai =
        r#"{"error":{"message":"Your input is too long.","code":"context_length_exceeded"}}"#;
    let llama = r#"{"error":{"code":400,"message":"the request exceeds the available context size",
        "type":"exceed_context_size_error"}}"#;
    let vllm = "This model's maximum context length is 4096 tokens. However, you requested 9000.";
    let far_behind = format!("{} maximum context length", "x".repeat(2 * 300));
    for answer in [
        status("400 Bad Request", "", openai),
        status("400 Bad Request", "", llama),
        status("400 Bad Request", "", vllm),
        status("400 Bad Request", "", &far_behind),
        status("500 Internal Server Error", "", llama),
        status("413 Payload Too Large", "", "too big"),
        stream(&[openai]),
    ] {
        let (endpoint, seen) = double(vec![answer.clone()], false);
        let model = endpoint.open(QueueLimits::default()).unwrap();
        let error = model.generate(&request(), None).await.unwrap_err();
        assert!(error.is_too_long() && !error.is_passing(), "{answer}: {error:?}");
        assert_eq!(seen.lock().unwrap().len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn bounds_hold_whatever_the_endpoint_does() {
    // A stop text that it ignores, more pieces than tokens were allowed.
    let (endpoint, _) = double(vec![stream(&[&piece("a E"), &piece("ND b"), "[DONE]"])], false);
    let model = endpoint.open(QueueLimits::default()).unwrap();
    let mut bounded = request();
    bounded.options.stop = vec!["END".into()];
    let done = model.generate(&bounded, None).await.unwrap();
    assert_eq!((done.text.as_str(), done.finish), ("a ", Finish::Stop));
    let (endpoint, _) = double(vec![stream(&[&piece("x"), &piece("y"), &piece("z")])], false);
    let model = endpoint.open(QueueLimits::default()).unwrap();
    bounded.options.max_tokens = 1;
    let done = model.generate(&bounded, None).await.unwrap();
    assert_eq!((done.text.as_str(), done.finish), ("xy", Finish::Length));
}

#[tokio::test]
async fn a_silent_endpoint_holds_nobody_beyond_the_deadline() {
    let (endpoint, _) = double(vec![stream(&[&piece("begun")])], true);
    let model = endpoint.open(QueueLimits::default()).unwrap();
    let mut hurried = request();
    hurried.options.deadline = Some(Instant::now() + Duration::from_millis(300));
    let done = model.generate(&hurried, None).await.unwrap();
    assert_eq!(done.finish, Finish::Deadline);
}

#[tokio::test]
async fn an_answer_in_one_piece_will_do_and_scores_come_from_candidates() {
    let whole = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let scored = r#"{"choices":[{"message":{"content":"Yes"},"logprobs":{"content":[{"token":"Yes",
        "top_logprobs":[{"token":"Yes","logprob":-0.1},{"token":" no","logprob":-2.5},
        {"token":"Maybe","logprob":-6.0}]}]}}],
        "usage":{"prompt_tokens":31,"completion_tokens":1}}"#;
    let json = "Content-Type: application/json\r\n";
    let answers = vec![
        status("200 OK", json, whole),
        status("503 Service Unavailable", "Retry-After: 1\r\n", ""),
        status("200 OK", json, scored),
        status("200 OK", json, whole),
    ];
    let (endpoint, seen) = double(answers, false);
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let model = endpoint.open(QueueLimits::default()).unwrap();
    let model = model.observed(move |_, spent| kept.lock().unwrap().push(spent));
    assert_eq!(model.generate(&request(), None).await.unwrap().text, "Hi");
    let texts = ["Yes", "no way", "Perhaps"].map(str::to_owned);
    let asked = Instant::now();
    assert_eq!(model.score(&request(), &texts).await.unwrap(), [-0.1, -2.5, -6.0]);
    let waited = asked.elapsed();
    assert_eq!(seen.lock().unwrap()[1].1["top_logprobs"], 20);
    // The second before the other attempt is no work.
    let spent = told.lock().unwrap()[1];
    assert_eq!((spent.prompt_tokens, spent.generated_tokens), (31, 1));
    assert!(spent.time + Duration::from_secs(1) <= waited, "{spent:?} of {waited:?}");
    let error = model.score(&request(), &texts).await.unwrap_err();
    assert!(matches!(error, LlmError::Cannot(_)), "{error}");
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |change: fn(&mut Endpoint)| {
        let mut endpoint = Endpoint::new("http://127.0.0.1:1/v1", "m");
        change(&mut endpoint);
        let error = endpoint.open(QueueLimits::default()).map(|_| ()).unwrap_err();
        assert!(matches!(error, LlmError::Settings(_)), "{error}");
    };
    refused(|endpoint| endpoint.url = "localhost".into());
    refused(|endpoint| endpoint.model.clear());
    refused(|endpoint| endpoint.attempts = 0);
    refused(|endpoint| endpoint.parallel = 0);
    assert!(ApiKey::new("two\nlines").is_err());
    assert!(ApiKey::new(" ").is_err());
}
