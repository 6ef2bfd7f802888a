//! ImportConversation: takes an export in as a new conversation.
//!
//! Works in a task of its own, so that a caller who hangs up does not leave half
//! a conversation behind: whatever goes wrong, the new conversation is deleted
//! again.

use jiff::Timestamp;
use throughline_memory::{
    engine::{Conversation, EngineError, FieldViolation},
    turn::{Sequence, Turn},
};
use tonic::{Code, Streaming};

use crate::{
    grpc::{ApiError, Call, gate::transport_status, status::Failure},
    pb::{self, import_conversation_request::Item},
    wire::{
        Violations, conversation_to_proto, imported_fact, imported_outcome, imported_turn,
        new_conversation,
    },
};

/// Turns that one commit takes in, and their bytes.
const BATCH_TURNS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

pub(super) async fn handle(
    call: Call,
    mut requests: Streaming<pb::ImportConversationRequest>,
) -> Result<pb::ImportConversationResponse, ApiError> {
    let work = tokio::spawn(async move {
        let created = create(&call, &mut requests).await?;
        let id = created.id.clone();
        let outcome = Import::new(&call, &created).run(&mut requests).await;
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

async fn next(
    requests: &mut Streaming<pb::ImportConversationRequest>,
) -> Result<Option<pb::ImportConversationRequest>, ApiError> {
    requests.message().await.map_err(|status| transport_status(&status).into())
}

fn invalid(field: &str, why: &str) -> ApiError {
    EngineError::Invalid(vec![FieldViolation::new(field, why)]).into()
}

/// Reads the header and creates the conversation.
async fn create(
    call: &Call,
    requests: &mut Streaming<pb::ImportConversationRequest>,
) -> Result<Conversation, ApiError> {
    let header = next(requests).await?;
    let Some(pb::ImportConversationRequest {
        item: Some(Item::Conversation(header)),
        conversation_id,
    }) = header
    else {
        return Err(invalid("conversation", "the first message must carry the header"));
    };
    let mut violations = Violations::new();
    let (limits, request_id) = (call.limits(), String::new());
    let new = new_conversation(Some(header), &conversation_id, request_id, limits, &mut violations);
    let new = violations.finish(new)?;
    Ok(call.engine.create_conversation(&call.tenant, new).await?)
}

struct Import<'a> {
    call: &'a Call,
    created: &'a Conversation,
    batch: Vec<Turn>,
    batch_bytes: usize,
    next: Sequence,
    facts: u64,
    /// Something came that stands behind the turns.
    behind_turns: bool,
}

impl<'a> Import<'a> {
    fn new(call: &'a Call, created: &'a Conversation) -> Self {
        Self {
            call,
            created,
            batch: Vec::new(),
            batch_bytes: 0,
            next: 1,
            facts: 0,
            behind_turns: false,
        }
    }

    async fn run(
        mut self,
        requests: &mut Streaming<pb::ImportConversationRequest>,
    ) -> Result<pb::ImportConversationResponse, ApiError> {
        while let Some(request) = next(requests).await? {
            if !request.conversation_id.is_empty() {
                return Err(invalid("conversation_id", "belongs to the first message"));
            }
            match request.item {
                Some(Item::Turn(turn)) => self.turn(turn).await?,
                Some(Item::Fact(fact)) => self.fact(fact).await?,
                Some(Item::Outcome(outcome)) => self.outcome(outcome).await?,
                Some(Item::Conversation(_)) => {
                    return Err(invalid("conversation", "only the first message carries a header"));
                }
                None => return Err(invalid("item", "must hold turn, fact or outcome")),
            }
        }
        self.flush().await?;
        let (call, id) = (self.call, &self.created.id);
        call.engine.check_imported_facts(&call.tenant, id).await?;
        let conversation = call.engine.get_conversation(&call.tenant, id).await?;
        Ok(pb::ImportConversationResponse {
            conversation: Some(conversation_to_proto(conversation)),
            turns: self.next - 1,
            facts: self.facts,
        })
    }

    async fn turn(&mut self, turn: pb::Turn) -> Result<(), ApiError> {
        if self.behind_turns {
            return Err(invalid("turn", "turns come before facts and outcomes"));
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
        self.facts += 1;
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

    async fn flush(&mut self) -> Result<(), ApiError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        Ok(self.call.engine.import_turns(&self.call.tenant, &self.created.id, batch).await?)
    }
}
