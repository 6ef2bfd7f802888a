//! The sentence around words of time: what leads into them, and whether it
//! binds its validity to them or mentions them in passing. Rules over general
//! English; the numbers are judgements, not fitted.

use std::ops::Range;

use super::{
    Bound, ExpiryKind,
    lex::{Kind, Token, word},
    wording::{
        BINDING, CELEBRATED, DIRECTIONS, FUTURE, HISTORY, NOT_PAST, PAST, PRESENT, RECURRING,
        SO_FAR,
    },
};

/// Tokens on both sides that are read at most.
const REACH: usize = 24;

/// What leads into words of time.
pub(super) struct Lead {
    /// First token of preposition and time.
    pub(super) from: usize,
    pub(super) kind: ExpiryKind,
    /// Ends as the period begins ("before Friday").
    pub(super) exclusive: bool,
    /// A verb of ending stands before ("expires on").
    pub(super) explicit: bool,
    /// Some preposition of time stands before.
    pub(super) on: bool,
    /// The words point back ("since Friday").
    pub(super) past: bool,
    /// Names a beginning, which ends nothing unless a range follows.
    pub(super) begins: bool,
}

/// Reads backwards from the time at token `at`.
pub(super) fn lead(tokens: &[Token<'_>], at: usize) -> Lead {
    let mut lead = Lead {
        from: at,
        kind: ExpiryKind::Date,
        exclusive: false,
        explicit: false,
        on: false,
        past: false,
        begins: false,
    };
    let mut place = at;
    for _ in 0..4 {
        let Some(before) = place.checked_sub(1) else { break };
        match word(tokens, before) {
            "the" | "about" | "around" | "late" | "early" | "mid" | "latest" | "at" | "than"
            | "of" => {}
            "on" | "in" | "this" => lead.on = true,
            "until" | "till" | "til" | "through" | "thru" | "to"
                if lead.kind == ExpiryKind::Date =>
            {
                // "move it to Friday" is no range: the day itself.
                if word(tokens, before) != "to" {
                    lead.kind = ExpiryKind::Until;
                }
                lead.on = true;
            }
            "later" if word(tokens, before + 1) != "than" => break,
            "by" | "due" | "deadline" | "later" => {
                lead.kind = ExpiryKind::Deadline;
                lead.on = true;
            }
            "before" => {
                lead.kind = ExpiryKind::Deadline;
                lead.exclusive = true;
                lead.on = true;
            }
            "expires" | "expire" | "expiring" | "ends" | "ending" | "closes" | "runs" | "lasts"
            | "valid" | "good" => {
                lead.kind = ExpiryKind::Until;
                lead.explicit = true;
                lead.from = before;
                break;
            }
            "since" | "after" | "ago" => {
                lead.past = true;
                break;
            }
            "from" | "starting" | "beginning" | "begins" | "starts" | "effective" => {
                lead.begins = true;
                lead.on = true;
            }
            _ => break,
        }
        place = before;
        lead.from = before;
    }
    // Words without meaning for the bound do not open it.
    while lead.from < at && matches!(word(tokens, lead.from), "of" | "than" | "the") {
        lead.from += 1;
    }
    lead
}

/// Words behind which another statement begins.
const TURNS: &[&str] = &["but", "so", "because", "although", "though", "while"];

/// Tokens of the sentence around a bound, without the bound.
pub(super) struct Clause<'a, 'b> {
    tokens: &'b [Token<'a>],
    before: Range<usize>,
    after: Range<usize>,
}

