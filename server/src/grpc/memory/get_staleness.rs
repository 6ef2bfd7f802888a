//! GetStaleness, by sequence. The cursor is the last turn of the page.

use prost::Message as _;
use throughline_memory::{engine::ShownEdge, facts::Cause};

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{
        self, Violations, edge_to_proto, parse_conversation, staleness_request, staleness_to_proto,
    },
};

pub(super) async fn handle(
    call: Call,
    request: pb::GetStalenessRequest,
) -> Result<pb::GetStalenessResponse, ApiError> {
    let pages = &call.opened()?.pages;
    let scope = page_scope(&call, &request);
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let after = pages.open_as(&scope, &request.page_token, |after| after.parse::<u64>());
    let after = violations.take(after);
    let wanted = staleness_request(&request, after.flatten(), call.limits(), &mut violations);
    let (id, wanted) = violations.finish(id.zip(wanted))?;
    let work = call.engine.staleness(&call.tenant, &id, wanted);
    let mut page = call.until_revision(Some(&id), request.min_revision, work).await?;
    let shown = page.turns.iter().map(|(at, score)| staleness_to_proto(&id, *at, score));
    let mut turns: Vec<_> = shown.collect();
    let whole = wire::whole_prefix(turns.iter().map(pb::TurnStaleness::encoded_len));
    let more = page.more || whole < turns.len();
    turns.truncate(whole);
    page.turns.truncate(whole);
    let next =
        page.turns.last().filter(|_| more).map(|(at, _)| pages.seal(&scope, &at.to_string()));
    let cut = |end: &Cause| match end {
        Cause::Turn(turn) => page.turns.binary_search_by_key(turn, |(at, _)| *at).is_err(),
        // Edges between facts come with the first page.
        Cause::Fact(_) => false,
    };
    let turns_of = |edge: &ShownEdge| {
        [&edge.earlier, &edge.later].into_iter().filter(|end| matches!(end, Cause::Turn(_))).count()
    };
    let is_shown = |edge: &&ShownEdge| {
        let cut = usize::from(cut(&edge.earlier)) + usize::from(cut(&edge.later));
        cut == 0 || cut < turns_of(edge)
    };
    let edges = page.edges.iter().filter(is_shown);
    Ok(pb::GetStalenessResponse {
        edges: edges.map(|edge| edge_to_proto(&id, edge)).collect(),
        turns,
        next_page_token: next.unwrap_or_default(),
        revision: page.revision,
        scorer: page.scorer,
        unscored_turns: page.unscored,
        segments: page.topics.iter().copied().map(wire::topic_to_proto).collect(),
    })
}

/// Pages may differ in size and in what they wait for, in nothing else.
fn page_scope(call: &Call, request: &pb::GetStalenessRequest) -> PageScope {
    let bound = pb::GetStalenessRequest {
        page_size: 0,
        page_token: String::new(),
        min_revision: 0,
        ..request.clone()
    };
    PageScope::new(&call.tenant, "GetStaleness", &bound.encode_to_vec())
}
