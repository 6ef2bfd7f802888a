//! What windows do with turns that a later one replaced or another contradicts.
//!
//! A replaced turn is not brought by retrieval, its replacement is, in its
//! place. Where the query asks about change, and where only a part of a long
//! turn was replaced, it is brought and marked. Recent turns stand marked, so
//! that the dialogue stays whole. Of a contradiction both sides are brought, each
//! with a note that names the other.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use super::{
    Engine, EngineError,
    bringing::Bringing,
    late_marks::LateMarks,
    ledger::Ledger,
    scopes::Scope,
    standing::StandingFacts,
    successors::{Successor, Successors},
};
use crate::{
    context::{
        Carried, Mark, Marks, RetrievedTurn, TokenCounter, TurnCost, clean, marked_cost,
        marked_excerpt, place_of,
    },
    facts::TurnMark,
    retrieval,
    staleness::{Edge, Timeline},
    turn::{ConversationId, Sequence, Turn},
};

/// Longest value that a note shows, in characters.
pub(super) const MAX_NOTE_CHARS: usize = 120;
/// Longest quotation of the other side of a contradiction, in characters: it is
/// brought itself, and the note has to tell which one it is.
const MAX_SIDE_CHARS: usize = 48;
/// Edges of this confidence leave the earlier turn out. A less certain one marks
/// it: a current turn that is wrongly left out is the error to fear.
pub(super) const CERTAIN_CONFIDENCE: f32 = 0.9;
/// Other sides of contradictions that a note names.
const MAX_NAMED: usize = 2;
/// Tokens up to which a turn is about one thing: a replacement of any of it
/// replaces the whole.
const ONE_THING_TOKENS: u32 = 80;

/// What a window does with turns that were replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SupersededTurns {
    /// They are left out, or marked when the query asks about change.
    #[default]
    ByQuery,
    /// They are left out.
    Drop,
    /// They are marked.
    Mark,
}

impl SupersededTurns {
    /// Whether replaced turns are marked and not dropped.
    pub(super) fn keeps(self, query: &str) -> bool {
        match self {
            Self::ByQuery => retrieval::asks_about_change(query),
            Self::Drop => false,
            Self::Mark => true,
        }
    }
}

/// A window's proposals and costs, as marking changes them.
pub(super) struct Marking<'a> {
    /// Proposals of retrieval, best first.
    pub(super) retrieved: Vec<RetrievedTurn>,
    /// Costs of the window's conversation.
    pub(super) history: Cow<'a, [TurnCost]>,
    /// The notes of what may stand verbatim, or is carried.
    pub(super) marks: Marks<'static>,
    keep: bool,
}

/// What may stand in a window beside the proposals.
pub(super) struct MayShow<'a> {
    /// The first place in the history from which turns may stand verbatim.
    pub(super) recent_from: usize,
    /// Excerpts of the window before.
    pub(super) carried: Option<&'a Carried>,
    /// The turn that is asked.
    pub(super) query: Option<Sequence>,
}

/// One conversation while its turns are marked.
pub(super) struct Marked<'a> {
    pub(super) scope: &'a Scope,
    pub(super) ledger: Arc<Ledger>,
    /// Its ledger covers the turns up to here.
    pub(super) scored: Sequence,
    as_of: Sequence,
    /// Another conversation of the user, or absent for the window's own.
    pub(super) of: Option<ConversationId>,
    /// The facts, which may have replaced turns.
    by_facts: Arc<StandingFacts>,
}

impl<'a> Marking<'a> {
    /// `keep`: replaced turns are marked and not dropped.
    pub(super) fn new(
        retrieved: Vec<RetrievedTurn>,
        history: Cow<'a, [TurnCost]>,
        keep: bool,
    ) -> Self {
        Self { retrieved, history, marks: Marks::default(), keep }
    }

