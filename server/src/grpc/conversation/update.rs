//! UpdateConversation.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, conversation_patch, conversation_to_proto},
};

pub(super) async fn handle(
    call: Call,
    request: pb::UpdateConversationRequest,
) -> Result<pb::UpdateConversationResponse, ApiError> {
    let mut violations = Violations::new();
    let patch = conversation_patch(request, call.limits(), &mut violations);
    let (id, patch) = violations.finish(patch)?;
    let updated = call.engine.update_conversation(&call.tenant, &id, patch).await?;
    Ok(pb::UpdateConversationResponse { conversation: Some(conversation_to_proto(updated)) })
}
