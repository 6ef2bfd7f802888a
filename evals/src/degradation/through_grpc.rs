//! The command as it runs, against the double of the server, whose windows are
//! the newest turns at ten tokens each.

use std::{fs, io::Write as _, path::Path};

use clap::Parser as _;
use serde_json::{Value, json};

use crate::{cli::Cli, double::Double, run};

const CASES: &str = r#"{"id":"f","kind":"fact","indirect":false,"domain":"d","text":"The boat is called Juno.","must_contain":["Juno"],"question":"Which boat"}
{"id":"u","kind":"update","indirect":true,"domain":"d","text":"We moved, it is dock nine.","must_contain":["dock nine"],"replaces":"We lie at dock two.","stale":["dock two"],"question":"Where"}
{"id":"x","kind":"fact","indirect":false,"domain":"d","text":"It was talk number 3.","must_contain":["talk number 3"],"question":"Which"}
"#;

fn zipped(path: &Path, text: &str) {
    let file = fs::File::create(path).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap();
}

/// Forty exchanges of talk, a conversation with two questions, a task in shards.
fn data(folder: &Path) {
    let beam = folder.join("beam/500K");
    fs::create_dir_all(&beam).unwrap();
    let message = |id: u64| {
        let role = if id.is_multiple_of(2) { "user" } else { "assistant" };
        json!({ "role": role, "id": id, "content": format!("talk number {id} of the day") })
    };
    let turns: Vec<Value> = (0..80).map(message).collect();
    zipped(&beam.join("01.chat.json.gz"), &json!([{ "turns": [turns] }]).to_string());
    let questions = json!({
        "information_extraction": [
            { "question": "what was talk number 78", "source_chat_ids": [78] },
            { "question": "what was talk number 2", "source_chat_ids": [2, 78] }
        ],
        "abstention": [{ "question": "Who?" }]
    });
    fs::write(beam.join("01.questions.json"), questions.to_string()).unwrap();
    let lost = folder.join("lost_in_conversation");
    fs::create_dir(&lost).unwrap();
    let shards = |texts: &[&str]| -> Vec<Value> {
        texts.iter().enumerate().map(|(at, text)| json!({"shard_id": at, "shard": text})).collect()
    };
    let items = json!([
        { "task_id": 7, "task": "math", "shards": shards(&["how many pens", "she has two", "and buys one"]) },
        { "task_id": "s", "task": "summary", "shards": shards(&["", ""]) }
    ]);
    fs::write(lost.join("gsm8k_sharded.json"), items.to_string()).unwrap();
    fs::write(folder.join("cases.jsonl"), CASES).unwrap();
}

async fn measure(double: &Double, flags: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let out = dir.path().join("out.json");
    let address = double.serve().await;
    let folder = dir.path().display();
    let line = format!(
        "x degradation --data {folder} --server {address} --out {} {}",
        out.display(),
        flags.replace("DATA", &folder.to_string())
    );
    assert!(run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap());
    serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap()
}

fn value(json: &Value, strategy: &str, name: &str) -> f64 {
    let figure = &json["breakdown"][strategy][name]["value"];
    figure.as_f64().unwrap_or_else(|| panic!("{strategy} {name}: {}", json["breakdown"][strategy]))
}

#[tokio::test]
async fn what_was_said_early_is_lost_to_the_last_turns() {
    let double = Double::default();
    let flags = "--dataset sweep --cases DATA/cases.jsonl --distance 0,8 --budget 100";
    let json = measure(&double, flags).await;
    for strategy in ["throughline", "last_n"] {
        assert_eq!(value(&json, strategy, "coverage@100/0"), 1.0, "{strategy}");
        assert_eq!(value(&json, strategy, "coverage@100/8"), 0.0, "{strategy}");
    }
    for strategy in ["oracle", "full_history"] {
        assert_eq!(value(&json, strategy, "coverage@100/8"), 1.0, "{strategy}");
    }
    assert_eq!(value(&json, "throughline", "update_kept@0"), 1.0);
    assert_eq!(value(&json, "throughline", "stale_alone@0"), 0.0);
    assert!(value(&json, "full_history", "window_tokens/8") > 100.0);
    // What the filler says anyway cannot be judged.
    assert_eq!(json["details"]["notes"]["left_out_since_the_filler_says_it"], json!(["x"]));
    assert_eq!(json["n"], 2);
    assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
}

#[tokio::test]
async fn shards_are_looked_for_in_the_window_of_the_last() {
    let double = Double::default();
    let flags = "--dataset lost_in_conversation --split gsm8k_sharded --gap 2 --budget 80";
    let json = measure(&double, flags).await;
    // The last eight turns: the last shard, four of talk, "I see." and a shard.
    let share = value(&json, "throughline", "shard_coverage@80");
    assert!((share - 2.0 / 3.0).abs() < 1e-9, "{share}");
    assert_eq!(value(&json, "oracle", "shard_coverage@80"), 1.0);
    assert_eq!(value(&json, "throughline", "all_shards@80"), 0.0);
    assert_eq!(json["details"]["notes"]["left_out_without_words"], 1);
    assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
}

#[tokio::test]
async fn evidence_is_scored_by_how_long_ago_it_was_said() {
    let double = Double::default();
    let json = measure(&double, "--dataset beam --split 500K --budget 100").await;
    // Two looks at turn 78, which is two turns ago, one at turn 2.
    assert_eq!(value(&json, "throughline", "coverage@100/1"), 1.0);
    assert_eq!(value(&json, "throughline", "coverage@100/32"), 0.0);
    assert_eq!(value(&json, "throughline", "question_coverage@100"), 0.75);
    assert_eq!(json["details"]["curves"][0]["axis"], "turns ago");
}
