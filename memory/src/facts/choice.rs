//! A clause of a turn that chooses anew what a fact tells the choice of: "let's
//! go with Ann's studio for the photos" after "we take the one in Oak Street for
//! the photos". And a clause that takes back what a fact says, with nothing in
//! its place.

use std::sync::Arc;

use super::{
    claim::{Claim, Slot, Words, is_plan},
    heard::{Clause, Heard},
    news::Told,
    relation::common,
    slot::Found,
    turns::{has_value, said_of_the_past},
};
use crate::{
    staleness::text::{
        Cue, Span,
        words::{Word, hash},
    },
    turn::Sequence,
};

/// A new choice for the same purpose.
const CHOSEN: f32 = 0.8;
/// A word of change with it.
const CUED: f32 = 0.1;
/// The final word on what was only meant to be so.
const FINAL: f32 = 0.75;
/// It was taken back.
const TAKEN_BACK: f32 = 0.85;
/// Somebody's statement was.
const SOMEBODYS: f32 = 0.75;
/// Words between "no longer" and what ended: "no longer allergic to nuts".
const MAX_BESIDE: usize = 2;
/// Words of what is chosen.
const MAX_CHOSEN: usize = 5;

/// Phrases that choose; what follows is chosen.
const CHOOSING: [&str; 24] = [
    "go with",
    "going with",
    "gone with",
    "went with",
    "proceed with",
    "proceeding with",
    "move forward with",
    "moving forward with",
    "go ahead with",
    "going ahead with",
    "stick with",
    "sticking with",
    "decided on",
    "decide on",
    "settled on",
    "settle on",
    "opted for",
    "opt for",
    "switch to",
    "switching to",
    "switched to",
    "chose",
    "choose",
    "selected",
];
/// Begin what a choice is for.
const PURPOSES: [&str; 6] = ["for", "as", "in", "on", "at", "to"];
/// Take back, with nothing in the place of it.
const TAKING_BACK: [&str; 24] = [
    "cancelled",
    "canceled",
    "cancel",
    "called off",
    "withdrawn",
    "withdraw",
    "revoked",
    "rescinded",
    "retracted",
    "scrapped",
    "scrap",
    "off the table",
    "fell through",
    "no longer",
    "not happening",
    "won't happen",
    "isn't happening",
    "not going ahead",
    "abandoned",
    "overturned",
    "reversed",
    "void",
    "drop",
    "dropped",
];
/// Mark what is only meant to be so.
const TENTATIVE: [&str; 8] = [
    "tentative",
    "tentatively",
    "proposed",
    "provisional",
    "provisionally",
    "preliminary",
    "draft",
    "thinking",
];
/// Mark the last word.
const DECIDED: [&str; 7] =
    ["official", "officially", "final", "finalized", "finalised", "decided", "definitive"];
/// The clause chooses something else for what the fact, or the clause that told
/// it, names.
pub(super) fn chooses(
    claim: &Claim,
    told: &dyn Told,
    clause: &Clause,
    cued: bool,
) -> Option<Found> {
    let value = claim.value.as_ref().filter(|_| !claim.additive)?;
    let adds = clause.words.said.has(Cue::Adds) || clause.words.said.has(Cue::Negates);
    if adds || clause.leaves_open() || said_of_the_past(&clause.words) {
        return None;
    }
    let chosen = chosen(&clause.words)?;
    if has_value(&clause.words, value) || common(&value.stems, &chosen.stems) > 0 {
        return None;
    }
    // The fact is a choice if it is named so or was told so.
    let named = claim.slot.as_ref().is_some_and(|slot| chosen.purpose.contains(&slot.core));
    let same_purpose = || {
        let clauses = told.turns().iter().flat_map(|told| &told.clauses);
        let own = clauses.map(|clause| &clause.words).filter(|words| has_value(words, value));
        own.filter_map(self::chosen).any(|told| {
            common(&value.stems, &told.stems) > 0
                && !told.purpose.is_empty()
                && told.purpose == chosen.purpose
        })
    };
    let more = if cued { CUED } else { 0.0 };
    (named || same_purpose()).then_some(Found { confidence: CHOSEN + more, value: chosen.span })
}

