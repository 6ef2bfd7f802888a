//! What a writer knows: which turns were acknowledged at which sequence, and
//! which batch was in flight when the server died. Compared with what the
//! server holds afterwards. Plain values, no I/O.
//!
//! What must hold: sequences are dense from 1; every acknowledged turn stands
//! at its sequence, byte-equal; no client turn id stands twice; beyond the
//! acknowledged turns there is nothing but the batch in flight, whole or not
//! at all.

use std::collections::{BTreeMap, HashSet};

/// A turn as it was sent, or as the server holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Its idempotency key.
    pub(super) client_turn_id: String,
    /// What it says.
    pub(super) text: String,
}

/// A writer's own record of its conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// `conversations/{id}`.
    pub(super) name: String,
    /// Acknowledged turns by sequence.
    pub(super) acked: BTreeMap<u64, Written>,
    /// The batch that was sent and not answered.
    pub(super) pending: Vec<Written>,
}

impl Record {
    /// A record of an empty conversation.
    pub(super) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Turns that were acknowledged.
    pub(super) fn acknowledged(&self) -> usize {
        self.acked.len()
    }

    /// Turns that were in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// The batch in flight was answered: its turns stand at these sequences.
    pub(super) fn acknowledge(&mut self, sequences: &[u64]) {
        let batch = std::mem::take(&mut self.pending);
        self.acked.extend(sequences.iter().copied().zip(batch));
    }

    /// What is wrong with what the server holds (sequence and turn, in order).
    pub(super) fn violations(&self, stored: &[(u64, Written)]) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        for (index, (sequence, turn)) in stored.iter().enumerate() {
            if *sequence != index as u64 + 1 {
                found.push(format!("place {} has sequence {sequence}", index + 1));
            }
            if !seen.insert(&turn.client_turn_id) {
                found.push(format!("{} stands twice, again at {sequence}", turn.client_turn_id));
            }
        }
        let held: BTreeMap<u64, &Written> = stored.iter().map(|(at, turn)| (*at, turn)).collect();
        for (sequence, sent) in &self.acked {
            match held.get(sequence) {
                None => found.push(format!("acknowledged turn {sequence} is lost")),
                Some(turn) if turn.client_turn_id != sent.client_turn_id => {
                    found.push(format!("another turn stands at {sequence}"));
                }
                Some(turn) if turn.text != sent.text => {
                    found.push(format!("turn {sequence} has other bytes"));
                }
                Some(_) => {}
            }
        }
        let beyond: Vec<&Written> = stored
            .iter()
            .filter(|(sequence, _)| !self.acked.contains_key(sequence))
            .map(|(_, turn)| turn)
            .collect();
        let whole = beyond.iter().copied().eq(self.pending.iter());
        if !beyond.is_empty() && !whole {
            let (there, sent) = (beyond.len(), self.pending.len());
            found.push(format!("{there} turns were never acknowledged; {sent} were in flight"));
        }
        found.into_iter().map(|what| format!("{}: {what}", self.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(id: &str) -> Written {
        Written { client_turn_id: id.to_owned(), text: format!("text of {id}") }
    }

    /// A record of acknowledged `a`, `b` and of `c`, `d` in flight.
    fn check(stored: &[(u64, &str)], expected: &[&str]) {
        let mut record = Record::new("conversations/x".into());
        record.pending = vec![written("a"), written("b")];
        record.acknowledge(&[1, 2]);
        record.pending = vec![written("c"), written("d")];
        let stored: Vec<_> = stored.iter().map(|&(at, id)| (at, written(id))).collect();
        let got = record.violations(&stored);
        assert_eq!(got.len(), expected.len(), "{got:?}");
        for (got, expected) in got.iter().zip(expected) {
            assert!(got.contains(expected), "{got} for {expected}");
        }
    }

    #[test]
    fn what_was_acknowledged_must_be_there_once() {
        let (a, b, c, d) = ((1, "a"), (2, "b"), (3, "c"), (4, "d"));
        check(&[a, b], &[]);
        check(&[a, b, c, d], &[]);
        check(&[a], &["turn 2 is lost"]);
        check(&[a, b, c], &["1 turns were never acknowledged; 2 were in flight"]);
        check(&[a, b, (3, "d"), (4, "c")], &["never acknowledged"]);
        check(&[a, b, (3, "e")], &["never acknowledged"]);
        check(&[a, b, (3, "b")], &["b stands twice", "never acknowledged"]);
        check(&[(1, "b"), (2, "a")], &["another turn stands at 1", "another turn stands at 2"]);
        check(&[a, b, (4, "c"), (5, "d")], &["place 3 has sequence 4", "place 4 has sequence 5"]);
        check(&[], &["turn 1 is lost", "turn 2 is lost"]);
    }

    #[test]
    fn other_bytes_are_seen() {
        let mut record = Record::new("conversations/x".into());
        record.pending = vec![written("a")];
        record.acknowledge(&[1]);
        let other = Written { text: "text of A".into(), ..written("a") };
        let got = record.violations(&[(1, other)]);
        assert!(matches!(got.as_slice(), [one] if one.contains("other bytes")), "{got:?}");
    }
}
