//! ForkConversation: a branch that shares the turns up to a sequence.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, conversation_to_proto, new_conversation, parse_conversation},
};

pub(super) async fn handle(
    call: Call,
    request: pb::ForkConversationRequest,
) -> Result<pb::ForkConversationResponse, ApiError> {
    let pb::ForkConversationRequest { name, at_sequence, conversation_id, request_id } = request;
    let mut violations = Violations::new();
    let parent = violations.take(parse_conversation("name", &name));
    // The fork takes title, user and labels of its parent.
    let limits = call.limits();
    let new = new_conversation(None, &conversation_id, request_id, limits, &mut violations);
    let (parent, new) = violations.finish(parent.zip(new))?;
    let fork = call.engine.fork_conversation(&call.tenant, &parent, at_sequence, new).await?;
    Ok(pb::ForkConversationResponse { conversation: Some(conversation_to_proto(fork)) })
}
