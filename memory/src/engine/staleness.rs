//! Whether turns still hold, now or as of an earlier turn.
//!
//! Invariant: an answer as of a turn is made of what was known by then.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{Engine, EngineError, scopes::Scope};
use crate::{
    context::{Marks, Window},
    facts::Cause,
    staleness::{EdgeKind, SHOWN_CONFIDENCE, Staleness, Timeline},
    turn::{ConversationId, Sequence, TenantId, Turn},
};

/// How long a window waits for the newest turns to be scored; embedding takes
/// about a tenth of it.
pub(super) const SCORE_WAIT: Duration = Duration::from_millis(150);
/// In the order in which edges of one pair are shown.
const EDGE_KINDS: [EdgeKind; 2] = [EdgeKind::Supersedes, EdgeKind::Contradicts];
/// More turns than these are not waited for.
const AWAITED_TURNS: u64 = 8;

/// Which turns' staleness is asked for.
#[derive(Clone, Debug)]
pub struct StalenessRequest {
    /// These turns; all if empty.
    pub sequences: Vec<Sequence>,
    /// The state after this turn; now if 0.
    pub as_of: Sequence,
    /// Only turns behind this one.
    pub after: Sequence,
    /// At most so many turns.
    pub limit: usize,
    /// Wait until this revision is scored.
    pub min_revision: u64,
}

/// An edge between turns or facts, as callers see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownEdge {
    /// What kind.
    pub kind: EdgeKind,
    /// The earlier turn or fact.
    pub earlier: Cause,
    /// The later one.
    pub later: Cause,
    /// Probability that it is right.
    pub confidence: f32,
    /// Words of the earlier one that are meant, or empty.
    pub earlier_value: String,
    /// Words of the later one that are meant, or empty.
    pub later_value: String,
    /// When the later one was said.
    pub valid_at: Timestamp,
    /// When the later one was taken in.
    pub known_at: Timestamp,
    /// For people.
    pub reason: String,
}

/// What a page of turns' staleness holds.
#[derive(Clone, Debug)]
pub struct StalenessPage {
    /// By sequence; forgotten turns are left out.
    pub turns: Vec<(Sequence, Staleness)>,
    /// Edges that concern these turns; with the first page of all turns, those
    /// between facts too.
    pub edges: Vec<ShownEdge>,
    /// Topics up to the turn asked for: first and last turn, and how certain it
    /// is that one begins there. With the first page alone.
    pub topics: Vec<(Sequence, Sequence, f32)>,
    /// There are more turns behind them.
    pub more: bool,
    /// Revision that was read.
    pub revision: u64,
    /// Name and version of the scorer.
    pub scorer: String,
    /// Turns that were not scored yet, or by another version.
    pub unscored: u64,
}

