//! `load`: how fast and how late. Five measurements: durable appends with the
//! enrichment running behind them, beside a bare write-and-fdatasync loop on
//! the same disk, and how long a turn waits until it is searchable (`appends`, `bare`,
//! `searchable`); the latency of windows over conversations of
//! growing length (`windows`); what recording adds to it (`recording`); what the chat
//! proxy adds (`chats`); what a turn costs as its conversation goes on (`work`).

mod appends;
mod bare;
mod chats;
mod recording;
mod searchable;
pub(crate) mod text;
mod windows;
mod work;

use crate::cli::LoadArgs;

/// Runs the command and delivers its result.
///
/// # Errors
/// The server does not start or answer, or the disk cannot be written.
pub(crate) async fn run(args: &LoadArgs) -> anyhow::Result<()> {
    if args.folding {
        work::run(args).await
    } else if args.chats {
        chats::run(args).await
    } else if args.recording {
        recording::run(args).await
    } else if args.build_context {
        windows::run(args).await
    } else {
        appends::run(args).await
    }
}
