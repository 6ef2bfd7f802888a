//! The result: JSON for `--out`, tables for the terminal. The one place of
//! this program that prints to standard output; progress goes to standard
//! error.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::Value;

use crate::{
    dataset::Dataset,
    metrics::{
        Figures, Samples,
        bootstrap::{Bootstrap, Estimate},
    },
    sources,
};

/// Columns of the breakdown, as far as a run has them, best known first.
const HEADLINES: [&str; 35] = [
    "recall@1",
    "recall@5",
    "recall@10",
    "any@10",
    "mrr",
    "session_any@5",
    "session_all@5",
    "session_ndcg@10",
    "link_first",
    "auroc",
    "average_precision",
    "wrongly_retired@0.8",
    "updated_above_original",
    "both_in_10",
    "must_mention",
    "forbidden_unmarked",
    "window_tokens",
    "coverage@2000/0",
    "coverage@2000/8",
    "coverage@2000/96",
    "coverage@2000/400",
    "instruction_kept@400",
    "far_over_near",
    "shard_coverage@1000",
    "all_shards@1000",
    "user_repeats_precision",
    "user_repeats_recall",
    "user_repeats_false_alarms",
    "user_corrects_precision",
    "user_corrects_recall",
    "user_corrects_false_alarms",
    "answered",
    "answer_held",
    "add_ms_per_turn",
    "peak_memory_bytes",
];

/// The argument whose value is a secret: results are passed on.
const SECRET_ARGUMENT: &str = "--api-key";

/// Arguments without the values of keys.
fn without_keys(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for argument in arguments {
        let is_value = kept.last().is_some_and(|before| before == SECRET_ARGUMENT);
        let joined = argument.strip_prefix(SECRET_ARGUMENT).is_some_and(|r| r.starts_with('='));
        kept.push(match (is_value, joined) {
            (true, _) => "REDACTED".to_owned(),
            (false, true) => format!("{SECRET_ARGUMENT}=REDACTED"),
            (false, false) => argument,
        });
    }
    kept
}

/// A result as it is written.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// SHA-256 of each data file that was read, by its path.
    data_sha256: BTreeMap<String, String>,
}

/// The result of a command.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Version of this program.
    pub(crate) version: &'static str,
    /// Which command.
    pub(crate) command: &'static str,
    /// Data set, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dataset: Option<String>,
    /// Its split, or which part of a command without data sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) split: Option<String>,
    /// Program and arguments, as they were given, without the values of keys.
    pub(crate) arguments: Vec<String>,
    /// Flags and server of this run.
    pub(crate) config: Value,
    /// SHA-256 of the embedding model's weights, if a server was asked.
    pub(crate) model_sha256: Option<String>,
    /// Questions, windows or appends behind the figures.
    pub(crate) n: usize,
    /// The figures over all.
    pub(crate) metrics: Figures,
    /// The figures of each group.
    pub(crate) breakdown: BTreeMap<String, Figures>,
    /// What is no figure: diagrams, and findings one by one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) details: Value,
}

impl Report {
    /// An empty result of a command.
    pub(crate) fn new(command: &'static str, config: Value) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            command,
            dataset: None,
            split: None,
            arguments: without_keys(std::env::args()),
            config,
            model_sha256: None,
            n: 0,
            metrics: Figures::new(),
            breakdown: BTreeMap::new(),
            details: Value::Null,
        }
    }

    /// Takes over the figures of a data set's questions.
    pub(crate) fn fill(&mut self, dataset: &Dataset, samples: &Samples, seed: u64) {
        self.dataset = Some(dataset.name.folder().to_owned());
        self.split = Some(dataset.split.clone());
        self.n = dataset.questions.len();
        let bootstrap = Bootstrap::new(seed);
        self.metrics = samples.figures(bootstrap, |_| true);
        self.breakdown = samples.breakdown(bootstrap, dataset.scoring.left_out);
    }

    /// Writes the JSON, if asked for, and prints the tables.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn deliver(&self, out: Option<&Path>) -> anyhow::Result<()> {
        if let Some(path) = out {
            let written = Written { report: self, data_sha256: sources::sha256() };
            let json = serde_json::to_string_pretty(&written)?;
            fs::write(path, json + "\n").with_context(|| format!("write {}", path.display()))?;
        }
        print(&self.render());
        Ok(())
    }

    /// The tables as text.
    fn render(&self) -> String {
        let set = [self.dataset.as_deref(), self.split.as_deref()];
        let set = set.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let mut text = format!("{} {set} n={}\n{}", self.command, self.n, self.metric_table());
        if self.breakdown.len() > 1 {
            text.push('\n');
            text.push_str(&self.breakdown_table().to_string());
        }
        text
    }

    fn metric_table(&self) -> Table {
        let mut table = empty_table(["metric", "value", "95 %", "n"].map(String::from));
        let mut names: Vec<&String> = self.metrics.keys().collect();
        names.sort_by_key(|name| natural(name));
        for name in names {
            let Some(figure) = self.metrics.get(name) else { continue };
            let interval = if figure.lo == figure.hi {
                String::new()
            } else {
                format!("{} – {}", number(figure.lo), number(figure.hi))
            };
            table.add_row([name.clone(), number(figure.value), interval, figure.n.to_string()]);
        }
        table
    }

    fn breakdown_table(&self) -> Table {
        let rows = || self.breakdown.iter().map(|(group, figures)| (group.as_str(), figures));
        let has = |name: &str| rows().any(|(_, figures)| figures.contains_key(name));
        let mut columns: Vec<&str> = HEADLINES.into_iter().filter(|name| has(name)).collect();
        if columns.is_empty() {
            columns = self.metrics.keys().map(String::as_str).collect();
            columns.sort_by_key(|name| natural(name));
        }
        let head = ["group", "n"].into_iter().chain(columns.iter().copied());
        let mut table = empty_table(head.map(String::from));
        let mut groups: Vec<(&str, &Figures)> = rows().collect();
        groups.sort_by_key(|(group, _)| leading_number(group));
        let all = self.dataset.is_some().then_some(("all", &self.metrics));
        for (group, figures) in groups.into_iter().chain(all) {
            let n = figures.values().map(|figure| figure.n).max().unwrap_or(0);
            let cell = |name: &&str| figures.get(*name).map(show).unwrap_or_default();
            let row = [group.to_owned(), n.to_string()].into_iter();
            table.add_row(row.chain(columns.iter().map(cell)));
        }
        table
    }
}

