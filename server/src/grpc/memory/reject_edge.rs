//! RejectEdge.

use tonic::Code;

use crate::{
    grpc::{ApiError, Call, status::Failure},
    pb,
};

pub(super) async fn handle(
    call: Call,
    request: pb::RejectEdgeRequest,
) -> Result<pb::RejectEdgeResponse, ApiError> {
    let _ = (call, request);
    Err(Failure::new(Code::Unimplemented, "UNKNOWN_METHOD", "not there yet").status().into())
}
