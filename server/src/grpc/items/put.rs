//! PutItem: answered when it is durable, or when it is searchable too.

use tonic::Code;

use crate::{
    grpc::{ApiError, Call, status::Failure},
    pb,
    wire::{Violations, item_to_proto, new_item},
};

pub(super) async fn handle(
    call: Call,
    request: pb::PutItemRequest,
) -> Result<pb::PutItemResponse, ApiError> {
    let wait_indexed = request.wait_indexed;
    let mut violations = Violations::new();
    let item = new_item(request, call.limits(), &mut violations);
    let item = violations.finish(item)?;
    let put = call.engine.put_item(&call.tenant, item).await?;
    if wait_indexed && call.deadline.bound(call.engine.wait_item(&put)).await.is_none() {
        let message = format!(
            "the item is stored (revision {}), but not searchable before the deadline",
            put.item.revision
        );
        let about = [("revision", put.item.revision.to_string())];
        let failure = Failure::with(Code::DeadlineExceeded, "NOT_INDEXED_IN_TIME", message, &about);
        return Err(failure.status().into());
    }
    Ok(pb::PutItemResponse { item: Some(item_to_proto(put.item)) })
}
