//! What an assistant repeated of a turn that is replaced: "your booking at the Hilton
//! is confirmed", when the user changes the Hilton for the Marriott.
//!
//! The model draws edges between turns of one speaker alone, so the confirmation would
//! stand unmarked beside the new value. Here an edge to it follows from the one to the
//! turn that it repeats: by rule, since the pair of the two texts tells less than the
//! edge that is there.
//!
//! A current turn that is wrongly retired is the error to fear. So it has to be a
//! short turn of an assistant between the two, that states the very value that was
//! replaced and no other of its kind, in a clause that neither asks nor offers, and
//! that answers the replaced turn or shares a word with it. One that says more than
//! the replaced turn did is marked and never left out.

use std::sync::Arc;

use super::{
    event::{Edge, EdgeKind, Event, SHOWN_CONFIDENCE},
    statement::{Said, Statement},
    text::{Cue, Kind, Value, words::hash},
};
use crate::turn::Role;

/// Words of an echo; a longer turn says other things too.
const MAX_WORDS: usize = 40;
/// Turns at most that are taken to repeat what one new turn replaces; of more, those that
/// were said last.
const MAX_ECHOES: usize = 8;
/// Confidence of an echo that says more than what it repeats: below the one from which
/// windows leave a turn out (0.9), so that what it says beside stays.
const SAYS_MORE: f32 = 0.85;
/// In a clause with one of these the value is asked, offered, weighed or said not to be
/// so, and not repeated as what holds.
const NO_ECHO: [Cue; 7] =
    [Cue::Asks, Cue::Offers, Cue::Fails, Cue::Negates, Cue::Ended, Cue::Instead, Cue::Supposes];

/// The turns among `earlier` (in order) that repeat what a new turn replaces, by its
/// `edges`; each once, by its surest edge.
pub(super) fn echoes(new: &Statement, earlier: &[Arc<Statement>], edges: &[Edge]) -> Vec<Event> {
    let parents: Vec<Replaced<'_>> = edges
        .iter()
        .filter(|edge| edge.kind == EdgeKind::Supersedes && edge.confidence >= SHOWN_CONFIDENCE)
        .filter_map(|edge| Replaced::of(edge, new, earlier))
        .collect();
    if parents.is_empty() {
        return Vec::new();
    }
    let short =
        |turn: &&Arc<Statement>| turn.role == Role::Assistant && turn.said.words.len() <= MAX_WORDS;
    let echo = |turn: &Arc<Statement>| {
        let by_parent = parents.iter().filter_map(|parent| {
            let edge = parent.echoed_by(turn, &parents)?;
            Some((parent.old.sequence, edge))
        });
        let (parent, edge) = by_parent.max_by(|a, b| a.1.confidence.total_cmp(&b.1.confidence))?;
        Some(Event::Echo { parent, edge })
    };
    earlier.iter().rev().filter(short).filter_map(echo).take(MAX_ECHOES).collect()
}

/// A turn that a new one replaces, with the values that differ.
struct Replaced<'a> {
    edge: &'a Edge,
    old: &'a Statement,
    new: &'a Statement,
    was: Stated<'a>,
    is: Stated<'a>,
}

impl<'a> Replaced<'a> {
    /// Nothing where no typed values differ. A bare number says too little: "two" may be
    /// of anything.
    fn of(edge: &'a Edge, new: &'a Statement, earlier: &'a [Arc<Statement>]) -> Option<Self> {
        let old = earlier.iter().find(|turn| turn.sequence == edge.earlier)?;
        let was = Stated::at(&old.said, edge.earlier_span?)?;
        let is = Stated::at(&new.said, edge.later_span?)?;
        let kind = was.value.kind;
        (kind == is.value.kind && kind != Kind::Number).then_some(Self { edge, old, new, was, is })
    }

