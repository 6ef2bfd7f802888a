//! The messages of a request by what they are, and whether they can stand so.

use std::collections::HashSet;

use bytes::Bytes;
use throughline_memory::{engine::Limits, turn::Role};

use super::{error::ProxyError, said::Said};

/// Messages of a request at most.
pub(super) const MAX_MESSAGES: usize = 100_000;

/// A request's messages.
#[derive(Debug)]
pub(super) struct Request {
    /// Leading system messages: the application's own, sent as they are, not stored.
    pub(super) instructions: Vec<Bytes>,
    /// What was said, the newest last.
    pub(super) said: Vec<Said>,
    /// Which of it is the user's newest message; what follows is in progress.
    pub(super) user: usize,
    /// The beginning of the answer, if the caller gives one.
    pub(super) prefill: Option<Said>,
}

impl Request {
    /// Sorts messages.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`] if none is the user's.
    pub(super) fn new(instructions: Vec<Bytes>, mut said: Vec<Said>) -> Result<Self, ProxyError> {
        let begins_answer =
            |last: &Said| last.role == Role::Assistant && last.calls().next().is_none();
        let prefill = if said.last().is_some_and(begins_answer) { said.pop() } else { None };
        let Some(user) = said.iter().rposition(|said| said.role == Role::User) else {
            return Err(ProxyError::malformed("messages", "must hold one of the user"));
        };
        Ok(Self { instructions, said, user, prefill })
    }

    /// Whether the messages from `known` on can follow: a tool's result has its call
    /// before it, in the request or, as `is_stored` says, on the branch; what was
    /// called is answered before somebody speaks.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`] with the message.
    pub(super) fn check_order(
        &self,
        known: usize,
        is_stored: &HashSet<String>,
    ) -> Result<(), ProxyError> {
        let (mut called, _) = self.called_before(known);
        let mut open = self.open_before(known);
        for (at, said) in self.said.iter().enumerate().skip(known) {
            let place = || format!("messages[{}]", at + self.instructions.len());
            if said.role != Role::Tool && !open.is_empty() {
                let why = "stands before the results of the tool calls that precede it";
                return Err(ProxyError::malformed(place(), why));
            }
            for id in said.results() {
                if !called.contains(id) && !is_stored.contains(id) {
                    let why = "is the result of a tool call that was not made before it";
                    return Err(ProxyError::malformed(place(), why));
                }
                open.remove(id);
            }
            called.extend(said.calls());
            open.extend(said.calls());
            if said.is_empty() && said.role != Role::Assistant {
                return Err(ProxyError::malformed(place(), "has no content"));
            }
        }
        let last = self.said.len() + self.instructions.len();
        match open.is_empty() {
            true => Ok(()),
            false => Err(ProxyError::malformed(
                format!("messages[{last}]"),
                "is missing: the last message's tool calls have no results",
            )),
        }
    }

    /// Whether the messages from `known` on are within the limits of turns.
    ///
    /// # Errors
    /// [`ProxyError::Malformed`] with the message.
    pub(super) fn check_sizes(&self, known: usize, limits: &Limits) -> Result<(), ProxyError> {
        for (at, said) in self.said.iter().enumerate().skip(known) {
            let place = || format!("messages[{}]", at + self.instructions.len());
            for (is, limit, max) in [
                (said.bytes(), "turn_bytes", limits.turn_bytes),
                (said.parts().len(), "parts_per_turn", limits.parts_per_turn),
                (said.speaker().len(), "name_bytes", limits.name_bytes),
            ] {
                if is as u64 > max {
                    let why = format!("is over the limit {limit}: {is}, at most {max}");
                    return Err(ProxyError::malformed(place(), why));
                }
            }
            let mut names = said.calls().chain(said.results());
            if names.any(|id| id.is_empty() || id.len() as u64 > limits.name_bytes) {
                let why = format!("has a call id of no or over {} bytes", limits.name_bytes);
                return Err(ProxyError::malformed(place(), why));
            }
        }
        Ok(())
    }

