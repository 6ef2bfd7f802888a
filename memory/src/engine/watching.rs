//! What becomes of a conversation's turns, one after the other, for who follows
//! it live.
//!
//! Nothing is queued for a watcher: each step reads the next scored turn from
//! the conversation's ledger, so that a slow one falls behind and loses nothing,
//! and one that comes back goes on from a revision. What was sent of a score is
//! replayed from the events of the turns, so that a resumed watch sends what an
//! unbroken one would have sent. Facts and rejected edges come between turns: what they
//! move is sent with their own revision, and by a resumed watch rather twice than not.

use std::{
    collections::{BTreeSet, HashMap},
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
    standing::StandingFacts,
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
    /// The staleness of a turn moved much, with the turn, or with a fact or a rejection.
    Staleness(Sequence, Staleness),
}

/// All that one turn brought, or what was changed between two.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchStep {
    /// Revision that the turn or the change came with: where to resume.
    pub revision: u64,
    /// Nothing else that came with the revision follows.
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
    /// Changes up to this revision were looked at.
    settled: u64,
    /// Turns that facts had replaced by then.
    by_facts: BTreeSet<Sequence>,
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
            settled: 0,
            by_facts: BTreeSet::new(),
            revisions: Vec::new(),
        })
    }
}

impl Watch {
    /// The conversation that is followed.
    pub fn conversation(&self) -> &ConversationId {
        &self.id
    }

    /// What the next turn brought, as soon as it is scored, or what a fact or a rejection
    /// moved behind the last; nothing when the conversation was deleted. Can be cancelled
    /// and called again.
    ///
    /// # Errors
    /// `Closed` when the engine shuts down, `Store`.
    pub async fn next(&mut self) -> Result<Option<WatchStep>, EngineError> {
        loop {
            let cell = self.watched.engine.heads.cell(&self.tenant, &self.id)?;
            let Ok(scope) = self.watched.engine.scope(&self.tenant, &self.id) else {
                return Ok(None);
            };
            match self.look(&scope) {
                Ok(None) => {}
                // Deleted meanwhile.
                Err(EngineError::NotFound { .. }) => return Ok(None),
                found => return found,
            }
            let seen = scope.head.revision;
            drop(scope);
            let mut revisions = cell.watch();
            tokio::select! {
                is_there = self.watched.beyond(&cell, self.at, Engine::indexed_sequence) => {
                    if !is_there? {
                        return Ok(None);
                    }
                }
                // Of a deletion too, which the next look finds.
                _ = revisions.wait_for(|revision| *revision > seen) => {}
            }
        }
    }

    /// Looks at the turns that are scored, up to one that brought something, then at what
    /// came behind the last.
    fn look(&mut self, scope: &Scope) -> Result<Option<WatchStep>, EngineError> {
        while self.at < self.watched.engine.scored(scope)? {
            if let Some(step) = self.step(scope)? {
                return Ok(Some(step));
            }
        }
        self.settle(scope)
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
        let is_last = sequence == scope.head.last_sequence;
        let mut concerned = concerned_with(&timeline, sequence);
        if revision <= self.after_revision {
            // What facts had moved by then is looked at behind the last turn.
            self.moved(scope, &timeline, &StandingFacts::default(), (concerned, sequence))?;
            return Ok(None);
        }
        let facts = if is_last || concerned.len() > 1 {
            engine.facts_as_of(&self.tenant, &self.id, sequence)?
        } else {
            Arc::default()
        };
        if is_last {
            concerned.extend(self.unsettled(&timeline, &facts));
            self.settled = scope.head.revision;
        }
        let moved = self.moved(scope, &timeline, &facts, (concerned, sequence))?;
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
        events.extend(moved);
        let completes = is_last || self.revision_of(scope, sequence + 1)? != revision;
        Ok(Some(WatchStep { revision, completes, events }))
    }

    /// What facts and rejections moved since the last look, once every turn was looked at.
    fn settle(&mut self, scope: &Scope) -> Result<Option<WatchStep>, EngineError> {
        let (last, revision) = (scope.head.last_sequence, scope.head.revision);
        if self.at < last || self.settled >= revision {
            return Ok(None);
        }
        let engine = Arc::clone(&self.watched.engine);
        let facts = engine.facts_as_of(&self.tenant, &self.id, last)?;
        let ledger = engine.ledger(scope)?;
        let timeline = ledger.covering(&engine.store, last)?;
        let concerned = self.unsettled(&timeline, &facts);
        self.settled = revision;
        let events = self.moved(scope, &timeline, &facts, (concerned, last))?;
        let is_news = revision > self.after_revision && !events.is_empty();
        Ok(is_news.then_some(WatchStep { revision, completes: true, events }))
    }

    /// The turns that facts have replaced, or had at the last look, and those of rejected
    /// edges.
    fn unsettled(&mut self, timeline: &Timeline, facts: &StandingFacts) -> BTreeSet<Sequence> {
        let marked: BTreeSet<Sequence> = facts.turn_marks().keys().copied().collect();
        let mut concerned = std::mem::replace(&mut self.by_facts, marked);
        concerned.extend(&self.by_facts);
        let is_resumed = self.settled == 0 && self.after_revision > 0;
        for sequence in timeline.rejections().into_iter().flat_map(|(a, b, _)| [a, b]) {
            if is_resumed {
                // It may have been sent before the edge was rejected: that cannot be replayed.
                self.sent.insert(sequence, f32::INFINITY);
            }
            concerned.insert(sequence);
        }
        concerned
    }

    /// The scores of turns that moved much as of a turn, noted as sent.
    fn moved(
        &mut self,
        scope: &Scope,
        timeline: &Timeline,
        facts: &StandingFacts,
        (concerned, as_of): (BTreeSet<Sequence>, Sequence),
    ) -> Result<Vec<WatchEvent>, EngineError> {
        let mut moved = Vec::new();
        for sequence in concerned {
            if timeline.record(sequence).is_none() {
                continue;
            }
            let asked = (sequence, as_of);
            let now = self.watched.engine.staleness_with_facts(scope, timeline, facts, asked)?;
            let before = self.sent.get(&sequence).copied().unwrap_or(0.0);
            if (now.score - before).abs() >= MOVED {
                self.sent.insert(sequence, now.score);
                moved.push(WatchEvent::Staleness(sequence, now));
            }
        }
        Ok(moved)
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

/// The turns that the events of a turn concern, and itself: age alone moves a score too
/// little.
fn concerned_with(timeline: &Timeline, with: Sequence) -> BTreeSet<Sequence> {
    let earlier = timeline.edges_from(with).map(|edge| edge.earlier);
    let expired = timeline.expired_with(with).map(|(sequence, ..)| sequence);
    earlier.chain(expired).chain([with]).collect()
}

/// How many conversations are watched.
pub(super) type Watches = AtomicU64;
