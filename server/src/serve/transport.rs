//! HTTP/2: services behind the gate, with every bound set on purpose.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::stream::select_all;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::server::{Server, TcpIncoming},
};
use tonic_health::{
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::Builder;

use super::ServeError;
use crate::{
    auth::Auth,
    config::WireSettings,
    grpc::{
        ApiState,
        context::ContextApi,
        conversation::ConversationApi,
        degradation::DegradationApi,
        gate::{Gate, GateLayer},
        items::ItemApi,
        memory::MemoryApi,
        server_info::ServerApi,
        usage::UsageApi,
    },
    pb,
};

/// A silent connection is asked after this; a dead one is found before a
/// proxy's usual idle limit of a minute.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// What it has to answer within.
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);
/// Bytes of all headers of a request.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// Windows that let one stream of appends fill a local connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Streams that a client opened and reset before they were accepted; more is
/// abuse and ends the connection.
const MAX_PENDING_RESETS: usize = 64;

/// A server that listens.
pub(super) struct Transport {
    pub(super) addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Transport {
    /// Starts to listen.
    pub(super) fn start(
        listeners: Vec<TcpListener>,
        auth: Auth,
        wire: &WireSettings,
        state: &Arc<ApiState>,
        health: &HealthReporter,
    ) -> Result<Self, ServeError> {
        let addresses =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let incoming = select_all(
            listeners
                .into_iter()
                .map(|listener| TcpIncoming::from(listener).with_nodelay(Some(true))),
        );
        let routes = routes(wire.max_message_bytes, state, health)?;
        let gate = Gate::new(auth, wire.default_deadline, wire.max_in_flight);
        let stop = CancellationToken::new();
        let server = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER))
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(wire.max_streams)
            .layer(GateLayer::new(gate))
            .serve_with_incoming_shutdown(routes, incoming, stop.clone().cancelled_owned());
        Ok(Self { addresses, stop, task: tokio::spawn(server) })
    }

    /// Takes no more calls; waits for the open ones, at most `drain`.
    pub(super) async fn stop(self, drain: Duration) {
        self.stop.cancel();
        let mut task = self.task;
        match tokio::time::timeout(drain, &mut task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the transport failed"),
            Ok(Err(error)) => tracing::error!(%error, "the transport ended early"),
            Err(_) => {
                tracing::warn!(?drain, "open calls are cut off");
                task.abort();
            }
        }
    }
}

fn routes(
    max_bytes: usize,
    state: &Arc<ApiState>,
    health: &HealthReporter,
) -> Result<Routes, ServeError> {
    macro_rules! service {
        ($module:ident, $server:ident, $api:ident) => {
            pb::$module::$server::new($api(Arc::clone(state)))
                .max_decoding_message_size(max_bytes)
                .max_encoding_message_size(max_bytes)
        };
    }
    let reflection = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let damaged =
        |error: tonic_reflection::server::Error| ServeError::Reflection(error.to_string());
    let health = HealthService::from_health_reporter(health.clone());
    Ok(Routes::new(HealthServer::new(health))
        .add_service(reflection().build_v1().map_err(damaged)?)
        .add_service(reflection().build_v1alpha().map_err(damaged)?)
        .add_service(service!(
            conversation_service_server,
            ConversationServiceServer,
            ConversationApi
        ))
        .add_service(service!(memory_service_server, MemoryServiceServer, MemoryApi))
        .add_service(service!(item_service_server, ItemServiceServer, ItemApi))
        .add_service(service!(context_service_server, ContextServiceServer, ContextApi))
        .add_service(service!(degradation_service_server, DegradationServiceServer, DegradationApi))
        .add_service(service!(usage_service_server, UsageServiceServer, UsageApi))
        .add_service(service!(server_service_server, ServerServiceServer, ServerApi)))
}
