//! The double's conversations: what ingestion and the crash checks call.

use throughline_proto::v1::{self as wire, conversation_service_server::ConversationService};
use tonic::{Request, Response, Status, Streaming};

use super::{Double, Fault, Held, staleness};

impl Double {
    /// Appends turns by their client turn ids.
    fn take_in(
        &self,
        name: &str,
        turns: Vec<wire::Turn>,
    ) -> Result<Vec<wire::AppendedTurn>, Status> {
        self.with(name, |held| {
            let mut appended = Vec::new();
            for mut turn in turns {
                let known = held.turns.iter().find(|old| {
                    old.client_turn_id == turn.client_turn_id && !turn.client_turn_id.is_empty()
                });
                let repeated = known.filter(|_| self.fault != Fault::AppendsTwice);
                let (sequence, repeated_append) = match repeated {
                    Some(old) => (old.sequence, true),
                    None => (held.turns.len() as u64 + 1, false),
                };
                let client_turn_id = turn.client_turn_id.clone();
                let turn_name = format!("{name}/turns/{sequence}");
                if !repeated_append {
                    (turn.sequence, turn.name) = (sequence, turn_name.clone());
                    staleness::detect(held, &turn);
                    held.turns.push(turn);
                }
                let name = turn_name;
                appended.push(wire::AppendedTurn {
                    name,
                    sequence,
                    client_turn_id,
                    repeated_append,
                });
            }
            held.head.last_sequence = held.turns.len() as u64;
            held.head.indexed_sequence = held.head.last_sequence;
            appended
        })
    }
}

#[tonic::async_trait]
impl ConversationService for Double {
    async fn create_conversation(
        &self,
        request: Request<wire::CreateConversationRequest>,
    ) -> Result<Response<wire::CreateConversationResponse>, Status> {
        let request = request.into_inner();
        let mut all = self.held.lock().unwrap();
        let id = match request.conversation_id.as_str() {
            "" => format!("drawn-{}", all.len()),
            id => id.to_owned(),
        };
        let name = format!("conversations/{id}");
        let mut head = request.conversation.unwrap_or_default();
        head.name.clone_from(&name);
        let held =
            all.entry(name).or_insert_with(|| Held { head, turns: Vec::new(), facts: Vec::new() });
        self.created.lock().unwrap().push(held.head.clone());
        let conversation = Some(held.head.clone());
        Ok(Response::new(wire::CreateConversationResponse { conversation }))
    }

    async fn get_conversation(
        &self,
        request: Request<wire::GetConversationRequest>,
    ) -> Result<Response<wire::GetConversationResponse>, Status> {
        let conversation = Some(self.with(&request.get_ref().name, |held| held.head.clone())?);
        Ok(Response::new(wire::GetConversationResponse { conversation }))
    }

    async fn delete_conversation(
        &self,
        request: Request<wire::DeleteConversationRequest>,
    ) -> Result<Response<wire::DeleteConversationResponse>, Status> {
        let name = request.into_inner().name;
        let gone = self.held.lock().unwrap().remove(&name);
        gone.ok_or_else(|| Status::not_found(name))?;
        Ok(Response::new(wire::DeleteConversationResponse::default()))
    }

    async fn append_turns(
        &self,
        request: Request<wire::AppendTurnsRequest>,
    ) -> Result<Response<wire::AppendTurnsResponse>, Status> {
        let request = request.into_inner();
        let turns = self.take_in(&request.conversation, request.turns)?;
        let last_sequence = turns.iter().map(|turn| turn.sequence).max().unwrap_or(0);
        Ok(Response::new(wire::AppendTurnsResponse { turns, revision: 1, last_sequence }))
    }

    async fn stream_turns(
        &self,
        request: Request<Streaming<wire::StreamTurnsRequest>>,
    ) -> Result<Response<wire::StreamTurnsResponse>, Status> {
        let mut stream = request.into_inner();
        let mut name = String::new();
        while let Some(message) = stream.message().await? {
            name = message.conversation;
            self.take_in(&name, message.turns)?;
        }
        let last_sequence = self.with(&name, |held| held.head.last_sequence)?;
        let reply = wire::StreamTurnsResponse { last_sequence, ..Default::default() };
        Ok(Response::new(reply))
    }

    async fn list_turns(
        &self,
        request: Request<wire::ListTurnsRequest>,
    ) -> Result<Response<wire::ListTurnsResponse>, Status> {
        let request = request.into_inner();
        let from = request.page_token.parse::<usize>().unwrap_or(0);
        // Small pages, so that paging is tested.
        let (mut turns, all) = self.with(&request.conversation, |held| {
            let page = held.turns.iter().skip(from).take(3).cloned();
            (page.collect::<Vec<_>>(), held.turns.len())
        })?;
        let next = from + turns.len();
        let next_page_token = if next < all { next.to_string() } else { String::new() };
        if next_page_token.is_empty() && self.fault == Fault::LosesLast {
            turns.pop();
        }
        Ok(Response::new(wire::ListTurnsResponse { turns, next_page_token, revision: 1 }))
    }

    type ExportConversationStream =
        tokio_stream::Empty<Result<wire::ExportConversationResponse, Status>>;

    async fn export_conversation(
        &self,
        _: Request<wire::ExportConversationRequest>,
    ) -> Result<Response<Self::ExportConversationStream>, Status> {
        Err(Status::unimplemented("double"))
    }

    type WatchConversationStream =
        tokio_stream::Empty<Result<wire::WatchConversationResponse, Status>>;

    async fn watch_conversation(
        &self,
        _: Request<wire::WatchConversationRequest>,
    ) -> Result<Response<Self::WatchConversationStream>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn list_conversations(
        &self,
        _: Request<wire::ListConversationsRequest>,
    ) -> Result<Response<wire::ListConversationsResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn update_conversation(
        &self,
        _: Request<wire::UpdateConversationRequest>,
    ) -> Result<Response<wire::UpdateConversationResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn fork_conversation(
        &self,
        _: Request<wire::ForkConversationRequest>,
    ) -> Result<Response<wire::ForkConversationResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn forget_turns(
        &self,
        _: Request<wire::ForgetTurnsRequest>,
    ) -> Result<Response<wire::ForgetTurnsResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn import_conversation(
        &self,
        _: Request<Streaming<wire::ImportConversationRequest>>,
    ) -> Result<Response<wire::ImportConversationResponse>, Status> {
        Err(Status::unimplemented("double"))
    }
}
