//! Times of day: "7:30 pm", "half past 6 in the evening", "11 o'clock", "noon",
//! "morning". Kept as minutes of the day, with a mark where the half of the day
//! is not said.

use super::{Kind, Read, Reading, numbers};

/// Minutes are modulo twelve hours: "at 7".
const HALF_UNSAID: u64 = 1 << 16;
/// A part of the day, not a time: "in the morning".
const PART: u64 = 1 << 17;

/// Whether two times agree; `None` when one does not say which half of the day,
/// or one is a part of the day.
pub(super) fn agree(a: u64, b: u64) -> Option<bool> {
    if a & PART != b & PART {
        return None;
    }
    let (x, y) = (a & 0xffff, b & 0xffff);
    if (a | b) & HALF_UNSAID != 0 {
        return (x % 720 != y % 720).then_some(false);
    }
    Some(x == y)
}

/// Reads a time at a word.
pub(super) fn read(at: Reading<'_>) -> Option<Read> {
    let (minutes, words, half_said) = past_or_to(at).or_else(|| clock(at)).or_else(|| named(at))?;
    let (normal, words) = if minutes & PART != 0 {
        (minutes, words)
    } else {
        with_half(at, minutes, words, half_said)
    };
    Some(Read { kind: Kind::Time, words, normal, unit: 0 })
}

/// "half past 6", "quarter to five", "10 past 3".
fn past_or_to(at: Reading<'_>) -> Option<(u64, usize, bool)> {
    let lead = usize::from(at.word(0) == "a" && at.word(1) == "quarter");
    let minutes = match at.word(lead) {
        "half" => 30,
        "quarter" => 15,
        word => numbers::small(word).filter(|m| (1..60).contains(m))?,
    };
    let back = match at.word(lead + 1) {
        "past" | "after" => false,
        "to" | "before" | "till" => true,
        _ => return None,
    };
    let hour = numbers::small(at.word(lead + 2)).filter(|hour| (1..=12).contains(hour))?;
    if back && !matches!(at.word(lead), "quarter" | "5" | "ten" | "10" | "20" | "twenty" | "five") {
        return None;
    }
    let total = if back { hour * 60 + 720 - minutes } else { hour * 60 + minutes } % 720;
    Some((total, lead + 3, false))
}

/// "7:30", "7 pm", "7:30pm", "11 o'clock", "at 7".
fn clock(at: Reading<'_>) -> Option<(u64, usize, bool)> {
    let word = at.word(0);
    let figures = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = word.get(figures.len()..).unwrap_or("");
    let (hour, minute, colon) = match figures.split_once(':') {
        Some((hour, minute)) => (hour.parse().ok()?, minute.parse::<u64>().ok()?, true),
        None if figures.is_empty() => (numbers::small(word)?, 0, false),
        None => (figures.parse::<u64>().ok()?, 0, false),
    };
    if hour > 24 || minute > 59 {
        return None;
    }
    let mark = |word: &str| matches!(word, "am" | "pm" | "a" | "p");
    let joined = !figures.is_empty() && mark(suffix);
    let apart = matches!(at.word(1), "am" | "pm")
        || matches!((at.word(1), at.word(2)), ("a" | "p", "m")) && at.gap(2) == ".";
    let said = joined && matches!(suffix, "am" | "pm") || apart;
    let o_clock = at.word(1) == "o'clock" || at.word(1) == "oclock";
    let at_before = at.index > 0
        && matches!(
            at.lexed.lower(at.index - 1),
            "at" | "by" | "until" | "till" | "around" | "from"
        )
        && !counted(at);
    if said {
        let first = if joined { suffix } else { at.word(1) };
        let hour = hour % 12 + if first.starts_with('p') { 12 } else { 0 };
        let used = 1 + usize::from(!joined) + usize::from(!joined && at.word(1).len() == 1);
        return Some((hour * 60 + minute, used, true));
    }
    if !suffix.is_empty() && !figures.is_empty() {
        return None;
    }
    if colon || o_clock || at_before && (1..=12).contains(&hour) {
        let whole = hour > 12 || colon && figures.starts_with('0');
        return Some((hour % 24 * 60 + minute, 1 + usize::from(o_clock), whole));
    }
    None
}

/// A word after the number says that it counts something: "at 5 stars".
fn counted(at: Reading<'_>) -> bool {
    at.lexed.words.get(at.index + 1).is_some_and(|next| next.content)
        && !at.word(1).is_empty()
        && !matches!(at.word(1), "tonight" | "tomorrow" | "today" | "sharp")
        || at.gap(1).contains('%')
        || at.gap(0).ends_with(['$', '€', '£'])
}

/// "noon", "midnight", "morning".
fn named(at: Reading<'_>) -> Option<(u64, usize, bool)> {
    Some(match at.word(0) {
        "noon" | "midday" => (720, 1, true),
        "midnight" => (0, 1, true),
        "morning" if !greeting(at) => (PART | 1, 1, true),
        "afternoon" if !greeting(at) => (PART | 2, 1, true),
        "evening" if !greeting(at) => (PART | 3, 1, true),
        _ => return None,
    })
}

fn greeting(at: Reading<'_>) -> bool {
    at.index > 0 && at.lexed.lower(at.index - 1) == "good"
}

/// Takes in "in the evening" behind a time.
fn with_half(at: Reading<'_>, minutes: u64, words: usize, said: bool) -> (u64, usize) {
    let (part, more) = match (at.word(words), at.word(words + 1), at.word(words + 2)) {
        ("in", "the", part @ ("morning" | "afternoon" | "evening")) => (part, 3),
        ("at", "night", _) => ("evening", 2),
        ("this" | "tomorrow", part @ ("morning" | "afternoon" | "evening"), _) => (part, 2),
        _ => ("", 0),
    };
    match part {
        _ if said => (minutes, words + more),
        "morning" => (minutes % 720, words + more),
        "afternoon" | "evening" => (minutes % 720 + 720, words + more),
        _ => ((minutes % 720) | HALF_UNSAID, words),
    }
}