/// Whether a clause chooses a value: "we go with the Hilton".
pub(super) fn chooses_value(clause: &Words, value: &Words) -> bool {
    let within = |chosen: Chosen| {
        !value.stems.is_empty() && common(&value.stems, &chosen.stems) == value.stems.len()
    };
    !clause.said.has(Cue::Negates) && chosen(clause).is_some_and(within)
}

/// What a text chooses, and what for.
struct Chosen {
    /// Stems of what is chosen, sorted.
    stems: Vec<u32>,
    /// Stems of what it is for, sorted.
    purpose: Vec<u32>,
    span: Span,
}

fn chosen(text: &Words) -> Option<Chosen> {
    let words = &text.said.words;
    let from = CHOOSING.iter().filter_map(|phrase| behind(words, phrase)).min()?;
    let rest = words.get(from..).unwrap_or_default();
    let begins_purpose = |word: &Word| PURPOSES.iter().any(|purpose| hash(purpose) == word.hash);
    let until = rest.iter().position(begins_purpose).unwrap_or(rest.len());
    let (what, purpose) = rest.split_at(until);
    let (first, last) = (what.first()?, what.last()?);
    let stems = sorted_content(what);
    (1..=MAX_CHOSEN).contains(&stems.len()).then(|| Chosen {
        stems,
        purpose: sorted_content(purpose),
        span: first.span.to(last.span),
    })
}

/// Index of the word behind a phrase.
fn behind(words: &[Word], phrase: &str) -> Option<usize> {
    place(words, phrase).map(|(_, end)| end)
}

/// Where a phrase stands: its first word and the one behind it.
fn place(words: &[Word], phrase: &str) -> Option<(usize, usize)> {
    let phrase: Vec<u32> = phrase.split(' ').map(hash).collect();
    let at = words
        .windows(phrase.len())
        .position(|part| part.iter().zip(&phrase).all(|(word, wanted)| word.hash == *wanted))?;
    Some((at, at + phrase.len()))
}

fn sorted_content(words: &[Word]) -> Vec<u32> {
    let mut stems: Vec<u32> =
        words.iter().filter(|word| word.content).map(|word| word.stem).collect();
    stems.sort_unstable();
    stems.dedup();
    stems
}

fn has_any(words: &Words, wanted: &[&str]) -> bool {
    words.said.words.iter().any(|word| wanted.iter().any(|wanted| hash(wanted) == word.hash))
}

/// "The final plan is to rent" after a tentative "we buy".
pub(super) fn settles(claim: &Claim, told: &dyn Told, clause: &Clause) -> Option<Found> {
    let value = claim.value.as_ref().filter(|_| !claim.additive)?;
    let open = clause.leaves_open() || clause.words.said.has(Cue::Negates);
    let of_plans = claim.slot.as_ref().is_some_and(|slot| is_plan(slot.core));
    let topic = clause.words.topic.as_ref()?;
    let last_word = has_any(&clause.words, &DECIDED) && topic.iter().any(|stem| is_plan(*stem));
    let told_so = |told: &Arc<Heard>| has_any(&told.words, &TENTATIVE) && !told.words.settles;
    let tentative = || has_any(&claim.text, &TENTATIVE) || told.turns().iter().any(told_so);
    if open || !of_plans || !last_word || !tentative() {
        return None;
    }
    let words = clause.words.said.words.get(clause.words.rest + 1..)?;
    let (first, last) = (words.first()?, words.last()?);
    let stems = sorted_content(words);
    ((1..=MAX_CHOSEN).contains(&stems.len()) && common(&value.stems, &stems) == 0)
        .then_some(Found { confidence: FINAL, value: first.span.to(last.span) })
}

