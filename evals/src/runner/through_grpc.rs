//! The commands as they run, against the double of the server: what is sent,
//! what is scored, what is left behind.

use clap::Parser as _;
use serde_json::Value;

use crate::{
    cli::{Cli, Command},
    double::{Double, Fault},
    run,
};

const MEETING: &str = r#"{"id": "m", "meeting_transcripts": [
    {"speaker": "A", "content": "apples are red"}, {"speaker": "B", "content": " "},
    {"speaker": "A", "content": "pears are green"}, {"speaker": "B", "content": "so be it"}],
    "specific_query_list": [
    {"query": "which pears are green", "relevant_text_span": [["2", "2"]]},
    {"query": "where are apples", "relevant_text_span": [["0", "0"], ["2", "2"]]}]}"#;

async fn measure(double: &Double, command: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("qmsum")).unwrap();
    std::fs::write(dir.path().join("qmsum/val.json"), MEETING).unwrap();
    let out = dir.path().join("out.json");
    let address = double.serve().await;
    let (data, out_path) = (dir.path().display(), out.display());
    let line =
        format!("x {command} --dataset qmsum --data {data} --server {address} --out {out_path}");
    let words = line.split_whitespace();
    let cli = Cli::try_parse_from(words).unwrap();
    let lines = matches!(cli.command, Command::Features(_));
    assert!(run(cli).await.unwrap());
    let text = std::fs::read_to_string(out).unwrap();
    if lines {
        return text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    }
    serde_json::from_str(&text).unwrap()
}

fn values(json: &Value, names: &[&str]) -> Vec<f64> {
    names.iter().map(|name| json["metrics"][name]["value"].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn retrieval_scores_positions_of_the_history() {
    let names = ["recall@1", "recall@5", "any@1", "all@5"];
    for layout in ["", "--per-session"] {
        let double = Double::default();
        let json = measure(&double, &format!("retrieval --method hybrid {layout}")).await;
        // The blank turn keeps its place in the history and is not sent.
        assert_eq!(values(&json, &names), [0.75, 1.0, 1.0, 1.0], "{layout}");
        assert_eq!(json["model_sha256"], "0".repeat(64));
        assert_eq!(json["config"]["servers"][0]["version"], "double");
        assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
        for conversation in double.created.lock().unwrap().iter() {
            let head = format!("{conversation:?}");
            assert!(!head.contains("qmsum") && conversation.labels.is_empty(), "{head}");
        }
    }
}

#[tokio::test]
async fn kept_conversations_are_found_again() {
    let double = Double::default();
    for _ in 0..2 {
        measure(&double, "retrieval --keep").await;
        let held = double.held.lock().unwrap();
        assert_eq!(held.values().map(|held| held.turns.len()).collect::<Vec<_>>(), [3]);
    }
}

#[tokio::test]
async fn windows_are_read_and_recounted() {
    for (fault, layout, expected) in [
        // One turn of ten tokens fits: "so be it", which is no evidence.
        (Fault::None, "--budget 10", [0.0, 0.0]),
        // Two fit: the first question's evidence, half of the second's.
        (Fault::None, "--budget 20", [0.75, 0.0]),
        (Fault::None, "--budget 20 --per-session", [0.75, 0.0]),
        (Fault::OverBudget, "--budget 20", [1.0, 1.0]),
    ] {
        let double = Double { fault, ..Double::default() };
        let json = measure(&double, &format!("context {layout}")).await;
        let budget = layout.split(' ').nth(1).unwrap();
        let names = [format!("coverage@{budget}"), format!("over_budget@{budget}")];
        let got = values(&json, &names.each_ref().map(String::as_str));
        assert_eq!(got, expected, "{fault:?} {layout}");
        assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
    }
}

#[tokio::test]
async fn features_carry_labels_and_components() {
    let json = measure(&Double::default(), "features").await;
    assert_eq!((&json[0]["question"], &json[1]["question"]), (&"m-q0".into(), &"m-q1".into()));
    let candidates = json[0]["candidates"].as_array().unwrap();
    let labelled: Vec<_> =
        candidates.iter().map(|c| (c["turn"].as_u64().unwrap(), c["label"] == true)).collect();
    assert_eq!(labelled, [(2, true), (0, false), (3, false)]);
    assert_eq!(candidates[0]["components"]["shared"], 3.0);
    assert_eq!(json[1]["evidence"], 2);
}

#[tokio::test]
async fn reference_methods_need_no_server() {
    for (command, expected) in
        [("retrieval --method bm25-reference", 0.75), ("retrieval --method recency", 0.0)]
    {
        let double = Double::default();
        let json = measure(&double, command).await;
        assert_eq!(values(&json, &["recall@1"]), [expected], "{command}");
        assert!(double.created.lock().unwrap().is_empty());
        assert_eq!(json["model_sha256"], Value::Null);
    }
}
