//! Numbers: money, counted and measured quantities, bare numbers, telephone
//! numbers and codes.

use super::{Kind, Read, Reading};
use crate::staleness::text::words::{fold, hash};

/// Reads a number at a word.
pub(super) fn read(at: Reading<'_>) -> Option<Read> {
    id(at).or_else(|| amount(at))
}

/// A number word or a small number in figures.
pub(crate) fn small(word: &str) -> Option<u64> {
    const NAMED: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    if word.len() <= 4 && !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
        return word.parse().ok();
    }
    NAMED.iter().position(|name| *name == word).map(|at| at as u64)
}

/// "$1,200", "50k dollars", "two tickets", "15 %", "4".
fn amount(at: Reading<'_>) -> Option<Read> {
    let (number, mut words) = number(at)?;
    let sign = at.gap(0).ends_with(['$', '€', '£', '¥', '₹']);
    let next = at.word(words);
    let coin = matches!(
        next,
        "dollar"
            | "dollars"
            | "bucks"
            | "usd"
            | "euro"
            | "euros"
            | "eur"
            | "pounds"
            | "gbp"
            | "rupees"
            | "cents"
    );
    if sign || coin {
        words += usize::from(coin);
        return Some(Read { kind: Kind::Money, words, normal: number, unit: 0 });
    }
    if at.gap(words).trim_start().starts_with('%') || matches!(next, "percent") {
        words += usize::from(next == "percent");
        return Some(Read { kind: Kind::Quantity, words, normal: number, unit: hash("%") });
    }
    // "one" is more often a pronoun than a count.
    let pronoun = at.word(0) == "one";
    let unit = at.lexed.words.get(at.index + words).filter(|word| {
        word.content && !word.digit && !next.is_empty() && at.gap(words).trim().len() <= 1
    });
    match unit {
        Some(unit) => Some(Read {
            kind: Kind::Quantity,
            words: words + 1,
            normal: number,
            unit: counted(next, unit.stem),
        }),
        None if pronoun => None,
        None => Some(Read { kind: Kind::Number, words, normal: number, unit: 0 }),
    }
}

/// People are counted under many names.
fn counted(word: &str, stem: u32) -> u32 {
    match word {
        "people" | "persons" | "person" | "guests" | "passengers" | "travelers" | "travellers"
        | "adults" | "attendees" | "of" => hash("person"),
        _ => stem,
    }
}

/// The number's bits and how many words it takes.
fn number(at: Reading<'_>) -> Option<(u64, usize)> {
    let word = at.word(0);
    let figures = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (base, suffix) = if figures.is_empty() {
        (small(word).or(tens(word))? as f64, "")
    } else {
        (figures.replace(',', "").parse::<f64>().ok()?, word.get(figures.len()..).unwrap_or(""))
    };
    let scale = match suffix {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        _ => return None,
    };
    let (more, words) = match at.word(1) {
        "hundred" => (1e2, 2),
        "thousand" => (1e3, 2),
        "million" => (1e6, 2),
        _ => (1.0, 1),
    };
    Some(((base * scale * more).to_bits(), words))
}

fn tens(word: &str) -> Option<u64> {
    const NAMED: [&str; 7] = ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    NAMED.iter().position(|name| *name == word).map(|at| at as u64 * 10 + 30)
}

/// Telephone numbers ("415-555-0136"), and codes of letters and digits.
fn id(at: Reading<'_>) -> Option<Read> {
    let word = at.word(0);
    if !word.bytes().any(|b| b.is_ascii_digit()) || word.contains(['.', ',', ':']) {
        return None;
    }
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = word.len() - letters;
    let ordinal = letters == 2 && digits <= 2;
    if letters >= 2 && word.len() >= 5 && !ordinal {
        return Some(Read { kind: Kind::Id, words: 1, normal: u64::from(hash(word)), unit: 0 });
    }
    if letters > 0 {
        return None;
    }
    let (mut normal, mut total, mut words) = (hash(word), digits, 1);
    while matches!(at.gap(words), "-" | " " | ") " | "." | ")")
        && !at.word(words).is_empty()
        && at.word(words).bytes().all(|b| b.is_ascii_digit())
    {
        normal = fold(normal, at.word(words).as_bytes());
        total += at.word(words).len();
        words += 1;
    }
    (total >= 7).then_some(Read { kind: Kind::Id, words, normal: u64::from(normal), unit: 0 })
}
