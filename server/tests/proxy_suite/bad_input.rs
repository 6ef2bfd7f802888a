//! What may go wrong: every answer has the shape of the API that was called, nothing
//! is stored by halves, no key is told.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use reqwest::Response;
use serde_json::{Value, json};
use throughline::proxy::Dialect;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    client::{KEY, Setup, WithJson as _, body},
    upstream::{RETRY_AFTER, Script, UPSTREAM_KEY, events},
};

pub(crate) const BOTH: [Dialect; 2] = [Dialect::OpenAi, Dialect::Anthropic];

pub(crate) fn says(answer: &str) -> Script {
    Script { answer: answer.to_owned(), ..Script::default() }
}

/// The error has the API's shape and says these words.
pub(crate) async fn check(dialect: Dialect, response: Response, status: u16, words: &str) -> Value {
    let got = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert_eq!(got, status, "{dialect:?}: {body}");
    check_shape(dialect, &body, words)
}

fn check_shape(dialect: Dialect, body: &str, words: &str) -> Value {
    let value: Value = serde_json::from_str(body).unwrap();
    let error = &value["error"];
    assert!(error["message"].as_str().unwrap().contains(words), "{body}");
    assert!(error["type"].is_string(), "{body}");
    match dialect {
        Dialect::OpenAi => assert!(error.get("code").is_some() && error.get("param").is_some()),
        Dialect::Anthropic => assert_eq!(value["type"], "error", "{body}"),
    }
    assert!(!body.contains(UPSTREAM_KEY) && !body.contains(KEY), "{body}");
    value
}

pub(crate) fn said(words: &[&str]) -> Vec<String> {
    words.iter().map(|words| (*words).to_owned()).collect()
}

