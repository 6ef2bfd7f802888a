//! DeleteItem.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, item_name},
};

pub(super) async fn handle(
    call: Call,
    request: pb::DeleteItemRequest,
) -> Result<pb::DeleteItemResponse, ApiError> {
    let mut violations = Violations::new();
    let name = item_name(request.namespace, request.key, call.limits(), &mut violations);
    let (namespace, key) = violations.finish(name)?;
    call.engine.delete_item(&call.tenant, &namespace, &key).await?;
    Ok(pb::DeleteItemResponse {})
}
