//! Plays cohorts to the service: conversations with one answer, an outcome of each for
//! every cohort (RecordOutcome), then the question where it became worse
//! (GetCohortDegradation). Cohorts share conversations and are told apart by the version
//! of the prompt, so that few conversations serve many cohorts.
//!
//! Invariant: the outcomes of a cohort are recorded one after the other. The service
//! goes by the order in which they were recorded.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use throughline_proto::v1::{
    self as wire, AppendTurnsRequest, CohortFilter, CohortMetric, CreateConversationRequest,
    GetCohortDegradationRequest, Outcome, RecordOutcomeRequest, part::Content,
};

use super::{
    score::Watched,
    simulated::{CONVERSATIONS, Cohort},
};
use crate::{
    client::{Api, retry},
    runner::{ingest::delete, progress::Progress},
};

/// Cohorts that share conversations: each is an outcome of their one turn, which may
/// have 64.
const SHARING: usize = 50;
/// Conversations that are begun at a time.
const BEGUN: usize = 32;
/// Cohorts that are asked for at a time; the service allows four.
const ASKED: usize = 2;
/// Deadline of a cohort, of which many outcomes are read.
const DEADLINE: Duration = Duration::from_secs(120);
/// Label of the conversations.
const LABEL: &str = "change_point";

/// A run against a server.
pub(super) struct Play<'a> {
    pub(super) api: &'a Api,
    pub(super) progress: &'a Progress,
    pub(super) seed: u64,
    /// Conversations are deleted behind their cohorts.
    pub(super) delete: bool,
    /// Value of the label: a run never meets another one's conversations.
    pub(super) salt: u64,
}

impl Play<'_> {
    /// Plays cohorts and says of each where the service saw it fall.
    ///
    /// # Errors
    /// A call failed, or the service did not look at all conversations.
    pub(super) async fn all(&self, cohorts: &[Cohort]) -> anyhow::Result<Vec<Watched>> {
        let mut watched = Vec::new();
        for (number, sharing) in cohorts.chunks(SHARING).enumerate() {
            let label = format!("{:016x}-{number}", self.salt);
            let names = self.begin(&label).await?;
            let records = futures::stream::iter(sharing)
                .map(|cohort| self.record(*cohort, &names))
                .buffer_unordered(SHARING);
            records.try_collect::<Vec<()>>().await?;
            let places: HashMap<&str, usize> =
                names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
            let asked: Vec<Watched> = futures::stream::iter(sharing)
                .map(|cohort| self.ask(*cohort, &label, &places))
                .buffered(ASKED)
                .try_collect()
                .await?;
            watched.extend(asked);
            if self.delete {
                for name in &names {
                    delete(self.api, name).await?;
                }
            }
        }
        Ok(watched)
    }

    /// Creates the conversations, each with an answer; returns their names in order.
    async fn begin(&self, label: &str) -> anyhow::Result<Vec<String>> {
        futures::stream::iter(0..CONVERSATIONS)
            .map(|at| self.begin_one(format!("{LABEL}-{label}-{at}"), label))
            .buffered(BEGUN)
            .try_collect()
            .await
    }

    async fn begin_one(&self, id: String, label: &str) -> anyhow::Result<String> {
        let call = async || {
            let conversation = wire::Conversation {
                user_id: LABEL.to_owned(),
                labels: [(LABEL.to_owned(), label.to_owned())].into(),
                ..wire::Conversation::default()
            };
            let request = CreateConversationRequest {
                conversation: Some(conversation),
                conversation_id: id.clone(),
                request_id: id.clone(),
            };
            self.api.conversations.clone().create_conversation(request).await
        };
        let reply = retry("CreateConversation", call).await?.into_inner();
        let name = reply.conversation.context("an answer without a conversation")?.name;
        let call = async || {
            let text = Content::Text("Done.".to_owned());
            let turn = wire::Turn {
                role: wire::Role::Assistant as i32,
                parts: vec![wire::Part { content: Some(text) }],
                client_turn_id: "answer".to_owned(),
                ..wire::Turn::default()
            };
            let request = AppendTurnsRequest {
                conversation: name.clone(),
                turns: vec![turn],
                ..AppendTurnsRequest::default()
            };
            self.api.conversations.clone().append_turns(request).await
        };
        retry("AppendTurns", call).await?;
        self.progress.turns(1);
        Ok(name)
    }

    /// Records the scores of a cohort, in order.
    async fn record(&self, cohort: Cohort, names: &[String]) -> anyhow::Result<()> {
        for (name, score) in names.iter().zip(cohort.scores(self.seed)) {
            let call = async || {
                let outcome = Outcome {
                    outcome_id: cohort.name(),
                    judge_score: Some(score as f32),
                    prompt_version: cohort.name(),
                    ..Outcome::default()
                };
                let turn = format!("{name}/turns/1");
                let request = RecordOutcomeRequest { turn, outcome: Some(outcome) };
                self.api.degradation.clone().record_outcome(request).await
            };
            retry("RecordOutcome", call).await?;
        }
        Ok(())
    }

    /// Asks where a cohort became worse.
    async fn ask(
        &self,
        cohort: Cohort,
        label: &str,
        places: &HashMap<&str, usize>,
    ) -> anyhow::Result<Watched> {
        let call = async || {
            let filter = CohortFilter {
                prompt_version: cohort.name(),
                labels: [(LABEL.to_owned(), label.to_owned())].into(),
                ..CohortFilter::default()
            };
            let request = GetCohortDegradationRequest {
                metric: CohortMetric::Quality as i32,
                cohort: Some(filter),
                ..GetCohortDegradationRequest::default()
            };
            let mut request = tonic::Request::new(request);
            request.set_timeout(DEADLINE);
            self.api.degradation.clone().get_cohort_degradation(request).await
        };
        let reply = retry("GetCohortDegradation", call).await?.into_inner();
        let found = reply.cohort.context("an answer without a cohort")?;
        let whole = found.conversations == CONVERSATIONS as u64 && found.change_measurable;
        let name = cohort.name();
        ensure!(whole, "{name}: {} of {CONVERSATIONS} conversations", found.conversations);
        let alarm_at = match &found.change {
            Some(change) => {
                let alarm = change.alarm_conversation.as_str();
                let place = places.get(alarm).copied();
                Some(place.with_context(|| format!("{name}: no conversation {alarm}"))?)
            }
            None => None,
        };
        self.progress.question();
        Ok(Watched { cohort, alarm_at })
    }
}
