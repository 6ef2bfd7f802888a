//! `throughline-eval`: measures Throughline from the outside. It starts the
//! real server (or asks a running one), plays data sets in through gRPC, asks
//! their questions, and scores what comes back against the labels.
//!
//! Flow: `dataset` reads and checks, `runner` ingests and asks, `metrics`
//! scores, `report` delivers; `degradation`, `staleness`, `pins`, `load` and `crash`
//! stand beside the runner. `page` makes one report of many results, `import`
//! brings conversations of other systems in.
//! Nothing here knows the server's insides: only `proto` is shared. The
//! exceptions are `summaries`, which judges the library's check and extract as
//! such, and `reader`, which asks the library's language models.

mod all;
mod bm25_reference;
mod checkpoint;
mod cli;
mod client;
mod compaction;
mod crash;
mod datafiles;
mod dataset;
mod degradation;
#[cfg(test)]
mod double;
mod folds;
mod import;
mod journal;
mod load;
mod metrics;
mod pace;
mod page;
mod pins;
mod plot;
mod process;
mod reader;
mod report;
mod runner;
mod sources;
mod staleness;
mod summaries;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Runs a command; `false` if it measured a violation.
async fn run(cli: Cli) -> anyhow::Result<bool> {
    match cli.command {
        Command::Retrieval(args) => runner::retrieval::run(&args).await.map(|()| true),
        Command::Context(args) => runner::context::run(&args).await.map(|()| true),
        Command::Prefix(args) => runner::prefix::run(&args).await.map(|()| true),
        Command::Features(args) => runner::features::run(&args).await.map(|()| true),
        Command::Staleness(args) => staleness::run(&args).await.map(|()| true),
        Command::Explain(args) => staleness::explain::run(&args).await.map(|()| true),
        Command::Summaries(args) => summaries::run(&args).await.map(|()| true),
        Command::Labels(args) => summaries::by_hand::run(&args).map(|()| true),
        Command::Compaction(args) => compaction::run(&args).await.map(|()| true),
        Command::CheckRows(args) => summaries::rows::run(&args).map(|()| true),
        Command::Pins(args) => pins::run(&args).await.map(|()| true),
        Command::Degradation(args) => degradation::run(&args).await.map(|()| true),
        Command::Load(args) => load::run(&args).await.map(|()| true),
        Command::All(args) => all::run(&args).await,
        Command::Data { command } => datafiles::run(&command),
        Command::Import(args) => import::run(&args).await,
        Command::Report(args) => page::run(&args).map(|()| true),
        Command::Compare(args) => page::compare::run(&args),
        Command::Crash(args) => crash::run(&args).await,
    }
}
