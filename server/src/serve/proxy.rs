//! The chat proxy's socket: listens from the start on, stops before the engine.

use std::{future::IntoFuture as _, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::ListenerExt as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::proxy::Proxy;

/// How long what came of answers may take to be stored at the end.
const STORING: Duration = Duration::from_secs(5);

/// A socket that takes chat requests in.
pub(super) struct ProxySocket {
    pub(super) address: Option<SocketAddr>,
    proxy: Arc<Proxy>,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl ProxySocket {
    /// Starts to answer.
    pub(super) fn start(listener: TcpListener, proxy: Arc<Proxy>) -> Self {
        let address = listener.local_addr().ok();
        let stop = CancellationToken::new();
        // Tokens go out one by one, as they come.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection delays small packets");
            }
        });
        let served = axum::serve(listener, proxy.router());
        let served = served.with_graceful_shutdown(stop.clone().cancelled_owned());
        if let Some(address) = address {
            tracing::info!(%address, "taking chat requests in");
        }
        Self { address, proxy, stop, task: tokio::spawn(served.into_future()) }
    }

    /// Takes no more requests; waits for the open ones, at most `drain`, then breaks
    /// them off and stores what came of them.
    pub(super) async fn stop(self, drain: Duration) {
        self.stop.cancel();
        let mut task = self.task;
        let ended = tokio::time::timeout(drain, &mut task).await;
        self.proxy.cut();
        match ended {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the proxy failed"),
            Ok(Err(error)) => tracing::error!(%error, "the proxy ended early"),
            Err(_) => tracing::warn!(?drain, "open chat requests are cut off"),
        }
        if tokio::time::timeout(STORING, self.proxy.finished()).await.is_err() {
            tracing::error!("answers that broke off were not stored in time");
        }
        task.abort();
    }
}
