//! What facts have to do with the turns of their conversation: the source, the
//! turns before that say the same or something older, the clock, and the turns
//! after that took the place of those.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use tokio::time::timeout;

use super::{Engine, EngineError, NewFact, heads::Cell, records::Head, said::SaidTurns};
use crate::{
    facts::{self, Claim, Fact, TurnEdge, TurnLink},
    index::{IndexError, IndexQuery},
    staleness::{EdgeKind, SHOWN_CONFIDENCE},
    turn::{ConversationId, Sequence, TenantId, Turn},
};

/// Turns before a fact that are read for what it repeats or replaces.
const TURNS_READ: u64 = 64;
/// Turns farther back that are read too: those that have most of its words, the rare ones
/// above all.
const FAR_TURNS_READ: usize = 32;
/// Links with far turns: the others are for the source and the last ones.
const FAR_LINKS: usize = facts::MAX_LINKS / 2;
/// How long a fact waits for the index to say which turns it is about.
const INDEX_WAIT: Duration = Duration::from_millis(500);

impl Engine {
    /// The source turn of a new fact, if it names one.
    pub(super) fn check_source(
        &self,
        cell: &Cell,
        head: &Head,
        new: &NewFact,
    ) -> Result<Option<Turn>, EngineError> {
        let Some(source) = new.source else { return Ok(None) };
        let turn = self.read_turn(&cell.branch(head), source)?;
        let turn = turn.filter(|turn| !turn.forgotten && source <= head.last_sequence);
        let turn = turn.ok_or_else(|| {
            EngineError::invalid("fact.source_sequence", format!("there is no turn {source}"))
        })?;
        let text = turn.searchable_text();
        if let Some((start, end)) = new.source_span
            && text.get(start as usize..end as usize).is_none()
        {
            return Err(EngineError::invalid(
                "fact.source_span",
                format!("{start}..{end} is no span of the turn's {} bytes of text", text.len()),
            ));
        }
        Ok(Some(turn))
    }

    /// The conversation's clock after a turn: the latest time that one was
    /// said; nothing without turns.
    pub(super) fn clock_at(
        &self,
        cell: &Cell,
        head: &Head,
        as_of: Sequence,
    ) -> Result<Option<Timestamp>, EngineError> {
        let last = as_of.min(head.last_sequence);
        let catalog = self.catalogs.of(&cell.branch(head));
        let state = catalog.covering(&self.store, last, self.counter.as_ref())?;
        let until = usize::try_from(last).unwrap_or(usize::MAX).min(state.traits().len());
        let said = state.traits().iter().take(until).filter(|traits| !traits.forgotten);
        Ok(said.map(|traits| traits.said_at).max())
    }

