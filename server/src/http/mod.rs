//! What is answered over HTTP: `/metrics`, for Prometheus and what reads its format.
//! No key is asked for, and no content is told.

mod latencies;
mod metrics;
mod standings;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::grpc::ApiState;

/// The paths that are answered.
pub fn router(state: Arc<ApiState>) -> Router {
    Router::new().route("/metrics", get(serve_metrics)).with_state(state)
}

async fn serve_metrics(State(state): State<Arc<ApiState>>) -> Response {
    let Some(engine) = state.engine() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is starting\n").into_response();
    };
    match metrics::text(engine) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
