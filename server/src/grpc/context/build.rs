//! BuildContext.

use throughline_memory::engine::ContextOutcome;

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{
        Asked, ContextFields, Violations, context_request, parse_conversation, window_to_proto,
    },
};

pub(super) async fn handle(
    call: Call,
    request: pb::BuildContextRequest,
) -> Result<(pb::BuildContextResponse, ContextOutcome), ApiError> {
    let pb::BuildContextRequest { conversation, query, options, min_revision, as_of_turn } =
        request;
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &conversation));
    let fields = ContextFields { query, min_revision, as_of_turn };
    let tokenizers = call.engine.tokenizer_names();
    let wanted = context_request(fields, options, &tokenizers, call.limits(), &mut violations);
    let (id, wanted) = violations.finish(id.zip(wanted))?;
    let asked = Asked::from(&wanted);
    let work = call.engine.build_context(&call.tenant, &id, wanted);
    let outcome = call.until_revision(Some(&id), min_revision, work).await?;
    let window = Some(window_to_proto(&id, asked, &outcome));
    Ok((pb::BuildContextResponse { window }, outcome))
}