    /// The edge to a turn that repeats the replaced value.
    fn echoed_by(&self, echo: &Statement, parents: &[Self]) -> Option<Edge> {
        if echo.sequence <= self.old.sequence || self.new.sequence <= echo.sequence {
            return None;
        }
        let values = || Stated::all_of(&echo.said);
        let repeated = values().find(|value| value.says(&self.was))?;
        let clause = echo.said.clauses.get(usize::from(repeated.value.clause))?;
        if NO_ECHO.iter().any(|cue| clause.cues.has(*cue)) {
            return None;
        }
        // Another value of the kind: a list, or what was agreed meanwhile.
        let told_before = |value: &Stated<'_>| value.stands_in(&self.old.said);
        let strange = |value: &Stated<'_>| {
            value.is_alike(&self.was) && (value.says(&self.is) || !told_before(value))
        };
        if values().any(|value| strange(&value)) {
            return None;
        }
        let before = echo.before.as_deref();
        let answers = before.is_some_and(|before| before.text == self.old.said.text);
        if !answers && (!self.shares_a_word(&echo.said) || self.is_of_another(before, parents)) {
            return None;
        }
        let more = values().any(|value| !told_before(&value));
        let confidence = self.edge.confidence;
        let span = repeated.value.span;
        Some(Edge {
            kind: EdgeKind::Supersedes,
            earlier: echo.sequence,
            confidence: if more { confidence.min(SAYS_MORE) } else { confidence },
            earlier_span: Some((span.start, span.end)),
            later_span: self.edge.later_span,
            reason: format!(
                "repeats what turn {} said, which turn {} replaced",
                self.old.sequence, self.new.sequence
            ),
        })
    }

    /// Whether a text has a content word of the replaced turn beside the value.
    fn shares_a_word(&self, said: &Said) -> bool {
        let (from, to) = self.was.value.words;
        let has = |stem: u32| said.stems.binary_search_by_key(&stem, |(stem, _)| *stem).is_ok();
        let mut beside = self.old.said.stems.iter().filter(|(_, at)| *at < from || to <= *at);
        beside.any(|(stem, _)| has(*stem))
    }

    /// Whether what was said right before the echo states the value as well, and is not
    /// replaced: then it is that what is repeated.
    fn is_of_another(&self, before: Option<&Said>, parents: &[Self]) -> bool {
        before.is_some_and(|before| {
            self.was.stands_in(before)
                && parents.iter().all(|parent| parent.old.said.text != before.text)
        })
    }
}

/// A value with the text that states it.
#[derive(Clone, Copy)]
struct Stated<'a> {
    said: &'a Said,
    value: &'a Value,
}

impl<'a> Stated<'a> {
    /// The values of a text. An exclamation at its beginning ("Done!") reads like a
    /// name, and is none.
    fn all_of(said: &'a Said) -> impl Iterator<Item = Self> {
        let first = said.clauses.first().map(|clause| clause.words);
        let exclaims = move |value: &Value| {
            value.kind == Kind::Name && Some(value.words) == first && value.words == (0, 1)
        };
        let values = said.values.iter().filter(move |value| !exclaims(value));
        values.map(move |value| Self { said, value })
    }

    /// The value that stands at a place, if it is one.
    fn at(said: &'a Said, (start, end): (u32, u32)) -> Option<Self> {
        let here = |value: &&Value| (value.span.start, value.span.end) == (start, end);
        said.values.iter().find(here).map(|value| Self { said, value })
    }

    /// Whether two can take each other's place: of one kind, and counted alike.
    fn is_alike(&self, other: &Stated<'_>) -> bool {
        let (own, other) = (self.value, other.value);
        own.kind == other.kind && (own.kind != Kind::Quantity || own.unit == other.unit)
    }

    /// Whether both say the same.
    fn says(&self, other: &Stated<'_>) -> bool {
        let names = self.value.kind == Kind::Name && other.value.kind == Kind::Name;
        self.value.agrees(other.value) == Some(true) || (names && self.name().eq(other.name()))
    }

