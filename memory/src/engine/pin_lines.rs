//! What became of the lines of pins, in the store: under the turn and the bytes of it
//! that are pinned, so that a pin that is drawn again finds its line.
//!
//! Invariant: it belongs to a fact that has the words that the line was written of, and
//! to no other at the same place.

use std::{
    collections::HashMap,
    ops::{ControlFlow, RangeInclusive},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Engine, EngineError, records::decode};
use crate::{
    facts::{Fact, Line, LineVersion, RejectedLine},
    store::{Direction, keys, keys::Kind},
    turn::{ConversationId, Sequence, TenantId},
};

/// A turn and the bytes of its text that are pinned.
pub(super) type Place = (Sequence, (u32, u32));

/// What became of the line of a pin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PinLine {
    /// Where the pin stands.
    pub(super) place: Place,
    /// Digest of the pin's words.
    pub(super) words: [u8; 16],
    /// First turn that the line was written with; the last one is the pin's.
    pub(super) read_from: Sequence,
    /// What was asked for it last.
    pub(super) by: LineVersion,
    /// Attempts at which that was busy, late or away; 0 once it has answered.
    pub(super) attempts: u32,
    /// When it was asked last.
    pub(super) made_at: Timestamp,
    /// The line, if there is one; by what was asked before while `attempts` is above 0.
    pub(super) line: Option<Line>,
    /// What was written and could not be used.
    pub(super) rejected: Vec<RejectedLine>,
}

impl PinLine {
    /// The turns that it may tell of.
    pub(crate) fn read(&self) -> RangeInclusive<Sequence> {
        self.read_from..=self.place.0
    }

    /// Whether it is of a fact's words.
    pub(super) fn is_of(&self, fact: &Fact) -> bool {
        place_of(fact) == Some(self.place) && self.words == keys::digest(fact.text.as_bytes())
    }
}

/// Where a fact that names words of a turn stands.
pub(super) fn place_of(fact: &Fact) -> Option<Place> {
    fact.source.zip(fact.source_span)
}

/// What is kept of a conversation's lines.
#[derive(Debug, Default)]
pub(super) struct PinLines(HashMap<Place, PinLine>);

impl PinLines {
    /// That of a fact.
    pub(super) fn of(&self, fact: &Fact) -> Option<&PinLine> {
        self.0.get(&place_of(fact)?).filter(|kept| kept.is_of(fact))
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = &PinLine> {
        self.0.values()
    }
}

impl Engine {
    /// What is kept of a conversation's lines.
    pub(super) fn read_pin_lines(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<PinLines, EngineError> {
        let (start, end) = keys::prefix_range(&keys::kind_prefix(tenant, id, Kind::PinLine));
        let mut lines = PinLines::default();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            let kept = decode::<PinLine>(key, &value)?;
            lines.0.insert(kept.place, kept);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(lines)
    }

    /// What another conversation keeps at a place.
    pub(super) fn pin_line_of(
        &self,
        tenant: &TenantId,
        owner: &ConversationId,
        place: Place,
    ) -> Result<Option<PinLine>, EngineError> {
        let key = keys::pin_line(tenant, owner, place.0, place.1);
        let bytes = self.store.get(&key)?;
        Ok(bytes.map(|bytes| decode(&key, &bytes)).transpose()?)
    }
}
