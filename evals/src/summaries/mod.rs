//! `summaries`.

pub(crate) mod args;
mod embedder;
pub(crate) mod rows;

use args::SummariesArgs;

pub(crate) async fn run(args: &SummariesArgs) -> anyhow::Result<()> {
    let _ = (args.folder(), args.split(), args.budget, args.seed, args.limit);
    Ok(())
}
