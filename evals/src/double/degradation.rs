//! The double's signals: a user repeats who says "again", and corrects who says
//! "wrong". Nothing is measured of the first turn.

use throughline_proto::v1::{
    self as wire, Role, TurnSignalKind, degradation_service_server::DegradationService,
};
use tonic::{Request, Response, Status};

use super::{Double, windows::text};

fn measure(turn: &wire::Turn) -> wire::TurnDegradation {
    let said = text(turn);
    let signal = |kind: TurnSignalKind, word: &str| wire::TurnSignal {
        kind: kind as i32,
        present: said.contains(word),
        confidence: 1.0,
        reason: "by a word".into(),
        evidence: String::new(),
    };
    let signals = if turn.role() == Role::User && turn.sequence > 1 {
        vec![
            signal(TurnSignalKind::UserRepeats, "again"),
            signal(TurnSignalKind::UserCorrects, "wrong"),
        ]
    } else {
        Vec::new()
    };
    wire::TurnDegradation {
        turn: turn.name.clone(),
        role: turn.role,
        signals,
        ..wire::TurnDegradation::default()
    }
}

#[tonic::async_trait]
impl DegradationService for Double {
    async fn get_degradation(
        &self,
        request: Request<wire::GetDegradationRequest>,
    ) -> Result<Response<wire::GetDegradationResponse>, Status> {
        let request = request.into_inner();
        let from = request.page_token.parse::<usize>().unwrap_or(0);
        // Small pages, so that paging is tested.
        let (turns, all) = self.with(&request.conversation, |held| {
            let page = held.turns.iter().skip(from).take(3).map(measure);
            (page.collect::<Vec<_>>(), held.turns.len())
        })?;
        let next = from + turns.len();
        Ok(Response::new(wire::GetDegradationResponse {
            turns,
            next_page_token: if next < all { next.to_string() } else { String::new() },
            measured_sequence: all as u64,
            revision: 1,
            ..wire::GetDegradationResponse::default()
        }))
    }

    async fn record_outcome(
        &self,
        _: Request<wire::RecordOutcomeRequest>,
    ) -> Result<Response<wire::RecordOutcomeResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    async fn get_cohort_degradation(
        &self,
        _: Request<wire::GetCohortDegradationRequest>,
    ) -> Result<Response<wire::GetCohortDegradationResponse>, Status> {
        Err(Status::unimplemented("double"))
    }

    type WatchHealthStream = tokio_stream::Empty<Result<wire::WatchHealthResponse, Status>>;

    async fn watch_health(
        &self,
        _: Request<wire::WatchHealthRequest>,
    ) -> Result<Response<Self::WatchHealthStream>, Status> {
        Err(Status::unimplemented("double"))
    }
}