/// "The party is called off", "no longer allergic to nuts": what the fact says
/// ended.
pub(super) fn takes_back(claim: &Claim, clause: &Clause) -> Option<Found> {
    if clause.leaves_open() {
        return None;
    }
    let words = &clause.words.said.words;
    let phrases = TAKING_BACK.iter().filter_map(|phrase| place(words, phrase));
    let (start, end) = phrases.min()?;
    let denies = ["not", "don't", "never", "isn't", "wasn't", "doesn't", "didn't", "won't"];
    let before = words.get(..start).unwrap_or_default();
    let denied = before.iter().any(|word| denies.iter().any(|deny| hash(deny) == word.hash));
    // It was void before: "no longer cancelled".
    if denied || claim.text.voids || claim.text.said.has(Cue::Ended) {
        return None;
    }
    let holds = words.get(start).is_some_and(|word| word.hash == hash("no"));
    let at_most = if holds { MAX_BESIDE } else { 0 };
    let meant = |stems: &[u32]| !stems.is_empty() && beside(words, stems, (start, end)) <= at_most;
    let single = |stems: &[u32]| stems.len() > 1 && !claim.additive && meant(stems);
    let of_topic = claim.text.topic.as_ref().is_some_and(|topic| single(topic));
    // "The deposit was cancelled" speaks of nothing else.
    let alone = |slot: &Slot| {
        !claim.additive && clause.words.topic.as_ref().is_some_and(|topic| *topic == slot.stems)
    };
    let of_name = claim.slot.as_ref().is_some_and(|slot| single(&slot.stems) || alone(slot));
    let whole = Span { start: 0, end: u32::try_from(clause.text().len()).unwrap_or(u32::MAX) };
    (meant(&claim.value_or_text().stems) || of_topic || of_name)
        .then_some(Found { confidence: TAKEN_BACK, value: whole })
}

/// "Ann was wrong": somebody's last statement is taken back by the name that it
/// is labelled with, where the fact is that statement and no value of its own.
pub(super) fn takes_back_of(
    claim: &Claim,
    told: &dyn Told,
    clause: &Clause,
    at: Sequence,
) -> Option<Found> {
    const WRONG: [&str; 4] = ["wrong", "mistaken", "incorrect", "misinformed"];
    const BEING: [&str; 4] = ["was", "were", "is", "are"];
    const SAYINGS: &str = "diagnosis estimate assessment statement report claim number figure \
        analysis information info advice answer";
    const RECENT: Sequence = 8;
    if claim.slot.is_some() || clause.leaves_open() || clause.words.said.has(Cue::Negates) {
        return None;
    }
    let words = &clause.words.said.words;
    let is = |word: &Word, wanted: &[&str]| wanted.iter().any(|one| hash(one) == word.hash);
    let being = words.iter().position(|word| is(word, &BEING))?;
    let behind = words.get(being + 1..).unwrap_or_default();
    behind.iter().take(3).find(|word| is(word, &WRONG))?;
    let sayings: Vec<u32> = SAYINGS.split_whitespace().map(hash).collect();
    let of_label = |word: &&Word| word.content && !sayings.contains(&word.hash);
    let told = told.turns().last()?;
    if at.saturating_sub(told.sequence) > RECENT {
        return None;
    }
    let mut who = words.get(clause.words.from..being)?.iter().filter(of_label).peekable();
    let label = told.words.said.words.get(..told.words.from)?;
    who.peek()?;
    let whole = Span { start: 0, end: u32::try_from(clause.text().len()).unwrap_or(u32::MAX) };
    who.all(|word| label.iter().any(|other| other.stem == word.stem))
        .then_some(Found { confidence: SOMEBODYS, value: whole })
}

/// Content words between a phrase and the words with these stems; many where
/// one of them is missing.
fn beside(words: &[Word], stems: &[u32], (start, end): (usize, usize)) -> usize {
    let is_one = |word: &Word| stems.binary_search(&word.stem).is_ok();
    let found: Vec<usize> =
        words.iter().enumerate().filter(|(_, word)| is_one(word)).map(|(at, _)| at).collect();
    let all = stems.iter().all(|stem| words.iter().any(|word| word.stem == *stem));
    let (Some(first), Some(last), true) = (found.first(), found.last(), all) else {
        return usize::MAX;
    };
    let gap = if *last < start { *last + 1..start } else { end..(*first).max(end) };
    let gap = words.get(gap).unwrap_or_default();
    gap.iter().filter(|word| word.content && !is_one(word)).count()
}
