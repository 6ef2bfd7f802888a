//! What passes through: what goes up and comes down, and what does not.

use serde_json::{Value, json};
use throughline::{pb, proxy::Dialect};

use crate::{
    client::{KEY, Setup, WithJson as _, body, conversation_of},
    upstream::{Script, UPSTREAM_KEY, events, models, whole},
    words,
};

fn says(answer: &str) -> Script {
    Script { answer: answer.to_owned(), ..Script::default() }
}

#[tokio::test]
async fn without_a_conversation_nothing_is_touched_or_stored() {
    let setup = Setup::start().await;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        for streams in [true, false] {
            let json = format!(
                "{{ \"model\" : \"m\", \"stream\":{streams},\n \"messages\":[ {{\"role\":\"robot\"}} ], \"n\": 3 }}"
            );
            let request = setup.post(dialect, &says("hello")).body(json.clone());
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["x-throughline-memory"], "off");
            assert!(!response.headers().contains_key("x-throughline-conversation"));
            let got = response.text().await.unwrap();
            let sent = if streams {
                events(dialect, "hello", true).concat()
            } else {
                whole(dialect, "hello")
            };
            assert_eq!(got, sent);
            assert_eq!(setup.upstream.last().await.body, json);
        }
    }
    assert_eq!(setup.conversations().await, 0);
    setup.server.stop().await;
}

