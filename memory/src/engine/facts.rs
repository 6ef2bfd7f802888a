//! Calls that change facts: pin, import, change, take out.
//!
//! Invariants: a new fact, the edges that it draws and the request id that it
//! came with are one batch; nothing is deleted by being replaced.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Engine, EngineError, FactPatch, KeptFact, NewFact, PinnedFact,
    commit::Publish,
    detected_edges,
    fact_checks::{check_dependencies, check_expiry, check_owner},
    fact_news::bore_on,
    fact_records::{delete_fact, delete_facts, put_fact},
    fact_requests::{PinRequest, given},
    heads::Cell,
    pin_rejections,
    records::{Head, decode, encode},
    said::SaidTurns,
    validate,
};
use crate::{
    degradation::detect::concerns_every_answer,
    facts::{self, Cause, Fact, FactKind},
    store::{Batch, keys, keys::Kind},
    turn::{ConversationId, FactId, Sequence, TenantId},
};

impl Engine {
    /// Pins a fact. The same `request_id` with the same content gives the first
    /// one again. Returns it with the conversation's revision.
    ///
    /// # Errors
    /// `Invalid` (also for a source that is not a turn or was forgotten, an end
    /// before its beginning, dependencies that are not facts), `NotFound`,
    /// `AlreadyExists`, `LimitReached`, `Store`.
    pub async fn pin_fact(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        new: NewFact,
    ) -> Result<(PinnedFact, u64), EngineError> {
        self.pin(tenant, id, new, None).await
    }

    /// Pins a fact of an export: its id and what was known of it are kept, and
    /// what it stands on may still be to come; see
    /// [`Engine::check_imported_facts`].
    ///
    /// # Errors
    /// As [`Engine::pin_fact`]; `Invalid` for an id that is taken.
    pub async fn import_fact(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        new: NewFact,
        kept: KeptFact,
    ) -> Result<(), EngineError> {
        self.pin(tenant, id, new, Some(kept)).await.map(|_| ())
    }

    /// Checks what the facts of an import stand on, once all are there, and holds those of
    /// the user against what there is of theirs.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `Store`.
    pub async fn check_imported_facts(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        cell.head()?;
        let facts = self.read_facts(tenant, id)?;
        facts.iter().try_for_each(|fact| check_dependencies(Some(&fact.id), &fact.says, &facts))?;
        self.hold_all_elsewhere(&cell).await
    }

