//! Context windows: what is searched for, what is proposed, and the call into
//! assembly.
//!
//! Invariants: a window shows the branch as of one revision; a cached window is
//! given again only for the identical query, revision, options and state of the
//! index.

use std::{borrow::Cow, sync::Arc, time::Instant};

use super::{
    AppendedTurn, ContextOutcome, ContextRequest, Engine, EngineError, Shortfall,
    asked::query_sequence,
    bearing,
    degradation::Built,
    late_marks,
    marks::{Marking, MayShow},
    pins::RetiredPins,
    proposals::{name_components, proposals},
    reader::Reader,
    search::Gathered,
    windows::WindowKey,
};
use crate::{
    context::{self, Query, TokenCounter, TurnCost, WindowInput, WindowOptions},
    degradation::{WindowFacts, WindowShape},
    retrieval::Ranking,
    turn::{ConversationId, NewTurn, Role, Sequence, TenantId},
};

/// How much length counts against a proposal, see
/// [`WindowOptions::density_alpha`].
const DENSITY_ALPHA: f32 = 0.3;
/// Share of the budget for recent turns in a chat, the last exchange excepted.
const CHAT_RECENT_SHARE: f32 = 0.3;
/// Share for excerpts that a chat carries from window to window: with the pins
/// and the recent turns they are the prefix that a provider's cache keeps.
const CHAT_CARRIED_SHARE: f32 = 0.53;
/// Share for the summary in a chat.
pub(super) const CHAT_SUMMARY_SHARE: f32 = 0.1;
/// Share for a question from outside: it is about the history.
const QUESTION_RECENT_SHARE: f32 = 0.15;
/// Share for pins that are not required, for such a question: those that it is about
/// are found by search too.
const QUESTION_PINNED_SHARE: f32 = 0.1;

impl Engine {
    /// Builds the window for a query, or for the last user turn.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `Assemble` when required pins do not fit, `Store`.
    pub async fn build_context(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        request: ContextRequest,
    ) -> Result<ContextOutcome, EngineError> {
        self.check_context(&request)?;
        self.wait_searchable(tenant, id, request.min_revision).await?;
        // The newest turns stand in it whatever is asked.
        self.wait_scored(tenant, id).await?;
        self.window(tenant, id, &request, None).await
    }

    /// Appends the user's turn and builds its window. A repeat of the turn
    /// builds the window anew.
    ///
    /// # Errors
    /// Those of an append; `Stored` with one of [`Engine::build_context`] once the turn
    /// is stored. The options are checked before anything is.
    pub async fn prepare_turn(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        turn: NewTurn,
        expected_last_sequence: Option<Sequence>,
        request: ContextRequest,
    ) -> Result<(AppendedTurn, ContextOutcome), EngineError> {
        self.check_context(&request)?;
        if turn.role != Role::User {
            return Err(EngineError::invalid("turn.role", "must be that of the user"));
        }
        let (speaker, parts) = (turn.speaker.clone(), turn.parts.clone());
        let ahead = async {
            self.embed_ahead(tenant, &speaker, &parts).await;
            Ok(())
        };
        let append = self.append_turns(tenant, id, vec![turn], expected_last_sequence);
        // A turn that is refused ends both.
        let (appended, ()) = tokio::try_join!(append, ahead)?;
        let turn = appended.turns.into_iter().next().ok_or(EngineError::Closed)?;
        let window = async {
            self.wait_scored(tenant, id).await?;
            self.window(tenant, id, &request, Some(turn.sequence)).await
        };
        let window = window.await.map_err(|cause| EngineError::Stored {
            turn: format!("conversations/{id}/turns/{}", turn.sequence),
            cause: Box::new(cause),
        })?;
        Ok((turn, window))
    }

