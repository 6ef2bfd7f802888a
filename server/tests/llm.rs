//! The local engine on a real model file, SmolLM2-135M, pulled first into
//! `THROUGHLINE_MODELS_DIR` or `target/models`. That it runs as it should is
//! tested, not what it says: the model is too small for that.

#![allow(missing_docs, clippy::expect_used)]

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use throughline::models::{self, Progress};
use throughline_memory::turn::{ConversationId, Role, TenantId};
use throughline_summarizer::{
    entailment::{Case, Entailment as _, JudgeError, ModelEntailment},
    llm::{
        ChatModel, ChatRequest, ChatTokenizer, DeviceChoice, Finish, Generation, LlmError,
        LocalModel, Message, QueueLimits, Sampling, ServedModel,
    },
};

const MODEL: &str = "smollm2-135m-instruct";

const CONTEXT: usize = 1024;

/// The models directory, with the model in it.
fn local(name: &str) -> LocalModel {
    static PULLING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let dir = std::env::var_os("THROUGHLINE_MODELS_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/models")),
        PathBuf::from,
    );
    let _one_at_a_time = PULLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    models::ensure(&[name], &dir, &Progress::Lines).expect("pulled");
    let registry = models::built_in().expect("models.toml");
    let file = models::llm_file(&registry, name, &dir).expect("there");
    LocalModel {
        name: name.to_owned(),
        path: file.path,
        sha256: file.sha256,
        device: DeviceChoice::Cpu,
        context_tokens: CONTEXT,
    }
}

fn open() -> ServedModel {
    local(MODEL).open(QueueLimits::default()).expect("a model")
}

/// One model for all tests.
fn shared() -> &'static ServedModel {
    static SHARED: OnceLock<ServedModel> = OnceLock::new();
    SHARED.get_or_init(open)
}

fn request(prompt: &str, max_tokens: usize) -> ChatRequest {
    let messages = vec![
        Message::new(Role::System, "You answer in one short sentence."),
        Message::new(Role::User, prompt),
    ];
    let mut request = ChatRequest::new(TenantId::new("test").expect("an id"), "v1", messages);
    request.options.max_tokens = max_tokens;
    request
}

async fn ask(model: &ServedModel, request: &ChatRequest) -> Generation {
    model.generate(request, None).await.expect("a generation")
}

/// Of `reference`, a second implementation of byte-pair merging straight from
/// the files' merges.
fn check_tokens(tokenizer: &ChatTokenizer, text: &str, expected: &[u32]) {
    assert_eq!(tokenizer.text(text).expect("tokens"), expected, "{text:?}");
}

#[test]
fn smollm2_cuts_digits_and_spaces_as_it_was_trained() {
    let tokenizer = ChatTokenizer::open(&local(MODEL).path).expect("a tokenizer");
    check_tokens(&tokenizer, "Hello, world!", &[19556, 28, 905, 17]);
    check_tokens(
        &tokenizer,
        "I paid 1,234.50 on 2024-05-07.",
        &[
            57, 5940, 216, 33, 28, 34, 35, 36, 30, 37, 32, 335, 216, 34, 32, 34, 36, 29, 32, 37,
            29, 32, 39, 30,
        ],
    );
    check_tokens(
        &tokenizer,
        "  two  spaces\n\n\tand a tab ",
        &[216, 827, 216, 5600, 1116, 197, 397, 253, 10147, 216],
    );
    check_tokens(
        &tokenizer,
        "Grüße aus München – schön wär’s!",
        &[
            27302, 7170, 34878, 85, 253, 376, 30919, 94, 7554, 816, 11659, 32569, 267, 42871, 417,
            99, 17,
        ],
    );
    check_tokens(&tokenizer, "DON'T we'll I'M", &[52, 2154, 23, 68, 392, 3060, 339, 23, 61]);
    // In a text it is no control token.
    check_tokens(&tokenizer, "<|im_end|>", &[44, 108, 306, 79, 486, 108, 46]);
    for text in [
        "",
        "  leading",
        "今日は東京で会議があります。",
        "👩‍👩‍👧‍👦 🎉 done",
        "e\u{301}",
        "SELECT * FROM t WHERE id = 42; -- \"quoted\" {json: [1, 2.5e-3]}\r\n\t\u{a0}x",
        "مرحبا بالعالم Привет <|im_start|>",
    ] {
        let tokens = tokenizer.text(text).expect("tokens");
        assert_eq!(tokenizer.decode(&tokens), text, "there and back");
    }
}

