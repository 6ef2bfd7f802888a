//! Log lines, to stderr: stdout belongs to the line that says where the server
//! listens. Content of conversations is never logged, at no level.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::LogFormat;

/// Logging cannot be set up: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The directives are wrong.
    #[error("setting log: {0}; an example is `info,throughline=debug`")]
    Directives(String),
    /// Somebody else logs already.
    #[error("logging is set up twice: {0}")]
    Twice(String),
}

/// Sets logging up for the process.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(directives: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| TelemetryError::Directives(error.to_string()))?;
    let registry = tracing_subscriber::registry().with(filter);
    let set = match format {
        LogFormat::Text => {
            let colours = io::stderr().is_terminal();
            registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(io::stderr)).try_init(),
    };
    set.map_err(|error| TelemetryError::Twice(error.to_string()))
}
