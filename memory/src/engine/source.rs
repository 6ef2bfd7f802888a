//! Gives the index the turns of a branch from the store, with their vectors.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use super::{
    records::{Derived, decode},
    turns::scan_turns,
};
use crate::{
    embed::Vector,
    index::{Branch, IndexedTurn, Passage, TurnSource},
    store::{Direction, Store, StoreError, keys, keys::Kind},
    turn::{Sequence, Turn},
};

/// A [`TurnSource`] over the store. Vectors of another model are left out: such
/// turns are found by their words until they are embedded again.
pub struct StoreTurnSource {
    store: Arc<Store>,
    embedding: String,
}

impl StoreTurnSource {
    /// `embedding` is the version of the vectors in use
    /// ([`crate::embed::EmbedService::version`]).
    pub fn new(store: Arc<Store>, embedding: String) -> Self {
        Self { store, embedding }
    }

    /// The vectors of a branch by sequence, with the spans of their passages.
    fn passages(&self, branch: &Branch) -> Result<HashMap<Sequence, Vec<Passage>>, StoreError> {
        let mut passages: HashMap<Sequence, Vec<Passage>> = HashMap::new();
        scan_sequences(&self.store, branch, Kind::Derived, &mut |sequence, key, value| {
            let derived: Derived = decode(key, value)?;
            if derived.embedding == self.embedding {
                let spans = derived.passages.iter().map(|(start, end)| Passage {
                    start: *start,
                    end: *end,
                    vector: Vector::default(),
                });
                passages.insert(sequence, spans.collect());
            }
            Ok(())
        })?;
        scan_sequences(&self.store, branch, Kind::Vector, &mut |sequence, key, value| {
            let number = key.last_chunk().map_or(0, |be| usize::from(u16::from_be_bytes(*be)));
            let passage = passages.get_mut(&sequence).and_then(|of_turn| of_turn.get_mut(number));
            if let Some(passage) = passage {
                passage.vector = decode_vector(value);
            }
            Ok(())
        })?;
        // A turn with a missing vector is not embedded.
        passages.retain(|_, of_turn| of_turn.iter().all(|passage| !passage.vector.is_empty()));
        Ok(passages)
    }
}

impl TurnSource for StoreTurnSource {
    fn load(&self, branch: &Branch) -> Result<Vec<IndexedTurn>, StoreError> {
        let mut passages = self.passages(branch)?;
        let mut turns = Vec::new();
        let all = (1, Sequence::MAX);
        scan_turns(&self.store, branch, all.0, all.1, Direction::Forward, &mut |turn| {
            if !turn.forgotten {
                let of_turn = passages.remove(&turn.sequence).unwrap_or_default();
                turns.push(indexed(&turn, of_turn));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(turns)
    }
}

/// A turn as the index sees it.
pub(crate) fn indexed(turn: &Turn, passages: Vec<Passage>) -> IndexedTurn {
    IndexedTurn {
        sequence: turn.sequence,
        role: turn.role,
        speaker: turn.speaker.clone(),
        said_at: turn.said_at,
        text: turn.searchable_text(),
        passages,
    }
}

/// Receives sequence, key and value of a record.
type VisitSequence<'v> = &'v mut dyn FnMut(Sequence, &[u8], &[u8]) -> Result<(), StoreError>;

/// Visits the records of one kind that belong to the sequences of a branch, up to
/// the first error.
pub(crate) fn scan_sequences(
    store: &Store,
    branch: &Branch,
    kind: Kind,
    visit: VisitSequence<'_>,
) -> Result<(), StoreError> {
    for segment in &branch.segments {
        let at =
            |sequence| keys::at_sequence(&branch.tenant, &segment.conversation, kind, sequence);
        let start = at(segment.from);
        let place = start.len() - size_of::<Sequence>();
        let (_, end) = keys::prefix_range(&at(segment.until));
        store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            let bytes = key.get(place..).and_then(<[u8]>::first_chunk);
            if let Some(bytes) = bytes {
                visit(Sequence::from_be_bytes(*bytes), key, &value)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(())
}

/// Vectors are stored as little-endian f32.
pub(crate) fn encode_vector(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(crate) fn decode_vector(bytes: &[u8]) -> Vector {
    bytes.chunks_exact(4).filter_map(|le| le.try_into().ok()).map(f32::from_le_bytes).collect()
}
