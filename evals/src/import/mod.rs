//! `import`: brings conversations of other systems into a running server.
//!
//! Flow: `formats` reads a file into conversations of turns; this file sends
//! them. Conversations are named by where they come from and turns carry client
//! turn ids, so an import that broke off is started again as it was: what is
//! there is found, what is missing is added.

mod chatgpt;
mod formats;
mod messages;
mod sharegpt;

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use throughline_proto::v1 as wire;

use crate::{
    cli::ServerArgs,
    report::{complain, print},
    runner::{
        ingest::{create_titled, wait_indexed},
        pass::Opened,
        progress::Progress,
        stream::stream_turns,
    },
};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Whichever fits.
    Auto,
    /// Chat completion messages: a list, `{"messages": [...]}`, or a line each.
    Openai,
    /// Anthropic messages with content blocks and a `system` beside them.
    Anthropic,
    /// `{"conversations": [{"from": "human", "value": "..."}]}`.
    Sharegpt,
    /// The `conversations.json` of a ChatGPT export: the current branch of each.
    Chatgpt,
}

/// Arguments of `import`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImportArgs {
    /// JSON or JSON Lines, also `.gz`.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What they hold.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) format: Format,
    /// Whose conversations they are.
    #[arg(long, default_value = "")]
    pub(crate) user_id: String,
    /// Also wait until every turn is searchable.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// A conversation to bring in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Imported {
    /// Its id in the file, or its place there.
    pub(crate) key: String,
    /// For people to read; may be empty.
    pub(crate) title: String,
    /// In order, with client turn ids.
    pub(crate) turns: Vec<wire::Turn>,
}

/// Runs the command; `false` if a conversation could not be brought in.
///
/// # Errors
/// A file cannot be read, or there is no server.
pub(crate) async fn run(args: &ImportArgs) -> anyhow::Result<bool> {
    ensure!(
        args.server.server.is_some() || args.server.store_dir.is_some(),
        "pass --server, or --store-dir so that what is imported stays"
    );
    let mut all = Vec::new();
    for path in &args.files {
        all.extend(formats::read(path, args.format)?);
    }
    let opened = Opened::new(&args.server, &[]).await?;
    let turns = all.iter().map(|one| one.turns.len()).sum();
    let progress = Progress::new(if args.wait { turns } else { 0 }, all.len(), "conversations");
    let mut failed = 0usize;
    for one in &all {
        if let Err(error) = bring_in(args, &opened, one, &progress).await {
            complain(&error.context(format!("{} ({})", one.key, one.title)));
            failed += 1;
        }
        progress.question();
    }
    drop(progress);
    let good = all.len() - failed;
    print(&format!("{good} conversations with {turns} turns are there, {failed} failed"));
    opened.close().await?;
    Ok(failed == 0)
}

async fn bring_in(
    args: &ImportArgs,
    opened: &Opened,
    one: &Imported,
    progress: &Progress,
) -> anyhow::Result<()> {
    let key = format!("{}/{}", args.user_id, one.key);
    let id = format!("import-{}", blake3::hash(key.as_bytes()).to_hex());
    let id: String = id.chars().take(39).collect();
    let name = create_titled(&opened.api, &id, &args.user_id, &one.title).await?;
    if one.turns.is_empty() {
        return Ok(());
    }
    let last = stream_turns(&opened.api, &name, one.turns.clone()).await?;
    if args.wait {
        wait_indexed(&opened.api, &name, 0..last, progress).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
