//! A clause of a turn that sets what a fact has a value for: "the budget is now
//! $80,000", "change the quantity to 1500", "May 17, not May 3".
//!
//! Rather nothing than a wrong find: the clause must name the same thing and no
//! other ("the catering budget"), and give a value of the same sort.

use super::{
    claim::{Claim, Slot, Words, is_state},
    heard::Clause,
    relation::common,
    turns::{has_value, said_of_the_past},
};
use crate::staleness::text::{
    Cue, Kind, Span, Value,
    words::{Word, hash},
};

/// The clause names it and gives a value of the same sort.
const NAMED: f32 = 0.8;
/// It says that it changes the value.
const CHANGED: f32 = 0.9;
/// It denies the old value and gives a new one.
const DENIED: f32 = 0.9;
/// What a restriction behind the value takes off: "for the second phase".
const NARROWED: f32 = 0.25;
/// What a word of change elsewhere in the turn adds.
const CUED: f32 = 0.1;
/// Its subject is said to be in another state.
const STANDS: f32 = 0.75;
/// Words that say a state: "on hold", "delayed until further notice".
const MAX_STATE: usize = 4;
/// Begin a state.
const PLACED: [&str; 6] = ["on", "in", "at", "under", "behind", "ahead"];
/// Are one by themselves.
const STATES: [&str; 12] = [
    "down", "up", "done", "live", "over", "offline", "online", "ready", "complete", "open", "late",
    "broken",
];
/// Words of a new value without a type.
const MAX_UNTYPED: usize = 5;

/// Verbs with which a value is changed "to" another.
const CHANGE_VERBS: [&str; 24] = [
    "change",
    "changed",
    "changing",
    "move",
    "moved",
    "moving",
    "set",
    "push",
    "pushed",
    "switch",
    "switched",
    "switching",
    "update",
    "updated",
    "raise",
    "raised",
    "lower",
    "lowered",
    "increase",
    "reduce",
    "cut",
    "make",
    "reschedule",
    "postpone",
];
/// Say how a value lies to another, and not what it is.
const RELATIVE: [&str; 18] = [
    "over",
    "under",
    "above",
    "below",
    "more",
    "less",
    "short",
    "away",
    "before",
    "after",
    "left",
    "remaining",
    "behind",
    "ahead",
    "within",
    "least",
    "most",
    "per",
];
/// Begin a restriction.
const RESTRICTING: [&str; 7] = ["for", "in", "at", "on", "per", "until", "during"];

/// A new value, in bytes of the clause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) confidence: f32,
    pub(super) value: Span,
}

/// What a clause sets that a fact has a value for; `cued`: the turn says that
/// something changes.
pub(super) fn sets(claim: &Claim, clause: &Clause, cued: bool) -> Option<Found> {
    if claim.additive || said_of_the_past(&clause.words) || clause.leaves_open() {
        return None;
    }
    let found = denied(claim, clause)
        .or_else(|| changed_to(claim, clause))
        .or_else(|| named(claim, clause, cued))
        .or_else(|| stands(claim, clause, cued))?;
    Some(Found { confidence: found.confidence.min(0.95), ..found })
}

/// "May 17, not May 3", "the Marriott instead of the Hilton": the old value
/// denied beside a new one of the same sort.
fn denied(claim: &Claim, clause: &Clause) -> Option<Found> {
    let old = claim.value.as_ref()?;
    let words = &clause.words.said.words;
    let values = &clause.words.said.values;
    let typed = values.iter().find_map(|value| {
        let is_old = |typed: &&Value| typed.agrees(value) == Some(true);
        let known = old.said.values.iter().find(is_old)?;
        let denied = is_denied(words, usize::from(value.words.0));
        let new = values.iter().find(|new| known.agrees(new) == Some(false))?;
        denied.then_some(new.span)
    });
    let named = || {
        let (at, _) = old_at(old, words)?;
        let put = is_denied(words, at) && !clause.has_word("not");
        let new = words.get(..at)?;
        put.then(|| Some(new.first()?.span.to(new.last()?.span)))?
    };
    let value = typed.or_else(named)?;
    Some(Found { confidence: DENIED, value })
}

/// Where the words of a value stand, one behind the other.
fn old_at(old: &Words, words: &[Word]) -> Option<(usize, usize)> {
    let stems: Vec<u32> = old.said.words.iter().map(|word| word.stem).collect();
    if stems.is_empty() {
        return None;
    }
    let here = |part: &[Word]| part.iter().zip(&stems).all(|(word, stem)| word.stem == *stem);
    let at = words.windows(stems.len()).position(here)?;
    Some((at, at + stems.len()))
}

/// Whether a clause denies a fact's value: "not the Hilton".
pub(super) fn denies(claim: &Claim, clause: &Clause) -> bool {
    denied(claim, clause).is_some()
}

