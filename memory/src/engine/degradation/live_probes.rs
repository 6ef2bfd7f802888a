//! Live probes: a sampled conversation asks its own window for facts that were said
//! k turns ago, k = 1, 2, 4 and so on. Recall over k is its degradation curve.
//!
//! Invariants: asked is with the budget of the conversation's own windows, and
//! beside the request; a probe moves no prefix, counts as no use of a turn and is no
//! window of the conversation; what was replaced or has expired is not asked for; a
//! round in which nothing can be asked for is kept as well, so that the next comes when
//! it is due.

use std::{ops::Range, sync::Arc};

use super::{cohort_digests::touch, read::kept_at};
use crate::{
    context::{Query, Window},
    degradation::{Cloze, PROBES_VERSION, ProbeRound, Probed, probe_distances},
    engine::{
        ContextRequest, DEFAULT_TOKENIZER, Engine, EngineError, Reanchoring, SupersededTurns,
        proposals::proposals,
        records::{decode_of, encode},
        scopes::Scope,
        windows::WindowKey,
    },
    store::{Batch, StoreError, keys, keys::Kind},
    turn::{ConversationId, Role, Sequence, TenantId},
};

/// Turns at a distance that are looked at for a fact to ask for.
const TRIES: u64 = 32;

impl Engine {
    /// Probes a conversation that is in the sample, has windows of its own, and has
    /// grown enough since the last round.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub(crate) async fn probe_if_due(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<(), EngineError> {
        if !self.probes.samples(tenant, id) {
            return Ok(());
        }
        let scope = self.scope(tenant, id)?;
        let at = self.scored(&scope)?;
        let every = self.probes.every.max(1);
        let rounds = self.rounds_of(tenant, id, at.saturating_sub(every) + 1, at)?;
        if at < every || !rounds.is_empty() {
            return Ok(());
        }
        self.recorder.flush_of(tenant, id).await;
        let windows = self.windows_of(tenant, id, at.saturating_sub(every).max(1), at)?;
        let Some(own) = windows.iter().rev().find(|window| window.in_chat) else { return Ok(()) };
        let mut round =
            ProbeRound { version: PROBES_VERSION, at, budget: own.budget, probes: Vec::new() };
        for distances in probe_distances(at) {
            let Some((source, cloze)) = self.fact_at(&scope, at, distances)? else { continue };
            let window = self.probe_window(tenant, id, &round, cloze.question.clone()).await?;
            // Within a unit of a block no line begins with a bracket.
            let mut units = window.messages.iter().flat_map(|one| one.content.split("\n["));
            let recalled = units.any(|unit| cloze.is_answered_by(unit));
            round.probes.push(Probed { source, recalled });
        }
        self.keep_round(tenant, id, round).await
    }

    /// A fact that a user told within a range of distances, the nearest, with the
    /// question for it.
    fn fact_at(
        &self,
        scope: &Scope,
        at: Sequence,
        distances: Range<Sequence>,
    ) -> Result<Option<(Sequence, Cloze)>, EngineError> {
        let timeline = self.ledger(scope)?.covering(&self.store, at)?;
        for distance in distances.take(TRIES as usize) {
            let source = at - distance;
            if timeline.is_stale(source, at) {
                continue;
            }
            let turn = self.read_turn(&scope.branch, source)?;
            let turn = turn.filter(|turn| turn.role == Role::User && !turn.forgotten);
            let cloze = turn.and_then(|turn| Cloze::of(&turn.searchable_text()));
            if let Some(cloze) = cloze {
                return Ok(Some((source, cloze)));
            }
        }
        Ok(None)
    }

    async fn probe_window(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        round: &ProbeRound,
        question: String,
    ) -> Result<Arc<Window>, EngineError> {
        let request = ContextRequest {
            query: question.clone(),
            budget: round.budget,
            tokenizer: DEFAULT_TOKENIZER.to_owned(),
            recent_share: None,
            pinned_share: None,
            summary_share: None,
            reanchoring: Reanchoring::Never,
            include_user_history: false,
            overhead: Default::default(),
            min_score: 0.0,
            min_revision: 0,
            as_of: round.at,
            superseded: SupersededTurns::default(),
        };
        let own = self.scope(tenant, id)?.stood_after(round.at)?;
        let key = WindowKey::new(&own, &request, None, round.at, 0, 0, false);
        let mut gathered = self.gather(vec![own], &question, proposals(&request)).await?;
        let query = Query::Text(question.clone());
        let ranking = self.ordered(&mut gathered, &request, &query, &question).await?;
        Ok(self.assemble((&gathered, &ranking), &request, &query, question, &key)?.window)
    }

    /// Writes a round, without what was erased meanwhile.
    async fn keep_round(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        mut round: ProbeRound,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let _aside = cell.write().await.aside().await;
        let scope = self.scope(tenant, id)?;
        let is_there = |sequence| {
            let turn = self.read_turn(&scope.branch, sequence)?;
            Ok::<_, StoreError>(turn.is_some_and(|turn| !turn.forgotten))
        };
        let mut kept = Vec::with_capacity(round.probes.len());
        for probed in round.probes {
            if is_there(probed.source)? {
                kept.push(probed);
            }
        }
        round.probes = kept;
        if !is_there(round.at)? {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.put(keys::at_sequence(tenant, id, Kind::Probes, round.at), encode(&round)?);
        touch(&mut batch, tenant, id)?;
        self.store.commit(batch).await?;
        self.healths.recorded(&cell, round.at);
        self.tally.probes(tenant, &round);
        Ok(())
    }

    /// The rounds that this version asked at turns of a range, in order; those in which
    /// nothing could be asked for too.
    pub(in crate::engine) fn rounds_of(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        from: Sequence,
        until: Sequence,
    ) -> Result<Vec<ProbeRound>, StoreError> {
        kept_at(&self.store, Kind::Probes, (tenant, id), (from, until), |key, value| {
            decode_of(key, value, PROBES_VERSION)
        })
    }
}
