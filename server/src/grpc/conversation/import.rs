//! ImportConversation: takes an export in as a new conversation.
//!
//! Works in a task of its own, so that a caller who hangs up does not leave half
//! a conversation behind: whatever goes wrong, the new conversation is deleted
//! again. A repeat waits for the import that is under way and brings nothing in.

use jiff::Timestamp;
use throughline_memory::{
    engine::{Conversation, EngineError, FieldViolation, Imported, NewConversation, Rejection},
    staleness::MAX_CANDIDATES,
    turn::{Sequence, Turn},
};
use tonic::{Code, Streaming};

use super::given::Given;
use crate::{
    grpc::{ApiError, Call, gate::transport_status, status::Failure},
    pb::{self, import_conversation_request::Item},
    wire::{
        Violations, conversation_to_proto, imported_fact, imported_outcome, imported_rejected_edge,
        imported_turn, new_conversation,
    },
};

/// Turns, or rejected edges, that one commit takes in; and the bytes of turns.
const BATCH_TURNS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

pub(super) async fn handle(
    call: Call,
    mut requests: Streaming<pb::ImportConversationRequest>,
) -> Result<pb::ImportConversationResponse, ApiError> {
    let work = tokio::spawn(async move {
        let mut header = Header::read(&call, &mut requests).await?;
        let request_id = std::mem::take(&mut header.request_id);
        let _one = call.engine.lock_import(&call.tenant, &request_id).await;
        if let Some(known) = call.engine.imported(&call.tenant, &request_id)? {
            return repeated(known, &request_id, header.given, &mut requests).await;
        }
        let created = call.engine.create_conversation(&call.tenant, header.new).await?;
        let id = created.id.clone();
        let import = Import::new(&call, &created, header.given);
        let outcome = import.run(&request_id, &mut requests).await;
        if outcome.is_err()
            && let Err(error) = call.engine.delete_conversation(&call.tenant, &id).await
        {
            tracing::error!(%error, conversation = %id, "a failed import was not removed");
        }
        outcome
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an import ended early");
        Err(Failure::new(Code::Internal, "PANIC", "the import ended early").status().into())
    })
}

/// The answer to an import that was whole before, if this one brings the same.
async fn repeated(
    known: Imported,
    request_id: &str,
    mut given: Given,
    requests: &mut Streaming<pb::ImportConversationRequest>,
) -> Result<pb::ImportConversationResponse, ApiError> {
    while let Some(request) = next(requests).await? {
        request.item.iter().for_each(|item| given.item(item));
    }
    if known.given != Some(given.hash()) {
        return Err(EngineError::AlreadyExists {
            kind: "request id",
            id: request_id.to_owned(),
            existing: format!("conversations/{}", known.conversation.id),
        }
        .into());
    }
    Ok(pb::ImportConversationResponse {
        conversation: Some(conversation_to_proto(known.conversation)),
        turns: given.turns,
        facts: given.facts,
    })
}

async fn next(
    requests: &mut Streaming<pb::ImportConversationRequest>,
) -> Result<Option<pb::ImportConversationRequest>, ApiError> {
    requests.message().await.map_err(|status| transport_status(&status).into())
}

fn invalid(field: &str, why: &str) -> ApiError {
    EngineError::Invalid(vec![FieldViolation::new(field, why)]).into()
}

/// What the first message says.
struct Header {
    new: NewConversation,
    request_id: String,
    given: Given,
}

impl Header {
    async fn read(
        call: &Call,
        requests: &mut Streaming<pb::ImportConversationRequest>,
    ) -> Result<Self, ApiError> {
        let first = next(requests).await?;
        let Some(pb::ImportConversationRequest {
            item: Some(Item::Conversation(header)),
            conversation_id,
            request_id,
        }) = first
        else {
            return Err(invalid("conversation", "the first message must carry the header"));
        };
        let given = Given::new(&header, &conversation_id);
        let mut violations = Violations::new();
        let (header, limits) = (Some(header), call.limits());
        let new = new_conversation(header, &conversation_id, request_id, limits, &mut violations);
        let mut new = violations.finish(new)?;
        // Noted when the import is whole: half of one answers no repeat.
        let request_id = std::mem::take(&mut new.request_id);
        Ok(Self { new, request_id, given })
    }
}

struct Import<'a> {
    call: &'a Call,
    created: &'a Conversation,
    batch: Vec<Turn>,
    batch_bytes: usize,
    next: Sequence,
    given: Given,
    /// Something came that stands behind the turns.
    behind_turns: bool,
    /// Rejected edges that wait for their commit, and how many came.
    rejected: Vec<Rejection>,
    rejections: u64,
}