/// "not", "instead of", "rather than" right before a word.
fn is_denied(words: &[Word], at: usize) -> bool {
    let is = |back: usize, wanted: &[&str]| {
        let word = at.checked_sub(back).and_then(|at| words.get(at));
        word.is_some_and(|word| wanted.iter().any(|wanted| hash(wanted) == word.hash))
    };
    let articles = ["the", "a", "an", "on", "at", "for"];
    let skip = usize::from(is(1, &articles));
    is(1 + skip, &["not", "isn't", "n't", "longer"])
        || is(1 + skip, &["of"]) && is(2 + skip, &["instead"])
        || is(1 + skip, &["than"]) && is(2 + skip, &["rather"])
}

/// "Change the quantity to 1500", "move the launch from May 3 to May 17".
fn changed_to(claim: &Claim, clause: &Clause) -> Option<Found> {
    let slot = claim.slot.as_ref()?;
    let words = &clause.words.said.words;
    if clause.words.said.has(Cue::Negates) {
        return None;
    }
    let is = |word: &Word, wanted: &str| word.hash == hash(wanted);
    let verb = words.iter().position(|word| CHANGE_VERBS.iter().any(|verb| is(word, verb)))?;
    let to = words.iter().rposition(|word| is(word, "to")).filter(|to| *to > verb)?;
    let between = words.get(verb + 1..to).unwrap_or_default();
    let until = between.iter().position(|word| is(word, "from")).unwrap_or(between.len());
    let what: Vec<u32> = content(between.get(..until).unwrap_or_default());
    // "The deadline moved to May 17": what is changed stands before the verb.
    let what = if what.is_empty() { content(words.get(..verb).unwrap_or_default()) } else { what };
    if !is_slot(slot, claim, &what) {
        return None;
    }
    let new = words.get(to + 1..).unwrap_or_default();
    if let Some(value) = other_typed(claim, clause, to + 1) {
        return Some(Found { confidence: CHANGED, value: value.span });
    }
    let stems = content(new);
    let old = &claim.value.as_ref()?.stems;
    let typed = claim
        .value
        .as_ref()
        .is_some_and(|value| value.said.values.iter().any(|value| value.kind != Kind::Name));
    let (first, last) = (new.first()?, new.last()?);
    let fits =
        !typed && (1..=MAX_UNTYPED).contains(&stems.len()) && common(old, &stems) < old.len();
    fits.then_some(Found { confidence: CHANGED - CUED, value: first.span.to(last.span) })
}

/// "The budget is $80,000", "Deadline: Friday".
fn named(claim: &Claim, clause: &Clause, cued: bool) -> Option<Found> {
    let slot = claim.slot.as_ref()?;
    let topic = topic_of(clause)?;
    if !is_slot(slot, claim, &topic) || clause.words.said.has(Cue::Negates) {
        return None;
    }
    let rest = clause.words.rest;
    let words = clause.words.said.words.get(rest..).unwrap_or_default();
    let relative = |word: &Word| RELATIVE.iter().any(|other| hash(other) == word.hash);
    if words.iter().any(relative) {
        return None;
    }
    let value = other_typed(claim, clause, rest)?;
    // "The hotel is near Union Station" gives no hotel.
    let (from, until) = (usize::from(value.words.0), usize::from(value.words.1));
    let led = clause.words.said.words.get(rest..from).unwrap_or_default();
    let plain = |word: &Word| LEADING.iter().any(|leading| hash(leading) == word.hash);
    if value.kind == Kind::Name && !led.iter().skip(1).all(plain) {
        return None;
    }
    let behind = clause.words.said.words.get(until..).unwrap_or_default();
    let restricts = behind
        .first()
        .is_some_and(|word| RESTRICTING.iter().any(|restricting| hash(restricting) == word.hash));
    let known = content(behind).iter().all(|stem| claim.text.stems.binary_search(stem).is_ok());
    let off = if restricts && !known { NARROWED } else { 0.0 };
    let more = if cued { CUED } else { 0.0 };
    Some(Found { confidence: NAMED + more - off, value: value.span })
}

