//! What an import was given, as a hash: what makes two imports the same.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::pb::{self, import_conversation_request::Item};

/// Takes in the items of an import one by one.
pub(super) struct Given {
    hasher: blake3::Hasher,
    pub(super) turns: u64,
    pub(super) facts: u64,
}

impl Given {
    /// Of a header and the id that was asked for. What an import ignores of the
    /// header may differ.
    pub(super) fn new(header: &pb::Conversation, conversation_id: &str) -> Self {
        let mut given = Self { hasher: blake3::Hasher::new(), turns: 0, facts: 0 };
        for text in [conversation_id, &header.user_id, &header.title] {
            given.add(b'h', text.as_bytes());
        }
        // Maps come in any order.
        let labels: BTreeMap<&String, &String> = header.labels.iter().collect();
        for (key, value) in labels {
            given.add(b'k', key.as_bytes());
            given.add(b'v', value.as_bytes());
        }
        given
    }

    pub(super) fn item(&mut self, item: &Item) {
        match item {
            Item::Conversation(_) => self.add(b'c', &[]),
            Item::Turn(turn) => {
                self.turns += 1;
                self.add(b't', &turn.encode_to_vec());
            }
            Item::Fact(fact) => {
                self.facts += 1;
                self.add(b'f', &fact.encode_to_vec());
            }
            Item::Outcome(outcome) => self.add(b'o', &outcome.encode_to_vec()),
            Item::RejectedEdge(edge) => self.add(b'r', &edge.encode_to_vec()),
        }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    /// Kind and length keep what follows each other apart.
    fn add(&mut self, kind: u8, bytes: &[u8]) {
        self.hasher.update(&[kind]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_in_any_order_are_the_same_and_anything_else_is_not() {
        let labels = |names: &[&str]| {
            names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect()
        };
        let header = |names: &[&str], revision| pb::Conversation {
            labels: labels(names),
            revision,
            ..pb::Conversation::default()
        };
        let hash = |header: &pb::Conversation, id: &str, turns: &[&str]| {
            let mut given = Given::new(header, id);
            for name in turns {
                given.item(&Item::Turn(pb::Turn {
                    client_turn_id: (*name).to_owned(),
                    ..pb::Turn::default()
                }));
            }
            given.hash()
        };
        let first = hash(&header(&["a", "b", "c"], 1), "", &["x", "y"]);
        assert_eq!(first, hash(&header(&["c", "b", "a"], 2), "", &["x", "y"]));
        for other in [
            hash(&header(&["a", "b"], 1), "", &["x", "y"]),
            hash(&header(&["a", "b", "c"], 1), "id", &["x", "y"]),
            hash(&header(&["a", "b", "c"], 1), "", &["x"]),
            hash(&header(&["a", "b", "c"], 1), "", &["y", "x"]),
        ] {
            assert_ne!(first, other);
        }
    }
}
