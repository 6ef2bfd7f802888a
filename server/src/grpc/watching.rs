//! Streams that have no end of their own: what a watch gives goes to its reader until
//! the deadline passes, the server drains, or the reader goes.

use std::pin::pin;

use futures::{Stream, StreamExt as _};
use throughline_memory::engine::EngineError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{ApiError, Call, status::Failure};

/// Passes messages on, `buffer` of them ahead of a slow reader. A deadline that
/// passes is told as `late`: how to go on.
pub(super) fn relay<M: Send + 'static>(
    call: Call,
    messages: impl Stream<Item = Result<M, ApiError>> + Send + 'static,
    buffer: usize,
    late: &'static str,
) -> ReceiverStream<Result<M, Status>> {
    let (sender, receiver) = mpsc::channel(buffer);
    tokio::spawn(async move {
        let sent = send(&call, messages, &sender);
        let ended = tokio::select! {
            ended = call.deadline.bound(sent) => ended.unwrap_or_else(|| Err(passed(late))),
            // The reader has gone.
            () = sender.closed() => return,
        };
        if let Err(error) = ended {
            // The reader may have gone meanwhile: nobody to tell then.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    ReceiverStream::new(receiver)
}

/// Sends until there are no more messages or the reader goes.
async fn send<M>(
    call: &Call,
    messages: impl Stream<Item = Result<M, ApiError>>,
    sender: &mpsc::Sender<Result<M, Status>>,
) -> Result<(), ApiError> {
    let mut messages = pin!(messages);
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = call.draining() => return Err(EngineError::Closed.into()),
        };
        let Some(message) = message else { return Ok(()) };
        if sender.send(Ok(message?)).await.is_err() {
            return Ok(());
        }
    }
}

fn passed(late: &str) -> ApiError {
    Failure::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", late).status().into()
}
