//! The double's search and windows.

use std::collections::HashSet;

use throughline_proto::v1::{
    self as wire, context_service_server::ContextService, memory_service_server::MemoryService,
    part::Content, search_turns_request::Scope,
};
use tonic::{Request, Response, Status};

use super::{Double, Fault, staleness};

pub(super) fn text(turn: &wire::Turn) -> String {
    let texts = turn.parts.iter().filter_map(|part| match &part.content {
        Some(Content::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn words(text: &str) -> HashSet<String> {
    text.to_lowercase().split_whitespace().map(str::to_owned).collect()
}

#[tonic::async_trait]
impl MemoryService for Double {
    async fn search_turns(
        &self,
        request: Request<wire::SearchTurnsRequest>,
    ) -> Result<Response<wire::SearchTurnsResponse>, Status> {
        let request = request.into_inner();
        let scope = request.scope.ok_or_else(|| Status::invalid_argument("scope"))?;
        let all = self.held.lock().unwrap();
        let wanted = all.values().filter(|held| match &scope {
            Scope::Conversation(name) => held.head.name == *name,
            Scope::UserId(user) => held.head.user_id == *user,
        });
        let query = words(&request.query);
        let mut hits: Vec<(usize, wire::Turn)> = wanted
            .flat_map(|held| held.turns.iter())
            .map(|turn| (words(&text(turn)).intersection(&query).count(), turn.clone()))
            .collect();
        hits.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
        let from = request.page_token.parse::<usize>().unwrap_or(0);
        // Small pages, so that paging is tested.
        let size = usize::try_from(request.page_size).unwrap_or(10).min(2);
        let next = from + size;
        let next_page_token = if next < hits.len() { next.to_string() } else { String::new() };
        let hit = |(shared, turn): (usize, wire::Turn)| {
            let components = [("shared".to_owned(), shared as f32)].into();
            let score = Some(wire::Score { total: shared as f32, components });
            wire::SearchHit { turn: Some(turn), score, passage: None }
        };
        let hits = hits.into_iter().skip(from).take(size).map(hit).collect();
        let reply = wire::SearchTurnsResponse { hits, next_page_token, ..Default::default() };
        Ok(Response::new(reply))
    }

    async fn pin_fact(
        &self,
        request: Request<wire::PinFactRequest>,
    ) -> Result<Response<wire::PinFactResponse>, Status> {
        let request = request.into_inner();
        let name = request.conversation.clone();
        let fact = Some(self.with(&name, |held| staleness::pin(held, request))?);
        Ok(Response::new(wire::PinFactResponse { fact, revision: 1 }))
    }

    async fn update_fact(
        &self,
        _: Request<wire::UpdateFactRequest>,
    ) -> Result<Response<wire::UpdateFactResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn unpin_fact(
        &self,
        _: Request<wire::UnpinFactRequest>,
    ) -> Result<Response<wire::UnpinFactResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn list_facts(
        &self,
        request: Request<wire::ListFactsRequest>,
    ) -> Result<Response<wire::ListFactsResponse>, Status> {
        let request = request.into_inner();
        let facts = self.with(&request.conversation, |held| {
            let wanted = |fact: &&wire::Fact| {
                let holds = fact.retirement() == wire::FactRetirement::Unspecified;
                holds || request.include_retired
            };
            held.facts.iter().filter(wanted).cloned().collect()
        })?;
        Ok(Response::new(wire::ListFactsResponse { facts, ..Default::default() }))
    }

    async fn get_staleness(
        &self,
        request: Request<wire::GetStalenessRequest>,
    ) -> Result<Response<wire::GetStalenessResponse>, Status> {
        let request = request.into_inner();
        let reply =
            self.with(&request.conversation, |held| staleness::judge(held, request.as_of_turn))?;
        Ok(Response::new(reply))
    }

    async fn get_summary(
        &self,
        _: Request<wire::GetSummaryRequest>,
    ) -> Result<Response<wire::GetSummaryResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn summarize(
        &self,
        _: Request<wire::SummarizeRequest>,
    ) -> Result<Response<wire::SummarizeResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn reject_edge(
        &self,
        _: Request<wire::RejectEdgeRequest>,
    ) -> Result<Response<wire::RejectEdgeResponse>, Status> {
        Err(Status::unimplemented("double"))
    }
}

impl Double {
    /// The newest turns of a conversation, or of its user, up to a turn, at ten tokens
    /// each.
    fn window(
        &self,
        name: &str,
        options: &wire::ContextOptions,
        as_of: u64,
    ) -> wire::ContextWindow {
        let all = self.held.lock().unwrap();
        let user = all.get(name).map(|held| held.head.user_id.clone());
        let wanted = all.values().filter(|held| {
            held.head.name == name
                || (options.include_user_history && Some(&held.head.user_id) == user.as_ref())
        });
        let then = |turn: &&wire::Turn| as_of == 0 || turn.sequence <= as_of;
        let turns: Vec<&wire::Turn> =
            wanted.flat_map(|held| held.turns.iter()).filter(then).collect();
        let budget = usize::try_from(options.token_budget).unwrap_or(0);
        let room = if self.fault == Fault::OverBudget { turns.len() } else { budget / 10 };
        let mut window = wire::ContextWindow {
            token_budget: budget as u32,
            total_tokens: budget as u32,
            ..wire::ContextWindow::default()
        };
        let facts = all.get(name).into_iter().flat_map(|held| &held.facts);
        let live = |fact: &&wire::Fact| fact.retirement() == wire::FactRetirement::Unspecified;
        for fact in facts.filter(live) {
            window.items.push(wire::ContextItem {
                section: wire::Section::Pinned as i32,
                fact: fact.name.clone(),
                message_index: window.messages.len() as u32,
                ..wire::ContextItem::default()
            });
            window.messages.push(wire::ContextMessage {
                content: format!("[fact] {}", fact.text),
                ..wire::ContextMessage::default()
            });
        }
        for turn in turns.into_iter().rev().take(room).rev() {
            window.items.push(wire::ContextItem {
                section: wire::Section::Recent as i32,
                turn: turn.name.clone(),
                message_index: window.messages.len() as u32,
                tokens: 10,
                ..wire::ContextItem::default()
            });
            window.messages.push(wire::ContextMessage {
                role: turn.role,
                content: text(turn),
                ..wire::ContextMessage::default()
            });
        }
        window
    }
}

#[tonic::async_trait]
impl ContextService for Double {
    async fn build_context(
        &self,
        request: Request<wire::BuildContextRequest>,
    ) -> Result<Response<wire::BuildContextResponse>, Status> {
        let request = request.into_inner();
        let options = request.options.unwrap_or_default();
        let window = Some(self.window(&request.conversation, &options, request.as_of_turn));
        Ok(Response::new(wire::BuildContextResponse { window }))
    }

    async fn prepare_turn(
        &self,
        _: Request<wire::PrepareTurnRequest>,
    ) -> Result<Response<wire::PrepareTurnResponse>, Status> {
        Err(Status::unimplemented("double"))
    }
}
