//! Whether a question is about how things changed or how they were: then what
//! was replaced is part of the answer. General English, no wording of any data
//! set; in other languages it finds nothing.

use std::sync::LazyLock;

use regex::Regex;

/// Words of change, of earlier states, and of the course of things.
const CUES: &str = r"(?ix)
    \b(?: used\ to | previous(?:ly)? | formerly | original(?:ly)? | initial(?:ly)?
    | at\ first | in\ the\ beginning | at\ the\ start | back\ then | no\ longer | anymore
    | any\ more | history | evol(?:ve|ves|ved|ving|ution) | over\ time
    | chang(?:e|es|ed|ing) | switch(?:ed)? | instead\ of
    | how\ (?:has|have|did)\b .* \b(?:progress|develop|shift|improve|grow) \w*
    | (?:was|were|did|had)\b .* \b(?:before|earlier|until)
    | before\ (?:that|then|it|the\ change|i\ (?:changed|moved|switched))
    | from\ .{1,40}\ to\ .{1,40}\ and\ why | first\ (?:choice|plan|idea|version|draft)
    | old\ (?:one|plan|address|number|name|value|version) ) \b";

static CHANGE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(CUES).ok());

/// Bytes of a question that are looked at.
const LOOKED_AT: usize = 2_000;

/// Whether a question asks about change or history.
pub fn asks_about_change(query: &str) -> bool {
    let end = query.floor_char_boundary(LOOKED_AT);
    let head = query.get(..end).unwrap_or(query);
    CHANGE.as_ref().is_some_and(|cues| cues.is_match(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_change_are_told_from_those_about_now() {
        for (query, expected) in [
            ("Which hotel did we book before the Marriott?", true),
            ("Where did I use to live, and where did I used to work?", true),
            ("How has my budget changed over time?", true),
            ("What was the deadline originally?", true),
            ("What did she previously say about the date?", true),
            ("Which hotel are we staying at?", false),
            ("When is the meeting?", false),
            ("How many people are coming on Friday?", false),
            ("Remind me to call before noon.", false),
        ] {
            assert_eq!(asks_about_change(query), expected, "{query}");
        }
        assert!(CHANGE.is_some());
    }
}
