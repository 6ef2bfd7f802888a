//! Calendar arithmetic on civil days: names of months and weekdays, the next
//! date without year, ends of weeks and months.

use jiff::{
    Span,
    civil::{Date, DateTime, Weekday, date},
};

pub(super) use crate::staleness::text::values::month;

/// Days ahead up to which a date without year is looked for.
const ELEVEN_MONTHS: i32 = 335;

/// Weekday by its English name; abbreviations that are no words themselves.
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" | "tues" => Weekday::Tuesday,
        "wednesday" | "weds" => Weekday::Wednesday,
        "thursday" | "thu" | "thur" | "thurs" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// A day, checked.
pub(super) fn day(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Later by whole days.
pub(super) fn plus_days(day: Date, days: i64) -> Option<Date> {
    day.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// The moment at which a day is over.
pub(super) fn end_of(day: Date) -> Option<DateTime> {
    plus_days(day, 1).map(|next| next.to_datetime(jiff::civil::Time::midnight()))
}

/// The next such day, `today` included, within eleven months; `Err` if only a
/// past one is near, `None` if there is no such day.
pub(super) fn without_year(today: Date, month: u32, day_of_month: u32) -> Option<Result<Date, ()>> {
    // 29 February is a day in some years.
    day(2024, month, day_of_month)?;
    let near = (0..=1)
        .filter_map(|ahead| day(u32::try_from(today.year()).ok()? + ahead, month, day_of_month));
    let next =
        near.into_iter().find(|day| (0..=ELEVEN_MONTHS).contains(&days_between(today, *day)));
    Some(next.ok_or(()))
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(i32::MAX, |span| span.get_days())
}

/// The next `weekday` behind `today`; with `today`, it may be that very day.
pub(super) fn next_weekday(today: Date, weekday: Weekday, with_today: bool) -> Option<Date> {
    let ahead = i64::from(today.weekday().until(weekday));
    plus_days(today, if ahead == 0 && !with_today { 7 } else { ahead })
}

/// The Monday of the week `ahead` weeks from this.
pub(super) fn monday(today: Date, ahead: i64) -> Option<Date> {
    plus_days(today, 7 * ahead - i64::from(today.weekday().to_monday_zero_offset()))
}

/// The first day of the month `ahead` months from this.
pub(super) fn first_of_month(today: Date, ahead: i64) -> Option<Date> {
    today.first_of_month().checked_add(Span::new().try_months(ahead).ok()?).ok()
}

/// The first day of the year `ahead` years from this.
pub(super) fn first_of_year(today: Date, ahead: i16) -> Option<Date> {
    let year = today.year().checked_add(ahead).filter(|year| (1..=9999).contains(year))?;
    Some(date(year, 1, 1))
}

/// The first day of the next such month, this one included.
pub(super) fn coming_month(today: Date, month: i8) -> Option<Date> {
    let ahead = (month - today.month()).rem_euclid(12);
    first_of_month(today, i64::from(ahead))
}
