//! GetCohortDegradation.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, cohort_comparison_to_proto, cohort_request, cohort_to_proto},
};

pub(super) async fn handle(
    call: Call,
    request: pb::GetCohortDegradationRequest,
) -> Result<pb::GetCohortDegradationResponse, ApiError> {
    let mut violations = Violations::new();
    let wanted = cohort_request(request, call.limits(), &mut violations);
    let wanted = violations.finish(wanted)?;
    let outcome = call.engine.cohort_degradation(&call.tenant, wanted).await?;
    Ok(pb::GetCohortDegradationResponse {
        cohort: Some(cohort_to_proto(&outcome.cohort)),
        baseline: outcome.baseline.as_ref().map(cohort_to_proto),
        comparison: outcome.comparison.as_ref().map(cohort_comparison_to_proto),
        cut: outcome.cut,
    })
}
