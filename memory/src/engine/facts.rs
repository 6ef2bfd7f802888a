//! Pins of the caller: pin, change, take out, list.

use std::ops::ControlFlow;

use super::{
    Engine, EngineError, FactPatch, NewFact,
    records::{decode, encode},
    validate,
};
use crate::{
    facts::Fact,
    store::{Batch, Direction, keys, keys::Kind},
    turn::{ConversationId, FactId, TenantId},
};

impl Engine {
    /// Pins a fact. The same `request_id` with the same content gives the first
    /// one again. Returns it with the conversation's revision.
    ///
    /// # Errors
    /// `Invalid` (also for a source that is not a turn or was forgotten),
    /// `NotFound`, `AlreadyExists`, `LimitReached`, `Store`.
    pub async fn pin_fact(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        new: NewFact,
    ) -> Result<(Fact, u64), EngineError> {
        validate::fact(&new, &self.limits)?;
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        let request = keys::by_digest(tenant, id, Kind::PinRequest, new.request_id.as_bytes());
        if !new.request_id.is_empty()
            && let Some(bytes) = self.store.get(&request)?
        {
            let known: PinRequest = decode(&request, &bytes)?;
            if known.given == given(&new)? {
                return Ok((self.read_fact(tenant, id, &known.fact)?, head.revision));
            }
            return Err(EngineError::AlreadyExists {
                kind: "request id",
                id: new.request_id,
                existing: format!("conversations/{id}/facts/{}", known.fact),
            });
        }
        if head.facts >= self.limits.facts_per_conversation {
            return Err(EngineError::LimitReached {
                limit: "facts_per_conversation",
                max: self.limits.facts_per_conversation,
                detail: format!("conversations/{id} has {} facts", head.facts),
                retry: false,
            });
        }
        if let Some(source) = new.source {
            let turn = self.read_turn(&cell.branch(&head), source)?;
            let turn = turn.filter(|turn| !turn.forgotten && source <= head.last_sequence);
            let text = turn.map(|turn| turn.searchable_text()).ok_or_else(|| {
                EngineError::invalid("fact.source_sequence", format!("there is no turn {source}"))
            })?;
            if let Some((start, end)) = new.source_span
                && text.get(start as usize..end as usize).is_none()
            {
                return Err(EngineError::invalid(
                    "fact.source_span",
                    format!("{start}..{end} is no span of the turn's {} bytes of text", text.len()),
                ));
            }
        }
        let given = given(&new)?;
        let now = (self.clock)();
        let fact = Fact {
            id: FactId::generate(),
            kind: new.kind,
            text: new.text,
            required: new.required,
            source: new.source,
            source_span: new.source_span,
            request_id: new.request_id,
            created_at: now,
            updated_at: now,
        };
        let mut next = self.touched(&head);
        next.facts += 1;
        let mut batch = Batch::new();
        batch.put(keys::fact(tenant, id, &fact.id), encode(&fact)?);
        if !fact.request_id.is_empty() {
            batch.put(request, encode(&PinRequest { fact: fact.id.clone(), given })?);
        }
        let revision = next.revision;
        self.commit_head(writer, next, batch, None).await?;
        Ok((fact, revision))
    }

    /// Changes a pin.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `Store`.
    pub async fn update_fact(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        fact: &FactId,
        patch: FactPatch,
    ) -> Result<(Fact, u64), EngineError> {
        if let Some(text) = &patch.text {
            validate::fact_text(text, &self.limits)?;
        }
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let next = self.touched(&*cell.head()?);
        let mut fact = self.read_fact(tenant, id, fact)?;
        fact.kind = patch.kind.unwrap_or(fact.kind);
        fact.text = patch.text.unwrap_or(fact.text);
        fact.required = patch.required.unwrap_or(fact.required);
        fact.updated_at = next.updated_at;
        let mut batch = Batch::new();
        batch.put(keys::fact(tenant, id, &fact.id), encode(&fact)?);
        let revision = next.revision;
        self.commit_head(writer, next, batch, None).await?;
        Ok((fact, revision))
    }

    /// Takes a pin out. Returns the conversation's revision.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn unpin_fact(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        fact: &FactId,
    ) -> Result<u64, EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let writer = cell.write().await;
        let mut next = self.touched(&*cell.head()?);
        let fact = self.read_fact(tenant, id, fact)?;
        next.facts = next.facts.saturating_sub(1);
        let mut batch = Batch::new();
        batch.delete(keys::fact(tenant, id, &fact.id));
        if !fact.request_id.is_empty() {
            let name = fact.request_id.as_bytes();
            batch.delete(keys::by_digest(tenant, id, Kind::PinRequest, name));
        }
        let revision = next.revision;
        self.commit_head(writer, next, batch, None).await?;
        Ok(revision)
    }

    /// Lists pins, oldest first; `after` is the last id of the page before.
    /// Returns whether more follow, and the conversation's revision.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn list_facts(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        after: Option<&FactId>,
        limit: usize,
    ) -> Result<(Vec<Fact>, bool, u64), EngineError> {
        let revision = self.heads.cell(tenant, id)?.head()?.revision;
        let mut facts = self.read_facts(tenant, id)?;
        if let Some(after) = after {
            facts.retain(|fact| fact.id > *after);
        }
        let more = facts.len() > limit;
        facts.truncate(limit);
        Ok((facts, more, revision))
    }

    fn read_fact(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        fact: &FactId,
    ) -> Result<Fact, EngineError> {
        let key = keys::fact(tenant, id, fact);
        match self.store.get(&key)? {
            Some(bytes) => Ok(decode(&key, &bytes)?),
            None => Err(EngineError::NotFound { kind: "fact", id: fact.to_string() }),
        }
    }

    /// All pins of a conversation, oldest first (ids sort by time).
    pub(super) fn read_facts(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Vec<Fact>, EngineError> {
        let (start, end) = keys::prefix_range(&keys::kind_prefix(tenant, id, Kind::Fact));
        let mut facts = Vec::new();
        let mut failed = None;
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            match decode(key, &value) {
                Ok(fact) => facts.push(fact),
                Err(error) => failed = Some(error),
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(facts), |error| Err(error.into()))
    }
}

/// What a pin's request id stands for. The content is kept as it was given: a
/// fact that was changed since is still the answer to its request.
#[derive(serde::Serialize, serde::Deserialize)]
struct PinRequest {
    fact: FactId,
    given: [u8; 32],
}

fn given(new: &NewFact) -> Result<[u8; 32], EngineError> {
    let given = (&new.kind, &new.text, new.required, new.source, new.source_span);
    Ok(*blake3::hash(&encode(&given)?).as_bytes())
}
