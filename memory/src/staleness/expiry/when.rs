//! Words for a day, a period or a time of day, resolved against a moment.

use jiff::civil::{Date, DateTime, Time, time};

use super::{
    day::{
        coming_month, day, end_of, first_of_month, first_of_year, monday, month, next_weekday,
        plus_days, weekday, without_year,
    },
    lex::{Kind, Token, joined, number, word},
};

/// A period found in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    /// Its first moment.
    pub(super) starts: DateTime,
    /// The moment at which it is over.
    pub(super) ends: DateTime,
    /// A time of day on it, or the next such moment.
    pub(super) time: Option<DateTime>,
    /// A time of day without a day.
    pub(super) bare_time: bool,
    /// In a sentence of the past these words mean the past ("Friday").
    pub(super) open: bool,
    /// Means the past ("yesterday", "3 March" said in April).
    pub(super) past: bool,
    /// Is a time only behind a preposition ("may", "the 5th").
    pub(super) needs_lead: bool,
    /// Token behind.
    pub(super) next: usize,
}

/// Period from the first to the last day, both included.
fn period(first: Date, last: Date, next: usize) -> Option<When> {
    Some(When {
        starts: first.to_datetime(Time::midnight()),
        ends: end_of(last)?,
        time: None,
        bare_time: false,
        open: false,
        past: false,
        needs_lead: false,
        next,
    })
}

fn past(now: DateTime, next: usize) -> Option<When> {
    period(now.date(), now.date(), next).map(|when| When { past: true, ..when })
}

/// The period that begins at token `at`, with a time of day before or behind
/// it and, for "3 to 5 March" and "Monday to Friday", up to its end.
pub(super) fn when_at(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
    if let Some((clock, next)) = clock_at(tokens, at) {
        let day_at = next + usize::from(matches!(word(tokens, next), "on" | "," | "of"));
        if let Some(when) = period_at(tokens, day_at, now) {
            return Some(with_time(when, clock));
        }
        let today = now.date().to_datetime(clock);
        let coming = if today > now { today } else { plus_days(now.date(), 1)?.to_datetime(clock) };
        let when = period(coming.date(), coming.date(), next)?;
        return Some(When { time: Some(coming), bare_time: true, needs_lead: true, ..when });
    }
    let mut when = period_at(tokens, at, now)?;
    // A range ends with its later day.
    if matches!(word(tokens, when.next), "-" | "–" | "to" | "through" | "until" | "till" | "thru")
        && let Some(later) = period_at(tokens, when.next + 1, now)
        && !later.past
        && later.ends >= now
    {
        let starts = when.starts;
        when = When { starts, past: false, ..later };
        if when.ends < starts {
            // "Friday to Monday": the Monday behind that Friday.
            when.ends = plus_days(when.ends.date(), 7)?.to_datetime(when.ends.time());
        }
    }
    let time_at = when.next + usize::from(matches!(word(tokens, when.next), "at" | "," | "by"));
    if let Some((clock, next)) = clock_at(tokens, time_at) {
        when = with_time(When { next, ..when }, clock);
    }
    Some(when)
}

fn with_time(when: When, clock: Time) -> When {
    // The last day of a period is the one that ends with it.
    let day = plus_days(when.ends.date(), -1).unwrap_or(when.starts.date());
    When { time: Some(day.to_datetime(clock)), ..when }
}

