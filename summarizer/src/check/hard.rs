//! What must stand in the source as it stands in the summary: numbers, sums,
//! days, names, identifiers. Found by looking, not learnt.

use std::{collections::HashSet, sync::LazyLock};

use regex::Regex;

use super::{reading::Reading, relations::is_known};
use crate::text::{Token, is_calendar, is_vague, tokens};

/// Letters that a name or identifier needs to be looked for within words.
const MIN_COMPACT: usize = 4;

/// What sort of thing is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReasonKind {
    /// A number that the source does not have.
    Number,
    /// A sum of money that it does not have.
    Money,
    /// A month, weekday or year that it does not have.
    Date,
    /// A name that it does not have.
    Name,
    /// A code, address or mail address that it does not have.
    Identifier,
    /// Something is denied that the source does not deny, or the other way.
    Negation,
    /// Someone else said or did it.
    Speaker,
    /// Words that nothing in the source supports.
    Words,
}

impl ReasonKind {
    /// Whether one missing thing of the kind is enough to reject a sentence.
    pub fn is_hard(self) -> bool {
        !matches!(self, Self::Negation | Self::Speaker | Self::Words)
    }

    /// Its name, lower-cased.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Money => "money",
            Self::Date => "date",
            Self::Name => "name",
            Self::Identifier => "identifier",
            Self::Negation => "negation",
            Self::Speaker => "speaker",
            Self::Words => "words",
        }
    }
}

/// An unsupported thing with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) kind: ReasonKind,
    pub(super) words: String,
}

/// What the hard checks found, with counts for the sentence's row.
#[derive(Clone, Debug, Default)]
pub(super) struct Hard {
    pub(super) missing: Vec<Missing>,
    pub(super) numbers: usize,
    pub(super) names: usize,
    /// Numbers that the source has, but not beside this unit.
    pub(super) strange_units: usize,
}

impl Hard {
    /// How many things of a kind are missing.
    pub(super) fn count(&self, kind: ReasonKind) -> usize {
        self.missing.iter().filter(|missing| missing.kind == kind).count()
    }
}