#[tokio::test]
async fn keys_and_scopes_are_those_of_the_services() {
    let setup = Setup::start().await;
    for dialect in BOTH {
        let json = body(dialect, &said(&["u:hi"]), false);
        let header = "x-throughline-conversation";
        let post = |key: &str| {
            let request = setup.post(dialect, &says("hello")).header(header, "keys").json(&json);
            let (name, scheme) = match dialect {
                Dialect::OpenAi => ("authorization", "Bearer "),
                Dialect::Anthropic => ("x-api-key", ""),
            };
            let mut request = request.build().unwrap();
            request.headers_mut().insert(name, format!("{scheme}{key}").parse().unwrap());
            reqwest::Client::builder().no_proxy().build().unwrap().execute(request)
        };
        check(dialect, post("wrong").await.unwrap(), 401, "not known").await;
        check(dialect, post("acme-read-key").await.unwrap(), 403, "scope write").await;
        check(dialect, post("acme-write-key").await.unwrap(), 403, "scope read").await;
        assert!(setup.stored("keys").await.is_empty());
    }
    assert_eq!(setup.upstream.seen(), 0);
    // Another tenant's conversation of the same name is another one.
    setup.say("shared", &["u:secret"], &says("noted"), false).await;
    let request = setup.post(Dialect::OpenAi, &says("hello")).bearer_auth("x");
    let mut request = request
        .header("x-throughline-conversation", "shared")
        .json(&body(Dialect::OpenAi, &said(&["u:what?"]), false))
        .build()
        .unwrap();
    request.headers_mut().insert("authorization", "Bearer globex-key".parse().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(http.execute(request).await.unwrap().status(), 200);
    assert!(!String::from_utf8_lossy(&setup.upstream.last().await.body).contains("secret"));
    assert_eq!(setup.stored("shared").await, ["u:secret", "a:noted"]);
    setup.server.stop().await;
}

#[tokio::test]
async fn conversations_that_cannot_be_are_refused() {
    let setup = Setup::start().await;
    for dialect in BOTH {
        let json = body(dialect, &said(&["u:hi"]), false);
        let post = |name: &'static str, value: &'static str| {
            setup.post(dialect, &says("hello")).header(name, value).json(&json)
        };
        let conversation = "x-throughline-conversation";
        let bad = post(conversation, "My Trip!").send().await.unwrap();
        check(dialect, bad, 400, "x-throughline-conversation").await;
        let never = post(conversation, "unknown-1").header("x-throughline-create", "never");
        check(dialect, never.send().await.unwrap(), 404, "not found").await;
        let many = post(conversation, "c").header("x-throughline-budget", "many");
        check(dialect, many.send().await.unwrap(), 400, "x-throughline-budget").await;
    }
    assert_eq!((setup.upstream.seen(), setup.conversations().await), (0, 0));
    setup.server.stop().await;
    let setup = Setup::with(|settings| settings.create_conversations = false).await;
    let refused = setup.say("unknown", &["u:hi"], &says("hello"), false).await;
    check(Dialect::OpenAi, refused, 404, "unknown not found").await;
    setup.client().create("known").await;
    assert_eq!(setup.say("known", &["u:hi"], &says("hello"), false).await.status(), 200);
    setup.server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_or_stand_so_stores_nothing() {
    let setup = Setup::start().await;
    for dialect in BOTH {
        let post = |body: String| {
            let request = setup.post(dialect, &says("hello")).body(body);
            request.header("x-throughline-conversation", "bad").send()
        };
        let whole = body(dialect, &said(&["u:hi"]), false).to_string();
        for (json, words) in [
            (whole[..whole.len() - 9].to_owned(), "the body"),
            ("[]".to_owned(), "an object"),
            ("{\"model\":\"m\"}".to_owned(), "messages is required"),
            ("{\"messages\":{}}".to_owned(), "messages"),
            ("{\"messages\":[]}".to_owned(), "one of the user"),
            ("{\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}".to_owned(), "robot"),
            ("{\"messages\":[],\"messages\":[]}".to_owned(), "twice"),
            ("\u{0}".to_owned(), "the body"),
        ] {
            check(dialect, post(json).await.unwrap(), 400, words).await;
        }
        for (words, told) in [
            (&["a:hello"][..], "one of the user"),
            (&["u:hi", "t:c9:rain"], "was not made before"),
            (&["u:hi", "call:c1:f:{}", "u:so?"], "before the results"),
            (&["u:hi", "call:c1:f:{}"], "have no results"),
            (&["u:hi", "t:c1:x", "call:c1:f:{}"], "was not made before"),
        ] {
            let json = body(dialect, &said(words), false).to_string();
            check(dialect, post(json).await.unwrap(), 400, told).await;
        }
    }
    // What names the conversation is text: another value would turn the memory off.
    for dialect in BOTH {
        let mut json = body(dialect, &said(&["u:hi"]), false);
        json["metadata"] = json!({ "throughline_conversation": 7, "k": "v" });
        let refused = setup.post(dialect, &says("hello")).json(&json).send().await.unwrap();
        let error = check(dialect, refused, 400, "metadata.throughline_conversation").await;
        let is_openai = dialect == Dialect::OpenAi;
        assert_eq!(error["error"]["param"] == "metadata.throughline_conversation", is_openai);
    }
    assert_eq!((setup.upstream.seen(), setup.conversations().await), (0, 0));
    // On a conversation that exists nothing is added either.
    setup.say("there", &["u:hi"], &says("hello"), false).await;
    let bad = setup.say("there", &["u:hi", "a:hello", "u:x", "t:c9:y"], &says("z"), false).await;
    check(Dialect::OpenAi, bad, 400, "messages[3]").await;
    assert_eq!(setup.stored("there").await, ["u:hi", "a:hello"]);
    assert_eq!(setup.conversations().await, 1);
    setup.server.stop().await;
}

#[tokio::test]
async fn an_image_of_20_megabytes_passes_byte_for_byte() {
    let setup = Setup::start().await;
    let image = "iVBORw0KGgo+/AB9".repeat(20 * 1_000_000 * 4 / 3 / 16);
    for dialect in BOTH {
        let part = match dialect {
            Dialect::OpenAi => {
                let url = format!("data:image/png;base64,{image}");
                json!({ "type": "image_url", "image_url": { "url": url, "detail": "low" } })
            }
            Dialect::Anthropic => json!({ "type": "image", "source":
                { "type": "base64", "media_type": "image/png", "data": image } }),
        };
        let content = json!([{ "type": "text", "text": "what is it?" }, part]);
        let message = json!({ "role": "user", "content": content });
        let json = json!({ "model": "m", "max_tokens": 9, "messages": [message] });
        let id = format!("image-{dialect:?}").to_lowercase();
        let request = setup.post(dialect, &says("a cat")).json(&json);
        let request = request.header("x-throughline-conversation", &id);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        let asked = setup.upstream.last().await;
        // Compared as bytes: a printed difference would be long.
        let up = std::str::from_utf8(&asked.body).unwrap();
        assert!(up.contains(&message.to_string()), "{} bytes", up.len());
        assert_eq!(
            setup.stored(&id).await,
            ["u:what is it?|opaque:image/png", "a:a cat"],
            "{dialect:?}"
        );
        // Sent again with the history it is the same image.
        let answer = match dialect {
            Dialect::OpenAi => json!({ "role": "assistant", "content": "a cat" }),
            Dialect::Anthropic => json!({ "role": "assistant", "content": "a cat" }),
        };
        let more = json!({ "role": "user", "content": "sure?" });
        let json = json!({ "model": "m", "max_tokens": 9, "messages": [message, answer, more] });
        let request = setup.post(dialect, &says("yes")).json(&json);
        let request = request.header("x-throughline-conversation", &id);
        assert_eq!(request.send().await.unwrap().status(), 200);
        assert_eq!(setup.stored(&id).await.len(), 4, "{dialect:?}");
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_told_with_the_limit() {
    let setup = Setup::with(|settings| settings.max_body_bytes = 1_000).await;
    for dialect in BOTH {
        let json = body(dialect, &said(&[&format!("u:{}", "x".repeat(2_000))]), false);
        let response = setup.post(dialect, &says("hello")).json(&json).send().await.unwrap();
        check(dialect, response, 413, "1000 bytes").await;
        // Without a length that could be looked at first.
        let chunk = || Ok::<_, io::Error>(vec![b' '; 600]);
        let chunks = futures::stream::iter([chunk(), chunk()]);
        let request = setup.post(dialect, &says("hello")).body(reqwest::Body::wrap_stream(chunks));
        check(dialect, request.send().await.unwrap(), 413, "1000 bytes").await;
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn an_upstream_that_fails_loses_nothing() {
    let setup = Setup::with(|settings| {
        settings.answer_timeout = Duration::from_secs(1);
        settings.idle_timeout = Duration::from_secs(1);
    })
    .await;
    for (number, dialect) in BOTH.into_iter().enumerate() {
        let ask = async |id: &str, script: Script, streams: bool| {
            let json = body(dialect, &said(&["u:hi"]), streams);
            let request = setup.post(dialect, &script).json(&json);
            let id = format!("{id}-{number}");
            let request = request.header("x-throughline-conversation", &id);
            (request.send().await.unwrap(), id)
        };
        for streams in [true, false] {
            let (late, id) =
                ask("silent", Script { silent: true, ..Script::default() }, streams).await;
            check(dialect, late, 504, "within 1 seconds").await;
            assert_eq!(setup.stored(&id).await, ["u:hi"]);
        }
        let html = || Some("<html>bad</html>".to_owned());
        let script = Script { fails: 502, error_body: html(), ..Script::default() };
        let (bad, id) = ask("html", script, false).await;
        check(dialect, bad, 502, "status 502").await;
        assert_eq!(setup.stored(&id).await, ["u:hi"]);
        let (own, _) = ask("own", Script { fails: 429, ..Script::default() }, true).await;
        assert_eq!(own.status(), 429);
        assert!(own.text().await.unwrap().contains("\"no\""));
        for fails in [401, 403] {
            let error_body = Some(format!("{{\"error\":{{\"message\":\"bad {UPSTREAM_KEY}\"}}}}"));
            let script = Script { fails, error_body, ..Script::default() };
            let (refused, _) = ask("key", script, false).await;
            check(dialect, refused, 502, "this server's key").await;
        }
        // It is followed nowhere, by the caller neither.
        for error_body in [None, html()] {
            let script = Script { fails: 307, error_body, ..Script::default() };
            let (moved, id) = ask("moved", script, false).await;
            assert!(!moved.headers().contains_key("location"));
            check(dialect, moved, 502, "status 307").await;
            assert_eq!(setup.stored(&id).await, ["u:hi"]);
        }
        let (cut, id) = ask("cut", Script { cut: true, ..says("hello") }, false).await;
        check(dialect, cut, 502, "broke off").await;
        assert_eq!(setup.stored(&id).await, ["u:hi"]);
        // A stream that stalls ends with an error of the API's shape; what came is kept.
        let (stalled, id) = ask("stall", Script { hangs: true, ..says("hel") }, true).await;
        let text = stalled.text().await.unwrap();
        let data = text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
        check_shape(dialect, data, "too long");
        assert_eq!(setup.stored(&id).await, ["u:hi", "a~:hel"]);
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn errors_of_any_shape_keep_their_words_and_when_to_ask_again() {
    let setup = Setup::start().await;
    for dialect in BOTH {
        for (number, (error, words)) in [
            (r#"{"error":"model 'm' not found"}"#, "model 'm' not found"),
            (r#"{"detail":"Not enough memory"}"#, "Not enough memory"),
            (r#"{"detail":[{"loc":["body","seed"]}]}"#, "seed"),
            (r#"{"object":"error","message":"too many tokens","code":400}"#, "too many tokens"),
            ("<html>busy</html>", "status 429"),
        ]
        .into_iter()
        .enumerate()
        {
            let error_body = Some(error.to_owned());
            let script = Script { fails: 429, error_body, ..Script::default() };
            let id = format!("shape-{number}-{dialect:?}").to_lowercase();
            let request = setup.post(dialect, &script).json(&body(dialect, &said(&["u:hi"]), true));
            let request = request.header("x-throughline-conversation", &id);
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["retry-after"], RETRY_AFTER, "{error}");
            assert_eq!(response.headers()["content-type"], "application/json", "{error}");
            check(dialect, response, 429, words).await;
            assert_eq!(setup.stored(&id).await, ["u:hi"], "{error}");
        }
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn streams_that_are_none_pass_as_they_are() {
    let setup = Setup::start().await;
    for (number, (bytes, half, stored)) in [
        ("data: {not json\n\n", "", &["u:hi"][..]),
        ("", "garbage", &["u:hi"]),
        ("", "", &["u:hi"]),
        (
            "data: {\"choices\":[{\"delta\":{\"content\":\"hel\"}}]}\n\n",
            "data: {\"cho",
            &["u:hi", "a~:hel"],
        ),
        (
            "data: {\"choices\":7}\n\ndata: [1]\n\ndata: {\"choices\":[{\"delta\":7}]}\n\n",
            "",
            &["u:hi"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("sse-{number}");
        let script = Script { bytes: Some(format!("{bytes}{half}")), ..Script::default() };
        let response = setup.say(&id, &["u:hi"], &script, true).await;
        assert_eq!(response.status(), 200);
        let got = response.text().await.unwrap();
        // Events as they are; half a one would make the error one that cannot be read.
        assert!(got.starts_with(bytes), "{got}");
        let behind = got[bytes.len()..].trim();
        check_shape(Dialect::OpenAi, behind.strip_prefix("data: ").unwrap(), "no end");
        assert_eq!(setup.stored(&id).await, stored, "{bytes}");
    }
    // Some upstreams end without a reason, some without a blank line.
    let said = "data: {\"choices\":[{\"delta\":{\"content\":\"hel\"}}]}\n\n";
    for (number, end) in ["data: [DONE]\n\n", "data: [DONE]\n", "data: [DONE]"].iter().enumerate() {
        let bytes = format!("{said}{end}");
        let script = Script { bytes: Some(bytes.clone()), ..Script::default() };
        let id = format!("ended-{number}");
        let response = setup.say(&id, &["u:hi"], &script, true).await;
        assert_eq!(response.text().await.unwrap(), bytes);
        assert_eq!(setup.stored(&id).await, ["u:hi", "a:hel"]);
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn an_upstream_that_breaks_off_within_an_event_leaves_only_events_that_can_be_read() {
    let setup = Setup::start().await;
    for dialect in BOTH {
        let whole = events(dialect, "hello", true);
        let came = events(dialect, "hel", false).concat();
        // Behind the first piece of the answer, at every kind of place within an event.
        let next = &whole[came.matches("\n\n").count()];
        for (number, length) in
            [1, 5, 9, next.len() / 2, next.len() - 2, next.len() - 1].iter().enumerate()
        {
            for (cut, name) in [(true, "cut"), (false, "closed")] {
                let bytes = Some(format!("{came}{}", &next[..*length]));
                let script = Script { bytes, cut, ..Script::default() };
                let id = format!("within-{number}-{name}-{dialect:?}").to_lowercase();
                let request = setup.post(dialect, &script);
                let request = request.json(&body(dialect, &said(&["u:hi"]), true));
                let request = request.header("x-throughline-conversation", &id);
                let got = request.send().await.unwrap().text().await.unwrap();
                let behind = got.strip_prefix(&came).unwrap();
                let data: Vec<&str> =
                    behind.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
                assert_eq!(data.len(), 1, "{got}");
                check_shape(dialect, data[0], "broke off");
                let stored = setup.stored(&id).await;
                assert!(stored[1].starts_with("a~:hel"), "{stored:?}");
            }
        }
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_bad_gateway() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let setup = Setup::with(|settings| {
        settings.anthropic = None;
        if let Some(openai) = &mut settings.openai {
            openai.base = format!("http://{address}/v1");
        }
    })
    .await;
    let response = setup.say("trip", &["u:hi"], &says("hello"), true).await;
    let error = check(Dialect::OpenAi, response, 502, "cannot be reached").await;
    assert!(!error.to_string().contains(&address.to_string()), "{error}");
    assert_eq!(setup.stored("trip").await, ["u:hi"]);
    let json = body(Dialect::Anthropic, &said(&["u:hi"]), false);
    let response = setup.post(Dialect::Anthropic, &says("x")).json(&json).send().await.unwrap();
    check(Dialect::Anthropic, response, 501, "--proxy-anthropic-upstream").await;
    for path in ["/v1/unknown", "/", "/v1/chat/completions"] {
        check(Dialect::OpenAi, setup.get(path).send().await.unwrap(), 404, "no such path").await;
    }
    check(Dialect::Anthropic, setup.get("/v1/messages").send().await.unwrap(), 404, "path").await;
    setup.server.stop().await;
}

#[tokio::test]
async fn that_there_is_no_key_for_the_upstream_is_told_with_the_setting() {
    let setup = Setup::with(|settings| {
        for upstream in [&mut settings.openai, &mut settings.anthropic] {
            upstream.as_mut().unwrap().key = None;
        }
    })
    .await;
    for (dialect, setting) in [
        (Dialect::OpenAi, "set --proxy-upstream-key-file or proxy.upstream_key_env"),
        (Dialect::Anthropic, "set --proxy-anthropic-key-file or proxy.anthropic_key_env"),
    ] {
        let json = body(dialect, &said(&["u:hi"]), false);
        let script = Script { fails: 401, ..Script::default() };
        let refused = setup.post(dialect, &script).json(&json).send().await.unwrap();
        check(dialect, refused, 502, setting).await;
        // The caller's own key is the caller's to mend.
        let own = setup.post(dialect, &script).json(&json);
        let own = own.header("x-throughline-upstream-key", "sk-mine").send().await.unwrap();
        assert_eq!(own.status(), 401);
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn beyond_its_room_the_proxy_refuses_at_once() {
    let setup = Setup::with_room(|_| (), 1).await;
    let waits = Script { gate: u64::MAX, ..says("hello") };
    let first = setup.say("a", &["u:hi"], &waits, true);
    let mut first = Box::pin(first);
    tokio::select! {
        _ = &mut first => panic!("answered"),
        () = setup.upstream.wait_seen(1) => {}
    }
    let refused = setup.say("b", &["u:hi"], &says("hello"), true).await;
    assert!(refused.headers().contains_key("retry-after"));
    check(Dialect::OpenAi, refused, 429, "max_in_flight").await;
    drop(first);
    // The client went: its room is free again, and its turn is stored.
    let free = async {
        while setup.say("b", &["u:hi"], &says("hello"), true).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free).await.unwrap();
    assert_eq!(setup.stored("a").await, ["u:hi"]);
    setup.server.stop().await;
}

/// All that this server and its HTTP log. The clients of the other tests, which speak
/// gRPC in the same process, are none of it.
const LOGGED: &str = "throughline=trace,reqwest=trace,hyper=trace,hyper_util=trace,axum=trace";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_key_and_no_text_stands_in_a_log() {
    static LOG: OnceLock<Log> = OnceLock::new();
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        let subscriber =
            tracing_subscriber::fmt().with_env_filter(LOGGED).with_writer(log.clone()).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    });
    let setup = Setup::start().await;
    let own = "sk-of-the-caller-0815";
    for script in [
        says("hello"),
        Script { fails: 500, ..Script::default() },
        Script { fails: 401, ..Script::default() },
        Script { cut: true, ..says("hello") },
    ] {
        for streams in [true, false] {
            let json = body(Dialect::OpenAi, &said(&["u:the secret plan"]), streams);
            let request = setup.post(Dialect::OpenAi, &script).json(&json);
            let request = request.header("x-throughline-conversation", "log");
            let request = request.header("x-throughline-upstream-key", own);
            // A stream that broke off is an error here, not there.
            let _ = request.send().await.unwrap().text().await;
        }
    }
    let headers = setup.upstream.last().await.headers;
    assert_eq!(headers["authorization"], format!("Bearer {own}"));
    setup.server.stop().await;
    let written = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(written.contains("upstream"), "nothing was logged: {written}");
    for secret in [UPSTREAM_KEY, own, KEY, "secret plan"] {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
