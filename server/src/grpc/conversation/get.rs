//! GetConversation.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, conversation_to_proto, parse_conversation},
};

pub(super) async fn handle(
    call: Call,
    request: pb::GetConversationRequest,
) -> Result<pb::GetConversationResponse, ApiError> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("name", &request.name));
    let id = violations.finish(id)?;
    call.at_revision(&id, request.min_revision).await?;
    let found = call.engine.get_conversation(&call.tenant, &id).await?;
    Ok(pb::GetConversationResponse { conversation: Some(conversation_to_proto(found)) })
}
