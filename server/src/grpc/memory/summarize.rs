//! Summarize: folds what is left now, and answers with the rolling summary.

use throughline_memory::engine::SummaryView;

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{DEFAULT_PAGE_SIZE, Violations, parse_conversation, summary_to_proto},
};

pub(super) async fn handle(
    call: Call,
    request: pb::SummarizeRequest,
) -> Result<pb::SummarizeResponse, ApiError> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let id = violations.finish(id)?;
    let summaries_made = call.engine.summarize(&call.tenant, &id).await?;
    let outcome = call.engine.summary(&call.tenant, &id, SummaryView::Rolling, 0)?;
    let first = outcome.summaries.iter().take(DEFAULT_PAGE_SIZE);
    Ok(pb::SummarizeResponse {
        summaries_made,
        summaries: first.map(summary_to_proto).collect(),
        folded_until_sequence: outcome.folded_until,
        revision: outcome.revision,
    })
}