    fn check_context(&self, request: &ContextRequest) -> Result<(), EngineError> {
        let mut violations = Vec::new();
        let mut refuse = |field: &str, description: String| {
            violations.push(super::FieldViolation::new(field, description));
        };
        let max = self.limits.token_budget;
        if request.budget == 0 || u64::from(request.budget) > max {
            refuse("options.token_budget", format!("must be 1 to {max}, is {}", request.budget));
        }
        for (field, share) in [
            ("options.recent_share", request.recent_share),
            ("options.pinned_share", request.pinned_share),
            ("options.summary_share", request.summary_share),
            ("options.min_score", Some(request.min_score)),
        ] {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                refuse(field, "must be 0 to 1".to_owned());
            }
        }
        if let Err(unknown) = self.tokenizers.get(&request.tokenizer) {
            refuse("options.tokenizer", unknown.to_string());
        }
        if violations.is_empty() { Ok(()) } else { Err(EngineError::Invalid(violations)) }
    }

    /// `turn` is the user turn that the window is for; the last one if absent.
    #[tracing::instrument(level = "debug", skip_all)]
    async fn window(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        request: &ContextRequest,
        turn: Option<Sequence>,
    ) -> Result<ContextOutcome, EngineError> {
        let started = Instant::now();
        let own = self.scope(tenant, id)?.stood_after(request.as_of)?;
        let query = self.query_of(&own, request, turn)?;
        let search_query = self.search_query(&own, &query)?;
        let cell = self.heads.cell(tenant, id)?;
        let reanchors = self.reanchors(&own, request).await?;
        let key = WindowKey::new(
            &own,
            request,
            query_sequence(&query),
            self.indexed_sequence(&cell, &own.head),
            self.folded.of(&self.store, &own.branch)?.version(),
            self.user_pins_version(&own)?,
            reanchors,
        );
        if let Some(known) = self.windows.same(&key) {
            self.meter_window(&cell.tenant, &cell.id, &known);
            self.tally.built(&cell.tenant, started.elapsed());
            return Ok(known);
        }
        let mut scopes = vec![own];
        if request.include_user_history {
            let user_id = scopes.iter().map(|own| own.head.user_id.clone()).next();
            let others = match user_id.filter(|user_id| !user_id.is_empty()) {
                Some(user_id) => self.user_scopes(tenant, &user_id)?,
                None => Vec::new(),
            };
            let others = self.not_of_its_branches(others, id)?.into_iter();
            scopes.extend(self.said_by_then(others, &scopes, request.as_of)?);
        }
        let mut gathered = if search_query.trim().is_empty() {
            Gathered::nothing(scopes)
        } else {
            self.gather(scopes, &search_query, proposals(request)).await?
        };
        if query_sequence(&query).is_some_and(|sequence| sequence > key.indexed()) {
            let shortfalls = std::mem::take(&mut gathered.shortfalls).into_iter();
            gathered.shortfalls = shortfalls.filter_map(without_query).collect();
        }
        let ranking = self.ordered(&mut gathered, request, &query, &search_query).await?;
        self.cover(gathered.scopes.get(..1).unwrap_or_default(), &self.counter_of(request)?)
            .await?;
        let ranked = (&gathered, &ranking);
        let mut outcome = self.assemble(ranked, request, &query, search_query, &key)?;
        let beyond_embedding = started.elapsed().saturating_sub(gathered.embedding);
        outcome.assembly_micros = u64::try_from(beyond_embedding.as_micros()).unwrap_or(u64::MAX);
        let (tenant, id) = (cell.tenant.clone(), cell.id.clone());
        self.meter_window(&tenant, &id, &outcome);
        self.tally.built(&tenant, started.elapsed());
        if self.degradation {
            self.note_window(&gathered, request, &query, &outcome);
        }
        self.windows.remember(key, &outcome);
        // What was erased meanwhile may stand in it.
        if !cell.head().is_ok_and(|now| now.revision == outcome.revision) {
            self.windows.forget(&tenant, &id);
        }
        Ok(outcome)
    }

    pub(super) fn assemble(
        &self,
        (gathered, ranking): (&Gathered, &Ranking),
        request: &ContextRequest,
        query: &Query,
        search_query: String,
        key: &WindowKey,
    ) -> Result<ContextOutcome, EngineError> {
        let own = gathered.scopes.first().ok_or(EngineError::Closed)?;
        let counter = self.counter_of(request)?;
        let last = own.head.last_sequence;
        let retrieved = self.proposed(gathered, ranking, counter.as_ref())?;
        let best_scores = match &*retrieved {
            [best, second, ..] => Some((best.score, second.score)),
            _ => None,
        };
        let state = own.catalog.covering(&self.store, own.head.last_sequence, counter.as_ref())?;
        let history_cost = state.history_cost(counter.name(), last);
        let costs = state.costs(counter.name());
        let costs = costs.get(..last as usize).unwrap_or(costs);
        let asked = match query {
            Query::LastTurn(_) => 0,
            Query::Text(text) => counter.count_again(text),
        };
        let previous = self.windows.previous(key);
        let carried = previous.as_ref().and_then(|previous| previous.carried.as_ref());
        let history = without(costs, query_sequence(query));
        let keep = request.superseded.keeps(&search_query);
        let mut marking = Marking::new(retrieved, history, keep);
        let recent_from = recent_from(&marking.history, request);
        let may_show = MayShow { recent_from, carried, query: query_sequence(query) };
        let late = marking.run(self, &gathered.scopes, may_show, counter.as_ref())?;
        let marks = marking.marks.with(&late);
        let in_chat = matches!(query, Query::LastTurn(_));
        let usual_share = if in_chat { CHAT_RECENT_SHARE } else { QUESTION_RECENT_SHARE };
        let recent_share = request.recent_share.unwrap_or(usual_share);
        let usual_share =
            if in_chat { context::DEFAULT_PINNED_SHARE } else { QUESTION_PINNED_SHARE };
        let pinned_share = request.pinned_share.unwrap_or(usual_share);
        let usual_share = if in_chat { CHAT_SUMMARY_SHARE } else { 0.0 };
        let summary_share = request.summary_share.unwrap_or(usual_share);
        let options = WindowOptions {
            budget: request.budget,
            counter: Arc::clone(&counter),
            overhead: request.overhead,
            recent_share,
            stretch_recent: in_chat && request.recent_share.is_none(),
            carried_share: if in_chat { carried_share(recent_share) } else { 0.0 },
            pinned_share,
            summary_share,
            reanchor_share: if key.reanchors() { context::REANCHOR_SHARE } else { 0.0 },
            density_alpha: DENSITY_ALPHA,
            min_score: request.min_score,
        };
        let retired_pins = if keep { RetiredPins::Marked } else { RetiredPins::LeftOut };
        let as_of = (request.as_of > 0).then_some(last);
        let standing = self.pins(own, as_of, retired_pins, key.pins_of_user())?;
        // In a chat the beginning of its windows stays what it is from turn to turn.
        let brought = (!in_chat).then(|| bearing::first(&standing, |turn| cosine(gathered, turn)));
        let pins = brought.as_deref().unwrap_or(&standing.live);
        let summaries = if summary_share > 0.0 { self.summary_units(own)? } else { Vec::new() };
        let reader = Reader { engine: self, gathered };
        let input = WindowInput {
            pins,
            summaries: &summaries,
            history: &marking.history,
            retrieved: &marking.retrieved,
            query,
            recent_from: previous.as_ref().and_then(|previous| previous.recent_from),
            carried,
            marks: &marks,
            reader: &reader,
        };
        let mut window = context::assemble(&options, &input)?;
        late.failed()?;
        name_components(&mut window, gathered, ranking);
        let mut shortfalls = gathered.shortfalls.clone();
        shortfalls.extend(self.left_out(own, &standing.live, &window, request.as_of == 0));
        if request.as_of == 0 {
            self.note_uses(own, &window);
        }
        let unchanged = previous.as_ref().map_or(0, |previous| {
            context::unchanged_prefix_tokens(&previous.prefix, &window.prefix)
        });
        Ok(ContextOutcome {
            full_history_tokens: history_cost.as_prompt(request.overhead, asked),
            unchanged_prefix_tokens: unchanged,
            revision: own.head.revision,
            shortfalls,
            edges: self.item_edges(&gathered.scopes, &window, &marks)?,
            superseded_dropped: late_marks::dropped(&marks, &marking.retrieved),
            search_query,
            best_scores,
            assembly_micros: 0,
            window: Arc::new(window),
        })
    }

    fn counter_of(&self, request: &ContextRequest) -> Result<Arc<dyn TokenCounter>, EngineError> {
        let counter = self.tokenizers.get(&request.tokenizer);
        counter.map_err(|unknown| EngineError::invalid("options.tokenizer", unknown.to_string()))
    }

    /// Has a window recorded, beside the request.
    fn note_window(
        &self,
        gathered: &Gathered,
        request: &ContextRequest,
        query: &Query,
        outcome: &ContextOutcome,
    ) {
        let Some(own) = gathered.scopes.first() else { return };
        self.recorder.note(Built {
            tenant: own.branch.tenant.clone(),
            id: own.branch.conversation.clone(),
            window: WindowShape::of(&outcome.window),
            facts: WindowFacts {
                at: own.head.last_sequence,
                as_of: request.as_of > 0,
                in_chat: matches!(query, Query::LastTurn(_)),
                built_at: (self.clock)(),
                budget: request.budget,
                history_tokens: outcome.full_history_tokens,
                unchanged_prefix_tokens: outcome.unchanged_prefix_tokens,
                best_scores: outcome.best_scores,
                superseded_dropped: outcome.superseded_dropped,
                latency_micros: outcome.assembly_micros,
            },
        });
    }
}

