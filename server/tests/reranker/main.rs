//! The reranker on ONNX Runtime, with a model that counts the words that question
//! and text share (`generate.py`): alone, and behind the program's flag. Pulls the
//! embedding model and ONNX Runtime first, into `THROUGHLINE_MODELS_DIR` or
//! `target/models`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod entailment;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
};

use throughline::{
    models::{self, Progress},
    pb::{
        self, context_service_client::ContextServiceClient,
        conversation_service_client::ConversationServiceClient,
        memory_service_client::MemoryServiceClient, server_service_client::ServerServiceClient,
    },
};
use throughline_memory::rerank::{
    CrossEncoder, CrossEncoderFiles, Rerank, RerankError, RerankOptions, RerankService,
    fastembed::{self, FastReranker},
};

const MODEL: &str = "all-MiniLM-L6-v2";

/// The models directory, with ONNX Runtime in it.
fn models_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = std::env::var_os("THROUGHLINE_MODELS_DIR").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/models")),
            PathBuf::from,
        );
        models::ensure(&[MODEL], &dir, &Progress::Lines).expect("the default model");
        dir
    })
}

fn fixture() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reranker/word-overlap"))
}

fn open(dir: &Path) -> Result<FastReranker, RerankError> {
    let library = models::runtime_library(&models::built_in().unwrap(), models_dir());
    fastembed::open(&CrossEncoderFiles::find(CrossEncoder::Reranker, dir)?, library.as_deref(), 1)
}

/// A copy of a fixture with one file changed.
fn changed(fixture: &Path, name: &str, content: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(fixture).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    fs::write(dir.path().join(name), content).unwrap();
    dir
}

#[test]
fn question_and_text_are_read_together() {
    let reranker = open(&fixture()).unwrap();
    assert_eq!(reranker.name(), "word-overlap");
    assert_eq!(reranker.version().len(), 64);
    let texts = [
        "the red house",
        "",
        "Red house, red garden!",
        "nothing of it",
        "a blue train and a green bird and one two three four five",
        &"garden ".repeat(500),
    ];
    let scores = reranker.scores("Where is the red garden?", &texts).unwrap();
    assert_eq!(scores[..5], [1.0, 0.0, 3.0, 0.0, 0.0]);
    // Cut at what the model reads.
    assert!(scores[5] > 40.0 && scores[5] < 64.0, "{scores:?}");
    for (text, score) in texts.iter().zip(&scores) {
        let alone = reranker.scores("Where is the red garden?", &[text]).unwrap();
        assert_eq!(alone, [*score], "the same alone as in company: {text:.20}");
    }
    assert!(reranker.scores("red", &[]).unwrap().is_empty());
}

#[tokio::test]
async fn the_service_scores_more_texts_than_one_run_takes() {
    let engine = Arc::new(open(&fixture()).unwrap());
    let service = RerankService::start(engine, RerankOptions::default()).unwrap();
    let texts: Vec<String> = (0..30).map(|at| "cat ".repeat(at * 7 % 30)).collect();
    let scores = service.scores("cat".to_owned(), texts).await.unwrap();
    let expected: Vec<f32> = (0..30).map(|at| (at * 7 % 30) as f32).collect();
    assert_eq!(scores, expected);
}

#[test]
fn what_is_no_reranker_is_refused_with_the_mend() {
    let labels = br#"{"pad_token_id": 0, "id2label": {"0": "no", "1": "yes"}}"#;
    for (name, content, words) in [
        ("model.onnx", &b"no model"[..], ""),
        ("tokenizer.json", b"{}", "tokenizer.json"),
        ("config.json", b"no JSON", "config.json"),
        ("config.json", labels, "2 labels"),
        ("tokenizer_config.json", b"{}", "model_max_length"),
    ] {
        let dir = changed(&fixture(), name, content);
        let error = open(dir.path()).err().expect("refused").to_string();
        let dir = dir.path().to_str().unwrap();
        for word in [dir, "docs/ranking.md"] {
            assert!(error.contains(word), "{error}");
        }
        assert!(error.contains(words), "{name}: {error}");
    }
    // An embedding model gives vectors, and no score.
    let onnx = fs::read(models_dir().join(MODEL).join("onnx/model.onnx"));
    let dir = changed(&fixture(), "model.onnx", &onnx.expect("the embedding model"));
    let error = open(dir.path()).err().expect("refused");
    assert!(matches!(error, RerankError::Model { .. }), "{error}");
}

