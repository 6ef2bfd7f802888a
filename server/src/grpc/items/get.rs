//! GetItem.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, item_name, item_to_proto},
};

pub(super) fn handle(
    call: &Call,
    request: pb::GetItemRequest,
) -> Result<pb::GetItemResponse, ApiError> {
    let mut violations = Violations::new();
    let name = item_name(request.namespace, request.key, call.limits(), &mut violations);
    let (namespace, key) = violations.finish(name)?;
    let item = call.engine.get_item(&call.tenant, &namespace, &key)?;
    Ok(pb::GetItemResponse { item: Some(item_to_proto(item)) })
}