#[test]
#[ignore = "pulls 490 MB; run by hand after a change to the tokenizer"]
fn qwen_cuts_as_it_was_trained() {
    let path = local("qwen2.5-coder-0.5b-instruct").path;
    let tokenizer = ChatTokenizer::open(&path).expect("a tokenizer");
    check_tokens(&tokenizer, "Hello, world!", &[9707, 11, 1879, 0]);
    check_tokens(
        &tokenizer,
        "I paid 1,234.50 on 2024-05-07.",
        &[
            40, 7171, 220, 16, 11, 17, 18, 19, 13, 20, 15, 389, 220, 17, 15, 17, 19, 12, 15, 20,
            12, 15, 22, 13,
        ],
    );
    check_tokens(
        &tokenizer,
        "  two  spaces\n\n\tand a tab ",
        &[220, 1378, 220, 12621, 271, 52477, 264, 5651, 220],
    );
    check_tokens(
        &tokenizer,
        "今日は東京で会議があります。",
        &[133165, 102356, 46553, 16161, 36993, 101791, 126375, 1773],
    );
    check_tokens(&tokenizer, "DON'T we'll I'M", &[84641, 17323, 582, 3278, 358, 27603]);
    check_tokens(&tokenizer, "<|im_end|>", &[27, 91, 318, 6213, 91, 29]);
    check_tokens(&tokenizer, "e\u{301}", &[963]);
}

#[tokio::test]
async fn an_answer_comes_in_pieces_and_is_the_same_each_time() {
    let model = shared();
    assert_eq!(model.info().device, "cpu");
    assert_eq!(model.info().context_tokens, Some(CONTEXT));
    let (send, mut pieces) = tokio::sync::mpsc::unbounded_channel();
    let request = request("What is the capital of France?", 24);
    let first = model.generate(&request, Some(send)).await.expect("a generation");
    let mut joined = String::new();
    while let Some(piece) = pieces.recv().await {
        joined.push_str(&piece);
    }
    assert_eq!(joined, first.text);
    assert!(first.text.contains("Paris"), "{first:?}");
    assert_eq!(ask(model, &request).await.text, first.text);
}

#[tokio::test]
async fn what_was_read_before_changes_no_answer() {
    let long = "The lake was cold and the boat was small. ".repeat(20);
    let prompts = [
        format!("{long} Where was the boat?"),
        format!("{long} How was the lake? Say it in other words."),
        "Name a colour.".to_owned(),
    ];
    let used = open();
    let mut reused = 0;
    for prompt in &prompts {
        let request = request(prompt, 20);
        let after_others = ask(&used, &request).await;
        reused += after_others.cached_prompt_tokens;
        let fresh = ask(&open(), &request).await;
        assert_eq!(fresh.cached_prompt_tokens, 0);
        assert_eq!(after_others.text, fresh.text, "{prompt}");
        assert_eq!(after_others.prompt_tokens, fresh.prompt_tokens);
    }
    assert!(reused >= 128, "the second prompt begins like the first: {reused} reused");
}

#[tokio::test]
async fn bounds_end_an_answer() {
    let model = shared();
    let mut counting = request("Write a very long story about a lake.", 12);
    let cut = ask(model, &counting).await;
    assert_eq!((cut.finish, cut.generated_tokens), (Finish::Length, 12));
    let word = cut.text.split_whitespace().nth(2).expect("three words").to_owned();
    counting.options.stop = vec![word.clone()];
    let stopped = ask(model, &counting).await;
    assert_eq!(stopped.finish, Finish::Stop);
    assert!(cut.text.starts_with(&stopped.text) && !stopped.text.contains(&word), "{stopped:?}");
    let error = model.generate(&request(&"word ".repeat(CONTEXT), 5), None).await;
    let error = error.expect_err("too long");
    assert!(matches!(error, LlmError::PromptTooLong { limit: 1023, .. }), "{error}");
}

#[tokio::test]
async fn deadline_and_cancelling_end_a_running_answer() {
    let model = shared();
    let mut endless = request("Write a very long story about a lake.", 900);
    endless.options.deadline = Some(Instant::now() + Duration::from_millis(400));
    assert_eq!(ask(model, &endless).await.finish, Finish::Deadline);
    endless.options.deadline = None;
    let (send, mut pieces) = tokio::sync::mpsc::unbounded_channel();
    let cancel = endless.cancel.clone();
    let (done, ()) = tokio::join!(model.generate(&endless, Some(send)), async {
        pieces.recv().await.expect("a first piece");
        cancel.cancel();
    });
    let done = done.expect("a generation");
    assert_eq!(done.finish, Finish::Cancelled);
    assert!(!done.text.is_empty() && done.generated_tokens < 900, "{}", done.generated_tokens);
}

