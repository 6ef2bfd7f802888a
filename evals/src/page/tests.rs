//! Pages of a small result: they hold its figures and name nothing outside. What a
//! browser makes of them stands in `browser`.

use std::collections::BTreeMap;

use clap::Parser as _;
use serde_json::json;

use super::*;
use crate::{
    cli::Cli,
    metrics::bootstrap::Estimate,
    plot::{Curve, CurveLine, Grid, GridRow, Heat, HeatRow, Point},
};

/// A result with something of everything that a page shows.
pub(super) fn outcome(value: f64) -> Outcome {
    let figure = Estimate { value, lo: value - 0.05, hi: value + 0.05, n: 134 };
    let points = [0, 8, 400].map(|x| Point { x, figure }).to_vec();
    let line = |strategy: &str| CurveLine { strategy: strategy.into(), points: points.clone() };
    let curve = Curve {
        name: "coverage@2000".into(),
        axis: "exchanges in between".into(),
        lines: vec![line("last_n"), line("throughline")],
    };
    let heat = Heat {
        name: "throughline".into(),
        columns: vec!["first <fifth>".into(), "rest".into()],
        rows: vec![HeatRow { label: "0 exchanges".into(), shares: vec![0.25, 0.5], n: 134 }],
    };
    let row = |label: &str, values: &[Option<f64>]| GridRow {
        label: label.into(),
        values: values.to_vec(),
    };
    let columns = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    let composed = Grid {
        name: "update-01: tokens of the window by section".into(),
        axis: "turn that the window is for".into(),
        most: 2_000.0,
        worse: false,
        columns: columns(&["1", "806"]),
        rows: vec![row("pins", &[Some(0.0), Some(41.0)]), row("recent", &[Some(9.0), Some(500.0)])],
    };
    let stale = Grid {
        name: "update-01: how stale each turn was".into(),
        axis: "turns <the stalest>".into(),
        most: 1.0,
        worse: true,
        columns: columns(&["1–403", "404–806"]),
        rows: vec![row("as of 1", &[Some(0.0), None]), row("as of 806", &[Some(0.91), Some(0.5)])],
    };
    let figures: BTreeMap<String, Estimate> =
        (0..12).map(|at| (format!("a_rather_long_figure_name@{at}"), figure)).collect();
    let strategies = ["full_history", "half_vector", "last_n", "last_n_summary", "throughline"];
    Outcome {
        version: "0.1.0".into(),
        command: "degradation".into(),
        dataset: Some("sweep".into()),
        split: None,
        arguments: ["throughline-eval", "degradation", "--data", "a b"].map(String::from).to_vec(),
        config: json!({"budget": 2000}),
        model_sha256: Some("ab".repeat(32)),
        data_sha256: [("d/beam/<1>.json".to_owned(), "cd".repeat(32))].into(),
        n: 134,
        metrics: figures.clone(),
        breakdown: strategies.map(|name| (name.to_owned(), figures.clone())).into(),
        details: json!({"curves": [curve], "heat": [heat], "grids": [composed, stale],
                        "notes": {"left": ["</pre><b>"]}}),
    }
}

fn written(folder: &Path, name: &str, outcome: &Outcome) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, serde_json::to_string(outcome).unwrap()).unwrap();
    path
}

async fn call(line: &str) -> anyhow::Result<bool> {
    crate::run(Cli::try_parse_from(line.split_whitespace()).unwrap()).await
}

