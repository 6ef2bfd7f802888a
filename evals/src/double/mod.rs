//! A double of the server for this program's own tests: an in-memory store
//! behind the real protocol on a loopback port. It is no reference of what the
//! server does; it answers the calls that the runner makes, plainly, so that
//! ingestion, asking, windows and crash checks are tested as they run. Search
//! ranks by shared words; a window is the newest turns that fit.

mod conversations;
mod degradation;
mod staleness;
mod usage;
mod windows;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use throughline_proto::v1::{
    Conversation, EmbeddingModelInfo, Fact, GetServerInfoRequest, GetServerInfoResponse, Outcome,
    RankingInfo, Turn,
    context_service_server::ContextServiceServer,
    conversation_service_server::ConversationServiceServer,
    degradation_service_server::DegradationServiceServer,
    memory_service_server::MemoryServiceServer,
    server_service_server::{ServerService, ServerServiceServer},
    usage_service_server::UsageServiceServer,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// A conversation with its turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) head: Conversation,
    pub(crate) turns: Vec<Turn>,
    pub(crate) facts: Vec<Fact>,
}

/// How the double goes wrong, to see that it is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not.
    #[default]
    None,
    /// A repeated client turn id is stored again.
    AppendsTwice,
    /// The last turn of every listing is missing.
    LosesLast,
    /// Windows are over their budget.
    OverBudget,
}

/// The double's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Double {
    pub(crate) held: Arc<Mutex<BTreeMap<String, Held>>>,
    /// Conversations that were ever created.
    pub(crate) created: Arc<Mutex<Vec<Conversation>>>,
    /// Outcomes in the order in which they were recorded, with their conversations.
    pub(crate) recorded: Arc<Mutex<Vec<(String, Outcome)>>>,
    pub(crate) fault: Fault,
}

impl Double {
    /// Starts it on a free loopback port; returns the address.
    pub(crate) async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Server::builder()
            .add_service(ConversationServiceServer::new(self.clone()))
            .add_service(MemoryServiceServer::new(self.clone()))
            .add_service(ContextServiceServer::new(self.clone()))
            .add_service(DegradationServiceServer::new(self.clone()))
            .add_service(UsageServiceServer::new(self.clone()))
            .add_service(ServerServiceServer::new(self.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }

    /// Reads or changes a conversation.
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Held) -> T) -> Result<T, Status> {
        let mut held = self.held.lock().unwrap();
        held.get_mut(name).map(work).ok_or_else(|| Status::not_found(name.to_owned()))
    }
}

#[tonic::async_trait]
impl ServerService for Double {
    async fn get_server_info(
        &self,
        _: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        Ok(Response::new(GetServerInfoResponse {
            version: "double".into(),
            embedding_model: Some(EmbeddingModelInfo {
                sha256: "0".repeat(64),
                ..EmbeddingModelInfo::default()
            }),
            ranking: Some(RankingInfo::default()),
            ..GetServerInfoResponse::default()
        }))
    }
}
