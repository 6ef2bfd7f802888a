//! Taking what erased turns left behind in the records of others.
//!
//! Invariant: no event, signal or probe that can be read names an erased turn, and no
//! reason quotes one. The words before a turn may have gone into the reason of its edges,
//! so that the reasons of its neighbour go too.

use std::ops::ControlFlow;

use crate::{
    degradation::{PROBES_VERSION, ProbeRound, SIGNALS_VERSION, TurnSignals},
    engine::{
        degradation::{strike_digests, touch},
        pin_lines::PinLine,
        records::{decode, decode_of, encode},
    },
    staleness::{Event, TurnEvents},
    store::{Batch, Direction, Store, StoreError, keys, keys::Kind},
    summary::{Summary, generations::strike_generations},
    turn::{ConversationId, Sequence, TenantId},
};

/// Adds to a batch what strikes erased turns (sorted) from the records of a
/// conversation: its events, rejections and uses.
///
/// # Errors
/// What the store reports.
pub(crate) fn strike_events(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    conversation: &ConversationId,
    erased: &[Sequence],
) -> Result<(), StoreError> {
    let Some(first) = erased.first() else { return Ok(()) };
    let (start, end) = keys::from_sequence(tenant, conversation, Kind::Events, *first);
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        let mut record = decode::<TurnEvents>(key, &value)?;
        if erased.binary_search(&record.sequence).is_ok() {
            batch.delete(key.to_vec());
        } else if strike(&mut record, erased) {
            batch.put(key.to_vec(), encode(&record)?);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for sequence in erased {
        batch.delete(keys::at_sequence(tenant, conversation, Kind::Used, *sequence));
    }
    let (start, end) = keys::from_sequence(tenant, conversation, Kind::Rejection, *first);
    store.scan_keys(&start, &end, &mut |key| {
        let place = key.len().saturating_sub(2 * size_of::<Sequence>());
        let named = key.get(place..).unwrap_or_default().chunks_exact(size_of::<Sequence>());
        let mut named = named.filter_map(|be| be.try_into().ok()).map(Sequence::from_be_bytes);
        if named.any(|sequence| erased.binary_search(&sequence).is_ok()) {
            batch.delete(key.to_vec());
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Adds to a batch what takes out the summaries of a conversation that stand for
/// erased turns (sorted), and what was generated of the conversation; what is left
/// is folded anew, after a restart too: a mark says so.
///
/// # Errors
/// What the store reports.
pub(crate) fn strike_summaries(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    conversation: &ConversationId,
    erased: &[Sequence],
) -> Result<(), StoreError> {
    let Some(first) = erased.first() else { return Ok(()) };
    strike_generations(store, batch, tenant, conversation)?;
    let before = batch.len();
    let (start, end) = keys::from_sequence(tenant, conversation, Kind::Summary, *first);
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        let summary = decode::<Summary>(key, &value)?;
        if erased.iter().any(|sequence| summary.covers(*sequence)) {
            batch.delete(key.to_vec());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if batch.len() > before {
        let mark = uuid::Uuid::now_v7().into_bytes();
        batch.put(keys::struck(tenant, conversation), encode(&mark)?);
    }
    Ok(())
}

/// Adds to a batch what takes out the lines of pins that were written with erased turns
/// (sorted): of their own pins, and of those soon after them. They are written anew.
///
/// # Errors
/// What the store reports.
pub(crate) fn strike_pin_lines(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    conversation: &ConversationId,
    erased: &[Sequence],
) -> Result<(), StoreError> {
    let Some(first) = erased.first() else { return Ok(()) };
    let (start, end) = keys::from_sequence(tenant, conversation, Kind::PinLine, *first);
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        let kept = decode::<PinLine>(key, &value)?;
        if erased.iter().any(|sequence| kept.read().contains(sequence)) {
            batch.delete(key.to_vec());
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Adds to a batch what takes out what was measured of erased turns (sorted), of the
/// windows that were built for them, what the application said of them, and the digests
/// that may hold any of it.
///
/// # Errors
/// What the store reports.
pub(crate) fn strike_degradation(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    conversation: &ConversationId,
    erased: &[Sequence],
) -> Result<(), StoreError> {
    if erased.is_empty() {
        return Ok(());
    }
    // Also where nothing else is left: one may have been kept since that was struck.
    strike_digests(batch, tenant, conversation);
    let before = batch.len();
    for sequence in erased {
        for kind in [Kind::Outcome, Kind::Window, Kind::WindowAsOf] {
            store.delete_below(batch, &keys::at_sequence(tenant, conversation, kind, *sequence))?;
        }
    }
    strike_signals(store, batch, tenant, conversation, erased)?;
    strike_probes(store, batch, tenant, conversation, erased)?;
    // Of a conversation that has gone nothing is left to strike, and no mark is to be.
    if batch.len() > before { touch(batch, tenant, conversation) } else { Ok(()) }
}

/// What was measured of later turns must not name an erased one as its cause. What
/// another version measured cannot be read and holds no words: it stays, since it may
/// have been measured again by the time that this is written.
fn strike_signals(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    conversation: &ConversationId,
    erased: &[Sequence],
) -> Result<(), StoreError> {
    let Some(first) = erased.first() else { return Ok(()) };
    let (start, end) = keys::from_sequence(tenant, conversation, Kind::Signals, *first);
    let is_erased = |sequence: Sequence| erased.binary_search(&sequence).is_ok();
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        if key.last_chunk().is_some_and(|be| is_erased(Sequence::from_be_bytes(*be))) {
            batch.delete(key.to_vec());
        } else if let Some(mut signals) = decode_of::<TurnSignals>(key, &value, SIGNALS_VERSION)?
            && signals.strike(&is_erased)
        {
            batch.put(key.to_vec(), encode(&signals)?);
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Rounds of probes at an erased turn go, and so does what was found of one.
fn strike_probes(
    store: &Store,
    batch: &mut Batch,
    tenant: &TenantId,
    conversation: &ConversationId,
    erased: &[Sequence],
) -> Result<(), StoreError> {
    let Some(first) = erased.first() else { return Ok(()) };
    let (start, end) = keys::from_sequence(tenant, conversation, Kind::Probes, *first);
    let is_erased = |sequence: Sequence| erased.binary_search(&sequence).is_ok();
    store.scan(&start, &end, Direction::Forward, &mut |key, value| {
        let round = decode_of::<ProbeRound>(key, &value, PROBES_VERSION)?;
        let Some(mut round) = round.filter(|round| !is_erased(round.at)) else {
            batch.delete(key.to_vec());
            return Ok(ControlFlow::Continue(()));
        };
        let before = round.probes.len();
        round.probes.retain(|probed| !is_erased(probed.source));
        // A round that is empty now still says when there was one.
        if round.probes.len() != before {
            batch.put(key.to_vec(), encode(&round)?);
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Strikes erased turns from a record; whether it has changed.
fn strike(record: &mut TurnEvents, erased: &[Sequence]) -> bool {
    let is_erased = |sequence: Sequence| erased.binary_search(&sequence).is_ok();
    let follows = |sequence: Sequence| sequence > 1 && is_erased(sequence - 1);
    let before = record.events.len();
    record.events.retain(|event| match event {
        Event::Edge(edge) => !is_erased(edge.earlier),
        Event::Echo { parent, edge } => !is_erased(edge.earlier) && !is_erased(*parent),
        Event::Mentions { earlier } => !is_erased(*earlier),
        Event::SegmentEnds { last, .. } => !is_erased(*last),
        Event::Expires { .. } => true,
    });
    let mut changed = record.events.len() != before;
    for event in &mut record.events {
        if let Event::Edge(edge) = event
            && (follows(record.sequence) || follows(edge.earlier))
            && !edge.reason.is_empty()
        {
            edge.reason.clear();
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        staleness::{Edge, EdgeKind},
        store::{StoreKind, StoreOptions},
    };

    fn record(sequence: Sequence, earlier: Sequence) -> TurnEvents {
        let edge = Edge {
            kind: EdgeKind::Supersedes,
            earlier,
            confidence: 0.9,
            earlier_span: None,
            later_span: None,
            reason: "tea -> coffee".to_owned(),
        };
        let events = vec![Event::Edge(edge), Event::Mentions { earlier: 2 }];
        TurnEvents { version: 1, sequence, said_at: Timestamp::UNIX_EPOCH, events }
    }

    #[test]
    fn events_that_name_or_quote_an_erased_turn_go() {
        for (earlier, erased, events, reason) in [
            (5, &[2][..], 1, "tea -> coffee"),
            (5, &[5][..], 1, ""),
            (5, &[4][..], 2, ""),
            (5, &[8][..], 2, ""),
            (5, &[3, 6][..], 2, "tea -> coffee"),
        ] {
            let mut struck = record(9, earlier);
            let changed = strike(&mut struck, erased);
            assert_eq!(struck.events.len(), events, "{erased:?}");
            assert_eq!(changed, struck != record(9, earlier));
            if let Some(Event::Edge(edge)) = struck.events.first() {
                assert_eq!(edge.reason, reason, "{erased:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_another_version_measured_goes_with_its_own_turn_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions::new(StoreKind::Sled, dir.path())).unwrap();
        let (tenant, id) = (TenantId::new("t").unwrap(), ConversationId::new("c").unwrap());
        let key = |at| keys::at_sequence(&tenant, &id, Kind::Signals, at);
        let mut batch = Batch::new();
        for at in [3, 5] {
            // Version of records, version of signals, other fields.
            batch.put(key(at), vec![1, 99, 7]);
        }
        store.commit(batch).await.unwrap();
        let mut batch = Batch::new();
        strike_signals(&store, &mut batch, &tenant, &id, &[3]).unwrap();
        store.commit(batch).await.unwrap();
        let is_there = |at| store.get(&key(at)).unwrap().is_some();
        assert_eq!((is_there(3), is_there(5)), (false, true));
    }
}
