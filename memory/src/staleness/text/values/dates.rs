//! Days: "March 3rd", "the 3rd of March", "the 12th", "3/14", "2024", "next
//! Friday", "tomorrow". Kept by their parts, so that "March 3rd" agrees with
//! "the 3rd" and differs from "the 4th".

use super::{Kind, Read, Reading, numbers};

/// The parts of a day; 0 where one is not named.
#[derive(Clone, Copy, Default)]
struct Day {
    year: u64,
    month: u64,
    day: u64,
    weekday: u64,
    /// A word such as "tomorrow".
    word: u64,
}

impl Day {
    fn packed(self) -> u64 {
        self.year << 32 | self.month << 24 | self.day << 16 | self.weekday << 8 | self.word
    }

    fn parts(packed: u64) -> [u64; 5] {
        [packed >> 32, packed >> 24 & 0xff, packed >> 16 & 0xff, packed >> 8 & 0xff, packed & 0xff]
    }
}

/// About how many days the second is later, by the parts that both name.
pub(super) fn days_between(a: u64, b: u64) -> Option<f32> {
    let ([y0, m0, d0, ..], [y1, m1, d1, ..]) = (Day::parts(a), Day::parts(b));
    let mut days = None;
    for (x, y, length) in [(y0, y1, 365.0), (m0, m1, 30.4), (d0, d1, 1.0)] {
        if x != 0 && y != 0 {
            days = Some(days.unwrap_or(0.0) + (y as f32 - x as f32) * length);
        }
    }
    days
}

/// Whether two days agree in the parts that both name.
pub(super) fn agree(a: u64, b: u64) -> Option<bool> {
    let mut shared = false;
    for (x, y) in Day::parts(a).into_iter().zip(Day::parts(b)) {
        if x != 0 && y != 0 {
            if x != y {
                return Some(false);
            }
            shared = true;
        }
    }
    shared.then_some(true)
}

/// Reads a day at a word.
pub(super) fn read(at: Reading<'_>) -> Option<Read> {
    let (day, words) = month_first(at)
        .or_else(|| day_first(at))
        .or_else(|| slashed(at))
        .or_else(|| relative(at))
        .or_else(|| year(at, 0).map(|year| (Day { year, ..Day::default() }, 1)))?;
    Some(Read { kind: Kind::Date, words, normal: day.packed(), unit: 0 })
}

/// "March 3rd, 2024", "March 2024", "in March".
fn month_first(at: Reading<'_>) -> Option<(Day, usize)> {
    let month = u64::from(month(at.word(0))?.unsigned_abs());
    // "may" and "march" are also verbs: only capitalised or before a number.
    let capital = at.lexed.words.get(at.index).is_some_and(|word| word.capital);
    let the = usize::from(at.word(1) == "the");
    let day = ordinal(at.word(1 + the)).or_else(|| number_day(at.word(1)));
    if let Some(day) = day {
        let used = 2 + the;
        let year = year(at, used);
        return Some((
            Day { month, day, year: year.unwrap_or(0), ..Day::default() },
            used + usize::from(year.is_some()),
        ));
    }
    if let Some(year) = year(at, 1) {
        return Some((Day { month, year, ..Day::default() }, 2));
    }
    let verb = matches!(at.word(0), "may" | "march" | "mar" | "dec" | "sep" | "jan") && !capital
        || at.word(0) == "may" && at.index == 0;
    (!verb).then_some((Day { month, ..Day::default() }, 1))
}

/// "3rd of March", "3 March 2024", "the 12th", "12th of this month".
fn day_first(at: Reading<'_>) -> Option<(Day, usize)> {
    let ordinal = ordinal(at.word(0));
    let day = ordinal.or_else(|| number_day(at.word(0)))?;
    let of = usize::from(at.word(1) == "of");
    if let Some(month) = month(at.word(1 + of)) {
        let month = u64::from(month.unsigned_abs());
        let used = 2 + of;
        let year = year(at, used);
        return Some((
            Day { month, day, year: year.unwrap_or(0), ..Day::default() },
            used + usize::from(year.is_some()),
        ));
    }
    // A bare ordinal is a day only in figures: "the 12th", not "the second".
    let figures = at.word(0).starts_with(|c: char| c.is_ascii_digit());
    (ordinal.is_some() && figures).then_some((Day { day, ..Day::default() }, 1))
}

