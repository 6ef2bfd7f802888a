//! What becomes of a conversation's turns, one after the other, for who follows
//! it live.
//!
//! Nothing is queued for a watcher: each step reads the next scored turn from
//! the conversation's ledger, so that a slow one falls behind and loses nothing,
//! and one that comes back goes on from a revision. What was sent of a score is
//! replayed from the events, so that a resumed watch sends what an unbroken one
//! would have sent.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;

use super::{
    Engine, EngineError, ShownEdge,
    heads::Cell,
    records::{Head, decode},
    scopes::Scope,
    source::scan_sequences,
};
use crate::{
    staleness::{EdgeKind, SHOWN_CONFIDENCE, Staleness, Timeline},
    store::keys::Kind,
    turn::{ConversationId, Sequence, TenantId},
};

/// A score is sent when it moved by this much since it was last sent.
const MOVED: f32 = 0.2;

/// Something that a turn brought.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// The turn is searchable and scored.
    Indexed(Sequence),
    /// An earlier turn or fact was replaced; by a fact: since the turn before.
    Superseded(ShownEdge),
    /// It contradicts an earlier turn or fact, or a fact does.
    Contradicted(ShownEdge),
    /// The time of a turn has passed.
    Expired {
        /// The turn.
        sequence: Sequence,
        /// When.
        at: Timestamp,
        /// Its words that say so.
        reason: String,
    },
    /// The staleness of a turn moved much.
    Staleness(Sequence, Staleness),
}

/// All that one turn brought.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchStep {
    /// Revision that the turn came with: where to resume.
    pub revision: u64,
    /// The turn is the last one that came with the revision.
    pub completes: bool,
    /// At least one.
    pub events: Vec<WatchEvent>,
}

/// Follows a conversation.
pub struct Watch {
    watched: Watched,
    tenant: TenantId,
    id: ConversationId,
    after_revision: u64,
    /// Turns up to here were looked at.
    at: Sequence,
    /// Scores as they were last sent; 0 for turns that are not listed.
    sent: HashMap<Sequence, f32>,
    /// Turns with the revision that they and those behind them came with.
    revisions: Vec<(Sequence, u64)>,
}

/// One of the watches that the engine counts.
pub(super) struct Watched {
    engine: Arc<Engine>,
}

impl Watched {
    /// Counts one more.
    ///
    /// # Errors
    /// `LimitReached`.
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, EngineError> {
        let max = engine.limits.watches;
        // Counted first: `Drop` takes it back.
        let watched = Self { engine: Arc::clone(engine) };
        let watches = engine.watches.fetch_add(1, Ordering::Relaxed);
        if watches >= max {
            return Err(EngineError::LimitReached {
                limit: "watches",
                max,
                detail: format!("{watches} conversations are watched"),
                retry: true,
            });
        }
        Ok(watched)
    }

