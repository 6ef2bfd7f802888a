//! Lengths of time: "two weeks", "a couple of days", "30-day", and what they
//! bound: "for ...", "in ...", "within ...", "... left".

use jiff::{Span, civil::DateTime};

use super::{
    Bound, ExpiryKind,
    day::end_of,
    lex::{Token, number, word},
};

/// Longest length that is believed, in its own unit.
const MAX_COUNT: u32 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    WorkingDay,
    Week,
    Month,
    Year,
}

#[derive(Clone, Copy, Debug)]
struct Amount {
    count: u32,
    unit: Unit,
    next: usize,
}

fn unit(word: &str) -> Option<(Unit, u32)> {
    Some(match word {
        "second" | "seconds" | "sec" | "secs" => (Unit::Second, 1),
        "minute" | "minutes" | "min" | "mins" => (Unit::Minute, 1),
        "hour" | "hours" | "hr" | "hrs" => (Unit::Hour, 1),
        "day" | "days" | "night" | "nights" => (Unit::Day, 1),
        "week" | "weeks" => (Unit::Week, 1),
        "weekend" | "weekends" => (Unit::Week, 1),
        "fortnight" | "fortnights" => (Unit::Week, 2),
        "month" | "months" => (Unit::Month, 1),
        "quarter" | "quarters" => (Unit::Month, 3),
        "year" | "years" => (Unit::Year, 1),
        _ => return None,
    })
}

/// Numbers in words, and words for few. Of "a few" the larger reading.
fn spelt(word: &str) -> Option<u32> {
    Some(match word {
        "a" | "an" | "one" => 1,
        "two" => 2,
        "three" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "seven" => 7,
        "eight" => 8,
        "nine" => 9,
        "ten" => 10,
        "eleven" => 11,
        "twelve" => 12,
        "fourteen" => 14,
        "fifteen" => 15,
        "twenty" => 20,
        "thirty" => 30,
        "forty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "ninety" => 90,
        _ => return None,
    })
}

