//! WatchConversation: what each turn brought, in order, then live.

use futures::{Stream, TryStreamExt as _, stream};
use tonic::Status;

use crate::{
    grpc::{ApiError, Call, watching::relay},
    pb,
    wire::{Violations, parse_conversation, watch_to_proto},
};

/// Messages that wait for a slow reader; it falls behind the store, which is
/// read again when it reads on.
const BUFFER: usize = 64;
const LATE: &str = "the deadline passed; resume after the last revision that was complete";

pub(super) async fn handle(
    call: Call,
    request: pb::WatchConversationRequest,
) -> Result<
    impl Stream<Item = Result<pb::WatchConversationResponse, Status>> + Send + 'static,
    ApiError,
> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let id = violations.finish(id)?;
    let watch = call.engine.watch(&call.tenant, &id, request.after_revision)?;
    let steps = stream::try_unfold(watch, |mut watch| async move {
        let Some(step) = watch.next().await? else { return Ok::<_, ApiError>(None) };
        let messages = watch_to_proto(watch.conversation(), &step).into_iter();
        Ok(Some((stream::iter(messages.map(Ok::<_, ApiError>)), watch)))
    });
    Ok(relay(call, steps.try_flatten(), BUFFER, LATE))
}
