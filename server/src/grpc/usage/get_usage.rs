//! GetUsage. The cursor is the last conversation of the page.

use jiff::{Timestamp, tz::TimeZone};
use prost::Message as _;
use throughline_memory::{turn::ConversationId, usage::Usage};

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{
        DEFAULT_PAGE_SIZE, UsageSpan, Violations, conversation_name, page_size, usage_span,
        usage_to_proto,
    },
};

pub(super) async fn handle(
    call: Call,
    request: pb::GetUsageRequest,
) -> Result<pb::GetUsageResponse, ApiError> {
    let opened = call.opened()?;
    let (pages, prices) = (&opened.pages, &opened.prices);
    let scope = page_scope(&call, &request);
    let mut violations = Violations::new();
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let span = usage_span(&request, today, &mut violations);
    let before = pages.open_as(&scope, &request.page_token, |id| ConversationId::new(&id));
    let before = violations.take(before);
    let limit = page_size(request.page_size, DEFAULT_PAGE_SIZE, call.limits(), &mut violations);
    let ((span, before), limit) = violations.finish(span.zip(before).zip(limit))?;
    let mut next_page_token = String::new();
    let mut rows: Vec<(String, String, Usage)> = Vec::new();
    match span {
        UsageSpan::Days(from, until) => {
            let days = call.engine.usage_by_day(&call.tenant, from, until).await?;
            rows.extend(
                days.into_iter().map(|(day, usage)| (day.to_string(), String::new(), usage)),
            );
        }
        UsageSpan::Conversation(id) => {
            let usage = call.engine.usage_of(&call.tenant, &id).await?;
            rows.push((String::new(), conversation_name(&id), usage));
        }
        UsageSpan::Conversations => {
            let work = call.engine.usage_by_conversation(&call.tenant, before.as_ref(), limit);
            let (of, more) = work.await?;
            if let Some((last, _)) = of.last().filter(|_| more) {
                next_page_token = pages.seal(&scope, last.as_str());
            }
            rows.extend(
                of.into_iter().map(|(id, usage)| (String::new(), conversation_name(&id), usage)),
            );
        }
    }
    let mut total = Usage::default();
    rows.iter().for_each(|(.., usage)| total.add(usage));
    let row = |(date, conversation, usage): (String, String, Usage)| pb::UsageRow {
        date,
        conversation,
        usage: Some(usage_to_proto(&usage, prices)),
    };
    Ok(pb::GetUsageResponse {
        rows: rows.into_iter().map(row).collect(),
        total: Some(usage_to_proto(&total, prices)),
        next_page_token,
    })
}

/// Pages may differ in size, in nothing else.
fn page_scope(call: &Call, request: &pb::GetUsageRequest) -> PageScope {
    let bound = pb::GetUsageRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    PageScope::new(&call.tenant, "GetUsage", &bound.encode_to_vec())
}
