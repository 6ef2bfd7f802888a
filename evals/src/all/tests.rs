//! The commands that `all` makes, and what it does with results that are there.

use super::*;
use crate::{cli::Command, staleness::args::StalenessSet};
use clap::{Parser as _, ValueEnum as _};
use std::collections::BTreeSet;

/// As they are read, without what the environment says.
fn args(data: &Path, out: &Path) -> AllArgs {
    let (data, out) = (data.display(), out.display());
    let line = format!("x all --data {data} --out {out} --weights nowhere");
    let Command::All(args) = Cli::try_parse_from(line.split(' ')).unwrap().command else {
        panic!("{line}")
    };
    AllArgs { models_dir: None, ..args }
}

/// With everything that can be passed on.
fn whole(weights: &Path) -> AllArgs {
    let mut args = args(Path::new("d"), Path::new("o"));
    (args.limit, args.models_dir) = (Some(3), Some("m".into()));
    args.throughline = Some("t".into());
    args.weights = weights.to_owned();
    args.rival = vec!["python a.py".to_owned(), "b".to_owned()];
    args.reader.reader = "http://h/v1".to_owned();
    args.reader.reader_key_file = Some("k".into());
    (args.reader.judge, args.reader.judge_model) = (Some("u".into()), Some("j".into()));
    args.reader.judge_key_file = Some("l".into());
    args.summary.summary_by = Some("local".to_owned());
    args.summary.summary_key_file = Some("s".into());
    args
}

/// The weights of this repository.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../memory/weights")
}

#[test]
fn every_run_is_a_command_that_exists() {
    let plain = args(Path::new("d"), Path::new("o"));
    let quick = whole(&shipped());
    let mut names = BTreeSet::new();
    for run in &RUNS {
        for args in [&plain, &quick] {
            let words = line(args, run, Path::new("r.json"));
            // Such a run is left out.
            if lacks_models(args, run) {
                continue;
            }
            let parsed = Cli::try_parse_from(["x".to_owned()].iter().chain(&words));
            assert!(parsed.is_ok(), "{words:?}: {:?}", parsed.err());
        }
        assert!(names.insert(run.name), "{} twice", run.name);
    }
    for command in [
        "retrieval",
        "context",
        "staleness",
        "pins",
        "summaries",
        "compaction",
        "degradation",
        "load",
        "crash",
    ] {
        assert!(RUNS.iter().any(|run| run.command.split(' ').next() == Some(command)), "{command}");
    }
}

#[test]
fn a_command_gets_what_it_knows() {
    let mut args = args(Path::new("d"), Path::new("o"));
    args.limit = Some(3);
    args.models_dir = Some("m".into());
    let of = |name: &str| RUNS.iter().find(|run| run.name == name).unwrap();
    let line = |name: &str| line(&args, of(name), Path::new("r")).join(" ");
    assert_eq!(line("compaction"), "compaction --data d --out r --limit 3 --models-dir m");
    assert_eq!(line("crash"), "crash --rounds 2 --writers 8 --out r --models-dir m");
    let summaries = "summaries --dataset qmsum --data d --out r --limit 3 --models-dir m";
    assert_eq!(line("summaries-qmsum"), summaries);
    args.models_dir = None;
    assert!(lacks_models(&args, of("summaries-qmsum")) && !lacks_models(&args, of("crash")));
}

#[test]
fn what_weights_were_learnt_from_is_run_by_folds() {
    let args = whole(&shipped());
    let of = |name: &str| RUNS.iter().find(|run| run.name == name).unwrap();
    let line = |name: &str| line(&args, of(name), Path::new("r")).join(" ");
    for run in &RUNS {
        let kinds = KINDS.map(|(flag, _)| format!("--{} ", flag.replace('_', "-")));
        let there = kinds.iter().filter(|flag| line(run.name).contains(flag.as_str())).count();
        assert_eq!(there, if run.learnt { 3 } else { 0 }, "{}", run.name);
        // Whoever has folds and plays these sets is among them.
        let learnt = ["beam", "longmemeval", "prosecco", "lost_in_conversation", "prefeval"];
        let could = flag(run.command, "fold_weights").is_some() && learnt.contains(&run.folder);
        let by_folds = could && !run.command.starts_with("summaries");
        assert_eq!(run.learnt, by_folds && run.name != "signals", "{}", run.name);
    }
    assert!(line("sweep").contains("--folds 5 --ranking-fold-weights "));
    assert!(folds(&AllArgs { weights: "nowhere".into(), ..args.clone() }).is_empty());
}

#[test]
fn degradation_gets_rivals_and_models() {
    let args = whole(Path::new("nowhere"));
    let of = |name: &str| RUNS.iter().find(|run| run.name == name).unwrap();
    let line = |name: &str| line(&args, of(name), Path::new("r")).join(" ");
    let passed = "--rival python a.py --rival b --reader http://h/v1 \
                  --reader-model qwen2.5-1.5b-instruct --reader-key-file k \
                  --reader-tokens 512 --runs 1 --judge u --judge-model j --judge-key-file l \
                  --summary-by local --summary-model qwen2.5-1.5b-instruct \
                  --summary-key-file s";
    assert!(line("sweep").ends_with(passed), "{}", line("sweep"));
    for name in ["signals", "change-point", "retrieval-beam", "staleness-beam", "crash"] {
        let line = line(name);
        let passed = ["--rival", "--reader", "--summary-by"];
        assert!(!passed.iter().any(|flag| line.contains(flag)), "{line}");
    }
    let mut silent = args.clone();
    silent.reader.reader = "none".to_owned();
    assert!(reading(&silent.reader).is_empty());
}

#[test]
fn every_set_of_staleness_is_measured() {
    for set in StalenessSet::value_variants() {
        let name = set.to_possible_value().unwrap();
        let command = format!("staleness --dataset {}", name.get_name());
        assert!(RUNS.iter().any(|run| run.command == command), "{command}");
    }
}

#[tokio::test]
async fn what_is_there_is_not_measured_again() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let mut report = crate::report::Report::new("degradation", serde_json::Value::Null);
    report.dataset = Some("sweep".into());
    report.deliver(Some(&out.join("sweep.json"))).unwrap();
    let mut args = args(dir.path(), &out);
    args.only = vec!["sweep".to_owned()];
    // No data set is there: only the result that was there is reported.
    assert!(run(&args).await.unwrap());
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("degradation sweep") && out.join("report.md").is_file());
    fs::remove_file(out.join("sweep.json")).unwrap();
    assert!(run(&args).await.is_err());
}
