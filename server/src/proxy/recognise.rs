//! Which of a request's messages are stored already, and what becomes of the others.
//! A function of values: what is stored as marks, what was sent as prints.
//!
//! The rules, in this order (`server/tests/proxy_suite/cases.json` has the cases):
//!
//! 1. the messages begin as the branch does and come to its end: it goes on;
//! 2. the newest stored exchange is among them (a client that keeps the last
//!    messages, behind a summary of its own or not): it goes on; unless as many
//!    messages stand before it as turns do and one of them differs: then that one was
//!    edited, and the later history kept. Results of tools are no edit there: clients
//!    clear old ones;
//! 3. they part from the branch somewhere: a new branch from there; they end where
//!    the branch has an answer: another answer is wanted;
//! 4. they have nothing in common with it: without an answer among them they are
//!    new (a client that sends the newest only), else they are a branch from the
//!    very beginning.
//!
//! An answer that was cut off may be missing, or be shorter than it is stored: the
//! client may never have had it.

use std::sync::Arc;

use throughline_memory::turn::{Role, Sequence};

use super::{
    print::{Print, spoken},
    said::Said,
};

/// Comparisons of one request at most, on all branches that are looked through. Where
/// messages repeat each other it could need as many as it has messages, times the turns
/// that are stored: what is found until then stands.
const MAX_COMPARED: usize = 4_000_000;

/// Comparisons that the searches of a request have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left(usize);

impl Default for Left {
    fn default() -> Self {
        Self(MAX_COMPARED)
    }
}

impl Left {
    /// Takes what a search has needed; tells whether it may go on.
    fn take(&mut self, compared: usize) -> bool {
        self.0 = self.0.saturating_sub(compared);
        self.0 > 0
    }
}

/// What is known of a stored turn; its sequence is its place, from 1.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) role: Role,
    pub(super) kind: Kind,
    /// The request that brought it had a history; of user turns that came through
    /// the proxy.
    pub(super) with_history: Option<bool>,
}

/// How a stored turn is compared.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// By what it says.
    Whole(Print),
    /// An answer that did not come to its end, with its text if that was read.
    CutOff(Print, Option<Arc<str>>),
    /// Its content was erased: whatever stood there.
    Forgotten,
}

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Every message, or the last ones.
    History,
    /// The newest message alone.
    Newest,
    /// Not known yet.
    Unknown,
}

/// What a request means for a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recognised {
    /// It goes on: messages from `known` on are new.
    GoesOn {
        /// Messages that are stored, or stand for what is.
        known: usize,
        /// Sequence of each known message; 0 for what is not stored as such.
        places: Vec<Sequence>,
    },
    /// It parts from it behind turn `at`: messages from `known` on are new there.
    Parts { known: usize, at: Sequence, places: Vec<Sequence> },
    /// All is stored up to turn `at`, and answered: another answer is wanted.
    AnswerAgain { at: Sequence, places: Vec<Sequence> },
}

/// The habit that a branch tells of.
pub(super) fn habit(stored: &[Mark]) -> Habit {
    match stored.iter().rev().find_map(|mark| mark.with_history) {
        Some(true) => Habit::History,
        // The first message has no history in any case.
        Some(false) if stored.len() > 2 => Habit::Newest,
        _ => Habit::Unknown,
    }
}

/// Compares. `retry`: the client says that it sends the request again.
pub(super) fn recognise(
    stored: &[Mark],
    said: &[Said],
    habit: Habit,
    retry: bool,
    left: &mut Left,
) -> Recognised {
    if stored.is_empty() {
        return Recognised::GoesOn { known: 0, places: Vec::new() };
    }
    let first = Run::forward(stored, said, 0);
    left.take(first.turn + 1);
    let has_history = said.iter().any(|said| said.role == Role::Assistant);
    if !has_history && (habit == Habit::Newest || (said.len() == 1 && habit == Habit::Unknown)) {
        let first_again = habit == Habit::Unknown && stored.len() <= 2;
        if !(first_again && first.ended(said)) {
            return newest(stored, said, retry, left);
        }
    }
    if first.met > 0 && first.reached(stored) {
        return first.goes_on();
    }
    if let Some(run) = tail(stored, said, left) {
        return match edited(stored, said, &run) {
            Some(until) => Recognised::Parts {
                known: until.message,
                at: until.turn as Sequence,
                places: until.places,
            },
            None => Recognised::GoesOn { known: run.places.len(), places: run.places },
        };
    }
    let best = middle(stored, said, first, left);
    match Some(best).filter(|run| run.met > 0) {
        Some(run) if run.ended(said) => {
            Recognised::AnswerAgain { at: run.turn as Sequence, places: run.places }
        }
        Some(run) if has_history || habit == Habit::History => {
            Recognised::Parts { known: run.message, at: run.turn as Sequence, places: run.places }
        }
        _ if has_history || habit == Habit::History => {
            Recognised::Parts { known: 0, at: 0, places: Vec::new() }
        }
        _ => newest(stored, said, retry, left),
    }
}