#[tokio::test]
async fn pages_hold_the_figures_and_need_no_network() {
    let dir = tempfile::tempdir().unwrap();
    let result = written(dir.path(), "a.json", &outcome(0.5));
    let at = |name: &str| dir.path().join(name);
    let line = format!(
        "x report {r} {r} --html {} --markdown {} --json {}",
        at("p.html").display(),
        at("p.md").display(),
        at("p.json").display(),
        r = result.display()
    );
    assert!(call(&line).await.unwrap());
    let html = fs::read_to_string(at("p.html")).unwrap();
    assert_eq!(html.matches("<section").count(), 2);
    assert_eq!(html.matches("<polyline").count(), 4);
    // Four cells of the window, and of the turns those that were there by then.
    assert_eq!(html.matches("<rect").count(), 2 * (4 + 3));
    for part in ["as of 806, 1–403: 0.91", "recent, 806: 500", "turns &lt;the stalest&gt;"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains(&format!("{} d/beam/&lt;1&gt;.json", "cd".repeat(32))), "{html}");
    for part in ["--data 'a b'", "0.5000", "n=134", "first &lt;fifth&gt;", "prefers-color-scheme"] {
        assert!(html.contains(part), "{part}");
    }
    for part in ["<script", "src=", "href=\"http", "url(", "@import", "</pre><b>"] {
        assert!(!html.contains(part), "{part}");
    }
    let markdown = fs::read_to_string(at("p.md")).unwrap();
    assert!(markdown.contains("| a_rather_long_figure_name@0 | 0.5000 | 0.4500 – 0.5500 | 134 |"));
    let cell = "0.5000 (0.4500–0.5500, n=134)";
    let row = format!("| a_rather_long_figure_name@0 | {} |", [cell; 5].join(" | "));
    assert!(markdown.contains(&row), "{markdown}");
    assert!(html.contains("<td>0.5000 <small>(0.4500–0.5500, n=134)</small></td>"), "{html}");
    for part in ["```json\n{\n  \"budget\": 2000\n}\n```", "Notes:", "</pre><b>"] {
        assert!(markdown.contains(part), "{part}: {markdown}");
    }
    assert!(markdown.contains("| 0 exchanges | 25 % | 50 % | 134 |"), "{markdown}");
    assert!(markdown.contains("| as of 1 | 0.00 |  |\n| as of 806 | 0.91 | 0.50 |"), "{markdown}");
    assert!(markdown.contains("| pins | 0 | 41 |"), "{markdown}");
    let hashed = format!("| d/beam/<1>.json | {} |", "cd".repeat(32));
    assert!(markdown.contains(&hashed), "{markdown}");
    let json: Vec<Outcome> =
        serde_json::from_str(&fs::read_to_string(at("p.json")).unwrap()).unwrap();
    assert_eq!((json.len(), json[0].n), (2, 134));
}

#[test]
fn what_scores_promise_stands_beside_what_was_so() {
    let mut outcome = outcome(0.5);
    let bin = |from, n, mean_score, share_positive| json!({"from": from, "n": n, "mean_score": mean_score, "share_positive": share_positive});
    let bins = [bin(0.0, 90.0, 0.02, 0.01), bin(0.1, 0.0, 0.0, 0.0), bin(0.9, 10.0, 0.95, 0.7)];
    outcome.details = json!({ "reliability": bins });
    let html = html::page("t", std::slice::from_ref(&outcome));
    // Two lines over the two tenths that hold something.
    assert_eq!((html.matches("<polyline").count(), html.matches("<circle").count()), (2, 4));
    for part in [
        "labelled so (share) at 90: 0.700 (0.700 – 0.700), n=10",
        "promised (mean score) at 90: 0.950 (0.950 – 0.950), n=10",
        "promised (mean score) at 0: 0.020 (0.020 – 0.020), n=90",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let markdown = markdown::page("t", std::slice::from_ref(&outcome));
    let rows = "| 0.0 – 0.1 | 0.0200 | 0.0100 | 90 |\n| 0.9 – 1.0 | 0.9500 | 0.7000 | 10 |\n";
    assert!(markdown.contains(rows), "{markdown}");
    outcome.details = json!({});
    assert!(!markdown::page("t", std::slice::from_ref(&outcome)).contains("reliability"));
    assert_eq!(html::page("t", &[outcome]).matches("<polyline").count(), 0);
}

#[tokio::test]
async fn a_regression_ends_with_failure() {
    let dir = tempfile::tempdir().unwrap();
    let before = written(dir.path(), "a.json", &outcome(0.8));
    let mut other = outcome(0.8);
    other.dataset = Some("beam".into());
    let mut fewer = outcome(0.8);
    fewer.metrics.pop_first();
    let mut smaller = outcome(0.8);
    smaller.config = json!({"budget": 1000});
    for (after, expected) in [
        (outcome(0.78), Some(true)),
        (outcome(0.5), Some(false)),
        (fewer, Some(false)),
        (other, None),
        (smaller.clone(), None),
    ] {
        let after = written(dir.path(), "b.json", &after);
        let line = format!("x compare {} {}", before.display(), after.display());
        assert_eq!(call(&line).await.ok(), expected, "{}", after.display());
    }
    let after = written(dir.path(), "b.json", &smaller);
    let line = format!("x compare {} {} --force", before.display(), after.display());
    assert_eq!(call(&line).await.ok(), Some(true));
}
