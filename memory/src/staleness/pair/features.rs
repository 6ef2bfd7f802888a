//! The row of a pair: what the model sees of an old statement, a new one, and
//! what stands between. Text alone; no field that a plain conversation lacks.

use std::sync::Arc;

pub use super::columns::names;
use super::{
    between::{Between, Field, answer, cosine},
    columns::{BEFORE, CLAUSE_NEW, CLAUSE_OLD, NEW, OLD, TALLIED},
    conflict::Conflict,
    overlap,
    sorts::{self, Ranges},
};
use crate::staleness::{
    statement::{Said, Statement},
    text::{Attributes, Cues, Span},
};

/// Words up to which a whole turn is compared word by word; of longer ones only
/// the clauses that meet.
const SHORT: usize = 60;

/// A row and what goes with it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Values in the order of [`names`].
    pub values: Vec<f32>,
    /// The values or words that differ: place in the old text, in the new.
    pub spans: Option<(Span, Span)>,
    /// The clauses that meet.
    pub clauses: (usize, usize),
}

/// Makes the rows of a new statement with its earlier ones.
pub struct Rows<'a> {
    new: &'a Statement,
    past: &'a [Arc<Statement>],
    field: Field,
}

impl<'a> Rows<'a> {
    /// For a new statement; `past` in order, all before it.
    pub fn of(new: &'a Statement, past: &'a [Arc<Statement>]) -> Self {
        Self { new, past, field: Field::of(new, past) }
    }

    /// The row of the earlier statement at an index of `past`.
    pub fn row(&self, index: usize) -> Option<Row> {
        let old = self.past.get(index)?;
        let (o, n) = (&*old.said, &*self.new.said);
        let pair = Pair { old, new: self.new, o, n };
        let whole = Conflict::of(o, n, None);
        let met = self.field.meeting(index);
        let within = Conflict::of(o, n, Some((met.old, met.new)));
        let clause = |said: &Said, at: usize| said.clauses.get(at).map(|clause| clause.words);
        let range = |said: &Said, at: usize| {
            if said.words.len() <= SHORT {
                (0, said.words.len() as u16)
            } else {
                clause(said, at).unwrap_or((0, 0))
            }
        };
        let frames = overlap::frames(o, range(o, met.old), n, range(n, met.new));
        let mut v = Vec::with_capacity(384);
        self.nearness(&pair, index, &mut v);
        pair.words(&mut v);
        let length = |at: Option<(u16, u16)>| at.map_or(0.0, |(from, to)| f32::from(to - from));
        let (a, b) = (length(clause(o, met.old)), length(clause(n, met.new)));
        self.standing(&pair, index, &mut v);
        v.extend([
            met.weight,
            met.weight / a.max(1.0),
            met.weight / b.max(1.0),
            a,
            b,
            within.differ(),
            within.agree(),
            frames.after_function,
            frames.after_content,
            frames.before_content,
            whole.differ(),
            whole.agree(),
            o.values.len() as f32,
            n.values.len() as f32,
        ]);
        let asked = pair.asked(&mut v);
        self.between(index, &whole, old, &mut v);
        for kind in TALLIED {
            let tally = whole.of_kind(*kind);
            let question = asked.of_kind(*kind);
            v.extend(
                [tally.old, tally.new, tally.agree, tally.differ, question.differ].map(f32::from),
            );
        }
        let before =
            |statement: &Statement| statement.before.as_ref().map_or(Cues::default(), |b| b.cues);
        let reply = answer(self.past, index).map_or(Cues::default(), |a| a.said.cues);
        let of = |said: &Said, at: usize| said.clauses.get(at).map_or(Cues::default(), |c| c.cues);
        for (cues, list) in [
            (o.cues, OLD),
            (n.cues, NEW),
            (before(self.new), BEFORE),
            (before(old), BEFORE),
            (reply, BEFORE),
            (of(o, met.old), CLAUSE_OLD),
            (of(n, met.new), CLAUSE_NEW),
        ] {
            v.extend(list.iter().map(|cue| f32::from(u8::from(cues.has(*cue)))));
        }
        let clauses = (met.old, met.new);
        let ranges = Ranges { old: range(o, met.old), new: range(n, met.new), clauses };
        sorts::push(o, n, ranges, &mut v);
        let spans = within.spans.or(whole.spans).or(frames.spans);
        Some(Row { values: v, spans, clauses })
    }

