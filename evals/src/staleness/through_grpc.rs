//! Every data set's reader as it runs, against the double of the server: what
//! is sent, what is scored, what is left behind. The double takes "now" for an
//! update, "but" for a contradiction and "anyway" for a new topic.

use std::path::Path;

use clap::Parser as _;
use serde_json::Value;

use crate::{cli::Cli, double::Double, run};

/// Writes files below a folder of data sets, runs the command on one of them
/// and reads the result and the lines of the cases.
async fn measure(dataset: &str, files: &[(&str, &str)], flags: &str) -> (Value, Vec<Value>) {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let jsonl = path.extension().is_some_and(|ending| ending == "jsonl");
        let content = if jsonl {
            content.replace('\n', " ").replace('\u{1e}', "\n")
        } else {
            (*content).to_owned()
        };
        std::fs::write(path, content).unwrap();
    }
    let double = Double::default();
    let address = double.serve().await;
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (data, out, cases) = (dir.path().display(), at("out.json"), at("cases.jsonl"));
    let line = format!(
        "x staleness --dataset {dataset} --data {data} --server {address} --out {out} \
         --cases {cases} {flags}"
    );
    assert!(run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap());
    assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
    for conversation in double.created.lock().unwrap().iter() {
        assert!(conversation.labels.is_empty(), "{conversation:?}");
    }
    assert!(Path::new(&cases).is_file());
    let json: Value = serde_json::from_str(&read("out.json")).unwrap();
    let lines = read("cases.jsonl");
    (json, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn check(json: &Value, expected: &[(&str, f64)]) {
    for &(name, value) in expected {
        let got = json["metrics"][name]["value"].as_f64();
        assert!(got.is_some_and(|got| (got - value).abs() < 1e-6), "{name}: {got:?} for {value}");
    }
}

const DIALOGUE: &str = r#"{"dialogue_id": "d", "services": ["Hotels_1"], "turns": [
    {"speaker": "user", "text": "A room at the Hilton", "sets": {"Hotels_1.name": ["Hilton"]}},
    {"speaker": "system", "text": "Anything else?"},
    {"speaker": "user", "text": "For two", "sets": {"Hotels_1.people": ["2"]}},
    {"speaker": "user", "text": "now for three", "sets": {"Hotels_1.people": ["3"]}},
    {"speaker": "user", "text": "and the Marriott", "sets": {"Hotels_1.name": ["Marriott"]}}],
    "updates": [{"turn": 3, "old_turn": 2}, {"turn": 4, "old_turn": 0}],
    "turn_labels": {"0": "stale", "2": "stale", "3": "current", "4": "current"}}"#;

#[tokio::test]
async fn sgd_updates() {
    let files = [("sgd_updates/dialogues.jsonl", DIALOGUE)];
    let (json, lines) = measure("sgd_updates", &files, "").await;
    check(
        &json,
        &[
            // Of the two stale turns one is known, no current one is lost.
            ("auroc", 0.75),
            ("resurrected", 0.5),
            ("wrongly_retired", 0.0),
            // To find both stale ones means to take all.
            ("wrongly_retired@0.8", 1.0),
            ("edge_recall", 0.5),
            ("edge_precision", 1.0),
            // Turn 2 after turns 3 and 4, and turn 0 after turn 4, against four
            // current ones of no score.
            ("auroc_after_update", 10.0 / 12.0),
        ],
    );
    assert_eq!((json["n"].clone(), lines.len()), (1.into(), 4));
    assert_eq!(json["config"]["scorers"][0], "double/1");
    assert_eq!(json["details"]["reliability"][7]["share_positive"], 1.0);
}