impl<'a> Import<'a> {
    fn new(call: &'a Call, created: &'a Conversation, given: Given) -> Self {
        Self {
            call,
            created,
            batch: Vec::new(),
            batch_bytes: 0,
            next: 1,
            given,
            behind_turns: false,
            rejected: Vec::new(),
            rejections: 0,
        }
    }

    async fn run(
        mut self,
        request_id: &str,
        requests: &mut Streaming<pb::ImportConversationRequest>,
    ) -> Result<pb::ImportConversationResponse, ApiError> {
        while let Some(request) = next(requests).await? {
            if !request.conversation_id.is_empty() {
                return Err(invalid("conversation_id", "belongs to the first message"));
            }
            if !request.request_id.is_empty() {
                return Err(invalid("request_id", "belongs to the first message"));
            }
            request.item.iter().for_each(|item| self.given.item(item));
            match request.item {
                Some(Item::Turn(turn)) => self.turn(turn).await?,
                Some(Item::Fact(fact)) => self.fact(fact).await?,
                Some(Item::Outcome(outcome)) => self.outcome(outcome).await?,
                Some(Item::RejectedEdge(edge)) => self.rejected_edge(&edge).await?,
                Some(Item::Conversation(_)) => {
                    return Err(invalid("conversation", "only the first message carries a header"));
                }
                None => {
                    return Err(invalid("item", "must hold turn, fact, outcome or rejected_edge"));
                }
            }
        }
        self.flush().await?;
        self.flush_rejected().await?;
        let (call, id) = (self.call, &self.created.id);
        call.engine.check_imported_facts(&call.tenant, id).await?;
        call.engine.finish_import(&call.tenant, id, request_id, self.given.hash()).await?;
        let conversation = call.engine.get_conversation(&call.tenant, id).await?;
        Ok(pb::ImportConversationResponse {
            conversation: Some(conversation_to_proto(conversation)),
            turns: self.given.turns,
            facts: self.given.facts,
        })
    }

    async fn turn(&mut self, turn: pb::Turn) -> Result<(), ApiError> {
        if self.behind_turns {
            return Err(invalid("turn", "turns come before everything else"));
        }
        self.batch_bytes += prost::Message::encoded_len(&turn);
        let mut violations = Violations::new();
        let (next, limits) = (self.next, self.call.limits());
        let turn = imported_turn(turn, next, Timestamp::now(), limits, &mut violations);
        self.batch.push(violations.finish(turn)?);
        self.next += 1;
        if self.batch.len() >= BATCH_TURNS || self.batch_bytes >= BATCH_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn fact(&mut self, fact: pb::Fact) -> Result<(), ApiError> {
        self.flush().await?;
        let mut violations = Violations::new();
        let fact = imported_fact(fact, self.call.limits(), &mut violations);
        let (fact, kept) = violations.finish(fact)?;
        self.call.engine.import_fact(&self.call.tenant, &self.created.id, fact, kept).await?;
        self.behind_turns = true;
        Ok(())
    }

    async fn outcome(&mut self, outcome: pb::Outcome) -> Result<(), ApiError> {
        self.flush().await?;
        let mut violations = Violations::new();
        let outcome = imported_outcome(outcome, Timestamp::now(), &mut violations);
        let outcome = violations.finish(outcome)?;
        self.call.engine.record_outcome(&self.call.tenant, &self.created.id, outcome).await?;
        self.behind_turns = true;
        Ok(())
    }

    async fn rejected_edge(&mut self, edge: &pb::RejectedEdge) -> Result<(), ApiError> {
        self.flush().await?;
        self.behind_turns = true;
        let mut violations = Violations::new();
        let edge = imported_rejected_edge(edge, &mut violations);
        self.rejected.push(violations.finish(edge)?);
        self.rejections += 1;
        if self.rejections > self.given.turns.saturating_mul(MAX_CANDIDATES as u64) {
            return Err(invalid("rejected_edge", "there are more than can have been drawn"));
        }
        if self.rejected.len() >= BATCH_TURNS {
            self.flush_rejected().await?;
        }
        Ok(())
    }

    async fn flush_rejected(&mut self) -> Result<(), ApiError> {
        let batch = std::mem::take(&mut self.rejected);
        let (call, id) = (self.call, &self.created.id);
        Ok(call.engine.import_rejections(&call.tenant, id, &batch).await?)
    }

    async fn flush(&mut self) -> Result<(), ApiError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        Ok(self.call.engine.import_turns(&self.call.tenant, &self.created.id, batch).await?)
    }
}
