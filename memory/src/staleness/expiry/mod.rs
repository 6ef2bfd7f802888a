//! When what a turn says ceases to hold: dates, weekdays, durations and
//! "until", resolved against the turn's own timestamp. The conversation's clock
//! passes the instant, and the turn is expired; nothing is decided here.
//!
//! Flow: text → [`lex`] (tokens with byte spans) → [`when`] (a day, a period, a
//! time of day) and [`amount`] (a length of time) → [`clause`] (does the
//! sentence bind its validity to it?) → [`Expiry`].
//!
//! Policy, where English leaves it open. The error to fear is to retire what
//! still holds, so of two readings the later instant is taken, or none:
//! - civil days are UTC; a day, week, month ends with its last moment, and
//!   "until Friday" includes Friday; "before Friday" ends as Friday begins;
//! - a time of day counts for "until", "by" and "before" alone; an appointment
//!   passes with its day, as the speaker's time zone is not known;
//! - `3/4` is read only where one number cannot be a month, or both are equal;
//!   `3.4.2025` is day first;
//! - a date without year is the next one within eleven months, otherwise past;
//! - "on Friday", said on a Friday, is a week later, "this Friday" is today;
//!   "next Friday" is the one of next week, weeks begin on Monday;
//! - in a sentence told in the past tense, weekdays, dates without year and
//!   "for three years" are past; recurring statements, birthdays and history
//!   never expire.
//!
//! Invariants: pure; linear in the text up to [`MAX_TOKENS`] tokens; at most
//! [`MAX_EXPIRIES`] results; every instant lies after `said_at`.

mod amount;
mod clause;
mod dated;
mod day;
mod lex;
mod when;
mod wording;

#[cfg(test)]
mod tests;

use std::ops::Range;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use clause::Clause;
use lex::{Token, word};

/// Most results for one turn; the earliest in the text are kept.
pub const MAX_EXPIRIES: usize = 32;

/// Tokens of a turn that are read.
pub const MAX_TOKENS: usize = 50_000;

/// In which way an instant bounds a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ExpiryKind {
    /// A day or period that the statement is about passes ("on Friday").
    Date,
    /// A length of time runs out ("for two weeks", "30-day trial").
    Duration,
    /// The statement names its end ("until Friday", "expires on 3 March").
    Until,
    /// Something must have happened by then ("by Friday", "within 48 hours").
    Deadline,
}

/// A turn's statement holds no longer than this.
#[derive(Clone, Debug, PartialEq)]
pub struct Expiry {
    /// The first instant at which it no longer holds; after `said_at`.
    pub at: Timestamp,
    /// Bytes of the text that say so.
    pub span: Range<usize>,
    /// These words.
    pub words: String,
    /// In which way.
    pub kind: ExpiryKind,
    /// How likely the words bound the statement rather than mention a time in
    /// passing, in [0, 1]. Set by rule, not calibrated.
    pub confidence: f32,
    /// The same for people.
    pub reason: String,
}

/// A bound found in the text, before it is weighed.
struct Bound {
    tokens: Range<usize>,
    ends: DateTime,
    kind: ExpiryKind,
    /// Direction of time: may the same words mean the past?
    open: bool,
    /// Says by itself that something ends ("expires on", "for the next").
    explicit: bool,
    /// A length of time without a beginning ("for two weeks").
    lasting: bool,
}

/// The instants at which statements of `text`, said at `said_at`, expire, in
/// the order of their places.
pub fn expiries(text: &str, said_at: Timestamp) -> Vec<Expiry> {
    // Lower case of ASCII alone keeps byte offsets.
    let lower = text.to_ascii_lowercase();
    let tokens = lex::tokens(&lower);
    let now = said_at.to_zoned(TimeZone::UTC).datetime();
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() && found.len() < MAX_EXPIRIES {
        let Some((bound, next)) = bound_at(&tokens, at, now) else {
            at += 1;
            continue;
        };
        found.extend(bound.and_then(|bound| weigh(text, &tokens, &bound, said_at)));
        at = next.max(at + 1);
    }
    found
}

/// Of [`expiries`] the last `at_most` instants, in the order of their places: what is told
/// of several holds until the last.
pub fn last_expiries(text: &str, said_at: Timestamp, at_most: usize) -> Vec<Expiry> {
    let mut found = expiries(text, said_at);
    found.sort_by(|a, b| b.at.cmp(&a.at).then(a.span.start.cmp(&b.span.start)));
    found.truncate(at_most);
    found.sort_by_key(|found| found.span.start);
    found
}

/// What stands at token `at`: nothing, or words of time that may (`Some`) or
/// cannot (`None`) bound anything, and the token behind them.
fn bound_at(tokens: &[Token<'_>], at: usize, now: DateTime) -> Option<(Option<Bound>, usize)> {
    if let Some((found, next)) = amount::duration_at(tokens, at, now) {
        return Some((found, next));
    }
    if let Some(next) = when::recurring_at(tokens, at, now) {
        return Some((None, next));
    }
    let found = when::when_at(tokens, at, now)?;
    let lead = clause::lead(tokens, at);
    if found.needs_lead && lead.kind == ExpiryKind::Date && !lead.on {
        return Some((None, found.next));
    }
    let ends = match (lead.kind, found.time, lead.exclusive) {
        (ExpiryKind::Until | ExpiryKind::Deadline, Some(time), _) => time,
        (_, _, true) => found.starts,
        _ if found.bare_time => return Some((None, found.next)),
        _ => found.ends,
    };
    // "The fun run may take place": a month only where a preposition or a day says so.
    let is_verb = matches!(word(tokens, at), "may" | "march") && found.next == at + 1;
    if is_verb && lead.explicit && !lead.on {
        return Some((None, found.next));
    }
    let bound = Bound {
        tokens: lead.from..found.next,
        ends,
        kind: lead.kind,
        open: found.open,
        explicit: lead.explicit,
        lasting: false,
    };
    let ends_something = !found.past && !lead.past && (found.range || !lead.begins);
    Some((ends_something.then_some(bound), found.next))
}

/// Weighs a bound by the sentence around it.
fn weigh(text: &str, tokens: &[Token<'_>], bound: &Bound, said_at: Timestamp) -> Option<Expiry> {
    let at = bound.ends.to_zoned(TimeZone::UTC).ok()?.timestamp();
    if at <= said_at {
        return None;
    }
    let confidence = Clause::around(tokens, &bound.tokens).confidence(bound)?;
    let first = tokens.get(bound.tokens.start)?;
    let last = tokens.get(bound.tokens.end.checked_sub(1)?)?;
    let span = first.start..last.end;
    let words = text.get(span.clone())?.to_owned();
    let verb = match bound.kind {
        ExpiryKind::Date => "is about a time that passed on",
        ExpiryKind::Duration => "was to last until",
        ExpiryKind::Until => "held until",
        ExpiryKind::Deadline => "had a deadline on",
    };
    // The last day or minute on which it held.
    let moment = bound.ends.checked_sub(jiff::Span::new().minutes(1)).ok()?;
    let shown = match bound.ends.time() == jiff::civil::Time::midnight() {
        true => moment.date().to_string(),
        false => bound.ends.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    };
    let reason = format!("{verb} {shown} (“{words}”)");
    Some(Expiry { at, span, words, kind: bound.kind, confidence, reason })
}
