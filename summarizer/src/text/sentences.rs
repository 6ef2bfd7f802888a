//! Sentences of a text: the segmentation of Unicode (UAX 29), with lines as
//! borders and titles and initials ("Mr. Lee", "J. Smith") held together.

use unicode_segmentation::UnicodeSegmentation as _;

/// Bytes of a sentence at most; what is longer (code, a table) is cut.
const MAX_BYTES: usize = 2_000;

/// Before which full stop no sentence ends, lower-cased.
const ABBREVIATIONS: [&str; 18] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "no", "approx", "fig", "sgt", "gen",
    "sen", "rep", "jr", "hon",
];

/// The sentences of a text, trimmed, in order, none empty.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut start = 0;
        for (at, part) in line.split_sentence_bound_indices() {
            let end = at + part.len();
            let so_far = line.get(start..end).unwrap_or("").trim_end();
            if end < line.len() && !ends(so_far) {
                continue;
            }
            push(line.get(start..end).unwrap_or(""), &mut found);
            start = end;
        }
        push(line.get(start..).unwrap_or(""), &mut found);
    }
    found
}

/// Whether a sentence may end here.
fn ends(so_far: &str) -> bool {
    let Some(rest) = so_far.strip_suffix('.') else { return true };
    let last = rest.rsplit([' ', '(', '"']).next().unwrap_or("");
    let initial = last.chars().count() == 1 && last.chars().all(char::is_uppercase);
    !initial && !ABBREVIATIONS.contains(&last.to_lowercase().as_str())
}

/// Adds a sentence, cut into pieces where it is too long.
fn push<'a>(sentence: &'a str, found: &mut Vec<&'a str>) {
    let mut rest = sentence.trim();
    while rest.len() > MAX_BYTES {
        let limit = rest.floor_char_boundary(MAX_BYTES);
        let head = rest.get(..limit).unwrap_or("");
        let cut = head.rfind(' ').filter(|at| *at > 0).unwrap_or(limit);
        let (piece, more) = rest.split_at(cut);
        found.push(piece.trim_end());
        rest = more.trim_start();
    }
    if rest.chars().any(char::is_alphanumeric) {
        found.push(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_marks_and_lines() {
        for (text, expected) in [
            (
                "Mr. Lee pays $3.50. He left! Why?\nBye",
                vec!["Mr. Lee pays $3.50.", "He left!", "Why?", "Bye"],
            ),
            ("J. Smith, e.g. of Leeds, came.", vec!["J. Smith, e.g. of Leeds, came."]),
            ("  \n ... \n", vec![]),
            ("Ça va. Über alles.", vec!["Ça va.", "Über alles."]),
        ] {
            assert_eq!(sentences(text), expected, "{text:?}");
        }
    }

    #[test]
    fn endless_sentences_are_cut_without_loss() {
        let text = "wörter ".repeat(900);
        let found = sentences(&text);
        assert!(found.iter().all(|part| part.len() <= MAX_BYTES));
        assert_eq!(found.join(" "), text.trim());
        let solid = "x".repeat(5_000);
        assert_eq!(sentences(&solid).concat(), solid);
    }
}
