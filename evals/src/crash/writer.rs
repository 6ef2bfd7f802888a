//! A writer: appends batches to its own conversation until the server dies,
//! and records what was acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use throughline_proto::v1::{self as wire, AppendTurnsRequest, part::Content};
use tonic::Code;

use crate::{
    client::{Api, explain},
    load::text::Texts,
};

use super::record::{Record, Written};

/// Most turns of one append.
const MAX_BATCH: u64 = 5;
/// Largest usual text, in bytes.
const MAX_TEXT: u64 = 2_000;
/// One text in so many is a long one: it spans many of the store's values.
const LONG_ONE_IN: u64 = 50;
/// A long text, in bytes.
const LONG_TEXT: usize = 100_000;
/// Pause of a writer that was refused.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

/// A turn as the wire carries it.
pub(super) fn wire_turn(written: &Written) -> wire::Turn {
    wire::Turn {
        role: wire::Role::User as i32,
        parts: vec![wire::Part { content: Some(Content::Text(written.text.clone())) }],
        client_turn_id: written.client_turn_id.clone(),
        ..wire::Turn::default()
    }
}

/// An append of turns.
pub(super) fn request(name: &str, turns: &[Written]) -> AppendTurnsRequest {
    AppendTurnsRequest {
        conversation: name.to_owned(),
        turns: turns.iter().map(wire_turn).collect(),
        ..AppendTurnsRequest::default()
    }
}

/// Appends until the server is gone. An error before `killed` is set is a
/// violation; the second value says so.
pub(super) async fn write(
    api: Api,
    mut record: Record,
    mut texts: Texts,
    killed: Arc<AtomicBool>,
) -> (Record, Option<String>) {
    let mut number = 0u64;
    loop {
        for _ in 0..=texts.below(MAX_BATCH) {
            let bytes = match texts.below(LONG_ONE_IN) {
                0 => LONG_TEXT,
                _ => 1 + usize::try_from(texts.below(MAX_TEXT)).unwrap_or(0),
            };
            let text = texts.of_bytes(bytes);
            record.pending.push(Written { client_turn_id: format!("t{number}"), text });
            number += 1;
        }
        // The same batch again as long as it is refused: it stays in flight.
        let answer = loop {
            let request = request(&record.name, &record.pending);
            match api.conversations.clone().append_turns(request).await {
                Err(status) if status.code() == Code::ResourceExhausted => {
                    tokio::time::sleep(REFUSED_PAUSE).await;
                    if killed.load(Ordering::Acquire) {
                        return (record, None);
                    }
                }
                answer => break answer,
            }
        };
        match answer {
            Ok(reply) => {
                let turns = reply.into_inner().turns;
                if turns.len() != record.pending.len() {
                    let (sent, got) = (record.pending.len(), turns.len());
                    let what = format!("{}: {got} of {sent} turns answered", record.name);
                    return (record, Some(what));
                }
                let sequences: Vec<u64> = turns.iter().map(|turn| turn.sequence).collect();
                record.acknowledge(&sequences);
            }
            Err(_) if killed.load(Ordering::Acquire) => return (record, None),
            Err(status) => {
                let what = explain(&format!("{}: before the kill", record.name), &status);
                return (record, Some(what.to_string()));
            }
        }
    }
}
