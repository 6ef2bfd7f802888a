//! `all`: every measurement with its defaults into one folder, and the report of
//! them. A result that is there already is kept, and a run that broke off goes on
//! where its command can; what cannot run for want of its data or models is named at
//! the end.

mod runs;

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
    reader::{ReaderArgs, writer::SummaryArgs},
    report::print,
};

use runs::{RUNS, Run};

/// The ends of the commands that take neither a rival nor a reader: their figures are of
/// turns and of cohorts.
const WINDOWLESS: [&str; 2] = ["--dataset signals", "--dataset change_point"];
/// Folds of the weights that are shipped.
const FOLDS: &str = "5";
/// The flag of each kind of weights, and its folder below `--weights`.
const KINDS: [(&str, &str); 3] = [
    ("ranking_fold_weights", "folds"),
    ("staleness_fold_weights", "folds-staleness"),
    ("pin_fold_weights", "folds-pins"),
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
    /// Folder of the weights that were learnt without a fold (`folds`,
    /// `folds-staleness`, `folds-pins`): what weights were learnt from is run fold by
    /// fold. Without these folders it is run with the weights as they ship, and is
    /// named at the end.
    #[arg(long, default_value = "memory/weights")]
    pub(crate) weights: PathBuf,
    /// Command of an adapter to another memory, for each `degradation`; may be given
    /// several times.
    #[arg(long)]
    pub(crate) rival: Vec<String>,
    // For each `degradation`.
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
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
    let mut seen = Vec::new();
    let wanted =
        |run: &&Run| args.only.is_empty() || args.only.iter().any(|part| run.name.contains(part));
    for run in RUNS.iter().filter(wanted) {
        let result = out.join(format!("{}.json", run.name));
        if !result.is_file() {
            if let Some(what) = missing(args, run) {
                absent.push(format!("{} (no {what})", run.name));
                continue;
            }
            if run.learnt && folds(args).is_empty() {
                seen.push(run.name.to_owned());
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
    let unfolded =
        format!("with weights that saw the data (no folds in {})", args.weights.display());
    for (what, names) in [
        (unfolded.as_str(), seen),
        ("left out", absent),
        ("failed", failed.iter().map(|n| (*n).to_owned()).collect()),
    ] {
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
    let mut given = vec![
        ("data", (!run.folder.is_empty()).then(|| path(&args.data))),
        ("out", Some(path(result))),
        ("limit", limit),
        ("throughline", args.throughline.as_deref().map(path)),
        ("models_dir", args.models_dir.as_deref().map(path)),
    ];
    if run.learnt {
        given.extend(folds(args).into_iter().map(|(id, value)| (id, Some(value))));
    }
    if !WINDOWLESS.iter().any(|end| run.command.ends_with(end)) {
        given.extend(args.rival.iter().map(|rival| ("rival", Some(rival.clone()))));
        let models = reading(&args.reader).into_iter().chain(writing(&args.summary));
        given.extend(models.map(|(id, value)| (id, Some(value))));
    }
    for (id, value) in given {
        if let (Some(value), Some(_)) = (value, flag(run.command, id)) {
            words.extend([format!("--{}", id.replace('_', "-")), value]);
        }
    }
    words
}

/// The flags of weights that have not seen a fold, as far as their folders are there.
fn folds(args: &AllArgs) -> Vec<(&'static str, String)> {
    let there = KINDS.map(|(id, folder)| (id, args.weights.join(folder)));
    let there = there.into_iter().filter(|(_, folder)| folder.is_dir());
    let mut flags: Vec<_> =
        there.map(|(id, folder)| (id, folder.to_string_lossy().into_owned())).collect();
    if !flags.is_empty() {
        flags.insert(0, ("folds", FOLDS.to_owned()));
    }
    flags
}

/// The flags of the reader and the judge; none where nobody reads.
fn reading(reader: &ReaderArgs) -> Vec<(&'static str, String)> {
    if !reader.is_asked() {
        return Vec::new();
    }
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    let all = [
        ("reader", Some(reader.reader.clone())),
        ("reader_model", Some(reader.reader_model.clone())),
        ("reader_key_file", reader.reader_key_file.as_ref().map(path)),
        ("reader_tokens", Some(reader.reader_tokens.to_string())),
        ("runs", Some(reader.runs.to_string())),
        ("replies", reader.replies.as_ref().map(path)),
        ("judge", reader.judge.clone()),
        ("judge_model", reader.judge_model.clone()),
        ("judge_key_file", reader.judge_key_file.as_ref().map(path)),
    ];
    all.into_iter().filter_map(|(id, value)| Some((id, value?))).collect()
}

/// The flags of the model that writes summaries; none where nobody does.
fn writing(summary: &SummaryArgs) -> Vec<(&'static str, String)> {
    let Some(by) = &summary.summary_by else { return Vec::new() };
    let mut flags =
        vec![("summary_by", by.clone()), ("summary_model", summary.summary_model.clone())];
    let key = summary.summary_key_file.as_ref();
    flags.extend(key.map(|path| ("summary_key_file", path.to_string_lossy().into_owned())));
    flags
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
mod tests;
