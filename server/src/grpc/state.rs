//! What all services share. The server listens before its parts are open, so
//! that health can say "not yet"; until then, and while it drains, calls are
//! UNAVAILABLE with a delay.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use throughline_memory::{
    embed::EmbeddingModel,
    engine::{Engine, EngineError, Limits},
    facts::LineVersion,
    turn::{ConversationId, TenantId},
};
use throughline_summarizer::{entailment::JudgeInfo, llm::ModelInfo};
use tokio::sync::watch;
use tonic::{Code, Request, Status};

use super::{ApiError, deadline::Deadline, status::Failure};
use crate::{auth::Caller, config::Prices, page_token::PageTokens};

/// What the server says about itself that the engine does not know.
#[derive(Clone, Debug)]
pub struct About {
    /// The embedding model in use.
    pub embedding: EmbeddingModel,
    /// The ranking in force.
    pub ranking: Ranking,
    /// What reorders the best of it, if anything does.
    pub reranker: Option<Reranker>,
    /// What draws staleness events.
    pub scorer: Scorer,
    /// What pins without the caller.
    pub pins: Pins,
    /// What writes summaries.
    pub summaries: Summaries,
}

/// What writes summaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summaries {
    /// Whether conversations are folded.
    pub enabled: bool,
    /// The language model, if there is one.
    pub model: Option<ModelInfo>,
    /// Version of the faithfulness check.
    pub check_version: String,
    /// What judges entailment beside it, if anything does.
    pub entailment: Option<JudgeInfo>,
}

/// What pins without the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// Whether anything does.
    pub enabled: bool,
    /// Name of the weights.
    pub detector: String,
    /// Of rules and weights together; pins carry it.
    pub version: u32,
    /// SHA-256 of the weights, hex.
    pub weights_sha256: String,
    /// Live pins of a conversation at most.
    pub max_per_conversation: usize,
    /// What lines of pins are written by, if by anything.
    pub lines: Option<LineVersion>,
}

/// What draws staleness events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scorer {
    /// Its parts with their versions.
    pub name: String,
    /// Of parts and weights together; events carry it.
    pub version: u32,
    /// SHA-256 of the weights, hex, by the part that they are of.
    pub weights_sha256: BTreeMap<String, String>,
}

/// The ranking in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// Version of the features.
    pub version: String,
    /// SHA-256 of the weights, hex.
    pub weights_sha256: String,
    /// What the weights were learnt on.
    pub trained_on: String,
}

/// What reorders the best of a ranking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reranker {
    /// Name of its directory.
    pub name: String,
    /// SHA-256 of the weights, hex.
    pub sha256: String,
    /// How many it reorders.
    pub top: usize,
}

/// The parts of a server that is ready.
pub struct Opened {
    /// Answers the calls.
    pub engine: Arc<Engine>,
    /// Makes and checks page tokens.
    pub pages: PageTokens,
    /// For `GetServerInfo`.
    pub about: About,
    /// What usage costs.
    pub prices: Prices,
}

/// Starting, then serving, then draining; never back.
#[derive(Default)]
pub struct ApiState {
    opened: OnceLock<Opened>,
    draining: watch::Sender<bool>,
    max_in_flight: usize,
}

impl ApiState {
    /// Starting. `max_in_flight`: as the gate has it, to be told.
    pub fn starting(max_in_flight: usize) -> Arc<Self> {
        Arc::new(Self { max_in_flight, ..Self::default() })
    }

    /// From now on calls are answered. The first opening counts.
    pub fn open(&self, opened: Opened) {
        if self.opened.set(opened).is_err() {
            tracing::warn!("the server was opened twice; the first engine stays");
        }
    }

    /// From now on new calls are refused.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// The engine, once there is one.
    pub fn engine(&self) -> Option<&Arc<Engine>> {
        self.opened.get().map(|opened| &opened.engine)
    }

    /// The parts, if calls are answered.
    ///
    /// # Errors
    /// UNAVAILABLE with a delay.
    pub(crate) fn opened(&self) -> Result<&Opened, Status> {
        let unavailable = |reason, message: &str| {
            Failure::new(Code::Unavailable, reason, message).retry_restart().status()
        };
        if *self.draining.borrow() {
            return Err(unavailable("SHUTTING_DOWN", "the server is shutting down"));
        }
        self.opened.get().ok_or_else(|| unavailable("STARTING", "the server is starting"))
    }

    /// The call that a request is.
    ///
    /// # Errors
    /// UNAVAILABLE while the server is not open; INTERNAL for a request that did
    /// not pass the gate.
    pub(super) fn call<T>(self: &Arc<Self>, request: &Request<T>) -> Result<Call, Status> {
        let engine = Arc::clone(&self.opened()?.engine);
        let extensions = request.extensions();
        let (Some(caller), Some(deadline)) =
            (extensions.get::<Caller>(), extensions.get::<Deadline>())
        else {
            return Err(Failure::new(Code::Internal, "NO_CALLER", "no caller").status());
        };
        let (tenant, deadline) = (caller.tenant.clone(), *deadline);
        Ok(Call { engine, tenant, deadline, state: Arc::clone(self) })
    }
}

/// One call: whose it is, who answers it and until when.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) engine: Arc<Engine>,
    pub(crate) tenant: TenantId,
    pub(crate) deadline: Deadline,
    state: Arc<ApiState>,
}

impl Call {
    pub(crate) fn limits(&self) -> &Limits {
        self.engine.limits()
    }

    /// Requests that are worked on at the same time.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.state.max_in_flight
    }

    /// The parts beside the engine.
    pub(crate) fn opened(&self) -> Result<&Opened, ApiError> {
        Ok(self.state.opened()?)
    }

    /// Returns when the server drains: a stream without end has to.
    pub(crate) async fn draining(&self) {
        let mut draining = self.state.draining.subscribe();
        // An error means that the server is gone.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    /// Waits until the conversation has this revision, or for the deadline; not at
    /// all for 0.
    pub(crate) async fn at_revision(
        &self,
        id: &ConversationId,
        min_revision: u64,
    ) -> Result<(), ApiError> {
        if min_revision == 0 {
            return Ok(());
        }
        let wait = self.engine.wait_revision(&self.tenant, id, min_revision);
        self.until_revision(Some(id), min_revision, wait).await
    }

    /// Waits for `work` until the deadline; then says that the revision was not
    /// reached, and where the conversation stands.
    pub(crate) async fn until_revision<T>(
        &self,
        conversation: Option<&ConversationId>,
        min_revision: u64,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, ApiError> {
        let (true, Some(id)) = (min_revision > 0, conversation) else { return Ok(work.await?) };
        if let Some(done) = self.deadline.bound(work).await {
            return Ok(done?);
        }
        let now = self.engine.get_conversation(&self.tenant, id).await?;
        let message = format!(
            "revision {min_revision} was not reached before the deadline: the conversation is at \
             revision {}, searchable up to sequence {} of {}; wait longer or ask for less",
            now.revision, now.indexed_sequence, now.last_sequence
        );
        let about =
            [("min_revision", min_revision.to_string()), ("revision", now.revision.to_string())];
        Err(Failure::with(Code::DeadlineExceeded, "REVISION_NOT_REACHED", message, &about)
            .status()
            .into())
    }
}
