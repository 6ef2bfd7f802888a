//! SIGTERM and SIGINT (Ctrl-C).

use super::ServeError;

/// Signals that end the server, from now on.
pub(super) struct Ends {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

/// Takes the signals over from the default, which would end the process.
pub(super) fn listen() -> Result<Ends, ServeError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Ends {
            terminate: signal(SignalKind::terminate()).map_err(ServeError::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(ServeError::Signals)?,
        })
    }
    #[cfg(not(unix))]
    Ok(Ends {})
}

impl Ends {
    /// The name of the next one.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// The name of the next one.
    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            // No signals here: only the end of the process ends it.
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
