//! ExportConversation: the header, then the turns up to the sequence that the
//! header names, then the edges between them that were rejected, then the pins, then
//! what the application said of the turns.

use futures::Stream;
use throughline_memory::{
    engine::{EngineError, ListTurns},
    turn::{ConversationId, FactId, Sequence},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::{
    grpc::{ApiError, Call, status::Failure},
    pb::{self, export_conversation_response::Item},
    wire::{
        Violations, conversation_to_proto, fact_to_proto, outcome_to_proto, parse_conversation,
        rejected_edge_to_proto, turn_to_proto,
    },
};

/// Items that wait for a slow reader; reading the store waits with them.
const BUFFER: usize = 64;
const PAGE: usize = 500;
const PAGE_BYTES: usize = 1 << 20;

type Message = Result<pb::ExportConversationResponse, Status>;

pub(super) async fn handle(
    call: Call,
    request: pb::ExportConversationRequest,
) -> Result<impl Stream<Item = Message> + Send + 'static, ApiError> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("name", &request.name));
    let id = violations.finish(id)?;
    call.at_revision(&id, request.min_revision).await?;
    let header = call.engine.get_conversation(&call.tenant, &id).await?;
    let last = header.last_sequence;
    let (sender, receiver) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        let mut out = Out { sender: sender.clone() };
        let done = async {
            out.send(Item::Conversation(conversation_to_proto(header))).await?;
            turns(&call, &id, last, &mut out).await?;
            rejected_edges(&call, &id, last, &mut out).await?;
            facts(&call, &id, &mut out).await?;
            outcomes(&call, &id, &mut out).await
        };
        if let Err(Stop::Failed(error)) = done.await {
            // The reader may have gone: nobody to tell then.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    Ok(ReceiverStream::new(receiver))
}

enum Stop {
    /// The caller reads no more.
    Gone,
    Failed(ApiError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Failed(error.into())
    }
}

struct Out {
    sender: mpsc::Sender<Message>,
}

impl Out {
    async fn send(&mut self, item: Item) -> Result<(), Stop> {
        let message = pb::ExportConversationResponse { item: Some(item) };
        self.sender.send(Ok(message)).await.map_err(|_| Stop::Gone)
    }
}

async fn turns(
    call: &Call,
    id: &ConversationId,
    last: Sequence,
    out: &mut Out,
) -> Result<(), Stop> {
    let mut from = Some(1);
    while let Some(start) = from.filter(|start| *start <= last) {
        in_time(call)?;
        let which =
            ListTurns { from: start, descending: false, limit: PAGE, max_bytes: PAGE_BYTES };
        let page = call.engine.list_turns(&call.tenant, id, which).await?;
        for turn in page.turns.iter().filter(|turn| turn.sequence <= last) {
            out.send(Item::Turn(turn_to_proto(id, turn, false)?)).await?;
        }
        from = page.next;
    }
    Ok(())
}

async fn rejected_edges(
    call: &Call,
    id: &ConversationId,
    last: Sequence,
    out: &mut Out,
) -> Result<(), Stop> {
    let rejected = call.engine.list_rejections(&call.tenant, id)?;
    for edge in rejected.into_iter().filter(|(_, later, _)| *later <= last) {
        in_time(call)?;
        out.send(Item::RejectedEdge(rejected_edge_to_proto(id, edge))).await?;
    }
    Ok(())
}

async fn facts(call: &Call, id: &ConversationId, out: &mut Out) -> Result<(), Stop> {
    let mut after: Option<FactId> = None;
    loop {
        in_time(call)?;
        let (facts, more, _) =
            call.engine.list_facts(&call.tenant, id, after.as_ref(), PAGE, true).await?;
        after = facts.last().map(|pinned| pinned.fact.id.clone());
        for mut fact in facts {
            // Written anew where it is imported, by the model that is there.
            fact.line = None;
            fact.rejected_lines.clear();
            out.send(Item::Fact(fact_to_proto(id, fact))).await?;
        }
        if !more || after.is_none() {
            return Ok(());
        }
    }
}

async fn outcomes(call: &Call, id: &ConversationId, out: &mut Out) -> Result<(), Stop> {
    let mut after = Some(0);
    while let Some(turn) = after {
        in_time(call)?;
        let (outcomes, next) = call.engine.list_outcomes(&call.tenant, id, turn, PAGE as u64)?;
        for outcome in &outcomes {
            out.send(Item::Outcome(outcome_to_proto(id, outcome))).await?;
        }
        after = next;
    }
    Ok(())
}

/// The gate's deadline ends with the first message; here it holds on.
fn in_time(call: &Call) -> Result<(), Stop> {
    if !call.deadline.passed() {
        return Ok(());
    }
    let message = "the deadline passed before the export was through; give it more time";
    let status = Failure::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message).status();
    Err(Stop::Failed(status.into()))
}