#[tokio::test]
async fn a_seed_gives_its_own_text() {
    let model = shared();
    let mut told = request("Tell me something surprising.", 24);
    let mut with = async |seed| {
        told.options.sampling = Sampling::Seeded { seed, temperature: 1.5, top_p: 0.95 };
        ask(model, &told).await.text
    };
    let (first, again, other) = (with(1).await, with(1).await, with(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test]
async fn scores_are_log_probabilities_of_what_would_be_said() {
    let model = shared();
    let request = request("What is the capital of France?", 8);
    let said = ask(model, &request).await.text;
    let begin = said.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let texts = [said.clone(), begin, "Zebra".to_owned()];
    let scores = model.score(&request, &texts).await.expect("scores");
    let [whole, begin, other] = scores[..] else { panic!("{scores:?}") };
    assert!(scores.iter().all(|score| *score < 0.0 && score.is_finite()), "{scores:?}");
    assert!(begin >= whole, "a beginning is at least as likely: {scores:?}");
    assert!(begin > other + 3.0, "{scores:?}");
    // Scoring leaves nothing behind.
    assert_eq!(ask(model, &request).await.text, said);
    assert_eq!(model.score(&request, &texts).await.expect("scores"), scores);
}

#[tokio::test]
async fn as_a_judge_a_model_says_the_same_each_time_and_keeps_to_the_deadline() {
    let judge = ModelEntailment::new(Arc::new(open()));
    assert_eq!(judge.info().kind, "llm");
    assert!(judge.info().identity().starts_with("llm smollm2-135m-instruct "));
    let (tenant, conversation) =
        (TenantId::new("t").expect("an id"), ConversationId::new("c").expect("an id"));
    let premise = ["Anna: I booked a room at the lake.".to_owned(), "Ben: Fine.".to_owned()];
    let case = |hypothesis, left| Case {
        tenant: &tenant,
        conversation: &conversation,
        erasures: 0,
        premise: &premise,
        hypothesis,
        deadline: Instant::now() + left,
    };
    let long = Duration::from_secs(300);
    let mut answers = Vec::new();
    for hypothesis in ["Anna booked a room.", "Ben sold a boat.", "Anna booked a room."] {
        answers.push(match judge.entailed(&case(hypothesis, long)).await {
            Ok(probability) => {
                assert!((0.0..=1.0).contains(&probability), "{probability}");
                Some(probability)
            }
            // It is too small to be held to an answer.
            Err(JudgeError::Undecided) => None,
            Err(error) => panic!("{error}"),
        });
    }
    assert_eq!(answers[0], answers[2], "the same, whatever was asked between");
    let late = judge.entailed(&case("Anna booked a room.", Duration::ZERO)).await;
    let late = late.expect_err("too late");
    assert!(matches!(late, JudgeError::Llm(LlmError::Halted(Finish::Deadline))), "{late}");
    let long = "I went to the lake and back. ".repeat(400);
    let premise = vec![format!("Anna: {long}"); 5];
    let case =
        Case { premise: &premise, ..case("Anna went to the lake.", Duration::from_secs(300)) };
    let bounded = judge.entailed(&case).await;
    // What does not fit is an answer of the model's, not a crash.
    let fits = matches!(
        bounded,
        Ok(_) | Err(JudgeError::Undecided | JudgeError::Llm(LlmError::PromptTooLong { .. }))
    );
    assert!(fits, "{bounded:?}");
}

/// The program, ended with the test.
struct Program(std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_serves_a_model_to_whoever_speaks_chat_completions() {
    use std::io::BufRead as _;
    let dir = local(MODEL).path.parent().and_then(|dir| dir.parent()).expect("a dir").to_owned();
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_throughline"))
        .args(["models", "serve", MODEL, "--listen", "127.0.0.1:0", "--device", "cpu"])
        .args(["--context-tokens", "512", "--models-dir"])
        .arg(&dir)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program");
    let mut program = Program(program);
    let mut line = String::new();
    let out = program.0.stdout.take().expect("its output");
    std::io::BufReader::new(out).read_line(&mut line).expect("a line");
    let address = line.trim().rsplit(' ').next().expect("an address");
    assert!(line.contains("listening on 127.0.0.1:"), "{line}");
    let body = |stream: &str| {
        format!(
            r#"{{"model": "{MODEL}", "max_tokens": 12, "stream": {stream}, "messages":
            [{{"role": "user", "content": "Name the capital of France."}}]}}"#
        )
    };
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = |stream: &'static str| {
        let sent = client.post(format!("http://{address}/v1/chat/completions"));
        let sent = sent.body(body(stream));
        async move { sent.send().await.expect("an answer").text().await.expect("a text") }
    };
    let whole: serde_json::Value = serde_json::from_str(&ask("false").await).expect("JSON");
    let whole = whole["choices"][0]["message"]["content"].as_str().expect("words").to_owned();
    assert!(!whole.trim().is_empty());
    let streamed = ask("true").await;
    let events = streamed.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    let said: String = events
        .filter_map(|event| {
            let event: serde_json::Value = serde_json::from_str(&format!("{{{event}")).ok()?;
            Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())
        })
        .collect();
    assert_eq!(said, whole, "the same, since it is greedy");
}
