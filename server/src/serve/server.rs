//! A server's life: listens (health: not serving), is opened with its parts
//! (serving), drains and closes them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use throughline_memory::engine::Engine;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic_health::server::HealthReporter;

use super::{ServeError, http::Http, proxy::ProxySocket, transport::Transport};
use crate::{
    auth::Auth,
    config::{ProxySettings, WireSettings},
    grpc::{ApiState, Opened, health},
    proxy::Proxy,
};

/// A server that listens.
pub struct Server {
    transport: Transport,
    state: Arc<ApiState>,
    reporter: HealthReporter,
    opened: Option<(Arc<Engine>, JoinHandle<()>)>,
    http: Vec<Http>,
    proxies: Vec<ProxySocket>,
}

impl Server {
    /// Listens: health answers "not serving", every call UNAVAILABLE.
    ///
    /// # Errors
    /// [`ServeError::Reflection`].
    pub async fn listen(
        listeners: Vec<TcpListener>,
        auth: Auth,
        wire: &WireSettings,
    ) -> Result<Self, ServeError> {
        let (state, reporter) = (ApiState::starting(wire.max_in_flight), HealthReporter::new());
        health::report(&reporter, false).await;
        let transport = Transport::start(listeners, auth, wire, &state, &reporter)?;
        Ok(Self { transport, state, reporter, opened: None, http: Vec::new(), proxies: Vec::new() })
    }

    /// Answers HTTP too: metrics.
    pub fn answer_http(&mut self, listeners: Vec<TcpListener>) {
        let start = |listener| Http::start(listener, Arc::clone(&self.state));
        self.http.extend(listeners.into_iter().map(start));
    }

    /// Takes chat requests in too.
    ///
    /// # Errors
    /// [`ServeError::Upstream`].
    pub fn take_chats(
        &mut self,
        listeners: Vec<TcpListener>,
        auth: Auth,
        settings: &ProxySettings,
        max_in_flight: usize,
    ) -> Result<(), ServeError> {
        let state = Arc::clone(&self.state);
        let proxy = Proxy::new(state, auth, settings.clone(), max_in_flight)?;
        let start = |listener| ProxySocket::start(listener, Arc::clone(&proxy));
        self.proxies.extend(listeners.into_iter().map(start));
        Ok(())
    }

    /// Where it takes chat requests in.
    pub fn proxy_addresses(&self) -> Vec<SocketAddr> {
        self.proxies.iter().filter_map(|proxy| proxy.address).collect()
    }

    /// Where it answers HTTP.
    pub fn http_addresses(&self) -> Vec<SocketAddr> {
        self.http.iter().filter_map(|http| http.address).collect()
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.transport.addresses
    }

    /// Answers calls from now on; health follows the store.
    pub async fn open(&mut self, opened: Opened) {
        let engine = Arc::clone(&opened.engine);
        self.state.open(opened);
        health::report(&self.reporter, true).await;
        let watch = tokio::spawn(health::watch(self.reporter.clone(), Arc::clone(&engine)));
        self.opened = Some((engine, watch));
    }

    /// Drains: health "not serving", new calls UNAVAILABLE, open ones are
    /// answered within `drain`; then closes the engine.
    pub async fn stop(self, drain: Duration) {
        if let Some((_, watch)) = &self.opened {
            watch.abort();
        }
        health::report(&self.reporter, false).await;
        self.state.drain();
        let proxies = self.proxies.into_iter().map(|proxy| proxy.stop(drain));
        // Side by side: each may take as long as the drain.
        futures::future::join(self.transport.stop(drain), futures::future::join_all(proxies)).await;
        for http in self.http {
            http.stop(drain).await;
        }
        if let Some((engine, _)) = self.opened {
            engine.close().await;
        }
    }
}
