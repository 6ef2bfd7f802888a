//! `all`: every measurement with its defaults into one folder, and the report of
//! them. A result that is there already is kept, and a run that broke off goes on
//! where its command can; what cannot run for want of its data or models is named at
//! the end.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, ensure};
use clap::{Args, CommandFactory as _};
use tokio::process::Command;

use crate::{
    cli::Cli,
    page::{self, ReportArgs},
    report::print,
};

/// One measurement.
struct Run {
    /// Name of its result.
    name: &'static str,
    /// Folder of the data set that it cannot do without; empty if it needs none.
    folder: &'static str,
    /// The command, without what `all` passes on.
    command: &'static str,
    /// The command for a quick look, where it knows no `--limit`; else empty.
    quick: &'static str,
}

const fn of(name: &'static str, folder: &'static str, command: &'static str) -> Run {
    Run { name, folder, command, quick: "" }
}

/// Everything that is measured.
static RUNS: [Run; 28] = [
    of("sweep", "beam", "degradation --dataset sweep"),
    of("lost", "lost_in_conversation", "degradation --dataset lost_in_conversation"),
    of("distance-locomo", "locomo", "degradation --dataset locomo"),
    of("distance-beam", "beam", "degradation --dataset beam"),
    of("distance-longmemeval", "longmemeval", "degradation --dataset longmemeval"),
    of("distance-multichallenge", "multichallenge", "degradation --dataset multichallenge"),
    of("signals", "longmemeval", "degradation --dataset signals"),
    of("retrieval-locomo", "locomo", "retrieval --dataset locomo"),
    of("retrieval-beam", "beam", "retrieval --dataset beam"),
    of("retrieval-longmemeval", "longmemeval", "retrieval --dataset longmemeval"),
    of("context-locomo", "locomo", "context --dataset locomo"),
    of("context-beam", "beam", "context --dataset beam"),
    of("prefix-beam", "beam", "prefix --dataset beam"),
    of("staleness-sgd", "sgd_updates", "staleness --dataset sgd_updates"),
    of("staleness-statebench", "statebench", "staleness --dataset statebench"),
    of("pins-beam", "beam", "pins --dataset beam"),
    of("pins-prefeval", "prefeval", "pins --dataset prefeval --distance 0,8,28,96"),
    of("compaction", "beam", "compaction"),
    of("summaries-dialogsum", "dialogsum", "summaries --dataset dialogsum"),
    of("summaries-summedits", "summedits", "summaries --dataset summedits"),
    of("summaries-diasumfact", "diasumfact", "summaries --dataset diasumfact"),
    of("summaries-qmsum", "qmsum", "summaries --dataset qmsum"),
    of("summaries-beam", "beam", "summaries --dataset beam"),
    of("summaries-locomo", "locomo", "summaries --dataset locomo"),
    Run { quick: "load --seconds 3", ..of("load-appends", "", "load") },
    Run {
        quick: "load --build-context --turns 100,500 --windows 20",
        ..of("load-windows", "", "load --build-context --turns 100,1000,5000")
    },
    Run {
        quick: "load --chats --turns 100 --windows 10",
        ..of("load-chats", "", "load --chats --turns 5000 --windows 15")
    },
    Run { quick: "crash --rounds 2 --writers 8", ..of("crash", "", "crash") },
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
        |run: &&Run| args.only.is_empty() || args.only.iter().any(|part| run.name.contains(part));
    for run in RUNS.iter().filter(wanted) {
        let result = out.join(format!("{}.json", run.name));
        if !result.is_file() {
            if let Some(what) = missing(args, run) {
                absent.push(format!("{} (no {what})", run.name));
                continue;
            }
            print(&format!("{}: {}", run.name, run.command));
            if !measure(args, run, &result).await? {
                failed.push(run.name);
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

/// What a run cannot do without and has not got.
fn missing(args: &AllArgs, run: &Run) -> Option<&'static str> {
    if !run.folder.is_empty() && !args.data.join(run.folder).is_dir() {
        return Some(run.folder);
    }
    lacks_models(args, run).then_some("--models-dir")
}

/// Whether it opens models itself, and nobody says where they are.
fn lacks_models(args: &AllArgs, run: &Run) -> bool {
    let opens = flag(run.command, "models_dir").is_some_and(|flag| flag.is_required_set());
    opens && args.models_dir.is_none()
}

/// The flag of a command by its name in the program.
fn flag(command: &str, id: &str) -> Option<clap::Arg> {
    let mut cli = Cli::command();
    cli.build();
    let name = command.split_whitespace().next()?;
    let mut flags = cli.find_subcommand(name)?.get_arguments();
    flags.find(|flag| flag.get_id().as_str() == id).cloned()
}

/// The command line of a run, what is passed on to it included.
fn line(args: &AllArgs, run: &Run, result: &Path) -> Vec<String> {
    let quick = args.limit.is_some() && !run.quick.is_empty();
    let command = if quick { run.quick } else { run.command };
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    let limit = args.limit.map(|limit| limit.to_string());
    let path = |path: &Path| path.to_string_lossy().into_owned();
    for (id, value) in [
        ("data", (!run.folder.is_empty()).then(|| path(&args.data))),
        ("out", Some(path(result))),
        ("limit", limit),
        ("throughline", args.throughline.as_deref().map(path)),
        ("models_dir", args.models_dir.as_deref().map(path)),
    ] {
        if let (Some(value), Some(_)) = (value, flag(run.command, id)) {
            words.extend([format!("--{}", id.replace('_', "-")), value]);
        }
    }
    words
}

/// Runs one command as a process of its own: what it leaves in memory goes with
/// it. Its result appears whole or not at all.
async fn measure(args: &AllArgs, run: &Run, result: &Path) -> anyhow::Result<bool> {
    let program = env::current_exe().context("the path of this program")?;
    let fresh = result.with_extension("json.part");
    let log = args.out.join(format!("{}.log", run.name));
    let log_file = File::create(&log).with_context(|| format!("write {}", log.display()))?;
    let errors = log_file.try_clone().context("the log")?;
    let mut process = Command::new(program);
    process.args(line(args, run, &fresh));
    process.stdin(Stdio::null()).stdout(log_file).stderr(errors).kill_on_drop(true);
    let status = process.status().await.with_context(|| format!("run {}", run.command))?;
    if !status.success() {
        print(&format!("{} failed, see {}", run.name, log.display()));
        return Ok(false);
    }
    fs::rename(&fresh, result).with_context(|| format!("write {}", result.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use std::collections::BTreeSet;

    fn args(data: &Path, out: &Path) -> AllArgs {
        AllArgs {
            data: data.to_owned(),
            out: out.to_owned(),
            only: Vec::new(),
            limit: None,
            throughline: None,
            models_dir: None,
        }
    }

    #[test]
    fn every_run_is_a_command_that_exists() {
        let plain = args(Path::new("d"), Path::new("o"));
        let mut quick = plain.clone();
        (quick.limit, quick.models_dir) = (Some(3), Some("m".into()));
        quick.throughline = Some("t".into());
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
            assert!(
                RUNS.iter().any(|run| run.command.split(' ').next() == Some(command)),
                "{command}"
            );
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
}