#[tokio::test]
async fn components_are_left_out_one_by_one() {
    let files = [("sgd_updates/dialogues.jsonl", DIALOGUE)];
    let (json, _) = measure("sgd_updates", &files, "--ablate").await;
    check(&json, &[("auroc", 0.75), ("resurrected", 0.5)]);
    let rows = json["breakdown"].as_object().unwrap();
    let value = |row: &str, name: &str| rows[row][name]["value"].as_f64().unwrap();
    // The double knows replacements alone: without them all turns look the same.
    assert_eq!(value("without superseded", "auroc"), 0.5);
    assert_eq!(value("without superseded", "resurrected"), 1.0);
    for other in ["contradicted", "expired", "abandoned", "decayed"] {
        let row = format!("without {other}");
        assert_eq!((value(&row, "auroc"), value(&row, "resurrected")), (0.75, 0.5), "{other}");
        assert!(rows[&row]["ece"].is_object() && rows[&row]["average_precision"].is_object());
    }
    let flags = "--without superseded --without decayed";
    let (json, lines) = measure("sgd_updates", &files, flags).await;
    check(&json, &[("auroc", 0.5), ("auroc_after_update", 0.5), ("edge_recall", 0.5)]);
    assert_eq!(json["config"]["without"], serde_json::json!(["superseded", "decayed"]));
    assert!(lines.iter().all(|line| line["score"] == 0.0), "{lines:?}");
}

#[tokio::test]
async fn components_are_left_out_of_scores_alone() {
    for flags in ["--dataset additive --ablate", "--dataset additive --without expired"] {
        let line = format!("x staleness --server 127.0.0.1:1 {flags}");
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let error = run(cli).await.unwrap_err();
        assert!(error.to_string().contains("sgd_updates alone"), "{error}");
    }
}

const TIMELINE: &str = r#"{"id": "t", "track": "supersession", "initial_state":
    {"persistent_facts": [{"key": "city", "value": "Oslo", "scope": "global",
     "source": {"authority": "peer"}}]}, "events": [
    {"type": "conversation_turn", "ts": "2025-11-28T13:16:00", "speaker": "user",
     "text": "Seattle it is"},
    {"type": "supersession", "writes": [{"key": "city", "value": "Portland", "scope": "global",
     "source": {"authority": "peer"}}]},
    {"type": "query", "prompt": "Is it Oslo?", "ground_truth":
     {"must_mention": ["Portland", "Rome"], "must_not_mention": ["Oslo", "Seattle"]}}]}"#;
const PHRASES: &str = r#"{"id": "t", "query_index": 0, "kind": "superseded", "skip": []}"#;

#[tokio::test]
async fn statebench() {
    let files = [("statebench/dev.jsonl", TIMELINE), ("statebench_v2/scoring_dev.jsonl", PHRASES)];
    let (json, lines) = measure("statebench", &files, "").await;
    // Rome is an inference; Oslo was retired and stands in the query alone.
    check(&json, &[("must_mention", 1.0), ("must_mention_all", 0.5), ("forbidden_unmarked", 0.5)]);
    assert_eq!(lines[0]["unmarked"], serde_json::json!(["Seattle"]));
}

const ORACLE: &str = r#"[{"question_id": "k", "question_type": "knowledge-update",
    "question": "which city", "haystack_session_ids": ["answer_a", "answer_b"],
    "haystack_dates": ["2023/05/01 (Mon) 10:00", "2023/05/02 (Tue) 10:00"],
    "haystack_sessions": [
        [{"role": "user", "content": "which city oh Rome", "has_answer": true}],
        [{"role": "user", "content": "now a city in France", "has_answer": true}]],
    "answer_session_ids": ["answer_a", "answer_b"]}]"#;

#[tokio::test]
async fn longmemeval() {
    let (json, lines) =
        measure("longmemeval", &[("longmemeval/oracle.json", ORACLE)], "--split oracle").await;
    // The double ranks by shared words alone.
    check(
        &json,
        &[
            ("updated_above_original", 0.0),
            ("both_in_10", 1.0),
            ("without_recall@5", 1.0),
            ("update_edge", 1.0),
            ("mrr", 1.0),
        ],
    );
    assert_eq!(lines[0]["older_texts"][0], "which city oh Rome");
}

