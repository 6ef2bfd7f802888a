//! The command as it runs, against the double of the server, whose model costs the more
//! the longer a conversation is.

use std::{fs, io::Write as _, path::Path};

use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::{cli::Cli, double::Double};

/// A conversation of BEAM with so many turns.
fn talk(folder: &Path, name: &str, turns: usize) {
    let message = |at: usize| {
        let role = if at.is_multiple_of(2) { "user" } else { "assistant" };
        json!({ "id": at, "role": role, "content": format!("{name} says {at}") })
    };
    let turns: Vec<Value> = (0..turns).map(message).collect();
    let file = fs::File::create(folder.join(format!("{name}.chat.json.gz"))).unwrap();
    let mut file = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    file.write_all(json!([{ "turns": [turns] }]).to_string().as_bytes()).unwrap();
    file.finish().unwrap();
    fs::write(folder.join(format!("{name}.questions.json")), "{}").unwrap();
}

#[tokio::test]
async fn growing_work_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let beam = dir.path().join("beam/500K");
    fs::create_dir_all(&beam).unwrap();
    for (name, turns) in [("1", 1_000), ("2", 900), ("3", 1_010)] {
        talk(&beam, name, turns);
    }
    let out = dir.path().join("out.json");
    let double = Double::default();
    let address = double.serve().await;
    let line = format!(
        "x load --folding --data {} --settle-ms 1 --server {address} --out {}",
        dir.path().display(),
        out.display()
    );
    assert!(crate::run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap());
    let json: Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    let growth = |name: &str| json["metrics"][name]["value"].as_f64();
    assert_eq!(growth("growth_embedded_tokens"), Some(1.0));
    // The means of 951 to 1,000 and of 26 to 75.
    let expected = 975.5 / 50.5;
    assert!((growth("growth_llm_tokens").unwrap() - expected).abs() < 1e-9);
    // Nobody took time, and who was not started is not looked at.
    assert_eq!((growth("growth_llm_seconds"), growth("growth_cpu_ms")), (None, None));
    assert_eq!(json["n"], 2, "the talk of 900 turns is too short");
    let late = &json["breakdown"]["1000 turns"];
    assert_eq!(late["embedded_tokens_per_turn"]["value"], 10.0);
    assert_eq!(late["llm_tokens_per_turn"]["value"], 975.5);
    assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
}

#[test]
fn both_windows_stand_between_edges() {
    let edges = edges();
    for (from, until) in [EARLY, LATE] {
        assert!(edges.windows(2).any(|pair| pair == [from, until]), "{edges:?}");
    }
    assert!(edges.is_sorted() && edges.last() == Some(&TURNS));
}