/// "3/14", "3/14/2024", "2024-03-14".
fn slashed(at: Reading<'_>) -> Option<(Day, usize)> {
    let number = |offset: usize| at.word(offset).parse::<u64>().ok();
    let (a, b) = (number(0)?, number(1)?);
    match at.gap(1) {
        "/" if (1..=12).contains(&a) && (1..=31).contains(&b) => {
            let year = (at.gap(2) == "/").then(|| number(2)).flatten();
            let full = year.map_or(0, |y| if y < 100 { 2000 + y } else { y });
            Some((
                Day { month: a, day: b, year: full & 0xffff, ..Day::default() },
                2 + usize::from(year.is_some()),
            ))
        }
        "-" if (1900..2200).contains(&a) && (1..=12).contains(&b) && at.gap(2) == "-" => {
            let day = number(2).filter(|day| (1..=31).contains(day))?;
            Some((Day { year: a, month: b, day, ..Day::default() }, 3))
        }
        _ => None,
    }
}

/// "next Friday", "Friday", "tomorrow", "this weekend", "last week".
fn relative(at: Reading<'_>) -> Option<(Day, usize)> {
    let which = match at.word(0) {
        "next" => 1,
        "this" => 2,
        "last" => 3,
        "coming" | "following" => 4,
        _ => 0,
    };
    let skip = usize::from(which > 0);
    let name = at.word(skip);
    if let Some(weekday) = weekday(name) {
        return Some((Day { weekday, ..Day::default() }, 1 + skip));
    }
    if which == 0 {
        let word = match name {
            "today" => 1,
            "tomorrow" | "tmrw" => match (at.word(1), at.word(2)) {
                ("after", _) => 3,
                _ => 2,
            },
            "yesterday" => 4,
            "tonight" => 1,
            "weekend" => 5,
            "christmas" => 6,
            "easter" => 7,
            "thanksgiving" => 8,
            _ => return None,
        };
        return Some((Day { word, ..Day::default() }, 1));
    }
    let span = match name {
        "week" => 0,
        "month" => 1,
        "year" => 2,
        "weekend" => 3,
        "spring" => 4,
        "summer" => 5,
        "fall" | "autumn" => 6,
        "winter" => 7,
        "quarter" => 8,
        _ => return None,
    };
    Some((Day { word: 16 + which * 16 + span, ..Day::default() }, 2))
}

/// A year in figures.
fn year(at: Reading<'_>, offset: usize) -> Option<u64> {
    let word = at.word(offset);
    if word.len() != 4 || at.gap(offset).ends_with(['$', '€', '£']) {
        return None;
    }
    word.parse().ok().filter(|year| (1900..2100).contains(year))
}

/// "3rd", "twenty-first" without its first half, "third".
fn ordinal(word: &str) -> Option<u64> {
    let figures = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if !figures.is_empty() && matches!(word.get(figures.len()..), Some("st" | "nd" | "rd" | "th")) {
        return figures.parse().ok().filter(|day| (1..=31).contains(day));
    }
    const NAMED: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    NAMED.iter().position(|name| *name == word).map(|at| at as u64 + 1)
}

fn number_day(word: &str) -> Option<u64> {
    numbers::small(word).filter(|day| (1..=31).contains(day))
}

/// Month, from 1, by its English name or usual abbreviation.
pub(in crate::staleness) fn month(word: &str) -> Option<i8> {
    Some(match word {
        "january" | "jan" => 1,
        "february" | "feb" => 2,
        "march" | "mar" => 3,
        "april" | "apr" => 4,
        "may" => 5,
        "june" | "jun" => 6,
        "july" | "jul" => 7,
        "august" | "aug" => 8,
        "september" | "sept" | "sep" => 9,
        "october" | "oct" => 10,
        "november" | "nov" => 11,
        "december" | "dec" => 12,
        _ => return None,
    })
}

fn weekday(word: &str) -> Option<u64> {
    Some(match word.strip_suffix('s').filter(|w| w.ends_with("day")).unwrap_or(word) {
        "monday" => 1,
        "tuesday" => 2,
        "wednesday" => 3,
        "thursday" => 4,
        "friday" => 5,
        "saturday" => 6,
        "sunday" => 7,
        _ => return None,
    })
}
