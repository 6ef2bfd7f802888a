//! The HTTP socket: listens from the start on, stops with the server.

use std::{future::IntoFuture as _, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{grpc::ApiState, http};

/// A socket that answers HTTP.
pub(super) struct Http {
    pub(super) address: Option<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Http {
    /// Starts to answer.
    pub(super) fn start(listener: TcpListener, state: Arc<ApiState>) -> Self {
        let address = listener.local_addr().ok();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let served = axum::serve(listener, http::router(state)).with_graceful_shutdown(stopped);
        if let Some(address) = address {
            tracing::info!(%address, "answering HTTP");
        }
        Self { address, stop, task: tokio::spawn(served.into_future()) }
    }

    /// Takes no more requests; waits for the open ones, at most `drain`.
    pub(super) async fn stop(self, drain: Duration) {
        self.stop.cancel();
        let mut task = self.task;
        match tokio::time::timeout(drain, &mut task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "HTTP failed"),
            Ok(Err(error)) => tracing::error!(%error, "HTTP ended early"),
            Err(_) => task.abort(),
        }
    }
}
