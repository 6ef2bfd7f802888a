//! Log lines, to stderr: stdout belongs to the line that says where the server
//! listens. Content of conversations is never logged, at no level.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    EnvFilter,
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

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
    // Spans are stages, at the level debug: what each took.
    let layer = fmt::layer().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE);
    let set = match format {
        LogFormat::Text => registry.with(layer.with_ansi(io::stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
    set.map_err(|error| TelemetryError::Twice(error.to_string()))
}