    /// Turns that share words with a fact, however far back: they may say what it says, or
    /// what it replaces. None while the index does not answer: the last turns are read
    /// anyway.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub(super) async fn turns_about(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        text: &str,
    ) -> Result<BTreeSet<Sequence>, EngineError> {
        let scope = self.scope(tenant, id)?;
        if scope.head.last_sequence <= TURNS_READ {
            return Ok(BTreeSet::new());
        }
        let text = self.clip_query(text).to_owned();
        let query = IndexQuery { text, vector: None, limit: FAR_TURNS_READ, prepared: None };
        let search = async {
            // Turns that wait to be embedded are found by their words.
            self.refresh(&scope).await?;
            let branch = std::slice::from_ref(&scope.branch);
            Ok::<_, EngineError>(self.index.search(branch, &query).await)
        };
        let found = match timeout(INDEX_WAIT, search).await {
            Ok(found) => match found? {
                Ok(found) => found,
                Err(IndexError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "the index does not say which turns a fact is about");
                    return Ok(BTreeSet::new());
                }
            },
            Err(_) => {
                tracing::warn!("the index does not say in time which turns a fact is about");
                return Ok(BTreeSet::new());
            }
        };
        let matches = found.first().map(|of_branch| &of_branch.matches);
        let mut scored: Vec<(f32, Sequence)> = matches
            .into_iter()
            .flat_map(|matches| matches.iter())
            .filter(|found| found.bm25 > 0.0)
            .map(|found| (found.bm25, found.sequence))
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        Ok(scored.into_iter().take(FAR_TURNS_READ).map(|(_, sequence)| sequence).collect())
    }

    /// Finds the turns up to `until` that say what a fact says, or what it
    /// replaces: its source, the last ones, and those of `also`, however far back.
    pub(super) fn link_turns(
        &self,
        turns: &SaidTurns<'_>,
        (fact, also): (&mut Fact, &BTreeSet<Sequence>),
        until: Sequence,
    ) -> Result<(), EngineError> {
        let claim = Claim::of(fact);
        let known = std::mem::take(&mut fact.turns);
        let from = until.saturating_sub(TURNS_READ) + 1;
        fact.turns.extend(known.into_iter().filter(|link| link.turn < from));
        let mut far: BTreeSet<Sequence> = also.range(..from).copied().collect();
        far.extend(fact.source.filter(|source| *source < from));
        far.retain(|turn| fact.turns.iter().all(|link| link.turn != *turn));
        for sequence in far.into_iter().chain(from..=until) {
            let is_source = fact.source == Some(sequence);
            let most = if sequence < from { FAR_LINKS } else { facts::MAX_LINKS };
            if fact.turns.len() >= most && !is_source {
                continue;
            }
            let Some(said) = turns.get(sequence)? else { continue };
            let heard = &said.heard;
            if is_source {
                let link = facts::link_source(&claim, heard, fact.source_span);
                fact.sketch.extend(heard.sketch_at(link.span));
                fact.turns.push(link);
                continue;
            }
            let answers = |link: &TurnLink| link.turn + 1 == sequence && link.bears.is_none();
            let echo = || facts::echo(&claim, heard).filter(|_| fact.turns.iter().any(answers));
            let link = facts::link(&claim, heard).or_else(echo);
            // What was said after it may repeat it, and is not replaced by it.
            let later = sequence > fact.known_turn;
            let Some(link) = link.filter(|link| !later || link.bears.is_none()) else { continue };
            if link.bears.is_none() {
                fact.sketch.extend(heard.sketch_at(link.span));
                let outdated = facts::link_outdated(&claim, heard);
                fact.turns.extend(outdated.map(|[_, before]| before));
            }
            fact.turns.push(link);
        }
        if fact.origin.is_detector() {
            // A guess of the service marks no turn as replaced.
            fact.turns.retain(|link| link.bears.is_none());
        }
        fact.sketch.sort_unstable();
        fact.sketch.dedup();
        Ok(())
    }

    /// Facts that have just been replaced: turns that repeated them meanwhile
    /// go with them.
    pub(super) fn relink(
        &self,
        turns: &SaidTurns<'_>,
        others: &mut [Fact],
        changed: &[usize],
    ) -> Result<(), EngineError> {
        for at in changed {
            if let Some(other) = others.get_mut(*at)
                && let Some(until) = other.edges.iter().map(|edge| edge.known_turn).max()
                && until > other.known_turn
            {
                self.link_turns(turns, (other, &BTreeSet::new()), until)?;
            }
        }
        Ok(())
    }

    /// What later turns took the place of, of the turns that facts repeat.
    pub(super) fn turn_edges(
        &self,
        cell: &Cell,
        head: &Head,
        facts: &[Fact],
        as_of: Sequence,
    ) -> Result<Vec<TurnEdge>, EngineError> {
        let repeats = facts.iter().flat_map(|fact| &fact.turns).filter(|link| link.bears.is_none());
        let repeated: BTreeSet<Sequence> = repeats.map(|link| link.turn).collect();
        if repeated.is_empty() {
            return Ok(Vec::new());
        }
        let scope = self.scope(&cell.tenant, &cell.id)?;
        let ledger = self.ledger(&scope)?;
        let timeline = ledger.covering(&self.store, self.scored(&scope)?)?;
        let branch = cell.branch(head);
        let mut edges = Vec::new();
        for earlier in repeated {
            for (later, edge) in timeline.edges_to(earlier, as_of) {
                if edge.kind != EdgeKind::Supersedes || edge.confidence < SHOWN_CONFIDENCE {
                    continue;
                }
                let Some(turn) = self.read_turn(&branch, later)? else { continue };
                edges.push(TurnEdge {
                    earlier,
                    later,
                    earlier_span: edge.earlier_span,
                    confidence: edge.confidence,
                    said_at: turn.said_at,
                    later_value: words(&turn.searchable_text(), edge.later_span),
                });
            }
        }
        Ok(edges)
    }
}

/// The words of a turn that are meant; all of it if none are named.
fn words(text: &str, span: Option<(u32, u32)>) -> String {
    let (start, end) = span.unwrap_or((0, u32::MAX));
    let end = (end as usize).min(text.len());
    facts::short(text.get(start as usize..end).unwrap_or(""))
}
