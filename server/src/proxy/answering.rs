//! Stores what the model answered, and records the outcome.
//!
//! Invariant: an answer is stored at most once; where there is another one already
//! it becomes a branch.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use throughline_memory::{
    degradation::Outcome,
    engine::{Engine, EngineError, ListTurns},
    turn::{ConversationId, NewTurn, Part, Role, Sequence, TenantId, Turn},
};

use super::{
    anew::Anew,
    answer::Answer,
    branch::{ANSWERS, CUT_OFF, FINISH_REASON, Noted, truth},
    naming::{answered_again, turn_id},
    placing::{FORK_DEPTH, Place, Places, fork},
    said::{print_of, print_of_parts},
};
use crate::wire::{Violations, encode_metadata};

/// How often an answer is placed anew: when another writer was faster, and for each
/// other answer that there is.
const ATTEMPTS: usize = 64;
/// Turns behind the question that are searched for an answer to it.
const TURNS_LOOKED_AT: usize = 64;
/// Names the outcome within its turn.
const OUTCOME_ID: &str = "proxy";
/// Longest latency that an outcome may have.
const MAX_LATENCY: Duration = Duration::from_secs(3_600);

/// An exchange that waits for its answer.
pub(super) struct Exchange {
    pub(super) engine: Arc<Engine>,
    pub(super) places: Arc<Places>,
    pub(super) tenant: TenantId,
    pub(super) place: Place,
    /// The beginning of the answer that the caller gave, or empty.
    pub(super) prefill: String,
    /// Model of the request, or empty.
    pub(super) model: String,
    /// Version of the prompt, or empty.
    pub(super) prompt_version: String,
}

/// A stored answer.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) conversation: ConversationId,
    pub(super) sequence: Sequence,
}

impl Exchange {
    /// Stores the answer; nothing if nothing came.
    ///
    /// # Errors
    /// Those of an append and of a fork.
    pub(super) async fn store(&self, answer: &Answer) -> Result<Option<Stored>, EngineError> {
        let parts = answer.parts(&self.prefill);
        if parts.is_empty() {
            return Ok(None);
        }
        let _lock = self.places.lock(&self.tenant, &self.place.root).await;
        let (mut id, asked) = (self.place.conversation.clone(), self.place.last);
        let (mut expected, mut number) = (Some(asked), 0);
        for _ in 0..ATTEMPTS {
            let last = self.engine.get_conversation(&self.tenant, &id).await?.last_sequence;
            let sequence = expected.unwrap_or(last) + 1;
            let turn = self.turn(answer, &parts, asked, sequence)?;
            let appended =
                self.engine.append_turns(&self.tenant, &id, vec![turn], expected.or(Some(last)));
            match appended.await {
                Ok(appended) => {
                    let sequence = appended.turns.first().map_or(sequence, |turn| turn.sequence);
                    return Ok(Some(Stored { conversation: id, sequence }));
                }
                Err(
                    EngineError::SequenceMismatch { .. }
                    | EngineError::AlreadyExists { kind: "client turn id", .. },
                ) => {}
                Err(error) => return Err(error),
            }
            match self.other_answer(&id, asked).await? {
                // Others wrote meanwhile, but did not answer this.
                None => expected = None,
                Some(turn) if print_of(&turn) == print_of_parts(Role::Assistant, &parts) => {
                    return Ok(Some(Stored { conversation: id, sequence: turn.sequence }));
                }
                // On the next branch it may stand already, or another one.
                Some(_) => {
                    id = self.branch(asked, number).await?;
                    (expected, number) = (Some(asked), number + 1);
                }
            }
        }
        Err(EngineError::SequenceMismatch { expected: asked, actual: asked })
    }

