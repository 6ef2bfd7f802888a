//! WatchHealth: the health as it is, then whenever it moves.

use futures::Stream;
use throughline_memory::engine::{EngineError, HealthWatch};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::handover;
use crate::{
    grpc::{ApiError, Call, status::Failure},
    pb,
    wire::{Violations, health_to_proto, parse_conversation},
};

/// Messages that wait for a slow reader: what it misses meanwhile is told by the
/// next one.
const BUFFER: usize = 1;

type Message = Result<pb::WatchHealthResponse, Status>;

pub(super) async fn handle(
    call: Call,
    request: pb::WatchHealthRequest,
) -> Result<impl Stream<Item = Message> + Send + 'static, ApiError> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let id = violations.finish(id)?;
    let mut watch = call.engine.watch_health(&call.tenant, &id)?;
    let (sender, receiver) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        let sent = send(&call, &mut watch, &sender);
        let ended = tokio::select! {
            ended = call.deadline.bound(sent) => ended.unwrap_or_else(|| Err(late())),
            // The reader has gone.
            () = sender.closed() => return,
        };
        if let Err(error) = ended {
            // The reader may have gone meanwhile: nobody to tell then.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    Ok(ReceiverStream::new(receiver))
}

/// Sends until the conversation is deleted or the reader goes.
async fn send(
    call: &Call,
    watch: &mut HealthWatch,
    sender: &mpsc::Sender<Message>,
) -> Result<(), ApiError> {
    loop {
        let health = tokio::select! {
            health = watch.next() => health,
            () = call.draining() => Err(EngineError::Closed),
        };
        let Some(health) = health? else { return Ok(()) };
        let id = watch.conversation();
        let handover = handover(call, id, &health)?;
        let health = Some(health_to_proto(id, &health));
        if sender.send(Ok(pb::WatchHealthResponse { health, handover })).await.is_err() {
            return Ok(());
        }
    }
}

fn late() -> ApiError {
    let message = "the deadline passed; watch again, the first answer says how it is";
    Failure::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message).status().into()
}
