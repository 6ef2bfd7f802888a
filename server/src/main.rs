//! The program `throughline`: everything is in the library.

use std::process::ExitCode;

/// A window allocates much that is small; with the system's allocator that takes a
/// fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    throughline::cli::run()
}
