//! What is to be said of turns that do not simply hold: a bracketed note that
//! stands with a turn wherever it stands, and turns that retrieval must not
//! bring. Decided by the engine before planning.
//!
//! Invariant: a turn with a note costs what [`marked_cost`] counts (where it can
//! only stand as an excerpt, [`marked_excerpt`]), and its note is rendered in
//! every section.

use std::collections::HashMap;

use super::{
    cost::{TurnCost, is_blank},
    quote,
    render::{verbatim, weigh_again},
    tokens::TokenCounter,
    window::Message,
};
use crate::turn::{ConversationId, Sequence, Turn};

/// What is said of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The note, in brackets.
    pub note: String,
    /// Retrieval leaves it out; recent turns stand marked all the same.
    pub dropped: bool,
}

/// Marks by conversation (absent for the window's own) and turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    own: HashMap<Sequence, Mark>,
    others: HashMap<ConversationId, HashMap<Sequence, Mark>>,
}

impl Marks {
    /// Marks a turn.
    pub fn insert(&mut self, of: Option<&ConversationId>, sequence: Sequence, mark: Mark) {
        let marks = match of {
            None => &mut self.own,
            Some(other) => self.others.entry(other.clone()).or_default(),
        };
        marks.insert(sequence, mark);
    }

    /// What is said of a turn.
    pub fn get(&self, of: Option<&ConversationId>, sequence: Sequence) -> Option<&Mark> {
        match of {
            None => self.own.get(&sequence),
            Some(other) => self.others.get(other)?.get(&sequence),
        }
    }

    /// Its note, or nothing.
    pub(super) fn note(&self, of: Option<&ConversationId>, sequence: Sequence) -> &str {
        self.get(of, sequence).map_or("", |mark| &mark.note)
    }

    /// Retrieval must not bring it.
    pub(super) fn is_dropped(&self, of: Option<&ConversationId>, sequence: Sequence) -> bool {
        self.get(of, sequence).is_some_and(|mark| mark.dropped)
    }
}

/// What a turn costs as an excerpt with its note, and what it costs verbatim
/// without.
pub fn marked_excerpt(
    cost: TurnCost,
    turn: &Turn,
    note: &str,
    counter: &dyn TokenCounter,
) -> TurnCost {
    if note.is_empty() || is_blank(turn) || cost.is_blank() {
        return cost;
    }
    let quoted = if counter.additive() {
        cost.quoted.saturating_add(counter.count_again(&quote::note_line(note)))
    } else {
        counter.count(&quote::excerpt(turn, note)).max(1)
    };
    TurnCost { quoted, ..cost }
}

/// What a turn costs with its note, as an excerpt and verbatim.
pub fn marked_cost(
    cost: TurnCost,
    turn: &Turn,
    note: &str,
    counter: &dyn TokenCounter,
) -> TurnCost {
    if note.is_empty() || is_blank(turn) || cost.is_blank() {
        return cost;
    }
    TurnCost {
        verbatim: weigh_again(&noted(verbatim(turn), note), counter),
        ..marked_excerpt(cost, turn, note, counter)
    }
}

/// A message with a note behind its words.
pub(super) fn noted(mut message: Message, note: &str) -> Message {
    if !note.is_empty() {
        if !message.content.is_empty() {
            message.content.push('\n');
        }
        message.content.push_str(note);
    }
    message
}
