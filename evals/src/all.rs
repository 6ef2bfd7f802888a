//! `all`: every measurement with its defaults into one folder, and the report of
//! them. A result that is there already is kept, so that a run that broke off
//! goes on; what cannot run for want of its data is named at the end.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use tokio::process::Command;

use crate::{
    page::{self, ReportArgs},
    report::print,
};

/// Commands with their data sets' folder and the name of their result.
const RUNS: [(&str, &str, &str); 18] = [
    ("sweep", "beam", "degradation --dataset sweep"),
    ("lost", "lost_in_conversation", "degradation --dataset lost_in_conversation"),
    ("distance-locomo", "locomo", "degradation --dataset locomo"),
    ("distance-beam", "beam", "degradation --dataset beam"),
    ("distance-longmemeval", "longmemeval", "degradation --dataset longmemeval"),
    ("distance-multichallenge", "multichallenge", "degradation --dataset multichallenge"),
    ("signals", "longmemeval", "degradation --dataset signals"),
    ("retrieval-locomo", "locomo", "retrieval --dataset locomo"),
    ("retrieval-beam", "beam", "retrieval --dataset beam"),
    ("retrieval-longmemeval", "longmemeval", "retrieval --dataset longmemeval"),
    ("context-locomo", "locomo", "context --dataset locomo"),
    ("context-beam", "beam", "context --dataset beam"),
    ("prefix-beam", "beam", "prefix --dataset beam"),
    ("staleness-sgd", "sgd_updates", "staleness --dataset sgd_updates"),
    ("staleness-statebench", "statebench", "staleness --dataset statebench"),
    ("pins-beam", "beam", "pins --dataset beam"),
    ("pins-prefeval", "prefeval", "pins --dataset prefeval --distance 0,8,28,96"),
    ("compaction", "beam", "compaction"),
];

/// Arguments of `all`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AllArgs {
    /// Folder that holds the data sets' folders.
    #[arg(long, env = "THROUGHLINE_EVAL_DATA")]
    pub(crate) data: PathBuf,
    /// Folder for the results, made if absent.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Only results whose names contain one of these.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Only the first N items of each, for a quick look; `compaction` and
    /// `staleness` included.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// The `throughline` program; the one beside this program if absent.
    #[arg(long)]
    pub(crate) throughline: Option<PathBuf>,
    /// Where the server finds its models.
    #[arg(long, env = "THROUGHLINE_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
}

/// Runs what has no result yet, then writes the report; `false` if something
/// failed.
///
/// # Errors
/// The folder cannot be written, or there is no result at all.
pub(crate) async fn run(args: &AllArgs) -> anyhow::Result<bool> {
    let out = &args.out;
    fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let (mut results, mut failed, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    let wanted =
        |name: &str| args.only.is_empty() || args.only.iter().any(|part| name.contains(part));
    for (name, folder, command) in RUNS.into_iter().filter(|(name, ..)| wanted(name)) {
        let result = out.join(format!("{name}.json"));
        if !result.is_file() {
            if !args.data.join(folder).is_dir() {
                absent.push(format!("{name} (no {folder})"));
                continue;
            }
            print(&format!("{name}: {command}"));
            if !measure(args, name, command, &result).await? {
                failed.push(name);
                continue;
            }
        }
        results.push(result);
    }
    ensure!(
        !results.is_empty(),
        "there is no result; failed: {}; left out: {}",
        failed.join(", "),
        absent.join(", ")
    );
    page::run(&ReportArgs {
        results,
        html: Some(out.join("report.html")),
        markdown: Some(out.join("report.md")),
        json: Some(out.join("report.json")),
        title: "Throughline: all measurements".to_owned(),
    })?;
    for (what, names) in
        [("left out", absent), ("failed", failed.iter().map(|n| (*n).to_owned()).collect())]
    {
        if !names.is_empty() {
            print(&format!("{what}: {}", names.join(", ")));
        }
    }
    Ok(failed.is_empty())
}

/// Runs one command as a process of its own: what it leaves in memory goes with
/// it. Its result appears whole or not at all.
async fn measure(args: &AllArgs, name: &str, command: &str, result: &Path) -> anyhow::Result<bool> {
    let program = env::current_exe().context("the path of this program")?;
    let fresh = result.with_extension("json.part");
    let log = args.out.join(format!("{name}.log"));
    let log_file = File::create(&log).with_context(|| format!("write {}", log.display()))?;
    let mut process = Command::new(program);
    process.args(command.split_whitespace());
    process.arg("--data").arg(&args.data).arg("--out").arg(&fresh);
    if let Some(limit) = args.limit {
        process.arg("--limit").arg(limit.to_string());
    }
    if let Some(path) = &args.throughline {
        process.arg("--throughline").arg(path);
    }
    if let Some(path) = &args.models_dir {
        process.arg("--models-dir").arg(path);
    }
    let errors = log_file.try_clone().context("the log")?;
    process.stdin(Stdio::null()).stdout(log_file).stderr(errors).kill_on_drop(true);
    let status = process.status().await.with_context(|| format!("run {command}"))?;
    if !status.success() {
        print(&format!("{name} failed, see {}", log.display()));
        return Ok(false);
    }
    fs::rename(&fresh, result).with_context(|| format!("write {}", result.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser as _;
    use std::collections::BTreeSet;

    #[test]
    fn every_run_is_a_command_that_exists() {
        let mut names = BTreeSet::new();
        for (name, _, command) in RUNS {
            let line =
                format!("x {command} --data d --out o --limit 3 --throughline t --models-dir m");
            Cli::try_parse_from(line.split_whitespace()).unwrap();
            assert!(names.insert(name), "{name} twice");
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
        let args = AllArgs {
            data: dir.path().to_owned(),
            out: out.clone(),
            only: Vec::new(),
            limit: None,
            throughline: None,
            models_dir: None,
        };
        // No data set is there: only the result that was there is reported.
        assert!(run(&args).await.unwrap());
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        assert!(page.contains("degradation sweep") && out.join("report.md").is_file());
        fs::remove_file(out.join("sweep.json")).unwrap();
        assert!(run(&args).await.is_err());
    }
}
