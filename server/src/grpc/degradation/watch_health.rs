//! WatchHealth: the health as it is, then whenever it moves.

use futures::{Stream, stream};
use tonic::Status;

use super::handover;
use crate::{
    grpc::{ApiError, Call, watching::relay},
    pb,
    wire::{Violations, health_to_proto, parse_conversation},
};

/// Messages that wait for a slow reader: what it misses meanwhile is told by the
/// next one.
const BUFFER: usize = 1;
const LATE: &str = "the deadline passed; watch again, the first answer says how it is";

pub(super) async fn handle(
    call: Call,
    request: pb::WatchHealthRequest,
) -> Result<impl Stream<Item = Result<pb::WatchHealthResponse, Status>> + Send + 'static, ApiError>
{
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let id = violations.finish(id)?;
    let watch = call.engine.watch_health(&call.tenant, &id)?;
    let messages = stream::try_unfold((call.clone(), watch), |(call, mut watch)| async move {
        let Some(health) = watch.next().await? else { return Ok::<_, ApiError>(None) };
        let id = watch.conversation();
        let handover = handover(&call, id, &health).await?;
        let message =
            pb::WatchHealthResponse { health: Some(health_to_proto(id, &health)), handover };
        Ok(Some((message, (call, watch))))
    });
    Ok(relay(call, messages, BUFFER, LATE))
}
