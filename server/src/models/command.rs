//! `throughline models list|pull|verify|serve|bench`.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use throughline_memory::embed::Precision;
use throughline_summarizer::llm::{DeviceChoice, threads};

use super::{
    Checked, Model, ModelsError, Progress, PullOptions, Purpose, Registry, bench, bench_llm,
    default_dir, pull, registry_of, serve::Serving, verify,
};

/// Fetches and checks models.
#[derive(Clone, Debug, Subcommand)]
pub enum ModelsCommand {
    /// Shows the models that can be fetched, and which are here.
    List(Place),
    /// Fetches models, or what is missing of them, and verifies all.
    Pull {
        /// Their names; none means the default embedding model.
        names: Vec<String>,
        /// Do not ask the model hub.
        #[arg(long, env = "THROUGHLINE_OFFLINE")]
        offline: bool,
        /// Leave out ONNX Runtime's files and library: for candle alone.
        #[arg(long)]
        no_onnx: bool,
        /// Of which precision the files for ONNX Runtime are. Those of int8 are made
        /// here, with Python packages.
        #[arg(long, value_enum, default_value = "fp32", conflicts_with = "no_onnx")]
        precision: Precisions,
        /// Where and which.
        #[command(flatten)]
        place: Place,
    },
    /// Hashes everything here again.
    Verify {
        /// Their names; none means every model that is here.
        names: Vec<String>,
        /// Where and which.
        #[command(flatten)]
        place: Place,
    },
    /// Answers chat completions with a language model of its own, for programs that want
    /// an OpenAI-compatible service on this machine.
    ///
    /// Prints `listening on ADDRESS` when it is ready; Ctrl-C ends it. There are no keys:
    /// it listens on loopback alone.
    Serve {
        /// The language model; fetched if it is missing.
        name: String,
        /// Address; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:7431")]
        listen: SocketAddr,
        /// Where it computes: auto, cpu, cuda or metal.
        #[arg(long, default_value = "auto")]
        device: DeviceChoice,
        /// Threads on the processor; 0 is half of the cores.
        #[arg(long, default_value_t = 0)]
        threads: usize,
        /// Most tokens of prompt and answer together.
        #[arg(long, default_value_t = 8_192)]
        context_tokens: usize,
        /// Where and which.
        #[command(flatten)]
        place: Place,
    },
    /// Measures the engines on this machine: texts a second, and how near int8
    /// is to fp32. With --llm, a language model: tokens a second.
    Bench {
        /// The language model to measure: a prompt of 512 tokens is read, 64 are
        /// generated.
        #[arg(long, value_name = "NAME")]
        llm: Option<String>,
        /// Where the language model computes: auto, cpu, cuda or metal.
        #[arg(long, default_value = "auto", requires = "llm")]
        device: DeviceChoice,
        /// Threads of each engine.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Seconds for each figure.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        /// Where and which.
        #[command(flatten)]
        place: Place,
    },
}

/// Precisions to pull.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Precisions {
    /// What a server takes by default.
    Fp32,
    /// For `--embedding-precision int8`.
    Int8,
    /// Both.
    All,
}

impl Precisions {
    fn one(self) -> Option<Precision> {
        match self {
            Self::Fp32 => Some(Precision::Fp32),
            Self::Int8 => Some(Precision::Int8),
            Self::All => None,
        }
    }
}

/// Where models lie and which are known.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Directory of the models; the platform's data directory by default.
    #[arg(long, env = "THROUGHLINE_MODELS_DIR")]
    models_dir: Option<PathBuf>,
    /// A `models.toml` instead of the built-in one.
    #[arg(long, env = "THROUGHLINE_MODELS_FILE")]
    models_file: Option<PathBuf>,
}

impl Place {
    fn open(&self) -> Result<(PathBuf, Registry), ModelsError> {
        let dir = match &self.models_dir {
            Some(dir) => dir.clone(),
            None => default_dir()?,
        };
        Ok((dir, registry_of(self.models_file.as_deref())?))
    }
}

