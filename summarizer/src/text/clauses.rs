//! Clauses of a sentence: what says one thing by itself.

use std::sync::LazyLock;

use regex::Regex;

/// Words of a clause at least; what is shorter joins its neighbour.
const MIN_WORDS: usize = 4;

static BORDER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"[,;:–—]| and | but | while | because | which | so | as well as | although | whereas ",
    )
    .ok()
});

/// The clauses of a sentence, in order; one for a short sentence.
pub(crate) fn clauses(sentence: &str) -> Vec<String> {
    let Some(border) = BORDER.as_ref() else { return vec![sentence.trim().to_owned()] };
    let mut found: Vec<String> = Vec::new();
    let mut open = String::new();
    for part in border.split(sentence) {
        if !open.is_empty() {
            open.push(' ');
        }
        open.push_str(part.trim());
        if open.split_whitespace().count() >= MIN_WORDS {
            found.push(std::mem::take(&mut open));
        }
    }
    match found.last_mut() {
        Some(last) if !open.is_empty() => {
            last.push(' ');
            last.push_str(&open);
        }
        None => found.push(open),
        Some(_) => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_parts_join_their_neighbours() {
        for (sentence, expected) in [
            (
                "Anna rents a car in Rome, but the hotel is full on Friday",
                vec!["Anna rents a car in Rome", "the hotel is full on Friday"],
            ),
            ("Anna, Ben, Carl and Dora left.", vec!["Anna Ben Carl Dora left."]),
            ("Yes", vec!["Yes"]),
        ] {
            assert_eq!(clauses(sentence), expected, "{sentence}");
        }
    }
}
