//! `ServerService`: what this server is and does.

use std::{collections::HashMap, sync::Arc};

use throughline_summarizer::extractive;
use tonic::{Request, Response, Status};

use super::{
    ApiError, ApiState, Call, Summaries,
    status::{MAX_IN_FLIGHT, WAITING_COMMITS, WAITING_TEXTS},
};
use crate::pb::{self, server_service_server::ServerService};

/// The service.
#[derive(Clone)]
pub struct ServerApi(pub Arc<ApiState>);

#[tonic::async_trait]
impl ServerService for ServerApi {
    async fn get_server_info(
        &self,
        request: Request<pb::GetServerInfoRequest>,
    ) -> Result<Response<pb::GetServerInfoResponse>, Status> {
        let call = self.0.call(&request)?;
        Ok(Response::new(info(&call)?))
    }
}

fn info(call: &Call) -> Result<pb::GetServerInfoResponse, ApiError> {
    let about = &call.opened()?.about;
    let (engine, model, ranking) = (&call.engine, &about.embedding, &about.ranking);
    let scorer = &about.scorer;
    let lines = about.pins.lines.as_ref();
    let commits = engine.commit_counts();
    Ok(pb::GetServerInfoResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        embedding_model: Some(pb::EmbeddingModelInfo {
            name: model.name.clone(),
            sha256: model.sha256.clone(),
            dimensions: u32::try_from(model.dimensions).unwrap_or(u32::MAX),
            engine: model.engine.clone(),
            precision: model.precision.clone(),
            device: model.device.clone(),
        }),
        store: engine.store_kind().to_owned(),
        index: engine.index_kind().to_owned(),
        tokenizers: engine.tokenizer_names(),
        limits: limits(call),
        ranking: Some(pb::RankingInfo {
            version: ranking.version.clone(),
            weights_sha256: ranking.weights_sha256.clone(),
            trained_on: ranking.trained_on.clone(),
        }),
        staleness: Some(pb::StalenessInfo {
            scorer: scorer.name.clone(),
            version: scorer.version,
            weights_sha256: scorer.weights_sha256.clone().into_iter().collect(),
        }),
        pins: Some(pb::PinInfo {
            enabled: about.pins.enabled,
            detector: about.pins.detector.clone(),
            version: about.pins.version,
            weights_sha256: about.pins.weights_sha256.clone(),
            max_per_conversation: u32::try_from(about.pins.max_per_conversation)
                .unwrap_or(u32::MAX),
            line_model: lines.map(|by| by.model.clone()).unwrap_or_default(),
            line_prompt_version: lines.map_or(0, |by| by.prompt),
            line_check_version: lines.map(|by| by.check.clone()).unwrap_or_default(),
        }),
        summaries: Some(summaries(&about.summaries)),
        reranker: about.reranker.as_ref().map(|reranker| pb::RerankerInfo {
            name: reranker.name.clone(),
            sha256: reranker.sha256.clone(),
            top: u32::try_from(reranker.top).unwrap_or(u32::MAX),
        }),
        outbox_backlog: engine.outbox_backlog(),
        tenant: call.tenant.to_string(),
        commits: Some(pb::CommitCounts {
            groups: commits.groups,
            batches: commits.batches,
            bytes: commits.bytes,
        }),
    })
}

/// Every limit that an error may name.
fn limits(call: &Call) -> HashMap<String, u64> {
    let engine = &call.engine;
    let queues = [
        (MAX_IN_FLIGHT, call.max_in_flight()),
        (WAITING_COMMITS, engine.max_waiting_commits()),
        (WAITING_TEXTS, engine.max_waiting_texts()),
    ];
    let queues = queues.map(|(name, max)| (name, max as u64));
    let all = engine.limits().named().into_iter().chain(queues);
    all.map(|(name, max)| (name.to_owned(), max)).collect()
}

fn summaries(about: &Summaries) -> pb::SummaryInfo {
    let of = about.model.as_ref();
    let threads = of.and_then(|model| model.threads).unwrap_or(0);
    pb::SummaryInfo {
        enabled: about.enabled,
        model: of.map_or_else(|| extractive::MODEL.to_owned(), |model| model.name.clone()),
        model_sha256: of.map(|model| model.sha256.clone()).unwrap_or_default(),
        engine: of.map(|model| model.engine.clone()).unwrap_or_default(),
        device: of.map(|model| model.device.clone()).unwrap_or_default(),
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
        check_version: about.check_version.clone(),
        entailment: about.entailment.as_ref().map(|judge| pb::EntailmentInfo {
            kind: judge.kind.to_owned(),
            name: judge.name.clone(),
            sha256: judge.sha256.clone(),
            version: judge.version,
        }),
    }
}