/// "5 pm", "17:30", "5:30pm", "noon", "midnight".
fn clock_at(tokens: &[Token<'_>], at: usize) -> Option<(Time, usize)> {
    match word(tokens, at) {
        "noon" | "midday" => return Some((time(12, 0, 0, 0), at + 1)),
        "midnight" => return Some((time(23, 59, 0, 0), at + 1)),
        _ => {}
    }
    let hour = number(tokens, at)?;
    let minutes = (word(tokens, at + 1) == ":" && joined(tokens, at + 1) && joined(tokens, at + 2))
        .then(|| number(tokens, at + 2))
        .flatten();
    let mut next = at + if minutes.is_some() { 3 } else { 1 };
    let half = match (word(tokens, next), word(tokens, next + 1), word(tokens, next + 2)) {
        ("am", ..) => Some((0, 1)),
        ("pm", ..) => Some((12, 1)),
        ("a", ".", "m") => Some((0, 3)),
        ("p", ".", "m") => Some((12, 3)),
        _ => None,
    };
    let hour = match half {
        Some((plus, used)) if (1..=12).contains(&hour) => {
            next += used;
            hour % 12 + plus
        }
        Some(_) => return None,
        None => minutes.map(|_| hour)?,
    };
    let clock =
        Time::new(i8::try_from(hour).ok()?, i8::try_from(minutes.unwrap_or(0)).ok()?, 0, 0).ok()?;
    Some((clock, next))
}

fn period_at(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
    let start = at + usize::from(word(tokens, at) == "the");
    if word(tokens, start) == "end" && word(tokens, start + 1) == "of" {
        let inner = start + 2 + usize::from(word(tokens, start + 2) == "the");
        return relative(tokens, inner, now, true)
            .or_else(|| dated(tokens, inner, now))
            .map(|when| When { needs_lead: false, ..when });
    }
    dated(tokens, at, now)
        .or_else(|| relative(tokens, start, now, false))
        .or_else(|| ordinal(tokens, at, now))
}

/// "the 15th": the next such day.
fn ordinal(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
    let number = number(tokens, at + 1).filter(|_| word(tokens, at) == "the")?;
    let suffix = matches!(word(tokens, at + 2), "st" | "nd" | "rd" | "th");
    let ends =
        tokens.get(at + 3).is_none_or(|token| token.kind == Kind::Mark || token.word == "at");
    if !suffix || !ends {
        return None;
    }
    let today = now.date();
    let coming = (0..3).find_map(|ahead| {
        let first = first_of_month(today, ahead)?;
        day(first.year().try_into().ok()?, first.month().try_into().ok()?, number)
            .filter(|day| *day >= today)
    })?;
    period(coming, coming, at + 3).map(|when| When { needs_lead: true, open: true, ..when })
}

/// Words relative to today; `whole` behind "end of", where units stand alone.
fn relative(tokens: &[Token<'_>], at: usize, now: DateTime, whole: bool) -> Option<When> {
    let today = now.date();
    let part =
        |at| usize::from(matches!(word(tokens, at), "morning" | "afternoon" | "evening" | "night"));
    match (word(tokens, at), word(tokens, at + 1), word(tokens, at + 2)) {
        ("today", ..) => return period(today, today, at + 1),
        ("day", "after", "tomorrow") => {
            return plus_days(today, 2).and_then(|day| period(day, day, at + 3));
        }
        ("tonight", ..) => return period(today, today, at + 1),
        ("this", "morning" | "afternoon" | "evening", _) => return period(today, today, at + 2),
        ("tomorrow" | "tmrw" | "tmr", ..) => {
            return plus_days(today, 1).and_then(|day| period(day, day, at + 1 + part(at + 1)));
        }
        ("yesterday", ..) => return past(now, at + 1),
        ("day", "before", "yesterday") => return past(now, at + 3),
        _ => {}
    }
    let (ahead, unit_at) = match word(tokens, at) {
        "this" | "coming" | "current" => (0, at + 1),
        "next" | "following" => (1, at + 1),
        "last" | "past" | "previous" => (-1, at + 1),
        _ => (0, at),
    };
    let said = unit_at > at;
    if let Some(name) = weekday(word(tokens, unit_at)) {
        let next = unit_at + 1 + part(unit_at + 1);
        let found = match ahead {
            -1 => return past(now, next),
            1 => plus_days(monday(today, 1)?, i64::from(name.to_monday_zero_offset()))?,
            _ => next_weekday(today, name, said)?,
        };
        return period(found, found, next).map(|when| When { open: !said, ..when });
    }
    let unit = word(tokens, unit_at);
    let weekend = unit == "weekend" && (said || whole || word(tokens, at.wrapping_sub(1)) == "the");
    if !(said || whole || weekend) {
        return None;
    }
    let next = unit_at + 1;
    if ahead < 0 {
        return matches!(
            unit,
            "week"
                | "month"
                | "year"
                | "weekend"
                | "night"
                | "summer"
                | "winter"
                | "spring"
                | "fall"
        )
        .then(|| past(now, next))
        .flatten();
    }
    match unit {
        "day" if whole => period(today, today, next),
        "week" => period(monday(today, ahead)?, plus_days(monday(today, ahead + 1)?, -1)?, next),
        "weekend" => {
            let after = monday(today, ahead + 1)?;
            period(plus_days(after, -2)?, plus_days(after, -1)?, next)
                .map(|when| When { open: !said, ..when })
        }
        "month" => period(
            first_of_month(today, ahead)?,
            plus_days(first_of_month(today, ahead + 1)?, -1)?,
            next,
        ),
        "year" => {
            let ahead = i16::try_from(ahead).ok()?;
            period(
                first_of_year(today, ahead)?,
                plus_days(first_of_year(today, ahead + 1)?, -1)?,
                next,
            )
        }
        name if month(name).is_some() => {
            coming(today, month(name)?, next).map(|when| When { open: !said, ..when })
        }
        _ => None,
    }
}

fn coming(today: Date, month: i8, next: usize) -> Option<When> {
    let first = coming_month(today, month)?;
    period(first, first.last_of_month(), next).map(|when| When {
        open: true,
        needs_lead: true,
        ..when
    })
}

/// Dates with numbers, and months by name.
fn dated(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<When> {
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
    coming(now.date(), name, at + 1)
}

/// "every Friday", "Fridays", "each month": the token behind.
pub(super) fn recurring_at(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<usize> {
    let plural = |at: usize| {
        word(tokens, at)
            .strip_suffix('s')
            .is_some_and(|day| weekday(day).is_some() && day.len() > 4)
    };
    if plural(at) || matches!(word(tokens, at), "weekends" | "weekdays") {
        return Some(at + 1);
    }
    if !matches!(word(tokens, at), "every" | "each") {
        return None;
    }
    let skip = at + 1 + usize::from(matches!(word(tokens, at + 1), "other" | "single" | "second"));
    match when_at(tokens, skip, now) {
        Some(when) => Some(when.next),
        None => Some(skip),
    }
}