/// "The order is delivered" of an "order status": the name of a state is not said, its
/// subject and a word for a state are.
fn stands(claim: &Claim, clause: &Clause, cued: bool) -> Option<Found> {
    let slot = claim.slot.as_ref()?;
    let topic = topic_of(clause)?;
    let (states, mut subject): (Vec<u32>, Vec<u32>) =
        slot.stems.iter().partition(|stem| is_state(**stem));
    subject.extend(slot.subject.iter().copied());
    subject.sort_unstable();
    subject.dedup();
    let is_named = !states.is_empty()
        && !topic.is_empty()
        && topic.iter().all(|stem| subject.binary_search(stem).is_ok())
        && subject.iter().all(|stem| topic.contains(stem));
    if !is_named || clause.words.said.has(Cue::Negates) {
        return None;
    }
    let is = |word: &Word, wanted: &[&str]| wanted.iter().any(|one| hash(one) == word.hash);
    let words = clause.words.said.words.get(clause.words.rest..)?;
    let (verb, state) = words.split_first()?;
    if !is(verb, &["is", "are", "got", "has", "have"]) {
        return None;
    }
    let led = state.iter().take_while(|word| is(word, &["now", "been", "currently", "officially"]));
    let state = state.get(led.count()..)?;
    let (first, last) = (state.first()?, state.last()?);
    let spelt = first.span.of(clause.text());
    let participle = spelt.len() > 4 && spelt.ends_with("ed");
    let behind = |value: &&Value| usize::from(value.words.0) > clause.words.rest;
    let mut values = clause.words.said.values.iter().filter(behind);
    let names = values.any(|value| value.kind == Kind::Name);
    let placed = is(first, &PLACED) && state.len() > 1 && !names;
    let says_state = state.len() <= MAX_STATE && (participle || placed || is(first, &STATES));
    let old = &claim.value.as_ref()?.stems;
    let new = content(state);
    let other = new.iter().all(|stem| old.binary_search(stem).is_err());
    let more = if cued { CUED } else { 0.0 };
    (says_state && other && (!new.is_empty() || is(first, &STATES)))
        .then_some(Found { confidence: STANDS + more, value: first.span.to(last.span) })
}

/// The stems before the verb, behind the last comma: "Good news, the rent".
fn topic_of(clause: &Clause) -> Option<Vec<u32>> {
    let all = clause.words.topic.as_ref()?;
    let (text, rest) = (clause.text(), clause.words.rest);
    let words = clause.words.said.words.get(clause.words.from..rest)?;
    let comma = words.windows(2).rposition(|pair| {
        let [before, after] = pair else { return false };
        let gap = text.get(before.span.end as usize..after.span.start as usize);
        gap.is_some_and(|gap| gap.contains([',', ':', '-', '\u{2013}', '\u{2014}']))
    });
    let part = words.get(comma.map_or(0, |comma| comma + 1)..)?;
    let of_part = content(part).into_iter().filter(|stem| all.binary_search(stem).is_ok());
    Some(of_part.collect())
}

/// Stand between a verb and a name that is the value.
const LEADING: [&str; 9] = ["be", "now", "the", "a", "going", "to", "in", "is", "actually"];

/// Whether words name what a fact sets, and nothing beside it.
fn is_slot(slot: &Slot, claim: &Claim, stems: &[u32]) -> bool {
    let of_subject = |stem: &u32| slot.subject.binary_search(stem).is_ok();
    let known = |stem: &u32| {
        slot.stems.binary_search(stem).is_ok()
            || of_subject(stem)
            || claim.text.topic.as_ref().is_some_and(|topic| topic.binary_search(stem).is_ok())
    };
    stems.contains(&slot.core)
        && stems.iter().all(known)
        && (slot.subject.is_empty() || stems.iter().any(of_subject))
}

/// The first value from a word on that is of the sort of the fact's value, where
/// it differs from it and the clause does not have the fact's as well, but as
/// what is left: "from May 3 to May 17".
fn other_typed<'a>(claim: &Claim, clause: &'a Clause, from: usize) -> Option<&'a Value> {
    let old = claim.value_or_text();
    let words = &clause.words.said.words;
    let left = |value: &Value| {
        let before = usize::from(value.words.0).checked_sub(1).and_then(|at| words.get(at));
        before.is_some_and(|word| word.hash == hash("from"))
    };
    let own = |value: &&Value| usize::from(value.words.0) >= old.rest;
    let mut known = old.said.values.iter().filter(own);
    known.find_map(|known| {
        let values = || clause.words.said.values.iter();
        if values().any(|value| known.agrees(value) == Some(true) && !left(value)) {
            return None;
        }
        let new = |value: &&Value| usize::from(value.words.0) >= from && !left(value);
        values().filter(new).find(|value| known.agrees(value) == Some(false))
    })
}

fn content(words: &[Word]) -> Vec<u32> {
    words.iter().filter(|word| word.content).map(|word| word.stem).collect()
}

/// A clause that goes back to a value which the fact had replaced: "let's go
/// back to the Hilton".
pub(super) fn goes_back(replaced: &Words, clause: &Clause) -> Option<Found> {
    const BACK: f32 = 0.85;
    let open = clause.leaves_open() || said_of_the_past(&clause.words);
    let back = clause.words.said.has(Cue::Again) || clause.has_word("back");
    let negated = clause.words.said.has(Cue::Negates);
    let whole = Span { start: 0, end: u32::try_from(clause.text().len()).unwrap_or(u32::MAX) };
    (back && !open && !negated && has_value(&clause.words, replaced))
        .then_some(Found { confidence: BACK, value: whole })
}