/// Whether stored turns begin with a message.
pub(super) fn begins_with(stored: &[Mark], said: &Said) -> bool {
    Run::forward(stored, std::slice::from_ref(said), 0).met == 1
}

/// A client that sends no history: what stands at the end without an answer may be
/// sent again.
fn newest(stored: &[Mark], said: &[Said], retry: bool, left: &mut Left) -> Recognised {
    let is_answer = |mark: &Mark| mark.role == Role::Assistant && !mark.is_cut_off();
    let open = stored.iter().rposition(is_answer).map_or(0, |at| at + 1);
    for from in open..stored.len() {
        let span = Span::forward(stored, said, from, |_| ());
        if span.met == said.len() || (span.met > 0 && reached(stored, span.turn)) {
            return Run::forward(stored, said, from).goes_on();
        }
        if !left.take(span.compared) {
            break;
        }
    }
    if retry && let Some(answer) = open.checked_sub(1) {
        for from in (answer.saturating_sub(said.len())..answer).rev() {
            let span = Span::forward(stored, said, from, |_| ());
            if span.met == said.len() && span.turn == answer {
                let places = Run::forward(stored, said, from).places;
                return Recognised::AnswerAgain { at: answer as Sequence, places };
            }
            if !left.take(span.compared) {
                break;
            }
        }
    }
    Recognised::GoesOn { known: 0, places: Vec::new() }
}

/// The newest stored exchange among the messages.
fn tail(stored: &[Mark], said: &[Said], left: &mut Left) -> Option<Run> {
    for until in (1..=said.len()).rev() {
        let span = Span::backward(stored, said, until, |_| ());
        let goes_on = left.take(span.compared);
        if span.has_answer && (span.met > 1 || span.met == until) {
            return Some(Run::backward(stored, said, until));
        }
        if !goes_on {
            break;
        }
    }
    None
}

/// Where a message before the newest exchange was edited: what stands before that one.
/// A client with a summary of its own has fewer messages there than turns are stored.
fn edited(stored: &[Mark], said: &[Said], exchange: &Run) -> Option<Run> {
    let (turns, messages) = (stored.get(..exchange.turn)?, said.get(..exchange.message)?);
    let missing = turns.iter().filter(|mark| mark.is_cut_off()).count();
    let most = turns.len();
    if messages.is_empty() || !(most - missing..=most).contains(&messages.len()) {
        return None;
    }
    let mut until = Run::forward(turns, messages, 0);
    while let (Some(mark), Some(next)) = (turns.get(until.turn), messages.get(until.message)) {
        if mark.role != Role::Tool || next.role != Role::Tool {
            return Some(until);
        }
        let rest = messages.get(until.message + 1..).unwrap_or_default();
        let more = Run::forward(turns, rest, until.turn + 1);
        until.places.push(0);
        until.places.extend(more.places);
        (until.message, until.turn) = (until.message + 1 + more.message, more.turn);
    }
    None
}

/// The longest run that begins with the first message, `first` or a later one.
fn middle(stored: &[Mark], said: &[Said], first: Run, left: &mut Left) -> Run {
    if first.ended(said) {
        return first;
    }
    let (mut best, mut longest) = (None, first.met.max(1));
    // The later of two that are as long, but the very beginning before all.
    for from in (1..stored.len()).rev() {
        let span = Span::forward(stored, said, from, |_| ());
        if span.met > longest && span.has_answer {
            (best, longest) = (Some(from), span.met);
        }
        if !left.take(span.compared) {
            break;
        }
    }
    best.map_or(first, |from| Run::forward(stored, said, from))
}

