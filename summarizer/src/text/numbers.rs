//! Numbers as words or in figures, and words of the calendar.

/// Names of numbers with what they are worth.
const NAMED: &[(&str, f64)] = &[
    ("zero", 0.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
    ("hundred", 1e2),
    ("thousand", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    ("first", 1.0),
    ("second", 2.0),
    ("third", 3.0),
    ("fourth", 4.0),
    ("fifth", 5.0),
    ("sixth", 6.0),
    ("seventh", 7.0),
    ("eighth", 8.0),
    ("ninth", 9.0),
    ("tenth", 10.0),
    ("half", 0.5),
    ("twice", 2.0),
    ("double", 2.0),
    ("once", 1.0),
];

/// Numbers that are as often something else ("one of them", "at first").
const VAGUE: [&str; 8] = ["one", "first", "second", "third", "half", "twice", "double", "once"];

/// Months and weekdays.
const CALENDAR: [&str; 19] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// What a lower-cased token counts, if it does: "20", "1,200.5", "3rd", "50k",
/// "twenty".
pub(super) fn number(lower: &str) -> Option<f64> {
    if let Some((_, value)) = NAMED.iter().find(|(name, _)| *name == lower) {
        return Some(*value);
    }
    let figures = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match lower.get(figures.len()..).unwrap_or("") {
        "" | "st" | "nd" | "rd" | "th" | "s" | "am" | "pm" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        _ => return None,
    };
    if !figures.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // "7:30" and "3.14.15" are compared as they are written.
    figures.replace(',', "").parse::<f64>().ok().map(|value| value * factor)
}

/// Whether a number word is as often no number.
pub(crate) fn is_vague(lower: &str) -> bool {
    VAGUE.contains(&lower)
}

/// Whether a lower-cased word is a month or a weekday.
pub(crate) fn is_calendar(lower: &str) -> bool {
    CALENDAR.contains(&lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_words_and_figures() {
        for (word, expected) in [
            ("twenty", Some(20.0)),
            ("1,200.5", Some(1200.5)),
            ("3rd", Some(3.0)),
            ("50k", Some(50_000.0)),
            ("7:30", None),
            ("tent", None),
            ("mp3", None),
            ("", None),
        ] {
            assert_eq!(number(word), expected, "{word}");
        }
    }
}