    /// The engine that counts it.
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Waits until a conversation has come beyond a turn, by what `reached` says of
    /// it; false when it was deleted. Can be cancelled and called again.
    ///
    /// # Errors
    /// `Closed` when the engine shuts down.
    pub(super) async fn beyond(
        &self,
        cell: &Cell,
        turn: Sequence,
        reached: fn(&Engine, &Cell, &Head) -> Sequence,
    ) -> Result<bool, EngineError> {
        let mut closing = self.engine.closing.subscribe();
        let mut revisions = cell.watch();
        let grown = self.engine.outbox.wait_until(|| match cell.head() {
            Ok(head) => reached(&self.engine, cell, &head) > turn,
            Err(_) => true,
        });
        // A deletion is told by the revision, which then is the largest.
        let deleted = revisions.wait_for(|revision| *revision == u64::MAX);
        tokio::select! {
            () = grown => Ok(true),
            _ = deleted => Ok(false),
            _ = closing.wait_for(|closing| *closing) => Err(EngineError::Closed),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.engine.watches.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// Follows a conversation from its first turn on; what came with revisions up
    /// to `after_revision` is left out.
    ///
    /// # Errors
    /// `NotFound`, `LimitReached`.
    pub fn watch(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ConversationId,
        after_revision: u64,
    ) -> Result<Watch, EngineError> {
        self.heads.cell(tenant, id)?.head()?;
        Ok(Watch {
            watched: Watched::new(self)?,
            tenant: tenant.clone(),
            id: id.clone(),
            after_revision,
            at: 0,
            sent: HashMap::new(),
            revisions: Vec::new(),
        })
    }
}

impl Watch {
    /// The conversation that is followed.
    pub fn conversation(&self) -> &ConversationId {
        &self.id
    }

    /// What the next turn brought, as soon as it is scored; nothing when the
    /// conversation was deleted. Can be cancelled and called again.
    ///
    /// # Errors
    /// `Closed` when the engine shuts down, `Store`.
    pub async fn next(&mut self) -> Result<Option<WatchStep>, EngineError> {
        loop {
            let cell = self.watched.engine.heads.cell(&self.tenant, &self.id)?;
            let Ok(scope) = self.watched.engine.scope(&self.tenant, &self.id) else {
                return Ok(None);
            };
            while self.at < self.watched.engine.scored(&scope)? {
                if let Some(step) = self.step(&scope)? {
                    return Ok(Some(step));
                }
            }
            drop(scope);
            if !self.watched.beyond(&cell, self.at, Engine::indexed_sequence).await? {
                return Ok(None);
            }
        }
    }

    /// Looks at the next turn.
    fn step(&mut self, scope: &Scope) -> Result<Option<WatchStep>, EngineError> {
        let sequence = self.at + 1;
        let revision = self.revision_of(scope, sequence)?;
        let engine = Arc::clone(&self.watched.engine);
        let ledger = engine.ledger(scope)?;
        let timeline = ledger.covering(&engine.store, sequence)?;
        self.at = sequence;
        if timeline.record(sequence).is_none() {
            return Ok(None);
        }
        let mut moved = self.moved(&timeline, sequence);
        if revision <= self.after_revision {
            return Ok(None);
        }
        let mut events = vec![WatchEvent::Indexed(sequence)];
        let mut named: Vec<(Sequence, Sequence)> = Vec::new();
        for edge in timeline.edges_from(sequence) {
            // Two edges may join the same turns.
            if !named.contains(&(sequence, edge.earlier)) {
                named.push((sequence, edge.earlier));
            }
        }
        let of_facts = engine.fact_edges_with(scope, sequence)?;
        let edges = engine.edges(scope, &timeline, &named)?.into_iter().chain(of_facts);
        events.extend(edges.map(|edge| match edge.kind {
            EdgeKind::Supersedes => WatchEvent::Superseded(edge),
            EdgeKind::Contradicts => WatchEvent::Contradicted(edge),
        }));
        for (expired, (at, confidence, span)) in timeline.expired_with(sequence) {
            // A time that is mentioned in passing ends nothing.
            if confidence < SHOWN_CONFIDENCE {
                continue;
            }
            let turn = engine.read_turn(&scope.branch, expired)?;
            let text = turn.map(|turn| turn.searchable_text()).unwrap_or_default();
            let reason = text.get(span.0 as usize..span.1 as usize).unwrap_or_default().to_owned();
            events.push(WatchEvent::Expired { sequence: expired, at, reason });
        }
        for (turn, staleness) in &mut moved {
            engine.quote_expiry(scope, &timeline, *turn, staleness)?;
        }
        events.extend(moved.into_iter().map(|(turn, score)| WatchEvent::Staleness(turn, score)));
        let is_last = sequence == scope.head.last_sequence;
        let completes = is_last || self.revision_of(scope, sequence + 1)? != revision;
        Ok(Some(WatchStep { revision, completes, events }))
    }

    /// The scores that moved much with a turn, noted as sent. Only turns that
    /// its events concern are looked at: age alone moves a score too little.
    fn moved(&mut self, timeline: &Timeline, with: Sequence) -> Vec<(Sequence, Staleness)> {
        let mut concerned: Vec<Sequence> =
            timeline.edges_from(with).map(|edge| edge.earlier).collect();
        concerned.extend(timeline.expired_with(with).map(|(sequence, ..)| sequence));
        concerned.push(with);
        concerned.sort_unstable();
        concerned.dedup();
        let mut moved = Vec::new();
        for sequence in concerned {
            let now = self.watched.engine.staleness_of(timeline, sequence, with);
            let before = self.sent.get(&sequence).copied().unwrap_or(0.0);
            if (now.score - before).abs() >= MOVED {
                self.sent.insert(sequence, now.score);
                moved.push((sequence, now));
            }
        }
        moved
    }

    /// The revision that a turn came with. Turns that a fork shares came with its
    /// own first revision, and so did turns of which none is known.
    fn revision_of(&mut self, scope: &Scope, sequence: Sequence) -> Result<u64, EngineError> {
        let own = scope.branch.segments.last().filter(|own| own.from <= sequence);
        let Some(own) = own else { return Ok(1) };
        // A record stands at the first turn of each append; those behind the
        // last one that is known may have come since.
        let from = self.revisions.last().map_or(own.from, |(from, _)| from + 1);
        let mut part = scope.branch.clone();
        part.segments.retain(|segment| segment.conversation == own.conversation);
        part.segments.iter_mut().for_each(|segment| segment.from = from);
        if self.revisions.is_empty() || sequence >= from {
            let revisions = &mut self.revisions;
            scan_sequences(
                &self.watched.engine.store,
                &part,
                Kind::Revision,
                &mut |at, key, value| {
                    revisions.push((at, decode(key, value)?));
                    Ok(())
                },
            )?;
        }
        let at = self.revisions.partition_point(|(from, _)| *from <= sequence);
        let known = at.checked_sub(1).and_then(|at| self.revisions.get(at));
        Ok(known.map_or(1, |(_, revision)| *revision))
    }
}

/// How many conversations are watched.
pub(super) type Watches = AtomicU64;
