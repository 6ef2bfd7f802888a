//! What the application says of turns: recorded durably, exactly once by the
//! caller's id, given back with what was measured and with exports.
//!
//! Invariant: outcomes are data and not derived; they go only with their turn or
//! conversation.

use super::{cohort_digests::touch, read::kept_at};
use crate::{
    degradation::{MAX_OUTCOMES, Outcome},
    engine::{
        Engine, EngineError,
        commit::Publish,
        records::{decode, encode},
    },
    store::{Batch, StoreError, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

impl Engine {
    /// Records an outcome of a turn. The same id with the same content gives the
    /// first one again; whether it is a repeat comes with it.
    ///
    /// # Errors
    /// `NotFound` (also for a forgotten turn), `Invalid`, `AlreadyExists`,
    /// `LimitReached`, `Store`.
    pub async fn record_outcome(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        outcome: Outcome,
    ) -> Result<(Outcome, bool), EngineError> {
        self.check_outcome(&outcome)?;
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let branch = cell.branch(&*cell.head()?);
        let sequence = outcome.sequence;
        let turn = self.read_turn(&branch, sequence)?.filter(|turn| !turn.forgotten);
        if turn.is_none() || sequence > cell.head()?.last_sequence {
            let id = format!("conversations/{id}/turns/{sequence}");
            return Err(EngineError::NotFound { kind: "turn", id });
        }
        let key = keys::outcome(tenant, id, sequence, &outcome.id);
        if let Some(bytes) = self.store.get(&key)? {
            let known: Outcome = decode(&key, &bytes)?;
            if known.same_content(&outcome) {
                return Ok((known, true));
            }
            return Err(EngineError::AlreadyExists {
                kind: "outcome",
                existing: format!("conversations/{id}/turns/{sequence}"),
                id: outcome.id,
            });
        }
        let known = self.outcomes(tenant, id, sequence, sequence)?.len();
        if known >= MAX_OUTCOMES {
            return Err(EngineError::LimitReached {
                limit: "outcomes_per_turn",
                max: MAX_OUTCOMES as u64,
                detail: format!("conversations/{id}/turns/{sequence} has {known} outcomes"),
                retry: false,
            });
        }
        let mut batch = Batch::new();
        batch.put(key, encode(&outcome)?);
        touch(&mut batch, tenant, id)?;
        // Health that looked at the turn before has to look again.
        let publish = Publish::Recorded(self.healths.clone(), sequence);
        self.commit(writer, batch, Vec::new(), publish).await?;
        self.tally.outcome(tenant, &outcome);
        Ok((outcome, false))
    }

    fn check_outcome(&self, outcome: &Outcome) -> Result<(), EngineError> {
        let mut violations = Vec::new();
        let mut refuse = |field: &str, why: String| {
            violations.push(crate::engine::FieldViolation::new(field, why));
        };
        if let Some(score) = outcome.judge_score
            && !(0.0..=1.0).contains(&score)
        {
            refuse("outcome.judge_score", format!("is {score}, must be 0 to 1"));
        }
        let max = self.limits.name_bytes;
        for (field, text) in
            [("outcome.model", &outcome.model), ("outcome.prompt_version", &outcome.prompt_version)]
        {
            if text.len() as u64 > max {
                refuse(field, format!("has {} bytes, the limit name_bytes is {max}", text.len()));
            }
        }
        let max = self.limits.request_id_bytes;
        if outcome.id.is_empty() || outcome.id.len() as u64 > max {
            refuse("outcome.outcome_id", format!("must have 1 to {max} bytes"));
        }
        let says_something = outcome.quality().is_some() || outcome.latency.is_some();
        if !says_something {
            refuse("outcome", "needs a score, a thumb, a success or a latency".to_owned());
        }
        if violations.is_empty() { Ok(()) } else { Err(EngineError::Invalid(violations)) }
    }

    /// The outcomes of a conversation's turns in a range, by turn.
    ///
    /// # Errors
    /// `Store`.
    pub(in crate::engine) fn outcomes(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<Outcome>, StoreError> {
        let range = (from, until);
        let mut outcomes: Vec<Outcome> =
            kept_at(&self.store, Kind::Outcome, (tenant, id), range, |key, value| {
                decode(key, value).map(Some)
            })?;
        outcomes.sort_by(|a, b| {
            (a.sequence, a.recorded_at, &a.id).cmp(&(b.sequence, b.recorded_at, &b.id))
        });
        Ok(outcomes)
    }

    /// A page of all outcomes of a conversation, by turn: those of turns behind
    /// `after`, of at most `turns` turns, and the turn to go on after.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub fn list_outcomes(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        after: Sequence,
        turns: u64,
    ) -> Result<(Vec<Outcome>, Option<Sequence>), EngineError> {
        let last = self.heads.cell(tenant, id)?.head()?.last_sequence;
        let until = after.saturating_add(turns).min(last);
        let page = self.outcomes(tenant, id, after.saturating_add(1), until)?;
        Ok((page, (until < last).then_some(until)))
    }
}