impl ModelsCommand {
    /// Does it. Results go to stdout, progress to stderr.
    ///
    /// # Errors
    /// The error names its mend; damaged files are one too.
    pub fn run(&self) -> anyhow::Result<()> {
        if let Self::Serve { name, listen, device, threads, context_tokens, place } = self {
            compute_with(*threads);
            let (dir, registry) = place.open()?;
            let (listen, device, context_tokens) = (*listen, *device, *context_tokens);
            let (registry, dir) = (&registry, dir.as_path());
            return Serving { registry, name, dir, device, context_tokens, listen }.run();
        }
        let mut out = std::io::stdout().lock();
        match self {
            Self::Serve { .. } => {}
            Self::List(place) => {
                let (dir, registry) = place.open()?;
                writeln!(out, "{}\nin {}", list(&registry, &dir)?, dir.display())?;
            }
            Self::Pull { names, offline, no_onnx, precision, place } => {
                let (dir, registry) = place.open()?;
                let names = if names.is_empty() {
                    vec![registry.default_embedding.as_str()]
                } else {
                    names.iter().map(String::as_str).collect()
                };
                let (offline, onnx, precision) = (*offline, !no_onnx, precision.one());
                let options = PullOptions { offline, onnx, precision };
                pull(&registry, &names, &dir, &options, &Progress::auto())?;
                writeln!(out, "{} in {}", names.join(", "), dir.display())?;
            }
            Self::Verify { names, place } => {
                let (dir, registry) = place.open()?;
                check(&registry, names, &dir, &mut out)?;
            }
            Self::Bench { llm: Some(name), device, threads, place, .. } => {
                compute_with(*threads);
                let (dir, registry) = place.open()?;
                registry.purposed(name, Purpose::Llm)?;
                pull(&registry, &[name], &dir, &PullOptions::default(), &Progress::auto())?;
                bench_llm::run(&registry, name, &dir, *device, &mut out)?;
            }
            Self::Bench { llm: None, threads, seconds, place, .. } => {
                let (dir, registry) = place.open()?;
                let options = PullOptions { precision: None, ..PullOptions::default() };
                let name = registry.default_embedding.as_str();
                pull(&registry, &[name], &dir, &options, &Progress::auto())?;
                bench::run(&registry, &dir, *threads, *seconds, &mut out)?;
            }
        }
        Ok(())
    }
}

/// Sets how many threads a language model computes with. To be called first, before
/// there are others.
#[allow(unsafe_code, reason = "the pool reads its threads from the environment alone")]
fn compute_with(threads: usize) {
    // SAFETY: the command line runs commands from the main thread, and this is the
    // first thing that those do that compute: no other thread was started.
    unsafe { threads::configure(threads) };
}

fn list(registry: &Registry, dir: &Path) -> Result<Table, ModelsError> {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    table.set_header(["model", "for", "licence", "languages", "dimensions", "reads", "here"]);
    for model in &registry.models {
        let here =
            model.files.iter().filter(|file| dir.join(&model.name).join(&file.path).exists());
        let default = if model.name == registry.default_embedding { " (default)" } else { "" };
        table.add_row([
            format!("{}{default}", model.name),
            purpose(model),
            model.licence.clone(),
            model.languages.clone(),
            match model.purpose {
                Purpose::Embedding => model.dimensions.to_string(),
                Purpose::Llm => "–".to_owned(),
            },
            format!("{} tokens", model.max_tokens),
            format!("{} of {} files", here.count(), model.files.len()),
        ]);
    }
    Ok(table)
}

/// What it is for, as the table shows it.
fn purpose(model: &Model) -> String {
    let only = if model.for_tests_only { ", smoke tests only" } else { "" };
    format!("{}{only}", model.purpose.as_str())
}

fn check(
    registry: &Registry,
    names: &[String],
    dir: &Path,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let chosen: Vec<&str> = if names.is_empty() {
        let here = |name: &&str| dir.join(name).exists();
        registry.models.iter().map(|model| model.name.as_str()).filter(here).collect()
    } else {
        names.iter().map(String::as_str).collect()
    };
    if chosen.is_empty() {
        anyhow::bail!("no model in {}; run `throughline models pull`", dir.display());
    }
    let checked = verify(registry, &chosen, dir)?;
    let mut wrong = 0usize;
    for Checked { model: _, path, is_needed, state } in &checked {
        match state {
            Ok(Some(sha256)) => writeln!(out, "ok       {sha256}  {path}")?,
            Ok(None) if !is_needed => writeln!(out, "absent   {path} (of another precision)")?,
            Ok(None) => {
                wrong += 1;
                writeln!(out, "missing  {path}")?;
            }
            Err(error) => {
                wrong += 1;
                writeln!(out, "damaged  {error}")?;
            }
        }
    }
    if wrong > 0 {
        anyhow::bail!(
            "{wrong} of {} files are missing or damaged; run `throughline models pull {}`",
            checked.len(),
            chosen.join(" ")
        );
    }
    Ok(())
}
