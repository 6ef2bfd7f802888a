//! ListConversations, newest id first. The cursor is the last id of the page.

use prost::Message as _;
use throughline_memory::turn::ConversationId;

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{self, DEFAULT_PAGE_SIZE, Violations, conversation_to_proto},
};

pub(super) async fn handle(
    call: Call,
    request: pb::ListConversationsRequest,
) -> Result<pb::ListConversationsResponse, ApiError> {
    let pb::ListConversationsRequest { page_size, page_token, user_id } = request;
    let pages = &call.opened()?.pages;
    let scope = PageScope::new(&call.tenant, "ListConversations", user_id.as_bytes());
    let (limits, mut violations) = (call.limits(), Violations::new());
    let limit = wire::page_size(page_size, DEFAULT_PAGE_SIZE, limits, &mut violations);
    violations.check_bytes("user_id", &user_id, "user_id_bytes", limits.user_id_bytes);
    let before = pages.open_as(&scope, &page_token, |id| ConversationId::new(&id));
    let before = violations.take(before);
    let (limit, before) = violations.finish(limit.zip(before))?;
    let user = Some(user_id.as_str()).filter(|user| !user.is_empty());
    let listing =
        call.engine.list_conversations(&call.tenant, user, before.as_ref(), limit).await?;
    let (found, mut more) = listing;
    let mut ids: Vec<ConversationId> = found.iter().map(|found| found.id.clone()).collect();
    let mut page: Vec<_> = found.into_iter().map(conversation_to_proto).collect();
    let whole = wire::whole_prefix(page.iter().map(pb::Conversation::encoded_len));
    more |= whole < page.len();
    page.truncate(whole);
    ids.truncate(whole);
    let next = ids.last().filter(|_| more).map(|last| pages.seal(&scope, last.as_str()));
    Ok(pb::ListConversationsResponse {
        conversations: page,
        next_page_token: next.unwrap_or_default(),
    })
}
