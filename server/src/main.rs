//! The program `throughline`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    throughline::cli::run()
}
