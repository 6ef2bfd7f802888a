//! Phrases: patterns of general English, looked for in what a user says in words
//! of their own.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use regex::Regex;

/// Bytes at each end of a long message that are the user's own words, as a rule;
/// between them lies what was pasted.
const OWN_BYTES: usize = 400;

/// Compiles a pattern of ours. All are covered by a test; one that does not
/// compile matches nothing.
macro_rules! phrase {
    ($(#[$doc:meta])* $name:ident, $pattern:expr) => {
        $(#[$doc])*
        pub(super) static $name: std::sync::LazyLock<$crate::degradation::detect::phrases::Phrase> =
            std::sync::LazyLock::new(|| {
                $crate::degradation::detect::phrases::Phrase::new($pattern)
            });
    };
}
pub(super) use phrase;

/// A compiled pattern, read without regard to case, blanks in it ignored.
pub(super) struct Phrase(Option<Regex>);

impl Phrase {
    pub(super) fn new(pattern: &str) -> Self {
        Self(Regex::new(&format!("(?ix){pattern}")).ok())
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }

    /// Where it stands.
    pub(super) fn places<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        self.0.iter().flat_map(move |pattern| pattern.find_iter(text).map(|found| found.range()))
    }

    /// What its groups hold, match by match.
    pub(super) fn groups<'t>(
        &'t self,
        text: &'t str,
    ) -> impl Iterator<Item = regex::Captures<'t>> + 't {
        self.0.iter().flat_map(move |pattern| pattern.captures_iter(text))
    }
}

static QUOTED: LazyLock<Phrase> = LazyLock::new(|| {
    // Code, quoted lines, and what stands between double quotation marks.
    Phrase::new(r#"(?s:```.*?(?:```|\z)) | `[^`\n]*` | (?m:^\s*>[^\n]*$) | "[^"\n]{1,400}" "#)
});

/// What a user says in words of their own: without code and quotations, and of a
/// long message only its ends. Typographic apostrophes and quotation marks are
/// made plain.
pub(super) fn own_words(text: &str) -> String {
    let plain = text.replace(['’', '‘', '´'], "'").replace(['“', '”', '„'], "\"");
    let mut kept = String::with_capacity(plain.len());
    let mut from = 0;
    for quoted in QUOTED.places(&plain) {
        kept.push_str(plain.get(from..quoted.start).unwrap_or_default());
        kept.push(' ');
        from = quoted.end;
    }
    kept.push_str(plain.get(from..).unwrap_or_default());
    ends(&kept).into_owned()
}

fn ends(text: &str) -> Cow<'_, str> {
    if text.len() <= 2 * OWN_BYTES {
        return Cow::Borrowed(text);
    }
    let border = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (head, tail) = (border(OWN_BYTES), border(text.len() - OWN_BYTES));
    Cow::Owned(format!(
        "{}\n{}",
        text.get(..head).unwrap_or_default(),
        text.get(tail..).unwrap_or_default()
    ))
}

/// The text around a match: so many bytes before and behind, cut at characters.
pub(super) fn around(text: &str, found: &Range<usize>, before: usize, behind: usize) -> String {
    let start = found.start.saturating_sub(before);
    let end = (found.end + behind).min(text.len());
    let start = (start..=found.start).find(|at| text.is_char_boundary(*at)).unwrap_or(found.start);
    let end = (found.end..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(found.end);
    text.get(start..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_words_are_without_code_quotations_and_pastes() {
        let text = "Fix it:\n```\nI told you already\n```\n> I told you\nHe wrote “I told you” ok";
        let own = own_words(text);
        assert!(!own.contains("told"), "{own}");
        assert!(own.starts_with("Fix it:") && own.ends_with(" ok"), "{own}");
        let long = format!("Summarize this. {} Thanks.", "paste é ".repeat(500));
        let own = own_words(&long);
        assert!(own.len() < 900 && own.starts_with("Summarize") && own.ends_with("Thanks."));
        assert_eq!(own_words("don’t"), "don't");
    }
}