#[tokio::test]
async fn keys_are_exchanged_and_other_headers_pass() {
    let setup = Setup::start().await;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let json = body(dialect, &["u:hi".to_owned()], false);
        let request = setup.post(dialect, &says("hello")).json(&json);
        let request = request.header("x-throughline-conversation", "trip").header("x-kept", "yes");
        let response = request.header("cookie", "c=1").send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "up-1");
        assert!(!response.headers().contains_key("set-cookie"));
        let asked = setup.upstream.last().await;
        let shown = format!("{:?}", asked.headers);
        assert!(!shown.contains(KEY) && !shown.contains("x-throughline"), "{shown}");
        assert_eq!(asked.headers["x-kept"], "yes");
        assert!(!asked.headers.contains_key("cookie"));
        match dialect {
            Dialect::OpenAi => {
                assert_eq!(asked.path, "/v1/chat/completions");
                assert_eq!(asked.headers["authorization"], format!("Bearer {UPSTREAM_KEY}"));
            }
            Dialect::Anthropic => {
                assert_eq!(asked.path, "/v1/messages");
                assert_eq!(asked.headers["x-api-key"], UPSTREAM_KEY);
                assert_eq!(asked.headers["anthropic-version"], "2023-06-01");
            }
        }
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn the_models_are_those_of_the_upstream_in_both_apis() {
    let setup = Setup::start().await;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let request = match dialect {
            Dialect::OpenAi => setup.get("/v1/models?limit=7"),
            Dialect::Anthropic => {
                setup.get("/v1/models?limit=7").header("anthropic-version", "2023-06-01")
            }
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), models());
        let asked = setup.upstream.last().await;
        assert_eq!((asked.path.as_str(), asked.query.as_deref()), ("/v1/models", Some("limit=7")));
        let (name, key) = match dialect {
            Dialect::OpenAi => ("authorization", format!("Bearer {UPSTREAM_KEY}")),
            Dialect::Anthropic => ("x-api-key", UPSTREAM_KEY.to_owned()),
        };
        assert_eq!(asked.headers[name], key);
        assert!(!format!("{:?}", asked.headers).contains(KEY));
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn what_stands_behind_the_path_goes_up() {
    let setup = Setup::start().await;
    for (dialect, path, query) in [
        (Dialect::OpenAi, "/v1/chat/completions", "api-version=2024-10-21&x=%20y"),
        (Dialect::Anthropic, "/v1/messages", "beta=true"),
    ] {
        for conversation in ["", "queried"] {
            let json = body(dialect, &["u:hi".to_owned()], false);
            let request = setup.post_to(&format!("{path}?{query}"), dialect, &says("hello"));
            let request = request.json(&json).header("x-throughline-conversation", conversation);
            assert_eq!(request.send().await.unwrap().status(), 200);
            let asked = setup.upstream.last().await;
            assert_eq!((asked.path.as_str(), asked.query.as_deref()), (path, Some(query)));
        }
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn without_a_conversation_a_stream_without_an_end_passes_as_it_is() {
    let setup = Setup::start().await;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        for bytes in ["data: {\"choices\":[]}\n\n", "garbage", ""] {
            let script = Script { bytes: Some(bytes.to_owned()), ..Script::default() };
            let json = body(dialect, &["u:hi".to_owned()], true);
            let response = setup.post(dialect, &script).json(&json).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), bytes, "{dialect:?}");
        }
        // That the connection was lost is told, here too.
        let json = body(dialect, &["u:hi".to_owned()], true);
        let script = Script { cut: true, ..says("hel") };
        let response = setup.post(dialect, &script).json(&json).send().await.unwrap();
        let got = response.text().await.unwrap();
        assert!(got.starts_with(&events(dialect, "hel", false).concat()), "{got}");
        assert!(got.contains("broke off"), "{got}");
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_cut_within_an_event_ends_as_its_answer_is_stored() {
    let setup = Setup::start().await;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let events = events(dialect, "hello", true);
        let is_ending = |event: &&String| {
            event.contains("\"finish_reason\":\"stop\"") || event.contains("\"stop_reason\"")
        };
        assert_eq!(events.iter().filter(is_ending).count(), 1, "{events:?}");
        for (at, event) in events.iter().enumerate() {
            let before = events[..at].concat();
            let has_ended = events[..at].iter().any(|event| is_ending(&event));
            let expected: &[&str] = if has_ended {
                &["u:hi", "a:hello"]
            } else if before.contains("\"lo\"") {
                &["u:hi", "a~:hello"]
            } else if before.contains("\"hel\"") {
                &["u:hi", "a~:hel"]
            } else {
                &["u:hi"]
            };
            // In the middle, before its last line ends, and before the blank line.
            for cut in [event.len() / 2, event.len() - 2, event.len() - 1] {
                let id = format!("cut-{dialect:?}-{at}-{cut}").to_lowercase();
                let bytes = Some(format!("{before}{}", &event[..cut]));
                let script = Script { bytes, cut: true, ..Script::default() };
                let json = body(dialect, &["u:hi".to_owned()], true);
                let request = setup.post(dialect, &script).json(&json);
                let request = request.header("x-throughline-conversation", &id);
                let got = request.send().await.unwrap().text().await.unwrap();
                assert!(got.starts_with(&before), "{id}: {got}");
                // The end came, or an error behind it: never neither, and never both.
                assert_eq!(got.contains("broke off"), !has_ended, "{id}: {got}");
                assert_eq!(setup.stored(&id).await, expected, "{id}");
            }
        }
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_stored_though_the_client_goes() {
    let setup = Setup::start().await;
    for (gate, dialect) in [(1, Dialect::OpenAi), (2, Dialect::Anthropic)] {
        let id = format!("gone-{gate}");
        let script = Script { halves: gate, ..says("hello there") };
        let request = setup.post(dialect, &script);
        let request = request.json(&body(dialect, &["u:hi".to_owned()], false));
        let request = request.header("x-throughline-conversation", &id).send();
        // The client goes when its patience ends; the head of the answer is here then.
        let gone = tokio::time::timeout(std::time::Duration::from_secs(1), request).await;
        assert!(gone.is_err(), "answered before the second half came");
        assert_eq!(setup.stored(&id).await, ["u:hi"]);
        // Time for the server to notice.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        setup.upstream.let_go(gate);
        setup.wait_stored(&id, &["u:hi", "a:hello there"]).await;
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn the_window_stands_in_the_place_of_the_history_and_all_else_stays() {
    let setup = Setup::start().await;
    let mut said: Vec<String> = Vec::new();
    for number in 0..60 {
        said.push(format!("u:question {number}: {}", "tell me of the harbour ".repeat(5)));
        said.push(format!("a:answer {number}: {}", "the harbour is old ".repeat(5)));
    }
    said.insert(0, "s:You are a guide.".to_owned());
    said.push("u:what did I ask last?".to_owned());
    let mut json = body(Dialect::OpenAi, &said, false);
    json["tools"] = json!([{ "type": "function", "function": { "name": "f" } }]);
    let request = setup.post(Dialect::OpenAi, &says("the harbour")).json(&json);
    let request = request.header("x-throughline-conversation", "long");
    let response = request.header("x-throughline-budget", "1000").send().await.unwrap();
    let number =
        |name: &str| -> u64 { response.headers()[name].to_str().unwrap().parse().unwrap() };
    let (window, history) =
        (number("x-throughline-window-tokens"), number("x-throughline-history-tokens"));
    assert!(window <= 1_000 && history > 2_000, "{window} {history}");
    let asked = setup.upstream.last().await.json();
    for field in ["model", "seed", "vendor_field", "tools", "stream"] {
        assert_eq!(asked[field], json[field], "{field}");
    }
    let (sent, given) =
        (asked["messages"].as_array().unwrap(), json["messages"].as_array().unwrap());
    assert!(sent.len() < given.len() / 2, "{}", sent.len());
    assert_eq!((sent.first(), sent.last()), (given.first(), given.last()));
    assert_eq!(setup.stored("long").await.len(), 122);
    setup.server.stop().await;
}

#[tokio::test]
async fn recent_messages_pass_as_they_came() {
    let setup = Setup::start().await;
    let odd = r#"{"role": "user" , "content":"one", "x_vendor":{"a" : 1.50}}"#;
    let thought = r#"{"role":"assistant","content":"1","reasoning_content":"h\u00fcm"}"#;
    let newest = r#"{"content":"two","role":"user","cache":[ ]}"#;
    let ask = async |messages: String| {
        let request = setup.post(Dialect::OpenAi, &says("1"));
        let request = request.body(format!("{{\"model\":\"m\",\"messages\":[{messages}]}}"));
        let request = request.header("x-throughline-conversation", "odd");
        assert_eq!(request.send().await.unwrap().status(), 200);
    };
    ask(odd.to_owned()).await;
    ask(format!("{odd},\n{thought}, {newest}")).await;
    let asked = setup.upstream.last().await;
    let up = std::str::from_utf8(&asked.body).unwrap();
    assert_eq!(up, format!("{{\"model\":\"m\",\"messages\":[{odd},{thought},{newest}]}}"));
    assert_eq!(setup.stored("odd").await, ["u:one", "a:1", "u:two", "a:1"]);
    setup.server.stop().await;
}

#[tokio::test]
async fn parts_that_are_not_known_here_pass_and_are_recognised() {
    let setup = Setup::start().await;
    for (number, (dialect, part, kind)) in [
        (Dialect::OpenAi, r#"{"type":"image_url","image_url": "https://x.org/a.png"}"#, "image/*"),
        (Dialect::OpenAi, r#"{"type":"video_url","video_url": {"url":"x"}}"#, "video_url"),
        (Dialect::OpenAi, r#"{"type":"input_audio","input_audio": "AQ=="}"#, "input_audio"),
        (
            Dialect::Anthropic,
            r#"{"type":"search_result", "source":"s","content":[]}"#,
            "search_result",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("part-{number}");
        let first = format!(r#"{{"role":"user","content":[{part}]}}"#);
        let ask = async |messages: &str, answer: &str| {
            let request = setup.post(dialect, &says(answer));
            let body = format!(r#"{{"model":"m","max_tokens":9,"messages":[{messages}]}}"#);
            let request = request.header("x-throughline-conversation", &id).body(body);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "{part}: {:?}", response.text().await);
            setup.upstream.last().await
        };
        let up = ask(&first, "nice").await;
        assert!(std::str::from_utf8(&up.body).unwrap().contains(&first), "{up:?}");
        let more = r#"{"role":"assistant","content":"nice"},{"role":"user","content":"why?"}"#;
        ask(&format!("{first},{more}"), "so").await;
        let opaque = format!("opaque:{kind}");
        assert_eq!(
            setup.stored(&id).await,
            [opaque.as_str(), "a:nice", "u:why?", "a:so"],
            "{part}"
        );
    }
    assert_eq!(setup.conversations().await, 4);
    setup.server.stop().await;
}

#[tokio::test]
async fn a_program_that_cannot_set_headers_names_the_conversation_in_the_metadata() {
    let setup = Setup::start().await;
    let mut json = body(Dialect::OpenAi, &["u:hi".to_owned()], false);
    json["metadata"] =
        json!({ "throughline_conversation": "meta", "throughline_user": "ada", "k": "v" });
    let response = setup.post(Dialect::OpenAi, &says("hello")).json(&json).send().await.unwrap();
    assert_eq!(conversation_of(&response), "meta");
    assert_eq!(setup.upstream.last().await.json()["metadata"], json!({ "k": "v" }));
    let found = setup.client().get("conversations/meta").await.unwrap();
    assert_eq!(found.user_id, "ada");
    assert_eq!(setup.stored("meta").await, ["u:hi", "a:hello"]);
    setup.server.stop().await;
}

#[tokio::test]
async fn the_beginning_of_an_answer_that_the_caller_gives_belongs_to_it() {
    let setup = Setup::start().await;
    let json = body(Dialect::Anthropic, &["u:hi".to_owned(), "a:The an".to_owned()], false);
    let request = setup.post(Dialect::Anthropic, &says("swer")).json(&json);
    let response = request.header("x-throughline-conversation", "begun").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let asked = setup.upstream.last().await.json();
    assert_eq!(asked["messages"].as_array().unwrap().last().unwrap()["role"], "assistant");
    assert_eq!(setup.stored("begun").await, ["u:hi", "a:The answer"]);
    setup.server.stop().await;
}

#[tokio::test]
async fn outcomes_are_recorded_with_latency_model_and_prompt() {
    let setup = Setup::start().await;
    for (id, streams) in [("whole", false), ("streamed", true)] {
        let json = body(Dialect::OpenAi, &["u:hi".to_owned()], streams);
        let request = setup.post(Dialect::OpenAi, &says("hello")).json(&json);
        let request = request.header("x-throughline-conversation", id);
        let request = request.header("x-throughline-prompt-version", "p7");
        request.send().await.unwrap().text().await.unwrap();
        let outcome = wait_outcome(&setup, id).await;
        assert_eq!((outcome.model.as_str(), outcome.prompt_version.as_str()), ("m-1", "p7"));
        assert!(outcome.latency.is_some());
        assert_eq!(outcome.turn, format!("conversations/{id}/turns/2"));
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn an_answer_that_broke_off_has_an_outcome_too() {
    let setup = Setup::start().await;
    let script = Script { cut: true, ..says("hel") };
    setup.say("cut", &["u:hi"], &script, true).await.text().await.unwrap();
    let outcome = wait_outcome(&setup, "cut").await;
    assert_eq!(
        (outcome.model.as_str(), outcome.turn.as_str()),
        ("m-1", "conversations/cut/turns/2")
    );
    // How long it took; not a verdict.
    assert!(outcome.latency.is_some());
    assert_eq!((outcome.task_success, outcome.judge_score, outcome.thumbs_up), (None, None, None));
    setup.server.stop().await;
}

#[tokio::test]
async fn a_whole_answer_says_where_it_stands() {
    let setup = Setup::start().await;
    for (dialect, first, second) in [(Dialect::OpenAi, 1, 2), (Dialect::Anthropic, 3, 4)] {
        let id = format!("twice-{first}");
        let ask = |answer: &str, gate: u64| {
            let script = Script { gate, ..says(answer) };
            let json = body(dialect, &["u:hi".to_owned()], false);
            let request = setup.post(dialect, &script).json(&json);
            request.header("x-throughline-conversation", &id).send()
        };
        let mut one = Box::pin(ask("hello", first));
        tokio::select! {
            _ = &mut one => panic!("answered"),
            () = setup.upstream.wait_seen(first) => {}
        }
        let mut other = Box::pin(ask("hey", second));
        tokio::select! {
            _ = &mut other => panic!("answered"),
            () = setup.upstream.wait_seen(second) => {}
        }
        setup.upstream.let_go(first);
        assert_eq!(conversation_of(&one.await.unwrap()), id);
        setup.upstream.let_go(second);
        // There was an answer already: this one is a branch.
        let branch = conversation_of(&other.await.unwrap());
        assert_ne!(branch, id);
        assert_eq!(setup.stored(&id).await, ["u:hi", "a:hello"]);
        assert_eq!(setup.stored(&branch).await, ["u:hi", "a:hey"]);
    }
    setup.server.stop().await;
}

async fn wait_outcome(setup: &Setup, id: &str) -> pb::Outcome {
    for _ in 0..500 {
        let request = pb::GetDegradationRequest {
            conversation: format!("conversations/{id}"),
            ..pb::GetDegradationRequest::default()
        };
        let answer = setup.client().degradation().get_degradation(request).await.unwrap();
        let turns = answer.into_inner().turns;
        if let Some(outcome) = turns.iter().flat_map(|turn| &turn.outcomes).next() {
            return outcome.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no outcome of {id}");
}

#[tokio::test]
async fn tool_rounds_stand_behind_the_window_as_they_came() {
    let setup = Setup::start().await;
    let call = "call:c1:look:{\"at\":\"Vienna\"}";
    setup.say("tools", &["u:weather?"], &says(call), true).await.text().await.unwrap();
    let said = ["u:weather?", call, "t:c1:rain"];
    setup.say("tools", &said, &says("it rains"), true).await.text().await.unwrap();
    let asked = setup.upstream.last().await.json();
    let roles: Vec<&Value> =
        asked["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool"]);
    setup.server.stop().await;
}

#[tokio::test]
async fn a_long_history_is_recognised_when_it_comes_again() {
    let setup = Setup::start().await;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let id = format!("again-{dialect:?}").to_lowercase();
        let ask = async |said: &[String], script: Script| {
            let request = setup.post(dialect, &script).json(&body(dialect, said, false));
            request.header("x-throughline-conversation", &id).send().await.unwrap()
        };
        let exchange = |number| [format!("u:question {number}"), format!("a:answer {number}")];
        let mut said: Vec<String> = (0..63).flat_map(exchange).collect();
        said.push("u:weather?".to_owned());
        // Messages are read in blocks: the call is the last of one.
        let call = "call:c1:look:{}";
        assert_eq!(ask(&said, says(call)).await.status(), 200);
        said.extend([call.to_owned(), "t:c1:rain".to_owned()]);
        assert_eq!(ask(&said, Script { fails: 500, ..Script::default() }).await.status(), 500);
        assert_eq!(ask(&said, says("it rains")).await.status(), 200);
        said.extend(["a:it rains".to_owned(), "u:thanks".to_owned()]);
        let response = ask(&said, says("welcome")).await;
        assert_eq!(conversation_of(&response), id);
        let asked = setup.upstream.last().await.json();
        assert_eq!(words::of_messages(&asked["messages"]).last().unwrap(), "u:thanks");
        let stored = setup.stored(&id).await;
        assert_eq!(stored[..131], said, "{dialect:?}");
        assert_eq!(stored[131..], ["a:welcome"]);
        // A result without its call is told from one with it, and an edit is seen.
        let lost = [&said[..], &["a:welcome".to_owned(), "t:c2:x".to_owned()]].concat();
        assert_eq!(ask(&lost, says("no")).await.status(), 400);
        said[70] = "u:edited".to_owned();
        let edited = conversation_of(&ask(&said, says("welcome")).await);
        assert_ne!(edited, id);
        assert_eq!(setup.stored(&edited).await[..131], said, "{dialect:?}");
        assert_eq!(setup.stored(&id).await, stored);
    }
    setup.server.stop().await;
}

#[tokio::test]
async fn what_is_pinned_reaches_the_model() {
    let setup = Setup::start().await;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let id = format!("pinned-{dialect:?}").to_lowercase();
        let name = setup.client().create(&id).await;
        setup.client().pin(&name, "The user is allergic to nuts.").await;
        let said = ["s:Be brief.".to_owned(), "u:what can I eat?".to_owned()];
        let request = setup.post(dialect, &says("apples")).json(&body(dialect, &said, false));
        let request = request.header("x-throughline-conversation", &id);
        assert_eq!(request.send().await.unwrap().status(), 200);
        let asked = setup.upstream.last().await.json().to_string();
        assert!(asked.contains("allergic to nuts") && asked.contains("Be brief."), "{asked}");
    }
    setup.server.stop().await;
}