    /// Records how long the model took, to the end of its answer or to where that broke
    /// off. That it did is no verdict on the context: the turn says so, not the outcome.
    pub(super) async fn record(&self, stored: &Stored, answer: &Answer, latency: Duration) {
        let outcome = Outcome {
            id: OUTCOME_ID.to_owned(),
            sequence: stored.sequence,
            judge_score: None,
            thumbs_up: None,
            task_success: None,
            latency: Some(latency.min(MAX_LATENCY)),
            model: answer.model().unwrap_or(&self.model).to_owned(),
            prompt_version: self.prompt_version.clone(),
            recorded_at: Timestamp::now(),
        };
        let recorded = self.engine.record_outcome(&self.tenant, &stored.conversation, outcome);
        match recorded.await {
            // The same answer came twice; the first latency stands.
            Ok(_) | Err(EngineError::AlreadyExists { .. }) => {}
            Err(error) => tracing::warn!(%error, "an outcome was not recorded"),
        }
    }

    /// A whole answer to the turn `asked` that is stored already.
    async fn other_answer(
        &self,
        id: &ConversationId,
        asked: Sequence,
    ) -> Result<Option<Arc<Turn>>, EngineError> {
        let which = ListTurns {
            from: asked + 1,
            descending: false,
            limit: TURNS_LOOKED_AT,
            max_bytes: usize::MAX,
        };
        let page = self.engine.list_turns(&self.tenant, id, which).await?;
        for turn in page.turns {
            if turn.role != Role::Assistant || turn.forgotten {
                continue;
            }
            let noted = Noted::of(id, &turn)?;
            let answers = noted.answers.unwrap_or_else(|| turn.sequence - 1);
            if answers == asked && !noted.broke_off() {
                return Ok(Some(turn));
            }
        }
        Ok(None)
    }

    /// A branch for another answer to the turn `asked`, made if it does not exist. Where
    /// the engine forks no deeper it holds a copy of the turns, under the same name.
    async fn branch(&self, asked: Sequence, number: u32) -> Result<ConversationId, EngineError> {
        let parent = &self.place.conversation;
        let id = answered_again(parent, asked, number);
        match self.engine.get_conversation(&self.tenant, &id).await {
            Ok(found) if found.last_sequence >= asked => return Ok(id),
            // A copy that was broken off.
            Ok(_) => {}
            Err(EngineError::NotFound { .. }) => {
                match fork(&self.engine, &self.tenant, parent, asked, &id).await {
                    Err(EngineError::LimitReached { limit: FORK_DEPTH, .. }) => {}
                    forked => return forked.map(|()| id),
                }
            }
            Err(error) => return Err(error),
        }
        let (engine, tenant, root) = (&*self.engine, &self.tenant, &self.place.root);
        Anew { engine, tenant, root }.copy(parent, asked, &id).await?;
        Ok(id)
    }

    fn turn(
        &self,
        answer: &Answer,
        parts: &[Part],
        asked: Sequence,
        sequence: Sequence,
    ) -> Result<NewTurn, EngineError> {
        let number = prost_types::value::Kind::NumberValue(asked as f64);
        let mut fields: std::collections::BTreeMap<String, prost_types::Value> =
            [(ANSWERS.to_owned(), prost_types::Value { kind: Some(number) })].into();
        if answer.is_cut_off() {
            fields.insert(CUT_OFF.to_owned(), truth(true));
        }
        if let Some(reason) = answer.finish_reason().filter(|_| answer.is_finished()) {
            let kind = Some(prost_types::value::Kind::StringValue(reason.to_owned()));
            fields.insert(FINISH_REASON.to_owned(), prost_types::Value { kind });
        }
        let metadata = prost_types::Struct { fields };
        let mut violations = Violations::new();
        let limits = self.engine.limits();
        let encoded = encode_metadata(Some(&metadata), "turn", limits, &mut violations);
        let print = print_of_parts(Role::Assistant, parts);
        Ok(NewTurn {
            role: Role::Assistant,
            speaker: String::new(),
            parts: parts.to_vec(),
            said_at: None,
            client_turn_id: Some(turn_id(sequence, &print)),
            metadata: violations.finish(Some(encoded))?,
        })
    }
}
