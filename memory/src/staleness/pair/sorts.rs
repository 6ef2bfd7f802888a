//! What differs in two statements, and in what setting: are the words that
//! differ of one sort ("Berlin", "Lisbon"), what do the shared words speak of,
//! how much is said beside, and how do the wordings run alike.

use super::overlap::changed;
use crate::staleness::{
    statement::{Clause, Said},
    text::{
        Kind, Sense, Value, Word,
        values::{amount, minutes, order},
    },
};

/// Words of each side that are compared one by one.
const MAX_ALIGNED: usize = 14;
/// Words nearer than this are of one sort.
const ONE_SORT: f32 = 0.5;
/// Words farther than this from all others say something else.
const OTHER_SORT: f32 = 0.3;

/// Names of the features, in order.
pub(super) const NAMES: &[&str] = &[
    "sense_text",
    "sense_clause",
    "sense_old_clause_text",
    "sense_new_clause_text",
    "sense_changed",
    "sense_best",
    "sense_one_sort",
    "sense_mean_old",
    "sense_mean_new",
    "sense_apart_old",
    "sense_apart_new",
    "changed_old",
    "changed_new",
    "unknown_old",
    "unknown_new",
    "names_old",
    "names_new",
    "plural_old",
    "plural_new",
    "same_start",
    "same_end",
    "same_words",
    "same_function",
    "head_same",
    "head_near",
    "before_old",
    "before_new",
    "value_kind",
    "value_ratio",
    "value_greater",
    "value_before_old",
    "value_before_new",
    "valued_old",
    "valued_new",
    "lead_old",
    "lead_new",
    "lead_near",
    "tail_old",
    "tail_new",
    "tail_near",
    "subject_old",
    "subject_new",
    "subject_same",
];

/// The words compared: ranges of the old text and of the new.
#[derive(Clone, Copy)]
pub(super) struct Ranges {
    /// Of the old.
    pub(super) old: (u16, u16),
    /// Of the new.
    pub(super) new: (u16, u16),
    /// The clauses that meet.
    pub(super) clauses: (usize, usize),
}

/// Puts the features of [`NAMES`] into a row.
pub(super) fn push(old: &Said, new: &Said, at: Ranges, v: &mut Vec<f32>) {
    let words = |said: &'_ Said, range, other: &'_ Said| -> Vec<Word> {
        let places = changed(said, range, other).take(MAX_ALIGNED);
        places.filter_map(|at| said.words.get(usize::from(at)).copied()).collect()
    };
    let (gone, came) = (words(old, at.old, new), words(new, at.new, old));
    let pool = |words: &[Word]| Sense::pooled(words.iter().map(|word| word.sense));
    let (a, b) = (pool(&gone), pool(&came));
    let clauses = (old.clauses.get(at.clauses.0), new.clauses.get(at.clauses.1));
    let sense = |clause: Option<&Clause>| clause.map_or(Sense::default(), |c| c.sense);
    let (c, d) = (sense(clauses.0), sense(clauses.1));
    v.extend([old.sense.near(&new.sense), c.near(&d), c.near(&new.sense), d.near(&old.sense)]);
    v.push(if a.is_known() && b.is_known() { a.near(&b) } else { f32::NAN });
    alignment(&gone, &came, v);
    counts(&gone, &came, v);
    wording(old, new, clauses, v);
    value(old, new, at.clauses, v);
    places(old, new, clauses, v);
    subjects(old, new, clauses, v);
}

fn within(said: &Said, range: (u16, u16)) -> &[Word] {
    said.words.get(usize::from(range.0)..usize::from(range.1)).unwrap_or(&[])
}

/// How the words that differ go together.
fn alignment(gone: &[Word], came: &[Word], v: &mut Vec<f32>) {
    let nearest = |word: &Word, others: &[Word]| {
        others.iter().map(|other| word.sense.near(&other.sense)).fold(f32::NAN, f32::max)
    };
    let of = |words: &[Word], others: &[Word]| -> Vec<f32> {
        let known = words.iter().filter(|word| word.sense.is_known());
        known.map(|word| nearest(word, others)).collect()
    };
    let (old, new) = (of(gone, came), of(came, gone));
    let best = old.iter().copied().fold(f32::NAN, f32::max);
    let mean = |near: &[f32]| near.iter().sum::<f32>() / near.len() as f32;
    let count = |near: &[f32], wanted: &dyn Fn(f32) -> bool| {
        near.iter().filter(|near| wanted(**near)).count() as f32
    };
    v.extend([best, count(&old, &|near| near >= ONE_SORT), mean(&old), mean(&new)]);
    let apart = |near: f32| near.is_nan() || near < OTHER_SORT;
    v.extend([count(&old, &apart), count(&new, &apart)]);
}

