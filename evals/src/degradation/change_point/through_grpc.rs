//! The command as it runs, against the double of the server, whose cohorts are watched
//! by the library's own detector.

use std::fs;

use clap::Parser as _;
use serde_json::{Value, json};

use crate::{cli::Cli, double::Double, run};

#[tokio::test]
async fn falls_are_found_and_quiet_cohorts_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.json");
    let double = Double::default();
    let address = double.serve().await;
    // No data set is needed.
    let line = format!(
        "x degradation --dataset change_point --limit 2 --server {address} --out {}",
        out.display()
    );
    assert!(run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap());
    let json: Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    let figure = |name: &str| {
        let figure = &json["metrics"][name];
        (figure["value"].clone(), figure["n"].clone())
    };
    assert_eq!(figure("found@200"), (json!(1.0), json!(2)));
    assert_eq!(figure("false_alarms"), (json!(0.0), json!(2)));
    assert_eq!(figure("early_alarms"), (json!(0.0), json!(2)));
    let delay = figure("delay_p90").0.as_f64().unwrap();
    assert!((10.0..=200.0).contains(&delay), "{delay}");
    assert_eq!((&json["n"], &json["config"]["simulated"]["fall"]), (&json!(4), &json!(0.1)));
    let alarms = json["details"]["notes"]["alarms"].as_array().unwrap();
    assert!(alarms.len() == 2 && alarms[0]["cohort"] == "falls-0", "{alarms:?}");
    // All cohorts share their conversations, and none is left behind.
    assert_eq!(double.created.lock().unwrap().len(), 2_000);
    assert!(double.held.lock().unwrap().is_empty(), "conversations are left behind");
}

#[tokio::test]
async fn readers_and_rivals_have_nothing_to_do() {
    for flags in ["--rival a", "--reader local", "--folds 5 --fold-weights w"] {
        let line = format!("x degradation --dataset change_point {flags}");
        let error = run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("change_point"), "{flags}: {error}");
    }
}
