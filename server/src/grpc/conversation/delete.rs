//! DeleteConversation.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, parse_conversation},
};

pub(super) async fn handle(
    call: Call,
    request: pb::DeleteConversationRequest,
) -> Result<pb::DeleteConversationResponse, ApiError> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("name", &request.name));
    let id = violations.finish(id)?;
    let deleted = call.engine.delete_conversation(&call.tenant, &id).await?;
    Ok(pb::DeleteConversationResponse {
        turns_removed: deleted.turns_removed,
        turns_shared: deleted.turns_shared,
    })
}