/// The program; ended with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(data: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THROUGHLINE_") {
            command.env_remove(name);
        }
    }
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--no-pull"]);
    command.arg("--data-dir").arg(data).arg("--models-dir").arg(models_dir()).args(flags);
    command
}

fn serve(data: &Path, flags: &[&str]) -> (Served, String) {
    let mut child = command(data, flags).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let served = Served(child);
    let line = lines.next().expect("a line").unwrap();
    let address = line.strip_prefix("listening on ").expect("an address").to_owned();
    (served, format!("http://{address}"))
}

fn said(text: &str) -> pb::Turn {
    let content = Some(pb::part::Content::Text(text.to_owned()));
    let parts = vec![pb::Part { content }];
    pb::Turn { role: pb::Role::User.into(), parts, ..pb::Turn::default() }
}

#[tokio::test]
async fn the_program_reranks_where_it_is_told_to() {
    let data = tempfile::tempdir().unwrap();
    let dir = fixture();
    let flags = ["--no-summaries", "--reranker", dir.to_str().unwrap(), "--rerank-top", "3"];
    let (_served, address) = serve(data.path(), &flags);
    let mut server = ServerServiceClient::connect(address.clone()).await.unwrap();
    let info = server.get_server_info(pb::GetServerInfoRequest {}).await.unwrap().into_inner();
    let reranker = info.reranker.expect("a reranker");
    assert_eq!((&*reranker.name, reranker.top), ("word-overlap", 3));
    let mut conversations = ConversationServiceClient::connect(address.clone()).await.unwrap();
    let created = conversations
        .create_conversation(pb::CreateConversationRequest {
            conversation_id: "c".to_owned(),
            ..pb::CreateConversationRequest::default()
        })
        .await
        .unwrap();
    let conversation = created.into_inner().conversation.unwrap().name;
    // The best by words and meaning is short; the reranker counts.
    let texts = ["a cat", "cat, cat and cat: three at my aunt's", "the cat of my cat", "no animal"];
    let appended = pb::AppendTurnsRequest {
        conversation: conversation.clone(),
        turns: texts.iter().map(|text| said(text)).collect(),
        expected_last_sequence: None,
        wait_indexed: true,
    };
    conversations.append_turns(appended).await.unwrap();
    let mut memory = MemoryServiceClient::connect(address.clone()).await.unwrap();
    let request = pb::SearchTurnsRequest {
        scope: Some(pb::search_turns_request::Scope::Conversation(conversation.clone())),
        query: "cat".to_owned(),
        ..pb::SearchTurnsRequest::default()
    };
    let found = memory.search_turns(request).await.unwrap().into_inner();
    assert!(found.shortfalls.is_empty(), "{:?}", found.shortfalls);
    let given: Vec<Option<f32>> = found
        .hits
        .iter()
        .map(|hit| hit.score.as_ref().unwrap().components.get("rerank").copied())
        .collect();
    assert_eq!(given, [Some(3.0), Some(2.0), Some(1.0), None]);
    let totals: Vec<f32> = found.hits.iter().map(|hit| hit.score.as_ref().unwrap().total).collect();
    assert!(totals[0] == 1.0 && totals.is_sorted_by(|a, b| a >= b), "{totals:?}");
    let mut context = ContextServiceClient::connect(address).await.unwrap();
    let request = pb::BuildContextRequest {
        conversation,
        query: "cat".to_owned(),
        options: Some(pb::ContextOptions { token_budget: 2_000, ..pb::ContextOptions::default() }),
        ..pb::BuildContextRequest::default()
    };
    let built = context.build_context(request).await.unwrap().into_inner();
    assert!(built.window.is_some_and(|window| window.shortfalls.is_empty()));
}