    async fn pin(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        new: NewFact,
        kept: Option<KeptFact>,
    ) -> Result<(PinnedFact, u64), EngineError> {
        validate::fact(&new, &self.limits)?;
        let cell = self.heads.cell(tenant, id)?;
        let request = keys::by_digest(tenant, id, Kind::PinRequest, new.request_id.as_bytes());
        let is_repeated = !new.request_id.is_empty() && self.store.get(&request)?.is_some();
        let about = match is_repeated {
            true => BTreeSet::new(),
            false => self.turns_about(tenant, id, &new.text).await?,
        };
        let writer = cell.write().await;
        let head = cell.head()?;
        if !new.request_id.is_empty()
            && let Some(bytes) = self.store.get(&request)?
        {
            let known: PinRequest = decode(&request, &bytes)?;
            if known.given == given(&new)? {
                let facts = self.read_facts(tenant, id)?;
                let pinned = self.one_of(&cell, &head, facts, &known.fact)?;
                drop(writer);
                // What the first call did elsewhere may have broken off.
                self.hold_elsewhere(&cell, std::slice::from_ref(&pinned.fact), None).await?;
                return Ok((pinned, head.revision));
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
        let (given, is_imported) = (given(&new)?, kept.is_some());
        let others = self.read_facts(tenant, id)?;
        // The same pin may have been drawn from the imported turns by now.
        let drawn = others.iter().find(|other| detected_edges::is_same_pin(other, &new));
        let detected = kept.as_ref().filter(|kept| kept.detected.is_some());
        if let Some((drawn, kept)) = drawn.map(|drawn| drawn.id.clone()).zip(detected) {
            let (mut others, mut batch) = (others, Batch::new());
            for fact in pin_rejections::take_over(&mut others, &drawn, kept) {
                put_fact(&mut batch, &cell, fact)?;
            }
            let pinned = self.one_of(&cell, &head, others, &drawn)?;
            if !batch.is_empty() {
                self.commit(writer, batch, Vec::new(), Publish::Nothing).await?;
                self.windows.forget(tenant, id);
            }
            return Ok((pinned, head.revision));
        }
        // The caller's pin takes the place of the detector's.
        let (doubled, mut others): (Vec<Fact>, Vec<Fact>) =
            others.into_iter().partition(|other| detected_edges::is_same_pin(other, &new));
        if kept.is_none() {
            check_dependencies(None, &new.says, &others)?;
            check_owner(new.owner, &head)?;
        }
        let turns = SaidTurns::new(self, &cell, &head);
        let mut fact = self.new_fact(&cell, &head, (&turns, &about), new, kept)?;
        fact.rejected.extend(doubled.iter().flat_map(|doubled| doubled.rejected.iter().cloned()));
        if others.iter().any(|other| other.id == fact.id) {
            return Err(EngineError::invalid("fact.name", format!("{} is taken", fact.id)));
        }
        let changed = facts::draw(&mut fact, &mut others);
        self.relink(&turns, &mut others, &changed)?;
        self.hear_all(&turns, head.last_sequence, (&mut fact, &BTreeSet::new()), &others)?;
        let mut next = self.touched(&head);
        next.facts = (next.facts + 1).saturating_sub(doubled.len() as u64);
        let mut batch = Batch::new();
        for doubled in &doubled {
            delete_fact(&mut batch, &cell, &doubled.id, &doubled.request_id);
        }
        for other in changed.iter().filter_map(|at| others.get(*at)) {
            put_fact(&mut batch, &cell, other)?;
        }
        put_fact(&mut batch, &cell, &fact)?;
        if !fact.request_id.is_empty() {
            batch.put(request, encode(&PinRequest { fact: fact.id.clone(), given })?);
        }
        let (revision, id) = (next.revision, fact.id.clone());
        others.push(fact);
        let pinned = self.one_of(&cell, &head, others, &id)?;
        self.commit_head(writer, next, batch, None).await?;
        self.may_lack_lines(&cell.tenant, &cell.id);
        self.may_fold_again(&cell.tenant, &cell.id);
        // Those of an import are held against the others once all are there.
        if !is_imported {
            self.hold_elsewhere(&cell, std::slice::from_ref(&pinned.fact), None).await?;
        }
        Ok((pinned, revision))
    }

    /// Changes a pin. A change mends what was pinned: it holds for all times,
    /// and edges are drawn anew. A pin of the detector becomes the caller's.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `Store`.
    pub async fn update_fact(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        fact: &FactId,
        patch: FactPatch,
    ) -> Result<(PinnedFact, u64), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let about = match &patch.text {
            Some(text) => self.turns_about(tenant, id, text).await?,
            None => BTreeSet::new(),
        };
        cell.head()?;
        let writer = cell.write().await;
        let head = cell.head()?;
        let next = self.touched(&head);
        let mut others = self.read_facts(tenant, id)?;
        let mut changed = take_fact(&mut others, fact)?;
        let before = (changed.kind, changed.text.clone(), changed.says.clone());
        let owner = changed.owner;
        apply(&mut changed, patch);
        changed.origin = facts::Origin::Caller;
        changed.updated_at = next.updated_at;
        validate::changed_fact(&changed, &self.limits)?;
        if changed.says.depends_on != before.2.depends_on {
            others.push(changed.clone());
            check_dependencies(Some(fact), &changed.says, &others)?;
            others.pop();
        }
        if changed.says.expires_at != before.2.expires_at {
            check_expiry(&changed)?;
        }
        if changed.owner != owner {
            check_owner(changed.owner, &head)?;
        }
        let mut batch = Batch::new();
        if before != (changed.kind, changed.text.clone(), changed.says.clone()) {
            let before = bore_on(&changed).union(&about).copied().collect();
            changed.turns.clear();
            changed.sketch.clear();
            changed.edges.retain(|edge| matches!(edge.later, Cause::Fact(_)));
            let until = changed.known_turn;
            let turns = SaidTurns::new(self, &cell, &head);
            self.link_turns(&turns, (&mut changed, &before), until)?;
            let redrawn = facts::draw(&mut changed, &mut others);
            self.relink(&turns, &mut others, &redrawn)?;
            self.hear_all(&turns, head.last_sequence, (&mut changed, &before), &others)?;
            for at in redrawn {
                if let Some(other) = others.get(at) {
                    put_fact(&mut batch, &cell, other)?;
                }
            }
        }
        put_fact(&mut batch, &cell, &changed)?;
        let revision = next.revision;
        others.push(changed);
        let pinned = self.one_of(&cell, &head, others, fact)?;
        self.commit_head(writer, next, batch, None).await?;
        self.may_lack_lines(tenant, id);
        self.may_fold_again(tenant, id);
        self.hold_elsewhere(&cell, std::slice::from_ref(&pinned.fact), Some(fact)).await?;
        Ok((pinned, revision))
    }

    /// Takes a pin out. What it replaced does not come back. Returns the
    /// conversation's revision.
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
        let facts = self.read_facts(tenant, id)?;
        let mut batch = Batch::new();
        let doomed = facts.iter().find(|other| other.id == *fact);
        let doomed = doomed.ok_or_else(|| fact_not_found(fact))?;
        if doomed.origin.is_detector() {
            self.note_unpinned(&mut batch, &cell, doomed)?;
        }
        let removed = delete_facts(&mut batch, &cell, facts, &[], |other| other.id == *fact)?;
        next.facts = next.facts.saturating_sub(removed);
        let revision = next.revision;
        self.commit_head(writer, next, batch, None).await?;
        // One that it had displaced may stand now.
        self.may_lack_lines(tenant, id);
        Ok(revision)
    }