fn show(figure: &Estimate) -> String {
    number(figure.value)
}

/// Shares with four digits, counts and times shorter.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size <= 1.0 => format!("{value:.4}"),
        size if size < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

/// A table with a head, its figures on the right.
pub(crate) fn empty_table(head: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(head);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Sorts `recall@5` before `recall@10`, and `coverage@2000/8` before
/// `coverage@2000/28`.
pub(crate) fn natural(name: &str) -> (String, u64, u64) {
    let (stem, cut) = name.split_once(['@', '/']).unwrap_or((name, ""));
    let (first, second) = cut.split_once('/').unwrap_or((cut, ""));
    (stem.to_owned(), first.parse().unwrap_or(0), second.parse().unwrap_or(0))
}

/// Sorts `100 turns` before `5000 turns`; words keep their order.
fn leading_number(group: &str) -> u64 {
    let digits: String = group.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Prints a line to the terminal.
#[allow(clippy::print_stdout)]
pub(crate) fn print(text: &str) {
    println!("{text}");
}

/// Says on standard error what is no figure: how far it is, what to know of the figures.
#[allow(clippy::print_stderr)]
pub(crate) fn warn(text: &str) {
    eprintln!("{text}");
}

/// Says on standard error why the program ends.
#[allow(clippy::print_stderr)]
pub(crate) fn complain(error: &anyhow::Error) {
    eprintln!("throughline-eval: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::read;
    use sha2::{Digest as _, Sha256};

    fn report() -> Report {
        let mut report = Report::new("retrieval", serde_json::json!({"method": "bm25"}));
        report.dataset = Some("locomo".into());
        report.n = 2;
        let figure = Estimate { value: 0.5, lo: 0.25, hi: 0.75, n: 2 };
        report.metrics.insert("recall@10".into(), figure);
        report.metrics.insert("recall@5".into(), Estimate::exact(0.25, 2));
        for group in ["a", "b"] {
            report.breakdown.insert(group.into(), report.metrics.clone());
        }
        report
    }

    #[test]
    fn keys_do_not_stand_in_results() {
        let given = "eval context --api-key tl-1 --out f --api-key=tl-2 --api-key-file k";
        let kept = without_keys(given.split(' ').map(str::to_owned)).join(" ");
        let expected =
            "eval context --api-key REDACTED --out f --api-key=REDACTED --api-key-file k";
        assert_eq!(kept, expected);
    }

    #[test]
    fn json_has_the_agreed_shape() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.json");
        report().deliver(Some(&path)).unwrap();
        let json: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(json["metrics"]["recall@10"]["hi"], 0.75);
        assert_eq!(json["breakdown"]["b"]["recall@5"]["n"], 2);
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        for key in ["version", "command", "dataset", "config", "model_sha256", "n"] {
            assert!(keys.contains(&key), "{key} in {keys:?}");
        }
    }

    #[test]
    fn a_result_names_the_files_that_were_read() {
        let dir = tempfile::tempdir().unwrap();
        let (data, out) = (dir.path().join("a.json"), dir.path().join("out.json"));
        fs::write(&data, "[1]").unwrap();
        assert_eq!(read::items::<u8>(&data).unwrap(), [1]);
        report().deliver(Some(&out)).unwrap();
        let json: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
        let named = &json["data_sha256"][data.to_str().unwrap()];
        assert_eq!(*named, hex::encode(Sha256::digest("[1]")));
        assert_eq!(json["metrics"]["recall@10"]["n"], 2);
    }

    #[test]
    fn tables_read_in_natural_order() {
        let text = report().render();
        let place = |needle: &str| text.find(needle).unwrap_or(usize::MAX);
        assert!(place("recall@5") < place("recall@10"), "{text}");
        assert!(text.contains("0.2500 – 0.7500"), "{text}");
        assert!(place("group") < usize::MAX, "{text}");
    }
}