impl Engine {
    /// How stale turns are.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a turn that never was and for an `as_of` beyond
    /// the last turn; `Store`.
    pub async fn staleness(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        request: StalenessRequest,
    ) -> Result<StalenessPage, EngineError> {
        self.wait_searchable(tenant, id, request.min_revision).await?;
        let scope = self.scope(tenant, id)?;
        let last = scope.head.last_sequence;
        let as_of = as_of(request.as_of, last)?;
        if let Some(bad) = request.sequences.iter().find(|s| **s == 0 || **s > last) {
            let why = format!("{bad} is not a turn; the conversation ends at {last}");
            return Err(EngineError::invalid("sequences", why));
        }
        let ledger = self.ledger(&scope)?;
        let scored = self.scored(&scope)?;
        let timeline = ledger.covering(&self.store, scored)?;
        let mut wanted = request.sequences;
        wanted.sort_unstable();
        wanted.dedup();
        let whole = wanted.is_empty();
        let asked: Vec<Sequence> = if whole {
            timeline.records().iter().map(|record| record.sequence).collect()
        } else {
            wanted
        };
        let facts = self.facts_as_of(tenant, id, as_of)?;
        let mut turns = Vec::new();
        let mut more = false;
        for sequence in asked.into_iter().filter(|s| *s > request.after && *s <= as_of) {
            if turns.len() == request.limit {
                more = true;
                break;
            }
            if timeline.record(sequence).is_some() {
                let asked = (sequence, as_of);
                let found = self.staleness_with_facts(&scope, &timeline, &facts, asked)?;
                turns.push((sequence, found));
            }
        }
        let sequences: Vec<Sequence> = turns.iter().map(|(sequence, _)| *sequence).collect();
        let mut edges = self.edges_of(&scope, &timeline, &sequences, as_of)?;
        let version = self.detector.version();
        let old = timeline.records().iter().filter(|record| record.version != version).count();
        let topics = if request.after == 0 { timeline.topics(as_of) } else { Vec::new() };
        drop(timeline);
        let among_facts = request.after == 0 && whole;
        edges.extend(self.fact_edges_of(&scope, &sequences, as_of, among_facts)?);
        Ok(StalenessPage {
            turns,
            edges,
            topics,
            more,
            revision: scope.head.revision,
            scorer: self.detector.name(),
            unscored: last.saturating_sub(scored) + old as u64,
        })
    }

