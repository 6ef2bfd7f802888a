//! A model of entailment on ONNX Runtime, one that counts the words of a sentence that a
//! text has (`generate.py`): alone, as a judge, and behind the program's flag.

use std::time::{Duration, Instant};

use throughline_memory::{
    rerank::entailment::{self, EntailmentModel},
    staleness::unsure,
    turn::{ConversationId, TenantId},
};
use throughline_summarizer::entailment::{Case, EncoderEntailment, Entailment as _};

use super::*;

fn fixture() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reranker/word-entailment"))
}

fn open(dir: &Path) -> Result<EntailmentModel, RerankError> {
    let library = models::runtime_library(&models::built_in().unwrap(), models_dir());
    let files = CrossEncoderFiles::find(CrossEncoder::Entailment, dir)?;
    entailment::open(&files, library.as_deref(), 1)
}

#[test]
fn a_sentence_is_entailed_by_what_says_it_and_not_the_other_way() {
    let model = open(&fixture()).unwrap();
    assert_eq!((model.name(), model.version().len()), ("word-entailment", 64));
    let of = |premise: &str, sentence: &str| model.scores(sentence, &[premise]).unwrap()[0];
    for (premise, sentence, expected) in [
        ("The red cat", "A red cat", 0.979_63),
        ("The green dog", "A red cat", 0.015_876),
        ("red cat dog", "dog", 0.866_813),
        ("dog", "red cat dog", 0.106_507),
        ("", "cat", 0.106_507),
    ] {
        let found = of(premise, sentence);
        assert!((found - expected).abs() < 1e-4, "{premise} / {sentence}: {found}");
    }
    // Cut at what the model reads, from the longer: the sentence is whole.
    assert!(of(&"garden ".repeat(500), "a garden") > 0.8);
    let texts = ["a red cat", "", "a dog and a red, red cat", "nothing"];
    let together = model.scores("a red cat", &texts).unwrap();
    for (text, score) in texts.iter().zip(&together) {
        assert_eq!(of(text, "a red cat"), *score, "the same alone as in company: {text}");
    }
    assert!(model.scores("cat", &[]).unwrap().is_empty());
}

#[test]
fn pairs_of_turns_are_the_same_opposed_or_neither() {
    let model = open(&fixture()).unwrap();
    assert!(model.knows_contradiction());
    let relation = |earlier, later| unsure::PairJudge::relation(&model, earlier, later).unwrap();
    let same = relation("I have a red cat", "My cat is red");
    assert!(same.same > 0.95 && same.opposed < 0.05, "{same:?}");
    let opposed = relation("I have a red cat", "My dog is green");
    assert!(opposed.opposed > 0.8 && opposed.same < 0.05, "{opposed:?}");
    // Without such a label there is nothing to say of pairs.
    let labels = br#"{"id2label": {"0": "other", "1": "entailment", "2": "none"}}"#;
    let dir = changed(&fixture(), "config.json", labels);
    let model = open(dir.path()).unwrap();
    assert!(!model.knows_contradiction());
    assert_eq!(unsure::PairJudge::relation(&model, "cat", "dog"), None);
}

#[tokio::test]
async fn it_judges_by_all_of_the_evidence_and_by_each_piece() {
    let service =
        RerankService::start(Arc::new(open(&fixture()).unwrap()), RerankOptions::default());
    let judge = EncoderEntailment::new(Arc::new(service.unwrap()));
    assert!(judge.info().identity().starts_with("nli word-entailment "));
    let (tenant, conversation) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
    let entailed = async |sentence: &str| {
        let premise = ["user: I have a red cat".to_owned(), "user: And a green dog".to_owned()];
        let case = Case {
            tenant: &tenant,
            conversation: &conversation,
            erasures: 0,
            premise: &premise,
            hypothesis: sentence,
            deadline: Instant::now() + Duration::from_secs(20),
        };
        judge.entailed(&case).await.unwrap()
    };
    assert!(entailed("a red cat").await > 0.9, "one piece says it");
    assert!(entailed("a cat and a dog").await > 0.9, "both together say it");
    assert!(entailed("a blue bird").await < 0.1);
}

