//! Words for a day, a period or a time of day, resolved against a moment.

use jiff::civil::{Date, DateTime, Time, time};

use super::{
    dated::dated,
    day::{
        day, end_of, first_of_month, first_of_year, monday, month, next_weekday, plus_days, weekday,
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
    /// Goes from one time to another ("Monday to Friday").
    pub(super) range: bool,
    /// Token behind.
    pub(super) next: usize,
}

/// Period from the first to the last day, both included.
pub(super) fn period(first: Date, last: Date, next: usize) -> Option<When> {
    Some(When {
        starts: first.to_datetime(Time::midnight()),
        ends: end_of(last)?,
        time: None,
        bare_time: false,
        open: false,
        past: false,
        needs_lead: false,
        range: false,
        next,
    })
}

/// A period that has begun: what is told of it may be over.
fn current(when: Option<When>) -> Option<When> {
    when.map(|when| When { open: true, ..when })
}

/// The past, whatever day of it.
pub(super) fn past(now: DateTime, next: usize) -> Option<When> {
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
        when = When { starts, past: false, range: true, ..later };
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
    if !matches!(word(tokens, at + 2), "st" | "nd" | "rd" | "th") {
        return None;
    }
    let today = now.date();
    let months = match (word(tokens, at + 3), word(tokens, at + 4), word(tokens, at + 5)) {
        ("of", "this", "month") => Some(0),
        ("of", "next", "month") => Some(1),
        _ => None,
    };
    if let Some(months) = months {
        let first = first_of_month(today, months)?;
        let day = day(first.year().try_into().ok()?, first.month().try_into().ok()?, number)?;
        return period(day, day, at + 6).map(|when| When { past: day < today, ..when });
    }
    if !tokens.get(at + 3).is_none_or(|token| token.kind == Kind::Mark || token.word == "at") {
        return None;
    }
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
        ("today", ..) => return current(period(today, today, at + 1)),
        ("day", "after", "tomorrow") => {
            return plus_days(today, 2).and_then(|day| period(day, day, at + 3));
        }
        ("tonight", ..) => return current(period(today, today, at + 1)),
        ("this", "morning" | "afternoon" | "evening", _) => {
            return current(period(today, today, at + 2));
        }
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
        if !said && matches!((word(tokens, next), word(tokens, next + 1)), ("next", "week")) {
            let found = plus_days(monday(today, 1)?, i64::from(name.to_monday_zero_offset()))?;
            return period(found, found, next + 2);
        }
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
        // "this September", "this July 28"
        name if month(name).is_some() => dated(tokens, unit_at, now).map(|when| When {
            open: when.open && !said,
            needs_lead: when.needs_lead && !said,
            ..when
        }),
        _ => None,
    }
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