const CHAT: &str = r#"[{"batch_number": 1, "turns": [[
    {"role": "user", "id": 0, "content": "I never ski ->-> 1,1"},
    {"role": "assistant", "id": 1, "content": "Fine"}], [
    {"role": "user", "id": 2, "content": "But I ski ->-> 1,2"}]]}]"#;
const QUESTIONS: &str = r#"{"contradiction_resolution": [{"question": "Do I ski?",
    "source_chat_ids": {"first_statement": [0], "second_statement": [2]}}]}"#;

#[tokio::test]
async fn beam() {
    let files = [("beam/100K/01.questions.json", QUESTIONS), ("beam/100K/01.chat.json.gz", CHAT)];
    let packed = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    // The reader wants the chat packed: `measure` writes texts only.
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("beam/100K")).unwrap();
    std::fs::write(dir.path().join(files[0].0), files[0].1).unwrap();
    std::fs::write(dir.path().join(files[1].0), packed(files[1].1)).unwrap();
    for (budget, window, flagged) in [(4096, 1.0, 1.0), (10, 0.0, 0.0)] {
        let double = Double::default();
        let address = double.serve().await;
        let out = dir.path().join("out.json");
        let (data, out) = (dir.path().display(), out.display().to_string());
        let line = format!(
            "x staleness --dataset beam --data {data} --server {address} --out {out} --budget {budget}"
        );
        assert!(run(Cli::try_parse_from(line.split(' ')).unwrap()).await.unwrap());
        let json: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
        check(
            &json,
            &[
                ("contradiction_in_window", window),
                ("contradiction_flagged", flagged),
                ("contradiction_edge", 1.0),
                ("recall@5", 1.0),
            ],
        );
    }
}

