//! Whether a line that says a pin by itself adds anything to the pin's own words.
//!
//! By generic cues: the words lean on something before them ("that one", "there", a
//! sentence that says too little), and the line has words of content that they have not.
//! In a language that is not known here the second decides alone. Tokens are spent on a
//! line only where a reader would miss it.

use std::{collections::HashSet, sync::LazyLock};

use super::ellipsis::leans;
use crate::staleness::text::{Lexed, Word, words::hash};

/// Words that lines are told with, whatever they say.
const TELLING: &str = "user assistant person someone wants want wanted asks ask asked says say said \
    told tells prefers prefer likes like would agrees agree agreed decided";

static TOLD_WITH: LazyLock<HashSet<u32>> =
    LazyLock::new(|| TELLING.split_whitespace().map(hash).collect());

/// Whether a line says something that a pin's words leave to what was said before.
pub fn adds(line: &str, words: &str) -> bool {
    if !leans(words) {
        return false;
    }
    let of_content = |text: &str| -> Vec<Word> {
        Lexed::of(text).words.into_iter().filter(|word| word.content).collect()
    };
    let said: HashSet<u32> = of_content(words).iter().map(|word| word.stem).collect();
    let is_new = |word: &Word| !said.contains(&word.stem) && !TOLD_WITH.contains(&word.hash);
    of_content(line).iter().any(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_adds_what_words_leave_open() {
        for (words, line, expected) in [
            ("I prefer that one.", "The user prefers the window seat.", true),
            ("Please always do it there.", "The user wants to meet in the old library.", true),
            ("Never again!", "The user never wants to fly with Ryanair.", true),
            // They say all of it themselves.
            ("I prefer tea over coffee.", "The user prefers tea over coffee.", false),
            ("I prefer tea over coffee.", "The user prefers green tea over coffee.", false),
            // They lean on something, and the line does not say on what.
            ("I prefer that one.", "The user prefers that one.", false),
            ("", "", false),
        ] {
            assert_eq!(adds(line, words), expected, "{words} / {line}");
        }
    }
}
