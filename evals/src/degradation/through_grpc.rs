//! The command as it runs, against the double of the server, whose windows are
//! the newest turns at ten tokens each.

use std::{
    fs,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use clap::Parser as _;
use serde_json::{Value, json};

use super::{Played, Run, rival};
use crate::{
    checkpoint::Checkpoint,
    cli::{Cli, Command},
    client::Api,
    double::Double,
    folds::{Kind, fold_of, testing},
    metrics::bootstrap::Bootstrap,
    plot::Grid,
    report::Report,
    run,
};

/// One run of each kind of data set, with its items.
const RUNS: [(&str, usize); 3] = [
    ("--dataset sweep --cases DATA/cases.jsonl --distance 0,8 --budget 100", 2),
    ("--dataset lost_in_conversation --split gsm8k_sharded --gap 2 --budget 80", 1),
    ("--dataset beam --split 500K --budget 100", 2),
];

const CASES: &str = r#"{"id":"f","kind":"fact","indirect":false,"domain":"d","text":"The boat is called Juno.","must_contain":["Juno"],"question":"Which boat","reply":{"any":["\\bjuno\\b"]}}
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
    attempt(double, dir.path(), flags).await.unwrap()
}

/// Runs the command with the data of a folder, where its result goes too.
async fn attempt(double: &Double, folder: &Path, flags: &str) -> anyhow::Result<Value> {
    let out = folder.join("out.json");
    let address = double.serve().await;
    let line = format!(
        "x degradation --data {} --server {address} --out {} {}",
        folder.display(),
        out.display(),
        flags.replace("DATA", &folder.display().to_string())
    );
    let words = line.split_whitespace().map(|word| word.replace("%20", " "));
    assert!(run(Cli::try_parse_from(words).unwrap()).await?);
    Ok(serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap())
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

/// Two instructions, of which the double pins one.
const INSTRUCTIONS: &str = r#"{"id":"p","kind":"instruction","indirect":false,"domain":"d","text":"Always say ahoy.","must_contain":["ahoy"],"question":"Who"}
{"id":"o","kind":"instruction","indirect":false,"domain":"d","text":"Please say howdy.","must_contain":["howdy"],"question":"Who"}
"#;

#[tokio::test]
async fn what_was_pinned_is_told_from_what_was_not() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    fs::write(dir.path().join("cases.jsonl"), INSTRUCTIONS).unwrap();
    let json = attempt(&Double::default(), dir.path(), RUNS[0].0).await.unwrap();
    let figure = |name: &str| {
        let figure = &json["breakdown"]["throughline"][name];
        (figure["value"].clone(), figure["n"].clone())
    };
    assert_eq!(figure("instruction_kept@0"), (json!(1.0), json!(2)));
    assert_eq!(figure("instruction_kept@8"), (json!(0.5), json!(2)));
    for distance in [0, 8] {
        let once_pinned = figure(&format!("instruction_kept_once_pinned@{distance}"));
        assert_eq!(once_pinned, (json!(1.0), json!(1)), "{distance}");
    }
    // The others do not ask what is pinned.
    assert!(json["breakdown"]["last_n"].get("instruction_kept_once_pinned@8").is_none());
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

#[tokio::test]
async fn a_run_that_broke_off_goes_on() {
    for (flags, items) in RUNS {
        let double = Double::default();
        let dir = tempfile::tempdir().unwrap();
        data(dir.path());
        let checkpoint = dir.path().join("out.checkpoint.jsonl");
        // The adapter is started when all is played to the service.
        let broken = format!("{flags} --rival /nonexistent/adapter");
        assert!(attempt(&double, dir.path(), &broken).await.is_err());
        assert!(checkpoint.is_file(), "{flags}");
        let played = double.created.lock().unwrap().len();
        let resumed = attempt(&double, dir.path(), flags).await.unwrap();
        assert_eq!(double.created.lock().unwrap().len(), played, "{flags}: played again");
        assert_eq!(resumed["details"]["notes"]["taken_from_a_checkpoint"], items, "{flags}");
        assert!(!checkpoint.exists(), "{flags}");
        let whole = attempt(&double, dir.path(), flags).await.unwrap();
        assert_eq!(whole["details"]["notes"]["taken_from_a_checkpoint"], 0, "{flags}");
        for part in ["curves", "heat", "grids"] {
            assert_eq!(resumed["details"][part], whole["details"][part], "{flags} {part}");
        }
    }
}

#[tokio::test]
async fn a_run_with_other_flags_takes_nothing() {
    let (flags, _) = RUNS[0];
    let double = Double::default();
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let broken = format!("{flags} --rival /nonexistent/adapter");
    for (other, taken) in [("", 2), ("--budget 90", 0), ("--fresh", 0)] {
        assert!(attempt(&double, dir.path(), &broken).await.is_err());
        let flags = match other.split_once(' ') {
            Some(_) => flags.replace("--budget 100", other),
            None => format!("{flags} {other}"),
        };
        let json = attempt(&double, dir.path(), &flags).await.unwrap();
        assert_eq!(json["details"]["notes"]["taken_from_a_checkpoint"], taken, "{other}");
    }
}

#[tokio::test]
async fn conversations_are_recorded_turn_by_turn() {
    for (flags, conversations) in [(RUNS[0].0, 2), (RUNS[1].0, 1), (RUNS[2].0, 1)] {
        let json = measure(&Double::default(), flags).await;
        let grids: Vec<Grid> = serde_json::from_value(json["details"]["grids"].clone()).unwrap();
        assert_eq!(grids.len(), 2 * conversations, "{flags}");
        let recent = grids[0].rows.iter().find(|row| row.label == "recent turns").unwrap();
        // One turn at first, then as many as fit; each costs ten tokens.
        let last = *recent.values.last().unwrap();
        assert_eq!((recent.values[0], last), (Some(10.0), Some(grids[0].most)), "{flags}");
        let stale = &grids[1].rows;
        assert_eq!(stale[0].values[..2], [Some(0.0), None], "{flags}");
        assert!(stale.last().unwrap().values.iter().flatten().count() > 5, "{flags}");
        let none = measure(&Double::default(), &format!("{flags} --traced 0")).await;
        assert_eq!(none["details"]["grids"], json!([]), "{flags}");
    }
}

#[tokio::test]
async fn a_rival_plays_every_data_set() {
    let Some(adapter) = rival::tests::adapter("list_memory.py").await else { return };
    let mut found = Vec::new();
    for (flags, _) in RUNS {
        let flags = format!("{flags} --rival {}", adapter.replace(' ', "%20"));
        let json = measure(&Double::default(), &flags).await;
        assert_eq!(json["config"]["rivals"][0]["name"], "list", "{flags}");
        assert!(value(&json, "list 1", "add_ms_per_turn") >= 0.0, "{flags}");
        if cfg!(target_os = "linux") {
            assert!(value(&json, "list 1", "peak_memory_bytes") > 0.0, "{flags}");
        }
        found.push(json);
    }
    // It shows the oldest turns, and no more than fit.
    assert_eq!(value(&found[0], "list 1", "fact_kept@8"), 1.0);
    assert_eq!(value(&found[0], "list 1", "stale_alone@8"), 1.0);
    assert!(value(&found[0], "list 1", "window_ms/8") > 0.0);
    assert!(value(&found[1], "list 1", "shard_coverage@80") >= 2.0 / 3.0);
    assert_eq!(value(&found[2], "list 1", "coverage@100/32"), 1.0);
    assert_eq!(value(&found[2], "list 1", "coverage@100/1"), 0.0);
    assert!(value(&found[2], "list 1", "window_ms") > 0.0);
}

#[tokio::test]
async fn a_rival_with_windows_of_its_own_keeps_the_budget() {
    // Its own count is a word a token: too low for these turns at these budgets.
    for (how, over) in [("window", None), ("boundless", Some(1.0))] {
        let Some(adapter) = rival::tests::adapter("list_memory.py").await else { return };
        let adapter = format!("{adapter}%20{how}").replace(' ', "%20");
        for (flags, _) in RUNS {
            let json = measure(&Double::default(), &format!("{flags} --rival {adapter}")).await;
            let budget = &json["config"]["budget"];
            let figure = value(&json, "list 1", &format!("over_budget@{budget}"));
            // In the sweep a distance is 0: there everything fits.
            let least = if flags.contains("sweep") { 0.5 } else { 1.0 };
            assert!(over.is_none_or(|over| figure >= over * least), "{flags}: {figure}");
            assert!(value(&json, "list 1", "claimed_tokens") > 0.0, "{flags}");
            let tokens = value(&json, "list 1", "window_tokens");
            assert!(tokens <= budget.as_f64().unwrap(), "{flags}: {tokens}");
        }
    }
}

/// An endpoint whose model says again all that it is told; returns its address.
async fn parrot() -> String {
    async fn say(body: String) -> ([(&'static str, &'static str); 1], String) {
        let ask: Value = serde_json::from_str(&body).unwrap();
        let told = ask["messages"].as_array().unwrap().iter();
        let told: Vec<&str> = told.map(|message| message["content"].as_str().unwrap()).collect();
        let message = json!({ "content": told.join("\n") });
        let answer = json!({ "choices": [{ "message": message, "finish_reason": "stop" }] });
        ([("content-type", "application/json")], answer.to_string())
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/v1/chat/completions", axum::routing::post(say));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn replies_to_the_sweep_are_judged_by_rules() {
    let url = parrot().await;
    let json = measure(&Double::default(), &format!("{} --reader {url}", RUNS[0].0)).await;
    // Of the two cases one has a rule; who says all again is right if it stood there.
    for (strategy, near, far) in
        [("throughline", 1.0, 0.0), ("last_n", 1.0, 0.0), ("oracle", 1.0, 1.0)]
    {
        assert_eq!(value(&json, strategy, "answered/0"), near, "{strategy}");
        assert_eq!(value(&json, strategy, "fact_answered@8"), far, "{strategy}");
    }
    assert_eq!(value(&json, "throughline", "answered_memory_loss"), 0.5);
    assert_eq!(value(&json, "throughline", "answered_model_loss"), 0.0);
    assert_eq!(json["details"]["notes"]["with_a_rule_for_replies"], 1);
}

/// An endpoint that keeps of what it is told the lines about boats and docks, and counts
/// how often it is asked; returns its address.
async fn scribe(asked: Arc<AtomicUsize>) -> String {
    let say = move |body: String| {
        let asked = Arc::clone(&asked);
        async move {
            asked.fetch_add(1, Ordering::Relaxed);
            let ask: Value = serde_json::from_str(&body).unwrap();
            let told = ask["messages"][0]["content"].as_str().unwrap();
            let (_, talk) = told.split_once("Summary so far:").unwrap();
            let mut kept: Vec<&str> = Vec::new();
            for line in talk.lines().filter(|line| line.contains("boat") || line.contains("dock")) {
                let line = line.strip_prefix("user: ").unwrap_or(line);
                if !kept.contains(&line) {
                    kept.push(line);
                }
            }
            let message = json!({ "content": kept.join("\n") });
            let answer = json!({ "choices": [{ "message": message, "finish_reason": "stop" }] });
            ([("content-type", "application/json")], answer.to_string())
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/v1/chat/completions", axum::routing::post(say));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn a_model_writes_the_summary_once() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let asked = Arc::new(AtomicUsize::new(0));
    let url = scribe(Arc::clone(&asked)).await;
    let flags = format!("{} --summary-by {url} --summary-model m", RUNS[0].0);
    let double = Double::default();
    let json = attempt(&double, dir.path(), &flags).await.unwrap();
    let row = "last_n_model_summary";
    assert_eq!(value(&json, row, "coverage@100/8"), 1.0);
    assert_eq!(value(&json, "last_n", "coverage@100/8"), 0.0);
    assert!(value(&json, row, "window_tokens/8") <= 100.0);
    assert_eq!(json["config"]["summaries_by"]["name"], "m");
    // Two cases at two distances, less the one that fits whole.
    let once = asked.load(Ordering::Relaxed);
    assert_eq!(once, 3);
    // What was written is there for a run that begins anew.
    let again = attempt(&double, dir.path(), &format!("{flags} --fresh")).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), once);
    assert_eq!(again["breakdown"][row]["coverage@100/8"], json["breakdown"][row]["coverage@100/8"]);
    // Nobody writes: the row is not there, and cannot be asked for.
    let without = attempt(&double, dir.path(), RUNS[0].0).await.unwrap();
    assert!(without["breakdown"].get(row).is_none());
    assert!(without["breakdown"].get("last_n_summary").is_some());
    let alone = format!("{} --strategy {row}", RUNS[0].0);
    let error = attempt(&double, dir.path(), &alone).await.unwrap_err().to_string();
    assert_eq!(error, "last_n_model_summary needs --summary-by");
    let by_reader = format!("{} --summary-by reader", RUNS[0].0);
    let error = attempt(&double, dir.path(), &by_reader).await.unwrap_err().to_string();
    assert_eq!(error, "--summary-by reader needs a --reader");
}

#[tokio::test]
async fn summaries_are_written_for_every_data_set() {
    let url = parrot().await;
    for (flags, _) in [RUNS[1], RUNS[2]] {
        let flags = format!("{flags} --strategy oracle,last_n_model_summary --summary-by {url}");
        let json = measure(&Double::default(), &flags).await;
        let budget = json["config"]["budget"].as_f64().unwrap();
        assert!(value(&json, "last_n_model_summary", "window_tokens") <= budget, "{flags}");
    }
    let flags = format!("{} --reader {url} --summary-by reader", RUNS[2].0);
    let json = measure(&Double::default(), &flags).await;
    let name = &json["config"]["reader"]["name"];
    assert_eq!(&json["config"]["summaries_by"]["name"], name);
}

/// An endpoint that answers YES to who has the key alone; returns its address.
async fn guarded(key: &'static str) -> String {
    let say = move |headers: axum::http::HeaderMap, _: String| async move {
        let has_key = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value == format!("Bearer {key}"));
        let message = json!({ "content": "YES" });
        let answer = json!({ "choices": [{ "message": message, "finish_reason": "stop" }] });
        let status = if has_key { 200 } else { 401 };
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        (status, [("content-type", "application/json")], answer.to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/v1/chat/completions", axum::routing::post(say));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn a_judge_gets_its_key_and_a_reader_its_own() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    for (name, key) in [("reader.key", "key-of-the-reader"), ("judge.key", "key-of-the-judge")] {
        fs::write(dir.path().join(name), key).unwrap();
    }
    let (reader, judge) = (guarded("key-of-the-reader").await, guarded("key-of-the-judge").await);
    let flags = format!(
        "{} --reader {reader} --reader-key-file DATA/reader.key --judge {judge} --judge-model m",
        RUNS[0].0
    );
    let double = Double::default();
    assert!(attempt(&double, dir.path(), &flags).await.is_err());
    let others = format!("{flags} --judge-key-file DATA/reader.key");
    assert!(attempt(&double, dir.path(), &others).await.is_err());
    let own = format!("{flags} --judge-key-file DATA/judge.key");
    let json = attempt(&double, dir.path(), &own).await.unwrap();
    assert_eq!(value(&json, "oracle", "judge_strict"), 1.0);
}

#[tokio::test]
async fn each_fold_is_asked_about_its_own_conversations() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let beam = dir.path().join("beam/500K");
    for number in 2..=6 {
        for ending in ["chat.json.gz", "questions.json"] {
            let copy = beam.join(format!("{number:02}.{ending}"));
            fs::copy(beam.join(format!("01.{ending}")), copy).unwrap();
        }
    }
    let folds = testing::folds(dir.path(), 2).open(Kind::Ranking).unwrap();
    let double = Double::default();
    let address = double.serve().await;
    let (flags, folder) = (RUNS[2].0, dir.path().display());
    let line = format!("x degradation --data {folder} --server {address} {flags}");
    let Command::Degradation(args) = Cli::try_parse_from(line.split(' ')).unwrap().command else {
        panic!("{line}")
    };
    let api = Api::connect(&address, None).await.unwrap();
    let checkpoint = Checkpoint::open(None, false).unwrap();
    let run = Run { args: &args, api: &api, readers: None, writer: None, checkpoint: &checkpoint };
    let mut played = Played::read(&args, &folds).unwrap();
    let parts = played.parts(folds);
    let mut asked = Vec::new();
    for (fold, items) in parts {
        let before = double.created.lock().unwrap().len();
        played.play(&run, fold.as_ref()).await.unwrap();
        let created = double.created.lock().unwrap().len() - before;
        // Each has two questions.
        assert_eq!(2 * created, items);
        asked.push(created);
    }
    let of = |fold| (1..=6).filter(|n| fold_of(&format!("500K/{n:02}"), 2) == fold).count();
    assert_eq!((asked, [of(0), of(1)]), (vec![4, 2], [4, 2]));
    let found = played.found(&run).await.unwrap();
    let mut report = Report::new("degradation", Value::Null);
    found.tally.fill(&mut report, "throughline", Bootstrap::new(1));
    // Three looks at each conversation's evidence.
    assert_eq!((found.n, report.metrics["coverage@100"].n), (12, 18));
}

#[tokio::test]
async fn filler_has_the_server_of_its_fold_alone() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let folds = testing::folds(dir.path(), 2).open(Kind::Ranking).unwrap();
    for (flags, items) in &RUNS[..2] {
        let flags = flags.replace("DATA", &dir.path().display().to_string());
        let line = format!("x degradation --data {} {flags}", dir.path().display());
        let Command::Degradation(args) = Cli::try_parse_from(line.split(' ')).unwrap().command
        else {
            panic!("{line}")
        };
        let parts = Played::read(&args, &folds).unwrap().parts(folds.clone());
        let [(Some(fold), there)] = &*parts else { panic!("{line}") };
        assert!(fold.holds("500K/01") && there == items, "{line}");
        let parts = Played::read(&args, &[]).unwrap().parts(Vec::new());
        assert!(parts.len() == 1 && parts[0].0.is_none(), "{line}");
    }
}
