//! The command as it runs, against the double of the server: there the user repeats
//! by "again" and corrects by "wrong".

use std::{fs, path::Path};

use clap::Parser as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{cli::Cli, double::Double, run};

const TALK: [&str; 4] = ["how late is it", "again", "that is wrong", "fine"];

/// A chat of four exchanges, and labels of three of its turns and of a set that is
/// not there.
fn data(folder: &Path) {
    let exchange =
        |text: &&str| json!({ "name": "c", "user prompt": text, "assistant answer": "-" });
    let exchanges: Vec<Value> = TALK.iter().map(exchange).collect();
    let chat = json!({ "index": 1, "structure": [], "whole_conv": exchanges });
    let structflow = folder.join("structflow");
    fs::create_dir(&structflow).unwrap();
    fs::write(structflow.join("conversations.jsonl"), chat.to_string()).unwrap();
    let label = |dataset: &str, at: usize, repeats: bool, corrects: bool| {
        let hash: String = hex::encode(Sha256::digest(TALK[at])).chars().take(8).collect();
        let label = json!({
            "id": format!("{dataset}:{at}"), "dataset": dataset, "split": "conversations",
            "conversation": "1", "turn": 2 * at, "sha256": hash, "stratum": "random", "note": "",
            "labels": { "user_repeats": repeats, "user_corrects": corrects },
        });
        label.to_string()
    };
    let labels = [
        label("structflow", 1, true, false),
        label("structflow", 2, true, true),
        label("structflow", 3, false, false),
        label("sgd_train", 1, true, false),
    ];
    fs::write(folder.join("labels.jsonl"), labels.join("\n")).unwrap();
}

#[tokio::test]
async fn recorded_signals_are_scored_by_the_labels() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let out = dir.path().join("out.json");
    let double = Double::default();
    let address = double.serve().await;
    let line = format!(
        "x degradation --dataset signals --data {0} --cases {0}/labels.jsonl --server {address} --out {1}",
        dir.path().display(),
        out.display()
    );
    assert!(run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap());
    let json: Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    let figure = |name: &str| (&json["metrics"][name]["value"], &json["metrics"][name]["n"]);
    assert_eq!(figure("user_repeats_precision"), (&json!(1.0), &json!(1)));
    assert_eq!(figure("user_repeats_recall"), (&json!(0.5), &json!(2)));
    assert_eq!(figure("user_corrects_precision"), (&json!(1.0), &json!(1)));
    assert_eq!(figure("user_corrects_recall"), (&json!(1.0), &json!(1)));
    assert_eq!(json["n"], 3);
    assert_eq!(json["details"]["misses"][0]["id"], "structflow:2");
    assert_eq!(json["details"]["notes"]["absent"], json!({ "sgd_train conversations": 1 }));
    // Up to the last labelled turn: the answer to it is not played.
    assert_eq!(json["details"]["notes"]["turns_played"], 7);
    assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
}
