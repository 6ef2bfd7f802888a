//! The readers and the figures against the READMEs' reference numbers: common
//! practice, scored here, must give them. Runs where the data is, as the rows
//! of retrieval do; says so and passes elsewhere.

use clap::Parser as _;

use super::{args::StalenessArgs, findings::Findings, reference};
use crate::{
    cli::{Cli, Command},
    metrics::{Figures, bootstrap::Bootstrap},
    runner::reference_rows::data,
};

fn args(dataset: &str, split: &str) -> Option<StalenessArgs> {
    let data = data().filter(|data| data.join(dataset).is_dir());
    let Some(data) = data else {
        eprintln!("skipped: no {dataset} data; set THROUGHLINE_EVAL_DATA to check");
        return None;
    };
    let data = data.display();
    let line = format!("x staleness --dataset {dataset} --data {data} --split {split} --reference");
    match Cli::try_parse_from(line.split(' ')).unwrap().command {
        Command::Staleness(args) => Some(args),
        other => panic!("{other:?}"),
    }
}

/// Figures rounded to so many digits.
fn check(dataset: &str, split: &str, expected: &[(&str, f64, i32)]) {
    let Some(args) = args(dataset, split) else { return };
    let figures = figures(&reference(&args).unwrap());
    for &(name, value, digits) in expected {
        let scale = 10f64.powi(digits);
        let got = (figures[name].value * scale).round() / scale;
        assert!((got - value).abs() < 1e-9, "{dataset} {split} {name}: {got} for {value}");
    }
}

fn figures(findings: &Findings) -> Figures {
    let values_only = Bootstrap { seed: 1, resamples: 0 };
    let mut figures = findings.samples.figures(values_only, |_| true);
    for (pool, named) in &findings.pools {
        pool.fill(named, values_only, &mut figures, &mut std::collections::BTreeMap::new());
    }
    figures
}

#[test]
fn sgd_updates_by_age() {
    check("sgd_updates", "dialogues", &[("auroc", 0.582, 3), ("accuracy", 0.832, 3)]);
}

#[test]
fn statebench_transcripts() {
    for (split, all, forbidden, queries) in
        [("dev", 0.622, 0.307, 0.526), ("train", 0.612, 0.308, 0.506)]
    {
        check(
            "statebench",
            split,
            &[
                ("v1_must_mention_all", all, 3),
                ("v1_forbidden", forbidden, 3),
                ("v1_queries_with_forbidden", queries, 3),
                ("v1_must_mention", 0.82, 2),
            ],
        );
    }
}

#[test]
fn updates_by_bm25() {
    // 20 of the 35 pairs: at turn grain the later one stands below in 15.
    check("longmemeval", "48", &[("updated_above_original", 0.571, 3), ("recall@10", 0.787, 3)]);
    check(
        "beam",
        "100K",
        &[("updated_above_original", 0.32, 2), ("both_in_10", 0.60, 2), ("recall@10", 0.44, 3)],
    );
}

#[test]
fn ci_tod_always() {
    check("ci_tod", "dev", &[("f1_hi", 0.334, 3), ("accuracy_hi", 0.799, 3)]);
}

#[test]
fn topics_without_a_look() {
    check("tiage", "dev", &[("f1_shift", 0.354, 3)]);
    check("tiage", "train", &[("f1_shift", 0.336, 3)]);
    check("qmsum", "val", &[("pk_no_cut", 0.352, 3), ("pk_even", 0.457, 3)]);
    check("qmsum", "test_part", &[("pk_no_cut", 0.353, 3)]);
}