    /// Whether results among the messages from `known` on have their calls elsewhere.
    pub(super) fn calls_elsewhere(&self, known: usize) -> bool {
        self.called_before(known).1
    }

    /// Calls before the message `known` that results from it on answer, and whether
    /// there are results without. Only as many messages are looked at as it takes:
    /// what is known was not parsed.
    fn called_before(&self, known: usize) -> (HashSet<&str>, bool) {
        let (mut called, mut wanted, mut found) = (HashSet::new(), HashSet::new(), HashSet::new());
        for said in self.said.iter().skip(known) {
            wanted.extend(said.results().filter(|id| !called.contains(id)));
            called.extend(said.calls());
        }
        let before = self.said.get(..known).unwrap_or_default();
        for said in before.iter().rev().filter(|said| said.role == Role::Assistant) {
            if wanted.is_empty() {
                break;
            }
            found.extend(said.calls().filter(|id| wanted.remove(id)));
        }
        (found, !wanted.is_empty())
    }

    /// Calls right before the message `known` that have no result yet.
    fn open_before(&self, known: usize) -> HashSet<&str> {
        let before = self.said.get(..known).unwrap_or_default();
        let from = before.iter().rposition(|said| said.role != Role::Tool).unwrap_or(0);
        let mut open = HashSet::new();
        for said in before.iter().skip(from) {
            for id in said.results() {
                open.remove(id);
            }
            open.extend(said.calls());
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::said::Piece;

    fn said(words: &str) -> Said {
        let (role, text) = words.split_once(':').unwrap();
        let call = || Piece::Call { id: text.into(), name: "f".into(), arguments: "{}".into() };
        let (role, piece) = match role {
            "u" => (Role::User, Piece::Text(text.into())),
            "a" => (Role::Assistant, Piece::Text(text.into())),
            "call" => (Role::Assistant, call()),
            _ => (Role::Tool, Piece::Result { id: text.into(), content: "x".into() }),
        };
        Said::new(Bytes::new(), role, String::new(), &[piece])
    }

    fn check(words: &[&str], known: usize, expected: &str) {
        let said = words.iter().map(|words| said(words)).collect();
        let stored = HashSet::from(["old".to_owned()]);
        let found = Request::new(Vec::new(), said)
            .and_then(|request| request.check_order(known, &stored))
            .err()
            .map_or_else(String::new, |error| error.to_string());
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found}");
    }

    #[test]
    fn orders_that_cannot_be_are_named() {
        check(&["u:a", "call:1", "tool:1"], 0, "");
        check(&["u:a", "call:1", "tool:1", "a:b", "u:c"], 0, "");
        check(&["a:b"], 0, "one of the user");
        check(&[], 0, "one of the user");
        check(&["u:a", "tool:1"], 0, "messages[1] is the result");
        check(&["u:a", "tool:old"], 0, "");
        check(&["u:a", "tool:1"], 2, "");
        check(&["u:a", "call:1", "u:b"], 0, "messages[2] stands before");
        check(&["u:a", "call:1", "u:b"], 3, "");
        // The calls of what is known are found there.
        check(&["u:a", "call:1", "tool:1", "tool:1", "u:b"], 3, "");
        check(&["u:a", "call:1", "tool:1", "a:b", "u:c", "tool:1"], 5, "");
        check(&["u:a", "call:1", "u:b"], 2, "messages[2] stands before");
        check(&["u:a", "call:1"], 2, "messages[2] is missing");
        check(&["u:a", "call:1"], 0, "messages[2] is missing");
        check(&["u:"], 0, "no content");
    }

    #[test]
    fn the_beginning_of_an_answer_is_no_message() {
        let request = Request::new(Vec::new(), vec![said("u:a"), said("a:The")]).unwrap();
        assert_eq!(request.prefill.map(|prefill| prefill.text()).as_deref(), Some("The"));
        assert_eq!((request.user, request.said.len()), (0, 1));
    }
}