#[test]
fn what_is_no_model_of_entailment_is_refused_with_the_mend() {
    let unnamed = br#"{"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}}"#;
    let two = br#"{"id2label": {"0": "entailment", "1": "not_entailment"}}"#;
    let short = br#"{"id2label": {"0": "entailment", "1": "no"}, "max_position_embeddings": 4}"#;
    for (name, content, words) in [
        ("model.onnx", &b"no model"[..], "model.onnx"),
        ("tokenizer.json", b"{}", "tokenizer.json"),
        ("config.json", b"no JSON", "config.json"),
        ("config.json", b"{}", "id2label"),
        ("config.json", unnamed, "LABEL_2"),
        ("config.json", two, "3 logits for 2 labels"),
        ("config.json", short, "4 word pieces"),
    ] {
        let dir = changed(&fixture(), name, content);
        let error = open(dir.path()).err().expect("refused");
        assert!(matches!(error, RerankError::Model { .. }), "{error}");
        let error = error.to_string();
        let dir = dir.path().to_str().unwrap();
        for word in ["entailment model", dir, "docs/summaries.md", words] {
            assert!(error.contains(word), "{name} {word}: {error}");
        }
    }
    // A reranker has one label, and is none.
    let error = open(&super::fixture()).err().expect("refused").to_string();
    assert!(error.contains("at least two labels"), "{error}");
}

#[tokio::test]
async fn the_program_has_it_judge_summaries_where_it_is_told_to() {
    let data = tempfile::tempdir().unwrap();
    let dir = fixture();
    let (_served, address) = serve(data.path(), &["--entailment", dir.to_str().unwrap()]);
    let mut server = ServerServiceClient::connect(address.clone()).await.unwrap();
    let info = server.get_server_info(pb::GetServerInfoRequest {}).await.unwrap().into_inner();
    let judge = info.summaries.unwrap().entailment.expect("a judge");
    assert_eq!((&*judge.kind, &*judge.name, judge.version), ("nli", "word-entailment", 1));
    assert_eq!(judge.sha256, open(&fixture()).unwrap().version());
    let scorer = info.staleness.unwrap().scorer;
    let named = format!(", unsure pairs 1 word-entailment {}", &judge.sha256[..12]);
    assert!(scorer.ends_with(&named), "{scorer}");
    let identity = format!("nli word-entailment {} v1", &judge.sha256[..12]);
    let mut conversations = ConversationServiceClient::connect(address.clone()).await.unwrap();
    let created = conversations
        .create_conversation(pb::CreateConversationRequest {
            conversation_id: "c".to_owned(),
            ..pb::CreateConversationRequest::default()
        })
        .await
        .unwrap();
    let conversation = created.into_inner().conversation.unwrap().name;
    // Told in the third person, and so checked and judged.
    let texts = [
        "I need a red house with a garden.",
        "I took the train with my dog.",
        "I saw a blue bird in the garden.",
    ];
    let appended = pb::AppendTurnsRequest {
        conversation: conversation.clone(),
        turns: texts.iter().map(|text| said(text)).collect(),
        expected_last_sequence: None,
        wait_indexed: true,
    };
    conversations.append_turns(appended).await.unwrap();
    let mut memory = MemoryServiceClient::connect(address).await.unwrap();
    let summarized = memory
        .summarize(pb::SummarizeRequest { conversation: conversation.clone() })
        .await
        .unwrap()
        .into_inner();
    assert!(!summarized.summaries.is_empty(), "{summarized:?}");
    let request = pb::GetSummaryRequest { conversation, ..pb::GetSummaryRequest::default() };
    let read = memory.get_summary(request).await.unwrap().into_inner().summaries;
    assert!(!read.is_empty() && read.iter().all(|one| one.judged_by == identity), "{read:?}");
}

#[test]
fn the_program_says_what_is_missing_before_it_fetches_anything() {
    let data = tempfile::tempdir().unwrap();
    for (flags, words) in [
        (["--entailment", "llm"], "--llm"),
        (["--entailment", "/nowhere/at/all"], "no such directory"),
    ] {
        let out = command(data.path(), &flags).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && error.contains(words), "{flags:?}: {error}");
    }
}
