//! What holds now in the place of what was replaced: replacements of replacements are
//! followed to the end, from turn to turn, to facts and back.
//!
//! Invariant: what the last one says was not replaced itself, as far as is known by then;
//! where its words were erased, or cannot be told, it says nothing.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{
    Engine, EngineError, PinnedFact, StandingFacts,
    detected::overlap,
    marks::{MAX_NOTE_CHARS, words},
};
use crate::{
    context::clean,
    facts::{self, Cause, Retired, Retirement, TurnMark},
    index::Branch,
    staleness::{Edge, EdgeKind, SHOWN_CONFIDENCE, Timeline},
    turn::{Sequence, Turn},
};

/// What took the place of something.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Successor {
    /// The fact or turn.
    by: Cause,
    /// When it was said, if that is known.
    pub(super) at: Option<Timestamp>,
    /// What it says, or empty.
    pub(super) value: String,
    /// Bytes of the turn's searchable text that are meant, if that is known.
    span: Option<(u32, u32)>,
}

impl Successor {
    /// A turn, of which a span is meant.
    pub(super) fn of_turn(turn: &Turn, span: Option<(u32, u32)>) -> Self {
        let value = words(turn, span, MAX_NOTE_CHARS);
        Self { by: Cause::Turn(turn.sequence), at: Some(turn.said_at), value, span }
    }

    /// What a turn was marked by.
    pub(super) fn of_mark(mark: &TurnMark) -> Self {
        let value = mark.later_value.clone();
        Self { by: mark.by.clone(), at: Some(mark.valid_from), value, span: None }
    }

    fn of_end(end: Retired) -> Option<Self> {
        Some(Self { by: end.by?, at: end.at, value: end.value, span: None })
    }

    /// Who it is, when and what, fit for a note.
    pub(super) fn named(&self) -> String {
        let by = match &self.by {
            Cause::Fact(_) => "a pinned fact".to_owned(),
            Cause::Turn(sequence) => format!("turn {sequence}"),
        };
        let on = self.at.map(|at| at.strftime(" on %Y-%m-%d").to_string()).unwrap_or_default();
        let value = clean(&self.value, MAX_NOTE_CHARS);
        let value = if value.is_empty() { value } else { format!(": {value}") };
        format!("{by}{on}{value}")
    }
}

/// What is known of a conversation's replacements as of a turn.
pub(super) struct Successors<'a> {
    pub(super) engine: &'a Engine,
    pub(super) branch: &'a Branch,
    /// The facts as they stood then.
    pub(super) facts: &'a StandingFacts,
    pub(super) timeline: &'a Timeline,
    pub(super) as_of: Sequence,
}

impl Successors<'_> {
    /// What holds in the place of a fact that was superseded.
    pub(super) fn of_fact(&self, pinned: &PinnedFact) -> Result<Option<Successor>, EngineError> {
        self.next_of_fact(pinned).map(|first| self.last(first)).transpose()
    }

    /// What holds in the place of what `first` has replaced.
    pub(super) fn last(&self, first: Successor) -> Result<Successor, EngineError> {
        let mut seen = HashSet::new();
        let mut last = first;
        loop {
            if !seen.insert(last.by.clone()) {
                // Facts and turns that replace each other: none of them is sure to hold.
                last.value.clear();
                return Ok(last);
            }
            match self.next(&last)? {
                Some(next) => last = next,
                None => return Ok(last),
            }
        }
    }

    fn next(&self, of: &Successor) -> Result<Option<Successor>, EngineError> {
        match &of.by {
            Cause::Fact(id) => {
                let fact = self.facts.iter().find(|pinned| pinned.fact.id == *id);
                Ok(fact.and_then(|pinned| self.next_of_fact(pinned)))
            }
            Cause::Turn(turn) => self.next_of_turn(*turn, of.span),
        }
    }

    /// The newest that changed it: each may have changed what the one before set.
    fn next_of_fact(&self, pinned: &PinnedFact) -> Option<Successor> {
        let ended = pinned.standing.retired.as_ref();
        let ended = ended.filter(|end| end.why == Retirement::Superseded)?;
        let latest = facts::latest_end(&pinned.fact, self.as_of);
        Successor::of_end(latest.unwrap_or_else(|| ended.clone()))
    }

    /// What took the place of a turn, if that is of what is meant of it.
    fn next_of_turn(
        &self,
        turn: Sequence,
        meant: Option<(u32, u32)>,
    ) -> Result<Option<Successor>, EngineError> {
        let bears = |span: Option<(u32, u32)>| {
            meant.zip(span).is_none_or(|(meant, span)| overlap(meant, span))
        };
        let replaces = |(_, edge): &(Sequence, &Edge)| {
            edge.kind == EdgeKind::Supersedes
                && edge.confidence >= SHOWN_CONFIDENCE
                && bears(edge.earlier_span)
        };
        let edges = self.timeline.edges_to(turn, self.as_of).filter(replaces);
        if let Some((later, edge)) = edges.max_by_key(|(later, _)| *later) {
            let said = self.engine.shown_turn(self.branch, later)?;
            let said = said.filter(|said| !said.forgotten);
            let forgotten =
                || Successor { by: Cause::Turn(later), at: None, value: String::new(), span: None };
            let found = said.map(|said| Successor::of_turn(&said, edge.later_span));
            return Ok(Some(found.unwrap_or_else(forgotten)));
        }
        // Of a turn that says what holds as well only the span is over.
        let is_over = |mark: &&TurnMark| match meant {
            Some(meant) => overlap(meant, mark.span),
            None => !mark.partly,
        };
        Ok(self.facts.turn_marks().get(&turn).filter(is_over).map(Successor::of_mark))
    }
}