/// A count and a unit at `at`: "3 days", "a couple of weeks", "30-day".
fn amount(tokens: &[Token<'_>], at: usize) -> Option<Amount> {
    if word(tokens, at) == "half" && matches!(word(tokens, at + 1), "an" | "a") {
        let (unit, _) = unit(word(tokens, at + 2))?;
        let (count, unit) = match unit {
            Unit::Hour => (30, Unit::Minute),
            Unit::Day => (12, Unit::Hour),
            Unit::Year => (6, Unit::Month),
            Unit::Second | Unit::Minute | Unit::WorkingDay | Unit::Week | Unit::Month => {
                return None;
            }
        };
        return Some(Amount { count, unit, next: at + 3 });
    }
    let (count, mut next) = match (word(tokens, at), word(tokens, at + 1)) {
        ("a", "couple") => (2, at + 2 + usize::from(word(tokens, at + 2) == "of")),
        ("a", "few") => (5, at + 2),
        ("few", _) => (5, at + 1),
        ("couple", _) => (2, at + 1 + usize::from(word(tokens, at + 1) == "of")),
        (spelling, _) => (number(tokens, at).or_else(|| spelt(spelling))?, at + 1),
    };
    // "2 to 3 weeks", "2-3 weeks", "two or three days": the longer.
    let mut count = count;
    if matches!(word(tokens, next), "-" | "–" | "to" | "or")
        && let Some(upper) = number(tokens, next + 1).or_else(|| spelt(word(tokens, next + 1)))
        && upper >= count
    {
        count = upper;
        next += 2;
    }
    if word(tokens, next) == "-" {
        next += 1;
    }
    if matches!(
        word(tokens, next),
        "more" | "full" | "whole" | "additional" | "extra" | "consecutive"
    ) {
        next += 1;
    }
    let working = matches!(word(tokens, next), "business" | "working");
    next += usize::from(working);
    let (kind, times) = unit(word(tokens, next))?;
    let kind = if working && kind == Unit::Day { Unit::WorkingDay } else { kind };
    (1..=MAX_COUNT).contains(&count).then_some(Amount {
        count: count * times,
        unit: kind,
        next: next + 1,
    })
}

impl Amount {
    /// The moment this much later; from days on, the end of that day.
    fn after(&self, now: DateTime) -> Option<DateTime> {
        let count = i64::from(self.count);
        let span = match self.unit {
            Unit::Second => Span::new().seconds(count),
            Unit::Minute => Span::new().minutes(count),
            Unit::Hour => Span::new().hours(count),
            Unit::Day => Span::new().days(count),
            // Five working days are seven days, and a weekend may come between.
            Unit::WorkingDay => Span::new().days(count + 2 * (count / 5 + 1)),
            Unit::Week => Span::new().weeks(count),
            Unit::Month => Span::new().months(count),
            Unit::Year => Span::new().years(count),
        };
        let then = now.checked_add(span).ok()?;
        match self.unit {
            Unit::Second | Unit::Minute | Unit::Hour => Some(then),
            Unit::Day | Unit::WorkingDay | Unit::Week | Unit::Month | Unit::Year => {
                end_of(then.date())
            }
        }
    }
}

/// How a duration begins, and its first token.
struct Opening {
    kind: ExpiryKind,
    explicit: bool,
    lasting: bool,
    amount: usize,
}

fn opening(tokens: &[Token<'_>], at: usize) -> Option<Opening> {
    let (kind, lasting, mut next) = match word(tokens, at) {
        "for" => (ExpiryKind::Duration, true, at + 1),
        "in" => (ExpiryKind::Date, false, at + 1),
        "within" => (ExpiryKind::Deadline, false, at + 1),
        "over" | "during" if word(tokens, at + 1) == "the" => (ExpiryKind::Duration, true, at + 1),
        "the" if word(tokens, at + 1) == "next" => (ExpiryKind::Duration, true, at),
        "next" => (ExpiryKind::Duration, true, at),
        "expires" | "expire" | "expiring" | "ends" | "ending" if word(tokens, at + 1) == "in" => {
            (ExpiryKind::Until, false, at + 2)
        }
        _ => return None,
    };
    let mut explicit = kind == ExpiryKind::Until;
    for _ in 0..3 {
        match word(tokens, next) {
            "next" | "another" | "coming" | "following" => explicit = true,
            "the" | "about" | "around" | "approximately" | "at" | "least" | "just" | "only"
            | "up" | "to" | "roughly" => {}
            _ => break,
        }
        next += 1;
    }
    // "another week" is "another one week".
    if word(tokens, at) == "next"
        && number(tokens, next).is_none()
        && spelt(word(tokens, next)).is_none()
        && word(tokens, next) != "few"
        && word(tokens, next) != "couple"
    {
        return None;
    }
    Some(Opening { kind, explicit, lasting, amount: next })
}

/// A length of time at `at` that bounds something from now on; `None` inside
/// where the words are time but no bound (see [`super::bound_at`]).
pub(super) fn duration_at(
    tokens: &[Token<'_>],
    at: usize,
    now: DateTime,
) -> Option<(Option<Bound>, usize)> {
    let bound = |tokens, ends: Option<DateTime>, kind, explicit, lasting| {
        ends.map(|ends| Bound { tokens, ends, kind, open: false, explicit, lasting })
    };
    if let Some(opening) = opening(tokens, at) {
        if matches!(word(tokens, opening.amount), "last" | "past" | "previous") {
            // "for the last two weeks"
            let next =
                amount(tokens, opening.amount + 1).map_or(opening.amount + 1, |amount| amount.next);
            return Some((None, next));
        }
        let of_one = word(tokens, opening.amount);
        if opening.explicit && unit(of_one).is_some() && of_one.ends_with('s') {
            // "in the coming weeks": how many?
            return Some((None, opening.amount + 1));
        }
        let single = unit(of_one).filter(|_| opening.explicit && word(tokens, at + 1) != "next");
        let found = amount(tokens, opening.amount).or_else(|| {
            single.map(|(unit, count)| Amount { count, unit, next: opening.amount + 1 })
        });
        let found = found?;
        if matches!(word(tokens, found.next), "ago" | "old" | "of" | "per" | "a")
            || word(tokens, found.next) == "-"
        {
            return Some((None, found.next + 1));
        }
        let ends = found.after(now);
        return Some((
            bound(at..found.next, ends, opening.kind, opening.explicit, opening.lasting),
            found.next,
        ));
    }
    let found = amount(tokens, at)?;
    let (trial, next) = match (word(tokens, found.next), word(tokens, found.next + 1)) {
        ("left" | "remaining", _) => (false, found.next + 1),
        ("from", "now") => (false, found.next + 2),
        (
            "trial" | "pass" | "offer" | "sale" | "discount" | "warranty" | "extension" | "notice"
            | "deadline",
            _,
        )
        | ("free" | "money" | "return", _) => (true, found.next + 1),
        _ => return Some((None, found.next)).filter(|_| number(tokens, at).is_some()),
    };
    let kind =
        if word(tokens, next - 1) == "now" { ExpiryKind::Date } else { ExpiryKind::Duration };
    Some((
        bound(at..next, found.after(now), kind, trial || kind == ExpiryKind::Duration, false),
        next,
    ))
}