impl<'a, 'b> Clause<'a, 'b> {
    pub(super) fn around(tokens: &'b [Token<'a>], bound: &Range<usize>) -> Self {
        let stops = |token: &Token<'_>| {
            token.kind == Kind::Mark
                && matches!(token.word, "." | "!" | "?" | ";" | "\n" | "。" | "…")
        };
        let first = bound.start.saturating_sub(REACH);
        let head = tokens.get(first..bound.start).unwrap_or_default();
        let begin = head.iter().rposition(stops).map_or(first, |at| first + at + 1);
        let last = (bound.end + REACH).min(tokens.len());
        let rest = tokens.get(bound.end..last).unwrap_or_default();
        let end = rest.iter().position(stops).map_or(last, |at| bound.end + at);
        Self { tokens, before: begin..bound.start, after: bound.end..end }
    }

    /// The part of the sentence in which the bound stands, up to commas and the like.
    fn own(&self) -> Self {
        let parts = |token: &Token<'_>| {
            matches!(token.word, "," | ":" | "(" | ")" | "–" | "—") || TURNS.contains(&token.word)
        };
        let of = |range: &Range<usize>| self.tokens.get(range.clone()).unwrap_or_default();
        let begin = of(&self.before).iter().rposition(parts).map_or(0, |at| at + 1);
        let after = of(&self.after);
        let end = after.iter().position(parts).unwrap_or(after.len());
        Self {
            tokens: self.tokens,
            before: self.before.start + begin..self.before.end,
            after: self.after.start..self.after.start + end,
        }
    }

    fn any(&self, list: &[&str]) -> bool {
        self.words().any(|word| list.contains(&word))
    }

    fn words(&self) -> impl Iterator<Item = &'a str> {
        [&self.before, &self.after].into_iter().flat_map(|range| {
            self.tokens.get(range.clone()).unwrap_or_default().iter().map(|token| token.word)
        })
    }

    /// The sentence is told in the past; or the part with the bound is, whatever is said
    /// or asked beside it ("I lost a week in July, so how can I ..?").
    fn told_in_the_past(&self) -> bool {
        let own = self.own();
        self.is_past() || own.is_past() && !own.any(NOT_PAST)
    }

    fn is_past(&self) -> bool {
        let regular = |word: &str| word.len() > 4 && word.ends_with("ed");
        let past = self
            .words()
            .any(|word| !NOT_PAST.contains(&word) && (PAST.contains(&word) || regular(word)));
        past && !self.any(FUTURE) && !self.any(PRESENT)
    }

    /// Tells of what was, or of a day that comes each year; a celebration is neither.
    fn is_history(&self) -> bool {
        let own = self.own();
        own.any(HISTORY) && !own.any(CELEBRATED)
    }

    /// "... served for two years": a verb of the past close before.
    fn lasted(&self) -> bool {
        let near = self.before.end.saturating_sub(4).max(self.before.start)..self.before.end;
        let past = |word: &str| PAST.contains(&word) || word.len() > 4 && word.ends_with("ed");
        self.tokens
            .get(near)
            .unwrap_or_default()
            .iter()
            .any(|token| past(token.word) && !NOT_PAST.contains(&token.word))
    }

    /// "have been ... for two weeks": how long it has been.
    fn so_far(&self) -> bool {
        self.any(SO_FAR)
            || self.any(&["have", "has", "had"])
                && self.words().any(|word| word.len() > 4 && word.ends_with("ed"))
    }

    fn asks(&self) -> bool {
        word(self.tokens, self.after.end) == "?"
    }

    /// How likely the bound bounds the statement; `None` where it does not.
    pub(super) fn confidence(&self, bound: &Bound) -> Option<f32> {
        if self.is_history() {
            return None;
        }
        let names_end = matches!(bound.kind, ExpiryKind::Until | ExpiryKind::Deadline);
        if self.own().any(RECURRING) && !names_end {
            return None;
        }
        if (bound.open || bound.lasting && !bound.explicit) && self.told_in_the_past() {
            return None;
        }
        if bound.lasting
            && (self.so_far() || self.lasted() || self.any(DIRECTIONS))
            && !bound.explicit
        {
            return None;
        }
        let binding = self.any(BINDING);
        let to_come = self.any(FUTURE);
        let base: f32 = match (bound.kind, bound.explicit) {
            (ExpiryKind::Until, true) => 0.9,
            // "for the next two weeks", of a plan or a habit as often as not.
            (_, true) => 0.65,
            (ExpiryKind::Until, false) => 0.85,
            (ExpiryKind::Deadline, false) => 0.75,
            (ExpiryKind::Date, false) if binding => 0.7,
            (ExpiryKind::Date, false) if to_come => 0.6,
            (ExpiryKind::Date, false) => 0.35,
            (ExpiryKind::Duration, false) if binding || to_come || self.any(PRESENT) => 0.65,
            (ExpiryKind::Duration, false) => 0.35,
        };
        let sure = base + if binding && base < 0.9 { 0.05 } else { 0.0 };
        Some(if self.asks() { sure * 0.7 } else { sure })
    }
}
