//! What facts have to do with the turns of their conversation: the source, the
//! turns before that say the same or something older, the clock, and the turns
//! after that took the place of those.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Engine, EngineError, NewFact, heads::Cell, records::Head, said::SaidTurns};
use crate::{
    facts::{self, Claim, Fact, TurnEdge, TurnLink},
    staleness::{EdgeKind, SHOWN_CONFIDENCE},
    turn::{Sequence, Turn},
};

/// Turns before a fact that are read for what it repeats or replaces.
const TURNS_READ: u64 = 64;

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
            let Some(said) = turns.get(sequence)? else { continue };
            if fact.turns.len() >= facts::MAX_LINKS {
                continue;
            }
            let heard = &said.heard;
            if fact.source == Some(sequence) {
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