/// Whether nothing stands behind `turn` but what may be missing.
fn reached(stored: &[Mark], turn: usize) -> bool {
    stored.get(turn..).unwrap_or_default().iter().all(Mark::is_cut_off)
}

fn is_assistant(said: &Said) -> bool {
    said.role == Role::Assistant
}

impl Mark {
    /// An answer that broke off.
    pub(super) fn is_cut_off(&self) -> bool {
        matches!(self.kind, Kind::CutOff(..))
    }

    fn is(&self, said: &Said) -> bool {
        if self.role != said.role {
            return false;
        }
        match &self.kind {
            Kind::Whole(print) => *print == said.print,
            Kind::CutOff(print, text) => {
                *print == said.print
                    || text.as_ref().is_some_and(|text| {
                        let had = said.text();
                        let had = spoken(said.role, &had);
                        !had.is_empty() && text.starts_with(had)
                    })
            }
            Kind::Forgotten => true,
        }
    }
}

/// How far messages stand on a branch one after another.
struct Span {
    /// How many.
    met: usize,
    /// The turns up to the last one, those that may be missing behind it included.
    turn: usize,
    /// One of them is the assistant's.
    has_answer: bool,
    /// Turns that were looked at.
    compared: usize,
}

impl Span {
    /// From turn `from` (as an index) and the first message on; `at` is told each turn.
    fn forward(stored: &[Mark], said: &[Said], from: usize, mut at: impl FnMut(usize)) -> Self {
        let (mut met, mut turn, mut has_answer) = (0, from, false);
        while let (Some(mark), Some(next)) = (stored.get(turn), said.get(met)) {
            if mark.is(next) {
                at(turn);
                has_answer |= is_assistant(next);
                met += 1;
            } else if !mark.is_cut_off() {
                break;
            }
            turn += 1;
        }
        if met == said.len() {
            while stored.get(turn).is_some_and(Mark::is_cut_off) {
                turn += 1;
            }
        }
        Self { met, turn, has_answer, compared: turn - from + 1 }
    }

    /// From the end of the branch and message `until` (not included) back.
    fn backward(stored: &[Mark], said: &[Said], until: usize, mut at: impl FnMut(usize)) -> Self {
        let (mut met, mut turn, mut has_answer) = (0, stored.len(), false);
        while let (Some(mark), Some(before)) = (
            turn.checked_sub(1).and_then(|at| stored.get(at)),
            until.checked_sub(met + 1).and_then(|at| said.get(at)),
        ) {
            if mark.is(before) {
                at(turn - 1);
                has_answer |= is_assistant(before);
                met += 1;
            } else if !mark.is_cut_off() {
                break;
            }
            turn -= 1;
        }
        Self { met, turn, has_answer, compared: stored.len() - turn + 1 }
    }
}

/// Messages that stand on a branch one after another.
#[derive(Debug)]
struct Run {
    /// How many.
    met: usize,
    /// The message behind the last one; going backward, the first one.
    message: usize,
    /// The turns up to the last one, those that may be missing behind it included.
    turn: usize,
    /// Sequences of the messages up to the last one.
    places: Vec<Sequence>,
}

impl Run {
    /// As [`Span::forward`].
    fn forward(stored: &[Mark], said: &[Said], from: usize) -> Self {
        let mut places = Vec::new();
        let span = Span::forward(stored, said, from, |turn| places.push(turn as Sequence + 1));
        Self { met: span.met, message: span.met, turn: span.turn, places }
    }

    /// As [`Span::backward`].
    fn backward(stored: &[Mark], said: &[Said], until: usize) -> Self {
        let mut places = Vec::new();
        let span = Span::backward(stored, said, until, |turn| places.push(turn as Sequence + 1));
        places.resize(until, 0);
        places.reverse();
        Self { met: span.met, message: until - span.met, turn: span.turn, places }
    }

    /// Every message stands on the branch.
    fn ended(&self, said: &[Said]) -> bool {
        self.message == said.len()
    }

    /// It comes to the end of the branch.
    fn reached(&self, stored: &[Mark]) -> bool {
        reached(stored, self.turn)
    }

    fn goes_on(self) -> Recognised {
        Recognised::GoesOn { known: self.message, places: self.places }
    }
}

#[cfg(test)]
#[path = "recognise_tests.rs"]
mod tests;
