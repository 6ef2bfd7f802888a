//! Names of subjects and attributes, read so that `poStatus`, `PO status` and
//! `po_status_v2 (updated)` are one: lower case, words apart, plural endings
//! and marks of a version gone.
//!
//! English word lists where words decide; in other languages names still agree
//! word by word.

/// Words of a name that are looked at.
const MAX_TOKENS: usize = 16;

/// What one name is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameRelation {
    /// One of them is empty, or says nothing: `note`, `fact_3`.
    Open,
    /// One thing.
    Same,
    /// One says more than the other: `deadline`, `project_deadline`.
    Wider,
    /// Two of a kind: `api_deadline` and `web_deadline`, `address_1` and `_2`.
    Siblings,
    /// Nothing to tell from the names.
    Apart,
}

/// Marks of a version before or behind a name.
const VERSION_WORDS: [&str; 13] = [
    "new",
    "newest",
    "updated",
    "current",
    "currently",
    "latest",
    "revised",
    "corrected",
    "actual",
    "amended",
    "modified",
    "present",
    "replacement",
];
/// Marks of a version only behind a name: a `final exam` is another thing.
const VERSION_ENDINGS: [&str; 7] =
    ["update", "correction", "revision", "final", "changed", "now", "override"];
/// Introduce the number of a version.
const VERSION_HEADS: [&str; 5] = ["v", "ver", "version", "rev", "revision"];
/// With one of them a name speaks of something else than without.
const OTHERS: [&str; 18] = [
    "previous",
    "old",
    "original",
    "former",
    "initial",
    "past",
    "next",
    "future",
    "backup",
    "secondary",
    "alternate",
    "alternative",
    "second",
    "other",
    "emergency",
    "spare",
    "min",
    "max",
];
/// Say that something was noted, and not what.
const EMPTY_WORDS: [&str; 26] = [
    "fact",
    "note",
    "info",
    "information",
    "memory",
    "statement",
    "stated",
    "remark",
    "comment",
    "message",
    "entry",
    "data",
    "detail",
    "misc",
    "general",
    "thing",
    "alert",
    "event",
    "observation",
    "instruction",
    "rule",
    "system",
    "context",
    "text",
    "update",
    "global",
];
/// Hold many values beside each other, in the singular.
const LISTS: [&str; 50] = [
    "allergy",
    "allergen",
    "item",
    "child",
    "kid",
    "son",
    "daughter",
    "stop",
    "ingredient",
    "hobby",
    "interest",
    "language",
    "skill",
    "pet",
    "friend",
    "sibling",
    "brother",
    "sister",
    "member",
    "guest",
    "attendee",
    "participant",
    "invitee",
    "task",
    "todo",
    "reminder",
    "requirement",
    "feature",
    "symptom",
    "medication",
    "medicine",
    "tag",
    "topping",
    "book",
    "movie",
    "song",
    "certification",
    "award",
    "degree",
    "tool",
    "dependency",
    "risk",
    "like",
    "dislike",
    "grocery",
    "list",
    "restriction",
    "constraint",
    "condition",
    "contact",
];
/// Say how something came to be so, and not what.
const SETTLED: [&str; 16] = [
    "approved",
    "selected",
    "chosen",
    "preferred",
    "planned",
    "agreed",
    "confirmed",
    "scheduled",
    "expected",
    "target",
    "final",
    "choice",
    "selection",
    "decision",
    "status",
    "official",
];
/// Stand for the user, as an empty subject does.
const USER: [&str; 4] = ["user", "me", "i", "self"];

/// A name, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    tokens: Vec<String>,
    /// It had a mark of a version.
    pub(super) versioned: bool,
}

impl Name {
    /// Reads a name.
    pub(super) fn of(text: &str) -> Self {
        let mut tokens = split(text);
        let mut versioned = false;
        // "(updated) po_status v2" loses one mark after the other.
        while tokens.len() > 1 {
            let (first, last) = (tokens.first(), tokens.last());
            let is_mark = |word: Option<&String>, marks: &[&str]| {
                word.is_some_and(|word| marks.contains(&word.as_str()))
            };
            if let Some(words) = version_at_end(&tokens) {
                tokens.truncate(tokens.len() - words);
            } else if is_mark(last, &VERSION_WORDS) || is_mark(last, &VERSION_ENDINGS) {
                tokens.pop();
            } else if is_mark(first, &VERSION_WORDS) {
                tokens.remove(0);
            } else {
                break;
            }
            versioned = true;
        }
        tokens.iter_mut().for_each(|token| *token = singular(token));
        Self { tokens, versioned }
    }

    /// Subject and attribute as one name; the user is nobody in particular.
    pub(super) fn joined(subject: &Self, attribute: &Self) -> Self {
        let whose = subject.tokens.iter().filter(|token| !USER.contains(&token.as_str()));
        let mut tokens: Vec<String> = whose.cloned().collect();
        tokens.extend(attribute.tokens.iter().filter(|t| !subject.tokens.contains(t)).cloned());
        Self { tokens, versioned: subject.versioned || attribute.versioned }
    }

    /// Its words.
    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether it is absent.
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Whether it stands for the user, as an absent one does.
    pub(super) fn is_user(&self) -> bool {
        self.tokens.iter().all(|token| USER.contains(&token.as_str()))
    }

    /// Whether it only says that something was noted.
    pub(super) fn says_nothing(&self) -> bool {
        self.tokens.iter().all(|token| is_index(token) || EMPTY_WORDS.contains(&token.as_str()))
    }