    /// Brings replacements and other sides to where what they bear on stands,
    /// and marks what may stand in the window beside the proposals. Gives what
    /// marks these.
    pub(super) fn run<'b>(
        &mut self,
        engine: &'b Engine,
        scopes: &'b [Scope],
        may_show: MayShow<'_>,
        counter: &'b dyn TokenCounter,
    ) -> Result<LateMarks<'b>, EngineError> {
        let mut conversations = Vec::new();
        for (at, scope) in scopes.iter().enumerate() {
            let id = &scope.branch.conversation;
            let of = (at > 0).then(|| id.clone());
            if of.is_some() && !self.retrieved.iter().any(|found| found.conversation == of) {
                continue;
            }
            let scored = engine.scored(scope)?;
            let ledger = engine.ledgers.of(&engine.store, &scope.branch, scored)?;
            let as_of = scope.head.last_sequence;
            let by_facts = engine.facts_as_of(&scope.branch.tenant, id, as_of)?;
            let one = Marked { scope, ledger, scored, as_of, of, by_facts };
            let ledger = Arc::clone(&one.ledger);
            let timeline = ledger.covering(&engine.store, scored)?;
            self.bring(&one, &timeline, counter);
            let mut shown: HashSet<Sequence> = HashSet::new();
            let carried = may_show.carried.into_iter().flat_map(Carried::turns);
            shown.extend(carried.filter(|(of, _)| *of == one.of.as_ref()).map(|(_, at)| at));
            if one.of.is_none() {
                let recent = self.history.get(may_show.recent_from..).unwrap_or_default();
                shown.extend(recent.iter().map(|cost| cost.sequence));
                shown.extend(may_show.query);
            }
            let verbatim_from = self.history.get(may_show.recent_from).map(|cost| cost.sequence);
            self.mark(engine, &one, &timeline, (shown, verbatim_from), counter)?;
            drop(timeline);
            conversations.push(one);
        }
        Ok(LateMarks::new(engine, conversations, self.keep, counter))
    }

    /// Puts what stands now in the place of what it replaced, and the other side
    /// of a contradiction behind the first.
    fn bring(&mut self, one: &Marked<'_>, timeline: &Timeline, counter: &dyn TokenCounter) {
        let proposed = std::mem::take(&mut self.retrieved);
        self.retrieved.reserve(proposed.len());
        let mut bringing = Bringing::new(proposed, one, counter);
        while let Some((found, was_brought)) = bringing.next() {
            if found.conversation == one.of {
                let (sequence, score) = (found.cost.sequence, found.score);
                let current = timeline.current(sequence, one.as_of);
                self.retrieved.extend(
                    current.and_then(|current| bringing.take(current, score, &self.history)),
                );
                // What was brought brings nothing itself: a chain of guesses would fill
                // the window.
                let sides = open_sides(one, timeline, sequence).filter(|_| !was_brought);
                for (other, _) in sides {
                    bringing.bring(other, score, &self.history);
                }
            }
            self.retrieved.push(found);
        }
    }

    /// Notes and costs of the turns of one conversation that may be shown,
    /// verbatim from a sequence on.
    fn mark(
        &mut self,
        engine: &Engine,
        one: &Marked<'_>,
        timeline: &Timeline,
        (shown, verbatim_from): (HashSet<Sequence>, Option<Sequence>),
        counter: &dyn TokenCounter,
    ) -> Result<(), EngineError> {
        for sequence in shown {
            let found = mark_of(engine, one, timeline, (sequence, self.keep), counter)?;
            let Some((turn, mark)) = found else { continue };
            let verbatim = one.of.is_none() && verbatim_from.is_some_and(|from| from <= sequence);
            let cost = if verbatim { marked_cost } else { marked_excerpt };
            // Proposed and in the history it costs the same.
            let mut marked = None;
            let mut cost_of =
                |known| *marked.get_or_insert_with(|| cost(known, &turn, &mark.note, counter));
            for found in &mut self.retrieved {
                if found.conversation == one.of && found.cost.sequence == sequence {
                    found.cost = cost_of(found.cost);
                }
            }
            if one.of.is_none()
                && let Some(at) = place_of(&self.history, sequence)
                && let Some(cost) = self.history.to_mut().get_mut(at)
            {
                *cost = cost_of(*cost);
            }
            self.marks.insert(one.of.as_ref(), sequence, mark);
        }
        Ok(())
    }
}

