//! WatchConversation: what each turn brought, in order, then live.

use futures::Stream;
use throughline_memory::engine::{EngineError, Watch};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::{
    grpc::{ApiError, Call, status::Failure},
    pb,
    wire::{Violations, parse_conversation, watch_to_proto},
};

/// Messages that wait for a slow reader; it falls behind the store, which is
/// read again when it reads on.
const BUFFER: usize = 64;

type Message = Result<pb::WatchConversationResponse, Status>;

pub(super) async fn handle(
    call: Call,
    request: pb::WatchConversationRequest,
) -> Result<impl Stream<Item = Message> + Send + 'static, ApiError> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let id = violations.finish(id)?;
    let mut watch = call.engine.watch(&call.tenant, &id, request.after_revision)?;
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
    watch: &mut Watch,
    sender: &mpsc::Sender<Message>,
) -> Result<(), ApiError> {
    loop {
        let step = tokio::select! {
            step = watch.next() => step,
            () = call.draining() => Err(EngineError::Closed),
        };
        let Some(step) = step? else { return Ok(()) };
        for message in watch_to_proto(watch.conversation(), &step) {
            if sender.send(Ok(message)).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn late() -> ApiError {
    let message = "the deadline passed; resume after the last revision that was complete";
    Failure::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message).status().into()
}