    /// Whether it names something that holds many values.
    pub(super) fn is_list(&self) -> bool {
        self.head().is_some_and(|head| LISTS.contains(&head))
    }

    /// What it is: the last word that is no number.
    fn head(&self) -> Option<&str> {
        self.tokens.iter().rev().find(|token| !is_index(token)).map(String::as_str)
    }

    /// What it is, without the words for how it came to be so: `design` of
    /// `design_choice`, `vendor` of `selected_vendor`.
    pub(super) fn core(&self) -> Option<&str> {
        let settled = |token: &&String| is_index(token) || SETTLED.contains(&token.as_str());
        let core = self.tokens.iter().rev().find(|token| !settled(token));
        core.map(String::as_str)
    }

    fn lacks<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a String> {
        other.tokens.iter().filter(|token| !self.tokens.contains(token))
    }

    /// What it is to another name.
    pub(super) fn relation(&self, other: &Self) -> NameRelation {
        let (missing, extra) = (other.lacks(self).count(), self.lacks(other).count());
        let marked = self.versioned || other.versioned;
        if self.is_empty() || other.is_empty() {
            return NameRelation::Open;
        }
        if self.says_nothing() || other.says_nothing() {
            let same = missing + extra == 0 && marked;
            return if same { NameRelation::Same } else { NameRelation::Open };
        }
        if missing + extra == 0 {
            return NameRelation::Same;
        }
        if self.head() != other.head() {
            return NameRelation::Apart;
        }
        let tells_apart = |token: &String| is_index(token) || OTHERS.contains(&token.as_str());
        if other.lacks(self).chain(self.lacks(other)).any(tells_apart) || missing * extra > 0 {
            return NameRelation::Siblings;
        }
        NameRelation::Wider
    }
}

/// Words of the version at the end: `v2`, `rev 3`, `version 2`.
fn version_at_end(tokens: &[String]) -> Option<usize> {
    let (last, before) = tokens.split_last()?;
    let head = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = head.len() < last.len();
    if numbered && VERSION_HEADS.contains(&head) {
        return Some(1);
    }
    let announced = before.last().is_some_and(|word| VERSION_HEADS.contains(&word.as_str()));
    (head.is_empty() && announced && before.len() > 1).then_some(2)
}

/// Numbers things of one kind.
fn is_index(token: &str) -> bool {
    token.len() == 1 || token.bytes().all(|b| b.is_ascii_digit())
}

/// Lower-cased words; `camelCase` is two.
fn split(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut open = false;
    let mut before = ' ';
    for c in text.chars() {
        if !c.is_alphanumeric() {
            open = false;
        } else {
            let hump = before.is_lowercase() && c.is_uppercase();
            if !open || hump {
                if tokens.len() == MAX_TOKENS {
                    break;
                }
                tokens.push(String::new());
            }
            open = true;
            if let Some(token) = tokens.last_mut() {
                token.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    tokens
}

/// Plural endings go: "allergies", "children", "stops".
fn singular(token: &str) -> String {
    if token == "children" {
        return "child".to_owned();
    }
    if let Some(base) = token.strip_suffix("ies").filter(|base| base.len() > 2) {
        return format!("{base}y");
    }
    match token.strip_suffix('s') {
        Some(base) if base.len() > 2 && !base.ends_with(['s', 'u', 'i', 'a']) => base.to_owned(),
        _ => token.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expected: NameRelation) {
        assert_eq!(Name::of(a).relation(&Name::of(b)), expected, "{a} / {b}");
        assert_eq!(Name::of(b).relation(&Name::of(a)), expected, "{b} / {a}");
    }

    #[test]
    fn spelling_and_version_do_not_count() {
        for other in [
            "po_status",
            "PO status",
            "poStatus",
            "po-status-v2",
            "po_status_v13",
            "po_status (updated)",
            "current_po_status",
            "latest po status",
            "po_status_new",
            "po status, version 2",
            "po_status_rev3_final",
        ] {
            check("po_status", other, NameRelation::Same);
        }
        check("allergies", "allergy", NameRelation::Same);
        check("new", "new", NameRelation::Same);
    }

    #[test]
    fn names_that_say_more_or_something_else() {
        check("deadline", "project_deadline", NameRelation::Wider);
        check("api_deadline", "web_deadline", NameRelation::Siblings);
        check("address", "address_2", NameRelation::Siblings);
        check("address_1", "address_2", NameRelation::Siblings);
        check("address", "previous_address", NameRelation::Siblings);
        check("phone", "emergency_phone", NameRelation::Siblings);
        check("exam", "final_exam", NameRelation::Wider);
        check("budget", "hotel", NameRelation::Apart);
        check("software", "version", NameRelation::Apart);
    }

    #[test]
    fn names_that_say_nothing_leave_it_to_the_words() {
        check("", "hotel", NameRelation::Open);
        check("note", "note", NameRelation::Open);
        check("fact_1", "fact_2", NameRelation::Open);
        check("stated_fact_0", "hotel", NameRelation::Open);
        check("note", "note_v2", NameRelation::Same);
    }

    #[test]
    fn lists_are_known_by_their_head() {
        for (name, expected) in
            [("food_allergies", true), ("stops", true), ("status", false), ("children", true)]
        {
            assert_eq!(Name::of(name).is_list(), expected, "{name}");
        }
    }
}