    /// Waits, for a short time, until the newest turns are scored: what one of them
    /// replaces must not stand unmarked beside it. Neither scored ones nor an embedder that
    /// is far behind are waited for.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(super) async fn wait_scored(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<(), EngineError> {
        let cell = self.heads.cell(tenant, id)?;
        let head = cell.head()?;
        let last = head.last_sequence;
        let waiting = last - self.indexed_sequence(&cell, &head).min(last);
        if (1..=AWAITED_TURNS).contains(&waiting) {
            let scored = self.wait_indexed(tenant, id, last);
            return tokio::time::timeout(SCORE_WAIT, scored).await.unwrap_or(Ok(()));
        }
        Ok(())
    }

    /// The ledger of a branch, up to what is scored.
    pub(super) fn ledger(
        &self,
        scope: &Scope,
    ) -> Result<std::sync::Arc<super::ledger::Ledger>, EngineError> {
        Ok(self.ledgers.of(&self.store, &scope.branch, self.scored(scope)?)?)
    }

    /// Every turn up to here is scored.
    pub(super) fn scored(&self, scope: &Scope) -> Result<Sequence, EngineError> {
        let cell = self.heads.cell(&scope.branch.tenant, &scope.branch.conversation)?;
        Ok(self.indexed_sequence(&cell, &scope.head))
    }

    /// The edges that the items of a window are marked with, by item.
    pub(super) fn item_edges(
        &self,
        scopes: &[Scope],
        window: &Window,
        marks: &Marks<'_>,
    ) -> Result<Vec<(usize, ShownEdge)>, EngineError> {
        let mut edges = Vec::new();
        let of_facts = match scopes.first().map(|own| (&own.branch, own.head.last_sequence)) {
            Some((own, last)) => self.facts_as_of(&own.tenant, &own.conversation, last)?,
            None => Arc::default(),
        };
        for (at, item) in window.items.iter().enumerate() {
            let of = item.conversation.as_ref();
            let cause = match (&item.fact, item.sequence) {
                (Some(fact), _) => Some(Cause::Fact(fact.clone())),
                (None, sequence) => sequence.map(Cause::Turn),
            };
            if let (None, Some(cause)) = (of, cause) {
                let marking = of_facts.edges_of_item(&cause).iter();
                edges.extend(marking.map(|edge| (at, edge.clone())));
            }
            let marked = item.sequence.filter(|sequence| marks.get(of, *sequence).is_some());
            let scope = match of {
                None => scopes.first(),
                Some(other) => scopes.iter().find(|scope| scope.branch.conversation == *other),
            };
            // A pin's source is not the turn itself.
            let (Some(sequence), Some(scope), None) = (marked, scope, &item.fact) else { continue };
            let scored = self.scored(scope)?;
            let ledger = self.ledgers.of(&self.store, &scope.branch, scored)?;
            let timeline = ledger.covering(&self.store, scored)?;
            let as_of = scope.head.last_sequence;
            let replaced = timeline.replaced_by(sequence, as_of);
            let mut named: Vec<_> =
                replaced.map(|(later, _)| (later, sequence)).into_iter().collect();
            let sides = timeline.contradictions(sequence, as_of);
            let by_replacement = named.first().copied();
            let sides = sides.map(|(other, _)| (other.max(sequence), other.min(sequence)));
            named.extend(sides.filter(|pair| Some(*pair) != by_replacement));
            let shown = self.edges(scope, &timeline, &named)?;
            edges.extend(shown.into_iter().map(|edge| (at, edge)));
        }
        Ok(edges)
    }

    /// The edges that concern turns (sorted), with the words that are meant.
    fn edges_of(
        &self,
        scope: &Scope,
        timeline: &Timeline,
        sequences: &[Sequence],
        as_of: Sequence,
    ) -> Result<Vec<ShownEdge>, EngineError> {
        let mut named = Vec::new();
        for sequence in sequences {
            let to = timeline.edges_to(*sequence, as_of).map(|(later, edge)| (later, edge.earlier));
            let from = timeline.edges_from(*sequence).map(|edge| (*sequence, edge.earlier));
            named.extend(to.chain(from));
        }
        named.sort_unstable();
        named.dedup();
        self.edges(scope, timeline, &named)
    }

    /// Edges by their later and earlier turn, each pair named once: those that are
    /// shown, of each kind the most certain.
    pub(super) fn edges(
        &self,
        scope: &Scope,
        timeline: &Timeline,
        named: &[(Sequence, Sequence)],
    ) -> Result<Vec<ShownEdge>, EngineError> {
        let mut texts: HashMap<Sequence, Option<Arc<Turn>>> = HashMap::new();
        let mut edges = Vec::new();
        for (later, earlier) in named {
            let of_kind = |kind| timeline.edge(*later, *earlier, kind);
            let shown = EDGE_KINDS.into_iter().filter_map(of_kind);
            let mut shown = shown.filter(|edge| edge.confidence >= SHOWN_CONFIDENCE).peekable();
            if shown.peek().is_none() {
                continue;
            }
            for sequence in [*later, *earlier] {
                if let Entry::Vacant(place) = texts.entry(sequence) {
                    place.insert(self.shown_turn(&scope.branch, sequence)?);
                }
            }
            let turn = |sequence| texts.get(sequence).and_then(Option::as_deref);
            // Forgotten since; its edges go with it.
            let (Some(new), Some(old)) = (turn(later), turn(earlier)) else { continue };
            edges.extend(shown.map(|edge| ShownEdge {
                kind: edge.kind,
                earlier: Cause::Turn(*earlier),
                later: Cause::Turn(*later),
                confidence: edge.confidence,
                earlier_value: words(old, edge.earlier_span),
                later_value: words(new, edge.later_span),
                valid_at: new.said_at,
                known_at: new.created_at,
                reason: edge.reason.clone(),
            }));
        }
        Ok(edges)
    }
}

/// The turn that a state is asked for.
///
/// # Errors
/// `Invalid` beyond the last turn.
pub(super) fn as_of(asked: Sequence, last: Sequence) -> Result<Sequence, EngineError> {
    match asked {
        0 => Ok(last),
        asked if asked <= last => Ok(asked),
        asked => Err(EngineError::invalid(
            "as_of_turn",
            format!("{asked} is not a turn; the conversation ends at {last}"),
        )),
    }
}

/// The words of a turn that a span means.
pub(super) fn words(turn: &Turn, span: Option<(u32, u32)>) -> String {
    let Some((start, end)) = span else { return String::new() };
    let text = turn.searchable_text();
    text.get(start as usize..end as usize).unwrap_or_default().to_owned()
}
