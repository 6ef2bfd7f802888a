//! WatchConversation.

use futures::Stream;
use tonic::{Code, Status};

use crate::{
    grpc::{ApiError, Call, status::Failure},
    pb,
};

pub(super) async fn handle(
    call: Call,
    request: pb::WatchConversationRequest,
) -> Result<
    impl Stream<Item = Result<pb::WatchConversationResponse, Status>> + Send + 'static,
    ApiError,
> {
    let _ = (call, request);
    let message = "not there yet";
    let refused: ApiError =
        Failure::new(Code::Unimplemented, "UNKNOWN_METHOD", message).status().into();
    Err::<futures::stream::Empty<_>, _>(refused)
}
