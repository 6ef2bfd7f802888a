//! The double's signals: a user repeats who says "again", and corrects who says
//! "wrong". Nothing is measured of the first turn. Cohorts are told apart by the version
//! of the prompt alone, and watched by the library's detector.

use throughline_memory::degradation::cohort::ChangeDetector;
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
        request: Request<wire::RecordOutcomeRequest>,
    ) -> Result<Response<wire::RecordOutcomeResponse>, Status> {
        let request = request.into_inner();
        let (name, _) = request.turn.split_once("/turns/").unwrap();
        let known = self.with(name, |held| held.turns.iter().any(|one| one.name == request.turn));
        let outcome = request.outcome.unwrap();
        if !known? {
            return Err(Status::not_found(request.turn));
        }
        self.recorded.lock().unwrap().push((name.to_owned(), outcome.clone()));
        let outcome = Some(outcome);
        Ok(Response::new(wire::RecordOutcomeResponse { outcome, repeated_record: false }))
    }

    async fn get_cohort_degradation(
        &self,
        request: Request<wire::GetCohortDegradationRequest>,
    ) -> Result<Response<wire::GetCohortDegradationResponse>, Status> {
        let version = request.into_inner().cohort.unwrap_or_default().prompt_version;
        let recorded = self.recorded.lock().unwrap();
        let members: Vec<_> =
            recorded.iter().filter(|(_, outcome)| outcome.prompt_version == version).collect();
        let mut detector = ChangeDetector::default();
        for (_, outcome) in &members {
            detector.add(f64::from(outcome.judge_score()));
        }
        let change = detector.found().map(|change| {
            let name = |place: u64| members[usize::try_from(place).unwrap()].0.clone();
            wire::CohortChange {
                since_conversation: name(change.since),
                alarm_conversation: name(change.alarm_at),
                ..wire::CohortChange::default()
            }
        });
        let cohort = wire::Cohort {
            conversations: members.len() as u64,
            change,
            change_measurable: detector.is_ready(),
            ..wire::Cohort::default()
        };
        Ok(Response::new(wire::GetCohortDegradationResponse {
            cohort: Some(cohort),
            ..wire::GetCohortDegradationResponse::default()
        }))
    }

    type WatchHealthStream = tokio_stream::Empty<Result<wire::WatchHealthResponse, Status>>;

    async fn watch_health(
        &self,
        _: Request<wire::WatchHealthRequest>,
    ) -> Result<Response<Self::WatchHealthStream>, Status> {
        Err(Status::unimplemented("double"))
    }
}