    fn nearness(&self, pair: &Pair<'_>, index: usize, v: &mut Vec<f32>) {
        let vector = |said: Option<&'a Arc<Said>>| said.and_then(|said| said.vector.as_ref());
        let (o, n) = (pair.o.vector.as_ref(), pair.n.vector.as_ref());
        let asked = vector(self.new.before.as_ref());
        let old_asked = self
            .past
            .get(index)
            .and_then(|old| old.before.as_ref())
            .and_then(|b| b.vector.as_ref());
        let (nearer, margin) = self.field.standing(index);
        let distance = self.new.sequence.saturating_sub(pair.old.sequence);
        v.extend([
            cosine(o, n),
            cosine(o, asked),
            cosine(old_asked, n),
            cosine(old_asked, asked),
            nearer,
            margin,
            (pair.old.sequence as f32).min(8.0),
            (self.new.sequence as f32).min(8.0),
            (distance as f32).ln_1p(),
            f32::from(u8::from(distance <= 2)),
        ]);
    }

    /// The clauses that meet against those of other statements, and attributes.
    fn standing(&self, pair: &Pair<'_>, index: usize, v: &mut Vec<f32>) {
        let (o, n) = (pair.o, pair.n);
        let met = self.field.meeting(index);
        let (more, margin) = self.field.meeting_standing(index);
        let (rare, meeting_rare) = overlap::rare(o, n, &met, &self.field.rarity);
        let of = |said: &Said, at: usize| {
            said.clauses.get(at).map_or(Attributes::default(), |clause| clause.attributes)
        };
        let (single, plural) = o.attributes.shared(n.attributes);
        let (old, new) = (of(o, met.old), of(n, met.new));
        let (meeting_single, meeting_plural) = old.shared(new);
        v.extend([
            more,
            margin,
            rare,
            meeting_rare,
            single,
            plural,
            meeting_single,
            meeting_plural,
        ]);
        let counts = [old.single, old.plural, new.single, new.plural];
        v.extend(counts.map(|bits| bits.count_ones() as f32));
        let whose = [old.owners & new.owners, old.owners & !new.owners, new.owners & !old.owners];
        v.extend(whose.map(|bits| bits.count_ones() as f32));
    }

    fn between(&self, index: usize, whole: &Conflict, old: &Statement, v: &mut Vec<f32>) {
        let between = Between::of(self.past, index, whole);
        v.extend([
            between.own,
            between.setters,
            between.corrections,
            between.nearest,
            between.repeats,
            between.completed,
            between.fails,
            between.offers,
            between.asks,
            between.leaves,
            between.since_completed,
        ]);
        let reply = answer(self.past, index);
        let told =
            reply.map(|reply| Conflict::of(&old.said, &reply.said, None)).unwrap_or_default();
        v.extend([
            reply.map_or(0.0, |reply| overlap::shared(&old.said, &reply.said).0),
            told.agree(),
            told.differ(),
        ]);
    }
}

/// The two statements.
struct Pair<'a> {
    old: &'a Statement,
    new: &'a Statement,
    o: &'a Said,
    n: &'a Said,
}

impl Pair<'_> {
    /// Lengths and shared words.
    fn words(&self, v: &mut Vec<f32>) {
        let (o, n) = (self.o, self.n);
        let (of_old, of_new) = (overlap::distinct(o), overlap::distinct(n));
        let (shared, weight) = overlap::shared(o, n);
        let with = |said: Option<&Arc<Said>>, other: &Said| {
            said.map_or(0.0, |said| overlap::shared(said, other).0)
        };
        let (asked, old_asked) = (self.new.before.as_ref(), self.old.before.as_ref());
        let (old_in, new_in) = (with(asked, o), with(asked, n));
        let both = asked.map_or(0.0, |asked| with(old_asked, asked));
        v.extend([
            o.words.len() as f32,
            n.words.len() as f32,
            of_old,
            of_new,
            o.clauses.len() as f32,
            n.clauses.len() as f32,
            shared,
            weight,
            shared / of_old.max(1.0),
            shared / of_new.max(1.0),
            of_old - shared,
            of_new - shared,
            (of_new - shared - new_in).max(0.0),
            old_in,
            new_in,
            with(old_asked, n),
            both,
            both / asked.map_or(1.0, |asked| overlap::distinct(asked).max(1.0)),
            old_in / of_old.max(1.0),
        ]);
    }

    /// What was asked or offered just before each has to do with the other's
    /// values: the values of a confirmation are those that the next turn
    /// corrects, and "yes" takes those that were offered.
    fn asked(&self, v: &mut Vec<f32>) -> Conflict {
        let against = |a: Option<&Said>, b: Option<&Said>| match (a, b) {
            (Some(a), Some(b)) => Conflict::of(a, b, None),
            _ => Conflict::default(),
        };
        let (asked, old_asked) = (self.new.before.as_deref(), self.old.before.as_deref());
        let restated = against(Some(self.o), asked);
        let corrected = against(asked, Some(self.n));
        let offered = against(old_asked, Some(self.n));
        v.extend([
            restated.agree(),
            restated.differ(),
            corrected.differ(),
            corrected.agree(),
            offered.differ(),
            against(old_asked, Some(self.o)).agree(),
        ]);
        corrected
    }
}