/// The mark of a turn, with the turn; replaced ones are marked and not dropped if
/// they are to be kept.
pub(super) fn mark_of(
    engine: &Engine,
    one: &Marked<'_>,
    timeline: &Timeline,
    (sequence, keep): (Sequence, bool),
    counter: &dyn TokenCounter,
) -> Result<Option<(Arc<Turn>, Mark)>, EngineError> {
    let replaced = timeline.replaced_by(sequence, one.as_of);
    let by_fact = one.by_facts.turn_marks().get(&sequence).filter(|_| replaced.is_none());
    let mut sides = open_sides(one, timeline, sequence).peekable();
    if replaced.is_none() && by_fact.is_none() && sides.peek().is_none() {
        return Ok(None);
    }
    let read = |sequence| engine.shown_turn(&one.scope.branch, sequence);
    let Some(turn) = read(sequence)?.filter(|turn| !turn.forgotten) else { return Ok(None) };
    let mut mark = Mark::default();
    // What is replaced by something that does not hold either is noted with what does.
    let successors = Successors {
        engine,
        branch: &one.scope.branch,
        facts: &one.by_facts,
        timeline,
        as_of: one.as_of,
    };
    if let Some((later, edge)) = replaced
        && let Some(new) = read(later)?.filter(|new| !new.forgotten)
    {
        let now = successors.last(Successor::of_turn(&new, edge.later_span))?;
        mark.note = format!("[replaced by {}]", now.named());
        mark.dropped =
            !keep && edge.confidence >= CERTAIN_CONFIDENCE && is_whole(&turn, edge, counter);
    }
    if let Some(by) = by_fact {
        mark.note = fact_note(by, &successors.last(Successor::of_mark(by))?, &turn);
        mark.dropped = !keep && !by.partly && is_one_thing(&turn, counter);
    }
    for (other, edge) in sides {
        let Some(said) = read(other)?.filter(|said| !said.forgotten) else { continue };
        let span = if other > sequence { edge.later_span } else { edge.earlier_span };
        let space = if mark.note.is_empty() { "" } else { " " };
        let words = words(&said, span, MAX_SIDE_CHARS);
        mark.note += &format!("{space}[contradicts turn {other}: {words}]");
    }
    Ok((!mark.note.is_empty()).then_some((turn, mark)))
}

/// The other sides of contradictions of a turn that are still open: neither it
/// nor the other side was replaced meanwhile, and a note would quote what holds
/// no more.
fn open_sides<'a>(
    one: &'a Marked<'_>,
    timeline: &'a Timeline,
    sequence: Sequence,
) -> impl Iterator<Item = (Sequence, &'a Edge)> {
    // The part of a turn that is meant must hold.
    let holds = |at: Sequence, span: Option<(u32, u32)>| {
        let (start, end) = span.unwrap_or((0, u32::MAX));
        let apart = |mark: &TurnMark| mark.partly && (mark.span.1 <= start || end <= mark.span.0);
        timeline.replaced_by(at, one.as_of).is_none()
            && one.by_facts.turn_marks().get(&at).is_none_or(apart)
    };
    let open = move |(other, edge): &(Sequence, &'a Edge)| {
        let (own_span, other_span) = if *other > sequence {
            (edge.earlier_span, edge.later_span)
        } else {
            (edge.later_span, edge.earlier_span)
        };
        holds(sequence, own_span) && holds(*other, other_span)
    };
    timeline.contradictions(sequence, one.as_of).filter(open).take(MAX_NAMED)
}

/// The words of a turn that are meant, fit for a note.
pub(super) fn words(turn: &Turn, span: Option<(u32, u32)>, max_chars: usize) -> String {
    let text = turn.searchable_text();
    let meant = span.and_then(|(start, end)| text.get(start as usize..end as usize));
    clean(meant.unwrap_or(&text), max_chars)
}

/// The note of a turn that says what a fact has replaced, with what holds now.
fn fact_note(mark: &TurnMark, now: &Successor, turn: &Turn) -> String {
    let by = now.named();
    if mark.partly {
        let old = self::words(turn, Some(mark.span), MAX_NOTE_CHARS);
        return format!("[replaced by {by}; no longer: {old}]");
    }
    format!("[replaced by {by}]")
}

fn is_one_thing(turn: &Turn, counter: &dyn TokenCounter) -> bool {
    counter.count_again(&turn.searchable_text()) <= ONE_THING_TOKENS
}

/// Whether what was replaced is the turn and not a part of a long one.
fn is_whole(turn: &Turn, edge: &Edge, counter: &dyn TokenCounter) -> bool {
    let text = turn.searchable_text();
    let half = edge
        .earlier_span
        .is_some_and(|(start, end)| 2 * u64::from(end.saturating_sub(start)) >= text.len() as u64);
    half || is_one_thing(turn, counter)
}
