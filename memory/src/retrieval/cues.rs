//! What ranking knows of a turn and of a question besides their match: cues in
//! the words, found by fixed patterns. Plain functions; computed once for a
//! turn and kept with the derived records.
//!
//! The patterns are English function words and calendar words; in other
//! languages they find nothing and ranking goes by the match alone. They are
//! general cues, not wordings of any data set.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::patterns::{
    DATED, FIRST_PERSON, INSTRUCTS, OF_ASSISTANT, PREFERS, SUMMARY, WANTS_ADVICE, WHEN,
};
use crate::turn::{Part, Role, Sequence, Turn};

/// Version of the cues: traits of another version are derived again.
pub const CUES_VERSION: u32 = 1;

/// Bytes of a text that are looked at for cues.
const LOOKED_AT: usize = 4_000;

/// What ranking knows of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnTraits {
    /// Place on the branch.
    pub sequence: Sequence,
    /// Who said it.
    pub role: Role,
    /// When it was said.
    pub said_at: Timestamp,
    /// It calls a tool.
    pub calls_tool: bool,
    /// Its content was erased.
    pub forgotten: bool,
    /// ln(1 + words).
    pub log_words: f32,
    /// Words of the first person, 0 (none) to 1 (three or more).
    pub first_person: f32,
    /// It names a date or a time relative to its own.
    pub dated: bool,
    /// It ends as a question.
    pub asks: bool,
    /// It gives a standing instruction ("always …", "whenever I ask …").
    pub instructs: bool,
    /// It states what somebody likes.
    pub prefers: bool,
}

impl TurnTraits {
    /// Words of its text.
    pub fn words(&self) -> usize {
        // A count below 2^53, stored as its logarithm.
        (f64::from(self.log_words).exp() - 1.0).round().max(0.0) as usize
    }

    /// Looks at a turn.
    pub fn of(turn: &Turn) -> Self {
        let text = turn.searchable_text();
        let head = &*straightened(clip(&text));
        let words = text.split_whitespace().count();
        let first_person = FIRST_PERSON.count(head, 3);
        Self {
            sequence: turn.sequence,
            role: turn.role,
            said_at: turn.said_at,
            calls_tool: turn.parts.iter().any(|part| matches!(part, Part::ToolCall { .. })),
            forgotten: turn.forgotten,
            log_words: (1.0 + words as f32).ln(),
            first_person: first_person as f32 / 3.0,
            dated: DATED.is_match(head),
            asks: head.trim_end().ends_with(['?', '？']),
            instructs: INSTRUCTS.is_match(head),
            prefers: PREFERS.is_match(head),
        }
    }

    /// Stands in for a turn that is not there.
    pub fn absent(sequence: Sequence) -> Self {
        Self {
            sequence,
            role: Role::User,
            said_at: Timestamp::UNIX_EPOCH,
            calls_tool: false,
            forgotten: true,
            log_words: 0.0,
            first_person: 0.0,
            dated: false,
            asks: false,
            instructs: false,
            prefers: false,
        }
    }
}

/// What a question asks for, by its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryCues {
    /// What the assistant said ("you recommended", "our last chat").
    pub of_assistant: bool,
    /// A summary of what was said.
    pub summary: bool,
    /// When, how long, in which order.
    pub when: bool,
    /// Advice, or something to be made.
    pub wants_advice: bool,
}

impl QueryCues {
    /// Looks at a question.
    pub fn of(query: &str) -> Self {
        let head = straightened(clip(query));
        Self {
            of_assistant: OF_ASSISTANT.is_match(&head),
            summary: SUMMARY.is_match(&head),
            when: WHEN.is_match(&head),
            wants_advice: WANTS_ADVICE.is_match(&head),
        }
    }
}

/// With plain apostrophes, as the patterns have them.
fn straightened(text: &str) -> Cow<'_, str> {
    if text.contains('\u{2019}') { text.replace('\u{2019}', "'").into() } else { text.into() }
}

/// The head of a text, cut at a character.
fn clip(text: &str) -> &str {
    if text.len() <= LOOKED_AT {
        return text;
    }
    let end = (0..=LOOKED_AT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
