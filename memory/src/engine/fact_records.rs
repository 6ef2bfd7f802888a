//! Facts in the store: reading and writing their records.
//!
//! Invariant: records of data directories from before facts had fields, or were
//! drawn by the service, are read as facts of the caller without any.

use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Engine, EngineError,
    heads::Cell,
    records::{decode, hex},
};
use crate::{
    facts::{self, Claim, Fact, FactKind, Origin, Owner, Statement},
    store::{Batch, Direction, StoreError, keys, keys::Kind},
    turn::{ConversationId, FactId, Sequence, TenantId},
};

/// Version of the record: a fact, then its origin, its owner, whether it was restored and
/// whether it is meant for every answer.
const VERSION: u8 = 5;
/// Without the last of them.
const BEFORE_RULES: u8 = 4;
/// Without the last two.
const BEFORE_PROBES: u8 = 3;
/// Without origin and owner.
const CALLERS: u8 = 2;

/// A fact as version 1 stored it.
#[derive(Serialize, Deserialize)]
struct FactBefore {
    id: FactId,
    kind: FactKind,
    text: String,
    required: bool,
    source: Option<Sequence>,
    source_span: Option<(u32, u32)>,
    request_id: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<FactBefore> for Fact {
    fn from(before: FactBefore) -> Self {
        let mut fact = Self {
            id: before.id,
            kind: before.kind,
            text: before.text,
            required: before.required,
            source: before.source,
            source_span: before.source_span,
            request_id: before.request_id,
            created_at: before.created_at,
            updated_at: before.updated_at,
            says: Statement::default(),
            source_role: None,
            valid_from: before.created_at,
            known_turn: before.source.unwrap_or(0),
            edges: Vec::new(),
            turns: Vec::new(),
            rejected: Vec::new(),
            sketch: Vec::new(),
            origin: Origin::Caller,
            owner: Owner::Conversation,
            restored_at: None,
            for_every_answer: false,
        };
        fact.sketch = Claim::of(&fact).sketch();
        fact
    }
}

fn encode_fact(fact: &Fact) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(fact, vec![VERSION])
        .and_then(|bytes| {
            let beside = (fact.origin, fact.owner, fact.restored_at, fact.for_every_answer);
            postcard::to_extend(&beside, bytes)
        })
        .map_err(|error| StoreError::Engine(format!("fact cannot be encoded: {error}")))
}

fn decode_fact(key: &[u8], bytes: &[u8]) -> Result<Fact, StoreError> {
    let fact = match bytes.split_first() {
        Some((&VERSION, body)) => whole(body),
        Some((&BEFORE_RULES, body)) => with_restored(body),
        Some((&BEFORE_PROBES, body)) => with_origin(body),
        Some((&CALLERS, body)) => postcard::from_bytes(body),
        // Also says what is wrong with what has no version.
        _ => return decode::<FactBefore>(key, bytes).map(Fact::from),
    };
    fact.map_err(|error| StoreError::Corrupt { key: hex(key), detail: error.to_string() })
}

fn whole(body: &[u8]) -> Result<Fact, postcard::Error> {
    let (fact, rest) = postcard::take_from_bytes::<Fact>(body)?;
    let (origin, owner, restored_at, for_every_answer) = postcard::from_bytes(rest)?;
    Ok(Fact { origin, owner, restored_at, for_every_answer, ..fact })
}

fn with_restored(body: &[u8]) -> Result<Fact, postcard::Error> {
    let (fact, rest) = postcard::take_from_bytes::<Fact>(body)?;
    let (origin, owner, restored_at) = postcard::from_bytes(rest)?;
    Ok(Fact { origin, owner, restored_at, ..fact })
}

fn with_origin(body: &[u8]) -> Result<Fact, postcard::Error> {
    let (fact, rest) = postcard::take_from_bytes::<Fact>(body)?;
    let (origin, owner) = postcard::from_bytes(rest)?;
    Ok(Fact { origin, owner, ..fact })
}

/// Writes a fact.
pub(super) fn put_fact(batch: &mut Batch, cell: &Cell, fact: &Fact) -> Result<(), StoreError> {
    batch.put(keys::fact(&cell.tenant, &cell.id, &fact.id), encode_fact(fact)?);
    Ok(())
}

/// Takes a fact out, and its request id.
pub(super) fn delete_fact(batch: &mut Batch, cell: &Cell, fact: &FactId, request_id: &str) {
    batch.delete(keys::fact(&cell.tenant, &cell.id, fact));
    if !request_id.is_empty() {
        let name = request_id.as_bytes();
        batch.delete(keys::by_digest(&cell.tenant, &cell.id, Kind::PinRequest, name));
    }
}

/// Takes facts out, and their words and those of forgotten turns out of what the
/// others know of them.
pub(super) fn delete_facts(
    batch: &mut Batch,
    cell: &Cell,
    all: Vec<Fact>,
    forgotten: &[Sequence],
    doomed: impl Fn(&Fact) -> bool,
) -> Result<u64, StoreError> {
    let (gone, mut kept): (Vec<Fact>, Vec<Fact>) = all.into_iter().partition(doomed);
    for fact in &gone {
        delete_fact(batch, cell, &fact.id, &fact.request_id);
    }
    let ids: Vec<FactId> = gone.into_iter().map(|fact| fact.id).collect();
    let mut changed = facts::forget(&ids, &mut kept);
    changed.extend(facts::forget_turns(forgotten, &mut kept));
    changed.sort_unstable();
    changed.dedup();
    for at in changed {
        if let Some(fact) = kept.get(at) {
            put_fact(batch, cell, fact)?;
        }
    }
    Ok(ids.len() as u64)
}

impl Engine {
    /// All pins of a conversation, oldest first (ids sort by time).
    pub(super) fn read_facts(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
    ) -> Result<Vec<Fact>, EngineError> {
        let (start, end) = keys::prefix_range(&keys::kind_prefix(tenant, id, Kind::Fact));
        let mut facts = Vec::new();
        self.store.scan(&start, &end, Direction::Forward, &mut |key, value| {
            facts.push(decode_fact(key, &value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::records::encode;

    #[test]
    fn facts_from_before_are_read_and_others_are_corrupt() {
        let before = FactBefore {
            id: FactId::new("f").unwrap(),
            kind: FactKind::Fact,
            text: "The rent is 900".to_owned(),
            required: true,
            source: Some(3),
            source_span: None,
            request_id: "r".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let read = decode_fact(b"k", &encode(&before).unwrap()).unwrap();
        assert_eq!(
            (read.text.as_str(), read.known_turn, read.required),
            ("The rent is 900", 3, true)
        );
        assert!(!read.sketch.is_empty());
        let callers = postcard::to_extend(&read, vec![CALLERS]).unwrap();
        assert_eq!(decode_fact(b"k", &callers).unwrap(), read);
        let origin = Origin::Detector { version: 7, probability: 0.5 };
        let drawn = Fact { origin, owner: Owner::User, ..read };
        let bytes = encode_fact(&drawn).unwrap();
        assert_eq!(decode_fact(b"k", &bytes).unwrap(), drawn);
        for bad in [&[][..], &[9, 1][..], &bytes[..bytes.len() - 1]] {
            assert!(matches!(decode_fact(b"k", bad), Err(StoreError::Corrupt { .. })));
        }
    }
}
