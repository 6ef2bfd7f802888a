//! `report`: one page of the results of many runs, as HTML that needs no
//! network, as Markdown and as JSON. `compare`: what changed between two
//! results, for CI.
//!
//! Flow: `result` reads what the commands wrote, `reliability` makes a curve of what
//! scores promise, `chart` and `grid` draw, `html` and `markdown` write. `direction`
//! says which way a figure is better, `comparable` whether two results measured the same.
//! Nothing is measured here.

#[cfg(test)]
mod browser;
mod chart;
mod comparable;
pub(crate) mod compare;
mod direction;
mod grid;
mod html;
mod markdown;
mod reliability;
mod result;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;

use result::Outcome;

/// Arguments of `report`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReportArgs {
    /// Results that the other commands wrote with `--out`.
    #[arg(required = true)]
    pub(crate) results: Vec<PathBuf>,
    /// Write one HTML page that needs no network.
    #[arg(long)]
    pub(crate) html: Option<PathBuf>,
    /// Write the same as Markdown.
    #[arg(long)]
    pub(crate) markdown: Option<PathBuf>,
    /// Write all results as one JSON array.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Headline of the page.
    #[arg(long, default_value = "Throughline: what is left as the conversation goes on")]
    pub(crate) title: String,
}

/// Reads the results and writes the pages.
///
/// # Errors
/// A result cannot be read, a page cannot be written, or none is asked for.
pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<()> {
    ensure!(
        args.html.is_some() || args.markdown.is_some() || args.json.is_some(),
        "nothing to write: pass --html, --markdown or --json"
    );
    let outcomes: Vec<Outcome> =
        args.results.iter().map(|path| Outcome::read(path)).collect::<anyhow::Result<_>>()?;
    if let Some(path) = &args.html {
        write(path, &html::page(&args.title, &outcomes))?;
    }
    if let Some(path) = &args.markdown {
        write(path, &markdown::page(&args.title, &outcomes))?;
    }
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&outcomes)? + "\n"))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