/// How many words differ, by what is known of them.
fn counts(gone: &[Word], came: &[Word], v: &mut Vec<f32>) {
    let both = |wanted: &dyn Fn(&Word) -> bool| {
        [gone, came].map(|words| words.iter().filter(|word| wanted(word)).count() as f32)
    };
    v.extend(both(&|_| true));
    v.extend(both(&|word| !word.sense.is_known() && !word.digit));
    v.extend(both(&|word| word.capital));
    v.extend(both(&|word| word.plural));
}

/// How the clauses that meet run alike, and what stands before the first word
/// that differs.
fn wording(old: &Said, new: &Said, clauses: (Option<&Clause>, Option<&Clause>), v: &mut Vec<f32>) {
    let words = |said: &'_ Said, clause: Option<&Clause>| -> Vec<Word> {
        clause.map_or_else(Vec::new, |clause| within(said, clause.words).to_vec())
    };
    let (a, b) = (words(old, clauses.0), words(new, clauses.1));
    let same = |pair: &(&Word, &Word)| pair.0.hash == pair.1.hash;
    let start = a.iter().zip(&b).take_while(same).count();
    let end = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    let has = |word: &&Word| a.iter().any(|other| other.hash == word.hash);
    let alike = b.iter().filter(has).count() as f32;
    let function = b.iter().filter(|word| !word.content).filter(has).count() as f32;
    let longest = a.len().max(b.len()).max(1) as f32;
    v.extend([start as f32, end as f32, alike / longest, function]);
    let head = |words: &[Word]| words.iter().find(|word| word.content).copied();
    let (x, y) = (head(&a), head(&b));
    let heads = x.zip(y);
    v.push(heads.map_or(0.0, |(x, y)| f32::from(u8::from(x.stem == y.stem))));
    v.push(heads.map_or(f32::NAN, |(x, y)| x.sense.near(&y.sense)));
    let before = |words: &[Word], said: &Said, others: &[Word]| {
        let at = words
            .iter()
            .position(|word| word.content && !others.iter().any(|other| other.stem == word.stem));
        at.and_then(|at| words.get(at.checked_sub(1)?)).map_or(0.0, |word| role(word, said))
    };
    v.extend([before(&a, old, &b), before(&b, new, &a)]);
}

/// What a word before a value is.
fn role(word: &Word, said: &Said) -> f32 {
    let lower = word.span.of(&said.text).to_ascii_lowercase();
    match lower.as_str() {
        "is" | "are" | "was" | "were" | "be" | "it's" | "i'm" | "we're" => 1.0,
        "the" | "this" | "that" | "these" => 2.0,
        "my" | "our" => 3.0,
        "his" | "her" | "their" | "your" | "its" => 4.0,
        "to" | "in" | "at" | "for" | "from" | "on" | "by" | "with" | "of" | "near" | "into" => 5.0,
        "have" | "has" | "had" | "got" => 6.0,
        "a" | "an" | "some" => 7.0,
        "another" | "and" | "also" | "or" => 8.0,
        _ if word.content => 9.0,
        _ => 10.0,
    }
}

