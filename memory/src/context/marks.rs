//! What is to be said of turns that do not simply hold: a bracketed note that
//! stands with a turn wherever it stands, and turns that retrieval must not
//! bring. The engine decides it before planning for what may stand verbatim, and
//! for a proposal when there is room for it ([`Marker`]): most find none.
//!
//! Invariant: a turn with a note costs what [`marked_cost`] counts (where it can
//! only stand as an excerpt, [`marked_excerpt`]), and its note is rendered in
//! every section.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

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

/// Finds out what is to be said of proposals.
pub trait Marker {
    /// The mark of a turn with what its excerpt costs with the note, if there is
    /// one; `cost` is that without.
    fn mark(&self, of: Option<&ConversationId>, cost: TurnCost) -> Option<(Mark, TurnCost)>;
}

/// What is known of a turn: its mark, and what it costs where it was found late.
type Known = Option<(Rc<Mark>, Option<TurnCost>)>;

/// Marks by conversation (absent for the window's own) and turn.
#[derive(Clone, Default)]
pub struct Marks<'a> {
    known: RefCell<HashMap<(Option<ConversationId>, Sequence), Known>>,
    marker: Option<&'a dyn Marker>,
}

impl<'a> Marks<'a> {
    /// Asks `marker` of the turns that are not marked yet.
    pub fn with<'b>(self, marker: &'b dyn Marker) -> Marks<'b> {
        Marks { known: self.known, marker: Some(marker) }
    }

    /// Marks a turn whose costs count the note already.
    pub fn insert(&mut self, of: Option<&ConversationId>, sequence: Sequence, mark: Mark) {
        let known = Some((Rc::new(mark), None));
        self.known.get_mut().insert((of.cloned(), sequence), known);
    }

    /// What is said of a turn, as far as it was found out.
    pub fn get(&self, of: Option<&ConversationId>, sequence: Sequence) -> Option<Rc<Mark>> {
        let known = self.known.borrow();
        let (mark, _) = known.get(&(of.cloned(), sequence))?.as_ref()?;
        Some(Rc::clone(mark))
    }

    /// Finds out what is said of a proposal, and gives what it costs with it.
    pub(super) fn find(&self, of: Option<&ConversationId>, cost: TurnCost) -> TurnCost {
        let place = (of.cloned(), cost.sequence);
        if let Some(known) = self.known.borrow().get(&place) {
            return known.as_ref().and_then(|(_, late)| *late).unwrap_or(cost);
        }
        let found = self.marker.and_then(|marker| marker.mark(of, cost));
        let with_note = found.as_ref().map_or(cost, |(_, cost)| *cost);
        let known = found.map(|(mark, cost)| (Rc::new(mark), Some(cost)));
        self.known.borrow_mut().insert(place, known);
        with_note
    }

    /// Retrieval must not bring it.
    pub fn is_dropped(&self, of: Option<&ConversationId>, sequence: Sequence) -> bool {
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
        verbatim: weigh_again(&with_note(verbatim(turn), note), counter),
        ..marked_excerpt(cost, turn, note, counter)
    }
}

/// A message with the note of a mark behind its words.
pub(super) fn noted(message: Message, mark: Option<&Mark>) -> Message {
    with_note(message, note_of(mark))
}

fn with_note(mut message: Message, note: &str) -> Message {
    if !note.is_empty() {
        if !message.content.is_empty() {
            message.content.push('\n');
        }
        message.content.push_str(note);
    }
    message
}

/// The note of a mark, or nothing.
pub(super) fn note_of(mark: Option<&Mark>) -> &str {
    mark.map_or("", |mark| &mark.note)
}
