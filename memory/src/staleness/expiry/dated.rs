//! Dates with numbers, and months by name.

use jiff::civil::{Date, DateTime};

use super::{
    day::{coming_month, day, first_of_year, month, without_year},
    lex::{Token, joined, number, word},
    when::{When, past, period},
};

/// The next month of that name, this one included.
fn coming(today: Date, month: i8, next: usize) -> Option<When> {
    let first = coming_month(today, month)?;
    period(first, first.last_of_month(), next).map(|when| When {
        open: true,
        needs_lead: true,
        ..when
    })
}

/// A date that begins at token `at`.
pub(super) fn dated(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
    numeric(tokens, at, now)
        .or_else(|| day_first(tokens, at, now))
        .or_else(|| month_first(tokens, at, now))
}

/// Builds a date with or without year.
fn on(
    now: DateTime,
    year: Option<u32>,
    month: u32,
    day_of_month: u32,
    next: usize,
) -> Option<When> {
    let today = now.date();
    match year {
        Some(year) => {
            let day = day(year, month, day_of_month)?;
            period(day, day, next).map(|when| When { past: day < today, ..when })
        }
        None => match without_year(today, month, day_of_month)? {
            Ok(day) => period(day, day, next).map(|when| When { open: true, ..when }),
            Err(()) => past(now, next),
        },
    }
}

/// A year behind a date: ", 2025" or " 2025", the token behind it.
fn year_at(tokens: &[Token<'_>], at: usize) -> Option<(u32, usize)> {
    let skip = usize::from(word(tokens, at) == ",");
    let year = number(tokens, at + skip).filter(|_| word(tokens, at + skip).len() == 4)?;
    (1000..=2999).contains(&year).then_some((year, at + skip + 1))
}

/// `2025-03-04`, `2025/03/04`, `25/3/2025`, `3/25`, `4.3.2025`.
fn numeric(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
    let first = number(tokens, at)?;
    let mark = word(tokens, at + 1);
    let tight = |from: usize, to: usize| (from..=to).all(|at| joined(tokens, at));
    if !matches!(mark, "-" | "/" | ".") || !tight(at + 1, at + 2) {
        return None;
    }
    let second = number(tokens, at + 2)?;
    let third = (word(tokens, at + 3) == mark && tight(at + 3, at + 4))
        .then(|| number(tokens, at + 4))
        .flatten();
    if word(tokens, at).len() == 4 && mark != "." {
        return on(now, Some(first), second, third?, at + 5);
    }
    let year = match third {
        Some(year) if word(tokens, at + 4).len() == 4 => Some(year),
        Some(year) if mark == "/" && word(tokens, at + 4).len() == 2 => Some(2000 + year),
        Some(_) => return None,
        None => None,
    };
    let next = if year.is_some() { at + 5 } else { at + 3 };
    let (month, day) = match (mark, year) {
        (".", Some(_)) => (second, first),
        ("/", _) if first > 12 || first == second => (second, first),
        ("/", _) if second > 12 => (first, second),
        _ => return None,
    };
    // "7/7" and "24/7" are other things.
    if year.is_none() && (first == 24 || first == second) {
        return None;
    }
    on(now, year, month, day, next)
}

/// `3 March`, `3rd of March 2025`, `3 to 5 March`.
fn day_first(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
    let suffix = |at: usize| usize::from(matches!(word(tokens, at), "st" | "nd" | "rd" | "th"));
    let mut day_of_month = number(tokens, at)?;
    let mut next = at + 1 + suffix(at + 1);
    if matches!(word(tokens, next), "-" | "–" | "to" | "and" | "until")
        && let Some(last) = number(tokens, next + 1)
    {
        day_of_month = last;
        next += 2 + suffix(next + 2);
    }
    next += usize::from(word(tokens, next) == "of");
    let month = u32::try_from(month(word(tokens, next))?).ok()?;
    let year = year_at(tokens, next + 1);
    on(
        now,
        year.map(|(year, _)| year),
        month,
        day_of_month,
        year.map_or(next + 1, |(_, next)| next),
    )
}

/// `March 3`, `March 3rd, 2025`, `March 3-5`, `March 2025`, `in March`.
fn month_first(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
    let name = month(word(tokens, at))?;
    let index = u32::try_from(name).ok()?;
    let begin = at + 1 + usize::from(word(tokens, at + 1) == "." || word(tokens, at + 1) == "the");
    if let Some((year, next)) = year_at(tokens, begin) {
        let first = day(year, index, 1)?;
        let when = period(first, first.last_of_month(), next)?;
        return Some(When { past: when.ends <= now, ..when });
    }
    let suffix = |at: usize| usize::from(matches!(word(tokens, at), "st" | "nd" | "rd" | "th"));
    if let Some(mut day_of_month) = number(tokens, begin).filter(|day| (1..=31).contains(day)) {
        let mut next = begin + 1 + suffix(begin + 1);
        if matches!(word(tokens, next), "-" | "–" | "to" | "and" | "through")
            && let Some(last) = number(tokens, next + 1).filter(|last| (1..=31).contains(last))
        {
            day_of_month = last;
            next += 2 + suffix(next + 2);
        }
        let year = year_at(tokens, next);
        return on(
            now,
            year.map(|(year, _)| year),
            index,
            day_of_month,
            year.map_or(next, |(_, next)| next),
        );
    }
    if word(tokens, at + 1) == "of" {
        let ahead = match word(tokens, at + 2) {
            "this" => 0,
            "next" => 1,
            _ => -1,
        };
        if word(tokens, at + 3) == "year" {
            let first = first_of_year(now.date(), ahead)?;
            let first = day(first.year().try_into().ok()?, index, 1)?;
            let when = period(first, first.last_of_month(), at + 4)?;
            return Some(When { past: when.ends <= now, needs_lead: true, ..when });
        }
    }
    coming(now.date(), name, at + 1)
}