    /// Whether a text states it.
    fn stands_in(&self, said: &Said) -> bool {
        Stated::all_of(said).any(|own| own.says(self))
    }

    /// The words of a name, without the verb that reads like a part of it: "Book the
    /// Hilton".
    fn name(&self) -> impl Iterator<Item = u32> {
        let (from, to) = self.value.words;
        let words = self.said.words.get(usize::from(from)..usize::from(to)).unwrap_or_default();
        let opens = self.said.clauses.iter().any(|clause| clause.words.0 == from);
        let has_verb = opens && words.get(1).is_some_and(|word| word.hash == hash("the"));
        words.iter().skip(if has_verb { 2 } else { 0 }).map(|word| word.stem)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::staleness::statement::TurnText;

    fn statements(texts: &[(Role, &str)]) -> Vec<Arc<Statement>> {
        let mut all: Vec<Arc<Statement>> = Vec::new();
        for (sequence, (role, text)) in (1..).zip(texts) {
            let said_at = Timestamp::UNIX_EPOCH;
            let turn = TurnText { sequence, role: *role, speaker: "", said_at, text, vector: None };
            all.push(Arc::new(Statement::of(&turn, all.last().map(|last| &**last))));
        }
        all
    }

    /// The edge from the last turn to another, by the values that differ.
    fn edge(all: &[Arc<Statement>], earlier: u64, (was, is): (&str, &str), sure: f32) -> Edge {
        let span = |turn: &Statement, value: &str| {
            let from = turn.said.text.find(value).expect("a value of the turn") as u32;
            Some((from, from + value.len() as u32))
        };
        let new = all.last().expect("a turn");
        Edge {
            kind: EdgeKind::Supersedes,
            earlier,
            confidence: sure,
            earlier_span: span(&all[earlier as usize - 1], was),
            later_span: span(new, is),
            reason: String::new(),
        }
    }

    /// The turns that are taken for echoes, with the confidence.
    fn found(all: &[Arc<Statement>], edges: &[Edge]) -> Vec<(u64, f32)> {
        let (new, earlier) = all.split_last().expect("a turn");
        let events = echoes(new, earlier, edges);
        let edges = events.iter().filter_map(Event::edge);
        edges.map(|edge| (edge.earlier, edge.confidence)).collect()
    }

    const ASKED: &str = "Please book a room at the Hilton.";
    const CHANGED: &str = "Change it to the Marriott.";

    /// What an assistant answered between [`ASKED`] and [`CHANGED`].
    fn check(answer: &str, expected: &[(u64, f32)]) {
        let all =
            statements(&[(Role::User, ASKED), (Role::Assistant, answer), (Role::User, CHANGED)]);
        let edge = edge(&all, 1, ("Hilton", "Marriott"), 0.95);
        assert_eq!(found(&all, &[edge]), expected, "{answer:?}");
    }

    #[test]
    fn a_confirmation_of_the_replaced_value_is_an_echo() {
        for answer in [
            "Your room at the Hilton is booked.",
            "Great, the Hilton it is.",
            "Done! The Hilton is booked.",
            "Please confirm: a room at the Hilton. Is that right?",
        ] {
            check(answer, &[(2, 0.95)]);
        }
    }

    #[test]
    fn one_that_says_more_is_never_sure_enough_to_be_left_out() {
        check("Your room at the Hilton is booked for March 3rd.", &[(2, SAYS_MORE)]);
    }

    #[test]
    fn what_asks_offers_lists_or_knows_the_new_value_is_none() {
        let long =
            format!("Your room at the Hilton is booked. {}", "You will like it there. ".repeat(8));
        for answer in [
            "Your room is booked.",
            "I changed the Hilton to the Marriott.",
            "Do you want the Hilton?",
            "Would you like the Hilton.",
            "The Hilton is fully booked, I'm afraid.",
            "I have not booked the Hilton.",
            "Hotels nearby: the Hilton, the Ritz, the Adlon.",
            "The Hilton is booked, or would you say the Ritz?",
            &*long,
        ] {
            check(answer, &[]);
        }
    }

    #[test]
    fn it_names_what_it_repeats_and_where() {
        let answer = (Role::Assistant, "Your room at the Hilton is booked.");
        let all = statements(&[(Role::User, ASKED), answer, (Role::User, CHANGED)]);
        let (new, earlier) = all.split_last().unwrap();
        let edges = [edge(&all, 1, ("Hilton", "Marriott"), 0.7)];
        let events = echoes(new, earlier, &edges);
        let [Event::Echo { parent: 1, edge }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(edge.reason, "repeats what turn 1 said, which turn 3 replaced");
        let (from, to) = edge.earlier_span.unwrap();
        assert_eq!(&answer.1[from as usize..to as usize], "Hilton");
        assert_eq!(edge.later_span, edges[0].later_span);
    }

    #[test]
    fn what_answers_another_turn_is_an_echo_of_that() {
        let all = statements(&[
            (Role::User, "Dinner at 7 pm please."),
            (Role::Assistant, "Dinner at 7 pm, done."),
            (Role::User, "And book dinner for mum at 7 pm too."),
            (Role::Assistant, "Mum's dinner at 7 pm is booked."),
            (Role::User, "Tell me when to leave."),
            (Role::Assistant, "Leave at 6, dinner is at 7 pm."),
            (Role::Assistant, "The shop opens at 7 pm."),
            (Role::User, "Move my dinner to 8 pm."),
        ]);
        let of_first = edge(&all, 1, ("7 pm", "8 pm"), 0.9);
        let alone = found(&all, std::slice::from_ref(&of_first));
        assert_eq!(alone, [(6, SAYS_MORE), (2, 0.9)]);
        // Where both were replaced both answers are echoes.
        let of_third = edge(&all, 3, ("7 pm", "8 pm"), 0.6);
        let both = found(&all, &[of_first, of_third]);
        assert_eq!(both.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [6, 4, 2]);
    }

    #[test]
    fn only_turns_between_the_two_and_of_an_assistant_count() {
        let all = statements(&[
            (Role::Assistant, "The room at the Hilton is nice."),
            (Role::User, "Please book a room at the Hilton."),
            (Role::User, "A room at the Hilton it is."),
            (Role::User, "Change it to the Marriott."),
        ]);
        assert_eq!(found(&all, &[edge(&all, 2, ("Hilton", "Marriott"), 0.95)]), []);
    }

    #[test]
    fn a_bare_number_or_an_edge_that_is_not_shown_has_no_echo() {
        let table = [
            (Role::User, "A table for two."),
            (Role::Assistant, "A table for two, noted."),
            (Role::User, "Make it three."),
        ];
        let all = statements(&table);
        assert_eq!(found(&all, &[edge(&all, 1, ("two", "three"), 0.95)]), []);
        let answer = (Role::Assistant, "Your room at the Hilton is booked.");
        let all = statements(&[(Role::User, ASKED), answer, (Role::User, CHANGED)]);
        assert_eq!(found(&all, &[edge(&all, 1, ("Hilton", "Marriott"), 0.4)]), []);
        let contradicts =
            Edge { kind: EdgeKind::Contradicts, ..edge(&all, 1, ("Hilton", "Marriott"), 0.95) };
        assert_eq!(found(&all, &[contradicts]), []);
    }

    #[test]
    fn a_verb_before_a_name_is_no_part_of_it() {
        let all = statements(&[
            (Role::User, "Book the Hilton."),
            (Role::Assistant, "The Hilton is booked."),
            (Role::User, CHANGED),
        ]);
        let edge = edge(&all, 1, ("Book the Hilton", "Marriott"), 0.95);
        assert_eq!(found(&all, &[edge]), [(2, 0.95)]);
    }
}
