//! CreateConversation.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, conversation_to_proto, new_conversation},
};

pub(super) async fn handle(
    call: Call,
    request: pb::CreateConversationRequest,
) -> Result<pb::CreateConversationResponse, ApiError> {
    let pb::CreateConversationRequest { conversation, conversation_id, request_id } = request;
    let mut violations = Violations::new();
    let limits = call.limits();
    let new = new_conversation(conversation, &conversation_id, request_id, limits, &mut violations);
    let new = violations.finish(new)?;
    let created = call.engine.create_conversation(&call.tenant, new).await?;
    Ok(pb::CreateConversationResponse { conversation: Some(conversation_to_proto(created)) })
}
