//! `ConversationService`: one file per request.

use std::{pin::Pin, sync::Arc};

use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::ApiState;
use crate::pb::{self, conversation_service_server::ConversationService};

mod append;
mod create;
mod delete;
mod export;
mod forget;
mod fork;
mod get;
mod given;
mod import;
mod list;
mod list_turns;
mod stream;
mod update;
mod watch;

/// The service.
#[derive(Clone)]
pub struct ConversationApi(pub Arc<ApiState>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ConversationService for ConversationApi {
    async fn create_conversation(
        &self,
        request: Request<pb::CreateConversationRequest>,
    ) -> Answer<pb::CreateConversationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(create::handle(call, request.into_inner()).await?))
    }

    async fn get_conversation(
        &self,
        request: Request<pb::GetConversationRequest>,
    ) -> Answer<pb::GetConversationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(get::handle(call, request.into_inner()).await?))
    }

    async fn list_conversations(
        &self,
        request: Request<pb::ListConversationsRequest>,
    ) -> Answer<pb::ListConversationsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(list::handle(call, request.into_inner()).await?))
    }

    async fn update_conversation(
        &self,
        request: Request<pb::UpdateConversationRequest>,
    ) -> Answer<pb::UpdateConversationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(update::handle(call, request.into_inner()).await?))
    }

    async fn delete_conversation(
        &self,
        request: Request<pb::DeleteConversationRequest>,
    ) -> Answer<pb::DeleteConversationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(delete::handle(call, request.into_inner()).await?))
    }

    async fn append_turns(
        &self,
        request: Request<pb::AppendTurnsRequest>,
    ) -> Answer<pb::AppendTurnsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(append::handle(call, request.into_inner()).await?))
    }

    async fn stream_turns(
        &self,
        request: Request<Streaming<pb::StreamTurnsRequest>>,
    ) -> Answer<pb::StreamTurnsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(stream::handle(call, request.into_inner()).await?))
    }

    async fn list_turns(
        &self,
        request: Request<pb::ListTurnsRequest>,
    ) -> Answer<pb::ListTurnsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(list_turns::handle(call, request.into_inner()).await?))
    }

    async fn fork_conversation(
        &self,
        request: Request<pb::ForkConversationRequest>,
    ) -> Answer<pb::ForkConversationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(fork::handle(call, request.into_inner()).await?))
    }

    async fn forget_turns(
        &self,
        request: Request<pb::ForgetTurnsRequest>,
    ) -> Answer<pb::ForgetTurnsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(forget::handle(call, request.into_inner()).await?))
    }

    type ExportConversationStream =
        Pin<Box<dyn Stream<Item = Result<pb::ExportConversationResponse, Status>> + Send>>;

    async fn export_conversation(
        &self,
        request: Request<pb::ExportConversationRequest>,
    ) -> Answer<Self::ExportConversationStream> {
        let call = self.0.call(&request)?;
        let stream = export::handle(call, request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn import_conversation(
        &self,
        request: Request<Streaming<pb::ImportConversationRequest>>,
    ) -> Answer<pb::ImportConversationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(import::handle(call, request.into_inner()).await?))
    }

    type WatchConversationStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchConversationResponse, Status>> + Send>>;

    async fn watch_conversation(
        &self,
        request: Request<pb::WatchConversationRequest>,
    ) -> Answer<Self::WatchConversationStream> {
        let call = self.0.call(&request)?;
        let stream = watch::handle(call, request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
    }
}