/// The first place in the history from which turns may stand verbatim.
fn recent_from(history: &[TurnCost], request: &ContextRequest) -> usize {
    let mut left = u64::from(request.budget);
    let fits = history.iter().rposition(|cost| {
        let tokens = u64::from(cost.verbatim) + u64::from(request.overhead.per_message);
        let fits = cost.is_blank() || tokens <= left;
        left = left.saturating_sub(if cost.is_blank() { 0 } else { tokens });
        !fits
    });
    fits.map_or(0, |at| at + 1)
}

/// The cosine of a turn of the window's own conversation with what is searched for.
fn cosine(gathered: &Gathered, turn: Sequence) -> Option<f32> {
    let signals = gathered.matches.first()?.matches.until(turn);
    let (last, cosine) = signals.sequences.last().zip(signals.dense.last())?;
    (*last == turn && cosine.is_finite()).then_some(*cosine)
}

/// What a chat carries at most beside recent turns of a share.
fn carried_share(recent: f32) -> f32 {
    (1.0 - recent - context::MIN_FRESH_SHARE).clamp(0.0, CHAT_CARRIED_SHARE)
}

/// The costs of the history: the turn that is asked is not part of it.
fn without(costs: &[TurnCost], asked: Option<Sequence>) -> Cow<'_, [TurnCost]> {
    match asked {
        None => Cow::Borrowed(costs),
        Some(asked) => match costs.split_last() {
            Some((last, before)) if last.sequence == asked => Cow::Borrowed(before),
            _ => costs.iter().filter(|cost| cost.sequence != asked).copied().collect(),
        },
    }
}

/// The turn that a window is for stands in it and is searched for, not in: that
/// it waits to be embedded is no shortfall.
fn without_query(shortfall: Shortfall) -> Option<Shortfall> {
    match shortfall {
        Shortfall::NotIndexed(turns) => (turns > 1).then(|| Shortfall::NotIndexed(turns - 1)),
        other => Some(other),
    }
}
