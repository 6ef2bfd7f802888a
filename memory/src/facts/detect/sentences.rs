//! The sentences of a turn: the unit that is looked at and pinned.
//!
//! A sentence ends at a full stop, exclamation or question mark before white
//! space, or at the end of a line. Code between fences is no sentence. Spans
//! are bytes of the text, trimmed, at character borders.

use crate::staleness::text::Span;

/// Bytes of a turn that are looked at.
pub(super) const LOOKED_AT: usize = 8 << 10;
/// Sentences of a turn that are looked at.
const MAX_SENTENCES: usize = 96;
/// What code stands between.
const FENCE: &str = "```";
/// A full stop behind these ends nothing.
const ABBREVIATIONS: [&str; 13] =
    ["e.g", "i.e", "etc", "vs", "dr", "mr", "mrs", "ms", "no", "st", "approx", "ca", "nr"];

/// The sentences of a text, in order.
pub(super) fn sentences(text: &str) -> Vec<Span> {
    let text = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or("");
    let text = without_code(text);
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if found.len() == MAX_SENTENCES {
            return found;
        }
        if c == '\n' {
            push(&text, start, at, &mut found);
            start = at + 1;
            continue;
        }
        if !is_end(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((at, next)) = chars.next_if(|(_, next)| closes(*next)) {
            end = at + next.len_utf8();
        }
        let before_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let wide = matches!(c, '。' | '？' | '！');
        let head = text.get(start..at).unwrap_or("");
        if (before_space || wide) && !(c == '.' && is_abbreviation(head)) {
            push(&text, start, end, &mut found);
            start = end;
        }
    }
    push(&text, start, text.len(), &mut found);
    found
}

fn is_end(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '。' | '？' | '！')
}

fn closes(c: char) -> bool {
    is_end(c) || matches!(c, '"' | '\'' | ')' | '”' | '’')
}

/// Whether the last word is one that a full stop shortens.
fn is_abbreviation(head: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let word = head.rsplit(|c: char| !in_word(c)).next().unwrap_or("");
    let word = word.to_lowercase();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    ABBREVIATIONS.contains(&word.as_str()) || initial && word != "i"
}

/// The text with code between fences blanked, byte for byte.
fn without_code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(FENCE) {
        let (before, code) = rest.split_at(at);
        let inside = code.get(FENCE.len()..).unwrap_or("");
        let end = inside.find(FENCE).map_or(code.len(), |end| end + 2 * FENCE.len());
        out.push_str(before);
        out.extend(std::iter::repeat_n(' ', end));
        rest = code.get(end..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

fn push(text: &str, start: usize, end: usize, found: &mut Vec<Span>) {
    let raw = text.get(start..end).unwrap_or("");
    let kept = raw.trim();
    if !kept.contains(char::is_alphanumeric) {
        return;
    }
    let from = start + (raw.len() - raw.trim_start().len());
    let (Ok(start), Ok(end)) = (u32::try_from(from), u32::try_from(from + kept.len())) else {
        return;
    };
    found.push(Span { start, end });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_they_end() {
        for (text, expected) in [
            (
                "I like e.g. tea. Do you? Yes!\nOk",
                &["I like e.g. tea.", "Do you?", "Yes!", "Ok"][..],
            ),
            ("v2.3.1 works. Mr. X said hi...", &["v2.3.1 works.", "Mr. X said hi..."]),
            (
                "Look: ```let a = 1. b\nc``` and go. Über alles!",
                &["Look: ```let a = 1. b\nc``` and go.", "Über alles!"],
            ),
            ("so am I. And \"he said so.\" Then", &["so am I.", "And \"he said so.\"", "Then"]),
            (" … \n\n- one\n- two", &["- one", "- two"]),
        ] {
            let found: Vec<_> = sentences(text).into_iter().map(|span| span.of(text)).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