/// The first values of one kind that differ: which kind, how much greater the
/// new one is, and what stands before each.
fn value(old: &Said, new: &Said, clauses: (usize, usize), v: &mut Vec<f32>) {
    let inside = |value: &&Value, clause: usize| usize::from(value.clause) == clause;
    let pairs = || {
        let news = new.values.iter();
        news.flat_map(|w| old.values.iter().map(move |v| (v, w)))
            .filter(|(v, w)| v.agrees(w) == Some(false))
    };
    let found = pairs()
        .find(|(v, w)| inside(v, clauses.0) && inside(w, clauses.1))
        .or_else(|| pairs().next());
    let Some((was, is)) = found else {
        v.extend([f32::NAN; 5]);
        return;
    };
    let (ratio, greater) = match was.kind {
        Kind::Money | Kind::Quantity | Kind::Number => {
            let (a, b) = (amount(was.normal), amount(is.normal));
            let ratio = if a > 0.0 && b > 0.0 { (b / a).ln().clamp(-5.0, 5.0) } else { f32::NAN };
            (ratio, (b > a, a > b))
        }
        Kind::Time => {
            let (a, b) = (minutes(was.normal), minutes(is.normal));
            ((b - a) / 60.0, (b > a, a > b))
        }
        Kind::Date => order(was.normal, is.normal)
            .map_or((f32::NAN, (false, false)), |days| (days, (days > 0.0, days < 0.0))),
        Kind::Name | Kind::Id => (f32::NAN, (false, false)),
    };
    let before = |said: &Said, value: &Value| {
        let at = usize::from(value.words.0).checked_sub(1);
        at.and_then(|at| said.words.get(at)).map_or(0.0, |word| role(word, said))
    };
    v.push(was.kind as u8 as f32);
    v.push(ratio);
    v.push(f32::from(u8::from(greater.0)) - f32::from(u8::from(greater.1)));
    v.extend([before(old, was), before(new, is)]);
}

/// Where the words that differ stand in the clauses that meet: before the words
/// that they share ("*rear* brake pads") or behind ("pads of *3 mm*"), values
/// apart. Another lead is another thing spoken of, another tail another value.
fn places(old: &Said, new: &Said, clauses: (Option<&Clause>, Option<&Clause>), v: &mut Vec<f32>) {
    let split = |said: &Said, clause: Option<&Clause>, other: &Said| {
        let (mut lead, mut tail, mut values) = (Vec::new(), Vec::new(), 0.0);
        let Some(clause) = clause else { return (lead, tail, values) };
        let mut met = false;
        for at in clause.words.0..clause.words.1 {
            let Some(word) = said.words.get(usize::from(at)).filter(|word| word.content) else {
                continue;
            };
            if other.stems.binary_search_by_key(&word.stem, |(stem, _)| *stem).is_ok() {
                met = true;
            } else if said.values.iter().any(|v| (v.words.0..v.words.1).contains(&at)) {
                values += 1.0;
            } else if met {
                tail.push(word.sense);
            } else {
                lead.push(word.sense);
            }
        }
        if met { (lead, tail, values) } else { (Vec::new(), lead, values) }
    };
    let (a, b) = (split(old, clauses.0, new), split(new, clauses.1, old));
    let near = |x: &[Sense], y: &[Sense]| {
        let (x, y) = (Sense::pooled(x.iter().copied()), Sense::pooled(y.iter().copied()));
        if x.is_known() && y.is_known() { x.near(&y) } else { f32::NAN }
    };
    v.extend([a.2, b.2]);
    v.extend([a.0.len() as f32, b.0.len() as f32, near(&a.0, &b.0)]);
    v.extend([a.1.len() as f32, b.1.len() as f32, near(&a.1, &b.1)]);
}

/// Of whom or what each clause speaks, by its first word.
fn subjects(old: &Said, new: &Said, clauses: (Option<&Clause>, Option<&Clause>), v: &mut Vec<f32>) {
    let first = |said: &Said, clause: Option<&Clause>| {
        let word = clause.and_then(|clause| said.words.get(usize::from(clause.words.0))).copied();
        let kind = word.map_or(0.0, |word| {
            let lower = word.span.of(&said.text).to_ascii_lowercase();
            match lower.as_str() {
                "i" | "i'm" | "i've" | "i'd" | "i'll" | "im" | "ive" => 1.0,
                "we" | "we're" | "we've" | "we'll" => 2.0,
                "my" | "our" => 3.0,
                "the" | "this" | "that" => 4.0,
                "he" | "she" | "they" | "his" | "her" | "their" => 5.0,
                "it" | "it's" | "there" | "there's" => 6.0,
                _ if word.digit => 7.0,
                _ if word.content => 8.0,
                _ => 9.0,
            }
        });
        (word.map_or(0, |word| word.stem), kind)
    };
    let (a, b) = (first(old, clauses.0), first(new, clauses.1));
    v.extend([a.1, b.1, f32::from(u8::from(a.0 == b.0))]);
}