const PAIRS: &str = "{\"id\": \"a\", \"speaker_id\": \"s\", \"locution_1\": \"we did\",
    \"locution_2\": \"we did not\", \"proposition_1\": \"taxes rose\",
    \"proposition_2\": \"but taxes fell\", \"label\": \"self-contradiction\", \"nodeset_id\": 1}\u{1e}
    {\"id\": \"b\", \"speaker_id\": \"s\", \"locution_1\": \"x\", \"locution_2\": \"but y\",
    \"proposition_1\": \"p\", \"proposition_2\": \"q\", \"label\": \"no self-contradiction\",
    \"prop_needed\": NaN, \"nodeset_id\": 2}";

#[tokio::test]
async fn prosecco() {
    let (json, lines) = measure("prosecco", &[("prosecco/pairs.jsonl", PAIRS)], "").await;
    check(&json, &[("balanced_accuracy", 1.0), ("balanced_accuracy_locutions", 0.0)]);
    assert_eq!(lines.len(), 4);
}

const TASKS: &str = "{\"domain\": \"calendar\", \"dialogue\": [
    {\"turn\": \"driver\", \"utterance\": \"dinner at 7\"},
    {\"turn\": \"assistant\", \"utterance\": \"but it is at 8\"}],
    \"scenario\": {\"hi\": \"1\"}}\u{1e}
    {\"domain\": \"calendar\", \"dialogue\": [
    {\"turn\": \"driver\", \"utterance\": \"dinner at 7\"},
    {\"turn\": \"assistant\", \"utterance\": \"now it is at 7\"}], \"scenario\": {\"hi\": \"0\"}}";

#[tokio::test]
async fn ci_tod() {
    let (json, _) = measure("ci_tod", &[("ci_tod/dev.jsonl", TASKS)], "").await;
    check(&json, &[("f1_hi", 2.0 / 3.0), ("recall_hi", 1.0), ("f1_hi_contradicts_alone", 1.0)]);
    let (json, _) = measure("ci_tod", &[("ci_tod/dev.jsonl", TASKS)], "--limit 1").await;
    assert_eq!(json["n"], 1);
}

const MESSAGES: &str = "{\"role\": \"user\", \"content\": \"I live in New York\",
    \"timestamp\": \"2025-05-15T09:12:00\"}\u{1e}
    {\"role\": \"user\", \"content\": \"now Austin\", \"timestamp\": \"2025-06-15T09:12:00\"}\u{1e}
    {\"role\": \"user\", \"content\": \"hello\", \"timestamp\": \"2025-07-15T09:12:00\"}";
const LABELS: &str = r#"{"changes": [
    {"fact": "city", "old_value": "New York City", "new_value": "Austin", "key_messages": [2]},
    {"fact": "diet", "old_value": "meat", "new_value": "vegan", "key_messages": [3]}],
    "conflicts": [{"topic": "greeting", "introduced_at_messages": [2, 3]}]}"#;

#[tokio::test]
async fn cri() {
    let files = [("cri/conversation.jsonl", MESSAGES), ("cri/labels.json", LABELS)];
    let (json, lines) = measure("cri", &files, "").await;
    assert_eq!(json["metrics"]["found"]["n"], 3);
    let got: Vec<_> = lines.iter().map(|line| line["found"] == true).collect();
    assert_eq!(got, [true, false, false]);
    assert_eq!(lines[1]["why"], "no earlier message has a word of the old value");
    assert_eq!(json["details"]["items"][0]["edges"][0]["earlier"], 1);
}

const PROFILE: &str = r#"{"user_id": "u", "sessions": [
    {"turns": [{"role": "user", "content": "I use PyTorch"}],
     "expected_memories_after": [{"fact": "Uses PyTorch"}]},
    {"turns": [{"role": "user", "content": "I moved to JAX now"}],
     "expected_memories_after": [{"fact": "Uses JAX", "contradicts": "PyTorch"}]},
    {"turns": [{"role": "user", "content": "What do I use now?"}],
     "expected_memories_after": []}]}"#;

#[tokio::test]
async fn memory_profiles() {
    let files = [("memory_profiles/profiles.jsonl", PROFILE)];
    let (json, _) = measure("memory_profiles", &files, "").await;
    // The double retires by attribute, and these have none.
    check(
        &json,
        &[("contradicts_found", 1.0), ("facts_superseded", 0.0), ("facts_wrongly_retired", 0.0)],
    );
}

const CHATS: &str = r#"{"1": [["hi", "-1"], ["hello", "0"], ["anyway I ski", "1"], ["ok", "0"],
    ["my dog", "1"], ["fine", "0"]]}"#;
const MEETING: &str = r#"{"id": "m", "meeting_transcripts": [
    {"speaker": "A", "content": "one"}, {"speaker": "B", "content": " "},
    {"speaker": "A", "content": "anyway"}, {"speaker": "B", "content": "so be it"}],
    "topic_list": [{"topic": "x", "relevant_text_span": [["0", "1"]]},
                   {"topic": "y", "relevant_text_span": [["2", "3"]]}]}"#;

#[tokio::test]
async fn topics() {
    let (json, lines) = measure("tiage", &[("tiage/dev.json", CHATS)], "").await;
    check(&json, &[("f1_shift", 2.0 / 3.0), ("cuts_ratio", 0.5), ("auroc", 0.75)]);
    assert_eq!(lines[0]["found"], serde_json::json!([2]));
    // A blank turn keeps its place and is not sent.
    let (json, _) = measure("qmsum", &[("qmsum/val.jsonl", MEETING)], "").await;
    check(&json, &[("f1_shift", 1.0), ("pk", 0.0), ("windowdiff", 0.0)]);
}

#[tokio::test]
async fn additive() {
    let (json, lines) = measure("additive", &[], "").await;
    assert!(json["metrics"]["replacing_missed"]["value"].as_f64().unwrap() > 0.5);
    assert_eq!(json["n"].as_u64().unwrap() as usize, lines.len());
}
