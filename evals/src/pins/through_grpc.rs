//! The command as it runs, against the double of the server, which pins what begins with
//! "Always", everything as sure.

use std::{fs, io::Write as _};

use clap::Parser as _;
use serde_json::{Value, json};

use crate::{cli::Cli, double::Double, run};

#[tokio::test]
async fn at_most_ten_pins_of_a_conversation_count() {
    let dir = tempfile::tempdir().unwrap();
    let beam = dir.path().join("beam/100K");
    fs::create_dir_all(&beam).unwrap();
    let said =
        |at: usize| json!({ "id": at, "role": "user", "content": format!("Always do {at}") });
    let turns: Vec<Value> = (0..12).map(said).collect();
    let file = fs::File::create(beam.join("01.chat.json.gz")).unwrap();
    let mut file = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    file.write_all(json!([{ "turns": [turns] }]).to_string().as_bytes()).unwrap();
    file.finish().unwrap();
    let asked =
        |at: usize| json!({ "question": format!("What of {at}?"), "source_chat_ids": [at] });
    let questions = json!({
        "instruction_following": [asked(0), asked(11)],
        "preference_following": []
    });
    fs::write(beam.join("01.questions.json"), questions.to_string()).unwrap();
    let out = dir.path().join("out.json");
    let double = Double::default();
    let address = double.serve().await;
    let line = format!(
        "x pins --dataset beam --data {} --server {address} --out {}",
        dir.path().display(),
        out.display()
    );
    assert!(run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap());
    let json: Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    let figure = |name: &str| {
        let figure = &json["metrics"][name];
        (figure["value"].as_f64().unwrap(), figure["n"].as_u64().unwrap())
    };
    assert_eq!(figure("live_pins"), (12.0, 1));
    // Of twelve that are as sure the two oldest do not count.
    assert_eq!(figure("recall@10pins"), (0.5, 2));
    assert_eq!(figure("precision@10pins"), (0.1, 10));
    let pins = json["details"]["100K/01"]["pins"].as_array().unwrap();
    let counting = pins.iter().filter(|pin| pin["counts"] == true).count();
    assert_eq!((pins.len(), counting), (12, 10));
    assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
}