    /// A fact to be stored, with what the conversation knows of it; `about` are turns that
    /// may say something of it, however far back.
    pub(super) fn new_fact(
        &self,
        cell: &Cell,
        head: &Head,
        (turns, about): (&SaidTurns<'_>, &BTreeSet<Sequence>),
        new: NewFact,
        kept: Option<KeptFact>,
    ) -> Result<Fact, EngineError> {
        let source = self.check_source(cell, head, &new)?;
        let now = (self.clock)();
        let imported = kept.is_some();
        let kept = kept.unwrap_or_default();
        let known_turn = kept.known_turn.unwrap_or(Sequence::MAX).min(head.last_sequence);
        let said_at = source.as_ref().map(|turn| turn.said_at);
        let clock = self.clock_at(cell, head, known_turn)?;
        let origin = self.origin_of(kept.detected);
        let for_every_answer = origin.is_detector()
            && new.kind == FactKind::Instruction
            && concerns_every_answer(&new.text);
        let mut fact = Fact {
            id: kept.id.unwrap_or_else(FactId::generate),
            kind: new.kind,
            text: new.text,
            required: new.required,
            source: new.source,
            source_span: new.source_span,
            request_id: new.request_id,
            created_at: now,
            updated_at: now,
            says: new.says,
            source_role: source.map(|turn| turn.role),
            valid_from: kept.valid_from.or(said_at).or(clock).unwrap_or(now),
            known_turn,
            edges: Vec::new(),
            turns: Vec::new(),
            rejected: kept.rejected,
            sketch: Vec::new(),
            origin,
            owner: new.owner,
            restored_at: None,
            for_every_answer,
        };
        if !imported {
            check_expiry(&fact)?;
        }
        self.link_turns(turns, (&mut fact, about), known_turn)?;
        if let Some(turn) = kept.replaced_by.filter(|turn| *turn <= head.last_sequence) {
            let said_at = self.clock_at(cell, head, turn)?;
            fact.edges.push(replaced_by_turn(turn, said_at.unwrap_or(now), now));
        }
        Ok(fact)
    }
}

fn apply(fact: &mut Fact, patch: FactPatch) {
    fact.kind = patch.kind.unwrap_or(fact.kind);
    fact.required = patch.required.unwrap_or_else(|| fact.is_always_in());
    let set = |place: &mut String, new: Option<String>| {
        if let Some(new) = new {
            *place = new;
        }
    };
    set(&mut fact.text, patch.text);
    let says = &mut fact.says;
    set(&mut says.subject, patch.subject);
    set(&mut says.attribute, patch.attribute);
    set(&mut says.value, patch.value);
    set(&mut says.scope, patch.scope);
    says.authority = patch.authority.unwrap_or(says.authority);
    says.expires_at = patch.expires_at.unwrap_or(says.expires_at);
    says.additive = patch.additive.unwrap_or(says.additive);
    fact.owner = patch.owner.unwrap_or(fact.owner);
    if let Some(depends_on) = patch.depends_on {
        says.depends_on = depends_on;
    }
}

/// Takes a fact out of the list.
pub(super) fn take_fact(facts: &mut Vec<Fact>, id: &FactId) -> Result<Fact, EngineError> {
    let at = facts.iter().position(|fact| fact.id == *id).ok_or_else(|| fact_not_found(id))?;
    Ok(facts.remove(at))
}

pub(super) fn fact_not_found(id: &FactId) -> EngineError {
    EngineError::NotFound { kind: "fact", id: id.to_string() }
}

/// The edge of an export that names a turn; its words were not exported.
fn replaced_by_turn(turn: Sequence, said_at: Timestamp, now: Timestamp) -> facts::FactEdge {
    facts::FactEdge {
        kind: crate::staleness::EdgeKind::Supersedes,
        later: Cause::Turn(turn),
        confidence: 1.0,
        earlier_value: String::new(),
        later_value: String::new(),
        reason: facts::AS_EXPORTED.to_owned(),
        withdraws: false,
        valid_from: said_at,
        known_at: now,
        known_turn: turn,
    }
}