/// "A12-9", "user_id", "a@b.com", "v2": what no dictionary has.
static IDENTIFIER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\S*(?:[A-Za-z]\d|\d[A-Za-z]|@|://|_|\d-\d)\S*").ok());

/// Looks for all of them.
pub(super) fn look(reading: &Reading<'_>) -> Hard {
    let mut hard = Hard::default();
    let identifiers = identifiers(reading, &mut hard);
    numbers(reading, &identifiers, &mut hard);
    names(reading, &mut hard);
    hard
}

/// Whether the letters and digits of something run on in the source.
fn runs_on(reading: &Reading<'_>, text: &str) -> bool {
    let compact: String =
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    compact.chars().count() >= MIN_COMPACT && reading.document.compact.contains(&compact)
}

/// Identifiers; returns the bytes that they take.
fn identifiers(reading: &Reading<'_>, hard: &mut Hard) -> HashSet<usize> {
    let mut taken = HashSet::new();
    let Some(pattern) = IDENTIFIER.as_ref() else { return taken };
    for found in pattern.find_iter(reading.text) {
        let edges = |c: char| !c.is_alphanumeric();
        let word = found.as_str().trim_matches(edges);
        // "#Person1#'s" is of the one named.
        let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
        let word = word.trim_matches(edges);
        let words = tokens(word);
        // "20th", "50k" and "7pm" are numbers, "#Person1#" is a speaker.
        let plain = words.iter().all(|word| word.number.is_some());
        let said = words.iter().all(|word| reading.document.says(word));
        if plain || said {
            continue;
        }
        taken.extend(found.range());
        if !runs_on(reading, word) {
            let words = word.to_owned();
            hard.missing.push(Missing { kind: ReasonKind::Identifier, words });
        }
    }
    taken
}

fn numbers(reading: &Reading<'_>, taken: &HashSet<usize>, hard: &mut Hard) {
    for (at, word) in reading.tokens.iter().enumerate() {
        let Some(number) = word.number.filter(|_| !taken.contains(&word.start)) else {
            let figures = word.lower.starts_with(|c: char| c.is_ascii_digit());
            if figures && !taken.contains(&word.start) && !said_as_time(reading, word) {
                let words = word.lower.clone();
                hard.missing.push(Missing { kind: ReasonKind::Number, words });
            }
            continue;
        };
        hard.numbers += 1;
        if reading.document.says(word) {
            hard.strange_units += usize::from(!beside(reading, at, number));
            continue;
        }
        if is_vague(&word.lower) || parts_said(reading, number) {
            continue;
        }
        let before = reading.text.get(..word.start).unwrap_or("").trim_end();
        let after = reading.tokens.get(at + 1).map_or("", |next| next.lower.as_str());
        let money = before.ends_with(['$', '€', '£', '¥', '₹'])
            || matches!(
                after,
                "dollars" | "dollar" | "euros" | "euro" | "pounds" | "bucks" | "yuan"
            );
        let kind = if money {
            ReasonKind::Money
        } else if (1900.0..2100.0).contains(&number) && word.lower.len() == 4 {
            ReasonKind::Date
        } else {
            ReasonKind::Number
        };
        hard.missing.push(Missing { kind, words: word.lower.clone() });
    }
}

/// "7:30" where the source has "7:30", "seven thirty" or "half past 7".
fn said_as_time(reading: &Reading<'_>, word: &Token) -> bool {
    let has = |number: f64| reading.document.numbers.contains(&number.to_bits());
    let parts: Vec<f64> = word.lower.split(':').filter_map(|part| part.parse().ok()).collect();
    reading.document.says(word)
        || runs_on(reading, &word.lower)
        || match parts.as_slice() {
            [hour, minute] => {
                has(*hour) && (*minute == 0.0 || has(*minute) || (*minute == 30.0 && has(0.5)))
            }
            _ => false,
        }
}

/// "250" where the source has "two hundred and fifty" or "2" and "50".
fn parts_said(reading: &Reading<'_>, number: f64) -> bool {
    let has = |part: f64| reading.document.numbers.contains(&part.to_bits());
    [1e2, 1e3, 1e6].into_iter().any(|factor| {
        let (head, rest) = ((number / factor).trunc(), number % factor);
        number >= factor
            && (has(head) || (head == 1.0 && has(factor)))
            && has(factor)
            && (rest == 0.0 || has(rest) || (has((rest / 10.0).trunc() * 10.0) && has(rest % 10.0)))
    }) || ((21.0..100.0).contains(&number)
        && has((number / 10.0).trunc() * 10.0)
        && has(number % 10.0))
}

/// Whether what the number counts here follows it somewhere in the source.
fn beside(reading: &Reading<'_>, at: usize, number: f64) -> bool {
    let Some(unit) = reading.tokens.get(at + 1).filter(|unit| unit.content) else { return true };
    reading.document.units.iter().any(|sentence| {
        let mut places = sentence.tokens.iter().enumerate();
        places.any(|(place, word)| {
            word.number == Some(number)
                && sentence.tokens.iter().skip(place + 1).take(3).any(|o| o.stem == unit.stem)
        })
    })
}

/// Capitalised words that are no plain openers.
fn names(reading: &Reading<'_>, hard: &mut Hard) {
    for (at, word) in reading.tokens.iter().enumerate() {
        if !word.capital || word.number.is_some() || !word.content || word.lower.len() < 2 {
            continue;
        }
        let gap = at
            .checked_sub(1)
            .and_then(|before| reading.tokens.get(before))
            .and_then(|before| reading.text.get(before.end..word.start));
        let opens = gap.is_none_or(|gap| gap.contains([':', '"', '“']));
        let document = reading.document;
        let said = document.says(word)
            || document.stems.contains(&word.stem)
            || runs_on(reading, word.bare());
        if opens && (said || is_known(word.stem)) {
            continue;
        }
        hard.names += 1;
        if said {
            continue;
        }
        let calendar = is_calendar(word.bare());
        let kind = if calendar { ReasonKind::Date } else { ReasonKind::Name };
        // "American" of "America": a known word whose kin is said is no new name.
        if !calendar && document.best_relation(word.stem) >= super::relations::Relation::Near {
            continue;
        }
        let words = reading.text.get(word.start..word.end).unwrap_or("").to_owned();
        hard.missing.push(Missing { kind, words });
    }
}
